/** Texts and numerics as bytes: what stored values and the nodes of a stored jsonb have in common. The forms stand in `value-bytes.ts`. */
import { assert } from "../../types/assert.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { Decimal } from "../types/decimal.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/**
 * Texts up to this length are read char by char when they are ASCII. V8 makes a rope of what is put together beyond 12 characters, a piece for each of
 * them: a text of 1,000 took 12 µs to read and flatten, and the collector four times as long; decoded it takes 2 µs, one of 16 half.
 */
const shortTextBytes = 12;

export function getText(bytes: Uint8Array, from: number, to: number): string {
  if (to - from <= shortTextBytes) {
    let text = "";
    let at = from;
    for (; at < to; at++) {
      const byte = bytes[at];
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (at === to) return text;
  }
  // A copy: decoders refuse shared memory.
  return decoder.decode(bytes.slice(from, to));
}

const specialForms = { NaN: 2, Infinity: 3, "-Infinity": 4 } as const;

export function writeDecimal(out: ByteWriter, value: Decimal): void {
  if (value.special !== null) {
    out.u8(specialForms[value.special]);
    return;
  }
  const { coefficient, scale } = value;
  assert(scale >= 0 && scale < 0x1_0000, "a scale fits 16 bits");
  out.u8(coefficient < 0n ? 1 : 0).u16(scale);
  let rest = coefficient < 0n ? -coefficient : coefficient;
  if (rest <= Number.MAX_SAFE_INTEGER) {
    for (let small = Number(rest); small > 0; small = Math.floor(small / 256)) out.u8(small % 256);
    return;
  }
  if (rest >= longFrom) {
    const digits = rest.toString(16);
    const groups = digits.padStart(Math.ceil(digits.length / 8) * 8, "0");
    for (let at = groups.length - 8; at >= 0; at -= 8) out.u32(Number.parseInt(groups.slice(at, at + 8), 16));
    return;
  }
  while (rest > 0n) {
    out.u32(Number(rest & 0xffff_ffffn));
    rest >>= 32n;
  }
}

/** From here on a coefficient goes through its digits: to shift it step by step would take the square of its length. */
const longBytes = 64;
const longFrom = 1n << BigInt(8 * longBytes);

export function getDecimal(bytes: Uint8Array, view: DataView, from: number, to: number): Decimal {
  const form = bytes[from];
  if (form === 2) return new Decimal(0n, 0, "NaN");
  if (form === 3) return new Decimal(0n, 0, "Infinity");
  if (form === 4) return new Decimal(0n, 0, "-Infinity");
  assert(form <= 1 && to - from >= 3, "a stored numeric has a known form");
  const scale = view.getUint16(from + 1, true);
  let magnitude: bigint;
  if (to - from <= 3 + 6) {
    let small = 0;
    for (let at = to - 1; at >= from + 3; at--) small = small * 256 + bytes[at];
    magnitude = BigInt(small);
  } else if (to - from > 3 + longBytes) {
    magnitude = BigInt(
      `0x${Buffer.from(bytes.subarray(from + 3, to))
        .reverse()
        .toString("hex")}`,
    );
  } else {
    magnitude = 0n;
    for (let at = to - 1; at >= from + 3; at--) magnitude = (magnitude << 8n) | BigInt(bytes[at]);
  }
  return new Decimal(form === 1 ? -magnitude : magnitude, scale);
}
