/**
 * Values as bytes of a stored row. Types of fixed width lie at fixed offsets, little-endian; all others have a length beside them.
 *
 *   boolean               u8
 *   smallint              i16            integer, date        i32 (date: ±infinity are the two ends)
 *   oid, xid, reg…        u32            bigint, money, timestamp(tz) i64 (timestamps: ±infinity are the two ends)
 *   real                  f32            double precision     f64, also the values of enums
 *   time                  u64, µs        interval             months i32 · days i32 · µs i64
 *   uuid                  16 bytes           time with time zone  µs f64 · seconds east of UTC i32
 *
 *   text and its kin      UTF-8          bytea                as it is
 *   numeric               form u8 (0 positive, 1 negative, 2 NaN, 3 ∞, 4 -∞) · scale u16 · coefficient, little-endian bytes
 *   inet, cidr            bits of the prefix u8 · address, 4 or 16 bytes
 *   macaddr               6 bytes            macaddr8            8 bytes
 *   bit, bit varying      bits u8 that the last byte has unused · bytes, the first bit the highest
 *   jsonb                 nodes in pre-order: tag u8 (0 null, 1 false, 2 true, 3 number, 4 string, 5 array, 6 object) and what it needs
 *   arrays                element type u32 · count u32 · items: null u8, or length u32 and the value; instead of the count, when there are
 *                         several dimensions or the first element is not number 1: dimensions u32 with the highest bit set, and the length u32
 *                         and the first subscript i32 of each
 *   composite types       the type u32 · fields u16 · for each: its type u32 · null u8, or length u32 and the value, as in arrays
 *
 * What is read here was written here: anything else is an assertion, not a user's error.
 */
