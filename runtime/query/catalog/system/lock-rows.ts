/** Rows of `pg_locks`: transactions, which others wait for, relations and advisory locks. */

import type { EvaluationContext } from "../../functions/context.js";
import { int64 } from "../../types/bytes.js";
import { xidOf } from "../../types/xid.js";
import { type LockedThing, type LockFact, locksOf } from "../lock-facts.js";
import type { SystemRow } from "./world.js";

/** What PostgreSQL calls them here. */
const modeNames: Readonly<Record<LockFact["mode"], string>> = {
  "ACCESS SHARE": "AccessShareLock",
  "ROW SHARE": "RowShareLock",
  "ROW EXCLUSIVE": "RowExclusiveLock",
  "SHARE UPDATE EXCLUSIVE": "ShareUpdateExclusiveLock",
  SHARE: "ShareLock",
  "SHARE ROW EXCLUSIVE": "ShareRowExclusiveLock",
  EXCLUSIVE: "ExclusiveLock",
  "ACCESS EXCLUSIVE": "AccessExclusiveLock",
  share: "ShareLock",
  update: "ExclusiveLock",
};

const half = 2n ** 32n;

function advisoryPlace(key: string | readonly [number, number]): SystemRow {
  if (typeof key !== "string") return { classid: key[0] >>> 0, objid: key[1] >>> 0, objsubid: 2 };
  const bits = BigInt.asUintN(64, BigInt(key));
  return { classid: int64(bits / half), objid: int64(bits % half), objsubid: 1 };
}

const placeOf = (thing: LockedThing): SystemRow =>
  thing.kind === "relation" ? { relation: thing.oid } : advisoryPlace(thing.key);

const rowOf = ({ thing, mode }: LockFact, database: number): SystemRow => ({
  locktype: thing.kind,
  database,
  ...placeOf(thing),
  mode: modeNames[mode],
});

export function* lockRows({ session, databaseOid }: EvaluationContext): Iterable<SystemRow> {
  for (const { pid, transaction, held, wanted, waitsFor } of locksOf((name) => session.setting(name))) {
    const whose = { virtualtransaction: `${pid}/${transaction}`, pid, fastpath: false };
    if (transaction !== 0)
      yield {
        locktype: "transactionid",
        transactionid: xidOf(transaction),
        ...whose,
        mode: "ExclusiveLock",
        granted: true,
      };
    for (const lock of held) yield { ...rowOf(lock, databaseOid), ...whose, granted: true };
    if (wanted !== null) yield { ...rowOf(wanted, databaseOid), ...whose, granted: false };
    else
      for (const other of waitsFor)
        yield {
          locktype: "transactionid",
          transactionid: xidOf(other.transaction),
          ...whose,
          mode: "ShareLock",
          granted: false,
        };
  }
}

/** Who is in the way of a session. */
export function blockersOf(pid: number, { session }: EvaluationContext): readonly number[] {
  const found = locksOf((name) => session.setting(name)).find((each) => each.pid === pid);
  return found === undefined ? [] : [...new Set(found.waitsFor.map((other) => other.pid))];
}
