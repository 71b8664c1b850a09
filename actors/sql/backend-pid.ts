/**
 * What `pg_backend_pid()` is of a session: the number that its client was told when it came in, by which it is cancelled, and which stands in
 * `pg_stat_activity` and in what it notifies. It follows from the session's number, so that whoever runs a statement knows it.
 */
import { assert } from "../../runtime/types/assert.js";

/** An int4 that is never 0 or below. */
const pidsMax = 2 ** 31 - 1;
/** With so many sessions of one number, all numbers of sessions are below 2^48. */
const roundsMax = 2 ** 17;

export const backendPidOf = (session: number): number => session % pidsMax;

/** A session of this number, among others that have it. @param draw uniform in [0, max) */
export function sessionOfPid(pid: number, draw: (max: number) => number): number {
  assert(pid > 0 && pid < pidsMax, "a session's number is a positive int4");
  const session = pid + draw(roundsMax) * pidsMax;
  assert(backendPidOf(session) === pid, "a session is known by the number that its client was told");
  return session;
}
