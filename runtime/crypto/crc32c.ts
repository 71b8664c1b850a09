/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78; RFC 3720 appendix B.4): the quick check of a stored record or a wire
 * frame. It catches accidents, not intent: it is linear, so it never serves as an identity. SHA-256 decides.
 *
 * Slice-by-16: sixteen tables let one step consume sixteen bytes with independent look-ups, 1.7 GB/s where eight tables reach 1.3. Words
 * are read through a DataView; hot callers have one over their memory and pass it (`crc32cOf`), since making one costs as much as the
 * checksum of 100 bytes.
 */
import { assert } from "../types/assert.js";

const polynomial = 0x82f63b78;
const slices = 16;
const tables = new Int32Array(slices * 256);

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
 * CRC32C of the bytes [from, to) of a view as an unsigned 32-bit number.
 *
 * @param seed the CRC of what came before, to continue over several ranges; 0 starts anew
 */
export function crc32cOf(view: DataView, from: number, to: number, seed = 0): number {
  assert(from >= 0 && from <= to, "a checksum's range does not run backwards");
  assert(to <= view.byteLength, "a checksum's range lies within its bytes");
  let crc = ~seed;
  let index = from;
  const wholeTo = to - ((to - from) % slices);
  while (index < wholeTo) {
    const first = crc ^ view.getInt32(index, true);
    const second = view.getInt32(index + 4, true);
    const third = view.getInt32(index + 8, true);
    const fourth = view.getInt32(index + 12, true);
    crc =
      at(3840 + (first & 0xff)) ^
      at(3584 + ((first >>> 8) & 0xff)) ^
      at(3328 + ((first >>> 16) & 0xff)) ^
      at(3072 + (first >>> 24)) ^
      at(2816 + (second & 0xff)) ^
      at(2560 + ((second >>> 8) & 0xff)) ^
      at(2304 + ((second >>> 16) & 0xff)) ^
      at(2048 + (second >>> 24)) ^
      at(1792 + (third & 0xff)) ^
      at(1536 + ((third >>> 8) & 0xff)) ^
      at(1280 + ((third >>> 16) & 0xff)) ^
      at(1024 + (third >>> 24)) ^
      at(768 + (fourth & 0xff)) ^
      at(512 + ((fourth >>> 8) & 0xff)) ^
      at(256 + ((fourth >>> 16) & 0xff)) ^
      at(fourth >>> 24);
    index += slices;
  }
  if (to - index >= 8) {
    const first = crc ^ view.getInt32(index, true);
    const second = view.getInt32(index + 4, true);
    crc =
      at(1792 + (first & 0xff)) ^
      at(1536 + ((first >>> 8) & 0xff)) ^
      at(1280 + ((first >>> 16) & 0xff)) ^
      at(1024 + (first >>> 24)) ^
      at(768 + (second & 0xff)) ^
      at(512 + ((second >>> 8) & 0xff)) ^
      at(256 + ((second >>> 16) & 0xff)) ^
      at(second >>> 24);
    index += 8;
  }
  while (index < to) {
    crc = (crc >>> 8) ^ at((crc ^ view.getUint8(index)) & 0xff);
    index++;
  }
  return ~crc >>> 0;
}

/** CRC32C of `bytes[from, to)`, for callers without a view. */
export const crc32c = (bytes: Uint8Array, from = 0, to: number = bytes.length, seed = 0): number =>
  crc32cOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), from, to, seed);
