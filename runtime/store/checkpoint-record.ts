/**
 * The checkpoint record: what the superblock keeps of a checkpoint, and all that opening a store needs beside the page file.
 * 72 bytes, little-endian:
 *
 *     0   magic "KMBC" · 4 format version u32 (1) · 8 page size u32 · 12 cluster u32 (first bytes of the cluster id)
 *     16  version u64 · 24 page count u64 · 32 root page u32 · 36 checksum of the root page u32
 *     40  first page of the free list u32 (0 = none) · 44 free pages u32 · 48 pages of the free list u32 · 52 zero
 *     60  zero u64 · 68 CRC32C of bytes 0 to 68
 */
import { crc32c } from "../crypto/crc32c.js";
import { KimberliteError } from "../types/errors.js";
import { pageBytes, wordSpan } from "./layout.js";

const checkpointRecordBytes = 72;
const magic = 0x4342_4d4b; // "KMBC"
const formatVersion = 1;

export interface CheckpointRecord {
  readonly cluster: number;
  readonly version: number;
  /** Pages of the file, page 0 included. */
  readonly pageCount: number;
  readonly rootPage: number;
  readonly rootChecksum: number;
  readonly freeListPage: number;
  readonly freePages: number;
  readonly freeListPages: number;
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % wordSpan, true);
  view.setUint32(at + 4, Math.floor(value / wordSpan), true);
}

const getU64 = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) * wordSpan + view.getUint32(at, true);

export function encodeCheckpointRecord(record: CheckpointRecord): Uint8Array {
  const bytes = new Uint8Array(checkpointRecordBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, formatVersion, true);
  view.setUint32(8, pageBytes, true);
  view.setInt32(12, record.cluster, true);
  setU64(view, 16, record.version);
  setU64(view, 24, record.pageCount);
  view.setUint32(32, record.rootPage, true);
  view.setUint32(36, record.rootChecksum, true);
  view.setUint32(40, record.freeListPage, true);
  view.setUint32(44, record.freePages, true);
  view.setUint32(48, record.freeListPages, true);
  view.setUint32(68, crc32c(bytes, 0, 68), true);
  return bytes;
}

/** Throws `dataCorrupt`, or `formatUnsupported` for a record of another format or page size. */
export function decodeCheckpointRecord(bytes: Uint8Array): CheckpointRecord {
  const corrupt = (what: string): KimberliteError =>
    new KimberliteError("dataCorrupt", `checkpoint record: ${what}`, { detail: { kind: "checkpoint record", what } });
  if (bytes.length < checkpointRecordBytes) throw corrupt(`it has ${bytes.length} bytes of ${checkpointRecordBytes}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic) throw corrupt("it does not begin with its mark");
  if (view.getUint32(68, true) !== crc32c(bytes, 0, 68)) throw corrupt("its checksum does not match");
  const format = view.getUint32(4, true);
  const pageSize = view.getUint32(8, true);
  if (format !== formatVersion || pageSize !== pageBytes) {
    throw new KimberliteError("formatUnsupported", `checkpoint format ${format} with pages of ${pageSize} bytes`, {
      detail: { format, pageBytes: pageSize },
    });
  }
  const record = {
    cluster: view.getInt32(12, true),
    version: getU64(view, 16),
    pageCount: getU64(view, 24),
    rootPage: view.getUint32(32, true),
    rootChecksum: view.getUint32(36, true),
    freeListPage: view.getUint32(40, true),
    freePages: view.getUint32(44, true),
    freeListPages: view.getUint32(48, true),
  };
  if (!Number.isSafeInteger(record.version) || record.version < 0) throw corrupt("its version is out of range");
  if (record.rootPage === 0 || record.rootPage >= record.pageCount) throw corrupt("its root page is outside the file");
  if (record.freeListPage >= record.pageCount) throw corrupt("its free list is outside the file");
  return record;
}
