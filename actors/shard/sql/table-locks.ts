/**
 * Locks of tables as a whole, in PostgreSQL's modes (lock-modes.ts): what those that are named here take them in. Who reads locks nothing, so
 * nobody waits who only reads.
 */
import type { TableLockMode } from "../../../runtime/query/catalog/lock-facts.js";

export const tableLockName = (tenant: number, table: number): string => `t${tenant} ${table}`;

/** SELECT … FOR UPDATE and the like. */
export const lockingRows: TableLockMode = "ROW SHARE";
/** INSERT, UPDATE, DELETE, MERGE, COPY. */
export const writing: TableLockMode = "ROW EXCLUSIVE";
/** What changes the definition, unless it says otherwise. */
export const defining: TableLockMode = "ACCESS EXCLUSIVE";
