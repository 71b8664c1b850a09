/**
 * The disk port: what storage asks of an operating system, small enough that three implementations (`real-disk.ts`,
 * `memory-disk.ts`, `fault-disk.ts`) pass one contract suite. All calls are synchronous: they are made in a thread whose job it is
 * to wait for the disk, since the asynchronous pool is shared by the whole process (one slow sync queue starved two healthy
 * replicas from 14,600 operations to 30).
 *
 * Write modes, best first:
 *   direct      O_DIRECT|O_DSYNC: past the page cache, durable when the call returns; offsets, lengths and memory are aligned
 *   dsync       O_DSYNC: through the page cache, durable when the call returns
 *   fdatasync   through the page cache, durable after `sync`
 *
 * Rules of the port:
 *   1. `write` writes everything or throws; what a write that threw left behind is unknown.
 *   2. After a failed `write` or `sync` the pages may be marked clean while the data is gone: the caller ends, it never retries.
 *   3. A created, renamed or removed name is durable after `syncDirectory`.
 *   4. Failures: a name that is missing is `dataMissing`, no space is `diskFull`, all else `storageFailed`; `detail.errno` has the
 *      system's name of it and `detail.file` the path.
 */
import { KimberliteError } from "../types/errors.js";

export type WriteMode = "direct" | "dsync" | "fdatasync";

/** How a file is opened: to write in one of the modes (reading is then possible too), or `read` through the page cache. */
export type FileAccess = WriteMode | "read";

export interface FileStatus {
  readonly bytes: number;
  readonly isDirectory: boolean;
  readonly device: number;
  readonly inode: number;
}

export interface Space {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface DiskFile {
  readonly path: string;
  readonly access: FileAccess;
  /** The file's length in bytes. */
  size(): number;
  /** Reads up to `length` bytes at `at` into `target[from…]`; gives back how many there were: fewer only at the end of the file. */
  read(target: Uint8Array, from: number, length: number, at: number): number;
  /** Writes `source[from, from + length)` at `at`; memory over a SharedArrayBuffer is fine. */
  write(source: Uint8Array, from: number, length: number, at: number): void;
  /** Makes all earlier writes durable. */
  sync(): void;
  truncate(bytes: number): void;
  /** Closing twice is fine. */
  close(): void;
}

export interface Disk {
  /** Opens an existing file. */
  open(path: string, access: FileAccess): DiskFile;
  /** Makes a file that must not exist yet. */
  create(path: string, access: WriteMode): DiskFile;
  /** Makes the directory and its parents where missing. */
  makeDirectory(path: string): void;
  syncDirectory(path: string): void;
  /** Keeps the directory's inode from being given to another one, even when its name is removed, until what comes back is called. */
  holdDirectory(path: string): () => void;
  rename(from: string, to: string): void;
  /** Removes a file; a missing one is `dataMissing`. */
  remove(path: string): void;
  /** Names in a directory, sorted. */
  list(path: string): string[];
  /** Null when nothing has that name. */
  status(path: string): FileStatus | null;
  space(path: string): Space;
}

export interface DiskFailure {
  readonly operation: string;
  readonly file: string;
  readonly errno: string;
  readonly cause?: unknown;
}

/** The error of rule 4, worded for the person who reads it. */
export function diskError({ operation, file, errno, cause }: DiskFailure): KimberliteError {
  const detail = { operation, file, errno };
  const options = cause === undefined ? { detail } : { detail, cause };
  if (errno === "ENOENT") return new KimberliteError("dataMissing", `${file} (${operation})`, options);
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return new KimberliteError("diskFull", `${operation} of ${file}`, options);
  return new KimberliteError("storageFailed", `${operation} of ${file} failed with ${errno}`, options);
}

/** A sector that cannot be read: with peers that is damage like any other, alone it stops the start. */
export const isUnreadable = (error: unknown): boolean =>
  error instanceof KimberliteError && error.code === "storageFailed" && error.detail["errno"] === "EIO";

/** Joins a directory and a name; the port's paths always use `/`. */
export const join = (directory: string, name: string): string => `${directory}/${name}`;
export const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 1));
