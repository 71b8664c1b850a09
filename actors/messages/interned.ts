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
    const hash = hashOf(bytes, from, to);
    const known = this.#entries.get(hash);
    if (known !== undefined && isSame(known.bytes, bytes, from, to)) return known.value;
    const kept = bytes.slice(from, to);
    const value = this.#decode(kept, 0, kept.length);
    if (this.#entries.size >= this.#countMax || this.#bytes + kept.length > this.#bytesMax) {
      this.#entries.clear();
      this.#bytes = 0;
    }
    // Another value of the same hash gives way.
    const gone = this.#entries.get(hash);
    this.#bytes += kept.length - (gone?.bytes.length ?? 0);
    this.#entries.set(hash, { bytes: kept, value });
    return value;
  }
}

/** FNV-1a, 32 bits: what is found by it is compared. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c_9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x0100_0193);
  return hash;
}

/** Up to here a loop is cheaper than a view. */
const shortBytes = 256;

function isSame(kept: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (kept.length !== to - from) return false;
  if (kept.length > shortBytes) return Buffer.compare(kept, bytes.subarray(from, to)) === 0;
  for (let at = 0; at < kept.length; at++) if (kept[at] !== bytes[from + at]) return false;
  return true;
}
