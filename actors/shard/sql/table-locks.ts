/**
 * Locks of tables as a whole, in the strengths that rows have them in (lock-table.ts). Who reads locks nothing.
 *
 *   keyShare      SELECT … FOR …, LOCK TABLE in the modes ACCESS SHARE and ROW SHARE
 *   share         INSERT, UPDATE, DELETE, MERGE, COPY; ROW EXCLUSIVE
 *   noKeyUpdate   SHARE UPDATE EXCLUSIVE, SHARE, SHARE ROW EXCLUSIVE: beside those that lock rows, but not beside those that write
 *   update        EXCLUSIVE, ACCESS EXCLUSIVE; what changes the definition
 */
import type { LockStrength } from "../../../runtime/query/write/ports.js";

export const tableLockName = (tenant: number, table: number): string => `t${tenant} ${table}`;

export const lockingRows: LockStrength = "keyShare";
export const writing: LockStrength = "share";
export const defining: LockStrength = "update";

/** @param mode as LOCK TABLE names it */
export function strengthOfMode(mode: string): LockStrength {
  switch (mode) {
    case "ACCESS SHARE":
    case "ROW SHARE":
      return lockingRows;
    case "ROW EXCLUSIVE":
      return writing;
    case "SHARE UPDATE EXCLUSIVE":
    case "SHARE":
    case "SHARE ROW EXCLUSIVE":
      return "noKeyUpdate";
    default:
      return "update";
  }
}
