/**
 * Values by the bytes that they were decoded from. What comes again and again, byte for byte, is decoded once and is one object after that:
 * cheaper to know again than to read, and something to hang what was found out about it on.
 *
 * Bounded by number and bytes: when either is reached all is forgotten, and what still comes is decoded once more.
 */
import { assert } from "../../runtime/types/assert.js";

interface Entry<Value> {
  readonly bytes: Uint8Array;
  readonly value: Value;
}

/** Longer byte strings seldom come twice, unless it is known better. */
const lengthMaxUsual = 16 * 1024;

export class Interned<Value> {
  readonly #decode: (bytes: Uint8Array, from: number, to: number) => Value;
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #lengthMax: number;
  readonly #entries = new Map<number, Entry<Value>>();
  /** What was found last: statements of one kind come in a row, and to compare is cheaper than to hash. */
  #last: Entry<Value> | null = null;
  #bytes = 0;

  constructor(
    decode: (bytes: Uint8Array, from: number, to: number) => Value,
    limits: { readonly countMax: number; readonly bytesMax: number; readonly lengthMax?: number },
  ) {
    this.#lengthMax = limits.lengthMax ?? lengthMaxUsual;
    assert(limits.countMax > 0 && limits.bytesMax >= this.#lengthMax, "something can be kept");
    this.#decode = decode;
    this.#countMax = limits.countMax;
    this.#bytesMax = limits.bytesMax;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** The value of `bytes[from, to)`. Throws what `decode` throws. */
  of(bytes: Uint8Array, from: number, to: number): Value {
    assert(from >= 0 && from <= to && to <= bytes.length, "a value lies within its source");
    if (to - from > this.#lengthMax) return this.#decode(bytes, from, to);
    const last = this.#last;
    if (last !== null && isSame(last.bytes, bytes, from, to)) return last.value;
    const hash = hashOf(bytes, from, to);
    const known = this.#entries.get(hash);
    if (known !== undefined && isSame(known.bytes, bytes, from, to)) {
      this.#last = known;
      return known.value;
    }
    const kept = bytes.slice(from, to);
    const value = this.#decode(kept, 0, kept.length);
    if (this.#entries.size >= this.#countMax || this.#bytes + kept.length > this.#bytesMax) {
      this.#entries.clear();
      this.#bytes = 0;
    }
    // Another value of the same hash gives way.
    const gone = this.#entries.get(hash);
    this.#bytes += kept.length - (gone?.bytes.length ?? 0);
    const entry = { bytes: kept, value };
    this.#entries.set(hash, entry);
    this.#last = entry;
    return value;
  }
}

/**
 * FNV-1a over words of four bytes, 32 bits: what is found by it is compared. Words, since each step waits for the multiplication before it,
 * and every request has some six hundred bytes that are known.
 */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c_9dc5;
  let at = from;
  for (const words = to - 3; at < words; at += 4) hash = mixed(hash, wordAt(bytes, at));
  for (; at < to; at++) hash = mixed(hash, bytes[at] ?? 0);
  return hash;
}

/** The upper half goes into the lower one, too: a product alone never carries what differs in a word's high bits downwards. */
function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x0100_0193);
  return product ^ (product >>> 15);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

/** Up to here a loop is cheaper than a view. */
const shortBytes = 64;

function isSame(kept: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (kept.length !== to - from) return false;
  if (kept.length > shortBytes) return Buffer.compare(kept, bytes.subarray(from, to)) === 0;
  for (let at = 0; at < kept.length; at++) if (kept[at] !== bytes[from + at]) return false;
  return true;
}
