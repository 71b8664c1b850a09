/**
 * Chance, by name. One seed gives any number of streams; a draw in one never shifts another, so that a fault can be taken out of a run
 * without changing what the network or the clients do. xoshiro128** (Blackman and Vigna 2018) seeded by splitmix32 over seed and name:
 * 32-bit integers throughout, since big integers are slow.
 */
import { assert } from "../../runtime/types/assert.js";

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** FNV-1a over the name's characters: spreads names over seeds. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

export class Stream {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number, name: string) {
    let state = (seed ^ hashName(name)) >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = next();
    this.#b = next() ^ seed;
    this.#c = next();
    this.#d = next() || 1;
  }

  /** 32 bits. */
  next(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotate(this.#d, 11);
    return result >>> 0;
  }

  /** From 0 (inclusive) to 1 (exclusive). */
  fraction(): number {
    return this.next() / 2 ** 32;
  }

  /** 0 … bound - 1. */
  below(bound: number): number {
    assert(bound > 0, "a draw has at least one outcome");
    return this.next() % bound;
  }

  /** From low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Exponentially distributed with that mean: most are short, a few are long. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    assert(item !== undefined, "something is picked from what is there");
    return item;
  }

  /** One bit of the bytes becomes the other. */
  flipBit(bytes: Uint8Array): void {
    const bit = this.below(bytes.length * 8);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  }
}
