/**
 * The core's own lot: a function of the seed, so that a run can be repeated. xorshift32 (Marsaglia 2003); for jitter and choices, not
 * for secrets.
 */
import { assert } from "../types/assert.js";

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) | 0 || 1;
    for (let index = 0; index < 8; index++) this.next();
  }

  /** 32 bits, never the same state twice in a row. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** 0 … bound - 1. */
  below(bound: number): number {
    assert(bound > 0, "a draw has at least one outcome");
    return this.next() % bound;
  }
}
