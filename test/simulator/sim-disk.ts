/**
 * A disk with a disk's bad habits, under virtual time. What a file shows and what its medium holds are two things (`sim-inode.ts`). Names
 * likewise: a change of a directory is on the medium once it is synced.
 *
 *   power cut          within any operation: of the write under way each 512-byte sector lands or not, of un-synced sectors and
 *                      names any part is kept; every later operation fails until `restart`
 *   process killed     handles are dead, the page cache stays
 *   lost write         reported as done, nothing changed
 *   misdirected write  reported as done, landed elsewhere in its file
 *   flipped write      reported as done, one bit differs
 *   write error        EIO, nothing changed
 *   sync error         EIO; what was not synced is gone from the page cache too
 *   latent damage      a sector changes while nobody looks
 *   unreadable         a 4 KiB sector answers EIO until it is written again
 *   full               creating or growing a file fails with ENOSPC
 */
import {
  type Disk,
  type DiskFile,
  diskError,
  type FileAccess,
  type FileStatus,
  parentOf,
  type Space,
  type WriteMode,
} from "../../runtime/storage/disk.js";
import { assert } from "../../runtime/types/assert.js";
import { type ArmedFault, ArmedFaults } from "./armed-faults.js";
import { type Zone, zoneOf } from "./disk-zones.js";
import { SimFile } from "./sim-file.js";
import { Inode } from "./sim-inode.js";
import type { Stream } from "./streams.js";

/** The medium of a disk at one moment. */
export interface DiskImage {
  readonly directories: readonly string[];
  readonly files: readonly (readonly [path: string, bytes: Uint8Array])[];
}

/** What the oracles hear of. */
export interface DiskWatcher {
  /** Before anything of the write lands. */
  writeBegins(path: string, at: number, bytes: Uint8Array): void;
  /** Everything written to that file so far was reported as durable. */
  durable(path: string): void;
  /** A file with these bytes has taken that name. */
  renamed(path: string, bytes: Uint8Array): void;
}

/** Latency of operations in µs. */
export interface DiskPace {
  readMicros: number;
  writeMicros: number;
  syncMicros: number;
}

const writeFaults = ["lost", "misdirected", "flipped", "error"] as const;

export class SimDisk implements Disk {
  readonly pace: DiskPace;
  readonly #best: WriteMode;
  readonly #random: Stream;
  readonly #directories = new Set<string>();
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  readonly #pending = new Map<string, ((names: Map<string, Inode>) => void)[]>();
  readonly #armed = new ArmedFaults();
  #nextInode = 1;
  #life = 1;
  #isCut = false;
  /** The operation that changes something within which the power goes; 0 for none. */
  #cutAt = 0;
  watcher: DiskWatcher | null = null;
  isFull = false;
  /** Operations that change something, so far. */
  #operations = 0;
  /** µs that the operations since `takeElapsed` took. */
  #elapsed = 0;

  constructor(random: Stream, best: WriteMode, pace: DiskPace) {
    this.#random = random;
    this.#best = best;
    this.pace = pace;
  }

  /** µs of disk work since this was asked last. */
  takeElapsed(): number {
    const elapsed = this.#elapsed;
    this.#elapsed = 0;
    return elapsed;
  }

  // ------------------------------------------------------------------ faults

  get isCut(): boolean {
    return this.#isCut;
  }

  /** The power goes within the `nth` operation from now on that changes something. */
  cutPowerIn(nth: number): void {
    assert(nth >= 1, "operations are counted from 1");
    this.#cutAt = this.#operations + nth;
  }

  get isCutPlanned(): boolean {
    return this.#cutAt > 0;
  }

  arm(fault: ArmedFault): void {
    this.#armed.arm(fault);
  }

  disarm(): void {
    this.#armed.disarm();
  }

  /** The process ends and the machine goes on: handles are dead, everything written is there. */
  kill(): void {
    this.#life += 1;
    this.#cutAt = 0;
  }

