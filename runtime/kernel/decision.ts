/**
 * What `decide` says about one request. One object, reused: read it before the next call.
 *
 *   written    a record stands in the output, from `recordFrom` to `recordTo`; the reply may be sent once `position` is committed
 *   answered   nothing was written; the reply may be sent once `afterPosition` is committed (a stored outcome may be in flight)
 *   refused    nothing was written; `error` says why; it may be sent once `afterPosition` is committed, since that state refused it
 *   full       nothing was written: the output has no room; decide again with a fresh one
 */
import type { ErrorRecord } from "../types/errors.js";

export const decided = { written: 1, answered: 2, refused: 3, full: 4 } as const;

export class Decision {
  outcome: number = decided.full;
  tenant = 0;
  /** Position of the record written. */
  position = 0;
  /** Time of the record written: the next record's time must be greater. */
  time = 0;
  recordFrom = 0;
  recordTo = 0;
  /** -1 when nothing has to be committed first. */
  afterPosition = -1;
  replayed = false;
  error: ErrorRecord | null = null;
}