import { AssertionFailed, assert } from "../../types/assert.js";
import { ByteWriter } from "../../types/byte-writer.js";
import { SqlArray } from "../types/array.js";
import { type Dimension, itemsOf } from "../types/array-shape.js";
import { packBits, unpackBits } from "../types/bits.js";
import { TimeWithZone } from "../types/date-time/time-with-zone.js";
import type { Datum, Int64, Value } from "../types/datum.js";
import { Decimal } from "../types/decimal.js";
import { Inet } from "../types/inet.js";
import { Interval } from "../types/interval.js";
import { Jsonb } from "../types/jsonb.js";
import { macBytes, macFromBytes } from "../types/mac-address.js";
import { SqlRecord } from "../types/record.js";
import { type Oid, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { isComposite, isEnum, isUserType } from "../types/user-types.js";
import { JsonbBytesReader, writeJsonb } from "./jsonb-bytes.js";
import { getDecimal, getText, writeDecimal } from "./scalar-bytes.js";

const encoder = new TextEncoder();
const u32Span = 2 ** 32;
const infinityHigh = 0x7fff_ffff;
const minusInfinityHigh = -0x8000_0000;

/** How a type is stored. `width` is -1 for those without a fixed one. */
export type Storage =
  | { readonly kind: "boolean"; readonly width: 1 }
  | { readonly kind: "int16"; readonly width: 2 }
  | { readonly kind: "int32" | "date" | "uint32" | "float32"; readonly width: 4 }
  | { readonly kind: "int64" | "money" | "timestamp" | "float64" | "time"; readonly width: 8 }
  | { readonly kind: "macaddr"; readonly width: 6 }
  | { readonly kind: "macaddr8"; readonly width: 8 }
  | { readonly kind: "timetz"; readonly width: 12 }
  | { readonly kind: "interval" | "uuid"; readonly width: 16 }
  | {
      readonly kind: "text" | "bytea" | "numeric" | "bits" | "inet" | "jsonb" | "array" | "record";
      readonly width: -1;
    };

const text: Storage = { kind: "text", width: -1 };
const uint32: Storage = { kind: "uint32", width: 4 };
const float64: Storage = { kind: "float64", width: 8 };
const bits: Storage = { kind: "bits", width: -1 };
const inet: Storage = { kind: "inet", width: -1 };
const array: Storage = { kind: "array", width: -1 };
const record: Storage = { kind: "record", width: -1 };

const storages: ReadonlyMap<Oid, Storage> = new Map<Oid, Storage>([
  [typeOid.bool, { kind: "boolean", width: 1 }],
  [typeOid.int2, { kind: "int16", width: 2 }],
  [typeOid.int4, { kind: "int32", width: 4 }],
  [typeOid.int8, { kind: "int64", width: 8 }],
  [typeOid.float4, { kind: "float32", width: 4 }],
  [typeOid.float8, float64],
  [typeOid.date, { kind: "date", width: 4 }],
  [typeOid.time, { kind: "time", width: 8 }],
  [typeOid.timetz, { kind: "timetz", width: 12 }],
  [typeOid.timestamp, { kind: "timestamp", width: 8 }],
  [typeOid.timestamptz, { kind: "timestamp", width: 8 }],
  [typeOid.interval, { kind: "interval", width: 16 }],
  [typeOid.uuid, { kind: "uuid", width: 16 }],
  [typeOid.numeric, { kind: "numeric", width: -1 }],
  [typeOid.bytea, { kind: "bytea", width: -1 }],
  [typeOid.money, { kind: "money", width: 8 }],
  [typeOid.macaddr, { kind: "macaddr", width: 6 }],
  [typeOid.macaddr8, { kind: "macaddr8", width: 8 }],
  [typeOid.bit, bits],
  [typeOid.varbit, bits],
  [typeOid.inet, inet],
  [typeOid.cidr, inet],
  [typeOid.jsonb, { kind: "jsonb", width: -1 }],
  [typeOid.text, text],
  [typeOid.varchar, text],
  [typeOid.bpchar, text],
  [typeOid.name, text],
  [typeOid.char, text],
  [typeOid.json, text],
  [typeOid.jsonpath, text],
  [typeOid.oid, uint32],
  [typeOid.xid, uint32],
  [typeOid.regclass, uint32],
  [typeOid.regtype, uint32],
  [typeOid.regproc, uint32],
  [typeOid.regprocedure, uint32],
  [typeOid.regoper, uint32],
  [typeOid.regnamespace, uint32],
  [typeOid.regrole, uint32],
  [typeOid.boolArray, array],
  [typeOid.byteaArray, array],
  [typeOid.charArray, array],
  [typeOid.nameArray, array],
  [typeOid.int2Array, array],
  [typeOid.int4Array, array],
  [typeOid.int8Array, array],
  [typeOid.textArray, array],
  [typeOid.bpcharArray, array],
  [typeOid.varcharArray, array],
  [typeOid.float4Array, array],
  [typeOid.float8Array, array],
  [typeOid.oidArray, array],
  [typeOid.timestampArray, array],
  [typeOid.dateArray, array],
  [typeOid.timeArray, array],
  [typeOid.timetzArray, array],
  [typeOid.timestamptzArray, array],
  [typeOid.intervalArray, array],
  [typeOid.numericArray, array],
  [typeOid.jsonArray, array],
  [typeOid.uuidArray, array],
  [typeOid.jsonbArray, array],
  [typeOid.jsonpathArray, array],
  [typeOid.inetArray, array],
  [typeOid.moneyArray, array],
  [typeOid.macaddrArray, array],
  [typeOid.macaddr8Array, array],
  [typeOid.bitArray, array],
  [typeOid.varbitArray, array],
  [typeOid.cidrArray, array],
]);

/** Null for types whose values are not stored in tables. */
export const storageOf = (type: Oid): Storage | null => storages.get(type) ?? userStorage(type);

const userStorage = (type: Oid): Storage | null =>
  isEnum(type) ? float64 : isComposite(type) ? record : isUserType(type) ? array : null;

const wrong = (type: Oid): AssertionFailed => new AssertionFailed(`a value of type ${type} has the form of its type`);

export function setInt64(view: DataView, at: number, value: Int64): void {
  if (typeof value === "bigint") {
    view.setBigInt64(at, value, true);
    return;
  }
  assert(Number.isSafeInteger(value), "a bigint that is a number is a safe integer");
  view.setInt32(at, value | 0, true);
  view.setInt32(at + 4, Math.floor(value / u32Span), true);
}

export function getInt64(view: DataView, at: number): Int64 {
  const high = view.getInt32(at + 4, true);
  if (high >= -0x20_0000 && high < 0x20_0000) {
    const value = high * u32Span + view.getUint32(at, true);
    // -2^53 itself is not safe.
    if (value >= Number.MIN_SAFE_INTEGER) return value;
  }
  return view.getBigInt64(at, true);
}

/** Writes a value of fixed width. */
export function setFixed(storage: Storage, bytes: Uint8Array, view: DataView, at: number, value: Value): void {
  assert(storage.width > 0 && at + storage.width <= bytes.length, "a value of fixed width has its place");
  switch (storage.kind) {
    case "boolean":
      bytes[at] = value === true ? 1 : 0;
      return;
    case "int16":
      view.setInt16(at, Number(value), true);
      return;
    case "int32":
      view.setInt32(at, Number(value), true);
      return;
    case "uint32":
      view.setUint32(at, Number(value), true);
      return;
    case "date":
      view.setInt32(at, dateWord(Number(value)), true);
      return;
    case "float32":
      view.setFloat32(at, Number(value), true);
      return;
    case "float64":
    case "time":
      view.setFloat64(at, Number(value), true);
      return;
    case "int64":
    case "money":
      if (typeof value !== "number" && typeof value !== "bigint") throw wrong(typeOid.int8);
      setInt64(view, at, value);
      return;
    case "timestamp":
      if (typeof value !== "number" && typeof value !== "bigint") throw wrong(typeOid.timestamp);
      setTimestamp(view, at, value);
      return;
    case "timetz":
      if (!(value instanceof TimeWithZone)) throw wrong(typeOid.timetz);
      view.setFloat64(at, value.micros, true);
      view.setInt32(at + 8, value.offset, true);
      return;
    case "interval":
      if (!(value instanceof Interval)) throw wrong(typeOid.interval);
      view.setInt32(at, value.months, true);
      view.setInt32(at + 4, value.days, true);
      setInt64(view, at + 8, value.micros);
      return;
    case "macaddr":
    case "macaddr8":
      if (typeof value !== "string") throw wrong(typeOid.macaddr);
      bytes.set(macBytes(value), at);
      return;
    case "uuid":
      if (typeof value !== "string") throw wrong(typeOid.uuid);
      setUuid(bytes, at, value);
      return;
    default:
      throw new AssertionFailed("a type of fixed width is one of those");
  }
}

const dateWord = (value: number): number =>
  value === Number.POSITIVE_INFINITY ? infinityHigh : value === Number.NEGATIVE_INFINITY ? minusInfinityHigh : value;

const dateOfWord = (word: number): number =>
  word === infinityHigh ? Number.POSITIVE_INFINITY : word === minusInfinityHigh ? Number.NEGATIVE_INFINITY : word;

function setTimestamp(view: DataView, at: number, value: Int64): void {
  if (value === Number.POSITIVE_INFINITY) {
    view.setUint32(at, 0xffff_ffff, true);
    view.setInt32(at + 4, infinityHigh, true);
  } else if (value === Number.NEGATIVE_INFINITY) {
    view.setUint32(at, 0, true);
    view.setInt32(at + 4, minusInfinityHigh, true);
  } else setInt64(view, at, value);
}

function getTimestamp(view: DataView, at: number): Int64 {
  const high = view.getInt32(at + 4, true);
  if (high === infinityHigh && view.getUint32(at, true) === 0xffff_ffff) return Number.POSITIVE_INFINITY;
  if (high === minusInfinityHigh && view.getUint32(at, true) === 0) return Number.NEGATIVE_INFINITY;
  return getInt64(view, at);
}

const hexDigits = "0123456789abcdef";
const hexPairs = Array.from({ length: 256 }, (_, byte) => `${hexDigits[byte >> 4]}${hexDigits[byte & 15]}`);
const digitOf = (code: number): number => (code <= 57 ? code - 48 : code - 87);

/** @param value 36 characters, lower case */
export function setUuid(bytes: Uint8Array, at: number, value: string): void {
  assert(value.length === 36, "a uuid has 36 characters");
  let read = 0;
  for (let index = 0; index < 16; index++) {
    if (read === 8 || read === 13 || read === 18 || read === 23) read += 1;
    bytes[at + index] = digitOf(value.charCodeAt(read)) * 16 + digitOf(value.charCodeAt(read + 1));
    read += 2;
  }
}

function getUuid(bytes: Uint8Array, at: number): string {
  let out = "";
  for (let index = 0; index < 16; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) out += "-";
    out += hexPairs[bytes[at + index]];
  }
  return out;
}

