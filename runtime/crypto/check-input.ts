/** Length checks that both providers share, so that they refuse the same inputs with the same words. */
import { KimberliteError } from "../types/errors.js";
import { aesKeyBytes, aesNonceBytes, aesTagBytes, ed25519SeedBytes, hkdfOutputBytesMax } from "./provider.js";

function checkLength(what: string, given: number, wanted: number): void {
  if (given !== wanted) {
    throw new KimberliteError("cryptoFailed", `${what} must be ${wanted} bytes, not ${given}`, {
      detail: { what, given, wanted },
    });
  }
}

export function checkAesInput(key: Uint8Array, nonce: Uint8Array): void {
  checkLength("an AES-256 key", key.length, aesKeyBytes);
  checkLength("an AES-GCM nonce", nonce.length, aesNonceBytes);
}

export function checkSealed(sealed: Uint8Array): void {
  if (sealed.length < aesTagBytes) {
    throw new KimberliteError(
      "cryptoFailed",
      `sealed bytes hold at least a ${aesTagBytes}-byte tag, here are ${sealed.length}`,
    );
  }
}

export const checkSeed = (seed: Uint8Array): void => checkLength("an Ed25519 seed", seed.length, ed25519SeedBytes);

export function checkHkdfOutput(outputBytes: number): void {
  if (!Number.isSafeInteger(outputBytes) || outputBytes < 1 || outputBytes > hkdfOutputBytesMax) {
    throw new KimberliteError(
      "cryptoFailed",
      `HKDF-SHA-256 gives 1 to ${hkdfOutputBytesMax} bytes, not ${outputBytes}`,
    );
  }
}

export const tagMismatch = (cause: unknown): KimberliteError =>
  new KimberliteError("cryptoFailed", "sealed bytes do not match their key, nonce, tag or associated data", { cause });
