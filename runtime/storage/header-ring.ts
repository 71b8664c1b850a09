/**
 * The header ring: the file `headers`, a second copy of the newest prepares' headers, written after the prepare is durable. It is
 * what tells a torn write (never acknowledged, may be cut) from damage to a prepare that was acknowledged, and what names a
 * prepare whose own header is gone.
 *
 *   slot s = op % slots (1,024 unless a log's geometry says otherwise) at byte s × 256; sixteen slots share a sector; an empty slot holds a reserved header with its own number
 *
 * A sector is written whole from memory, so a torn sector mixes old and new bytes of one slot only: its neighbours are the same
 * in both.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import { type AlignedMemory, allocateAligned, bytesOf } from "./aligned-memory.js";
import { type Disk, type DiskFile, isUnreadable, join, type WriteMode } from "./disk.js";
import { type HeaderReading, headerBytes, type PrepareHeader, readHeader, writeReservedHeader } from "./frame.js";
import { headerSlotsDefault } from "./log-geometry.js";
import { mark } from "./marks.js";
import type { Prepare } from "./prepare.js";
import { createZeroFilled } from "./segments.js";

/** Slots of a ring unless its log's geometry says otherwise. */
export const headerSlots = headerSlotsDefault;
export const headerRingPath = (directory: string): string => join(directory, "headers");

/** What a slot holds. A header that belongs into another slot counts as `bad`: a misdirected write. */
export type SlotReading =
  | { readonly kind: "bad" }
  | { readonly kind: "reserved" }
  | { readonly kind: "prepare"; readonly header: PrepareHeader };

export interface HeaderRingOptions {
  /** `read`: for those who only look. Default: as it is written. */
  readonly access?: WriteMode | "read";
  /** Slots in sectors that cannot be read count as bad, instead of an error. */
  readonly toleratesUnreadable?: boolean;
  readonly slots?: number;
}

export class HeaderRing {
  readonly slots: number;
  readonly #file: DiskFile;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #clusterId: Uint8Array;
  readonly #toleratesUnreadable: boolean;

  private constructor(file: DiskFile, memory: AlignedMemory, clusterId: Uint8Array, toleratesUnreadable: boolean) {
    this.slots = memory.bytes / headerBytes;
    this.#toleratesUnreadable = toleratesUnreadable;
    this.#file = file;
    this.#bytes = bytesOf(memory);
    this.#view = new DataView(memory.buffer, memory.from, memory.bytes);
    this.#clusterId = clusterId;
  }

  /** Makes the file with all slots reserved. The caller syncs the directory. */
  static format(disk: Disk, directory: string, clusterId: Uint8Array, slots = headerSlots): void {
    const bytes = new Uint8Array(slots * headerBytes);
    createZeroFilled(disk, headerRingPath(directory), bytes.length);
    const view = new DataView(bytes.buffer);
    for (let slot = 0; slot < slots; slot++) writeReservedHeader(bytes, view, slot * headerBytes, clusterId, slot);
    const file = disk.open(headerRingPath(directory), "fdatasync");
    try {
      file.write(bytes, 0, bytes.length, 0);
      file.sync();
    } finally {
      file.close();
    }
  }

  /**
   * Reads the whole ring. Throws `dataMissing` or `dataCorrupt` for a missing file or one of another length.
   */
  static open(
    disk: Disk,
    directory: string,
    clusterId: Uint8Array,
    mode: WriteMode,
    { access = mode, toleratesUnreadable = false, slots = headerSlots }: HeaderRingOptions = {},
  ): HeaderRing {
    const path = headerRingPath(directory);
    const bytes = slots * headerBytes;
    const memory =
      access === "read"
        ? { buffer: new SharedArrayBuffer(bytes), from: 0, bytes, mode }
        : allocateAligned(disk, directory, bytes, mode);
    const file = disk.open(path, access === "read" ? "read" : memory.mode);
    const size = file.size();
    if (size !== bytes) {
      file.close();
      throw new KimberliteError("dataCorrupt", `${path} is ${size} bytes long instead of ${bytes}`, {
        detail: { file: path, bytes: size, expectedBytes: bytes },
      });
    }
    const ring = new HeaderRing(file, memory, clusterId, toleratesUnreadable);
    ring.reload();
    return ring;
  }

