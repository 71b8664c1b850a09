/** The disk port over synchronous `node:fs`. The only file of the product that touches the file system's files. */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { assert } from "../types/assert.js";
import type { KimberliteError } from "../types/errors.js";
import {
  type Disk,
  type DiskFile,
  diskError,
  type FileAccess,
  type FileStatus,
  type Space,
  type WriteMode,
} from "./disk.js";

// Undefined on systems that lack them: there the open below reports what it cannot do and the next mode is tried.
const directFlag: number | undefined = constants.O_DIRECT;
const dsyncFlag: number | undefined = constants.O_DSYNC;

function errnoOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : "EUNKNOWN";
}

const failure = (operation: string, file: string, cause: unknown): KimberliteError =>
  diskError({ operation, file, errno: errnoOf(cause), cause });

function flagsOf(path: string, access: FileAccess): number {
  if (access === "read") return constants.O_RDONLY;
  if (access === "fdatasync") return constants.O_RDWR;
  const wanted = access === "direct" ? [directFlag, dsyncFlag] : [dsyncFlag];
  let flags: number = constants.O_RDWR;
  for (const flag of wanted) {
    if (flag === undefined) throw diskError({ operation: `open for ${access}`, file: path, errno: "EINVAL" });
    flags |= flag;
  }
  return flags;
}

class RealFile implements DiskFile {
  readonly path: string;
  readonly access: FileAccess;
  #fd: number;

  constructor(path: string, access: FileAccess, fd: number) {
    this.path = path;
    this.access = access;
    this.#fd = fd;
  }

  size(): number {
    assert(this.#fd >= 0, "a closed file is not asked for its size");
    return fstatSync(this.#fd).size;
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    assert(this.#fd >= 0, "a closed file is not read");
    assert(from + length <= target.length, "a read stays within its target");
    let done = 0;
    while (done < length) {
      let count: number;
      try {
        count = readSync(this.#fd, target, from + done, length - done, at + done);
      } catch (cause) {
        throw failure("read", this.path, cause);
      }
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    assert(this.#fd >= 0, "a closed file is not written");
    assert(from + length <= source.length, "a write stays within its source");
    let done = 0;
    while (done < length) {
      let count: number;
      try {
        count = writeSync(this.#fd, source, from + done, length - done, at + done);
      } catch (cause) {
        throw failure("write", this.path, cause);
      }
      if (count === 0) throw diskError({ operation: "write", file: this.path, errno: "EIO" });
      done += count;
    }
  }

  sync(): void {
    assert(this.#fd >= 0, "a closed file is not synced");
    if (this.access === "direct" || this.access === "dsync") return; // each write was durable when it returned
    try {
      fdatasyncSync(this.#fd);
    } catch (cause) {
      throw failure("sync", this.path, cause);
    }
  }

  truncate(bytes: number): void {
    assert(this.#fd >= 0, "a closed file is not truncated");
    try {
      ftruncateSync(this.#fd, bytes);
    } catch (cause) {
      throw failure("truncate", this.path, cause);
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }
}

export class RealDisk implements Disk {
  open(path: string, access: FileAccess): DiskFile {
    const flags = flagsOf(path, access);
    return this.#run(`open for ${access}`, path, () => new RealFile(path, access, openSync(path, flags)));
  }

  create(path: string, access: WriteMode): DiskFile {
    const flags = flagsOf(path, access) | constants.O_CREAT | constants.O_EXCL;
    return this.#run("create", path, () => new RealFile(path, access, openSync(path, flags, 0o600)));
  }

  makeDirectory(path: string): void {
    this.#run("make directory", path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  }

  syncDirectory(path: string): void {
    this.#run("sync directory", path, () => {
      const fd = openSync(path, constants.O_RDONLY);
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  holdDirectory(path: string): () => void {
    return this.#run("hold directory", path, () => {
      const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      return () => closeSync(fd);
    });
  }

  rename(from: string, to: string): void {
    this.#run("rename", from, () => renameSync(from, to));
  }

  remove(path: string): void {
    this.#run("remove", path, () => unlinkSync(path));
  }

  list(path: string): string[] {
    return this.#run("list", path, () => readdirSync(path)).sort();
  }

  status(path: string): FileStatus | null {
    const found = this.#run("status", path, () => statSync(path, { throwIfNoEntry: false }));
    if (found === undefined) return null;
    return { bytes: found.size, isDirectory: found.isDirectory(), device: found.dev, inode: found.ino };
  }

  space(path: string): Space {
    const found = this.#run("space", path, () => statfsSync(path));
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  }

  #run<Result>(operation: string, path: string, work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      throw failure(operation, path, cause);
    }
  }
}
