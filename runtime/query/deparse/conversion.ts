/** Conversions of analysed expressions: literals become constants of the type that is wanted, all else is converted as the binder would. */
import { SqlError } from "../error.js";
import { findCast } from "../functions/coercion.js";
import type { EvaluationContext } from "../functions/context.js";
import type { CastLevel } from "../functions/registry.js";
import { codecOf } from "../types/codecs.js";
import { beneath, noModifier, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { elementTypeOf } from "../types/type-table.js";
import { isComposite, isUserType } from "../types/user-types.js";
import type { Analysed } from "./analysed.js";

export const isUnknown = ({ type }: Analysed): boolean => type.oid === typeOid.unknown;

export const constant = (text: string | null, type: SqlType): Analysed => ({ kind: "constant", text, type });

/** A literal that names a time by the day on which it is read is shown as it was written. */
const relativeTime = /now|today|tomorrow|yesterday/iu;
const timeTypes: ReadonlySet<number> = new Set([
  typeOid.date,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.time,
  typeOid.timetz,
]);

export class Conversions {
  readonly #context: EvaluationContext;

  constructor(context: EvaluationContext) {
    this.#context = context;
  }

  /** The expression as a value of the type. Throws 42846 where there is no such conversion. */
  convert(given: Analysed, target: SqlType, level: CastLevel): Analysed {
    if (target.oid === typeOid.any || target.oid === typeOid.unknown || target.oid === 0) return given;
    if (given.kind === "constant" && isUnknown(given)) return this.#read(given.text, target, level);
    const isOfElements = given.type.domain !== undefined && isUserType(given.type.domain);
    // An operator takes an array of a domain as it is.
    if (isOfElements && target.domain === undefined && given.type.oid === target.oid) {
      if (level !== "explicit") return given;
      return { kind: "conversion", subject: given, isExplicit: true, by: "nothing", type: target };
    }
    if (given.type.domain !== undefined && given.type.domain !== target.domain) {
      const base = sqlType(given.type.oid);
      const bare: Analysed = { kind: "conversion", subject: given, isExplicit: false, by: "nothing", type: base };
      if (target.domain === undefined && base.oid === target.oid) return { ...bare, isExplicit: level === "explicit" };
      return this.convert(bare, target, level);
    }
    if (target.domain !== undefined && given.type.domain !== target.domain)
      return held(this.convert(given, beneath(target), "implicit"), target, level);
    const isSame = given.type.oid === target.oid;
    if (isSame && given.type.modifier === target.modifier) return given;
    const isExplicit = level === "explicit";
    if (isSame && target.modifier === noModifier) {
      if (isExplicit) return { kind: "conversion", subject: given, isExplicit, by: "nothing", type: target };
      // What is assigned loses its own length, which nobody sees of anything but a constant.
      return level === "assignment" && given.kind === "constant" ? { ...given, type: target } : given;
    }
    if (target.oid === typeOid.record && isComposite(given.type.oid) && level !== "explicit") return given;
    if (given.kind === "row" && isComposite(target.oid)) return this.#composite(given, target, level);
    const cast = findCast(given.type, target, level);
    if (cast === null)
      throw new SqlError("42846", `cannot cast type ${typeLabel(given.type.oid)} to ${typeLabel(target.oid)}`);
    if (!isSame && target.modifier !== noModifier) {
      // The length is another conversion, of what the type's own has made.
      const subject = this.convert(given, sqlType(target.oid), level);
      const hidden = subject.kind === "conversion" ? { ...subject, isExplicit: false } : subject;
      return { kind: "conversion", subject: hidden, isExplicit, by: "function", type: target };
    }
    const by = cast.kind === "function" ? "function" : "nothing";
    return { kind: "conversion", subject: given, isExplicit, by, type: target };
  }

  /** Field by field. */
  #composite(row: Extract<Analysed, { kind: "row" }>, type: SqlType, level: CastLevel): Analysed {
    const fields = this.#context.names.fieldsOf(type.oid) ?? [];
    const items = row.items.map((item, at) => this.convert(item, fields[at]?.type ?? item.type, level));
    return { kind: "row", items, type, ...(level === "explicit" ? { isCast: true } : {}) };
  }

  #read(text: string | null, target: SqlType, level: CastLevel): Analysed {
    // Each element is one of the domain when it is read.
    if (target.domain !== undefined && isUserType(target.domain))
      return constant(text === null ? null : this.#canonical(text, target), target);
    const hasLength = target.modifier !== noModifier && target.oid !== typeOid.interval;
    const own = hasLength ? sqlType(target.oid) : beneath(target);
    let read = constant(text === null ? null : this.#canonical(text, own), own);
    if (hasLength && elementTypeOf(target.oid) === 0)
      read = {
        kind: "conversion",
        subject: read,
        isExplicit: level === "explicit",
        by: "function",
        type: beneath(target),
      };
    return target.domain === undefined ? read : held(read, target, level);
  }

  /** The literal as the type writes the value that it is. */
  #canonical(text: string, { oid, modifier }: SqlType): string {
    if (timeTypes.has(oid) && relativeTime.test(text)) return text;
    const codec = codecOf(oid);
    return codec.output(codec.input(text, modifier, this.#context), this.#context);
  }
}

const held = (subject: Analysed, type: SqlType, level: CastLevel): Analysed => ({
  kind: "conversion",
  subject,
  isExplicit: level === "explicit",
  by: "domain",
  type,
});
