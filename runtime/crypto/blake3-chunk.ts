/**
 * BLAKE3 of what fits one chunk, 1,024 bytes (https://github.com/BLAKE3-team/BLAKE3-specs, sections 2.2 to 2.4): then there is no tree, and a
 * hash is one compression for each 64 bytes. A materialized view has a hash for each of its rows, and `@noble/hashes`, which is the rule for
 * all else, makes eight objects for each; what this one says is held to it for every length (test/crypto).
 */
import { assert } from "../types/assert.js";

export const chunkBytesMax = 1_024;
const blockBytes = 64;
const words = 16;
const rounds = 7;
const flag = { chunkStart: 1, chunkEnd: 2, root: 8 } as const;

/** The fractional parts of the square roots of the first eight primes, as SHA-256 begins. */
const initial = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
/** Which word of the block comes where in the next round. */
const permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;

/** By round and place: the word of the block. */
const schedule = ((): Uint8Array => {
  const places = new Uint8Array(rounds * words);
  for (let at = 0; at < words; at++) places[at] = at;
  for (let at = words; at < places.length; at++)
    places[at] = places[at - words - (at % words) + (permutation[at % words] ?? 0)];
  return places;
})();

// Of the hash that is made: nothing is kept between two.
const state = new Int32Array(words);
const block = new Int32Array(words);
const chaining = new Int32Array(8);

function mix(a: number, b: number, c: number, d: number, x: number, y: number): void {
  let [va, vb, vc, vd] = [state[a], state[b], state[c], state[d]];
  va = (va + vb + x) | 0;
  vd ^= va;
  vd = (vd >>> 16) | (vd << 16);
  vc = (vc + vd) | 0;
  vb ^= vc;
  vb = (vb >>> 12) | (vb << 20);
  va = (va + vb + y) | 0;
  vd ^= va;
  vd = (vd >>> 8) | (vd << 24);
  vc = (vc + vd) | 0;
  vb ^= vc;
  state[a] = va;
  state[b] = (vb >>> 7) | (vb << 25);
  state[c] = vc;
  state[d] = vd;
}

/** Compresses `block` into `chaining`. The chunk is the first, its counter 0. */
function compress(length: number, flags: number): void {
  state.set(chaining);
  for (let at = 0; at < 4; at++) state[8 + at] = initial[at];
  state[12] = 0;
  state[13] = 0;
  state[14] = length;
  state[15] = flags;
  for (let at = 0; at < schedule.length; at += words) {
    const word = (place: number): number => block[schedule[at + place]];
    mix(0, 4, 8, 12, word(0), word(1));
    mix(1, 5, 9, 13, word(2), word(3));
    mix(2, 6, 10, 14, word(4), word(5));
    mix(3, 7, 11, 15, word(6), word(7));
    mix(0, 5, 10, 15, word(8), word(9));
    mix(1, 6, 11, 12, word(10), word(11));
    mix(2, 7, 8, 13, word(12), word(13));
    mix(3, 4, 9, 14, word(14), word(15));
  }
  for (let at = 0; at < 8; at++) chaining[at] = state[at] ^ state[at + 8];
}

/**
 * Writes the first bytes of the hash of `source[0..length)` to `target`.
 *
 * @param length 1,024 at most
 * @param outputBytes 32 at most
 */
export function blake3OfChunk(
  source: Uint8Array,
  length: number,
  target: Uint8Array,
  targetFrom: number,
  outputBytes: number,
): void {
  assert(length <= source.length && length <= chunkBytesMax, "a chunk has 1,024 bytes at most");
  assert(outputBytes <= 32 && targetFrom + outputBytes <= target.length, "a hash has room");
  chaining.set(initial);
  let from = 0;
  do {
    const bytes = Math.min(blockBytes, length - from);
    if (bytes < blockBytes) block.fill(0);
    const whole = bytes >> 2;
    for (let word = 0, at = from; word < whole; word++, at += 4)
      block[word] = source[at] | (source[at + 1] << 8) | (source[at + 2] << 16) | (source[at + 3] << 24);
    for (let at = 4 * whole; at < bytes; at++) block[at >> 2] |= source[from + at] << (8 * (at & 3));
    const isLast = from + bytes === length;
    const flags = (from === 0 ? flag.chunkStart : 0) | (isLast ? flag.chunkEnd | flag.root : 0);
    compress(bytes, flags);
    from += bytes;
  } while (from < length);
  for (let at = 0; at < outputBytes; at++) target[targetFrom + at] = chaining[at >> 2] >>> (8 * (at & 3));
}
