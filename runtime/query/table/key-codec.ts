/**
 * Keys as bytes whose memcmp order is SQL's order. A key is its columns one after the other; no column's bytes are the beginning of
 * another value's, so a key's prefix of columns is a prefix of its bytes.
 *
 *   marker u8   1 a value follows; NULL is 0 (nulls first) or 2 (nulls last)
 *   value       integers: big-endian with the sign flipped · booleans: u8 · real, double: IEEE order, NaN above all
 *               text: UTF-8, then 0 (texts hold no U+0000; C collation) · char(n): the same without trailing spaces
 *               bytea: bytes with 0 written as 0 255, then 0 0
 *               dates, times, uuid, macaddr: big-endian
 *               interval: the span in µs, a month being 30 days, 96 bits
 *               time with time zone: µs of UTC as a double · seconds west of UTC, as an integer
 *               inet, cidr: 4 or 6 · address without the bits behind the prefix · bits of the prefix u8 · address
 *               bit, bit varying: their bytes as those of bytea · how many bits u32
 *               numeric: 1 -∞ · 2 negative · 3 zero · 4 positive · 5 ∞ · 6 NaN, then the exponent u32 and digits in pairs (1 to 100), then 0;
 *               all after the first byte inverted for negative ones
 *               arrays: for each item its marker and value, then 0 · jsonb: see `jsonbKey`
 *
 * All bytes of a descending column are inverted, but for the marker, which alone says where NULLs go. Keys are not decoded: rows hold their
 * values.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import {
  itemAt,
  itemBytesMax,
  keyBytesMax,
  rowKeyDigestBytes,
  shortKeyBytes,
  TableKey,
} from "../../store/table-trees.js";
import { AssertionFailed, assert } from "../../types/assert.js";
import { notSupported, SqlError } from "../error.js";
import { SqlArray } from "../types/array.js";
import { packBits } from "../types/bits.js";
import { TimeWithZone, utcMicros } from "../types/date-time/time-with-zone.js";
import type { Datum, Int64, Value } from "../types/datum.js";
import { Decimal } from "../types/decimal.js";
import { Inet, networkOf } from "../types/inet.js";
import { Interval } from "../types/interval.js";
import { Jsonb, type JsonbNode } from "../types/jsonb.js";
import { macBytes } from "../types/mac-address.js";
import type { Oid } from "../types/sql-type.js";
import { typeOid } from "../types/sql-type.js";
import { textOf } from "../types/text.js";
import { type Storage, setUuid, storageOf } from "./value-bytes.js";

const encoder = new TextEncoder();
const u32Span = 2 ** 32;

export interface KeyColumn {
  readonly type: Oid;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean;
}

const markerValue = 1;
/** Room behind the limit, so that a key that is too long is noticed behind its end and not before. */
const roomBehind = 64;
assert(roomBehind >= rowKeyDigestBytes, "a digest fits behind the longest key");

/** There is no room for what comes next of a key. What went before is there, for a bound. */
class KeyOverflow extends Error {}

interface Column {
  readonly storage: Storage;
  readonly isText: "text" | "trimmed" | null;
  readonly isDescending: boolean;
  readonly nullMarker: number;
}

/** Encodes keys of one list of columns. What it returns is overwritten by the next call. */
export class KeyCodec {
  readonly #columns: readonly Column[];
  /** Room for the head of a tree's key, then the key: for a short one, until there is a longer one. */
  #whole = new Uint8Array(shortKeyBytes);
  #bytes = this.#whole.subarray(itemAt);
  #view = new DataView(this.#whole.buffer, itemAt);
  #at = 0;
  /** Whether the key that was encoded last ends with its tail, and not with a digest of it. */
  isTailWhole = true;
  // Keys of one table are mostly of one length: a view of it is made once.
  #key = this.#bytes.subarray(0, 0);
  #treeKey = this.#whole.subarray(0, itemAt);
  #tenant = 0;
  #object = 0;

