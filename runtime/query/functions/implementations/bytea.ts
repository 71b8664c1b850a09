/** Functions of bytea: pieces, bits, text encodings and digests. */
import { md5 } from "@noble/hashes/legacy.js";
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { notSupported, SqlError } from "../../error.js";
import { fromEscaped, fromHex, toHex } from "../../types/bytea.js";
import { concatBytes, fromUtf8, utf8 } from "../../types/bytes.js";
import type { Int64 } from "../../types/datum.js";
import { int4Max } from "../../types/integer.js";
import { outOfRange } from "../../types/invalid.js";
import { charLength } from "../../types/text.js";
import { type Implementation, strictly } from "../define.js";

function piece(bytes: Uint8Array, from: number, count: number | null): Uint8Array {
  if (count !== null && count < 0) throw new SqlError("22011", "negative substring length not allowed");
  const end = count === null ? bytes.length : from - 1 + count;
  return bytes.slice(Math.max(0, from - 1), Math.max(0, end));
}

function overlay(bytes: Uint8Array, part: Uint8Array, from: number, count: number): Uint8Array {
  if (from <= 0) throw new SqlError("22011", "negative substring length not allowed");
  if (from + count > int4Max) throw outOfRange("integer");
  return concatBytes([piece(bytes, 1, from - 1), part, piece(bytes, from + count, null)]);
}

function find(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = 0; at + part.length <= bytes.length; at += 1)
    if (part.every((byte, index) => bytes[at + index] === byte)) return at + 1;
  return 0;
}

function trim(bytes: Uint8Array, characters: Uint8Array, isStart: boolean, isEnd: boolean): Uint8Array {
  const set = new Set(characters);
  let from = 0;
  let to = bytes.length;
  if (isStart) while (from < to && set.has(bytes[from] ?? 0)) from += 1;
  if (isEnd) while (to > from && set.has(bytes[to - 1] ?? 0)) to -= 1;
  return bytes.slice(from, to);
}

const outside = (index: Int64, last: number): SqlError =>
  new SqlError("2202E", `index ${index} out of valid range, 0..${last}`);

function byteAt(bytes: Uint8Array, index: number): number {
  const byte = bytes[index];
  if (byte === undefined) throw outside(index, bytes.length - 1);
  return byte;
}

function bitAt(bytes: Uint8Array, index: Int64): number {
  const place = Number(index);
  if (place < 0 || place >= bytes.length * 8) throw outside(index, bytes.length * 8 - 1);
  return ((bytes[place >> 3] ?? 0) >> (place & 7)) & 1;
}

function withByte(bytes: Uint8Array, index: number, byte: number): Uint8Array {
  byteAt(bytes, index);
  const copy = bytes.slice();
  copy[index] = byte & 255;
  return copy;
}

function withBit(bytes: Uint8Array, index: Int64, bit: number): Uint8Array {
  bitAt(bytes, index);
  if (bit !== 0 && bit !== 1) throw new SqlError("22023", "new bit must be 0 or 1");
  const place = Number(index);
  const copy = bytes.slice();
  const mask = 1 << (place & 7);
  copy[place >> 3] = bit === 1 ? (copy[place >> 3] ?? 0) | mask : (copy[place >> 3] ?? 0) & ~mask;
  return copy;
}

function ones(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Characters of a line of base64, as PostgreSQL breaks it. */
const base64Line = 76;

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const digits = [18, 12, 6, 0].map((shift) => base64Digits[(group >> shift) & 63] ?? "");
    const left = bytes.length - at;
    text +=
      left === 1
        ? `${digits.slice(0, 2).join("")}==`
        : left === 2
          ? `${digits.slice(0, 3).join("")}=`
          : digits.join("");
  }
  return text.replace(new RegExp(`(.{${base64Line}})(?=.)`, "gu"), "$1\n");
}

function fromBase64(text: string): Uint8Array {
  const bytes: number[] = [];
  let group = 0;
  let count = 0;
  let padding = 0;
  for (const symbol of text) {
    if (/[ \t\n\r]/u.test(symbol)) continue;
    if (symbol === "=") {
      if (count < 2 && padding === 0) throw new SqlError("22023", 'unexpected "=" while decoding base64 sequence');
      padding += 1;
      group <<= 6;
    } else {
      const digit = base64Digits.indexOf(symbol);
      if (digit < 0) throw new SqlError("22023", `invalid symbol "${symbol}" found while decoding base64 sequence`);
      if (padding > 0) throw invalidEnd();
      group = (group << 6) | digit;
    }
    count += 1;
    if (count < 4) continue;
    bytes.push((group >> 16) & 255);
    if (padding < 2) bytes.push((group >> 8) & 255);
    if (padding < 1) bytes.push(group & 255);
    group = 0;
    count = 0;
  }
  if (count !== 0) throw invalidEnd();
  return Uint8Array.from(bytes);
}

