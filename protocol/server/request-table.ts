/**
 * Requests that wait for an answer from an actor. A request is known to the actors by a 32-bit correlation:
 *
 *   bits 0..19   slot in this table
 *   bits 20..31  generation of the slot, so that a late answer to an earlier use of the slot is recognised and dropped
 *
 * Parallel arrays, no object per request: at 300,000 requests a second an object each would be the largest cost of the gateway.
 */
import { assert } from "../../runtime/types/assert.js";

const slotBits = 20;
const slotsMax = 1 << slotBits;
const slotMask = slotsMax - 1;
const generationMask = 0xfff;

export class RequestTable<Owner> {
  readonly #owners: (Owner | null)[] = [];
  readonly #requestIds: number[] = [];
  readonly #kinds: number[] = [];
  readonly #destinations: number[] = [];
  /** ms since 1970. */
  readonly #deadlines: number[] = [];
  /** The client has its answer already: the actor's own only gives the slot back. */
  readonly #isAnswered: boolean[] = [];
  readonly #generations: number[] = [];
  readonly #free: number[] = [];
  count = 0;

  /** The correlation of a new entry, or -1 when the table is full. */
  open(owner: Owner, requestId: number, kind: number, destination: number, deadline: number): number {
    let slot = this.#free.pop();
    if (slot === undefined) {
      slot = this.#owners.length;
      if (slot === slotsMax) return -1;
      this.#generations.push(0);
      this.#owners.push(null);
      this.#requestIds.push(0);
      this.#kinds.push(0);
      this.#destinations.push(0);
      this.#deadlines.push(0);
      this.#isAnswered.push(false);
    }
    assert(this.#owners[slot] === null, "a slot that is handed out is free");
    this.#owners[slot] = owner;
    this.#requestIds[slot] = requestId;
    this.#kinds[slot] = kind;
    this.#destinations[slot] = destination;
    this.#deadlines[slot] = deadline;
    this.#isAnswered[slot] = false;
    this.count += 1;
    return ((this.#generations[slot] << slotBits) | slot) >>> 0;
  }

  /** The slot of a correlation that is still open, or -1. */
  find(correlation: number): number {
    const slot = correlation & slotMask;
    if (slot >= this.#owners.length || this.#owners[slot] === null) return -1;
    return this.#generations[slot] === correlation >>> slotBits ? slot : -1;
  }

  owner(slot: number): Owner {
    const owner = this.#owners[slot];
    assert(owner !== null, "an open slot has an owner");
    return owner;
  }

  requestId(slot: number): number {
    return this.#requestIds[slot];
  }

  kind(slot: number): number {
    return this.#kinds[slot];
  }

  destination(slot: number): number {
    return this.#destinations[slot];
  }

  deadline(slot: number): number {
    return this.#deadlines[slot];
  }

  /** A request that has become a subscription ends in other ways than by its time. */
  keepsOn(slot: number): void {
    assert(this.#owners[slot] !== null, "only an open slot has a deadline");
    this.#deadlines[slot] = Number.POSITIVE_INFINITY;
  }

  /** Slots that were ever used: the open ones are among the numbers below. */
  get slots(): number {
    return this.#owners.length;
  }

  /** True for an open slot whose client has no answer yet. */
  isWaiting(slot: number): boolean {
    return this.#owners[slot] !== null && !this.#isAnswered[slot];
  }

  isAnswered(slot: number): boolean {
    return this.#isAnswered[slot];
  }

  answered(slot: number): void {
    assert(this.isWaiting(slot), "a request is answered once");
    this.#isAnswered[slot] = true;
  }

  close(slot: number): void {
    assert(this.#owners[slot] !== null, "only an open slot is closed");
    this.#owners[slot] = null;
    this.#generations[slot] = (this.#generations[slot] + 1) & generationMask;
    this.#free.push(slot);
    this.count -= 1;
  }

  /** Open slots whose requests went to a destination. For the rare event of a lost actor. */
  slotsOf(destination: number): number[] {
    const found: number[] = [];
    for (let slot = 0; slot < this.#owners.length; slot++) {
      if (this.#owners[slot] !== null && this.#destinations[slot] === destination) found.push(slot);
    }
    return found;
  }

  correlation(slot: number): number {
    return ((this.#generations[slot] << slotBits) | slot) >>> 0;
  }
}
