/**
 * Page 0 of a page file: 0 "KMBPAGES" · 8 format version u32 (1) · 12 page size u32 · 16 cluster u32 · 20 CRC32C of bytes 0 to 20.
 */
import { crc32c } from "../crypto/crc32c.js";
import { KimberliteError } from "../types/errors.js";
import { pageBytes } from "./layout.js";
import { type PageFile, pageCorrupt } from "./page-file.js";

const headBytes = 24;
const magicLow = 0x50_42_4d_4b; // "KMBP"
const magicHigh = 0x53_45_47_41; // "AGES"
const formatVersion = 1;

export function writeFileHead(file: PageFile, cluster: number): void {
  const bytes = new Uint8Array(pageBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magicLow, true);
  view.setUint32(4, magicHigh, true);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, pageBytes, true);
  view.setInt32(16, cluster, true);
  view.setUint32(20, crc32c(bytes, 0, 20), true);
  file.write(bytes, 0, pageBytes, 0);
  file.sync();
}

/** Throws `dataCorrupt`, or `formatUnsupported` for another format or page size. */
export function checkFileHead(file: PageFile, cluster: number): void {
  const bytes = new Uint8Array(headBytes);
  const view = new DataView(bytes.buffer);
  if (file.read(bytes, 0, headBytes, 0) !== headBytes)
    throw pageCorrupt(file, 0, "file head", "the file ends before it");
  if (view.getUint32(0, true) !== magicLow || view.getUint32(4, true) !== magicHigh) {
    throw pageCorrupt(file, 0, "file head", "it does not begin with its mark");
  }
  if (view.getUint32(20, true) !== crc32c(bytes, 0, 20))
    throw pageCorrupt(file, 0, "file head", "its checksum does not match");
  const format = view.getUint32(8, true);
  const size = view.getUint32(12, true);
  if (format !== formatVersion || size !== pageBytes) {
    throw new KimberliteError("formatUnsupported", `${file.path} has format ${format} and pages of ${size} bytes`, {
      detail: { file: file.path, format, pageBytes: size },
    });
  }
  if (view.getInt32(16, true) !== cluster) throw pageCorrupt(file, 0, "file head", "it belongs to another cluster");
}
