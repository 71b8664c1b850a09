/** What every crypto provider must do: run once for each implementation of the port. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import type { ExecutionContext, TestFn } from "ava";
import type { CryptoProvider } from "../../runtime/crypto/provider.js";
import { hex, readVectors, toHex } from "./vectors.js";

interface Case {
  readonly tcId: number;
  readonly result: "valid" | "invalid" | "acceptable";
  readonly [field: string]: string | number | readonly string[];
}

interface Group {
  readonly tests: readonly Case[];
  readonly tagSize?: number;
  readonly publicKey?: { readonly pk: string };
}

const groupsOf = (name: string): readonly Group[] => (readVectors(name) as { testGroups: readonly Group[] }).testGroups;
const field = (vector: Case, name: string): Uint8Array => hex(String(vector[name]));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** Runs all cases of a file and checks that some of each verdict were seen. */
function runAll(t: ExecutionContext, name: string, check: (group: Group, vector: Case) => void): void {
  const seen = { valid: 0, invalid: 0, acceptable: 0 };
  for (const group of groupsOf(name)) {
    for (const vector of group.tests) {
      check(group, vector);
      seen[vector.result]++;
    }
  }
  t.true(seen.valid > 50 && seen.invalid > 0, JSON.stringify(seen));
}

export function cryptoContract(test: TestFn, provider: CryptoProvider): void {
  const claim = (title: string): string => `${provider.name}: ${title}`;

  test(claim("SHA-256 gives the digests of FIPS 180-4"), (t) => {
    t.is(toHex(provider.sha256(text("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    t.is(toHex(provider.sha256(text(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const long = text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
    t.is(toHex(provider.sha256(long)), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    t.is(
      toHex(provider.sha256(new Uint8Array(1_000_000).fill(97))),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
  });

  test(claim("SHA-256 hashes a range, and into a range of shared memory"), (t) => {
    const bytes = text("xxabcyy");
    t.deepEqual(provider.sha256(bytes, 2, 5), provider.sha256(text("abc")));
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    shared.set(bytes, 0);
    provider.sha256Into(shared, 2, 5, shared, 20);
    t.deepEqual(shared.slice(20, 52), provider.sha256(text("abc")));
    t.is(shared[19], 0);
    t.is(shared[52], 0);
    t.throws(() => provider.sha256Into(bytes, 0, 8, shared, 0), { message: /a hashed range lies within its bytes/ });
    t.throws(() => provider.sha256Into(bytes, 0, 7, shared, 33), {
      message: /a digest's target lies within its bytes/,
    });
  });

  test(claim("HMAC-SHA-256 agrees with Wycheproof, changed tags differ"), (t) => {
    runAll(t, "wycheproof-hmac_sha256.json", (group, vector) => {
      const tag = toHex(provider.hmacSha256(field(vector, "key"), field(vector, "msg"))).slice(
        0,
        (group.tagSize ?? 256) / 4,
      );
      t.is(tag === vector["tag"], vector.result === "valid", `case ${vector.tcId}`);
    });
  });

  test(claim("HKDF-SHA-256 agrees with Wycheproof, too long an output is refused"), (t) => {
    runAll(t, "wycheproof-hkdf_sha256.json", (_group, vector) => {
      const derive = (): Uint8Array =>
        provider.hkdfSha256(field(vector, "ikm"), field(vector, "salt"), field(vector, "info"), Number(vector["size"]));
      if (vector.result === "invalid") t.throws(derive, { code: "cryptoFailed" }, `case ${vector.tcId}`);
      else t.is(toHex(derive()), String(vector["okm"]), `case ${vector.tcId}`);
    });
  });

  test(claim("AES-256-GCM agrees with Wycheproof and refuses every invalid case"), (t) => {
    let sealed = 0;
    runAll(t, "wycheproof-aes_gcm.json", (_group, vector) => {
      const [key, nonce, associated] = [field(vector, "key"), field(vector, "iv"), field(vector, "aad")];
      const box = join(field(vector, "ct"), field(vector, "tag"));
      const ours = key.length === 32 && nonce.length === 12;
      const open = (): Uint8Array => provider.aes256GcmOpen(key, nonce, box, associated);
      if (!ours || vector.result === "invalid") {
        t.throws(open, { code: "cryptoFailed" }, `case ${vector.tcId}`);
        return;
      }
      t.is(toHex(open()), String(vector["msg"]), `case ${vector.tcId}`);
      t.deepEqual(provider.aes256GcmSeal(key, nonce, field(vector, "msg"), associated), box, `case ${vector.tcId}`);
      sealed++;
    });
    t.true(sealed > 20);
  });

  test(claim("AES-256-GCM refuses a change of any single bit, and boxes shorter than a tag"), (t) => {
    const [key, nonce, associated] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2), text("context")];
    const box = provider.aes256GcmSeal(key, nonce, text("attack at dawn"), associated);
    for (let bit = 0; bit < box.length * 8; bit++) {
      const changed = box.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      t.throws(() => provider.aes256GcmOpen(key, nonce, changed, associated), { code: "cryptoFailed" });
    }
    t.throws(() => provider.aes256GcmOpen(key, nonce, box, text("contexT")), { code: "cryptoFailed" });
    t.throws(() => provider.aes256GcmOpen(key, nonce, box.slice(0, 15), associated), { code: "cryptoFailed" });
    t.throws(() => provider.aes256GcmSeal(key.slice(1), nonce, box, associated), { code: "cryptoFailed" });
    t.throws(() => provider.aes256GcmSeal(key, new Uint8Array(8), box, associated), { code: "cryptoFailed" });
  });

  test(claim("Ed25519 agrees with Wycheproof and refuses every invalid case"), (t) => {
    runAll(t, "wycheproof-ed25519.json", (group, vector) => {
      const verdict = provider.ed25519Verify(
        hex(group.publicKey?.pk ?? ""),
        field(vector, "msg"),
        field(vector, "sig"),
      );
      t.is(verdict, vector.result === "valid", `case ${vector.tcId}`);
    });
  });

  test(claim("Ed25519 signs as RFC 8032 says"), (t) => {
    const seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    t.is(toHex(provider.ed25519PublicKey(seed)), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const signature = provider.ed25519Sign(seed, new Uint8Array(0));
    t.is(
      toHex(signature),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
    t.true(provider.ed25519Verify(provider.ed25519PublicKey(seed), new Uint8Array(0), signature));
    t.throws(() => provider.ed25519Sign(seed.slice(1), new Uint8Array(0)), { code: "cryptoFailed" });
    t.throws(() => provider.ed25519PublicKey(new Uint8Array(33)), { code: "cryptoFailed" });
  });

  test(claim("Ed25519 refuses what verifiers are known to disagree about"), (t) => {
    let refused = 0;
    for (const [name, { publicKey, message, signature }] of Object.entries(contestedSignatures())) {
      t.false(provider.ed25519Verify(publicKey, message, signature), name);
      refused++;
    }
    t.true(refused >= 10);
  });
}

interface Signed {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const Point = ed25519.Point;
const order = Point.Fn.ORDER;

function scalarBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  const digest = sha512(join(r, publicKey, message));
  return digest.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) % order;
}

/**
 * Signatures in the style of "Taming the many EdDSAs": some verifiers in use accept each of them. Made with a known secret scalar, so that
 * the equation holds with or without the cofactor as the name says.
 */
function contestedSignatures(): Record<string, Signed> {
  const message = text("who may sign this?");
  const [secret, nonce] = [123_456_789n, 987_654_321n];
  const torsion = Point.fromBytes(hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), true); // order 8
  const sign = (publicKey: Uint8Array, r: Uint8Array): Signed => {
    const s = (nonce + challenge(r, publicKey, message) * secret) % order;
    return { publicKey, message, signature: join(r, scalarBytes(s)) };
  };
  const [key, commitment] = [Point.BASE.multiply(secret), Point.BASE.multiply(nonce)];
  const plain = sign(key.toBytes(), commitment.toBytes());
  const zero = Point.ZERO.toBytes();
  const nonCanonicalOne = hex(`ee${"ff".repeat(30)}7f`); // y = p + 1
  const signedZero = hex(`01${"00".repeat(30)}80`); // y = 1, x = 0 with sign bit
  const s = plain.signature.slice(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const withS = (value: bigint): Signed => ({
    ...plain,
    signature: join(plain.signature.slice(0, 32), scalarBytes(value)),
  });
  const anyMessage = (publicKey: Uint8Array, r: Uint8Array, value: bigint): Signed => ({
    publicKey,
    message,
    signature: join(r, scalarBytes(value)),
  });
  return {
    "S + L": withS(s + order),
    "S with high bits": withS(s + (1n << 253n)),
    "R with torsion, holds only with the cofactor": sign(key.toBytes(), commitment.add(torsion).toBytes()),
    "A with torsion, holds only with the cofactor": sign(key.add(torsion).toBytes(), commitment.toBytes()),
    "A = identity": anyMessage(zero, commitment.toBytes(), nonce),
    "A and R = identity, S = 0": anyMessage(zero, zero, 0n),
    "A of order 8": anyMessage(torsion.toBytes(), commitment.toBytes(), nonce),
    "R = identity": sign(key.toBytes(), zero),
    "A non-canonical": anyMessage(nonCanonicalOne, commitment.toBytes(), nonce),
    "R non-canonical": sign(key.toBytes(), nonCanonicalOne),
    "A = identity with sign bit": anyMessage(signedZero, commitment.toBytes(), nonce),
    "A not on the curve": anyMessage(hex(`02${"00".repeat(31)}`), commitment.toBytes(), nonce),
    "A too short": { ...plain, publicKey: plain.publicKey.slice(1) },
    "signature too long": { ...plain, signature: join(plain.signature, new Uint8Array(1)) },
  };
}

/** The one signature of the set's maker that every strict verifier accepts: shows that the construction itself is right. */
export function soundSignature(): Signed {
  const message = text("who may sign this?");
  const [secret, nonce] = [123_456_789n, 987_654_321n];
  const publicKey = Point.BASE.multiply(secret).toBytes();
  const r = Point.BASE.multiply(nonce).toBytes();
  const s = (nonce + challenge(r, publicKey, message) * secret) % order;
  return { publicKey, message, signature: join(r, scalarBytes(s)) };
}
