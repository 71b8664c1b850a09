/**
 * From one type to another: which casts there are at which level of intent, and what they do. A cast is a function, the value's text read
 * again, each element of an array, or nothing at all; a modifier of the target (`varchar(3)`) is applied after it.
 */

import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { SqlArray } from "../types/array.js";
import { codecOf } from "../types/codecs.js";
import type { Datum, Value } from "../types/datum.js";
import { namedOid, noModifier, type Oid, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { textOf } from "../types/text.js";
import { typeLabel } from "../types/type-name.js";
import { elementTypeOf, typeFactsOf } from "../types/type-table.js";
import { isComposite } from "../types/user-types.js";
import type { EvaluationContext } from "./context.js";
import { implementationOf } from "./implementations.js";
import { type CastFacts, castFactsOf, isPolymorphic, procedureOf } from "./procedures.js";
import type { CastLevel, ResolvedCast } from "./registry.js";

type Convert = (value: Value, context: EvaluationContext) => Datum;

const rank = { implicit: 0, assignment: 1, explicit: 2 } as const satisfies Record<CastLevel, number>;
const isString = (oid: Oid): boolean => typeFactsOf(oid)?.category === "S";

type Pathway =
  | { readonly kind: "none" }
  | { readonly kind: "function"; readonly cast: CastFacts }
  | { readonly kind: "text" }
  | { readonly kind: "array"; readonly element: Pathway; readonly from: Oid; readonly to: Oid };

/** How a value of one type becomes one of the other, null when it does not. */
export function pathway(source: Oid, target: Oid, level: CastLevel): Pathway | null {
  if (source === target) return { kind: "none" };
  const cast = castFactsOf(source, target);
  if (cast !== null) {
    if (rank[level] < rank[cast.level]) return null;
    if (cast.method === "function") return { kind: "function", cast };
    return { kind: cast.method === "text" ? "text" : "none" };
  }
  if (target === typeOid.record && isComposite(source)) return { kind: "none" };
  const vectorOf =
    source === typeOid.oidvector ? typeOid.oidArray : source === typeOid.int2vector ? typeOid.int2Array : 0;
  if (vectorOf !== 0 && vectorOf === target) return { kind: "none" };
  const from = elementTypeOf(source);
  const to = elementTypeOf(target);
  if (from !== 0 && to !== 0 && target !== typeOid.oidvector && target !== typeOid.int2vector) {
    const element = pathway(from, to, level);
    if (element !== null) return { kind: "array", element, from, to };
  }
  if (rank[level] >= rank.assignment && isString(target)) return { kind: "text" };
  if (rank[level] >= rank.explicit && isString(source)) return { kind: "text" };
  return null;
}

/** Whether an argument of the source type may stand where the target type is declared. Polymorphic targets take anything here. */
export function canCoerce(source: Oid, target: Oid, level: CastLevel): boolean {
  if (source === target || target === typeOid.any || source === typeOid.unknown) return true;
  if (isPolymorphic(target)) return true;
  // Whether its columns fit is told of the row itself.
  if (source === typeOid.record && isComposite(target)) return true;
  if (source === typeOid.record && isString(target)) return rank[level] >= rank.assignment;
  return pathway(source, target, level) !== null;
}

/** The cast from source to target, null when there is none at this level. The source is no `unknown`: a literal is read by `castLiteral`. */
export function findCast(source: SqlType, target: SqlType, level: CastLevel): ResolvedCast | null {
  if (target.oid === typeOid.any || isPolymorphic(target.oid))
    return { kind: "none", target: source, volatility: "immutable", convert: (value) => value };
  if (source.oid === typeOid.unknown) {
    const read = castLiteral(target, level);
    return { kind: "text", target, volatility: "stable", convert: (value, context) => read(textOf(value), context) };
  }
  const way = pathway(source.oid, target.oid, level);
  if (way === null) return null;
  const needsModifier =
    target.modifier !== noModifier &&
    (way.kind !== "none" || target.modifier !== source.modifier || source.oid !== target.oid);
  // A cast that takes the modifier itself (text to "char", numeric to interval …) is told it; the others are followed by the length's own cast.
  const takesModifier = way.kind === "function" && (procedureOf(way.cast.procedure)?.argumentTypes.length ?? 0) > 1;
  const convert = converterOf(way, source.oid, target, level);
  const limit = needsModifier && !takesModifier ? modifierConverter(target, level) : null;
  return {
    kind: way.kind === "none" && limit !== null ? "function" : way.kind,
    target,
    volatility: volatilityOf(way, source.oid, target.oid),
    convert:
      limit === null
        ? convert
        : (value, context) => {
            const converted = convert(value, context);
            return converted === null ? null : limit(converted, context);
          },
  };
}

/** Throws 42846 when there is no cast. */
export function requireCast(source: SqlType, target: SqlType, level: CastLevel, position?: number): ResolvedCast {
  const cast = findCast(source, target, level);
  if (cast !== null) return cast;
  throw new SqlError("42846", `cannot cast type ${typeLabel(source.oid)} to ${typeLabel(target.oid)}`, { position });
}

/** Reads a literal of unknown type as a value of the target, its modifier applied as the level says (an explicit cast cuts off what is too long). */
export function castLiteral(target: SqlType, level: CastLevel): (text: string, context: EvaluationContext) => Datum {
  const codec = codecOf(target.oid);
  const own = target.oid === typeOid.interval ? target.modifier : noModifier;
  const limit = target.modifier === noModifier ? null : modifierConverter(target, level);
  if (limit === null) return (text, context) => codec.input(text, own, context);
  return (text, context) => limit(codec.input(text, own, context), context);
}

/** Applies the target's modifier to a value that already has its type; null when the type has nothing to apply. */
export function modifierConverter(target: SqlType, level: CastLevel): Convert | null {
  const element = elementTypeOf(target.oid);
  if (element !== 0) {
    const limit = modifierConverter(sqlType(element, target.modifier), level);
    if (limit === null) return null;
    return (value, context) => mapArray(value, element, (item) => limit(item, context));
  }
  const cast = castFactsOf(target.oid, target.oid);
  if (cast === null || cast.method !== "function") return null;
  return procedureConverter(cast, target.modifier, level);
}

function converterOf(way: Pathway, source: Oid, target: SqlType, level: CastLevel): Convert {
  switch (way.kind) {
    case "none":
      return relabel(source, target.oid);
    case "function": {
      const convert = procedureConverter(way.cast, target.modifier, level);
      // What the function makes is an integer still: smallint to oid goes through integer.
      const result = procedureOf(way.cast.procedure)?.resultType ?? target.oid;
      if (result === target.oid) return convert;
      const label = relabel(result, target.oid);
      return (value, context) => {
        const converted = convert(value, context);
        return converted === null ? null : label(converted, context);
      };
    }
    case "text": {
      const from = codecOf(source);
      const to = codecOf(target.oid);
      return (value, context) => to.input(from.output(value, context), noModifier, context);
    }
    case "array": {
      const convert = converterOf(way.element, way.from, sqlType(way.to), level);
      return (value, context) => mapArray(value, way.to, (item) => convert(item, context));
    }
  }
}

/** Values whose types differ and whose bytes do not: only signs need a change, as `oid` is unsigned. */
function relabel(source: Oid, target: Oid): Convert {
  const isUnsigned = (oid: Oid): boolean => typeFactsOf(oid)?.length === 4 && oid !== typeOid.int4;
  if (source === typeOid.int4 && isUnsigned(target))
    return (value) => (typeof value === "number" ? value >>> 0 : value);
  if (target === typeOid.int4 && isUnsigned(source)) return (value) => (typeof value === "number" ? value | 0 : value);
  return (value) => value;
}

function procedureConverter(cast: CastFacts, modifier: number, level: CastLevel): Convert {
  const procedure = procedureOf(cast.procedure);
  assert(procedure !== null, "the function of a cast is known");
  const code = implementationOf(procedure.signature);
  if (code === null || code.kind !== "scalar")
    throw new SqlError("0A000", `a cast from ${typeLabel(cast.source)} to ${typeLabel(cast.target)} is not supported`);
  const types = { args: procedure.argumentTypes, result: procedure.resultType };
  const isExplicit = level === "explicit";
  switch (procedure.argumentTypes.length) {
    case 1:
      return (value, context) => code.call(value, context, types);
    case 2:
      return (value, context) => code.call(value, modifier, context, types);
    default:
      return (value, context) => code.call(value, modifier, isExplicit, context, types);
  }
}

/** Types whose values are the same text, and whose texts are the same value, whatever the session's settings are. */
const plainTexts: ReadonlySet<Oid> = new Set([
  typeOid.bool,
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.float4,
  typeOid.float8,
  typeOid.numeric,
  typeOid.text,
  typeOid.varchar,
  typeOid.bpchar,
  typeOid.name,
  typeOid.uuid,
  typeOid.bit,
  typeOid.varbit,
  typeOid.macaddr,
  typeOid.macaddr8,
  typeOid.inet,
  typeOid.cidr,
  typeOid.bytea,
  typeOid.jsonb,
]);

function volatilityOf(way: Pathway, source: Oid, target: Oid): ResolvedCast["volatility"] {
  switch (way.kind) {
    case "none":
      return "immutable";
    case "function":
      return procedureOf(way.cast.procedure)?.volatility ?? "stable";
    case "array":
      return volatilityOf(way.element, elementTypeOf(source) ?? source, elementTypeOf(target) ?? target);
    case "text": {
      // A time is shown alike everywhere, and read with what the session says of dates.
      const isShownAlike =
        plainTexts.has(source) || source === typeOid.time || source === typeOid.timetz || source === typeOid.json;
      return isShownAlike && plainTexts.has(target) ? "immutable" : "stable";
    }
  }
}

function mapArray(value: Value, element: Oid, convert: (item: Value) => Datum): SqlArray {
  assert(value instanceof SqlArray, "a value of an array type is an array");
  return value.withItems(
    element,
    value.items.map((item) => (item === null ? null : convert(item))),
  );
}

/**
 * The type that all of these become: of CASE, COALESCE, UNION, VALUES, ARRAY[…], IN. `what` names it in the error. Throws 42804 when
 * they have none in common. All unknown is text.
 */
export function commonType(types: readonly SqlType[], what: string, position?: number): SqlType {
  const known = types.filter((type) => type.oid !== typeOid.unknown);
  const [first] = known;
  if (first === undefined) return sqlType(typeOid.text);
  if (
    known.length === types.length &&
    known.every((one) => namedOid(one) === namedOid(first) && one.modifier === first.modifier)
  )
    return first;
  let chosen = first.oid;
  for (const { oid } of known) {
    if (oid === chosen) continue;
    const have = typeFactsOf(chosen);
    const other = typeFactsOf(oid);
    if (have === null || other === null || have.category !== other.category)
      throw new SqlError("42804", `${what} types ${typeLabel(chosen)} and ${typeLabel(oid)} cannot be matched`, {
        position,
      });
    // A preferred type stays; else the wider of two types that convert only one way.
    if (!have.isPreferred && canCoerce(chosen, oid, "implicit") && !canCoerce(oid, chosen, "implicit")) chosen = oid;
  }
  for (const { oid } of known)
    if (!canCoerce(oid, chosen, "implicit"))
      throw new SqlError("42846", `${what} could not convert type ${typeLabel(oid)} to ${typeLabel(chosen)}`, {
        position,
      });
  const modifier =
    known.length === types.length && known.every((type) => type.oid === chosen && type.modifier === first.modifier)
      ? first.modifier
      : noModifier;
  return sqlType(chosen, modifier);
}
