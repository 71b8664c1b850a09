/**
 * The disk port in memory, with a disk's bad habits: what was not synced may be lost, in any subset of its sectors, when the power
 * is cut. Used by crash tests and, later, by the simulator.
 *
 * Model: a file has bytes as the system shows them (`current`) and as the medium holds them (`durable`). A buffered write changes
 * `current` and marks sectors dirty; a sync copies dirty sectors to `durable`; a direct or dsync write does both. Names work
 * likewise: changes of a directory are listed until it is synced. A cut can come before or within any operation that changes
 * something; then every later operation fails, and `restart` makes the state that the next start finds: of each dirty sector the old
 * or the new bytes, of each directory some prefix of its listed changes, of a write in flight any subset of its sectors.
 *
 * Sectors are 512 bytes here, less than the 4 KiB that storage writes at once: a 4 KiB write can tear.
 */
import { assert } from "../types/assert.js";
import {
  type Disk,
  type DiskFile,
  diskError,
  type FileAccess,
  type FileStatus,
  parentOf,
  type Space,
  type WriteMode,
} from "./disk.js";

export const tearBytes = 512;

interface Inode {
  readonly number: number;
  current: Uint8Array;
  durable: Uint8Array;
  readonly dirty: Set<number>;
}

type NameChange = (names: Map<string, Inode>) => void;

export interface MemoryDiskOptions {
  /** False refuses direct files, as tmpfs does. */
  readonly direct?: boolean;
  /** Total space; more is `diskFull`. */
  readonly capacityBytes?: number;
}

