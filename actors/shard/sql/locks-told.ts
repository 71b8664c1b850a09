/** The locks of a tenant's sessions, as a client may ask for them. */
import { type LockedThing, type LockFact, type LocksOfSession } from "../../../runtime/query/catalog/lock-facts.js";
import { backendPidOf } from "../../sql/backend-pid.js";
import { claimOwner } from "./lock-claims.js";
import { advisoryModesIn, modeFacts, tableModesIn } from "./lock-modes.js";
import type { LockQueue } from "./lock-queue.js";
import type { HeldLock, LockOwner, LockTable } from "./lock-table.js";
import type { Session } from "./session.js";
import { thingOfLock } from "./statement-locks.js";

/** What is told at most, so that it fits an answer: beyond it nothing is said of further locks. */
const locksMax = 10_000;

/** @param sessions all of the shard's, by `tenant number` */
export function locksTold(
  tenant: number,
  sessions: ReadonlyMap<string, Session>,
  locks: LockTable,
  queue: LockQueue,
): readonly LocksOfSession[] {
  const own = [...sessions].filter(([, session]) => session.tenant === tenant);
  const owners = new Map<LockOwner, { readonly pid: number; readonly transaction: number }>();
  for (const [name, session] of own) {
    const pid = backendPidOf(Number(name.slice(name.indexOf(" ") + 1)));
    owners.set(session.owner, { pid, transaction: 0 });
    owners.set(claimOwner(session.owner), { pid, transaction: session.transaction?.id ?? 0 });
    if (session.transaction !== null) owners.set(session.transaction.id, { pid, transaction: session.transaction.id });
  }
  let left = locksMax;
  const told: LocksOfSession[] = [];
  for (const [, session] of own) {
    const { transaction, owner } = session;
    const mine = owners.get(transaction?.id ?? owner);
    if (mine === undefined) continue;
    const held = [owner, ...(transaction === null ? [] : [transaction.id])].flatMap((each) =>
      factsOf(locks.heldBy(each, isTold, left)),
    );
    left -= held.length;
    const waiting = queue.waitOf(session);
    if (transaction === null && held.length === 0 && waiting === null) continue;
    const waitsFor = [...(waiting?.owners ?? [])].flatMap((each) => owners.get(each) ?? []);
    const [wanted = null] =
      waiting === null || waiting.wanted === null
        ? []
        : factsOf([{ name: waiting.wanted.name, modes: modeFacts(waiting.wanted.mode).bit }]);
    told.push({ ...mine, held, wanted, waitsFor });
  }
  return told;
}

const isTold = (name: string): boolean => thingOfLock(name) !== null;

const factsOf = (found: readonly HeldLock[]): readonly LockFact[] =>
  found.flatMap(({ name, modes }): readonly LockFact[] => {
    const thing: LockedThing | null = thingOfLock(name);
    if (thing === null) return [];
    return thing.kind === "relation"
      ? tableModesIn(modes).map((mode) => ({ thing, mode }))
      : advisoryModesIn(modes).map((mode) => ({ thing, mode }));
  });