  readonly #given: readonly KeyColumn[];
  readonly #name: string;
  readonly #bytesMax: number;

  /**
   * @param name of the index that its keys are of, for errors
   * @param bytesMax of a key; keys that are only compared with each other may be of any length
   */
  constructor(columns: readonly KeyColumn[], name = "", bytesMax: number = keyBytesMax) {
    this.#given = columns;
    this.#name = name;
    this.#bytesMax = bytesMax;
    this.#columns = columns.map(({ type, isDescending, nullsFirst }) => {
      const storage = storageOf(type);
      assert(storage !== null, "a key's columns are of types that are stored");
      const isText = storage.kind === "text" ? (type === typeOid.bpchar ? "trimmed" : "text") : null;
      return { storage, isText, isDescending, nullMarker: nullsFirst ? 0 : 2 };
    });
  }

  get columns(): number {
    return this.#columns.length;
  }

  /** What its keys are made of. */
  get given(): readonly KeyColumn[] {
    return this.#given;
  }

  /**
   * The key of a list of values, or of the first columns' values. Throws 54000 when it is too long.
   *
   * @param tail bytes that follow the last column, a row key: it, or where both have no room its digest
   */
  encode(values: readonly Datum[], tail: Uint8Array | null = null): Uint8Array {
    try {
      this.#encode(values);
    } catch (error) {
      if (!(error instanceof KeyOverflow)) throw error;
      throw new KeyTooLong(this.#sizeOf(values), this.#name);
    }
    if (this.#at > this.#bytesMax) throw new KeyTooLong(this.#at, this.#name);
    if (tail !== null) {
      this.isTailWhole = this.#at + tail.length <= this.#bytesMax;
      this.#raw(this.isTailWhole ? tail : sha256(tail));
    }
    if (this.#key.length !== this.#at) this.#key = this.#bytes.subarray(0, this.#at);
    return this.#key;
  }

  #encode(values: readonly Datum[]): void {
    assert(values.length <= this.#columns.length, "a key has no more values than columns");
    this.#at = 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index];
      const column = this.#columns[index];
      if (value === null || value === undefined) {
        this.#u8(column.nullMarker);
        continue;
      }
      this.#u8(markerValue);
      const from = this.#at;
      try {
        this.#value(column.storage, column.isText, value);
      } finally {
        // Also of what there was room for: it is a bound.
        if (column.isDescending) this.#invert(from);
      }
    }
  }

  #invert(from: number): void {
    for (let at = from; at < this.#at; at++) this.#bytes[at] ^= 0xff;
  }

  /** How long a key would be for which there is no room. */
  #sizeOf(values: readonly Datum[]): number {
    const codec = new KeyCodec(this.#given, "", Number.MAX_SAFE_INTEGER);
    codec.#encode(values);
    return codec.#at;
  }

  /** The key that was encoded last, as an item of an object in the trees. Overwritten, as that is, by the next call of either. */
  treeKey(tenant: number, object: number): Uint8Array {
    assert(this.#at > 0 && this.#at <= itemBytesMax, "a key was encoded, and is within its limit");
    if (tenant !== this.#tenant || object !== this.#object) {
      this.#whole.set(new TableKey().object(tenant, object));
      this.#tenant = tenant;
      this.#object = object;
    }
    const length = itemAt + this.#at;
    if (this.#treeKey.length !== length) this.#treeKey = this.#whole.subarray(0, length);
    return this.#treeKey;
  }

  /** A bound of a search. One that is too long for a key is cut: every key there is comes before or behind it all the same. */
  encodeBound(values: readonly Datum[]): Uint8Array {
    try {
      this.#encode(values);
    } catch (error) {
      if (!(error instanceof SqlError || error instanceof KeyOverflow)) throw error;
    }
    const length = Math.min(this.#at, this.#bytesMax);
    if (this.#key.length !== length) this.#key = this.#bytes.subarray(0, length);
    return this.#key;
  }

  #room(count: number): void {
    if (this.#at + count > this.#bytes.length) this.#grow(this.#at + count);
  }

  #grow(needed: number): void {
    const most = this.#bytesMax + roomBehind;
    if (needed > most) throw new KeyOverflow("a key is longer than keys may be");
    const whole = new Uint8Array(itemAt + Math.min(most, Math.max(keyBytesMax + roomBehind, 2 * needed)));
    whole.set(this.#whole);
    this.#whole = whole;
    this.#bytes = whole.subarray(itemAt);
    this.#view = new DataView(whole.buffer, itemAt);
    this.#key = this.#bytes.subarray(0, 0);
    this.#treeKey = whole.subarray(0, itemAt);
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  #u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.#at, value >>> 0);
    this.#at += 4;
  }

  #value(storage: Storage, isText: "text" | "trimmed" | null, value: Value): void {
    switch (storage.kind) {
      case "boolean":
        this.#u8(value === true ? 1 : 0);
        return;
      case "int16":
      case "int32":
        this.#u32(wholeNumber(value, -0x8000_0000, 0x7fff_ffff) ^ 0x8000_0000);
        return;
      case "uint32":
        this.#u32(wholeNumber(value, 0, 0xffff_ffff));
        return;
      case "date":
        this.#float(Number(value));
        return;
      case "float32":
      case "float64":
      case "time":
        this.#float(Number(value));
        return;
      case "int64":
      case "money":
      case "timestamp":
        if (typeof value !== "number" && typeof value !== "bigint") throw new AssertionFailed("a bigint is a number");
        this.#int64(value);
        return;
      case "timetz":
        if (!(value instanceof TimeWithZone)) throw new AssertionFailed("a time with a zone has its class");
        this.#float(utcMicros(value));
        this.#u32(-value.offset ^ 0x8000_0000);
        return;
      case "interval":
        if (!(value instanceof Interval)) throw new AssertionFailed("an interval has its class");
        this.#interval(value);
        return;
      case "macaddr":
      case "macaddr8":
        this.#raw(macBytes(textOf(value)));
        return;
      case "uuid":
        this.#room(16);
        setUuid(this.#bytes, this.#at, textOf(value));
        this.#at += 16;
        return;
      case "text":
        if (typeof value !== "string") throw new AssertionFailed("a text is a string");
        this.#text(isText === "trimmed" ? trimmed(value) : value);
        return;
      case "bytea":
        if (!(value instanceof Uint8Array)) throw new AssertionFailed("a bytea is bytes");
        this.#bytea(value);
        return;
      case "numeric":
        if (!(value instanceof Decimal)) throw new AssertionFailed("a numeric has its class");
        this.#decimal(value);
        return;
      case "array":
        if (!(value instanceof SqlArray)) throw new AssertionFailed("an array has its class");
        this.#array(value);
        return;
      case "bits": {
        const bits = textOf(value);
        this.#bytea(packBits(bits));
        this.#u32(bits.length);
        return;
      }
      case "inet":
        if (!(value instanceof Inet)) throw new AssertionFailed("an address has its class");
        this.#inet(value);
        return;
      case "jsonb":
        if (!(value instanceof Jsonb)) throw new AssertionFailed("a jsonb has its class");
        this.#jsonb(value.node);
        return;
      default:
        throw new AssertionFailed("a key's type is one of those");
    }
  }

  /** IEEE bits with the order of numbers: positive ones get the sign bit, negative ones are inverted. NaN is above all, -0 is 0. */
  #float(value: number): void {
    this.#room(8);
    const view = this.#view;
    const at = this.#at;
    view.setFloat64(at, value === 0 ? 0 : value);
    if (Number.isNaN(value)) {
      view.setUint32(at, 0xffff_ffff);
      view.setUint32(at + 4, 0xffff_ffff);
    } else if (value < 0) {
      view.setUint32(at, ~view.getUint32(at) >>> 0);
      view.setUint32(at + 4, ~view.getUint32(at + 4) >>> 0);
    } else view.setUint32(at, (view.getUint32(at) | 0x8000_0000) >>> 0);
    this.#at += 8;
  }

  #int64(value: Int64): void {
    this.#room(8);
    const view = this.#view;
    if (typeof value === "bigint") {
      assert(BigInt.asIntN(64, value) === value, "a key's bigint has 64 bits");
      view.setBigInt64(this.#at, value);
    } else if (value === Number.POSITIVE_INFINITY) view.setBigInt64(this.#at, 0x7fff_ffff_ffff_ffffn);
    else if (value === Number.NEGATIVE_INFINITY) view.setBigInt64(this.#at, -0x8000_0000_0000_0000n);
    else {
      assert(Number.isSafeInteger(value), "a key's bigint that is no BigInt is a safe integer");
      view.setInt32(this.#at, Math.floor(value / u32Span));
      view.setUint32(this.#at + 4, value >>> 0);
    }
    this.#bytes[this.#at] ^= 0x80;
    this.#at += 8;
  }

  #interval({ months, days, micros }: Interval): void {
    const span = (BigInt(months) * 30n + BigInt(days)) * 86_400_000_000n + BigInt(micros) + (1n << 95n);
    this.#u32(Number(span >> 64n));
    this.#u32(Number((span >> 32n) & 0xffff_ffffn));
    this.#u32(Number(span & 0xffff_ffffn));
  }

  #inet(value: Inet): void {
    const { bytes, bits } = value;
    this.#u8(bytes.length === 4 ? 4 : 6);
    this.#raw(networkOf(value, bits).bytes);
    this.#u8(bits);
    this.#raw(bytes);
  }

  #text(value: string): void {
    this.#roomForText(value, value.length + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    let index = 0;
    for (; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80 || code === 0) break;
      bytes[at++] = code;
    }
    if (index < value.length) {
      const encoded = encoder.encode(value);
      this.#roomForText(value, encoded.length + 1);
      this.#bytes.set(encoded, this.#at);
      at = this.#at + encoded.length;
    }
    this.#bytes[at] = 0;
    this.#at = at + 1;
  }

  /** Room for a whole text. Where there is none its beginning is left there, for a bound. */
  #roomForText(value: string, count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const most = this.#bytesMax + roomBehind;
    if (this.#at + count > most) {
      if (this.#bytes.length < most) this.#grow(most);
      this.#at += encoder.encodeInto(value, this.#bytes.subarray(this.#at)).written;
    }
    this.#grow(this.#at + count);
  }

  #bytea(value: Uint8Array): void {
    for (const byte of value) {
      this.#u8(byte);
      if (byte === 0) this.#u8(0xff);
    }
    this.#u8(0);
    this.#u8(0);
  }

  #decimal(value: Decimal): void {
    if (value.special !== null) {
      this.#u8(value.special === "NaN" ? 6 : value.special === "Infinity" ? 5 : 1);
      return;
    }
    const { coefficient, scale } = value;
    if (coefficient === 0n) {
      this.#u8(3);
      return;
    }
    const isNegative = coefficient < 0n;
    this.#u8(isNegative ? 2 : 4);
    const from = this.#at;
    const digits = (isNegative ? -coefficient : coefficient).toString();
    let to = digits.length;
    while (digits.charCodeAt(to - 1) === 48) to -= 1;
    // 0.d1d2d3… × 10^exponent; equal values have equal digits and exponents, whatever their scale.
    this.#u32(digits.length - scale + 0x8000_0000);
    try {
      for (let at = 0; at < to; at += 2) {
        const high = digits.charCodeAt(at) - 48;
        const low = at + 1 < to ? digits.charCodeAt(at + 1) - 48 : 0;
        this.#u8(high * 10 + low + 1);
      }
      this.#u8(0);
    } finally {
      if (isNegative) this.#invert(from);
    }
  }

  /** Keys have no room for dimensions between those of two arrays of one. */
  #array({ elementType, items, shape }: SqlArray): void {
    if (shape !== null)
      throw notSupported("an array of several dimensions, or whose first element is not number 1, in an index");
    const storage = storageOf(elementType);
    assert(storage !== null && storage.kind !== "array", "an array's elements are of a type that is stored");
    const isText = storage.kind === "text" ? (elementType === typeOid.bpchar ? "trimmed" : "text") : null;
    for (const item of items) {
      if (item === null) this.#u8(2);
      else {
        this.#u8(markerValue);
        this.#value(storage, isText, item);
      }
    }
    this.#u8(0);
  }

  /**
   * PostgreSQL's order of jsonb: null, strings, numbers, booleans, arrays, objects; arrays and objects by their length first, then item by
   * item, an object's keys and values by turns. (An empty array at the top is below all, as there.)
   */
  #jsonb(root: JsonbNode): void {
    if (Array.isArray(root) && root.length === 0) {
      this.#u8(0);
      return;
    }
    const stack: JsonbNode[] = [root];
    while (stack.length > 0) {
      const node = stack.pop() ?? null;
      if (node === null) this.#u8(1);
      else if (typeof node === "string") {
        this.#u8(2);
        this.#text(node);
      } else if (node instanceof Decimal) {
        this.#u8(3);
        this.#decimal(node);
      } else if (typeof node === "boolean") {
        this.#u8(4);
        this.#u8(node ? 1 : 0);
      } else if (Array.isArray(node)) {
        this.#u8(5);
        this.#u32(node.length);
        for (let index = node.length - 1; index >= 0; index--) stack.push(node[index] as JsonbNode);
      } else {
        const entries = [...(node as ReadonlyMap<string, JsonbNode>)];
        this.#u8(6);
        this.#u32(entries.length);
        for (const [key, each] of entries.reverse()) stack.push(each, key);
      }
    }
  }
}

