/**
 * BLAKE3: internal fingerprints only (what a third party checks is SHA-256). Only `@noble/hashes` has it, so it stands beside
 * the port instead of in it.
 */
import { blake3 as nobleBlake3 } from "@noble/hashes/blake3.js";
import { KimberliteError } from "../types/errors.js";

const outputBytesDefault = 32;
const keyBytes = 32;

export const blake3 = (bytes: Uint8Array, outputBytes = outputBytesDefault): Uint8Array =>
  nobleBlake3(bytes, { dkLen: outputBytes });

/** Keyed hash. Throws `cryptoFailed` unless the key is 32 bytes. */
export function blake3Keyed(key: Uint8Array, bytes: Uint8Array, outputBytes = outputBytesDefault): Uint8Array {
  if (key.length !== keyBytes)
    throw new KimberliteError("cryptoFailed", `a BLAKE3 key is ${keyBytes} bytes, not ${key.length}`);
  return nobleBlake3(bytes, { key, dkLen: outputBytes });
}

/** Derives a key from `material`; `context` is a hard-coded, globally unique, application-specific text. */
export const blake3DeriveKey = (context: string, material: Uint8Array, outputBytes = outputBytesDefault): Uint8Array =>
  nobleBlake3(material, { context: new TextEncoder().encode(context), dkLen: outputBytes });
