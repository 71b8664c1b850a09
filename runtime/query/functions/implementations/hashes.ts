/** PostgreSQL's hashes of texts and integers, as people use them for keys of advisory locks and to deal rows out: Jenkins' lookup3, little-endian. */
import { utf8 } from "../../types/bytes.js";
import type { Int64 } from "../../types/datum.js";
import { strictly } from "../define.js";

type State = [a: number, b: number, c: number];

const rotated = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

function mix(state: State): void {
  let [a, b, c] = state;
  a = (a - c) ^ rotated(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rotated(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rotated(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rotated(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rotated(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rotated(b, 4);
  b = (b + a) | 0;
  state[0] = a;
  state[1] = b;
  state[2] = c;
}

function finish(state: State): void {
  let [a, b, c] = state;
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  c = ((c ^ b) - rotated(b, 24)) | 0;
  state[0] = a;
  state[1] = b;
  state[2] = c;
}

/** Before the first byte of so many. */
function begun(length: number, seed: bigint): State {
  const start = (0x9e37_79b9 + length + 3_923_095) | 0;
  const state: State = [start, start, start];
  if (seed === 0n) return state;
  state[0] = (start + Number(BigInt.asIntN(32, seed >> 32n))) | 0;
  state[1] = (start + Number(BigInt.asIntN(32, seed))) | 0;
  mix(state);
  return state;
}

function ofBytes(bytes: Uint8Array, seed: bigint): State {
  const state = begun(bytes.length, seed);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  for (; bytes.length - at >= 12; at += 12) {
    for (const part of [0, 1, 2] as const) state[part] = (state[part] + view.getUint32(at + part * 4, true)) | 0;
    mix(state);
  }
  // The lowest byte of the last word belongs to the length.
  for (let left = 0; at + left < bytes.length; left += 1) {
    const place = left < 8 ? left : left + 1;
    const part = (place >> 2) as 0 | 1 | 2;
    state[part] = (state[part] + ((bytes[at + left] ?? 0) << ((place & 3) * 8))) | 0;
  }
  finish(state);
  return state;
}

function ofInteger(value: number, seed: bigint): State {
  const state = begun(4, seed);
  state[0] = (state[0] + value) | 0;
  finish(state);
  return state;
}

/** Both halves of a number that fits into an integer are that integer's. */
function folded(value: Int64): number {
  const whole = BigInt(value);
  const high = Number(BigInt.asIntN(32, whole >> 32n));
  return Number(BigInt.asIntN(32, whole)) ^ (whole >= 0n ? high : ~high);
}

const short = ([, , c]: State): number => c;

function long([, b, c]: State): Int64 {
  const value = BigInt.asIntN(64, (BigInt(b >>> 0) << 32n) | BigInt(c >>> 0));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

export const hashes = strictly({
  "hashtext(text)": (text) => short(ofBytes(utf8(text), 0n)),
  "hashtextextended(text,int8)": (text, seed) => long(ofBytes(utf8(text), BigInt(seed))),
  "hashint2(int2)": (value) => short(ofInteger(value, 0n)),
  "hashint4(int4)": (value) => short(ofInteger(value, 0n)),
  "hashint4extended(int4,int8)": (value, seed) => long(ofInteger(value, BigInt(seed))),
  "hashint8(int8)": (value) => short(ofInteger(folded(value), 0n)),
  "hashint8extended(int8,int8)": (value, seed) => long(ofInteger(folded(value), BigInt(seed))),
});
