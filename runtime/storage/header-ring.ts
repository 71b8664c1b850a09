/**
 * The header ring: the file `headers`, a second copy of the newest prepares' headers, written after the prepare is durable. It is
 * what tells a torn write (never acknowledged, may be cut) from damage to a prepare that was acknowledged, and what names a
 * prepare whose own header is gone.
 *
 *   slot s = op % 1,024 at byte s × 256; sixteen slots share a sector; an empty slot holds a reserved header with its own number
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
import type { Prepare } from "./prepare.js";
import { createZeroFilled } from "./segments.js";

export const headerSlots = 1_024;
export const headerRingBytes = headerSlots * headerBytes;
export const headerRingPath = (directory: string): string => join(directory, "headers");

assert(headerRingBytes % sectorBytes === 0, "the header ring is whole sectors");

/** What a slot holds. A header that belongs into another slot counts as `bad`: a misdirected write. */
export type SlotReading =
  | { readonly kind: "bad" }
  | { readonly kind: "reserved" }
  | { readonly kind: "prepare"; readonly header: PrepareHeader };

export class HeaderRing {
  readonly #file: DiskFile;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #clusterId: Uint8Array;
  readonly #toleratesUnreadable: boolean;

  private constructor(file: DiskFile, memory: AlignedMemory, clusterId: Uint8Array, toleratesUnreadable: boolean) {
    this.#toleratesUnreadable = toleratesUnreadable;
    this.#file = file;
    this.#bytes = bytesOf(memory);
    this.#view = new DataView(memory.buffer, memory.from, memory.bytes);
    this.#clusterId = clusterId;
  }

  /** Makes the file with all slots reserved. The caller syncs the directory. */
  static format(disk: Disk, directory: string, clusterId: Uint8Array): void {
    createZeroFilled(disk, headerRingPath(directory), headerRingBytes);
    const bytes = new Uint8Array(headerRingBytes);
    const view = new DataView(bytes.buffer);
    for (let slot = 0; slot < headerSlots; slot++)
      writeReservedHeader(bytes, view, slot * headerBytes, clusterId, slot);
    const file = disk.open(headerRingPath(directory), "fdatasync");
    try {
      file.write(bytes, 0, bytes.length, 0);
      file.sync();
    } finally {
      file.close();
    }
  }

  /**
   * Reads the whole ring; where unreadable sectors are tolerated their slots read as bad. Throws `dataMissing` or `dataCorrupt` for a
   * missing file or one of another length.
   */
  static open(
    disk: Disk,
    directory: string,
    clusterId: Uint8Array,
    mode: WriteMode,
    access: WriteMode | "read" = mode,
    toleratesUnreadable = false,
  ): HeaderRing {
    const path = headerRingPath(directory);
    const memory =
      access === "read"
        ? { buffer: new SharedArrayBuffer(headerRingBytes), from: 0, bytes: headerRingBytes, mode }
        : allocateAligned(disk, directory, headerRingBytes, mode);
    const file = disk.open(path, access === "read" ? "read" : memory.mode);
    const size = file.size();
    if (size !== headerRingBytes) {
      file.close();
      throw new KimberliteError("dataCorrupt", `${path} is ${size} bytes long instead of ${headerRingBytes}`, {
        detail: { file: path, bytes: size, expectedBytes: headerRingBytes },
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
      count = this.#file.read(this.#bytes, 0, headerRingBytes, 0);
    } catch (error) {
      if (!this.#toleratesUnreadable || !isUnreadable(error)) throw error;
      for (; count < headerRingBytes; count += sectorBytes) this.#readSector(count);
    }
    if (count !== headerRingBytes)
      throw new KimberliteError("dataCorrupt", `${this.#file.path} became shorter while it was read`);
  }

  #readSector(at: number): void {
    try {
      this.#file.read(this.#bytes, at, sectorBytes, at);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.#bytes.fill(0, at, at + sectorBytes);
    }
  }

  read(slot: number): SlotReading {
    assert(slot >= 0 && slot < headerSlots, "a slot is one of the ring's");
    const reading: HeaderReading = readHeader(this.#bytes, this.#view, slot * headerBytes, this.#clusterId);
    if (reading.kind === "prepare" && reading.header.op % headerSlots === slot) return reading;
    if (reading.kind === "reserved" && reading.slot === slot) return { kind: "reserved" };
    return { kind: "bad" };
  }

  /** The header of that op, or null when its slot holds another or none. */
  find(op: number): PrepareHeader | null {
    const reading = this.read(op % headerSlots);
    return reading.kind === "prepare" && reading.header.op === op ? reading.header : null;
  }

  /** A copy of a slot's 256 bytes. */
  bytesOf(slot: number): Uint8Array {
    assert(slot >= 0 && slot < headerSlots, "a slot is one of the ring's");
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
    for (let index = Math.max(from, to - headerSlots); index < to; index++) {
      const prepare = prepares[index];
      if (prepare !== undefined) this.#put(prepare);
    }
    const count = to - from;
    const start = (first.header.op % headerSlots) * headerBytes;
    const end = (last.header.op % headerSlots) * headerBytes;
    if (count >= headerSlots) this.#writeSectors(0, headerRingBytes - headerBytes);
    else if (start <= end) this.#writeSectors(start, end);
    else {
      this.#writeSectors(start, headerRingBytes - headerBytes);
      this.#writeSectors(0, end);
    }
  }

  #put({ header, frame }: Prepare): void {
    const at = (header.op % headerSlots) * headerBytes;
    for (let index = 0; index < headerBytes; index++) this.#bytes[at + index] = frame[index] as number;
  }

  /** Writes the header of one op, unless its slot belongs to a newer op by now. */
  rewrite(prepare: Prepare, newestOp: number): void {
    const { op } = prepare.header;
    if (op + headerSlots <= newestOp) return;
    const at = (op % headerSlots) * headerBytes;
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
    for (let slot = 0; slot < headerSlots; slot++) {
      const reading = this.read(slot);
      const behind = op + 1 + ((((slot - op - 1) % headerSlots) + headerSlots) % headerSlots);
      if (reading.kind === "prepare" && reading.header.op > op) doomed.set(reading.header.op, slot);
      else if (reading.kind === "bad" && behind <= newestOp) doomed.set(behind, slot);
    }
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
    assert(slot >= 0 && slot < headerSlots, "a slot is one of the ring's");
    this.#bytes.fill(0, slot * headerBytes, (slot + 1) * headerBytes);
    assert(this.read(slot).kind === "bad", "an invalid slot reads as bad");
  }

  /** Recovery: puts a header (or with null a reserved one) into a slot in memory; `writeSector` makes it durable. */
  repair(slot: number, header: Uint8Array | null): void {
    assert(slot >= 0 && slot < headerSlots, "a slot is one of the ring's");
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
    assert(from < to && to <= headerRingBytes, "sectors lie within the ring");
    this.#file.write(this.#bytes, from, to - from, from);
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}
