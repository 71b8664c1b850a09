/** A small replica for tests: 64 KiB segments, bodies up to 20 KiB, contents that follow from op and size. */
import { crc32c } from "../../runtime/crypto/crc32c.js";
import type { Disk, WriteMode } from "../../runtime/storage/disk.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import { type LogGeometry, placePrepare } from "../../runtime/storage/log-geometry.js";
import { type LogPosition, logBeginning } from "../../runtime/storage/log-position.js";
import type { LogWriter } from "../../runtime/storage/log-writer.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { PrepareCursor } from "../../runtime/storage/prepare-cursor.js";
import { formatReplica, openReplica, type ReplicaStorage } from "../../runtime/storage/replica-storage.js";
import { appendAlone } from "./append-alone.js";

export const clusterId = new Uint8Array(16).fill(0xc1);
export const geometry: LogGeometry = { segmentBytes: 64 * 1024, bodyBytesMax: 20 * 1024 };
export const root = "/data/r0";
export const identity = { clusterId, replica: 0, replicaCount: 1 };
const recordHead = 8;

let formatted: MemoryDisk | null = null;

/** A disk with an empty replica on it. */
export function newDisk(): MemoryDisk {
  if (formatted === null) {
    formatted = new MemoryDisk();
    formatted.makeDirectory("/data");
    formatReplica(formatted, root, identity, geometry);
  }
  return formatted.clone();
}

export const open = (disk: Disk, mode: WriteMode = "direct"): ReplicaStorage =>
  openReplica({ disk, directory: root, geometry, ringBytes: geometry.segmentBytes, mode });

export function closeAll({ log, superblock }: ReplicaStorage): void {
  log.close();
  superblock.close();
}

/** One record that fills the body. */
export function bodyOf(op: number, bytes: number): Uint8Array {
  const body = new Uint8Array(bytes);
  const view = new DataView(body.buffer);
  for (let at = recordHead; at < bytes; at++) body[at] = (op * 31 + at * 7) & 0xff;
  view.setUint32(0, bytes - recordHead, true);
  view.setUint32(4, crc32c(body, recordHead), true);
  return body;
}

/** Appends a body as the shard and the replica do together; gives the prepare's address. */
export function append(log: LogWriter, bytes: number): number {
  const op = log.op + 1;
  const address = placePrepare(log.geometry, log.end, bytes);
  log.tail.reserve(address + Math.ceil((headerBytes + bytes) / 4096) * 4096);
  log.tail.bytes.set(bodyOf(op, bytes), log.tail.offsetOf(address) + headerBytes);
  appendAlone(log, address, bytes, 1, op * 10, op - 1);
  return address;
}

export interface Walked {
  readonly op: number;
  readonly address: number;
  readonly bytes: number;
}

/** Walks the durable log and checks every body. */
export function walk(disk: Disk, end: number, from: LogPosition = logBeginning(clusterId)): Walked[] {
  const cursor = PrepareCursor.open(disk, root, geometry, clusterId, from);
  const seen: Walked[] = [];
  while (cursor.next(end)) {
    const { op, address, bodyBytes } = cursor.header;
    const body = cursor.bytes.slice(cursor.bodyStart, cursor.bodyStart + bodyBytes);
    const wanted = bodyOf(op, bodyBytes);
    if (Buffer.compare(body, wanted) !== 0) throw new Error(`the body of op ${op} is not what was appended`);
    seen.push({ op, address, bytes: bodyBytes });
  }
  cursor.close();
  return seen;
}

export function seeded(seed: number): () => number {
  let state = seed + 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
