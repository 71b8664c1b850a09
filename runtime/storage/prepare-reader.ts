/**
 * Gives back prepares that lie in the log, for peers that miss them. Only what verifies whole (header, body, padding, place) is given,
 * as a copy; anything else, a sector that cannot be read included, is as if it were not there.
 */
import { assert } from "../types/assert.js";
import { hasCode } from "../types/errors.js";
import { headerBytes, identityBytes, type PrepareHeader, sameBytes } from "./frame.js";
import { nextSegmentStart } from "./log-geometry.js";
import { type LogPosition, positionBehind } from "./log-position.js";
import { inspectPrepare, type LogWindow, type PrepareFinding } from "./log-window.js";
import { mark } from "./marks.js";
import { frameBytes, type Prepare } from "./prepare.js";

export class PrepareReader {
  readonly #window: LogWindow;
  readonly #clusterId: Uint8Array;

  constructor(window: LogWindow, clusterId: Uint8Array) {
    this.#window = window;
    this.#clusterId = clusterId;
  }

  /** The prepare of that header, or null when it does not lie where the header says. `end` is where the written log ends. */
  readPrepare(header: PrepareHeader, end: number): Prepare | null {
    this.#window.drop();
    if (header.address >= end) return null;
    const found = this.#inspect(header.address, end);
    if (found?.kind !== "sound" || !sameBytes(found.header.identity, 0, header.identity, 0, identityBytes)) return null;
    return this.#copy(found.header, found.offset);
  }

  /**
   * The prepares behind `from` up to `untilOp`, each the child of the one before, as many as `bytesMax` holds but at least one. Fewer,
   * or none, when the log ends or something does not verify.
   */
  readRun(from: LogPosition, untilOp: number, bytesMax: number, end: number): Prepare[] {
    assert(bytesMax > 0, "a run has room for something");
    this.#window.drop();
    const prepares: Prepare[] = [];
    let bytes = 0;
    let at = from;
    while (at.op < untilOp) {
      const found = this.#next(at, end);
      if (found === null) {
        mark("runEndsEarly");
        break;
      }
      bytes += frameBytes(found.header);
      if (prepares.length > 0 && bytes > bytesMax) break;
      prepares.push(this.#copy(found.header, found.offset));
      at = positionBehind(found.header);
    }
    return prepares;
  }

  #next(at: LogPosition, end: number): (PrepareFinding & { kind: "sound" }) | null {
    const next = nextSegmentStart(this.#window.files.geometry, at.address);
    const here = this.#inspect(at.address, end);
    if (here?.kind === "unwritten") mark("runCrossesSegment");
    const found = here?.kind === "unwritten" ? this.#inspect(next, end) : here;
    if (found?.kind !== "sound" || found.header.op !== at.op + 1) return null;
    return sameBytes(found.header.parent, 0, at.parent, 0, identityBytes) ? found : null;
  }

  /** Null where nothing can be read. */
  #inspect(address: number, end: number): PrepareFinding | null {
    if (address >= end) return null;
    try {
      return inspectPrepare(this.#window, this.#clusterId, address, end);
    } catch (error) {
      if (hasCode(error, "storageFailed") || hasCode(error, "dataCorrupt") || hasCode(error, "dataMissing"))
        return null;
      throw error;
    }
  }

  #copy(header: PrepareHeader, offset: number): Prepare {
    assert(header.bodyBytes > 0, "a prepare has a body");
    return { header, frame: this.#window.bytes.slice(offset, offset + headerBytes + header.bodyBytes) };
  }

  /** Forgets open files: one of them was replaced. */
  drop(): void {
    this.#window.files.close();
    this.#window.drop();
  }

  close(): void {
    this.#window.files.close();
  }
}
