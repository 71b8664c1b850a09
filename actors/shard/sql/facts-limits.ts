/** How much of a transaction's facts one record takes, from how much a prepare of the log takes. */
import { assert } from "../../../runtime/types/assert.js";
import { appendBytesMax, kiB, miB } from "../../../runtime/types/limits.js";

export interface FactsLimits {
  /** Facts of one record, with their head; more are staged in parts before it. */
  readonly recordBytes: number;
  /** Facts of one part: with its head it fits a record. */
  readonly partBytes: number;
}

/** Heads of block, record and request, the principal, and what an item adds to the last part. */
const besideFacts = 2 * kiB;
const partBytesMost = miB - 64;

/** @param bodyBytesMax of the log's prepares */
export function factsLimits(bodyBytesMax: number): FactsLimits {
  assert(bodyBytesMax > 2 * besideFacts, "a prepare takes some facts");
  const fitting = bodyBytesMax - besideFacts;
  return {
    recordBytes: Math.min(appendBytesMax - 64 * kiB, fitting),
    partBytes: Math.min(partBytesMost, fitting),
  };
}
