/**
 * Memory that a device takes directly, and the write mode that a directory's file system allows.
 *
 * O_DIRECT wants memory at a multiple of the device's alignment, and JavaScript cannot ask where a buffer lies. But a buffer's
 * memory never moves, so the question is put to the kernel: allocate one sector more than needed and write from each 16-byte
 * offset to a scratch file until the write stops failing with EINVAL. Where every offset fails, or the file cannot be opened for direct
 * writes at all (tmpfs, some overlays), the next mode is taken: `dsync`, then `fdatasync`.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import { type Disk, type DiskFile, join, type WriteMode } from "./disk.js";

/** `buffer[from, from + bytes)` may be handed to files of `mode` and of every lesser mode. Plain data: it crosses threads. */
export interface AlignedMemory {
  readonly buffer: SharedArrayBuffer;
  readonly from: number;
  readonly bytes: number;
  readonly mode: WriteMode;
}

const probeStep = 16;
const scratchName = "write-mode-probe";

const isFull = (error: unknown): boolean => error instanceof KimberliteError && error.code === "diskFull";

const isInvalid = (error: unknown): boolean =>
  error instanceof KimberliteError && error.code === "storageFailed" && error.detail["errno"] === "EINVAL";

/** The offset below one sector from which direct writes succeed, or -1. */
function probe(file: DiskFile, memory: Uint8Array): number {
  for (let offset = 0; offset < sectorBytes; offset += probeStep) {
    try {
      file.write(memory, offset, sectorBytes, 0);
      return offset;
    } catch (error) {
      if (!isInvalid(error)) throw error;
    }
  }
  return -1;
}

function openScratch(disk: Disk, path: string, mode: WriteMode): DiskFile | null {
  try {
    return disk.create(path, mode);
  } catch (error) {
    if (isInvalid(error)) return null;
    throw error;
  }
}

/**
 * Allocates shared memory for writes to files in `directory`, and finds the best write mode there. Where there is no room to find out in, it is the
 * one that takes any memory: a node that starts on a full disk serves reads.
 *
 * @param mode tries this mode at best; the default tries all
 */
export function allocateAligned(
  disk: Disk,
  directory: string,
  bytes: number,
  mode: WriteMode = "direct",
): AlignedMemory {
  assert(bytes > 0 && bytes % sectorBytes === 0, "aligned memory is whole sectors");
  const buffer = new SharedArrayBuffer(bytes + sectorBytes);
  if (mode === "fdatasync") return { buffer, from: 0, bytes, mode };
  try {
    return probed(disk, directory, buffer, mode);
  } catch (error) {
    if (!isFull(error)) throw error;
    return { buffer, from: 0, bytes, mode: "fdatasync" };
  }
}

function probed(
  disk: Disk,
  directory: string,
  buffer: SharedArrayBuffer,
  mode: Exclude<WriteMode, "fdatasync">,
): AlignedMemory {
  const bytes = buffer.byteLength - sectorBytes;
  const memory = new Uint8Array(buffer);
  const path = join(directory, scratchName);
  for (const candidate of mode === "direct" ? (["direct", "dsync"] as const) : (["dsync"] as const)) {
    if (disk.status(path) !== null) disk.remove(path); // left by a process that ended here
    const file = openScratch(disk, path, candidate);
    if (disk.status(path) === null || file === null) continue;
    try {
      const from = probe(file, memory);
      if (from >= 0) return { buffer, from, bytes, mode: candidate };
    } finally {
      file.close();
      disk.remove(path);
    }
  }
  return { buffer, from: 0, bytes, mode: "fdatasync" };
}

export const bytesOf = (memory: AlignedMemory): Uint8Array => new Uint8Array(memory.buffer, memory.from, memory.bytes);