  /** The power goes, if it has not yet; then what the medium holds is what there is. */
  restart(): void {
    const keep = this.#random.pick([0, 0.5, 0.9, 1]);
    for (const inode of new Set([...this.#names.values(), ...this.#durableNames.values()]))
      inode.lose(keep, this.#random);
    for (const changes of this.#pending.values()) {
      const kept = this.#random.below(changes.length + 1);
      for (const change of changes.slice(0, kept)) change(this.#durableNames);
    }
    this.#pending.clear();
    this.#names = new Map(this.#durableNames);
    this.#life += 1;
    this.#isCut = false;
    this.#cutAt = 0;
  }

  /** An empty disk takes its place. */
  wipe(): void {
    this.disarm();
    this.#directories.clear();
    this.#names = new Map();
    this.#durableNames = new Map();
    this.#pending.clear();
    this.#life += 1;
    this.#isCut = false;
    this.#cutAt = 0;
    this.isFull = false;
  }

  /** Everything that another disk holds is on this one instead, all of it on the medium: somebody has copied it while nothing ran. */
  takeFrom(other: SimDisk): void {
    this.#hold(
      other.#directories,
      [...other.#names].map(([path, { current }]) => [path, current] as const),
    );
  }

  /** What its medium holds now. */
  image(): DiskImage {
    const files = [...this.#durableNames].map(([path, { durable }]) => [path, durable.slice()] as const);
    return { directories: [...this.#directories], files };
  }

  /** It holds what it held then, and nothing else. */
  putBack({ directories, files }: DiskImage): void {
    this.#hold(directories, files);
  }

  #hold(directories: Iterable<string>, files: DiskImage["files"]): void {
    this.wipe();
    for (const path of directories) this.#directories.add(path);
    for (const [path, bytes] of files) {
      const inode = new Inode(this.#nextInode++, bytes);
      this.#names.set(path, inode);
      this.#durableNames.set(path, inode);
    }
  }

  /** Changes a sector of the medium while nobody looks. False when there is no such place. */
  damage(path: string, at: number, change: (bytes: Uint8Array) => void): boolean {
    return this.#names.get(path)?.damage(at, change) ?? false;
  }

  /** A 4 KiB sector that answers EIO from now on. */
  makeUnreadable(path: string, at: number): boolean {
    return this.#names.get(path)?.makeUnreadable(at) ?? false;
  }

  // ------------------------------------------------------------------ what the oracles look at

  /** The medium's bytes of a file, not to be changed; null when there is no such file. */
  medium(path: string): Uint8Array | null {
    return this.#names.get(path)?.durable ?? null;
  }

  isDamaged(path: string, from: number, to: number): boolean {
    return this.#names.get(path)?.isDamaged(from, to) ?? false;
  }

  hasDamage(zone: Zone): boolean {
    for (const [path, inode] of this.#names) if (inode.hasDamage && zoneOf(path) === zone) return true;
    return false;
  }

  paths(zone: Zone): string[] {
    return [...this.#names.keys()].filter((path) => zoneOf(path) === zone).sort();
  }

  // ------------------------------------------------------------------ the port

  /** Counts an operation that changes something; true when the power goes during it. */
  #step(operation: string, path: string, micros: number): boolean {
    if (this.#isCut) throw diskError({ operation, file: path, errno: "EPOWERCUT" });
    this.#elapsed += micros;
    this.#operations += 1;
    if (this.#cutAt === 0 || this.#operations < this.#cutAt) return false;
    this.#isCut = true;
    return true;
  }

  #change(operation: string, path: string, change: (names: Map<string, Inode>) => void): void {
    const isCut = this.#step(operation, path, this.pace.writeMicros);
    change(this.#names);
    const directory = parentOf(path);
    const listed = this.#pending.get(directory) ?? [];
    listed.push(change);
    this.#pending.set(directory, listed);
    if (isCut) throw diskError({ operation, file: path, errno: "EPOWERCUT" });
  }

  #inode(operation: string, path: string): Inode {
    if (this.#isCut) throw diskError({ operation, file: path, errno: "EPOWERCUT" });
    const inode = this.#names.get(path);
    if (inode === undefined) throw diskError({ operation, file: path, errno: "ENOENT" });
    return inode;
  }

  #isRefused(access: FileAccess): boolean {
    const order = ["fdatasync", "dsync", "direct"];
    return access !== "read" && order.indexOf(access) > order.indexOf(this.#best);
  }

  open(path: string, access: FileAccess): DiskFile {
    const inode = this.#inode("open", path);
    if (this.#isRefused(access)) throw diskError({ operation: "open", file: path, errno: "EINVAL" });
    return new SimFile(this, path, access, inode, this.#life);
  }

  create(path: string, access: WriteMode): DiskFile {
    if (this.#isRefused(access)) throw diskError({ operation: "create", file: path, errno: "EINVAL" });
    if (this.#names.has(path)) throw diskError({ operation: "create", file: path, errno: "EEXIST" });
    if (!this.#directories.has(parentOf(path))) throw diskError({ operation: "create", file: path, errno: "ENOENT" });
    const inode = new Inode(this.#nextInode++, new Uint8Array(0));
    this.#change("create", path, (names) => names.set(path, inode));
    return new SimFile(this, path, access, inode, this.#life);
  }

  makeDirectory(path: string): void {
    for (let at = path; at.length > 1; at = parentOf(at)) this.#directories.add(at);
  }

  holdDirectory(_path: string): () => void {
    return () => {};
  }

  syncDirectory(path: string): void {
    if (!this.#directories.has(path)) throw diskError({ operation: "sync directory", file: path, errno: "ENOENT" });
    if (this.#step("sync directory", path, this.pace.syncMicros))
      throw diskError({ operation: "sync directory", file: path, errno: "EPOWERCUT" });
    for (const change of this.#pending.get(path) ?? []) change(this.#durableNames);
    this.#pending.delete(path);
  }

  rename(from: string, to: string): void {
    const inode = this.#inode("rename", from);
    // The power may go within it, and the new name be the one that lasts.
    this.watcher?.writeBegins(to, 0, inode.current);
    this.#change("rename", from, (names) => {
      names.delete(from);
      names.set(to, inode);
    });
    this.watcher?.renamed(to, inode.current);
  }

  remove(path: string): void {
    this.#inode("remove", path);
    this.#change("remove", path, (names) => names.delete(path));
  }

  list(path: string): string[] {
    if (this.#isCut) throw diskError({ operation: "list", file: path, errno: "EPOWERCUT" });
    if (!this.#directories.has(path)) throw diskError({ operation: "list", file: path, errno: "ENOENT" });
    const prefix = `${path}/`;
    const names: string[] = [];
    for (const name of [...this.#names.keys(), ...this.#directories])
      if (name.startsWith(prefix) && !name.includes("/", prefix.length)) names.push(name.slice(prefix.length));
    return names.sort();
  }

  status(path: string): FileStatus | null {
    if (this.#directories.has(path)) return { bytes: 0, isDirectory: true, device: 1, inode: 0 };
    const inode = this.#names.get(path);
    if (inode === undefined) return null;
    return { bytes: inode.bytes, isDirectory: false, device: 1, inode: inode.number };
  }

  space(_path: string): Space {
    return { freeBytes: this.isFull ? 0 : 2 ** 40, totalBytes: 2 ** 40 };
  }

  // ------------------------------------------------------------------ files (of `sim-file.ts`)

  checkAlive(life: number, operation: string, path: string): void {
    if (life !== this.#life) throw diskError({ operation, file: path, errno: "EBADF" });
    if (this.#isCut) throw diskError({ operation, file: path, errno: "EPOWERCUT" });
  }

  read(path: string, inode: Inode, target: Uint8Array, from: number, length: number, at: number): number {
    this.#elapsed += this.pace.readMicros;
    if (inode.isUnreadable(at, length)) throw diskError({ operation: "read", file: path, errno: "EIO" });
    const part = inode.current.subarray(at, at + length);
    target.set(part, from);
    return part.length;
  }

  write(path: string, inode: Inode, isBuffered: boolean, bytes: Uint8Array, at: number): void {
    const { length } = bytes;
    if (this.isFull && at + length > inode.bytes) throw diskError({ operation: "write", file: path, errno: "ENOSPC" });
    this.watcher?.writeBegins(path, at, bytes);
    const isCut = this.#step("write", path, this.pace.writeMicros + length / 1000);
    const fault = isCut ? null : this.#armed.strike(path, at, length, writeFaults);
    if (fault === "error") throw diskError({ operation: "write", file: path, errno: "EIO" });
    inode.grow(at + length);
    if (isCut && !isBuffered) inode.tear(bytes, at, this.#random);
    else if (fault === null) inode.land(bytes, at, isBuffered);
    else inode.landWrongly(fault, bytes, at, this.#random);
    if (isCut) throw diskError({ operation: "write", file: path, errno: "EPOWERCUT" });
    if (!isBuffered) this.watcher?.durable(path);
  }

  sync(path: string, inode: Inode, isBuffered: boolean): void {
    if (!isBuffered) return;
    const isCut = this.#step("sync", path, this.pace.syncMicros);
    if (isCut) throw diskError({ operation: "sync", file: path, errno: "EPOWERCUT" });
    if (this.#armed.strike(path, 0, 0, ["syncError"]) !== null) {
      inode.failSync();
      throw diskError({ operation: "sync", file: path, errno: "EIO" });
    }
    inode.sync();
    this.watcher?.durable(path);
  }

  truncate(path: string, inode: Inode, isBuffered: boolean, bytes: number): void {
    const isCut = this.#step("truncate", path, this.pace.writeMicros);
    // What a cut leaves of a direct one is not on the medium either.
    inode.truncate(bytes, isBuffered || isCut);
    if (isCut) throw diskError({ operation: "truncate", file: path, errno: "EPOWERCUT" });
  }
}