/** A value of fixed width whose datum is always a number; what `numbers` vectors are filled from. */
export function getNumber(storage: Storage, view: DataView, at: number): number {
  switch (storage.kind) {
    case "int16":
      return view.getInt16(at, true);
    case "int32":
      return view.getInt32(at, true);
    case "uint32":
      return view.getUint32(at, true);
    case "date":
      return dateOfWord(view.getInt32(at, true));
    case "float32":
      return view.getFloat32(at, true);
    case "float64":
    case "time":
      return view.getFloat64(at, true);
    default:
      throw new AssertionFailed("a type of numbers is one of those");
  }
}

export function getFixed(storage: Storage, bytes: Uint8Array, view: DataView, at: number): Value {
  switch (storage.kind) {
    case "boolean":
      return bytes[at] === 1;
    case "int64":
    case "money":
      return getInt64(view, at);
    case "timestamp":
      return getTimestamp(view, at);
    case "timetz":
      return new TimeWithZone(view.getFloat64(at, true), view.getInt32(at + 8, true));
    case "interval":
      return new Interval(view.getInt32(at, true), view.getInt32(at + 4, true), Number(getInt64(view, at + 8)));
    case "macaddr":
    case "macaddr8":
      return macFromBytes(bytes.subarray(at, at + storage.width));
    case "uuid":
      return getUuid(bytes, at);
    default:
      return getNumber(storage, view, at);
  }
}