  /** Reads the file again. */
  reload(): void {
    let count = 0;
    try {
      count = this.#file.read(this.#bytes, 0, this.#bytes.length, 0);
    } catch (error) {
      if (!this.#toleratesUnreadable || !isUnreadable(error)) throw error;
      mark("ringReadBySectors");
      for (; count < this.#bytes.length; count += sectorBytes) this.#readSector(count);
    }
    if (count !== this.#bytes.length)
      throw new KimberliteError("dataCorrupt", `${this.#file.path} became shorter while it was read`);
  }

  #readSector(at: number): void {
    try {
      this.#file.read(this.#bytes, at, sectorBytes, at);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      mark("ringSectorUnreadable");
      this.#bytes.fill(0, at, at + sectorBytes);
    }
  }

  read(slot: number): SlotReading {
    assert(slot >= 0 && slot < this.slots, "a slot is one of the ring's");
    const reading: HeaderReading = readHeader(this.#bytes, this.#view, slot * headerBytes, this.#clusterId);
    if (reading.kind === "prepare" && reading.header.op % this.slots === slot) return reading;
    if (reading.kind === "reserved" && reading.slot === slot) return { kind: "reserved" };
    return { kind: "bad" };
  }

  /** The header of that op, or null when its slot holds another or none. */
  find(op: number): PrepareHeader | null {
    const reading = this.read(op % this.slots);
    return reading.kind === "prepare" && reading.header.op === op ? reading.header : null;
  }

  /** A copy of a slot's 256 bytes. */
  bytesOf(slot: number): Uint8Array {
    assert(slot >= 0 && slot < this.slots, "a slot is one of the ring's");
    return this.#bytes.slice(slot * headerBytes, (slot + 1) * headerBytes);
  }

  /**
   * Writes the headers of consecutive ops into their slots, durably: one write for each run of sectors touched. This is the second
   * half of making them durable.
   */
  write(prepares: readonly Prepare[], from: number, to: number): void {
    const first = prepares[from];
    const last = prepares[to - 1];
    assert(first !== undefined && last !== undefined && from < to, "headers of at least one op are written");
    for (let index = Math.max(from, to - this.slots); index < to; index++) {
      const prepare = prepares[index];
      if (prepare !== undefined) this.#put(prepare);
    }
    const count = to - from;
    const start = (first.header.op % this.slots) * headerBytes;
    const end = (last.header.op % this.slots) * headerBytes;
    if (count >= this.slots) {
      mark("ringWrittenWhole");
      this.#writeSectors(0, this.#bytes.length - headerBytes);
    } else if (start <= end) this.#writeSectors(start, end);
    else {
      mark("ringWritesAround");
      this.#writeSectors(start, this.#bytes.length - headerBytes);
      this.#writeSectors(0, end);
    }
  }

  #put({ header, frame }: Prepare): void {
    const at = (header.op % this.slots) * headerBytes;
    for (let index = 0; index < headerBytes; index++) this.#bytes[at + index] = frame[index] as number;
  }

  /** Writes the header of one op, unless its slot belongs to a newer op by now. */
  rewrite(prepare: Prepare, newestOp: number): void {
    const { op } = prepare.header;
    if (op + this.slots <= newestOp) {
      mark("ringKeepsNewer");
      return;
    }
    const at = (op % this.slots) * headerBytes;
    this.#put(prepare);
    this.writeSector(at);
  }

  /**
   * Makes the slots of all ops behind `op` reserved, durably, the newest op first and two slots (512 bytes, what a disk writes whole) at
   * a time: a crash leaves the headers of the older ones, and never the name of a newer op beyond a slot that has forgotten its own.
   *
   * @param newestOp slots that do not verify are taken for those of ops up to here
   */
  discardBehind(op: number, newestOp: number): void {
    const doomed = new Map<number, number>();
    for (let slot = 0; slot < this.slots; slot++) {
      const reading = this.read(slot);
      const behind = op + 1 + ((((slot - op - 1) % this.slots) + this.slots) % this.slots);
      if (reading.kind === "prepare" && reading.header.op > op) doomed.set(reading.header.op, slot);
      else if (reading.kind === "bad" && behind <= newestOp) {
        mark("ringDiscardsDamaged");
        doomed.set(behind, slot);
      }
    }
    if (doomed.size > 0) mark("ringDiscards");
    const ops = [...doomed.keys()].sort((left, right) => right - left);
    let pair = -1;
    for (const doomedOp of ops) {
      const slot = doomed.get(doomedOp) ?? 0;
      if (pair >= 0 && pair !== slot >> 1) this.writeSector(pair * 2 * headerBytes);
      pair = slot >> 1;
      writeReservedHeader(this.#bytes, this.#view, slot * headerBytes, this.#clusterId, slot);
    }
    if (pair >= 0) this.writeSector(pair * 2 * headerBytes);
  }

  /** Recovery: makes a slot in memory deliberately invalid, so that a faulty op is still found faulty after another crash. */
  invalidate(slot: number): void {
    assert(slot >= 0 && slot < this.slots, "a slot is one of the ring's");
    this.#bytes.fill(0, slot * headerBytes, (slot + 1) * headerBytes);
    assert(this.read(slot).kind === "bad", "an invalid slot reads as bad");
  }

  /** Recovery: puts a header (or with null a reserved one) into a slot in memory; `writeSector` makes it durable. */
  repair(slot: number, header: Uint8Array | null): void {
    assert(slot >= 0 && slot < this.slots, "a slot is one of the ring's");
    const at = slot * headerBytes;
    if (header === null) writeReservedHeader(this.#bytes, this.#view, at, this.#clusterId, slot);
    else this.#bytes.set(header.subarray(0, headerBytes), at);
    assert(this.read(slot).kind !== "bad", "durability: a repaired slot reads as sound");
  }

  /** Writes the sector that holds the byte `at` of the ring, durably. */
  writeSector(at: number): void {
    this.#writeSectors(at, at);
  }

  /** Writes the sectors from the one that holds the byte `first` to the one that holds the byte `last`. */
  #writeSectors(first: number, last: number): void {
    const from = first - (first % sectorBytes);
    const to = last - (last % sectorBytes) + sectorBytes;
    assert(from < to && to <= this.#bytes.length, "sectors lie within the ring");
    this.#file.write(this.#bytes, from, to - from, from);
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}
