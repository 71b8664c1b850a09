/** Conversions that the binder puts in: literals read as what they are needed as, parameters typed by what they are used for, casts. */
import { SqlError } from "../error.js";
import { castLiteral, commonType, findCast } from "../functions/coercion.js";
import type { CastLevel, ResolvedCast } from "../functions/registry.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Datum } from "../types/datum.js";
import { noModifier, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { isComposite } from "../types/user-types.js";
import { type Binder, positionOf } from "./binder.js";

const isSame = (a: SqlType, b: SqlType): boolean =>
  a.oid === b.oid && (a.modifier === b.modifier || b.modifier === noModifier);

export const isUnknown = (expression: BoundExpression): boolean => expression.type.oid === typeOid.unknown;

/** Types whose literals mean something else at another time or in another zone. */
const timeTypes: ReadonlySet<number> = new Set([
  typeOid.date,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.time,
  typeOid.timetz,
  typeOid.timetzArray,
  typeOid.dateArray,
  typeOid.timestampArray,
  typeOid.timestamptzArray,
]);

/**
 * The expression as a value of the type, null when there is no such conversion at this level. Errors of literals are thrown, and those of rows
 * that do not fit a composite type.
 *
 * @param location of a cast that is written
 */
export function coerce(
  binder: Binder,
  expression: BoundExpression,
  target: SqlType,
  level: CastLevel,
  location = -1,
): BoundExpression | null {
  if (target.oid === typeOid.any) return isUnknown(expression) ? asText(binder, expression) : expression;
  if (target.oid === typeOid.unknown) return expression;
  if (isSame(expression.type, target)) return expression;
  if (isUnknown(expression)) return coerceUnknown(binder, expression, target, level);
  if (expression.type.oid === typeOid.record && isComposite(target.oid))
    return asComposite(binder, expression, target, level, location);
  const cast = findCast(expression.type, target, level);
  if (cast === null) return null;
  if (expression.kind === "constant" && expression.value === null) return { ...expression, type: target };
  return {
    kind: "cast",
    cast,
    subject: expression,
    isImplicit: level !== "explicit",
    type: target,
    location: expression.location,
  };
}

/** A row that is written out, or one of a table, field by field. Throws 42846 for another, and for one whose columns do not fit. */
function asComposite(
  binder: Binder,
  row: BoundExpression,
  target: SqlType,
  level: CastLevel,
  location: number,
): BoundExpression {
  const refused = (at: number, detail?: string): SqlError => {
    const message = `cannot cast type ${typeLabel(row.type.oid)} to ${typeLabel(target.oid)}`;
    return new SqlError("42846", message, { position: positionOf(location < 0 ? at : location), detail });
  };
  const fields = binder.environment.context.names.fieldsOf(target.oid);
  if (row.kind !== "rowOf" || fields === null) throw refused(row.location);
  const items = fields.map(({ type }, index): BoundExpression => {
    const item = row.items[index];
    if (item === undefined) throw refused(row.location, "Input has too few columns.");
    const coerced = coerce(binder, item, type, level);
    if (coerced !== null) return coerced;
    const label = binder.labelOf(item.type);
    throw refused(item.location, `Cannot cast type ${label} to ${typeLabel(type.oid)} in column ${index + 1}.`);
  });
  if (row.items.length > fields.length) throw refused(row.location, "Input has too many columns.");
  return { ...row, items, names: fields.map(({ name }) => name), type: target };
}

function coerceUnknown(
  binder: Binder,
  expression: BoundExpression,
  target: SqlType,
  level: CastLevel,
): BoundExpression | null {
  const { location } = expression;
  switch (expression.kind) {
    case "constant":
      if (expression.value === null) return { ...expression, type: target };
      if (typeof expression.value !== "string") return null;
      return readLiteral(binder, expression.value, target, level, location);
    case "parameter": {
      const type = binder.typeParameter(expression.index, target, location);
      return withModifier({ ...expression, type }, target, level);
    }
    default:
      return throughText(expression, target, level);
  }
}

function withModifier(expression: BoundExpression, target: SqlType, level: CastLevel): BoundExpression | null {
  if (target.modifier === noModifier) return expression;
  const cast = findCast(expression.type, target, level);
  if (cast === null || cast.kind === "none") return { ...expression, type: target };
  return { kind: "cast", cast, subject: expression, isImplicit: true, type: target, location: expression.location };
}

/** A computed value of unknown type is text that is read when it is there. */
function throughText(expression: BoundExpression, target: SqlType, level: CastLevel): BoundExpression | null {
  const cast = findCast(sqlType(typeOid.unknown), target, level);
  if (cast === null) return null;
  return { kind: "cast", cast, subject: expression, isImplicit: true, type: target, location: expression.location };
}

function readLiteral(
  binder: Binder,
  text: string,
  target: SqlType,
  level: CastLevel,
  location: number,
): BoundExpression | null {
  if (target.oid === typeOid.void) return null;
  // A value too long for its column is found out when the statement is planned, after all that cannot be read.
  const own = sqlType(target.oid);
  const shorten =
    target.modifier === noModifier || target.oid === typeOid.interval ? null : findCast(own, target, level);
  let value: Datum;
  try {
    value = castLiteral(shorten === null ? target : own, level)(text, binder.environment.context);
  } catch (error) {
    throw at(error, location);
  }
  if (isRelative(text, target.oid)) {
    const subject = { kind: "constant", value: text, type: sqlType(typeOid.unknown), location } as const;
    return throughText(subject, target, level);
  }
  const whole = { kind: "constant", value, type: shorten === null ? target : own, location } as const;
  return shorten === null ? whole : shortened(binder, whole, target, shorten);
}

/** Whether a literal may mean something else when the statement is run again. A time without an offset has that of its zone's today. */
function isRelative(text: string, type: number): boolean {
  if (!timeTypes.has(type)) return false;
  if (/now|today|tomorrow|yesterday/i.test(text)) return true;
  return type === typeOid.timetzArray || (type === typeOid.timetz && !/[+-]\d[\d:]*\s*$/.test(text));
}

/** The constant with the type's modifier applied; the conversion itself when it fails. */
function shortened(
  binder: Binder,
  subject: Extract<BoundExpression, { kind: "constant" }>,
  target: SqlType,
  cast: ResolvedCast,
): BoundExpression {
  const { location, value } = subject;
  try {
    const converted = value === null ? null : cast.convert(value, binder.environment.context);
    return { kind: "constant", value: converted, type: target, location };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { kind: "cast", cast, subject, isImplicit: true, type: target, location };
  }
}

/** The error with a position, if it has none. */
export function at(error: unknown, location: number): unknown {
  if (!(error instanceof SqlError) || error.fields.position !== undefined || location < 0) return error;
  return new SqlError(error.sqlState, error.message, { ...error.fields, position: location });
}

/** What is left unknown in the end is text. */
export const asText = (binder: Binder, expression: BoundExpression): BoundExpression =>
  isUnknown(expression) ? required(coerce(binder, expression, sqlType(typeOid.text), "implicit")) : expression;

function required(expression: BoundExpression | null): BoundExpression {
  if (expression === null) throw new SqlError("XX000", "a literal cannot be read as text");
  return expression;
}

/** Coerces to the types that a chosen function or operator takes: always possible, as it was chosen so. */
export function coerceArgument(binder: Binder, expression: BoundExpression, target: SqlType): BoundExpression {
  const coerced = coerce(binder, expression, target, "implicit");
  if (coerced !== null) return coerced;
  throw new SqlError("42846", `cannot cast type ${typeLabel(expression.type.oid)} to ${typeLabel(target.oid)}`, {
    position: positionOf(expression.location),
  });
}

/** `argument of WHERE must be type boolean, not type integer`. */
export function coerceTo(binder: Binder, expression: BoundExpression, oid: number, what: string): BoundExpression {
  const coerced = coerce(binder, expression, sqlType(oid), "assignment");
  const isAllowed =
    coerced !== null && (isUnknown(expression) || coerce(binder, expression, sqlType(oid), "implicit") !== null);
  if (coerced !== null && isAllowed) return coerced;
  throw new SqlError(
    "42804",
    `argument of ${what} must be type ${typeLabel(oid)}, not type ${typeLabel(expression.type.oid)}`,
    { position: positionOf(expression.location) },
  );
}

/** All as values of the type that they have in common. */
export function unify(
  binder: Binder,
  items: readonly BoundExpression[],
  what: string,
  location: number,
): { readonly items: readonly BoundExpression[]; readonly type: SqlType } {
  const type = commonOf(items, what);
  return {
    type,
    items: items.map((item) => {
      const coerced = coerce(binder, item, type, "implicit");
      if (coerced !== null) return coerced;
      throw new SqlError(
        "42846",
        `${what} could not convert type ${typeLabel(item.type.oid)} to ${typeLabel(type.oid)}`,
        { position: positionOf(item.location < 0 ? location : item.location) },
      );
    }),
  };
}

/** The common type; the error points at the first item that does not fit. */
export function commonOf(items: readonly BoundExpression[], what: string): SqlType {
  const types = items.map(({ type }) => type);
  try {
    return commonType(types, what, positionOf(items[0]?.location ?? -1));
  } catch (error) {
    // The shortest beginning that has no common type: halved again and again, as a list may be long.
    let fits = 1;
    let fails = types.length;
    while (fails - fits > 1) {
      const middle = (fits + fails) >> 1;
      if (hasCommonType(types.slice(0, middle), what)) fits = middle;
      else fails = middle;
    }
    commonType(types.slice(0, fails), what, positionOf(items[fails - 1]?.location ?? -1));
    throw error;
  }
}

function hasCommonType(types: readonly SqlType[], what: string): boolean {
  try {
    commonType(types, what);
    return true;
  } catch (error) {
    if (error instanceof SqlError) return false;
    throw error;
  }
}
