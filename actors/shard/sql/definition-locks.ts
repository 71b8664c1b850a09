/**
 * Locks of definitions: what a transaction changes, the names that it gives, and what its objects rest on. So transactions define things beside
 * one another as long as they have none of these in common: the catalog is stored object by object, and what they wrote does not meet.
 *
 * A lock that is met makes the statement wait, and run again on the catalog of then (lock-wait.ts). They are taken when the statement has said
 * what it changes: nothing of it is seen by anybody before.
 */
import { type CatalogEntry, isObject } from "../../../runtime/query/catalog/model.js";
import type { Oid } from "../../../runtime/query/types/sql-type.js";
import type { CatalogDraft } from "../../../runtime/query/write/definition/draft.js";
import { referencesOf } from "../../../runtime/query/write/definition/references.js";
import type { StatementLocks } from "./statement-locks.js";

const objectLockName = (tenant: number, oid: Oid): string => `o${tenant} ${oid}`;

/** What no two entries may be called in the same way. */
function nameOf(entry: CatalogEntry): string {
  if (!isObject(entry))
    return entry.kind === "database" ? "database" : `${entry.schema} ${entry.role} ${entry.objects}`;
  return entry.kind === "schema" ? `schema ${entry.name}` : `${entry.schema} ${entry.name}`;
}

const nameLockName = (tenant: number, entry: CatalogEntry): string =>
  `n${tenant} ${entry.kind === "defaultPrivileges" ? "d" : "o"} ${nameOf(entry)}`;

/** Throws a `LockWait` where another open transaction defines what this one has to do with. */
export function lockChanges(draft: CatalogDraft, tenant: number, locks: StatementLocks): void {
  for (const { oid, before, after } of draft.changes()) {
    if (before !== null) locks.lockWhole(objectLockName(tenant, oid), "update");
    if (after === null) continue;
    const name = nameLockName(tenant, after);
    if (before === null || nameLockName(tenant, before) !== name) locks.lockWhole(name, "update");
    for (const used of referencesOf(after, draft)) locks.lockWhole(objectLockName(tenant, used), "keyShare");
  }
}

/** Whether nobody else changes an object, or makes what rests on it. */
export const isUndisturbed = (tenant: number, oid: Oid, locks: StatementLocks): boolean =>
  locks.isFree(objectLockName(tenant, oid), "update");
