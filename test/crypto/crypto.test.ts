import test from "ava";
import fc from "fast-check";
import { blake3, blake3DeriveKey, blake3Into, blake3Keyed } from "../../runtime/crypto/blake3.js";
import { crc32c } from "../../runtime/crypto/crc32c.js";
import { nobleProvider } from "../../runtime/crypto/noble-provider.js";
import { nodeProvider } from "../../runtime/crypto/node-provider.js";
import { cryptoContract, soundSignature } from "./provider-contract.js";
import { hex, readVectors, toHex } from "./vectors.js";

cryptoContract(test, nodeProvider);
cryptoContract(test, nobleProvider);

const bytes = (maxLength = 300): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

test("both providers accept the signature that the contested ones are made from", (t) => {
  const { publicKey, message, signature } = soundSignature();
  t.true(nodeProvider.ed25519Verify(publicKey, message, signature));
  t.true(nobleProvider.ed25519Verify(publicKey, message, signature));
});

test("a BLAKE3 of one chunk is what the library says, for every length up to a chunk and behind it", (t) => {
  const message = Uint8Array.from({ length: 1_100 }, (_, at) => (at * 251 + (at >> 3)) & 0xff);
  const target = new Uint8Array(40);
  for (let length = 0; length <= message.length; length++) {
    target.fill(0xee);
    const outputBytes = 1 + (length % 32);
    blake3Into(message, length, target, 3, outputBytes);
    t.is(
      toHex(target.subarray(3, 3 + outputBytes)),
      toHex(blake3(message.subarray(0, length), outputBytes)),
      `${length}`,
    );
    t.deepEqual(
      [...target.subarray(0, 3), ...target.subarray(3 + outputBytes)],
      new Array(40 - outputBytes).fill(0xee),
    );
  }
});

test("the providers agree on any input", (t) => {
  let compared = 0;
  fc.assert(
    fc.property(bytes(), bytes(64), bytes(40), (message, key, salt) => {
      t.deepEqual(nodeProvider.sha256(message), nobleProvider.sha256(message));
      t.deepEqual(nodeProvider.hmacSha256(key, message), nobleProvider.hmacSha256(key, message));
      t.deepEqual(nodeProvider.hkdfSha256(key, salt, message, 77), nobleProvider.hkdfSha256(key, salt, message, 77));
      const aesKey = nodeProvider.sha256(key);
      const nonce = nodeProvider.sha256(salt).slice(0, 12);
      const sealed = nodeProvider.aes256GcmSeal(aesKey, nonce, message, salt);
      t.deepEqual(sealed, nobleProvider.aes256GcmSeal(aesKey, nonce, message, salt));
      t.deepEqual(nobleProvider.aes256GcmOpen(aesKey, nonce, sealed, salt), message);
      compared++;
    }),
    { numRuns: 100 },
  );
  t.is(compared, 100);
});

test("the providers sign alike and verify each other's signatures; a changed bit never verifies", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes(), fc.nat(511), (seed, message, bit) => {
      const publicKey = nodeProvider.ed25519PublicKey(seed);
      t.deepEqual(publicKey, nobleProvider.ed25519PublicKey(seed));
      const signature = nodeProvider.ed25519Sign(seed, message);
      t.deepEqual(signature, nobleProvider.ed25519Sign(seed, message));
      t.true(nodeProvider.ed25519Verify(publicKey, message, signature));
      t.true(nobleProvider.ed25519Verify(publicKey, message, signature));
      signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      t.false(nodeProvider.ed25519Verify(publicKey, message, signature));
      t.false(nobleProvider.ed25519Verify(publicKey, message, signature));
    }),
    { numRuns: 30 },
  );
});

test("CRC32C gives the values of RFC 3720 and of its check string", (t) => {
  t.is(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  t.is(crc32c(new Uint8Array(32)), 0x8a9136aa);
  t.is(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  t.is(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e);
  t.is(crc32c(Uint8Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c);
  t.is(crc32c(new Uint8Array(0)), 0);
});

/** Bit by bit, as the polynomial says. */
function slowCrc32c(input: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of input) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test("CRC32C equals its bit-by-bit twin on any range, and continues over several", (t) => {
  fc.assert(
    fc.property(bytes(), fc.nat(), fc.nat(), (input, a, b) => {
      const [from, to] = [a % (input.length + 1), b % (input.length + 1)].sort((left, right) => left - right) as [
        number,
        number,
      ];
      t.is(crc32c(input, from, to), slowCrc32c(input.subarray(from, to)));
      t.is(crc32c(input, to, input.length, crc32c(input, 0, to)), slowCrc32c(input));
    }),
  );
  t.throws(() => crc32c(new Uint8Array(4), 3, 2), { message: /does not run backwards/ });
  t.throws(() => crc32c(new Uint8Array(4), 0, 5), { message: /lies within its bytes/ });
});

test("BLAKE3 gives the official vectors: hash, keyed hash, derived key", (t) => {
  const vectors = readVectors("blake3.json") as {
    key: string;
    context_string: string;
    cases: readonly { input_len: number; hash: string; keyed_hash: string; derive_key: string }[];
  };
  const key = new TextEncoder().encode(vectors.key);
  for (const { input_len, hash, keyed_hash, derive_key } of vectors.cases) {
    const input = Uint8Array.from({ length: input_len }, (_, index) => index % 251);
    const length = hash.length / 2;
    t.is(toHex(blake3(input, length)), hash);
    t.is(toHex(blake3Keyed(key, input, length)), keyed_hash);
    t.is(toHex(blake3DeriveKey(vectors.context_string, input, length)), derive_key);
    t.deepEqual(blake3(input), hex(hash.slice(0, 64)));
  }
  t.true(vectors.cases.length > 30);
  t.throws(() => blake3Keyed(new Uint8Array(31), key), { code: "cryptoFailed" });
});
