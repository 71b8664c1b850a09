/**
 * DER (X.690), writing side: the handful of types that a certificate is made of. A value is its tag, its length and its content;
 * lengths from 128 on are written as a count of bytes and the bytes, most significant first, in the shortest form.
 */
import { assert } from "../types/assert.js";

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

function lengthBytes(length: number): number[] {
  assert(length >= 0 && length < 2 ** 24, "a value of a certificate is shorter than 16 MiB");
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return [0x80 | digits.length, ...digits];
}

export function derValue(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  assert(tag > 0 && tag < 0x100 && (tag & 0x1f) !== 0x1f, "a tag is one byte");
  const body = joined(content);
  return joined([Uint8Array.from([tag, ...lengthBytes(body.length)]), body]);
}

export const derSequence = (...values: readonly Uint8Array[]): Uint8Array => derValue(0x30, ...values);
export const derSet = (...values: readonly Uint8Array[]): Uint8Array => derValue(0x31, ...values);
export const derTrue = derValue(0x01, Uint8Array.of(0xff));
export const derOctets = (...content: readonly Uint8Array[]): Uint8Array => derValue(0x04, ...content);
export const derText = (text: string): Uint8Array => derValue(0x0c, new TextEncoder().encode(text));

/** A non-negative whole number from its bytes, most significant first. */
export function derInteger(bytes: Uint8Array): Uint8Array {
  assert(bytes.length > 0, "a number has a byte");
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const digits = bytes.subarray(from);
  // A leading bit would be a sign.
  return derValue(0x02, (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0), digits);
}

/** @param unusedBits bits of the last byte that do not count */
export const derBits = (bytes: Uint8Array, unusedBits = 0): Uint8Array =>
  derValue(0x03, Uint8Array.of(unusedBits), bytes);

/** "1.2.840.10045.4.3.2" */
export function derObjectId(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  assert(first <= 2 && second < 40 && rest.every(Number.isSafeInteger), "an object id is whole numbers with dots");
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part % 128];
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift(0x80 | (left % 128));
    bytes.push(...digits);
  }
  return derValue(0x06, Uint8Array.from(bytes));
}

/** RFC 5280, 4.1.2.5: two digits of the year until 2049, four from 2050 on. */
export function derTime(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  const isFar = digits >= "2050";
  return derValue(isFar ? 0x18 : 0x17, new TextEncoder().encode(`${isFar ? digits : digits.slice(2)}Z`));
}
