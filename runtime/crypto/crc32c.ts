/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78; RFC 3720 appendix B.4): the quick check of a stored record or a wire
 * frame. It catches accidents, not intent: it is linear, so it never serves as an identity. SHA-256 decides.
 *
 * Slice-by-8: eight tables let one step consume eight bytes with independent look-ups. No allocation, no view creation:
 * callers pass the range.
 */
import { assert } from "../types/assert.js";

const polynomial = 0x82f63b78;
const tables = new Int32Array(8 * 256);

for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial;
  tables[byte] = crc;
}
for (let index = 256; index < tables.length; index++) {
  const shorter = tables[index - 256] ?? 0;
  tables[index] = (shorter >>> 8) ^ (tables[shorter & 0xff] ?? 0);
}

const at = (index: number): number => tables[index] as number;

/**
 * CRC32C of `bytes[from, to)` as an unsigned 32-bit number.
 *
 * @param seed the CRC of what came before, to continue over several ranges; 0 starts anew
 */
export function crc32c(bytes: Uint8Array, from = 0, to: number = bytes.length, seed = 0): number {
  assert(from >= 0 && from <= to, "a checksum's range does not run backwards");
  assert(to <= bytes.length, "a checksum's range lies within its bytes");
  let crc = ~seed;
  let index = from;
  const wholeTo = to - ((to - from) % 8);
  while (index < wholeTo) {
    crc ^=
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24);
    crc =
      at(1792 + (crc & 0xff)) ^
      at(1536 + ((crc >>> 8) & 0xff)) ^
      at(1280 + ((crc >>> 16) & 0xff)) ^
      at(1024 + (crc >>> 24)) ^
      at(768 + (bytes[index + 4] as number)) ^
      at(512 + (bytes[index + 5] as number)) ^
      at(256 + (bytes[index + 6] as number)) ^
      at(bytes[index + 7] as number);
    index += 8;
  }
  while (index < to) {
    crc = (crc >>> 8) ^ at((crc ^ (bytes[index] as number)) & 0xff);
    index++;
  }
  return ~crc >>> 0;
}
