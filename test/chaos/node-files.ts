/** A node's files from the outside: damaged, set back, lost, and on a disk of their own that can be filled. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A stretch of a file that was changed behind a node's back. */
export interface DamagedPlace {
  readonly file: string;
  readonly at: number;
  readonly before: Uint8Array;
}

export const shardFile = (data: string, shard: number, name: string): string => join(data, `shard-${shard}`, name);

function withFile<Result>(file: string, flags: string, work: (fd: number) => Result): Result {
  const fd = openSync(file, flags);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

export const sizeOf = (file: string): number =>
  existsSync(file) ? withFile(file, "r", (fd) => fstatSync(fd).size) : 0;

function bytesAt(file: string, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const count = withFile(file, "r", (fd) => readSync(fd, bytes, 0, length, at));
  return bytes.subarray(0, count);
}

/** Synced: nodes write past the page cache, and nothing that waits there may come out behind their backs. */
function overwrite(file: string, at: number, bytes: Uint8Array): void {
  withFile(file, "r+", (fd) => {
    writeSync(fd, bytes, 0, bytes.length, at);
    fsyncSync(fd);
  });
}

/** Turns bits over, fills with zeros or with noise, as chance has it; never leaves the bytes as they were. */
export function damage(file: string, at: number, length: number, random: () => number): DamagedPlace {
  const before = bytesAt(file, at, length);
  const after = before.slice();
  const kind = random();
  if (kind < 0.4) after[Math.floor(random() * after.length)] ^= 1 << Math.floor(random() * 8);
  else if (kind < 0.7) for (let index = 0; index < after.length; index++) after[index] = Math.floor(random() * 256);
  else after.fill(0);
  if (Buffer.compare(before, after) === 0 && after.length > 0) after[0] ^= 0xff;
  overwrite(file, at, after);
  return { file, at, before };
}

/** True when the place holds again what was there before it was damaged. */
export const isHealed = ({ file, at, before }: DamagedPlace): boolean =>
  existsSync(file) && Buffer.compare(bytesAt(file, at, before.length), before) === 0;

export const putBack = ({ file, at, before }: DamagedPlace): void => overwrite(file, at, before);

/** Replaces a directory's content by a copy of another's. */
export function copyDirectory(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

// ------------------------------------------------------------------ disks

/** Whether this process may mount a file system. */
export function mayMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), "kimberlite-mount-"));
  try {
    mountSmallDisk(path, 1024 * 1024);
    unmountDisk(path);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

export function mountSmallDisk(path: string, bytes: number): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path], { stdio: "pipe" });
}

export function unmountDisk(path: string): void {
  execFileSync("umount", ["-l", path], { stdio: "pipe" });
}

const neighbourOf = (disk: string): string => join(disk, "neighbour");

/** Another's file takes all the space there is. @returns bytes left */
export function fillDisk(disk: string): number {
  writeFileSync(neighbourOf(disk), "");
  withFile(neighbourOf(disk), "a", (fd) => {
    const chunk = new Uint8Array(1024 * 1024).fill(1);
    try {
      for (;;) writeSync(fd, chunk);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  });
  return freeOf(disk);
}

export function freeDisk(disk: string): void {
  rmSync(neighbourOf(disk), { force: true });
}

export const freeOf = (disk: string): number => {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
};