/** A number for 32 bits of a key, which would take 2^32 for 0: who looks for a wider one has to know that it is in no row. */
function wholeNumber(value: Value, least: number, most: number): number {
  const number = Number(value);
  assert(
    Number.isInteger(number) && number >= least && number <= most,
    "a key's integer is in the range of its column",
  );
  return number;
}

/** Trailing spaces of char(n) do not count. */
export function trimmed(value: string): string {
  let to = value.length;
  while (to > 0 && value.charCodeAt(to - 1) === 32) to -= 1;
  return to === value.length ? value : value.slice(0, to);
}

/** PostgreSQL's error, of the bytes that the key takes here. */
export class KeyTooLong extends SqlError {
  constructor(bytes: number, index: string) {
    super("54000", `index row size ${bytes} exceeds btree version 4 maximum ${keyBytesMax} for index "${index}"`, {
      hint: "Values larger than 1/3 of a buffer page cannot be indexed.\nConsider a function index of an MD5 hash of the value.",
      constraint: index === "" ? undefined : index,
    });
  }
}

/** What `make` makes of keys; the error of one that is too long says whose table it is. */
export function keyOfTable<Made>(schemaOf: () => string, table: string, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof KeyTooLong)) throw error;
    throw new SqlError(error.sqlState, error.message, { ...error.fields, schema: schemaOf(), table });
  }
}

/**
 * Changes a prefix of keys into the first key behind all that begin with it. Answers the length of what is left: 0 when there is no such key.
 */
export function behindPrefix(bytes: Uint8Array, length: number): number {
  assert(length <= bytes.length, "a prefix lies within its bytes");
  let at = length;
  while (at > 0 && bytes[at - 1] === 0xff) at -= 1;
  if (at > 0) bytes[at - 1] = (bytes[at - 1] ?? 0) + 1;
  return at;
}
