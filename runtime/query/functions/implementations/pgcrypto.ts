/**
 * What is here of PostgreSQL's extension pgcrypto: digests, keyed digests, bytes that are drawn, and AES as its raw functions have it. A key
 * is filled up with zeros to the next length that AES has, or cut to its longest; what authenticates the bytes is for the user to add.
 */
import { cbc, ecb } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { SqlError } from "../../error.js";
import { utf8 } from "../../types/bytes.js";
import { strictly } from "../define.js";

const hashes = { md5, sha1, sha224, sha256, sha384, sha512 } as const;
type Hash = (typeof hashes)[keyof typeof hashes];

const blockBytes = 16;
const drawnMax = 1_024;

/** As OpenSSL takes their names: `SHA-256` and `sha256`. Throws 22023. */
function hashNamed(name: string): Hash {
  const lower = name.toLowerCase();
  const found = Object.entries(hashes).find(([known]) => known === lower || known.replace("sha", "sha-") === lower);
  if (found === undefined) throw new SqlError("22023", `Cannot use "${lower}": No such hash algorithm`);
  return found[1];
}

interface Cipher {
  readonly mode: "cbc" | "ecb";
  readonly isPadded: boolean;
}

const cipherForm = /^(?:aes|rijndael)(?:-(cbc|ecb))?((?:\/[^/]*)*)$/u;

/** `aes`, `aes-ecb/pad:none` and the like. Throws 22023; 0A000 for a cipher that PostgreSQL would have. */
function cipherNamed(name: string): Cipher {
  const lower = name.toLowerCase();
  const [whole, mode = "cbc", options = ""] = cipherForm.exec(lower) ?? [];
  const wrong = (why: string): SqlError => new SqlError("22023", `Cannot use "${lower}": ${why}`);
  if (whole === undefined)
    throw /^(?:bf|blowfish|cast5|des|3des|des3)\b/u.test(lower)
      ? new SqlError("0A000", `the cipher "${lower}" is not supported`)
      : wrong("No such cipher algorithm");
  let isPadded = true;
  for (const option of options.split("/").slice(1)) {
    if (option !== "pad:pkcs" && option !== "pad:none") throw wrong("Unknown option");
    isPadded = option === "pad:pkcs";
  }
  return { mode: mode as Cipher["mode"], isPadded };
}

function filled(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes.subarray(0, length));
  return whole;
}

const keyOf = (key: Uint8Array): Uint8Array => filled(key, key.length <= 16 ? 16 : key.length <= 24 ? 24 : 32);

/** Throws 39000 in PostgreSQL's words. */
function ciphered(
  what: "encrypt" | "decrypt",
  bytes: Uint8Array,
  key: Uint8Array,
  initial: Uint8Array,
  name: string,
): Uint8Array {
  const { mode, isPadded } = cipherNamed(name);
  const options = { disablePadding: !isPadded };
  try {
    const cipher = mode === "ecb" ? ecb(keyOf(key), options) : cbc(keyOf(key), filled(initial, blockBytes), options);
    return what === "encrypt" ? cipher.encrypt(bytes) : cipher.decrypt(bytes);
  } catch {
    throw new SqlError("39000", `${what} error: ${what === "encrypt" ? "Encryption" : "Decryption"} failed`);
  }
}

const noBytes = new Uint8Array(0);

export const pgcrypto = strictly({
  "digest(text,text)": (text, name) => hashNamed(name)(utf8(text)),
  "digest(bytea,text)": (bytes, name) => hashNamed(name)(bytes),
  "hmac(text,text,text)": (text, key, name) => hmac(hashNamed(name), utf8(key), utf8(text)),
  "hmac(bytea,bytea,text)": (bytes, key, name) => hmac(hashNamed(name), key, bytes),
  "gen_random_bytes(int4)": (count, context) => {
    if (count < 1 || count > drawnMax) throw new SqlError("39000", "Length not in range");
    return context.randomBytes(count).slice();
  },
  "encrypt(bytea,bytea,text)": (bytes, key, name) => ciphered("encrypt", bytes, key, noBytes, name),
  "decrypt(bytea,bytea,text)": (bytes, key, name) => ciphered("decrypt", bytes, key, noBytes, name),
  "encrypt_iv(bytea,bytea,bytea,text)": (bytes, key, initial, name) => ciphered("encrypt", bytes, key, initial, name),
  "decrypt_iv(bytea,bytea,bytea,text)": (bytes, key, initial, name) => ciphered("decrypt", bytes, key, initial, name),
});
