/**
 * When a request may be sent again, and what its failure means in the end. The rules in one place, without timers or sockets.
 *
 *   what was asked          error that says nothing was written        error, or silence, that leaves it open
 *   read                    again                                      again
 *   write with a key        again, same key                            again, same key: the server answers with the first outcome
 *   write without a key     again                                      never: it could be applied twice
 *   control                 never                                      never
 *
 * Again only for errors whose registry entry says `later` or `reroute`, and only before the deadline. The retry contract for users
 * stands in `docs/wire-protocol.md`.
 */
import { assert } from "../../runtime/types/assert.js";
import { type ErrorCode, KimberliteError, type WriteOutcome } from "../../runtime/types/errors.js";
import type { RequestEffect } from "../wire/kinds.js";

/**
 * Refusals that hold for the request for ever, so that an earlier attempt, even one that is still on its way, cannot be applied:
 * what is wrong with the request stays wrong, offsets only grow, ids are never used twice.
 */
const refusesForEver: ReadonlySet<ErrorCode> = new Set([
  "invalidArgument",
  "frameInvalid",
  "notSupported",
  "eventTooLarge",
  "batchTooLarge",
  "streamUnknown",
  "wrongExpectedOffset",
  "idempotencyKeyReused",
]);

export interface Attempted {
  readonly effect: RequestEffect;
  readonly hasKey: boolean;
  /** An earlier attempt may have been applied. */
  readonly mayHaveApplied: boolean;
}

/** @param attempted as it stands after `error` was taken into account */
export function mayRetry(attempted: Attempted, error: KimberliteError): boolean {
  assert(attempted.effect !== "read" || !attempted.mayHaveApplied, "a read applies nothing");
  if (error.retry === "never") return false;
  switch (attempted.effect) {
    case "read":
      return true;
    case "write":
      return attempted.hasKey || !attempted.mayHaveApplied;
    case "control":
      return false;
  }
}

/** The outcome to tell the caller: an answer to the last attempt says nothing about an earlier one that was lost. */
export function finalOutcome(attempted: Attempted, error: KimberliteError): WriteOutcome {
  assert(attempted.effect !== "read" || !attempted.mayHaveApplied, "a read applies nothing");
  if (attempted.effect === "read") return "notCommitted";
  if (error.outcome === "committed") return "committed";
  if (refusesForEver.has(error.code)) return "notCommitted";
  return attempted.mayHaveApplied ? "unknown" : "notCommitted";
}

/** The same error with another outcome and more detail. */
export function withOutcome(
  error: KimberliteError,
  outcome: WriteOutcome,
  detail: Readonly<Record<string, string | number>> = {},
): KimberliteError {
  const copy = new KimberliteError(error.code, "", { detail: { ...error.detail, ...detail }, cause: error, outcome });
  copy.message = error.message;
  return copy;
}

export interface BackOff {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Exponential with jitter over its upper half, so that clients that were cut off together do not come back together. */
export function backOffMs(attempt: number, limits: BackOff, random: () => number): number {
  assert(attempt >= 1, "the first wait follows the first attempt");
  assert(limits.minMs > 0 && limits.minMs <= limits.maxMs, "a back-off grows from above zero");
  const full = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (random() * full) / 2;
}
