/**
 * Order and equality of values, one comparison a type: what ORDER BY, indexes, merge joins and the operators `<`, `=`, … all go by.
 * NULL is not compared here: whoever sorts puts it where it belongs.
 */

import { AssertionFailed } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { arrayOf } from "./array.js";
import { boundsText, type Dimension } from "./array-shape.js";
import { bytesOf, compareBytes, toHex } from "./bytea.js";
import { compareTimesWithZone, timeWithZoneOf, timeWithZoneText } from "./date-time/time-with-zone.js";
import type { Datum, Value } from "./datum.js";
import { compareDecimals, decimalOf, decimalText, normalDecimal } from "./decimal.js";
import { compareInets, inetKey, inetOf } from "./inet.js";
import { compareIntervals, intervalOf, intervalTotal } from "./interval.js";
import { compareNodes, isObjectNode, nodeOf, nodeText } from "./jsonb.js";
import { unsignedPlace } from "./log-place.js";
import { recordOf } from "./record.js";
import { type Oid, typeOid } from "./sql-type.js";
import { compareText, textOf, trimEndSpaces } from "./text.js";
import type { TextContext } from "./text-context.js";
import { typeLabel } from "./type-name.js";
import { elementTypeOf, isRowType } from "./type-table.js";
import { isComposite, isEnum } from "./user-types.js";

export type Compare = (a: Value, b: Value) => number;
/** A key that two values have in common exactly when they are equal: for hash joins, grouping and DISTINCT. */
export type HashKey = (value: Value) => string | number | bigint | boolean;

const byNumber: Compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
/** NaN equals itself and is above all; -0 equals 0. */
const byFloat: Compare = (a, b) =>
  a < b ? -1 : a > b ? 1 : Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : 0;
const byText: Compare = (a, b) => compareText(textOf(a), textOf(b));
/** Spaces at the end of a char(n) say nothing. */
const byPadded: Compare = (a, b) => compareText(trimEndSpaces(textOf(a)), trimEndSpaces(textOf(b)));
const asIs: HashKey = (value) => {
  if (typeof value === "object") throw new AssertionFailed("a value of a type that is its own key is no object");
  return value;
};

interface TypeOrder {
  readonly compare: Compare;
  readonly key: HashKey;
}

