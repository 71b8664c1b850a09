/** Random values of every stored type, and the stupid twin of each type's order. */
import fc from "fast-check";
import { SqlArray } from "../../../runtime/query/types/array.js";
import { TimeWithZone } from "../../../runtime/query/types/date-time/time-with-zone.js";
import type { Datum, Value } from "../../../runtime/query/types/datum.js";
import { Decimal } from "../../../runtime/query/types/decimal.js";
import { Inet } from "../../../runtime/query/types/inet.js";
import { Interval } from "../../../runtime/query/types/interval.js";
import { Jsonb, type JsonbNode } from "../../../runtime/query/types/jsonb.js";
import { macFromBytes } from "../../../runtime/query/types/mac-address.js";
import { type Oid, typeOid } from "../../../runtime/query/types/sql-type.js";

const int64 = fc
  .oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -5n, max: 5n }))
  .map((value): Value => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
const infinities = fc.constantFrom<Value>(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", " ", "é", "𝄞", "\u0001", "\uffff"), maxLength: 6 }),
  fc.string({ maxLength: 20 }).map((value) => value.replaceAll("\0", "0")),
);
export const decimal = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom("NaN", "Infinity", "-Infinity").map((special) => new Decimal(0n, 0, special as "NaN")),
  },
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        fc.oneof(fc.bigInt({ min: -200n, max: 200n }), fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })),
        fc.nat(6),
      )
      .map(([coefficient, scale]) => new Decimal(coefficient, scale)),
  },
);
const interval = fc
  .tuple(
    fc.integer({ min: -400, max: 400 }),
    fc.integer({ min: -400, max: 400 }),
    fc.integer({ min: -1e14, max: 1e14 }),
  )
  .map(([months, days, micros]) => new Interval(months, days, micros));
const inet = fc
  .oneof(
    fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(32)),
    fc.tuple(
      fc.constantFrom([10, 0, 0, 0], [10, 128, 0, 1], [10, 1, 0, 0]).map(Uint8Array.from.bind(Uint8Array)),
      fc.nat(32),
    ),
    fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(128)),
  )
  .map(([bytes, bits]) => new Inet(bytes, bits));
const jsonText = fc.constantFrom("a", "b", "ab", "");
export const jsonb: fc.Arbitrary<Jsonb> = fc
  .letrec<{ node: JsonbNode }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constant(null),
      fc.boolean(),
      jsonText,
      fc.integer({ min: -3, max: 3 }).map((value) => new Decimal(BigInt(value), 0)),
      fc.array(tie("node"), { maxLength: 3 }),
      fc
        .dictionary(jsonText, tie("node"), { maxKeys: 3 })
        .map(
          (object): JsonbNode =>
            new Map(
              Object.entries(object).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)),
            ) as ReadonlyMap<string, JsonbNode>,
        ),
    ),
  }))
  .node.map((node) => new Jsonb(node));

export const valuesOf: readonly (readonly [name: string, type: Oid, values: fc.Arbitrary<Value>])[] = [
  ["boolean", typeOid.bool, fc.boolean()],
  ["smallint", typeOid.int2, fc.integer({ min: -32_768, max: 32_767 })],
  ["integer", typeOid.int4, fc.integer()],
  ["bigint", typeOid.int8, int64],
  ["oid", typeOid.oid, fc.integer({ min: 0, max: 0xffff_ffff })],
  ["real", typeOid.float4, fc.float()],
  ["double", typeOid.float8, fc.double()],
  ["date", typeOid.date, fc.oneof(fc.integer({ min: -2_000_000, max: 2_000_000 }), infinities)],
  ["time", typeOid.time, fc.integer({ min: 0, max: 86_400_000_000 })],
  [
    "timetz",
    typeOid.timetz,
    fc
      .tuple(
        fc.oneof(fc.integer({ min: 0, max: 86_400_000_000 }), fc.constantFrom(36_000_000_000, 39_600_000_000)),
        fc.oneof(fc.integer({ min: -57_599, max: 57_599 }), fc.constantFrom(0, 3_600, -3_600)),
      )
      .map(([micros, offset]) => new TimeWithZone(micros, offset)),
  ],
  ["timestamptz", typeOid.timestamptz, fc.oneof(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), infinities)],
  ["interval", typeOid.interval, interval],
  ["uuid", typeOid.uuid, fc.uuid()],
  ["money", typeOid.money, int64],
  ["macaddr", typeOid.macaddr, fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes)],
  ["macaddr8", typeOid.macaddr8, fc.uint8Array({ minLength: 8, maxLength: 8 }).map(macFromBytes)],
  ["bit", typeOid.varbit, fc.string({ unit: fc.constantFrom("0", "1"), maxLength: 20 })],
  ["inet", typeOid.inet, inet],
  [
    "inet[]",
    typeOid.inetArray,
    fc.array(fc.option(inet), { maxLength: 3 }).map((items) => new SqlArray(typeOid.inet, items)),
  ],
  ["numeric", typeOid.numeric, decimal],
  ["text", typeOid.text, text],
  ["char", typeOid.bpchar, text],
  ["bytea", typeOid.bytea, fc.uint8Array({ maxLength: 12 })],
  ["jsonb", typeOid.jsonb, jsonb],
  [
    "int[]",
    typeOid.int4Array,
    fc
      .array(fc.option(fc.integer({ min: -3, max: 3 })), { maxLength: 4 })
      .map((items) => new SqlArray(typeOid.int4, items)),
  ],
  [
    "text[]",
    typeOid.textArray,
    fc.array(fc.option(text), { maxLength: 3 }).map((items) => new SqlArray(typeOid.text, items)),
  ],
];

