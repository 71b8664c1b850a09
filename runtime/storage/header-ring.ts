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
import { type Disk, type DiskFile, join, type WriteMode } from "./disk.js";
import { type HeaderReading, headerBytes, type PrepareHeader, readHeader, writeReservedHeader } from "./frame.js";
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

  private constructor(file: DiskFile, memory: AlignedMemory, clusterId: Uint8Array) {
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

  /** Reads the whole ring. Throws `dataMissing` or `dataCorrupt` for a missing file or one of another length. */
  static open(
    disk: Disk,
    directory: string,
    clusterId: Uint8Array,
    mode: WriteMode,
    access: WriteMode | "read" = mode,
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
    const ring = new HeaderRing(file, memory, clusterId);
    ring.reload();
    return ring;
  }

  /** Reads the file again. */
  reload(): void {
    const count = this.#file.read(this.#bytes, 0, headerRingBytes, 0);
    if (count !== headerRingBytes)
      throw new KimberliteError("dataCorrupt", `${this.#file.path} became shorter while it was read`);
  }

  read(slot: number): SlotReading {
    assert(slot >= 0 && slot < headerSlots, "a slot is one of the ring's");
    const reading: HeaderReading = readHeader(this.#bytes, this.#view, slot * headerBytes, this.#clusterId);
    if (reading.kind === "prepare" && reading.header.op % headerSlots === slot) return reading;
    if (reading.kind === "reserved" && reading.slot === slot) return { kind: "reserved" };
    return { kind: "bad" };
  }

  /**
   * Writes the header `source[from, from + 256)` of an op into its slot, durably. This is the second half of a commit.
   */
  write(op: number, source: Uint8Array, from: number): void {
    assert(from + headerBytes <= source.length, "a header lies within its bytes");
    const at = (op % headerSlots) * headerBytes;
    for (let index = 0; index < headerBytes; index++) this.#bytes[at + index] = source[from + index] as number;
    this.writeSector(at);
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
    const sector = at - (at % sectorBytes);
    assert(sector + sectorBytes <= headerRingBytes, "a sector lies within the ring");
    this.#file.write(this.#bytes, sector, sectorBytes, sector);
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}
