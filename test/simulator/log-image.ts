/** What lies in a replica's log, read from its medium past all product code: where a prepare is, and what its header says of itself. */
import { headerBytes } from "../../runtime/storage/frame.js";
import { type LogGeometry, nextSegmentStart, segmentOf, segmentPath } from "../../runtime/storage/log-geometry.js";
import { sectorBytes } from "../../runtime/types/limits.js";
import type { SimDisk } from "./sim-disk.js";

const u32Span = 2 ** 32;

/** A header's fields as they stand in the bytes, unverified. */
export interface RawHeader {
  readonly op: number;
  readonly view: number;
  readonly address: number;
  readonly bodyBytes: number;
  /** Behind the padding. */
  readonly end: number;
  readonly parent: string;
  readonly commit: number;
  readonly operation: number;
  readonly voters: number;
}

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

export function rawHeader(bytes: Uint8Array, at: number): RawHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, headerBytes);
  const u64 = (offset: number): number => view.getUint32(offset + 4, true) * u32Span + view.getUint32(offset, true);
  const size = view.getUint32(80, true);
  const address = u64(200);
  return {
    op: u64(176),
    view: view.getUint32(88, true),
    address,
    bodyBytes: size - headerBytes,
    end: address + Math.ceil(size / sectorBytes) * sectorBytes,
    parent: hexOf(bytes.subarray(at + 128, at + 160)),
    commit: u64(184),
    operation: view.getUint8(212),
    voters: view.getUint8(213),
  };
}

export class LogImage {
  readonly #disk: SimDisk;
  readonly #directory: string;
  readonly #geometry: LogGeometry;

  constructor(disk: SimDisk, directory: string, geometry: LogGeometry) {
    this.#disk = disk;
    this.#directory = directory;
    this.#geometry = geometry;
  }

  path(address: number): string {
    return segmentPath(this.#directory, this.#geometry, segmentOf(this.#geometry, address));
  }

  /** The medium's bytes `[address, address + length)`, in one segment; null where there is no file. */
  bytes(address: number, length: number): Uint8Array | null {
    const file = this.#disk.medium(this.path(address));
    const at = address % this.#geometry.segmentBytes;
    if (file === null || at + length > file.length) return null;
    return file.subarray(at, at + length);
  }

  isDamaged(address: number, end: number): boolean {
    const at = address % this.#geometry.segmentBytes;
    return this.#disk.isDamaged(this.path(address), at, at + (end - address));
  }

  get hasDamage(): boolean {
    return this.#disk.hasDamage("log");
  }

  /** The prepare that begins behind `end`, there or at the next segment's start; null when its header is not that of `op`. */
  next(end: number, op: number): RawHeader | null {
    return this.at(end, op) ?? this.at(nextSegmentStart(this.#geometry, end), op);
  }

  at(address: number, op: number): RawHeader | null {
    const bytes = this.bytes(address, headerBytes);
    if (bytes === null) return null;
    const header = rawHeader(bytes, 0);
    return header.op === op && header.address === address && bytes[98] === 8 ? header : null;
  }

  /** Header and body of a prepare. */
  frame(header: { readonly address: number; readonly bodyBytes: number }): Uint8Array | null {
    return this.bytes(header.address, headerBytes + header.bodyBytes);
  }
}