const numbers: TypeOrder = { compare: byNumber, key: asIs };
const floats: TypeOrder = {
  compare: byFloat,
  key: (value) => (value === 0 ? 0 : Number.isNaN(value) ? "NaN" : asIs(value)),
};
/** Of 64 bits without a sign. */
const places: TypeOrder = {
  compare: (a, b) => {
    const [left, right] = [unsignedPlace(a), unsignedPlace(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  },
  key: asIs,
};
const texts: TypeOrder = { compare: byText, key: asIs };
const inets: TypeOrder = {
  compare: (a, b) => compareInets(inetOf(a), inetOf(b)),
  key: (value) => inetKey(inetOf(value)),
};

const orders: ReadonlyMap<Oid, TypeOrder> = new Map<Oid, TypeOrder>([
  [typeOid.bool, numbers],
  [typeOid.int2, numbers],
  [typeOid.int4, numbers],
  [typeOid.int8, numbers],
  [typeOid.oid, numbers],
  [typeOid.tid, numbers],
  [typeOid.xid, numbers],
  [typeOid.cid, numbers],
  [typeOid.xid8, numbers],
  [typeOid.pgLsn, places],
  [typeOid.aclitem, texts],
  [typeOid.pgNodeTree, texts],
  [typeOid.regproc, numbers],
  [typeOid.regprocedure, numbers],
  [typeOid.regoper, numbers],
  [typeOid.regoperator, numbers],
  [typeOid.regclass, numbers],
  [typeOid.regtype, numbers],
  [typeOid.regnamespace, numbers],
  [typeOid.regrole, numbers],
  [typeOid.float4, floats],
  [typeOid.float8, floats],
  [typeOid.date, numbers],
  [typeOid.time, numbers],
  [typeOid.timestamp, numbers],
  [typeOid.timestamptz, numbers],
  [typeOid.text, texts],
  [typeOid.varchar, texts],
  [typeOid.name, texts],
  [typeOid.char, texts],
  [typeOid.unknown, texts],
  [typeOid.uuid, texts],
  [typeOid.money, numbers],
  [typeOid.macaddr, texts],
  [typeOid.macaddr8, texts],
  [typeOid.bit, texts],
  [typeOid.varbit, texts],
  [typeOid.inet, inets],
  [typeOid.cidr, inets],
  [typeOid.bpchar, { compare: byPadded, key: (value) => trimEndSpaces(textOf(value)) }],
  [typeOid.bytea, { compare: (a, b) => compareBytes(bytesOf(a), bytesOf(b)), key: (value) => toHex(bytesOf(value)) }],
  [
    typeOid.numeric,
    {
      compare: (a, b) => compareDecimals(decimalOf(a), decimalOf(b)),
      key: (value) => decimalText(normalDecimal(decimalOf(value))),
    },
  ],
  [
    typeOid.timetz,
    {
      compare: (a, b) => compareTimesWithZone(timeWithZoneOf(a), timeWithZoneOf(b)),
      key: (value) => timeWithZoneText(timeWithZoneOf(value)),
    },
  ],
  [
    typeOid.interval,
    {
      compare: (a, b) => compareIntervals(intervalOf(a), intervalOf(b)),
      key: (value) => intervalTotal(intervalOf(value)),
    },
  ],
  [
    typeOid.jsonb,
    { compare: (a, b) => compareNodes(nodeOf(a), nodeOf(b)), key: (value) => nodeText(normalNode(nodeOf(value))) },
  ],
]);

const normalNode = (node: ReturnType<typeof nodeOf>): ReturnType<typeof nodeOf> => {
  if (node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map(normalNode);
  if (isObjectNode(node)) return new Map([...node].map(([key, value]) => [key, normalNode(value)]));
  return normalDecimal(decimalOf(node as Value));
};

function arrayOrder(element: TypeOrder): TypeOrder {
  return {
    compare: (a, b) => {
      const { items: left, shape } = arrayOf(a);
      const { items: right, shape: other } = arrayOf(b);
      const length = Math.min(left.length, right.length);
      for (let index = 0; index < length; index += 1) {
        const order = compareNullable(left[index] ?? null, right[index] ?? null, element.compare);
        if (order !== 0) return order;
      }
      if (left.length !== right.length || (shape === null && other === null))
        return Math.sign(left.length - right.length);
      return compareShapes(arrayOf(a).dimensions, arrayOf(b).dimensions);
    },
    key: (value) => {
      const { items, shape } = arrayOf(value);
      const key = JSON.stringify(items.map((item) => (item === null ? null : keyText(element.key(item)))));
      return shape === null ? key : `${boundsText(shape)}${key}`;
    },
  };
}

/** Of arrays with the same elements: by the number of dimensions, then by their lengths, then by where they begin. */
function compareShapes(a: readonly Dimension[], b: readonly Dimension[]): number {
  if (a.length !== b.length) return a.length - b.length;
  for (const [at, { length }] of a.entries()) {
    const order = length - (b[at]?.length ?? 0);
    if (order !== 0) return order;
  }
  for (const [at, { first }] of a.entries()) {
    const order = first - (b[at]?.first ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

const keyText = (key: string | number | bigint | boolean): string => String(key);

/** Within arrays and rows NULLs are equal, and above all values. */
function compareNullable(a: Datum, b: Datum, compare: Compare): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return compare(a, b);
}

const recordCompare =
  (what: string): Compare =>
  (a, b) => {
    const left = recordOf(a);
    const right = recordOf(b);
    if (left.values.length !== right.values.length)
      throw new SqlError("42804", "cannot compare record types with different numbers of columns");
    for (const [index, value] of left.values.entries()) {
      const type = left.types[index]?.oid ?? 0;
      const other = right.types[index]?.oid ?? 0;
      if (type !== other)
        throw new SqlError(
          "42804",
          `cannot compare dissimilar column types ${typeLabel(type)} and ${typeLabel(other)} at record column ${index + 1}`,
        );
      const order = compareNullable(value, right.values[index] ?? null, fieldOrder(type, what).compare);
      if (order !== 0) return order;
    }
    return 0;
  };

/** Whether rows are the same goes by the same order; what is told of a field that has none is another. */
export const compareForEquality: Compare = recordCompare("an equality operator");

const records: TypeOrder = {
  compare: recordCompare("a comparison function"),
  key: (value) => {
    const { types, values } = recordOf(value);
    return JSON.stringify(
      values.map((item, index) =>
        item === null ? null : keyText(fieldOrder(types[index]?.oid ?? 0, "a comparison function").key(item)),
      ),
    );
  },
};

/** Whether a row's field can be compared is known when a row is there. */
function fieldOrder(oid: Oid, what: string): TypeOrder {
  const order = orderOf(oid);
  if (order === null) throw new SqlError("42883", `could not identify ${what} for type ${typeLabel(oid)}`);
  return order;
}

function orderOf(oid: Oid): TypeOrder | null {
  if (isRowType(oid)) return records;
  const plain = orders.get(oid);
  if (plain !== undefined) return plain;
  if (isEnum(oid)) return numbers;
  const element = elementTypeOf(oid);
  const inner = element === 0 ? null : orderOf(element);
  return inner === null ? null : arrayOrder(inner);
}

export const hasOrder = (oid: Oid): boolean => orderOf(oid) !== null;

/** Numbers that come round are equal or not, and none is less than another, though it is of use to the executor to have them in some order. */
export function isUnsorted(oid: Oid): boolean {
  const element = elementTypeOf(oid);
  const base = element === 0 ? oid : element;
  return base === typeOid.xid || base === typeOid.cid;
}

/** As `hasOrder`, and of a composite type whether all its fields have one. */
export function isOrdered(oid: Oid, context: TextContext): boolean {
  const element = elementTypeOf(oid);
  const base = element === 0 ? oid : element;
  if (!isComposite(base)) return hasOrder(oid);
  return context.names.fieldsOf(base)?.every(({ type }) => isOrdered(type.oid, context)) ?? false;
}

/** Throws 42883 for a type without an order (json). */
export function comparatorOf(oid: Oid): Compare {
  const order = orderOf(oid);
  if (order === null)
    throw new SqlError("42883", `could not identify an ordering operator for type ${typeLabel(oid)}`, {
      hint: "Use an explicit ordering operator or modify the query.",
    });
  return order.compare;
}

/** Throws 42883 for a type without an equality. */
export function hashKeyOf(oid: Oid): HashKey {
  const order = orderOf(oid);
  if (order === null) throw new SqlError("42883", `could not identify an equality operator for type ${typeLabel(oid)}`);
  return order.key;
}
