/**
 * Fixed-width numbers in bytes: u64 as two u32 halves, since a bigint read costs ten times as much. Little-endian in values,
 * records and frames; big-endian in tree keys, whose memcmp order is then the numeric order.
 */
import { assert } from "../types/assert.js";

const u32Span = 2 ** 32;
/** High halves at or above this are beyond 2^53 - 1. */
const highHalfLimit = 0x20_0000;

/** Reads a u64 that is known to be a safe integer: our own rows and records. */
export function getU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  assert(high < highHalfLimit, "a stored number is a safe integer");
  return high * u32Span + view.getUint32(at, true);
}

/** Reads a u64 from untrusted bytes: -1 when it is beyond 2^53 - 1. */
export function getU64OrNone(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high < highHalfLimit ? high * u32Span + view.getUint32(at, true) : -1;
}

export function setU64(view: DataView, at: number, value: number): void {
  assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, "a stored number is a non-negative safe integer");
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, (value / u32Span) | 0, true);
}

export function getU64Key(view: DataView, at: number): number {
  return view.getUint32(at) * u32Span + view.getUint32(at + 4);
}

export function setU64Key(view: DataView, at: number, value: number): void {
  assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, "a key number is a non-negative safe integer");
  view.setUint32(at, (value / u32Span) | 0);
  view.setUint32(at + 4, value >>> 0);
}

/** Up to here a loop is cheaper than `subarray` plus `set`, which allocates a view. */
const shortCopyBytes = 1_024;

/** See `copyToShared`. */
const bounceBytes = 64 * 1024;
const bounce = new Uint8Array(bounceBytes + 8);

/**
 * Copies many bytes into shared memory. There `set` goes byte by byte unless source and target are aligned alike, so the bytes
 * first go to a place of this thread that is: 133 KB in 10 µs instead of 45 (into memory of one thread, `set` alone takes 5).
 */
function copyToShared(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  assert(to - from > 0, "a long copy is not empty");
  assert(bounce.byteOffset % 8 === 0, "the bounce is aligned");
  let write = at;
  for (let read = from; read < to; read += bounceBytes) {
    const end = Math.min(read + bounceBytes, to);
    const start = (target.byteOffset + write) % 8;
    bounce.set(source.subarray(read, end), start);
    target.set(bounce.subarray(start, start + end - read), write);
    write += end - read;
  }
}

export function copyBytes(
  source: Uint8Array,
  sourceView: DataView,
  from: number,
  to: number,
  target: Uint8Array,
  targetView: DataView,
  at: number,
): void {
  const length = to - from;
  assert(length >= 0 && to <= source.length, "a copy reads within its source");
  assert(at + length <= target.length, "a copy writes within its target");
  if (length > shortCopyBytes) {
    if (target.buffer instanceof SharedArrayBuffer) copyToShared(source, from, to, target, at);
    else target.set(source.subarray(from, to), at);
    return;
  }
  let read = from;
  let write = at;
  const wordsEnd = to - 3;
  while (read < wordsEnd) {
    targetView.setUint32(write, sourceView.getUint32(read, true), true);
    read += 4;
    write += 4;
  }
  while (read < to) {
    targetView.setUint8(write, sourceView.getUint8(read));
    read += 1;
    write += 1;
  }
}
