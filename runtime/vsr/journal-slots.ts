/**
 * What a replica knows of single operations of its log: a slot for each that it has heard of and not forgotten. Whether an operation is
 * appended is said by its number alone, so the slots count the bytes of bodies that wait behind that: `heldBytes`, a replica's bound.
 */
import { type PrepareHeader, sameBytes } from "../storage/frame.js";
import { assert } from "../types/assert.js";

export type SlotState = "wanted" | "held" | "writing" | "durable" | "kept" | "faulty";

export interface Slot {
  readonly op: number;
  state: SlotState;
  header: PrepareHeader | null;
  headerBytes: Uint8Array | null;
  /** Header and body while they are needed in memory. */
  frame: Uint8Array | null;
  /** Proved to belong to the log of `logView`. */
  isCanonical: boolean;
  /** A fault, not a crash, is why its body is not here: it may have been acknowledged, so it is never a vote against itself. */
  isFaulty: boolean;
  /** It was durable here as the superblock has it, or nobody can say that it was not: whatever the disk shows, it is never denied. */
  isUndeniable: boolean;
}

export const sameIdentity = (left: Uint8Array, right: Uint8Array): boolean => sameBytes(left, 0, right, 0, left.length);

export class JournalSlots {
  readonly #slots = new Map<number, Slot>();
  /** Bytes of bodies held in memory behind what is appended. */
  heldBytes = 0;

  get(op: number): Slot | undefined {
    return this.#slots.get(op);
  }

  values(): IterableIterator<Slot> {
    return this.#slots.values();
  }

  /** For loops that take slots away. */
  list(): Slot[] {
    return [...this.#slots.values()];
  }

  delete(op: number): void {
    this.#slots.delete(op);
  }

  /** A slot of which the disk says what it is, with or without a header. */
  add(slot: Slot): void {
    assert(slot.frame === null, "what is found on disk is not in memory");
    this.#slots.set(slot.op, slot);
  }

  /** An operation whose header is known; whatever was known under its number is forgotten. */
  put(header: PrepareHeader, headerBytes: Uint8Array, state: SlotState): Slot {
    const old = this.#slots.get(header.op);
    if (old?.frame) this.heldBytes -= old.frame.length;
    const slot: Slot = {
      op: header.op,
      state,
      header,
      headerBytes,
      frame: null,
      isCanonical: false,
      isFaulty: false,
      isUndeniable: false,
    };
    this.#slots.set(header.op, slot);
    return slot;
  }

  hold(slot: Slot, frame: Uint8Array): void {
    assert(slot.frame === null && slot.header !== null, "a body is held once, for a header that is known");
    slot.frame = frame;
    slot.state = "held";
    this.heldBytes += frame.length;
  }

  /** Forgets a body. That of an appended operation is not counted any more. */
  drop(slot: Slot, appended: number): void {
    if (slot.frame === null) return;
    if (slot.op > appended) this.heldBytes -= slot.frame.length;
    slot.frame = null;
  }

  /** Identity of an operation that is proved to be of this log. */
  canonicalIdentity(op: number): Uint8Array | null {
    const slot = this.#slots.get(op);
    return slot?.isCanonical && slot.header ? slot.header.identity : null;
  }

  /** Identity that a damaged operation must have, as its child names it; null while the child is not proved. */
  namedByChild(op: number): Uint8Array | null {
    const child = this.#slots.get(op + 1);
    return child?.isCanonical && child.header ? child.header.parent : null;
  }

  /** A proved operation proves its parent, and so on from the head down to what is appended. */
  proveBackwards(head: number, appended: number): void {
    for (let op = head; op > appended + 1; op--) {
      const slot = this.#slots.get(op);
      const parent = this.#slots.get(op - 1);
      if (slot === undefined || !slot.isCanonical || slot.header === null) continue;
      if (parent === undefined || parent.header === null) continue;
      if (sameIdentity(slot.header.parent, parent.header.identity)) parent.isCanonical = true;
    }
  }
}
