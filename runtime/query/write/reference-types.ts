/**
 * Foreign keys between types whose equal values have different keys: integers that refer to numerics or real numbers, numerics that refer to
 * real numbers, and real numbers of two widths. As in PostgreSQL the referring value is converted, and then compared.
 *
 * Backwards, from a value that is referred to, there may be one referring value, none, or several: integers beyond 2^53 that are one double
 * precision number. Those are looked for among all rows.
 */
import { assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import { type Storage, storageOf } from "../table/value-bytes.js";
import type { Datum, Value } from "../types/datum.js";
import { Decimal, decimalFromInteger, decimalOf, powerOfTen } from "../types/decimal.js";
import { toNumber } from "../types/decimal-arithmetic.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import { isArray } from "../types/type-table.js";
import type { ForeignKey } from "./referenced-rows.js";

/** No value of the other type is equal; several may be. */
const none = Symbol("none");
const several = Symbol("several");
type Converted = Value | typeof none | typeof several;

interface Conversion {
  readonly forth: (value: Value) => Converted;
  readonly back: (value: Value) => Converted;
}

type Kind = Storage["kind"];

const isInteger = (kind: Kind): boolean => kind === "int16" || kind === "int32" || kind === "int64";
const isReal = (kind: Kind): boolean => kind === "float32" || kind === "float64";
const ranges: Readonly<Partial<Record<Kind, bigint>>> = { int16: 2n ** 15n, int32: 2n ** 31n, int64: 2n ** 63n };

/** An integer of the width as a value: a number while that is exact. */
function integerOf(value: bigint, kind: Kind): Converted {
  const range = ranges[kind] ?? 0n;
  if (value < -range || value >= range) return none;
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function wholeOf({ coefficient, scale, special }: Decimal, kind: Kind): Converted {
  const divisor = powerOfTen(scale);
  return special !== null || coefficient % divisor !== 0n ? none : integerOf(coefficient / divisor, kind);
}

const numberOf = (value: Value): number => (value instanceof Decimal ? toNumber(value) : Number(value));
const rounded = (value: number): number => Math.fround(value);
/** Up to here every integer is a number of its own. */
const exactMax: Readonly<Partial<Record<Kind, number>>> = { float32: 2 ** 24, float64: 2 ** 53 };

function conversionOf(from: Kind, to: Kind): Conversion | null {
  if (from === to || (isInteger(from) && isInteger(to))) return null;
  if (isInteger(from) && to === "numeric")
    return {
      forth: (value) => decimalFromInteger(value as number | bigint),
      back: (value) => wholeOf(decimalOf(value), from),
    };
  if (isReal(from) && isReal(to))
    return to === "float64"
      ? { forth: (value) => value, back: (value) => same(value) }
      : { forth: (value) => same(value), back: (value) => value };
  if (!isReal(to) || (!isInteger(from) && from !== "numeric")) return null;
  return {
    forth: (value) => (to === "float32" ? rounded(numberOf(value)) : numberOf(value)),
    back: (value) => {
      const real = numberOf(value);
      if (from === "numeric" || Math.abs(real) >= (exactMax[to] ?? 0)) return several;
      return Number.isInteger(real) ? integerOf(BigInt(real), from) : none;
    },
  };
}

/** A real number of 64 bits as one of 32, if it is one. */
const same = (value: Value): Converted => {
  const real = numberOf(value);
  return Number.isNaN(real) || rounded(real) === real ? real : none;
};

const kindOf = (oid: Oid): Kind | null => storageOf(oid)?.kind ?? null;

/** Types with the bytes of another that mean something else: spaces at the end, and a time that depends on the session's zone. */
const distinct: ReadonlySet<Oid> = new Set([typeOid.bpchar, typeOid.timestamptz]);

/** Whether values of the first type may refer to those of the second. `converted`: by another key than their own. */
export function referenceOf(from: Oid, to: Oid): "same" | "converted" | null {
  const [own, other] = [kindOf(from), kindOf(to)];
  if (from !== to && (distinct.has(from) || distinct.has(to) || isArray(from) || isArray(to))) return null;
  if (own === other || (own !== null && other !== null && isInteger(own) && isInteger(other))) return "same";
  return own === null || other === null || conversionOf(own, other) === null ? null : "converted";
}

export interface KeyConversion {
  /** The values that are referred to by a row with these; null for none. */
  forth(values: readonly Datum[]): readonly Datum[] | null;
  /** The values of rows that refer to these. */
  back(values: readonly Datum[]): readonly Datum[] | "none" | "several";
}

/** Null where keys of both sides have the same bytes. */
export function keyConversion(
  child: TableDefinition,
  parent: TableDefinition,
  { columns, referencedColumns }: Pick<ForeignKey, "columns" | "referencedColumns">,
): KeyConversion | null {
  const conversions = columns.map((number, place) => {
    const own = child.columns[number - 1];
    const referenced = parent.columns[(referencedColumns[place] ?? 0) - 1];
    assert(own !== undefined && referenced !== undefined, "a foreign key is of columns of both tables");
    const [from, to] = [kindOf(own.type.oid), kindOf(referenced.type.oid)];
    return from === null || to === null ? null : conversionOf(from, to);
  });
  if (conversions.every((each) => each === null)) return null;
  const through = (values: readonly Datum[], way: keyof Conversion): readonly (Converted | null)[] =>
    values.map((value, place) => (value === null ? null : (conversions[place]?.[way](value) ?? value)));
  const plain = (values: readonly (Converted | null)[]): readonly Datum[] =>
    values.filter((value) => typeof value !== "symbol");
  return {
    forth: (values) => {
      const found = through(values, "forth");
      return found.includes(none) ? null : plain(found);
    },
    back: (values) => {
      const found = through(values, "back");
      if (found.includes(none)) return "none";
      return found.includes(several) ? "several" : plain(found);
    },
  };
}
