/** The second provider: `@noble/*`, portable and independent of OpenSSL. The check on the first, and the offline verifier's. */
import { gcm } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { assert } from "../types/assert.js";
import { checkAesInput, checkHkdfOutput, checkSealed, checkSeed, tagMismatch } from "./check-input.js";
import { signatureIsStrict } from "./ed25519-strict.js";
import { type CryptoProvider, sha256Bytes } from "./provider.js";

const Point = ed25519.Point;

function numberOf(littleEndian: Uint8Array): bigint {
  let value = 0n;
  for (let index = littleEndian.length - 1; index >= 0; index--)
    value = (value << 8n) | BigInt(littleEndian[index] as number);
  return value;
}

/**
 * Rule 4 of `ed25519-strict.ts`: R = [S]B - [k]A as encoded bytes. noble's own `verify` multiplies by the cofactor, which lets
 * signatures pass that OpenSSL refuses.
 */
function verifyWithoutCofactor(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const challenge = new Uint8Array(64 + message.length);
  challenge.set(signature.subarray(0, 32), 0);
  challenge.set(publicKey, 32);
  challenge.set(message, 64);
  const k = numberOf(sha512(challenge)) % Point.Fn.ORDER;
  const s = numberOf(signature.subarray(32));
  const expected = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(publicKey, false).multiplyUnsafe(k)).toBytes();
  return expected.every((byte, index) => byte === signature[index]);
}

export const nobleProvider: CryptoProvider = {
  name: "noble",

  sha256(bytes, from = 0, to = bytes.length) {
    assert(from >= 0 && from <= to && to <= bytes.length, "a hashed range lies within its bytes");
    return sha256(bytes.subarray(from, to));
  },

  sha256Into(source, from, to, target, at) {
    assert(from >= 0 && from <= to && to <= source.length, "a hashed range lies within its bytes");
    assert(at >= 0 && at + sha256Bytes <= target.length, "a digest's target lies within its bytes");
    target.set(sha256(source.subarray(from, to)), at);
  },

  hmacSha256(key, message) {
    return hmac(sha256, key, message);
  },

  hkdfSha256(secret, salt, info, outputBytes) {
    checkHkdfOutput(outputBytes);
    return hkdf(sha256, secret, salt, info, outputBytes);
  },

  aes256GcmSeal(key, nonce, plaintext, associated) {
    checkAesInput(key, nonce);
    return gcm(key, nonce, associated).encrypt(plaintext);
  },

  aes256GcmOpen(key, nonce, sealed, associated) {
    checkAesInput(key, nonce);
    checkSealed(sealed);
    try {
      return gcm(key, nonce, associated).decrypt(sealed);
    } catch (cause) {
      throw tagMismatch(cause);
    }
  },

  ed25519PublicKey(seed) {
    checkSeed(seed);
    return ed25519.getPublicKey(seed);
  },

  ed25519Sign(seed, message) {
    checkSeed(seed);
    return ed25519.sign(message, seed);
  },

  ed25519Verify(publicKey, message, signature) {
    if (!signatureIsStrict(publicKey, signature)) return false;
    try {
      return verifyWithoutCofactor(publicKey, message, signature);
    } catch {
      return false; // noble throws for bytes that are not on the curve: to the caller simply a signature that does not hold.
    }
  },
};
