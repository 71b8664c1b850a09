/**
 * Entries of an index in the order of their keys, run by run: what is put into a tree in order goes beside what was put last, where entries in the order
 * of their rows would each be searched for.
 *
 * Entries lie back to back, each at a multiple of 8 bytes, by which it is named:
 *
 *   length of the key u16 · length of the content u16 · key · content
 *
 * They are sorted by four bytes of their keys at a time: a number of those and of the entry's name is sorted by the machine, and only entries that have
 * the same four go on to the next. Nothing but the entry itself is looked at, since entries in order lie anywhere in memory.
 */
import { AssertionFailed, assert } from "../../../types/assert.js";
import { miB } from "../../../types/limits.js";

/** Four bytes of a key and a name fit the 53 bits of a double. */
const nameSpan = 2 ** 21;
const nameBits = 3;
const runBytesMax = nameSpan * 2 ** nameBits;
assert(runBytesMax === 16 * miB, "a run's bytes are what can be named");
/** Groups below this are sorted one by one. */
const fewEntries = 12;
const headBytes = 4;
const startBytes = 4_096;

export class EntryRun {
  readonly #bytesMax: number;
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  /** Names of the entries, as they came. */
  #names = new Int32Array(256);
  #entries = 0;

  /** @param bytes that a run has room for; at least what one entry takes */
  constructor(bytes: number = runBytesMax) {
    assert(bytes <= runBytesMax, "each entry of a run has a name");
    this.#bytesMax = bytes;
    this.#bytes = new Uint8Array(startBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Adds an entry; false when there is no room for it. */
  add(key: Uint8Array, content: Uint8Array): boolean {
    const start = this.#length;
    const contentAt = start + headBytes + key.length;
    const end = contentAt + content.length;
    if (end + 8 > this.#bytesMax) return false;
    if (end + 8 > this.#bytes.length) this.#grow(end + 8);
    if (this.#entries === this.#names.length) {
      const names = new Int32Array(2 * this.#names.length);
      names.set(this.#names);
      this.#names = names;
    }
    const bytes = this.#bytes;
    this.#view.setUint16(start, key.length);
    this.#view.setUint16(start + 2, content.length);
    for (let at = 0; at < key.length; at++) bytes[start + headBytes + at] = key[at] ?? 0;
    for (let at = 0; at < content.length; at++) bytes[contentAt + at] = content[at] ?? 0;
    this.#names[this.#entries] = start >> nameBits;
    this.#entries += 1;
    this.#length = (end + 7) & ~7;
    return true;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(needed, 2 * this.#bytes.length)));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** Entries lie in here. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Where the key of an entry begins, its content, and the end of that. */
  keyOf(name: number): number {
    return (name << nameBits) + headBytes;
  }

  contentOf(name: number): number {
    return this.keyOf(name) + this.#view.getUint16(name << nameBits);
  }

  endOf(name: number): number {
    return this.contentOf(name) + this.#view.getUint16((name << nameBits) + 2);
  }

  /** Names of the entries in the order of their keys; equal ones in the order in which they came. */
  sorted(): Int32Array {
    const order = this.#names.slice(0, this.#entries);
    if (!this.#isAscending(order)) this.#sort(order, 0, order.length, 0, new Float64Array(order.length));
    return order;
  }

  #isAscending(order: Int32Array): boolean {
    for (let at = 1; at < order.length; at++)
      if (this.#compare(order[at - 1] ?? 0, order[at] ?? 0, 0) > 0) return false;
    return true;
  }

  /** Sorts the entries at [from, to) of the order, whose keys agree in so many bytes. */
  #sort(order: Int32Array, from: number, to: number, agreed: number, scratch: Float64Array): void {
    let depth = agreed;
    for (;;) {
      if (to - from < fewEntries) {
        this.#sortFew(order, from, to, depth);
        return;
      }
      // Keys that have come to their ends are the same.
      if (this.contentOf(order[from] ?? 0) - this.keyOf(order[from] ?? 0) <= depth) return;
      if (!this.#gather(order, from, to, depth, scratch)) break;
      depth += 4;
    }
    scratch.subarray(from, to).sort();
    const groups: number[] = [];
    let begin = from;
    let word = -1;
    for (let at = from; at < to; at++) {
      const number = scratch[at] ?? 0;
      const next = Math.floor(number / nameSpan);
      order[at] = number - next * nameSpan;
      if (next === word) continue;
      if (at - begin > 1) groups.push(begin, at);
      begin = at;
      word = next;
    }
    if (to - begin > 1) groups.push(begin, to);
    // Only now: a group's own numbers take the places of these.
    for (let at = 0; at < groups.length; at += 2)
      this.#sort(order, groups[at] ?? 0, groups[at + 1] ?? 0, depth + 4, scratch);
  }

  /** Numbers of the next four bytes of keys and of their names; true when all have the same four. */
  #gather(order: Int32Array, from: number, to: number, depth: number, scratch: Float64Array): boolean {
    const view = this.#view;
    const first = this.#wordAt(order[from] ?? 0, depth);
    let isSame = true;
    for (let at = from; at < to; at++) {
      const name = order[at] ?? 0;
      const start = name << nameBits;
      const word =
        view.getUint16(start) >= depth + 4 ? view.getUint32(start + headBytes + depth) : this.#wordAt(name, depth);
      if (word !== first) isSame = false;
      scratch[at] = word * nameSpan + name;
    }
    return isSame;
  }

  /** Four bytes of a key as a number of their order; those behind its end are 0. */
  #wordAt(name: number, depth: number): number {
    const at = this.keyOf(name) + depth;
    const left = this.contentOf(name) - at;
    if (left >= 4) return this.#view.getUint32(at);
    if (left <= 0) return 0;
    const behind = 8 * (4 - left);
    return (this.#view.getUint32(at) >>> behind) * 2 ** behind;
  }

  #sortFew(order: Int32Array, from: number, to: number, depth: number): void {
    for (let at = from + 1; at < to; at++) {
      const name = order[at] ?? 0;
      let place = at;
      for (; place > from && this.#compare(order[place - 1] ?? 0, name, depth) > 0; place--)
        order[place] = order[place - 1] ?? 0;
      order[place] = name;
    }
  }

  /** Order of two keys that agree in so many bytes. */
  #compare(a: number, b: number, depth: number): number {
    const bytes = this.#bytes;
    const [from, other] = [this.keyOf(a), this.keyOf(b)];
    const [length, otherLength] = [this.contentOf(a) - from, this.contentOf(b) - other];
    const common = Math.min(length, otherLength);
    for (let at = depth; at < common; at++) {
      const difference = (bytes[from + at] ?? 0) - (bytes[other + at] ?? 0);
      if (difference !== 0) return difference;
    }
    if (length !== otherLength) throw new AssertionFailed("no key is the beginning of another one");
    return 0;
  }

  clear(): void {
    this.#length = 0;
    this.#entries = 0;
  }
}
