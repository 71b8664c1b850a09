/** Users as the system shard's state has them. Rows: `user-rows.ts`. */
import { assert } from "../../types/assert.js";
import { userNameBytesMax } from "../../types/limits.js";
import { tree } from "../kinds.js";
import { nameBytes, nameOf } from "../texts.js";
import { readUserRow, type UserRow } from "../user-rows.js";
import { beforeNames } from "../user-table.js";
import type { StateReads } from "./state-reads.js";

export function userNamed({ state }: StateReads, name: string): UserRow | null {
  const key = nameBytes(name);
  if (key.length === 0 || key.length > userNameBytesMax || !state.get(tree.users, key)) return null;
  return readUserRow(state, name);
}

/** By name, after the given one ("" = from the first), at most `limit`. */
export function listUsers(reads: StateReads, after: string, limit: number): UserRow[] {
  assert(limit >= 0, "a listing has a limit");
  const rows: UserRow[] = [];
  const cursor = reads.cursor(tree.users);
  const key = new Uint8Array(userNameBytesMax);
  const start = after === "" ? beforeNames : nameBytes(after);
  for (let more = cursor.seek(start); more && rows.length < limit; more = cursor.next()) {
    const length = cursor.keyLength;
    cursor.keyInto(key);
    const name = nameOf(key, 0, length);
    if (name !== after) rows.push(readUserRow(cursor, name));
  }
  return rows;
}
