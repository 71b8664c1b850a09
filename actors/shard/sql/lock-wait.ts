/**
 * Thrown where a statement meets a lock that it has to wait for. It is no error: whoever runs the statement takes back what it has done,
 * waits for the owners to end, and runs it again on the state of then. Nobody reads its stack, which would cost more than the statement.
 */
import type { LockMode } from "./lock-modes.js";
import type { LockOwner } from "./lock-table.js";

export interface WantedLock {
  readonly name: string;
  readonly mode: LockMode;
}

export class LockWait extends Error {
  override readonly name = "LockWait";
  readonly owners: readonly LockOwner[];
  /** What is waited for; null when it has no name of its own, being one of many keys that were locked together. */
  readonly wanted: WantedLock | null;

  constructor(owners: readonly LockOwner[], wanted: WantedLock | null) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super("a lock is in the way");
    Error.stackTraceLimit = stackTraceLimit;
    this.owners = owners;
    this.wanted = wanted;
  }
}
