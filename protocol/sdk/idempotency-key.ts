/** A user's idempotency key as the 16 bytes of the protocol. */
import { createHash } from "node:crypto";
import { KimberliteError } from "../../runtime/types/errors.js";
import { idempotencyKeyBytes } from "../client/append-body.js";

/** 16 bytes as they are, or any text, of which the first half of its SHA-256 is taken. */
export type IdempotencyKey = Uint8Array | string;

/** Throws `invalidArgument`. */
export function parseIdempotencyKey(raw: IdempotencyKey): Uint8Array {
  if (typeof raw === "string" && raw.length > 0) {
    return new Uint8Array(createHash("sha256").update(raw, "utf8").digest().subarray(0, idempotencyKeyBytes));
  }
  if (raw instanceof Uint8Array && raw.length === idempotencyKeyBytes && raw.some((byte) => byte !== 0)) {
    return new Uint8Array(raw);
  }
  throw new KimberliteError("invalidArgument", "an idempotency key is a text, or 16 bytes that are not all zero");
}
