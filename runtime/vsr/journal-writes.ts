/**
 * How a replica's log gets onto its disk: strictly in order, each operation behind its parent. It takes over what lay there before and is
 * proved by now, writes what is held in memory, and makes room first where something of another log lies in the way.
 *
 * The disk reports writes in the order in which they were begun, so what is durable is a prefix of what is appended.
 */
import type { PrepareHeader } from "../storage/frame.js";
import { type LogGeometry, nextSegmentStart } from "../storage/log-geometry.js";
import { type LogPosition, positionBehind } from "../storage/log-position.js";
import { assert } from "../types/assert.js";
import { type JournalSlots, type Slot, sameIdentity } from "./journal-slots.js";
import { mark } from "./marks.js";
import type { Prepare } from "./messages.js";
import type { Effect } from "./ports.js";

const writeBytesMax = 8 * 1024 * 1024;

interface Write {
  readonly id: number;
  /** Newest operation of the write; 0 for a truncation or a repair in place. */
  readonly op: number;
}

/** Where the log stands on disk when a replica starts. */
export interface LogExtent {
  readonly appended: LogPosition;
  /** Newest operation up to which everything there verifies, whichever log it is of. */
  readonly soundOp: number;
  /** Address behind everything on disk that may not be zero. */
  readonly end: number;
}

export class JournalWrites {
  readonly #slots: JournalSlots;
  readonly #geometry: LogGeometry;
  readonly #nextId: () => number;
  readonly #underWay: Write[] = [];
  #appended: LogPosition;
  #durable: number;
  #soundOp: number;
  #end: number;

  constructor(slots: JournalSlots, geometry: LogGeometry, { appended, soundOp, end }: LogExtent, nextId: () => number) {
    assert(end >= appended.address, "what is appended lies before the end of what is written");
    this.#slots = slots;
    this.#geometry = geometry;
    this.#nextId = nextId;
    this.#appended = appended;
    this.#durable = appended.op;
    this.#soundOp = soundOp;
    this.#end = end;
  }

  get appended(): LogPosition {
    return this.#appended;
  }

  /** Newest operation that is durable and proved, with everything before it. */
  get durableOp(): number {
    return this.#durable;
  }

