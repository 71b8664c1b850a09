/**
 * A disk with planned faults around another one. Each plan names a kind, the files it concerns and the n-th operation of its
 * sort at which it strikes; each strike is counted, since a fault that never happened proves nothing.
 *
 *   readError         a read fails with EIO
 *   writeError        a write fails with EIO, nothing is written
 *   noSpace           a write fails with ENOSPC, nothing is written
 *   shortWrite        a write fails with EIO after its first half, cut in the middle of a sector
 *   tornWrite         a write fails with EIO after every other 512-byte sector
 *   syncError         a sync fails with EIO and makes nothing durable
 *   falseSync         a sync succeeds and makes nothing durable
 *   bitFlip           a write succeeds with one bit changed
 *   misdirectedWrite  a write succeeds at another place of the file
 */
import { assert } from "../types/assert.js";
import {
  type Disk,
  type DiskFile,
  diskError,
  type FileAccess,
  type FileStatus,
  type Space,
  type WriteMode,
} from "./disk.js";
import { tearBytes } from "./memory-disk.js";

export const faultKinds = [
  "readError",
  "writeError",
  "noSpace",
  "shortWrite",
  "tornWrite",
  "syncError",
  "falseSync",
  "bitFlip",
  "misdirectedWrite",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultPlan {
  readonly kind: FaultKind;
  /** Strikes at files whose path ends so; default all. */
  readonly pathEnd?: string;
  /** Strikes at the n-th matching operation, counted from 1. */
  readonly nth: number;
  /** Strikes at every matching operation from there on. */
  readonly forever?: boolean;
  /** bitFlip: which bit of the write; misdirectedWrite: by how many bytes it misses. */
  readonly argument?: number;
}

type Sort = "read" | "write" | "sync";

const sortOf = (kind: FaultKind): Sort => {
  if (kind === "readError") return "read";
  return kind === "syncError" || kind === "falseSync" ? "sync" : "write";
};

interface LivePlan extends FaultPlan {
  seen: number;
}

export class FaultDisk implements Disk {
  readonly inner: Disk;
  #plans: LivePlan[] = [];
  /** Strikes so far. */
  readonly struck: Record<FaultKind, number>;
  /** Operations so far, struck or not. */
  readonly operations: Record<Sort, number> = { read: 0, write: 0, sync: 0 };

  constructor(inner: Disk, plans: readonly FaultPlan[] = []) {
    this.inner = inner;
    this.struck = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
    for (const plan of plans) this.plan(plan);
  }

  plan(plan: FaultPlan): void {
    assert(plan.nth >= 1, "operations are counted from 1");
    this.#plans.push({ ...plan, seen: 0 });
  }

  /** Ends all faults. */
  heal(): void {
    this.#plans = [];
  }

  /** The fault that strikes this operation, if any. */
  strike(sort: Sort, path: string): FaultPlan | null {
    this.operations[sort]++;
    let found: FaultPlan | null = null;
    for (const plan of this.#plans) {
      if (sortOf(plan.kind) !== sort || !path.endsWith(plan.pathEnd ?? "")) continue;
      plan.seen++;
      const strikes = plan.forever === true ? plan.seen >= plan.nth : plan.seen === plan.nth;
      if (strikes && found === null) found = plan;
    }
    if (found !== null) this.struck[found.kind]++;
    return found;
  }

  open(path: string, access: FileAccess): DiskFile {
    return new FaultFile(this, this.inner.open(path, access));
  }

  create(path: string, access: WriteMode): DiskFile {
    return new FaultFile(this, this.inner.create(path, access));
  }

  makeDirectory(path: string): void {
    this.inner.makeDirectory(path);
  }

  holdDirectory(path: string): () => void {
    return this.inner.holdDirectory(path);
  }

  syncDirectory(path: string): void {
    const fault = this.strike("sync", path);
    if (fault?.kind === "falseSync") return;
    if (fault !== null) throw diskError({ operation: "sync directory", file: path, errno: "EIO" });
    this.inner.syncDirectory(path);
  }

  rename(from: string, to: string): void {
    this.inner.rename(from, to);
  }

  remove(path: string): void {
    this.inner.remove(path);
  }

  list(path: string): string[] {
    return this.inner.list(path);
  }

  status(path: string): FileStatus | null {
    return this.inner.status(path);
  }

  space(path: string): Space {
    return this.inner.space(path);
  }
}

class FaultFile implements DiskFile {
  readonly path: string;
  readonly access: FileAccess;
  readonly #disk: FaultDisk;
  readonly #inner: DiskFile;
  /** A second way to the file that takes any length at any place. */
  #open: DiskFile | null = null;

  constructor(disk: FaultDisk, inner: DiskFile) {
    this.#disk = disk;
    this.#inner = inner;
    this.path = inner.path;
    this.access = inner.access;
  }

  size(): number {
    return this.#inner.size();
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    if (this.#disk.strike("read", this.path) !== null)
      throw diskError({ operation: "read", file: this.path, errno: "EIO" });
    return this.#inner.read(target, from, length, at);
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    const fault = this.#disk.strike("write", this.path);
    if (fault === null) {
      this.#inner.write(source, from, length, at);
      return;
    }
    this.#faultyWrite(fault, source, from, length, at);
  }

  #faultyWrite(fault: FaultPlan, source: Uint8Array, from: number, length: number, at: number): void {
    const fail = (errno: string): never => {
      throw diskError({ operation: "write", file: this.path, errno });
    };
    switch (fault.kind) {
      case "noSpace":
        return fail("ENOSPC");
      case "shortWrite":
        this.#writeParts(source, from, at, [{ skip: 0, length: Math.floor(length / 2) - 3 }]);
        return fail("EIO");
      case "tornWrite": {
        const parts = [];
        for (let skip = 0; skip < length; skip += 2 * tearBytes)
          parts.push({ skip, length: Math.min(tearBytes, length - skip) });
        this.#writeParts(source, from, at, parts);
        return fail("EIO");
      }
      case "bitFlip": {
        const changed = source.slice(from, from + length);
        const bit = (fault.argument ?? 0) % (length * 8);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        return this.#past(() => this.#buffered().write(changed, 0, length, at));
      }
      case "misdirectedWrite":
        return this.#inner.write(source, from, length, at + (fault.argument ?? 4096));
      default:
        return fail("EIO");
    }
  }

  /** Parts of a write land at the medium, whatever mode the file is in. */
  #writeParts(source: Uint8Array, from: number, at: number, parts: readonly { skip: number; length: number }[]): void {
    this.#past(() => {
      const file = this.#buffered();
      for (const { skip, length } of parts) {
        if (length > 0) file.write(source.slice(from + skip, from + skip + length), 0, length, at + skip);
      }
    });
  }

  #buffered(): DiskFile {
    this.#open ??= this.#disk.inner.open(this.path, "fdatasync");
    return this.#open;
  }

  #past(work: () => void): void {
    work();
    this.#open?.sync();
    this.#open?.close();
    this.#open = null;
  }

  sync(): void {
    const fault = this.#disk.strike("sync", this.path);
    if (fault?.kind === "falseSync") return;
    if (fault !== null) throw diskError({ operation: "sync", file: this.path, errno: "EIO" });
    this.#inner.sync();
  }

  truncate(bytes: number): void {
    this.#inner.truncate(bytes);
  }

  close(): void {
    this.#inner.close();
  }
}
