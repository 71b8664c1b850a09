/**
 * BLAKE3: internal fingerprints only (what a third party checks is SHA-256). Only `@noble/hashes` has it, so it stands beside
 * the port instead of in it. Short messages are hashed by our own (blake3-chunk.ts), many at a time.
 */
import { blake3 as nobleBlake3 } from "@noble/hashes/blake3.js";
import { KimberliteError } from "../types/errors.js";
import { blake3OfChunk, chunkBytesMax } from "./blake3-chunk.js";

const outputBytesDefault = 32;
const keyBytes = 32;

export const blake3 = (bytes: Uint8Array, outputBytes = outputBytesDefault): Uint8Array =>
  nobleBlake3(bytes, { dkLen: outputBytes });

/** Writes the first bytes of the hash of `source[0..length)` to `target`; 32 at most. */
export function blake3Into(
  source: Uint8Array,
  length: number,
  target: Uint8Array,
  targetFrom: number,
  outputBytes: number,
): void {
  if (length <= chunkBytesMax) blake3OfChunk(source, length, target, targetFrom, outputBytes);
  else target.set(blake3(source.subarray(0, length), outputBytes), targetFrom);
}

/** Keyed hash. Throws `cryptoFailed` unless the key is 32 bytes. */
export function blake3Keyed(key: Uint8Array, bytes: Uint8Array, outputBytes = outputBytesDefault): Uint8Array {
  if (key.length !== keyBytes)
    throw new KimberliteError("cryptoFailed", `a BLAKE3 key is ${keyBytes} bytes, not ${key.length}`);
  return nobleBlake3(bytes, { key, dkLen: outputBytes });
}

/** Derives a key from `material`; `context` is a hard-coded, globally unique, application-specific text. */
export const blake3DeriveKey = (context: string, material: Uint8Array, outputBytes = outputBytesDefault): Uint8Array =>
  nobleBlake3(material, { context: new TextEncoder().encode(context), dkLen: outputBytes });