  /** Goes on as far as it can: takes over what is kept on disk and proved, writes what is held. */
  advance(effects: Effect[]): void {
    for (;;) {
      const slot = this.#slots.get(this.#appended.op + 1);
      if (slot === undefined || !slot.isCanonical || slot.header === null) return;
      if (!sameIdentity(slot.header.parent, this.#appended.parent)) return;
      if (slot.state === "kept") {
        this.#takeOver(slot, slot.header);
        continue;
      }
      if (slot.state !== "held") return;
      if (this.#end > this.#appended.address && !this.#makeRoom(slot, slot.header, effects)) continue;
      this.#writeHeld(effects);
    }
  }

  #takeOver(slot: Slot, header: PrepareHeader): void {
    mark("journalTakesOver");
    slot.state = "durable";
    this.#appended = positionBehind(header);
    // Writes are reported in order: what is under way before it must land first.
    if (this.#underWay.length === 0) this.#durable = header.op;
    else this.#underWay.push({ id: this.#underWay[this.#underWay.length - 1]?.id ?? 0, op: header.op });
  }

  /** True when nothing of another log lies where the operation goes; false when it was written in place of a damaged one. */
  #makeRoom(slot: Slot, header: PrepareHeader, effects: Effect[]): boolean {
    const end = positionBehind(header).address;
    // What verifies there, and is not what goes there, is of another log, and so is everything behind it (seed 80151071).
    const isDamaged = slot.isFaulty && header.op > this.#soundOp;
    if (isDamaged && this.#fitsBefore(header.op, end) && slot.frame !== null) {
      mark("journalRepairsInPlace");
      const id = this.#nextId();
      effects.push({ kind: "repair", id, prepare: { header, frame: slot.frame } });
      this.#slots.heldBytes -= slot.frame.length;
      this.#append(slot, header, id);
      return false;
    }
    mark("journalTruncates");
    for (const other of this.#slots.values()) {
      if (other.op <= this.#appended.op || (other.state !== "kept" && other.state !== "faulty")) continue;
      if (other.isCanonical && other.header !== null) other.state = "wanted";
      else this.#slots.delete(other.op);
      other.isFaulty = other.isUndeniable;
    }
    const id = this.#nextId();
    effects.push({ kind: "truncate", id, before: this.#appended, end: this.#end });
    this.#underWay.push({ id, op: 0 });
    this.#end = this.#appended.address;
    this.#soundOp = this.#appended.op;
    return true;
  }

  /** Whether operations kept on disk behind the damaged one can stay where they are. */
  #fitsBefore(op: number, end: number): boolean {
    let isFollowed = false;
    for (const slot of this.#slots.values()) {
      if (slot.op <= op || slot.header === null || (slot.state !== "kept" && slot.state !== "faulty")) continue;
      isFollowed = true;
      if (slot.header.address < end) return false;
    }
    return isFollowed || this.#end <= end;
  }

  #writeHeld(effects: Effect[]): void {
    const prepares: Prepare[] = [];
    const slots: Slot[] = [];
    let bytes = 0;
    let parent = this.#appended.parent;
    for (let op = this.#appended.op + 1; bytes < writeBytesMax; op++) {
      const slot = this.#slots.get(op);
      if (slot === undefined || slot.state !== "held" || !slot.isCanonical) break;
      if (slot.header === null || slot.frame === null || !sameIdentity(slot.header.parent, parent)) break;
      prepares.push({ header: slot.header, frame: slot.frame });
      slots.push(slot);
      parent = slot.header.identity;
      bytes += slot.frame.length;
    }
    assert(prepares.length > 0, "a write has something to write");
    const id = this.#nextId();
    effects.push({ kind: "writePrepares", id, before: this.#appended, prepares });
    for (const slot of slots) {
      if (slot.header === null || slot.frame === null) continue;
      this.#slots.heldBytes -= slot.frame.length;
      this.#append(slot, slot.header, id);
    }
    this.#end = Math.max(this.#end, this.#appended.address);
  }

  #append(slot: Slot, header: PrepareHeader, id: number): void {
    assert(header.op === this.#appended.op + 1, "the log is written in order");
    const here = this.#appended.address;
    assert(
      header.address === here || header.address === nextSegmentStart(this.#geometry, here),
      "order: a prepare lies behind its parent or at the next segment",
    );
    slot.state = "writing";
    slot.isFaulty = false;
    this.#appended = positionBehind(header);
    const last = this.#underWay.at(-1);
    if (last !== undefined && last.id === id) this.#underWay[this.#underWay.length - 1] = { id, op: header.op };
    else this.#underWay.push({ id, op: header.op });
  }

  /** Writes an appended operation once more, where it lies. */
  rewrite(prepare: Prepare, effects: Effect[]): void {
    assert(prepare.header.op <= this.#appended.op, "only what is appended is written again");
    const id = this.#nextId();
    effects.push({ kind: "repair", id, prepare });
    this.#underWay.push({ id, op: 0 });
  }

  /** What the write `id` brings is the log up to `position`. */
  adopt(id: number, position: LogPosition): void {
    this.#appended = position;
    this.#end = Math.max(this.#end, position.address);
    this.#underWay.push({ id, op: position.op });
  }

  /** What was appended behind `position` is not of this log. The disk is truncated when the first operation is written there. */
  rewind(position: LogPosition): void {
    assert(position.op < this.#appended.op, "what is taken back was appended");
    this.#soundOp = Math.max(this.#soundOp, this.#appended.op);
    this.#appended = position;
    this.#durable = Math.min(this.#durable, position.op);
    for (let index = 0; index < this.#underWay.length; index++) {
      const write = this.#underWay[index];
      if (write !== undefined && write.op > position.op) this.#underWay[index] = { id: write.id, op: position.op };
    }
  }

  /**
   * The disk reports a write. True when it was one of the log's.
   *
   * @param oldest operation before which no slot is kept
   */
  written(id: number, oldest: number): boolean {
    let isOurs = false;
    while (this.#underWay.length > 0 && this.#underWay[0]?.id === id) {
      const write = this.#underWay.shift();
      isOurs = true;
      if (write === undefined || write.op === 0) continue;
      for (let op = Math.max(this.#durable + 1, oldest); op <= write.op; op++) {
        const slot = this.#slots.get(op);
        if (slot?.state === "writing") slot.state = "durable";
      }
      this.#durable = Math.max(this.#durable, write.op);
    }
    assert(this.#durable <= this.#appended.op, "only what was appended is durable");
    return isOurs;
  }
}
