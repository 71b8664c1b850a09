/**
 * A disk with a disk's bad habits, under virtual time. What a file shows (`current`) and what its medium holds (`durable`) are two
 * things until a sync; a direct write is durable when it returns. Names likewise: a change of a directory is on the medium once it is
 * synced.
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
 *
 * Sectors that were damaged from outside are remembered until they are written whole again: the oracles forgive what a fault took, and
 * nothing else.
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
import type { Stream } from "./streams.js";

export const tearBytes = 512;
const unreadableUnit = 4096;

export type Zone = "superblock" | "headers" | "log" | "pages" | "fetch" | "other";

export function zoneOf(path: string): Zone {
  // What is being fetched from other replicas is not of the log before it is renamed into it.
  if (path.includes("/fetch/")) return "fetch";
  if (path.endsWith(".seg")) return "log";
  if (path.endsWith("/headers")) return "headers";
  if (path.endsWith("/superblock")) return "superblock";
  return path.endsWith("/pages") ? "pages" : "other";
}

export type WriteFault = "lost" | "misdirected" | "flipped" | "error" | "syncError";

export interface ArmedFault {
  readonly kind: WriteFault;
  readonly zone: Zone;
  /** Whether this place of the file may be damaged: asked at each write that it could strike. */
  readonly mayStrike: (at: number, length: number) => boolean;
  readonly struck: () => void;
}

interface Inode {
  readonly number: number;
  current: Uint8Array;
  durable: Uint8Array;
  readonly dirty: Set<number>;
  /** Sectors of 512 bytes whose content on the medium is not what was written. */
  readonly damaged: Set<number>;
  readonly unreadable: Set<number>;
}

/** The medium of a disk at one moment. */
export interface DiskImage {
  readonly directories: readonly string[];
  readonly files: readonly (readonly [path: string, bytes: Uint8Array])[];
}

/** What the oracles hear of. */
export interface DiskWatcher {
  /** Before anything of the write lands. */
  writeBegins(path: string, at: number, source: Uint8Array, from: number, length: number): void;
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

export class SimDisk implements Disk {
  readonly pace: DiskPace;
  readonly #best: WriteMode;
  readonly #random: Stream;
  readonly #directories = new Set<string>();
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  readonly #pending = new Map<string, ((names: Map<string, Inode>) => void)[]>();
  readonly #armed: ArmedFault[] = [];
  #nextInode = 1;
  #life = 1;
  #isCut = false;
  /** The operation that changes something within which the power goes; 0 for none. */
  #cutAt = 0;
  watcher: DiskWatcher | null = null;
  isFull = false;
  /** Operations that change something, so far. */
  operations = 0;
  /** µs that the operations since `takeElapsed` took. */
  #elapsed = 0;
  /** Sectors and names that power cuts took back. */
  lost = 0;
  /** Sectors of writes that were cut in the middle. */
  torn = 0;

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

  charge(micros: number): void {
    this.#elapsed += micros;
  }

  // ------------------------------------------------------------------ faults

  get isCut(): boolean {
    return this.#isCut;
  }

  /** The power goes within the `nth` operation from now on that changes something. */
  cutPowerIn(nth: number): void {
    assert(nth >= 1, "operations are counted from 1");
    this.#cutAt = this.operations + nth;
  }

  get isCutPlanned(): boolean {
    return this.#cutAt > 0;
  }

  arm(fault: ArmedFault): void {
    this.#armed.push(fault);
  }

  disarm(): void {
    this.#armed.length = 0;
  }

  /** The process ends and the machine goes on: handles are dead, everything written is there. */
  kill(): void {
    this.#life += 1;
    this.#cutAt = 0;
  }

