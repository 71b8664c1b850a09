/** Bytes and text for the binary formats: big-endian numbers, UTF-8. */
import { SqlError } from "../error.js";
import type { Int64 } from "./datum.js";
import { insufficientBinary, invalidBinary } from "./invalid.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** Throws 22021 for what is no UTF-8 and for U+0000, as PostgreSQL does. */
export function fromUtf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new SqlError("22021", `invalid byte sequence for encoding "UTF8": ${invalidSequence(bytes)}`);
  }
  if (text.includes("\0")) throw new SqlError("22021", 'invalid byte sequence for encoding "UTF8": 0x00');
  return text;
}

/** Text of UTF-8, cut between two characters where it is longer than so many bytes, with three points behind it. */
export function shortened(bytes: Uint8Array, bytesMax: number): string {
  if (bytes.length <= bytesMax) return lenient.decode(bytes);
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${lenient.decode(bytes.subarray(0, end))}...`;
}

/** The first bytes that are no character, as `0xc3 0x28`. */
function invalidSequence(bytes: Uint8Array): string {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] ?? 0);
    const sequence = bytes.subarray(at, at + length);
    if (sequence[0] === 0) return "0x00";
    try {
      decoder.decode(sequence);
    } catch {
      return [...sequence].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(" ");
    }
    at += length;
  }
  return "0x00";
}

const sequenceLength = (first: number): number =>
  first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? (first < 0xf0 ? 3 : 1) : first >= 0xc0 ? 2 : 1;

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Bytes of exactly this length, as a view. */
export function exactly(bytes: Uint8Array, length: number): DataView {
  if (bytes.length < length) throw insufficientBinary();
  if (bytes.length > length) throw invalidBinary();
  return viewOf(bytes);
}

export function fixed(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(viewOf(bytes));
  return bytes;
}

/** The one form of a 64-bit integer: a number while it is safe. */
export const int64 = (value: bigint): Int64 =>
  value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n ? Number(value) : value;

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
