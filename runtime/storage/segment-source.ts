/**
 * Gives other replicas what they miss: the seals of complete segments, and parts of a segment that is asked for by its content hash. What
 * is given is not verified here: who asked verifies the whole against the hash.
 */
import { assert } from "../types/assert.js";
import { hasCode } from "../types/errors.js";
import type { Disk } from "./disk.js";
import { identityBytes, sameBytes } from "./frame.js";
import { type LogGeometry, segmentStart } from "./log-geometry.js";
import { encodeSeal, type SegmentSeal, sealBytes } from "./seal-codec.js";
import { readSeal } from "./segment-seal.js";
import { SegmentFiles } from "./segments.js";

const openFilesMax = 4;
const sealsKeptMax = 4_096;

export class SegmentSource {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #geometry: LogGeometry;
  readonly #files: SegmentFiles;
  readonly #seals = new Map<number, SegmentSeal>();

  constructor(disk: Disk, directory: string, geometry: LogGeometry) {
    this.#disk = disk;
    this.#directory = directory;
    this.#geometry = geometry;
    this.#files = new SegmentFiles(disk, directory, geometry, "read", openFilesMax);
  }

  /** Seals of consecutive segments from `segment` on, 256 bytes each: up to the first that has none, or a damaged one. */
  readSeals(segment: number, countMax: number): Uint8Array[] {
    assert(Number.isSafeInteger(segment) && segment >= 0 && countMax > 0, "seals are asked of a segment on");
    const found: Uint8Array[] = [];
    for (let at = segment; found.length < countMax; at++) {
      const seal = this.#seal(at);
      if (seal === null) break;
      found.push(encodeSeal(this.#geometry, seal).slice(0, sealBytes));
    }
    return found;
  }

  #seal(segment: number): SegmentSeal | null {
    const known = this.#seals.get(segment);
    if (known !== undefined) return known;
    try {
      const seal = readSeal(this.#disk, this.#directory, this.#geometry, segment);
      if (seal === null) return null;
      if (this.#seals.size >= sealsKeptMax) this.#seals.clear();
      this.#seals.set(segment, seal);
      return seal;
    } catch (error) {
      if (hasCode(error, "dataCorrupt") || hasCode(error, "dataMissing") || hasCode(error, "storageFailed"))
        return null;
      throw error;
    }
  }

  /** Bytes of the segment with that content hash; null when it is not here, or cannot be read. */
  readPart(segment: number, contentHash: Uint8Array, offset: number, length: number): Uint8Array | null {
    assert(contentHash.length === identityBytes, "a content hash is 32 bytes");
    const seal = this.#seal(segment);
    if (seal === null || !sameBytes(seal.contentHash, 0, contentHash, 0, identityBytes)) return null;
    if (length <= 0 || offset < 0 || offset + length > seal.usedBytes) return null;
    const bytes = new Uint8Array(length);
    try {
      this.#files.read(segmentStart(this.#geometry, segment) + offset, bytes, 0, length);
      return bytes;
    } catch (error) {
      if (hasCode(error, "dataCorrupt") || hasCode(error, "dataMissing") || hasCode(error, "storageFailed"))
        return null;
      throw error;
    }
  }

  close(): void {
    this.#files.close();
  }
}
