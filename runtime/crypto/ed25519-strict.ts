/**
 * What both providers check before they do the arithmetic of an Ed25519 verification, so that they answer alike for *every*
 * input, hostile ones included.
 *
 * RFC 8032 leaves room: implementations differ in non-canonical encodings, in points of small order, and in whether the
 * equation is multiplied by the cofactor ("Taming the many EdDSAs", Chalkias, Garillot, Nikolaenko 2020). OpenSSL accepts
 * y >= p in a public key and checks [S]B = R + [k]A as encoded bytes; noble checks [8][S]B = [8]R + [8][k]A. A signature that one
 * verifier takes and another refuses is a fork in what a log can prove, hence one rule here, the strictest:
 *
 *   1. the key is 32 bytes, the signature 64, S < L                       (no malleability)
 *   2. A and R are canonical: y < p, and x = 0 has sign bit 0             (RFC 8032 5.1.3)
 *   3. neither A nor R has small order                                    (such a key signs for everybody)
 *   4. [S]B = R + [k]A exactly, without the cofactor                      (done by the provider)
 *
 * Sound signers always produce signatures that pass all four.
 */
import { ed25519PublicKeyBytes, ed25519SignatureBytes } from "./provider.js";

/** The field prime 2^255 - 19 and the group order L, big-endian hexadecimal digits read into little-endian bytes. */
const fieldPrime = littleEndian("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
const groupOrder = littleEndian("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");

/** y of the canonical points of order 1, 2, 4 and 8 (two values of y for order 8); the sign bit is ignored in the comparison. */
const smallOrderY: readonly Uint8Array[] = [
  littleEndian("0000000000000000000000000000000000000000000000000000000000000001"),
  littleEndian("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
  littleEndian("0000000000000000000000000000000000000000000000000000000000000000"),
  littleEndian("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7"),
  littleEndian("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
];

function littleEndian(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex").reverse());
}

/** Compares two little-endian numbers, the sign bit (top bit of the last byte) of the first left out when asked. */
function below(bytes: Uint8Array, from: number, limit: Uint8Array, topMask: number): boolean {
  for (let index = 31; index >= 0; index--) {
    const mask = index === 31 ? topMask : 0xff;
    const left = (bytes[from + index] as number) & mask;
    const right = limit[index] as number;
    if (left !== right) return left < right;
  }
  return false;
}

function sameY(bytes: Uint8Array, from: number, y: Uint8Array): boolean {
  for (let index = 0; index < 32; index++) {
    const mask = index === 31 ? 0x7f : 0xff;
    if (((bytes[from + index] as number) & mask) !== y[index]) return false;
  }
  return true;
}

/**
 * True when the 32 bytes encode a point canonically and it is not one of small order. x = 0 happens only for y = 1 and y = -1,
 * both of small order, so rule 2's sign bit needs no test of its own.
 */
function pointIsStrict(bytes: Uint8Array, from: number): boolean {
  if (!below(bytes, from, fieldPrime, 0x7f)) return false;
  return !smallOrderY.some((y) => sameY(bytes, from, y));
}

/** Rules 1 to 3. Whether the encodings are on the curve at all is left to the arithmetic. */
export function signatureIsStrict(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ed25519PublicKeyBytes || signature.length !== ed25519SignatureBytes) return false;
  return below(signature, 32, groupOrder, 0xff) && pointIsStrict(publicKey, 0) && pointIsStrict(signature, 0);
}
