/**
 * inet and cidr: an address of IPv4 or IPv6 with the length of its network's prefix. Both types have the same values; those of cidr have no bits
 * behind the prefix. Text and the binary form are beside it.
 */
import { assert } from "../../types/assert.js";
import { compareBytes, toHex } from "./bytea.js";
import type { Value } from "./datum.js";

/** Its family is told by how many bytes there are: 4 or 16. */
export class Inet {
  /** Never changed after it was made. */
  readonly bytes: Uint8Array;
  /** Bits of the prefix. */
  readonly bits: number;

  constructor(bytes: Uint8Array, bits: number) {
    assert(bytes.length === 4 || bytes.length === 16, "an address has 4 bytes or 16");
    assert(Number.isInteger(bits) && bits >= 0 && bits <= bytes.length * 8, "a prefix lies within its address");
    this.bytes = bytes;
    this.bits = bits;
  }

  get maxBits(): number {
    return this.bytes.length * 8;
  }
}

export function inetOf(value: Value): Inet {
  assert(value instanceof Inet, "a value of inet or cidr is an Inet");
  return value;
}

/** What stays of the byte `at` when only so many bits of an address count. */
const maskAt = (bits: number, at: number): number => {
  const own = bits - at * 8;
  return own >= 8 ? 0xff : own <= 0 ? 0 : (0xff00 >> own) & 0xff;
};

/** How many bits both begin with, `bits` at most. The families are the same. */
export function commonBits(a: Inet, b: Inet, bits: number): number {
  assert(a.bytes.length === b.bytes.length, "bits in common are those of one family");
  for (let at = 0; at * 8 < bits; at++) {
    const difference = (a.bytes[at] ?? 0) ^ (b.bytes[at] ?? 0);
    if (difference !== 0) return Math.min(bits, at * 8 + Math.clz32(difference) - 24);
  }
  return bits;
}

/** The address without the bits behind a prefix of this length, which becomes its own. */
export const networkOf = ({ bytes }: Inet, bits: number): Inet =>
  new Inet(
    bytes.map((byte, at) => byte & maskAt(bits, at)),
    bits,
  );

export const maskOf = (size: number, bits: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => maskAt(bits, at));

/** Whether it is a value of cidr. */
export const isNetwork = ({ bytes, bits }: Inet): boolean =>
  bytes.every((byte, at) => (byte & ~maskAt(bits, at)) === 0);

/** By family, then by the prefix that both have, then by its length, then by the whole address: -1, 0 or 1. */
export function compareInets(a: Inet, b: Inet): number {
  if (a.bytes.length !== b.bytes.length) return a.bytes.length < b.bytes.length ? -1 : 1;
  const same = commonBits(a, b, a.maxBits);
  const order = compareBytes(a.bytes, b.bytes);
  return same < Math.min(a.bits, b.bits) ? order : Math.sign(a.bits - b.bits) || order;
}

/** Equal values have the same, others another one. */
export const inetKey = ({ bytes, bits }: Inet): string => `${bits}/${toHex(bytes)}`;
