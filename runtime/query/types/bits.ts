/** bit(n) and bit varying(n): strings of bits, as texts of 0 and 1. Written as those or, behind an `x`, as hexadecimal digits. */
import { SqlError } from "../error.js";
import { viewOf } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import { insufficientBinary, invalidBinary } from "./invalid.js";
import { textOf } from "./text.js";
import { bitsMax } from "./type-name.js";

export const tooManyBits = (): SqlError =>
  new SqlError("54000", `bit string length exceeds the maximum allowed (${bitsMax})`);

export const otherBitLength = (bits: string, length: number): SqlError =>
  new SqlError("22026", `bit string length ${bits.length} does not match type bit(${length})`);

export const tooLongBits = (length: number): SqlError =>
  new SqlError("22001", `bit string too long for type bit varying(${length})`);

/** Throws 22P02 for a digit that is none, 54000 for more bits than any has. */
function digitsOf(text: string): string {
  const isHex = /^x/iu.test(text);
  const digits = /^[bx]/iu.test(text) ? text.slice(1) : text;
  const [wrong] = (isHex ? /[^\da-f]/iu : /[^01]/u).exec(digits) ?? [];
  if (wrong !== undefined)
    throw new SqlError("22P02", `"${wrong}" is not a valid ${isHex ? "hexadecimal" : "binary"} digit`);
  if (digits.length * (isHex ? 4 : 1) > bitsMax) throw tooManyBits();
  return isHex ? digits.replace(/./gu, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0")) : digits;
}

/** @param modifier bits that there must be; -1 for any */
export function bitsFromText(text: string, modifier: number): string {
  const bits = digitsOf(text);
  if (modifier > 0 && bits.length !== modifier) throw otherBitLength(bits, modifier);
  return bits;
}

function varbitFromText(text: string, modifier: number): string {
  const bits = digitsOf(text);
  if (modifier > 0 && bits.length > modifier) throw tooLongBits(modifier);
  return bits;
}

/** Eight bits a byte, the first the highest, and zeros behind the last. */
export function packBits(bits: string): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  for (let at = 0; at < bits.length; at++) if (bits.charCodeAt(at) === 49) bytes[at >> 3] |= 0x80 >> (at & 7);
  return bytes;
}

const eightBits = Array.from({ length: 256 }, (_, byte) => byte.toString(2).padStart(8, "0"));

export function unpackBits(bytes: Uint8Array, length: number): string {
  let text = "";
  for (const byte of bytes) text += eightBits[byte];
  return text.slice(0, length);
}

function receiveBits(bytes: Uint8Array): string {
  if (bytes.length < 4) throw insufficientBinary();
  const length = viewOf(bytes).getInt32(0);
  if (length < 0 || length > bitsMax) throw invalidBinary("invalid length in external bit string");
  const end = 4 + Math.ceil(length / 8);
  if (bytes.length < end) throw insufficientBinary();
  if (bytes.length > end) throw invalidBinary();
  return unpackBits(bytes.subarray(4), length);
}

function sendBits(bits: string): Uint8Array {
  const packed = packBits(bits);
  const bytes = new Uint8Array(4 + packed.length);
  viewOf(bytes).setInt32(0, bits.length);
  bytes.set(packed, 4);
  return bytes;
}

export const bitCodec: TypeCodec = {
  input: bitsFromText,
  output: textOf,
  receive: (bytes, modifier) => {
    const bits = receiveBits(bytes);
    if (modifier > 0 && bits.length !== modifier) throw otherBitLength(bits, modifier);
    return bits;
  },
  send: (value) => sendBits(textOf(value)),
};

export const varbitCodec: TypeCodec = {
  input: varbitFromText,
  output: textOf,
  receive: (bytes, modifier) => {
    const bits = receiveBits(bytes);
    if (modifier > 0 && bits.length > modifier) throw tooLongBits(modifier);
    return bits;
  },
  send: (value) => sendBits(textOf(value)),
};
