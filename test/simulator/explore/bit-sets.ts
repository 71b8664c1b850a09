/** Sets of small numbers, each kept once, by number: equal sets are one, and the empty one is 0. All bits lie in one plain array. */
import { PairMap } from "./pair-map.js";

const wordBits = 32;
const none = -1;
export const emptySet = 0;

export class BitSets {
  /** Words of each set. */
  #stride = 1;
  #words = new Int32Array(64);
  #slots = new Int32Array(64).fill(none);
  #scratch = new Int32Array(1);
  #unions = new PairMap();
  count = 0;

  constructor() {
    this.#intern();
  }

  of(members: Iterable<number>): number {
    this.#scratch.fill(0);
    for (const member of members) {
      while (member >= this.#stride * wordBits) this.#widen();
      const word = Math.floor(member / wordBits);
      this.#scratch[word] = (this.#scratch[word] ?? 0) | (1 << (member % wordBits));
    }
    return this.#intern();
  }

  has(set: number, member: number): boolean {
    const word = Math.floor(member / wordBits);
    return word < this.#stride && ((this.#words[set * this.#stride + word] ?? 0) & (1 << (member % wordBits))) !== 0;
  }

  members(set: number): number[] {
    const members: number[] = [];
    for (let word = 0; word < this.#stride; word++) {
      for (let bits = this.#words[set * this.#stride + word] ?? 0; bits !== 0; bits &= bits - 1) {
        members.push(word * wordBits + 31 - Math.clz32(bits & -bits));
      }
    }
    return members;
  }

  union(set: number, other: number): number {
    if (set === other || other === emptySet) return set;
    if (set === emptySet) return other;
    const known = this.#unions.get(set, other);
    if (known >= 0) return known;
    const [left, right] = [set * this.#stride, other * this.#stride];
    for (let word = 0; word < this.#stride; word++) {
      this.#scratch[word] = (this.#words[left + word] ?? 0) | (this.#words[right + word] ?? 0);
    }
    const union = this.#intern();
    this.#unions.set(set, other, union);
    return union;
  }

  minus(set: number, other: number): number {
    if (set === emptySet || other === emptySet) return set;
    const [left, right] = [set * this.#stride, other * this.#stride];
    for (let word = 0; word < this.#stride; word++) {
      this.#scratch[word] = (this.#words[left + word] ?? 0) & ~(this.#words[right + word] ?? 0);
    }
    return this.#intern();
  }

  common(set: number, other: number): number {
    return this.minus(set, this.minus(set, other));
  }

  isWithin(set: number, other: number): boolean {
    if (set === other) return true;
    const words = this.#words;
    const [inner, outer] = [set * this.#stride, other * this.#stride];
    for (let word = 0; word < this.#stride; word++) {
      if (((words[inner + word] ?? 0) & ~(words[outer + word] ?? 0)) !== 0) return false;
    }
    return true;
  }

  /** The number of the set whose bits are in `#scratch`. */
  #intern(): number {
    const slot = this.#find(this.#scratch, 0);
    const known = this.#slots[slot] ?? none;
    if (known !== none) return known;
    const number = this.count;
    this.count += 1;
    const length = this.count * this.#stride;
    if (length > this.#words.length) {
      const larger = new Int32Array(length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words.set(this.#scratch, number * this.#stride);
    this.#slots[slot] = number;
    if (this.count * 2 > this.#slots.length) {
      this.#slots = new Int32Array(this.#slots.length * 2).fill(none);
      for (let set = 0; set < this.count; set++) this.#slots[this.#find(this.#words, set * this.#stride)] = set;
    }
    return number;
  }

  #find(words: Int32Array, from: number): number {
    let hash = 0x811c9dc5;
    // A word of zeros adds nothing, so that a set keeps its hash when all become wider.
    for (let word = 0; word < this.#stride; word++) {
      const bits = words[from + word] ?? 0;
      if (bits !== 0) hash = Math.imul(hash ^ (hash >>> 15) ^ bits, 0x9e3779b1) + word;
    }
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const set = this.#slots[slot] ?? none;
      if (set === none || this.#isSame(set, words, from)) return slot;
    }
  }

  #isSame(set: number, words: Int32Array, from: number): boolean {
    const at = set * this.#stride;
    for (let word = 0; word < this.#stride; word++) if (this.#words[at + word] !== words[from + word]) return false;
    return true;
  }

  #widen(): void {
    const [former, words, scratch] = [this.#stride, this.#words, this.#scratch];
    this.#stride = former * 2;
    this.#words = new Int32Array(Math.max(words.length, this.count * 2) * 2);
    for (let set = 0; set < this.count; set++) {
      this.#words.set(words.subarray(set * former, (set + 1) * former), set * this.#stride);
    }
    this.#scratch = new Int32Array(this.#stride);
    this.#scratch.set(scratch);
  }
}