/** Writes a value without a fixed width. */
export function writeVariable(storage: Storage, out: ByteWriter, value: Value): void {
  assert(storage.width < 0, "a value of fixed width has its place in the row");
  switch (storage.kind) {
    case "text":
      if (typeof value !== "string") throw wrong(typeOid.text);
      out.raw(encoder.encode(value));
      return;
    case "bytea":
      if (!(value instanceof Uint8Array)) throw wrong(typeOid.bytea);
      out.raw(value);
      return;
    case "numeric":
      if (!(value instanceof Decimal)) throw wrong(typeOid.numeric);
      writeDecimal(out, value);
      return;
    case "bits":
      if (typeof value !== "string") throw wrong(typeOid.varbit);
      out.u8(-value.length & 7).raw(packBits(value));
      return;
    case "inet":
      if (!(value instanceof Inet)) throw wrong(typeOid.inet);
      out.u8(value.bits).raw(value.bytes);
      return;
    case "jsonb":
      if (!(value instanceof Jsonb)) throw wrong(typeOid.jsonb);
      writeJsonb(out, value.node);
      return;
    case "array":
      if (!(value instanceof SqlArray)) throw wrong(typeOid.textArray);
      writeArray(out, value);
      return;
    case "record":
      if (!(value instanceof SqlRecord)) throw wrong(typeOid.record);
      writeRecord(out, value);
      return;
    default:
      throw new AssertionFailed("a type of variable width is one of those");
  }
}

export function getVariable(storage: Storage, bytes: Uint8Array, view: DataView, from: number, to: number): Value {
  assert(from <= to && to <= bytes.length, "a value lies within its row");
  switch (storage.kind) {
    case "text":
      return getText(bytes, from, to);
    case "bytea":
      return bytes.slice(from, to);
    case "numeric":
      return getDecimal(bytes, view, from, to);
    case "bits":
      return unpackBits(bytes.subarray(from + 1, to), (to - from - 1) * 8 - (bytes[from] ?? 0));
    case "inet":
      return new Inet(bytes.slice(from + 1, to), bytes[from] ?? 0);
    case "jsonb":
      return new Jsonb(new JsonbBytesReader(bytes, view, from, to).read());
    case "array":
      return getArray(bytes, view, from, to);
    case "record":
      return getRecord(bytes, view, from, to);
    default:
      throw new AssertionFailed("a type of variable width is one of those");
  }
}

