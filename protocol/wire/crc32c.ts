/**
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected to 0x82F63B78; RFC 3720 appendix B.4), eight bytes a step over tables
 * (Kounavis and Berry, "slicing-by-8"). It guards frames against damage in transit, not against an attacker.
 *
 * Chaining: crc32c(b, …, crc32c(a, …)) equals the checksum of a followed by b, so that a frame's checksum skips its own field.
 */
import { assert } from "../../runtime/types/assert.js";

const polynomial = 0x82f63b78;

/** tables[k * 256 + b]: the checksum's change by byte b that stands k bytes before the end of an eight-byte step. */
const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  tables[byte] = crc;
}
for (let byte = 0; byte < 256; byte++) {
  for (let slice = 1; slice < 8; slice++) {
    const previous = tables[(slice - 1) * 256 + byte] ?? 0;
    tables[slice * 256 + byte] = (previous >>> 8) ^ (tables[previous & 0xff] ?? 0);
  }
}

/** Checksum of bytes[start..end), continued from `seed` (the checksum of what came before, 0 at the start). */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  assert(start >= 0 && start <= end && end <= bytes.length, "a checksum is taken over a range inside the bytes");
  const t = tables;
  let crc = ~seed;
  let at = start;
  const stepsEnd = end - 7;
  for (; at < stepsEnd; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (t[1792 + (low & 0xff)] as number) ^
      (t[1536 + ((low >>> 8) & 0xff)] as number) ^
      (t[1280 + ((low >>> 16) & 0xff)] as number) ^
      (t[1024 + (low >>> 24)] as number) ^
      (t[768 + (bytes[at + 4] as number)] as number) ^
      (t[512 + (bytes[at + 5] as number)] as number) ^
      (t[256 + (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
