/**
 * State = Apply(checkpoint, log after it): at start, and on a replica that follows for as long as it does. In slices, so that the thread stays alive for heartbeats and questions meanwhile. Every
 * prepare is verified whole and against its parent before one record of it is applied.
 */

import { BlockReader } from "../../runtime/kernel/block.js";
import type { Kernel } from "../../runtime/kernel/kernel.js";
import { isOwnOperation, prepareOperations, sameBytes } from "../../runtime/storage/frame.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import type { LogTail } from "../../runtime/storage/log-tail.js";
import { PrepareCursor } from "../../runtime/storage/prepare-cursor.js";
import type { TreeWriter } from "../../runtime/store/tree.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { type Machine, realMachine } from "./machine.js";

/** Body bytes that one slice applies at most, where no clock ends it before. */
const sliceBytes = 2 * 1024 * 1024;

/** What replay needs of a walk over prepares. */
export type PrepareWalk = Pick<
  PrepareCursor,
  "next" | "header" | "bytes" | "view" | "bodyStart" | "bodyAddress" | "position" | "close"
>;

/** Opens a walk behind a place in the log. */
type Opening = (from: LogPosition) => PrepareWalk;

export class Replay {
  #cursor: PrepareWalk;
  readonly #open: Opening;
  readonly #state: TreeWriter;
  readonly #kernel: Kernel;
  #head: LogPosition;
  #position: LogPosition;
  /** Records applied so far. */
  replayed = 0;
  /** Whether the last slice applied anything. */
  hasChanged = false;

  /** A replay of the log below a replica's directory, from a state's position up to the head. */
  static open(
    directory: string,
    clusterId: Uint8Array,
    state: TreeWriter,
    kernel: Kernel,
    from: LogPosition,
    head: LogPosition,
    { disk, geometry }: Machine = realMachine,
    tail: LogTail | null = null,
  ): Replay {
    const opening: Opening = (at) => PrepareCursor.open(disk, directory, geometry, clusterId, at, tail);
    return new Replay(opening, state, kernel, from, head);
  }

  constructor(open: Opening, state: TreeWriter, kernel: Kernel, from: LogPosition, head: LogPosition) {
    assert(from.address <= head.address, "durability: no state is ahead of its log");
    this.#open = open;
    this.#cursor = open(from);
    this.#state = state;
    this.#kernel = kernel;
    this.#head = head;
    this.#position = from;
  }

  /** There is more log to apply now. */
  extend(head: LogPosition): void {
    if (head.op <= this.#head.op) return;
    assert(head.address > this.#head.address, "order: a log grows in address as in op");
    this.#head = head;
  }

  get isDone(): boolean {
    return this.#position.op === this.#head.op;
  }

  /** How far the state has come. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Reads on from where the state stands, and forgets what it has read ahead: what was damaged there may be written again by now. */
  readAgain(): void {
    this.#cursor.close();
    this.#cursor = this.#open(this.#position);
  }

  /**
   * Applies some prepares, one at least, until `isOver` says so; returns how far the state has come. Throws `dataCorrupt` for one that is
   * damaged, with those before it applied.
   */
  slice(isOver: () => boolean): LogPosition {
    const cursor = this.#cursor;
    let bytes = 0;
    this.hasChanged = false;
    while (!this.isDone && bytes < sliceBytes && !(this.hasChanged && isOver())) {
      const found = cursor.next(this.#head.address);
      assert(found, "durability: every prepare up to the head is there");
      this.#apply();
      bytes += cursor.header.bodyBytes;
      this.#position = cursor.position();
      assert(this.#position.op <= this.#head.op, "order: replay ends at the head");
      this.hasChanged = true;
    }
    const { parent } = this.#position;
    assert(
      !this.isDone || sameBytes(parent, 0, this.#head.parent, 0, parent.length),
      "hash chain: what was applied is what is committed",
    );
    return this.#position;
  }

  #apply(): void {
    const { bytes, view, bodyStart, bodyAddress, header } = this.#cursor;
    // The protocol's own: nothing of it is of the state.
    if (isOwnOperation(header.operation)) return;
    if (header.operation !== prepareOperations.commands) {
      throw new KimberliteError(
        "formatUnsupported",
        `op ${header.op} is of kind ${header.operation}, which a newer release wrote`,
      );
    }
    // The prepare's digest was just verified: the records' own checksums need not be.
    const blocks = new BlockReader(bytes, view, bodyStart, bodyStart + header.bodyBytes, "bounds");
    let records = 0;
    while (blocks.nextBlock()) {
      while (blocks.nextRecord()) {
        const { from, to } = blocks.record;
        const address = bodyAddress + (from - bodyStart);
        this.#kernel.apply(this.#state, bytes, view, from, to, blocks.tenant, blocks.position, address);
        records += 1;
      }
    }
    this.#kernel.settle(this.#state);
    assert(records === header.recordCount, "order: a prepare holds the records that its header counts");
    this.replayed += records;
  }

  close(): void {
    this.#cursor.close();
  }
}
