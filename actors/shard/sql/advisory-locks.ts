/** Advisory locks: numbers that sessions agree upon among themselves, held until a transaction or a session ends. */
import type { AdvisoryLockRequest } from "../../../runtime/query/functions/context.js";
import type { LockQueue } from "./lock-queue.js";
import type { LockTable } from "./lock-table.js";
import { LockWait } from "./lock-wait.js";
import type { Session } from "./session.js";
import { advisoryLockName } from "./statement-locks.js";
import type { Transaction } from "./transaction.js";

/** @returns whether it was taken, or given back */
export function advisoryLock(
  locks: LockTable,
  queue: LockQueue,
  session: Session,
  transaction: Transaction | null,
  { kind, key, isShared, scope }: AdvisoryLockRequest,
): boolean {
  if (kind === "unlockAll") {
    locks.releaseAll(session.owner);
    queue.wake(session.owner);
    return true;
  }
  const name = advisoryLockName(session.tenant, String(key));
  if (kind === "unlock") {
    const wasHeld = locks.release(name, session.owner);
    if (wasHeld) queue.wake(session.owner);
    return wasHeld;
  }
  const isSelf = (owner: number): boolean => owner === session.owner || owner === transaction?.id;
  const strength = isShared ? "share" : "update";
  const owners = locks.inTheWay(name, strength, null).filter((owner) => !isSelf(owner));
  if (owners.length > 0) {
    if (kind === "tryLock") return false;
    throw new LockWait(owners, { name, strength });
  }
  // A lock of a transaction that stands alone is over before anybody sees it.
  const owner = scope === "session" ? session.owner : transaction?.id;
  if (owner !== undefined && locks.inTheWay(name, strength, owner).length === 0) locks.take(name, strength, owner);
  return true;
}
