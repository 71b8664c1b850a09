/**
 * text, varchar(n), char(n), name, "char". Lengths count characters (code points), as PostgreSQL's do; order is that of UTF-8 bytes, which
 * is the order of code points (collation "C").
 */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { fromUtf8, utf8 } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Value } from "./datum.js";

/** Bytes of a name at most: longer ones are cut. */
export const nameBytesMax = 63;

export function textOf(value: Value): string {
  assert(typeof value === "string", "a value of a text type is a string");
  return value;
}

/** True when no character takes two units: then `length` and indexes are right as they are. */
const hasPairs = (text: string): boolean => /[\ud800-\udfff]/.test(text);

/** Characters of a text. */
export function charLength(text: string): number {
  if (!hasPairs(text)) return text.length;
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0xdc00 || unit > 0xdfff) count += 1;
  }
  return count;
}

/** Characters `from` to before `to`, from 0. */
export function charSlice(text: string, from: number, to: number = Number.POSITIVE_INFINITY): string {
  if (!hasPairs(text)) return text.slice(Math.max(0, from), Math.max(0, to));
  return Array.from(text).slice(Math.max(0, from), Math.max(0, to)).join("");
}

/** Order of code points. UTF-16 units agree with it but for pairs against what lies behind them. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    if (left >= 0xd800 && right >= 0xd800) {
      const rotate = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);
      return rotate(left) < rotate(right) ? -1 : 1;
    }
    return left < right ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

const onlySpaces = (text: string): boolean => /^ *$/u.test(text);

export const trimEndSpaces = (text: string): string => {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end -= 1;
  return text.slice(0, end);
};

/** varchar(n): what is beyond n is cut off by an explicit cast, and else an error unless it is all spaces. */
export function limitVarchar(text: string, modifier: number, isExplicit: boolean): string {
  const limit = modifier - 4;
  if (modifier < 4 || text.length <= limit || charLength(text) <= limit) return text;
  if (!isExplicit && !onlySpaces(charSlice(text, limit)))
    throw new SqlError("22001", `value too long for type character varying(${limit})`);
  return charSlice(text, 0, limit);
}

/** char(n): as varchar(n), and padded with spaces. */
export function limitChar(text: string, modifier: number, isExplicit: boolean): string {
  if (modifier < 4) return text;
  const limit = modifier - 4;
  const length = charLength(text);
  if (length <= limit) return text + " ".repeat(limit - length);
  if (!isExplicit && !onlySpaces(charSlice(text, limit)))
    throw new SqlError("22001", `value too long for type character(${limit})`);
  return charSlice(text, 0, limit);
}

/** As many whole characters as fit in a name. */
export function limitName(text: string): string {
  if (text.length * 3 <= nameBytesMax) return text;
  const bytes = utf8(text);
  if (bytes.length <= nameBytesMax) return text;
  let end = nameBytesMax;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return fromUtf8(bytes.subarray(0, end));
}

const plain = (limit: (text: string, modifier: number) => string): TypeCodec => ({
  input: (text, modifier) => limit(text, modifier),
  output: textOf,
  receive: (bytes, modifier) => limit(fromUtf8(bytes), modifier),
  send: (value) => utf8(textOf(value)),
});

export const textCodec: TypeCodec = plain((text) => text);
export const varcharCodec: TypeCodec = plain((text, modifier) => limitVarchar(text, modifier, false));
export const bpcharCodec: TypeCodec = plain((text, modifier) => limitChar(text, modifier, false));
export const nameCodec: TypeCodec = plain(limitName);
/** "char" is one byte; those above 127 are told in octal. */
export function byteCharacter(text: string): string {
  const octal = /^\\([0-3][0-7][0-7])$/u.exec(text);
  const code = octal === null ? utf8(text)[0] : Number.parseInt(octal[1] ?? "0", 8);
  return code === undefined || code === 0 ? "" : String.fromCharCode(code);
}

export const byteCharacterText = (value: string): string =>
  value > "\x7f" ? `\\${value.charCodeAt(0).toString(8)}` : value;

export const charCodec: TypeCodec = {
  input: byteCharacter,
  output: (value) => byteCharacterText(textOf(value)),
  receive: (bytes) => (bytes[0] === undefined || bytes[0] === 0 ? "" : String.fromCharCode(bytes[0])),
  send: (value) => Uint8Array.of(textOf(value).charCodeAt(0) || 0),
};
/** void shows as nothing, and anything is read as it. */
export const voidCodec: TypeCodec = plain(() => "");