const invalidEnd = (): SqlError =>
  new SqlError("22023", "invalid base64 end sequence", {
    hint: "Input data is missing padding, is truncated, or is otherwise corrupted.",
  });

function encode(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case "hex":
      return toHex(bytes);
    case "base64":
      return toBase64(bytes);
    case "escape":
      return escapedOnly(bytes);
    default:
      throw new SqlError("22023", `unrecognized encoding: "${format}"`);
  }
}

/** `encode(…, 'escape')` leaves all but zero, high bytes and the backslash as they are. */
function escapedOnly(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes)
    text +=
      byte === 0x5c
        ? "\\\\"
        : byte === 0 || byte > 0x7f
          ? `\\${byte.toString(8).padStart(3, "0")}`
          : String.fromCharCode(byte);
  return text;
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case "hex":
      return fromHex(text);
    case "base64":
      return fromBase64(text);
    case "escape":
      return fromEscaped(text);
    default:
      throw new SqlError("22023", `unrecognized encoding: "${format}"`);
  }
}

const isUtf8 = (encoding: string): boolean => /^(?:utf-?8|unicode)$/iu.test(encoding);

function requireEncoding(encoding: string): void {
  if (!isUtf8(encoding)) throw notSupported(`encoding "${encoding}"`);
}

export const byteas: readonly Implementation[] = strictly({
  "byteacat(bytea,bytea)": (a, b) => concatBytes([a, b]),
  "length(bytea)": (bytes) => bytes.length,
  "octet_length(bytea)": (bytes) => bytes.length,
  "bit_length(bytea)": (bytes) => bytes.length * 8,
  "length(bytea,name)": (bytes, encoding) => {
    requireEncoding(encoding);
    return charLength(fromUtf8(bytes));
  },
  "substr(bytea,int4)": (bytes, from) => piece(bytes, from, null),
  "substr(bytea,int4,int4)": (bytes, from, count) => piece(bytes, from, count),
  "substring(bytea,int4)": (bytes, from) => piece(bytes, from, null),
  "substring(bytea,int4,int4)": (bytes, from, count) => piece(bytes, from, count),
  "overlay(bytea,bytea,int4)": (bytes, part, from) => overlay(bytes, part, from, part.length),
  "overlay(bytea,bytea,int4,int4)": (bytes, part, from, count) => overlay(bytes, part, from, count),
  "position(bytea,bytea)": (bytes, part) => find(bytes, part),
  "btrim(bytea,bytea)": (bytes, set) => trim(bytes, set, true, true),
  "ltrim(bytea,bytea)": (bytes, set) => trim(bytes, set, true, false),
  "rtrim(bytea,bytea)": (bytes, set) => trim(bytes, set, false, true),
  "get_byte(bytea,int4)": byteAt,
  "set_byte(bytea,int4,int4)": (bytes, index, byte) => withByte(bytes, index, byte),
  "get_bit(bytea,int8)": (bytes, index) => bitAt(bytes, index),
  "set_bit(bytea,int8,int4)": (bytes, index, bit) => withBit(bytes, index, bit),
  "bit_count(bytea)": (bytes) => ones(bytes),
  "encode(bytea,text)": (bytes, format) => encode(bytes, format),
  "decode(text,text)": (text, format) => decode(text, format),
  "convert_from(bytea,name)": (bytes, encoding) => {
    requireEncoding(encoding);
    return fromUtf8(bytes);
  },
  "convert_to(text,name)": (text, encoding) => {
    requireEncoding(encoding);
    return utf8(text);
  },
  "convert(bytea,name,name)": (bytes, from, to) => {
    requireEncoding(from);
    requireEncoding(to);
    return bytes;
  },
  "md5(text)": (text) => toHex(md5(utf8(text))),
  "md5(bytea)": (bytes) => toHex(md5(bytes)),
  "sha224(bytea)": (bytes) => sha224(bytes),
  "sha256(bytea)": (bytes) => sha256(bytes),
  "sha384(bytea)": (bytes) => sha384(bytes),
  "sha512(bytea)": (bytes) => sha512(bytes),
});