const itemWriter = new ByteWriter(256);
const fixedItem = new Uint8Array(16);
const fixedItemView = new DataView(fixedItem.buffer);

/** More than an array has elements. */
const shapedMark = 0x8000_0000;

function writeArray(out: ByteWriter, value: SqlArray): void {
  const storage = storageOf(value.elementType);
  assert(storage !== null && storage.kind !== "array", "an array's elements are of a type that is stored");
  out.u32(value.elementType);
  if (value.shape === null) out.u32(value.items.length);
  else {
    out.u32((shapedMark | value.shape.length) >>> 0);
    for (const { length, first } of value.shape) out.u32(length).u32(first >>> 0);
  }
  for (const item of value.items) writeItem(storage, out, item);
}

/** Writes an item of an array, or a field of a row. */
function writeItem(storage: Storage, out: ByteWriter, item: Datum): void {
  if (item === null) {
    out.u8(1);
    return;
  }
  out.u8(0);
  if (storage.width > 0) {
    setFixed(storage, fixedItem, fixedItemView, 0, item);
    out.u32(storage.width).raw(fixedItem.subarray(0, storage.width));
    return;
  }
  // What has items in it needs the shared writer for them.
  const hasItems = storage.kind === "array" || storage.kind === "record";
  const writer = hasItems ? new ByteWriter(64) : itemWriter.reset();
  writeVariable(storage, writer, item);
  out.bytes(writer.view());
}

function getArray(bytes: Uint8Array, view: DataView, from: number, to: number): SqlArray {
  const elementType = view.getUint32(from, true);
  const head = view.getUint32(from + 4, true);
  const shape = head < shapedMark ? null : getShape(view, from + 8, head - shapedMark);
  const count = shape === null ? head : itemsOf(shape);
  const storage = storageOf(elementType);
  assert(storage !== null, "a stored array's elements are of a type that is stored");
  const items: Datum[] = [];
  const reader: ItemReader = { bytes, view, at: from + 8 + (shape?.length ?? 0) * 8 };
  for (let index = 0; index < count; index++) items.push(readItem(storage, reader));
  assert(reader.at === to, "a stored array ends with its last item");
  return new SqlArray(elementType, items, shape);
}

interface ItemReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

function readItem(storage: Storage, reader: ItemReader): Datum {
  const { bytes, view, at } = reader;
  if (bytes[at] === 1) {
    reader.at += 1;
    return null;
  }
  const from = at + 5;
  reader.at = from + view.getUint32(at + 1, true);
  return storage.width > 0 ? getFixed(storage, bytes, view, from) : getVariable(storage, bytes, view, from, reader.at);
}

function writeRecord(out: ByteWriter, { type, types, values }: SqlRecord): void {
  assert(isComposite(type), "a row that is stored is of a type that has a name");
  out.u32(type).u16(values.length);
  for (const [index, value] of values.entries()) {
    const oid = types[index]?.oid ?? 0;
    const storage = storageOf(oid);
    assert(storage !== null, "a row's fields are of types that are stored");
    out.u32(oid);
    writeItem(storage, out, value);
  }
}

function getRecord(bytes: Uint8Array, view: DataView, from: number, to: number): SqlRecord {
  const type = view.getUint32(from, true);
  const count = view.getUint16(from + 4, true);
  const types: SqlType[] = [];
  const values: Datum[] = [];
  const reader: ItemReader = { bytes, view, at: from + 6 };
  for (let index = 0; index < count; index++) {
    const oid = view.getUint32(reader.at, true);
    const storage = storageOf(oid);
    assert(storage !== null, "a stored row's fields are of types that are stored");
    reader.at += 4;
    types.push(sqlType(oid));
    values.push(readItem(storage, reader));
  }
  assert(reader.at === to, "a stored row ends with its last field");
  return new SqlRecord(types, values, null, type);
}

const getShape = (view: DataView, from: number, dimensions: number): readonly Dimension[] =>
  Array.from({ length: dimensions }, (_, at) => ({
    length: view.getUint32(from + at * 8, true),
    first: view.getInt32(from + at * 8 + 4, true),
  }));
