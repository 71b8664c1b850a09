/**
 * What is kept of a password (RFC 5802, RFC 7677): enough to check that a client knows it, not enough to log in with. Written as PostgreSQL
 * writes it, so that a verifier can be handed over in its place:
 *
 *   SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>       each in base64
 */
import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export const scramIterationsMin = 4_096;
export const scramIterationsMax = 10_000_000;
export const scramKeyBytes = 32;
export const scramSaltBytes = 16;
const saltBytesMax = 64;
/** Characters of a password at most: hashing longer ones would be a way to keep a node busy. */
const passwordLengthMax = 1_024;

const derive = promisify(pbkdf2);

export const hmacSha256 = (key: Uint8Array, data: Uint8Array | string): Uint8Array =>
  Uint8Array.from(createHmac("sha256", key).update(data).digest());
export const sha256 = (data: Uint8Array): Uint8Array => Uint8Array.from(createHash("sha256").update(data).digest());

/** Spaces of any kind, and what is mapped to nothing, by RFC 4013, 2.1. */
const otherSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
// oxlint-disable-next-line no-misleading-character-class
const mappedToNothing = /[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;
const prohibited = /[\p{Cc}\p{Co}\p{Cs}\p{Cn}\u2028\u2029\u2ff0-\u2ffb\ufff9-\ufffd]/u;

/** SASLprep (RFC 4013). A password that it forbids is taken as it is, as PostgreSQL's clients do. */
export function saslPrepared(password: string): string {
  const mapped = password.replace(mappedToNothing, "").replace(otherSpaces, " ").normalize("NFKC");
  return mapped === "" || prohibited.test(mapped) ? password : mapped;
}

/** Derives the verifier of a password; the work is done off the thread that asks. Throws `invalidArgument`. */
export async function scramVerifier(
  password: string,
  iterations: number = scramIterationsMin,
  salt: Uint8Array = Uint8Array.from(randomBytes(scramSaltBytes)),
): Promise<ScramVerifier> {
  assert(iterations >= scramIterationsMin && iterations <= scramIterationsMax, "iterations are within their bounds");
  if (password === "" || password.length > passwordLengthMax) {
    throw new KimberliteError("invalidArgument", `a password has from 1 to ${passwordLengthMax} characters`);
  }
  const salted = await derive(saslPrepared(password), salt, iterations, scramKeyBytes, "sha256");
  return {
    iterations,
    salt,
    storedKey: sha256(hmacSha256(salted, "Client Key")),
    serverKey: hmacSha256(salted, "Server Key"),
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

export const formatVerifier = ({ iterations, salt, storedKey, serverKey }: ScramVerifier): string =>
  `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;

/** Null for a text that is no verifier. */
export function parseVerifier(text: string): ScramVerifier | null {
  const match = /^SCRAM-SHA-256\$(\d{1,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/.exec(text);
  if (match === null) return null;
  const [, count = "", ...parts] = match;
  const iterations = Number(count);
  const [salt, storedKey, serverKey] = parts.map((part) => Uint8Array.from(Buffer.from(part, "base64")));
  if (salt === undefined || storedKey === undefined || serverKey === undefined) return null;
  const isSound =
    iterations >= scramIterationsMin &&
    iterations <= scramIterationsMax &&
    salt.length > 0 &&
    salt.length <= saltBytesMax &&
    storedKey.length === scramKeyBytes &&
    serverKey.length === scramKeyBytes;
  return isSound ? { iterations, salt, storedKey, serverKey } : null;
}

/** A verifier that nothing fits, the same salt each time for one name: it tells as little as that of a user that exists. */
export function mockVerifier(name: string, secret: Uint8Array): ScramVerifier {
  const salt = createHmac("sha256", secret).update(name).digest().subarray(0, scramSaltBytes);
  return {
    iterations: scramIterationsMin,
    salt: Uint8Array.from(salt),
    storedKey: Uint8Array.from(randomBytes(scramKeyBytes)),
    serverKey: Uint8Array.from(randomBytes(scramKeyBytes)),
  };
}

/** Of a user's row, what a client has to fit; null when it has no password, or one that is not good any more. @param nowMs since 1970 */
export function verifierOf(
  { iterations, salt, storedKey, serverKey, validUntil }: ScramVerifier & { readonly validUntil: number | null },
  nowMs: number,
): ScramVerifier | null {
  if (iterations === 0 || (validUntil !== null && validUntil <= nowMs * 1_000)) return null;
  assert(salt.length > 0 && storedKey.length === scramKeyBytes, "a password leaves a salt and keys");
  return { iterations, salt, storedKey, serverKey };
}
