/**
 * A hash table from 32-bit integers to small numbers, in flat arrays: what joins and groupings by an integer column look up a million
 * times. Keys from 0 to 65,535, which are most of them in practice, are places of an array; for all others there is open addressing with linear
 * probing, at most half full.
 */
import { assert } from "../../types/assert.js";

const empty = -1;
const denseMax = 65_536;
const denseMin = 1_024;

export class IntegerTable {
  #keys: Int32Array;
  #values: Int32Array;
  #mask: number;
  /** Keys that are hashed, and all. */
  #hashed = 0;
  #size = 0;
  /** By key, as long as the largest of these keys needs. */
  #dense = new Int32Array(0);

  constructor(capacity = 64) {
    assert((capacity & (capacity - 1)) === 0, "a table's capacity is a power of two");
    this.#keys = new Int32Array(capacity);
    this.#values = new Int32Array(capacity).fill(empty);
    this.#mask = capacity - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** -1 when the key is not there. */
  get(key: number): number {
    const dense = this.#dense;
    if (key >= 0 && key < dense.length) return dense[key] ?? empty;
    if (this.#hashed === 0) return empty;
    const keys = this.#keys;
    const values = this.#values;
    const mask = this.#mask;
    for (let at = hash(key) & mask; ; at = (at + 1) & mask) {
      const value = values[at] ?? empty;
      if (value === empty || keys[at] === key) return value;
    }
  }

  /** The values of many keys, up to the first that is not there or is no place of the array. Returns how many those are. */
  getAll(keys: Float64Array, count: number, values: Int32Array): number {
    assert(count <= keys.length && count <= values.length, "there are so many keys, and room for their values");
    const dense = this.#dense;
    const { length } = dense;
    for (let index = 0; index < count; index++) {
      // Keys have 32 bits. An array that was once read behind its end is read at half the speed from then on.
      const key = keys[index] | 0;
      if (key < 0 || key >= length) return index;
      const value = dense[key];
      if (value < 0) return index;
      values[index] = value;
    }
    return count;
  }

  /** Sets the value, which is not negative. */
  set(key: number, value: number): void {
    assert(value >= 0, "a table holds places");
    if (key >= 0 && key < denseMax) {
      this.#setDense(key, value);
      return;
    }
    if ((this.#hashed + 1) * 2 > this.#mask) this.#grow();
    const mask = this.#mask;
    let at = hash(key) & mask;
    while (this.#values[at] !== empty && this.#keys[at] !== key) at = (at + 1) & mask;
    if (this.#values[at] === empty) {
      this.#hashed += 1;
      this.#size += 1;
    }
    this.#keys[at] = key;
    this.#values[at] = value;
  }

  #setDense(key: number, value: number): void {
    if (key >= this.#dense.length) {
      let length = Math.max(denseMin, this.#dense.length);
      while (length <= key) length *= 2;
      const grown = new Int32Array(length).fill(empty);
      grown.set(this.#dense);
      this.#dense = grown;
    }
    if (this.#dense[key] === empty) this.#size += 1;
    this.#dense[key] = value;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const capacity = keys.length * 4;
    this.#keys = new Int32Array(capacity);
    this.#values = new Int32Array(capacity).fill(empty);
    this.#mask = capacity - 1;
    this.#size -= this.#hashed;
    this.#hashed = 0;
    for (let at = 0; at < keys.length; at += 1) {
      const value = values[at] ?? empty;
      if (value !== empty) this.set(keys[at] ?? 0, value);
    }
  }
}

const hash = (key: number): number => {
  const mixed = Math.imul(key, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};