const sign = (a: number | bigint | string, b: number | bigint | string): number => (a < b ? -1 : a > b ? 1 : 0);
const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value);

function compareDecimals(a: Decimal, b: Decimal): number {
  const rank = ({ special }: Decimal): number =>
    special === "-Infinity" ? 0 : special === "Infinity" ? 2 : special === "NaN" ? 3 : 1;
  if (rank(a) !== 1 || rank(b) !== 1) return rank(a) - rank(b);
  return sign(a.coefficient * 10n ** BigInt(b.scale), b.coefficient * 10n ** BigInt(a.scale));
}

const span = ({ months, days, micros }: Interval): bigint =>
  (BigInt(months) * 30n + BigInt(days)) * 86_400_000_000n + BigInt(micros);

function compareNodes(a: JsonbNode, b: JsonbNode): number {
  const rank = (node: JsonbNode): number =>
    node === null
      ? 1
      : typeof node === "string"
        ? 2
        : node instanceof Decimal
          ? 3
          : typeof node === "boolean"
            ? 4
            : Array.isArray(node)
              ? 5
              : 6;
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(bytesOf(a), bytesOf(b));
  if (a instanceof Decimal && b instanceof Decimal) return compareDecimals(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  const items = (node: JsonbNode): JsonbNode[] =>
    node instanceof Map
      ? [...(node as ReadonlyMap<string, JsonbNode>)].flat()
      : Array.isArray(node)
        ? (node as JsonbNode[])
        : [];
  const [left, right] = [items(a), items(b)];
  if (left.length !== right.length) return left.length - right.length;
  for (const [index, item] of left.entries()) {
    const order = compareNodes(item, right[index] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

/** An address as the bits that it is, `0` and `1`. */
const bitsOf = ({ bytes }: Inet): string => Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");

/** The family, what both prefixes have in common, their lengths, all bits. */
function compareAddresses(a: Inet, b: Inet): number {
  const length = Math.min(a.bits, b.bits);
  return (
    a.bytes.length - b.bytes.length ||
    sign(bitsOf(a).slice(0, length), bitsOf(b).slice(0, length)) ||
    a.bits - b.bits ||
    sign(bitsOf(a), bitsOf(b))
  );
}

/** PostgreSQL's order of two values of one type, without NULLs. */
export function compareValues(type: Oid, a: Value, b: Value): number {
  if (a instanceof Decimal && b instanceof Decimal) return compareDecimals(a, b);
  if (a instanceof Interval && b instanceof Interval) return sign(span(a), span(b));
  if (a instanceof TimeWithZone && b instanceof TimeWithZone)
    return sign(a.micros - a.offset * 1e6, b.micros - b.offset * 1e6) || sign(b.offset, a.offset);
  if (a instanceof Inet && b instanceof Inet) return compareAddresses(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if (a instanceof Jsonb && b instanceof Jsonb) {
    const isEmpty = ({ node }: Jsonb): boolean => Array.isArray(node) && node.length === 0;
    if (isEmpty(a) || isEmpty(b)) return Number(isEmpty(b)) - Number(isEmpty(a));
    return compareNodes(a.node, b.node);
  }
  if (a instanceof SqlArray && b instanceof SqlArray) {
    for (const [index, item] of a.items.entries()) {
      if (index >= b.items.length) return 1;
      const order = compareData(a.elementType, item, b.items[index] ?? null);
      if (order !== 0) return order;
    }
    return a.items.length - b.items.length;
  }
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (typeof a === "string" && typeof b === "string") {
    if (type !== typeOid.bpchar) return Buffer.compare(bytesOf(a), bytesOf(b));
    return Buffer.compare(bytesOf(a.replace(/ +$/, "")), bytesOf(b.replace(/ +$/, "")));
  }
  if (typeof a === "number" && typeof b === "number") {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  }
  if ((typeof a === "number" || typeof a === "bigint") && (typeof b === "number" || typeof b === "bigint"))
    return sign(a, b);
  throw new Error(`values of type ${type} are not compared`);
}

/** With NULLs last. */
export function compareData(type: Oid, a: Datum, b: Datum): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareValues(type, a, b);
}
