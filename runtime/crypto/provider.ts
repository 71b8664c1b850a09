/**
 * The crypto port. Two providers implement it: `node-provider.ts` on the hot path and `noble-provider.ts`, which is portable
 * (browser, offline verifier) and the check on the first. Both run through one contract suite over the same public vectors.
 *
 * Every failure (wrong key length, a tag that does not match, an output that is too long) is a `cryptoFailed`; a signature
 * that does not verify is `false`. Inputs are never kept or changed, outputs are fresh and of exact size.
 */
export interface CryptoProvider {
  readonly name: "node" | "noble";
  /** SHA-256 (FIPS 180-4) of `bytes[from, to)`: 32 bytes. */
  sha256(bytes: Uint8Array, from?: number, to?: number): Uint8Array;
  /** SHA-256 of `source[from, to)` written to `target[at, at + 32)`; the hot path. Source and target may share a buffer. */
  sha256Into(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void;
  /** HMAC-SHA-256 (RFC 2104): 32 bytes. */
  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** HKDF-SHA-256 (RFC 5869), `outputBytes` from 1 to 8,160. */
  hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, outputBytes: number): Uint8Array;
  /** AES-256-GCM (SP 800-38D): ciphertext followed by the 16-byte tag. Key 32 bytes, nonce 12 bytes. */
  aes256GcmSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array;
  /** Opens what `aes256GcmSeal` made. Throws `cryptoFailed` when anything was changed; gives out no byte before the tag is checked. */
  aes256GcmOpen(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array;
  /** The 32-byte public key of a 32-byte Ed25519 seed (RFC 8032). */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  /** A 64-byte Ed25519 signature. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** Strict verification, see `ed25519-strict.ts`. False for every malformed key or signature, whatever its length. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

export const sha256Bytes = 32;
export const aesKeyBytes = 32;
export const aesNonceBytes = 12;
export const aesTagBytes = 16;
export const ed25519SeedBytes = 32;
export const ed25519PublicKeyBytes = 32;
export const ed25519SignatureBytes = 64;
export const hkdfOutputBytesMax = 255 * sha256Bytes;