export class MemoryDisk implements Disk {
  readonly #direct: boolean;
  capacityBytes: number;
  readonly #directories = new Set<string>();
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  readonly #pending = new Map<string, NameChange[]>();
  #nextInode = 1;
  #life = 1;
  #cut = false;
  #cutAt = Number.POSITIVE_INFINITY;
  #random: () => number = () => 0;
  /** Operations so far that change something: the points at which a cut can come. */
  operations = 0;
  /** Sectors and names that cuts have taken back. */
  lost = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.#direct = options.direct ?? true;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Cuts the power within the operation of that number (see `operations`). */
  cutPowerAt(operation: number, random: () => number): void {
    assert(operation > this.operations, "a cut lies in the future");
    this.#cutAt = operation;
    this.#random = random;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  /** Cuts the power now if it is not cut, then shows what the medium held. Files opened before are dead. */
  restart(random: () => number = this.#random): void {
    for (const inode of new Set([...this.#names.values(), ...this.#durableNames.values()]))
      this.#loseSectors(inode, random);
    for (const changes of this.#pending.values()) {
      const kept = Math.floor(random() * (changes.length + 1));
      for (const change of changes.slice(0, kept)) change(this.#durableNames);
      this.lost += changes.length - kept;
    }
    this.#pending.clear();
    this.#names = new Map(this.#durableNames);
    this.#life++;
    this.#cut = false;
    this.#cutAt = Number.POSITIVE_INFINITY;
  }

  #loseSectors(inode: Inode, random: () => number): void {
    if (inode.current.length !== inode.durable.length) {
      const length = random() < 0.5 ? inode.durable.length : inode.current.length;
      const resized = new Uint8Array(length);
      resized.set(inode.durable.subarray(0, length));
      inode.durable = resized;
    }
    for (const sector of inode.dirty) {
      if (random() < 0.5) this.lost++;
      else copySector(inode, sector);
    }
    inode.dirty.clear();
    inode.current = inode.durable.slice();
  }

  /** Counts an operation; true when the power goes during it. */
  #step(operation: string, file: string): boolean {
    if (this.#cut) throw diskError({ operation, file, errno: "EPOWERCUT" });
    this.operations++;
    if (this.operations < this.#cutAt) return false;
    this.#cut = true;
    return true;
  }

  #change(operation: string, path: string, change: NameChange): void {
    const cut = this.#step(operation, path);
    change(this.#names);
    const directory = parentOf(path);
    const listed = this.#pending.get(directory) ?? [];
    listed.push(change);
    this.#pending.set(directory, listed);
    if (cut) throw diskError({ operation, file: path, errno: "EPOWERCUT" });
  }

  #inode(operation: string, path: string): Inode {
    if (this.#cut) throw diskError({ operation, file: path, errno: "EPOWERCUT" });
    const inode = this.#names.get(path);
    if (inode === undefined) throw diskError({ operation, file: path, errno: "ENOENT" });
    return inode;
  }

  open(path: string, access: FileAccess): DiskFile {
    const inode = this.#inode("open", path);
    if (access === "direct" && !this.#direct)
      throw diskError({ operation: "open for direct", file: path, errno: "EINVAL" });
    return this.#file(path, access, inode);
  }

  create(path: string, access: WriteMode): DiskFile {
    if (access === "direct" && !this.#direct) throw diskError({ operation: "create", file: path, errno: "EINVAL" });
    if (this.#names.has(path)) throw diskError({ operation: "create", file: path, errno: "EEXIST" });
    if (!this.#directories.has(parentOf(path))) throw diskError({ operation: "create", file: path, errno: "ENOENT" });
    const inode: Inode = {
      number: this.#nextInode++,
      current: new Uint8Array(0),
      durable: new Uint8Array(0),
      dirty: new Set(),
    };
    this.#change("create", path, (names) => names.set(path, inode));
    return this.#file(path, access, inode);
  }

  #file(path: string, access: FileAccess, inode: Inode): DiskFile {
    const life = this.#life;
    const alive = (operation: string): void => {
      if (life !== this.#life) throw diskError({ operation, file: path, errno: "EBADF" });
    };
    return new MemoryFile(path, access, inode, {
      alive,
      step: (operation) => this.#step(operation, path),
      random: () => this.#random(),
      grow: (bytes) => this.#grow(path, bytes),
      isCut: () => this.#cut,
    });
  }

  #grow(path: string, bytes: number): void {
    if (this.space("").freeBytes < bytes) throw diskError({ operation: "write", file: path, errno: "ENOSPC" });
  }

  makeDirectory(path: string): void {
    for (let at = path; at.length > 1; at = parentOf(at)) this.#directories.add(at);
  }

  /** Nothing is used twice here. */
  holdDirectory(path: string): () => void {
    if (!this.#directories.has(path)) throw diskError({ operation: "hold directory", file: path, errno: "ENOENT" });
    return () => {};
  }

  syncDirectory(path: string): void {
    if (!this.#directories.has(path)) throw diskError({ operation: "sync directory", file: path, errno: "ENOENT" });
    if (this.#step("sync directory", path))
      throw diskError({ operation: "sync directory", file: path, errno: "EPOWERCUT" });
    for (const change of this.#pending.get(path) ?? []) change(this.#durableNames);
    this.#pending.delete(path);
  }

  rename(from: string, to: string): void {
    const inode = this.#inode("rename", from);
    this.#change("rename", from, (names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  remove(path: string): void {
    this.#inode("remove", path);
    this.#change("remove", path, (names) => names.delete(path));
  }

  list(path: string): string[] {
    if (this.#cut) throw diskError({ operation: "list", file: path, errno: "EPOWERCUT" });
    if (!this.#directories.has(path)) throw diskError({ operation: "list", file: path, errno: "ENOENT" });
    const all = [...this.#names.keys(), ...this.#directories];
    return all
      .filter((name) => parentOf(name) === path && name !== path)
      .map((name) => name.slice(path.length + 1))
      .sort();
  }

  status(path: string): FileStatus | null {
    if (this.#directories.has(path)) return { bytes: 0, isDirectory: true, device: 1, inode: 0 };
    const inode = this.#names.get(path);
    return inode === undefined
      ? null
      : { bytes: inode.current.length, isDirectory: false, device: 1, inode: inode.number };
  }

  space(_path: string): Space {
    let used = 0;
    for (const inode of new Set(this.#names.values())) used += inode.current.length;
    return { freeBytes: Math.max(this.capacityBytes - used, 0), totalBytes: this.capacityBytes };
  }

  /** Damages the medium behind everybody's back: both what is shown and what is durable. */
  damage(path: string, change: (bytes: Uint8Array) => void): void {
    const inode = this.#inode("damage", path);
    change(inode.current);
    inode.durable = inode.current.slice();
    inode.dirty.clear();
  }

  /** A copy of what a file shows. */
  contents(path: string): Uint8Array {
    return this.#inode("read", path).current.slice();
  }

  /** A second disk of the same durable contents: both can go on on their own. */
  clone(): MemoryDisk {
    const copy = new MemoryDisk({ direct: this.#direct, capacityBytes: this.capacityBytes });
    for (const directory of this.#directories) copy.#directories.add(directory);
    for (const [path, inode] of this.#durableNames) {
      const twin: Inode = {
        number: copy.#nextInode++,
        current: inode.durable.slice(),
        durable: inode.durable.slice(),
        dirty: new Set(),
      };
      copy.#names.set(path, twin);
      copy.#durableNames.set(path, twin);
    }
    return copy;
  }
}

function copySector(inode: Inode, sector: number): void {
  const from = sector * tearBytes;
  const to = Math.min(from + tearBytes, inode.current.length, inode.durable.length);
  if (from < to) inode.durable.set(inode.current.subarray(from, to), from);
}

interface FileContext {
  readonly alive: (operation: string) => void;
  readonly step: (operation: string) => boolean;
  readonly random: () => number;
  readonly grow: (bytes: number) => void;
  readonly isCut: () => boolean;
}

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly access: FileAccess;
  readonly #inode: Inode;
  readonly #context: FileContext;
  #closed = false;

  constructor(path: string, access: FileAccess, inode: Inode, context: FileContext) {
    this.path = path;
    this.access = access;
    this.#inode = inode;
    this.#context = context;
  }

  size(): number {
    return this.#inode.current.length;
  }

  #check(operation: string): void {
    assert(!this.#closed, "a closed file is not used");
    this.#context.alive(operation);
    if (this.#context.isCut()) throw diskError({ operation, file: this.path, errno: "EPOWERCUT" });
  }

  /** Direct files take whole sectors only, as devices do; the memory's own alignment cannot be seen here. */
  #checkAligned(operation: string, length: number, at: number): void {
    if (this.access === "direct" && (length % tearBytes !== 0 || at % tearBytes !== 0)) {
      throw diskError({ operation, file: this.path, errno: "EINVAL" });
    }
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    this.#check("read");
    this.#checkAligned("read", length, at);
    assert(from + length <= target.length, "a read stays within its target");
    const part = this.#inode.current.subarray(at, at + length);
    target.set(part, from);
    return part.length;
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    this.#check("write");
    this.#checkAligned("write", length, at);
    assert(from + length <= source.length, "a write stays within its source");
    if (this.access === "read") throw diskError({ operation: "write", file: this.path, errno: "EBADF" });
    const inode = this.#inode;
    if (at + length > inode.current.length) this.#context.grow(at + length - inode.current.length);
    const cut = this.#context.step("write");
    if (at + length > inode.current.length) inode.current = resized(inode.current, at + length);
    inode.current.set(source.subarray(from, from + length), at);
    for (let sector = Math.floor(at / tearBytes); sector * tearBytes < at + length; sector++) inode.dirty.add(sector);
    if (cut) throw diskError({ operation: "write", file: this.path, errno: "EPOWERCUT" });
    if (this.access !== "fdatasync") this.#flush(Math.floor(at / tearBytes), Math.ceil((at + length) / tearBytes));
  }

  #flush(fromSector: number, toSector: number): void {
    const inode = this.#inode;
    if (inode.durable.length !== inode.current.length) inode.durable = resized(inode.durable, inode.current.length);
    for (let sector = fromSector; sector < toSector; sector++) {
      if (inode.dirty.delete(sector)) copySector(inode, sector);
    }
  }

  sync(): void {
    this.#check("sync");
    if (this.access !== "fdatasync") return;
    if (this.#context.step("sync")) throw diskError({ operation: "sync", file: this.path, errno: "EPOWERCUT" });
    this.#flush(0, Math.ceil(this.#inode.current.length / tearBytes));
  }

  truncate(bytes: number): void {
    this.#check("truncate");
    const cut = this.#context.step("truncate");
    this.#inode.current = resized(this.#inode.current, bytes);
    if (cut) throw diskError({ operation: "truncate", file: this.path, errno: "EPOWERCUT" });
    if (this.access !== "fdatasync") this.#flush(0, Math.ceil(bytes / tearBytes));
  }

  close(): void {
    this.#closed = true;
  }
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}