  /** The power goes, if it has not yet; then what the medium holds is what there is. */
  restart(): void {
    const keep = this.#random.pick([0, 0.5, 0.9, 1]);
    for (const inode of new Set([...this.#names.values(), ...this.#durableNames.values()])) this.#lose(inode, keep);
    for (const changes of this.#pending.values()) {
      const kept = this.#random.below(changes.length + 1);
      for (const change of changes.slice(0, kept)) change(this.#durableNames);
      this.lost += changes.length - kept;
    }
    this.#pending.clear();
    this.#names = new Map(this.#durableNames);
    this.#life += 1;
    this.#isCut = false;
    this.#cutAt = 0;
  }

  #lose(inode: Inode, keep: number): void {
    if (inode.current.length !== inode.durable.length) {
      const length = this.#random.chance(0.5) ? inode.durable.length : inode.current.length;
      inode.durable = resized(inode.durable, length);
    }
    for (const sector of inode.dirty) {
      if (this.#random.chance(keep)) copySector(inode, sector);
      else this.lost += 1;
    }
    inode.dirty.clear();
    inode.current = inode.durable.slice();
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
    this.wipe();
    for (const path of other.#directories) this.#directories.add(path);
    for (const [path, { current }] of other.#names) {
      const inode: Inode = {
        number: this.#nextInode++,
        current: current.slice(),
        durable: current.slice(),
        dirty: new Set(),
        damaged: new Set(),
        unreadable: new Set(),
      };
      this.#names.set(path, inode);
      this.#durableNames.set(path, inode);
    }
  }

  /** What its medium holds now. */
  image(): DiskImage {
    const files = [...this.#durableNames].map(([path, { durable }]) => [path, durable.slice()] as const);
    return { directories: [...this.#directories], files };
  }

  /** It holds what it held then, and nothing else. */
  putBack({ directories, files }: DiskImage): void {
    this.wipe();
    for (const path of directories) this.#directories.add(path);
    for (const [path, bytes] of files) {
      const inode: Inode = {
        number: this.#nextInode++,
        current: bytes.slice(),
        durable: bytes.slice(),
        dirty: new Set(),
        damaged: new Set(),
        unreadable: new Set(),
      };
      this.#names.set(path, inode);
      this.#durableNames.set(path, inode);
    }
  }

  /** Changes a sector of the medium while nobody looks. False when there is no such place. */
  damage(path: string, at: number, change: (bytes: Uint8Array) => void): boolean {
    const inode = this.#names.get(path);
    const from = at - (at % tearBytes);
    if (inode === undefined || from + tearBytes > inode.durable.length) return false;
    change(inode.durable.subarray(from, from + tearBytes));
    inode.current.set(inode.durable.subarray(from, from + tearBytes), from);
    inode.dirty.delete(from / tearBytes);
    inode.damaged.add(from / tearBytes);
    return true;
  }

  /** A 4 KiB sector that answers EIO from now on. */
  makeUnreadable(path: string, at: number): boolean {
    const inode = this.#names.get(path);
    const unit = Math.floor(at / unreadableUnit);
    if (inode === undefined || (unit + 1) * unreadableUnit > inode.durable.length) return false;
    inode.unreadable.add(unit);
    for (let sector = 0; sector < unreadableUnit / tearBytes; sector++)
      inode.damaged.add((unit * unreadableUnit) / tearBytes + sector);
    return true;
  }

  // ------------------------------------------------------------------ what the oracles look at

  /** The medium's bytes of a file, not to be changed; null when there is no such file. */
  medium(path: string): Uint8Array | null {
    return this.#names.get(path)?.durable ?? null;
  }

  isDamaged(path: string, from: number, to: number): boolean {
    const inode = this.#names.get(path);
    if (inode === undefined || inode.damaged.size === 0) return false;
    for (let sector = Math.floor(from / tearBytes); sector * tearBytes < to; sector++)
      if (inode.damaged.has(sector)) return true;
    return false;
  }

  hasDamage(zone: Zone): boolean {
    for (const [path, inode] of this.#names) if (inode.damaged.size > 0 && zoneOf(path) === zone) return true;
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
    this.operations += 1;
    if (this.#cutAt === 0 || this.operations < this.#cutAt) return false;
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
    const inode: Inode = {
      number: this.#nextInode++,
      current: new Uint8Array(0),
      durable: new Uint8Array(0),
      dirty: new Set(),
      damaged: new Set(),
      unreadable: new Set(),
    };
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
    this.watcher?.writeBegins(to, 0, inode.current, 0, inode.current.length);
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
    return { bytes: inode.current.length, isDirectory: false, device: 1, inode: inode.number };
  }

  space(_path: string): Space {
    return { freeBytes: this.isFull ? 0 : 2 ** 40, totalBytes: 2 ** 40 };
  }

  // ------------------------------------------------------------------ files

  /** @internal */
  check(life: number, operation: string, path: string): void {
    if (life !== this.#life) throw diskError({ operation, file: path, errno: "EBADF" });
    if (this.#isCut) throw diskError({ operation, file: path, errno: "EPOWERCUT" });
  }

  /** @internal */
  read(path: string, inode: Inode, target: Uint8Array, from: number, length: number, at: number): number {
    this.#elapsed += this.pace.readMicros;
    if (inode.unreadable.size > 0) {
      for (let unit = Math.floor(at / unreadableUnit); unit * unreadableUnit < at + length; unit++)
        if (inode.unreadable.has(unit)) throw diskError({ operation: "read", file: path, errno: "EIO" });
    }
    const part = inode.current.subarray(at, at + length);
    target.set(part, from);
    return part.length;
  }

  /** @internal */
  write(
    path: string,
    inode: Inode,
    isBuffered: boolean,
    source: Uint8Array,
    from: number,
    length: number,
    at: number,
  ): void {
    if (this.isFull && at + length > inode.current.length)
      throw diskError({ operation: "write", file: path, errno: "ENOSPC" });
    this.watcher?.writeBegins(path, at, source, from, length);
    const isCut = this.#step("write", path, this.pace.writeMicros + length / 1000);
    const fault = isCut ? null : this.#strikes(path, at, length, ["lost", "misdirected", "flipped", "error"]);
    if (fault?.kind === "error") throw diskError({ operation: "write", file: path, errno: "EIO" });
    if (at + length > inode.current.length) inode.current = resized(inode.current, at + length);
    if (isCut && !isBuffered) {
      this.#tear(inode, source, from, length, at);
      throw diskError({ operation: "write", file: path, errno: "EPOWERCUT" });
    }
    if (fault === null) this.#land(inode, isBuffered, source, from, length, at);
    else this.#faultyWrite(fault.kind, inode, source, from, length, at);
    if (isCut) throw diskError({ operation: "write", file: path, errno: "EPOWERCUT" });
    if (!isBuffered) this.watcher?.durable(path);
  }

  #land(inode: Inode, isBuffered: boolean, source: Uint8Array, from: number, length: number, at: number): void {
    const bytes = source.subarray(from, from + length);
    inode.current.set(bytes, at);
    if (isBuffered) {
      for (let sector = Math.floor(at / tearBytes); sector * tearBytes < at + length; sector++) inode.dirty.add(sector);
    } else {
      if (inode.durable.length < inode.current.length) inode.durable = resized(inode.durable, inode.current.length);
      inode.durable.set(bytes, at);
    }
    this.#forgiveNoMore(inode, at, length);
  }

  #forgiveNoMore(inode: Inode, at: number, length: number): void {
    if (inode.damaged.size > 0)
      for (let sector = Math.ceil(at / tearBytes); (sector + 1) * tearBytes <= at + length; sector++)
        inode.damaged.delete(sector);
    if (inode.unreadable.size > 0)
      for (let unit = Math.ceil(at / unreadableUnit); (unit + 1) * unreadableUnit <= at + length; unit++)
        inode.unreadable.delete(unit);
  }

  /** Of a write that was under way when the power went, each sector landed or did not. */
  #tear(inode: Inode, source: Uint8Array, from: number, length: number, at: number): void {
    if (inode.durable.length < inode.current.length) inode.durable = resized(inode.durable, inode.current.length);
    const keep = this.#random.pick([0, 0.3, 0.7, 1]);
    for (let done = 0; done < length; done += tearBytes) {
      if (!this.#random.chance(keep)) continue;
      this.torn += 1;
      const part = source.subarray(from + done, from + Math.min(done + tearBytes, length));
      inode.durable.set(part, at + done);
      inode.current.set(part, at + done);
      this.#forgiveNoMore(inode, at + done, part.length);
    }
  }

  #strikes(path: string, at: number, length: number, kinds: readonly WriteFault[]): ArmedFault | null {
    if (this.#armed.length === 0) return null;
    const zone = zoneOf(path);
    const index = this.#armed.findIndex(
      (fault) => fault.zone === zone && kinds.includes(fault.kind) && fault.mayStrike(at, length),
    );
    if (index < 0) return null;
    const [fault] = this.#armed.splice(index, 1);
    fault?.struck();
    return fault ?? null;
  }

  #faultyWrite(kind: WriteFault, inode: Inode, source: Uint8Array, from: number, length: number, at: number): void {
    const bytes = source.slice(from, from + length);
    const damages = (target: number): void => {
      for (let sector = Math.floor(target / tearBytes); sector * tearBytes < target + length; sector++)
        inode.damaged.add(sector);
    };
    if (inode.durable.length < inode.current.length) inode.durable = resized(inode.durable, inode.current.length);
    damages(at);
    if (kind === "lost") return;
    let target = at;
    if (kind === "flipped") {
      const bit = this.#random.below(length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    } else {
      const places = Math.floor(inode.current.length / tearBytes) - length / tearBytes + 1;
      target = places > 1 ? this.#random.below(places) * tearBytes : at;
      damages(target);
    }
    inode.current.set(bytes, target);
    inode.durable.set(bytes, target);
    for (let sector = Math.floor(target / tearBytes); sector * tearBytes < target + length; sector++)
      inode.dirty.delete(sector);
  }

  /** @internal */
  sync(path: string, inode: Inode, isBuffered: boolean): void {
    if (!isBuffered) return;
    const isCut = this.#step("sync", path, this.pace.syncMicros);
    if (isCut) throw diskError({ operation: "sync", file: path, errno: "EPOWERCUT" });
    if (this.#strikes(path, 0, 0, ["syncError"]) !== null) {
      inode.current = resized(inode.durable, inode.durable.length);
      inode.dirty.clear();
      throw diskError({ operation: "sync", file: path, errno: "EIO" });
    }
    if (inode.dirty.size * tearBytes >= inode.current.length) inode.durable = inode.current.slice();
    else {
      if (inode.durable.length !== inode.current.length) inode.durable = resized(inode.durable, inode.current.length);
      for (const sector of inode.dirty) copySector(inode, sector);
    }
    inode.dirty.clear();
    this.watcher?.durable(path);
  }

  /** @internal */
  truncate(path: string, inode: Inode, isBuffered: boolean, bytes: number): void {
    const isCut = this.#step("truncate", path, this.pace.writeMicros);
    inode.current = resized(inode.current, bytes);
    if (isCut) throw diskError({ operation: "truncate", file: path, errno: "EPOWERCUT" });
    if (!isBuffered) inode.durable = resized(inode.durable, bytes);
  }
}

class SimFile implements DiskFile {
  readonly path: string;
  readonly access: FileAccess;
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  readonly #life: number;
  #isClosed = false;

  constructor(disk: SimDisk, path: string, access: FileAccess, inode: Inode, life: number) {
    this.#disk = disk;
    this.path = path;
    this.access = access;
    this.#inode = inode;
    this.#life = life;
  }

  get #isBuffered(): boolean {
    return this.access === "fdatasync";
  }

  #check(operation: string): void {
    assert(!this.#isClosed, "a closed file is not used");
    this.#disk.check(this.#life, operation, this.path);
  }

  #checkAligned(operation: string, length: number, at: number): void {
    if (this.access === "direct" && (length % tearBytes !== 0 || at % tearBytes !== 0))
      throw diskError({ operation, file: this.path, errno: "EINVAL" });
  }

  size(): number {
    return this.#inode.current.length;
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    this.#check("read");
    this.#checkAligned("read", length, at);
    assert(from + length <= target.length, "a read stays within its target");
    return this.#disk.read(this.path, this.#inode, target, from, length, at);
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    this.#check("write");
    this.#checkAligned("write", length, at);
    assert(from + length <= source.length, "a write stays within its source");
    if (this.access === "read") throw diskError({ operation: "write", file: this.path, errno: "EBADF" });
    this.#disk.write(this.path, this.#inode, this.#isBuffered, source, from, length, at);
  }

  sync(): void {
    this.#check("sync");
    this.#disk.sync(this.path, this.#inode, this.#isBuffered);
  }

  truncate(bytes: number): void {
    this.#check("truncate");
    this.#disk.truncate(this.path, this.#inode, this.#isBuffered, bytes);
  }

  close(): void {
    this.#isClosed = true;
  }
}

function copySector(inode: Inode, sector: number): void {
  const from = sector * tearBytes;
  const to = Math.min(from + tearBytes, inode.current.length, inode.durable.length);
  if (from < to) inode.durable.set(inode.current.subarray(from, to), from);
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}
