/** Advisory locks: numbers that sessions agree upon among themselves, held until a transaction or a session ends. */
import type { AdvisoryLockRequest } from "../../../runtime/query/functions/context.js";
import type { LockQueue } from "./lock-queue.js";
import type { LockOwner, LockTable } from "./lock-table.js";
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
  request: AdvisoryLockRequest,
): boolean {
  const { kind, key, isShared, scope } = request;
  const name = advisoryLockName(session.tenant, String(key));
  const mode = isShared ? "share" : "update";
  // One of a transaction is taken once, however often.
  if (scope === "transaction") return taken(locks, session, transaction, transaction?.id, request);
  const { advisory } = session;
  const asked = `${kind} ${mode} ${name}`;
  const before = advisory.answerBefore(asked);
  if (before !== null) return before;
  let answer = true;
  if (kind === "unlockAll") {
    advisory.releaseAll();
    locks.releaseAll(session.owner);
    queue.wake(session.owner);
  } else if (kind === "unlock") {
    const left = advisory.release(name, mode);
    answer = left !== undefined;
    if (left !== undefined && left !== "update" && locks.release(name, session.owner, left)) queue.wake(session.owner);
  } else {
    answer = taken(locks, session, transaction, session.owner, request);
    if (answer) advisory.take(name, mode);
  }
  advisory.answered(asked, answer);
  return answer;
}

/** @param owner undefined for a transaction that stands alone: its lock is over before anybody sees it */
function taken(
  locks: LockTable,
  session: Session,
  transaction: Transaction | null,
  owner: LockOwner | undefined,
  { kind, key, isShared }: AdvisoryLockRequest,
): boolean {
  const name = advisoryLockName(session.tenant, String(key));
  const mode = isShared ? "share" : "update";
  const isSelf = (each: LockOwner): boolean => each === session.owner || each === transaction?.id;
  const owners = locks.inTheWay(name, mode, null).filter((each) => !isSelf(each));
  if (owners.length > 0) {
    if (kind === "tryLock") return false;
    throw new LockWait(owners, { name, mode });
  }
  if (owner !== undefined && locks.inTheWay(name, mode, owner).length === 0) locks.take(name, mode, owner);
  return true;
}
