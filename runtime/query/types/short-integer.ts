/** Integers of few digits out of text in bytes, as most are: read without a text being made of them. */

/** Digits of which every number is safe. */
const shortDigits = 15;

/** A plain decimal number, an optional minus and a few digits; NaN for all else. */
export function shortInteger(bytes: Uint8Array, from: number, to: number): number {
  const isNegative = bytes[from] === 0x2d;
  const first = isNegative ? from + 1 : from;
  if (to - first < 1 || to - first > shortDigits) return Number.NaN;
  let value = 0;
  for (let at = first; at < to; at++) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return isNegative && value !== 0 ? -value : value;
}
