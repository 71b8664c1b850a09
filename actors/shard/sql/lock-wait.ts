/**
 * Thrown where a statement meets a lock that it has to wait for. It is no error: whoever runs the statement takes back what it has done,
 * waits for the owners to end, and runs it again on the state of then.
 */
import type { LockOwner } from "./lock-table.js";

export class LockWait extends Error {
  override readonly name = "LockWait";
  readonly owners: readonly LockOwner[];

  constructor(owners: readonly LockOwner[]) {
    super("a lock is in the way");
    this.owners = owners;
  }
}
