/** The tree of users as commands see it: all rows, one by its name. Rows: `user-rows.ts`. */
import type { TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { userNameBytesMax } from "../types/limits.js";
import { tenantsOwnedBy } from "./directory-rows.js";
import { tree } from "./kinds.js";
import { nameBytes, nameOf } from "./texts.js";
import { readUserRow, type UserRow } from "./user-rows.js";

/** Before every name, for names hold no control characters; and behind the staged parts of transactions, whose keys begin with a zero. */
export const beforeNames: Uint8Array = Uint8Array.of(1);

/** By name. A copy: it may be changed while it is walked. */
export function userRowsOf(state: Pick<TreeWriter, "cursor">): UserRow[] {
  const rows: UserRow[] = [];
  const cursor = state.cursor(tree.users);
  const key = new Uint8Array(userNameBytesMax);
  for (let more = cursor.seek(beforeNames); more; more = cursor.next()) {
    const length = cursor.keyLength;
    assert(length <= userNameBytesMax, "a user's name is within its limit");
    cursor.keyInto(key);
    rows.push(readUserRow(cursor, nameOf(key, 0, length)));
  }
  return rows;
}

/** Throws `userUnknown`. */
export function expectUser(state: TreeWriter, name: string): UserRow {
  assert(name.length > 0, "a user has a name");
  if (state.get(tree.users, nameBytes(name))) return readUserRow(state, name);
  throw new KimberliteError("userUnknown", `"${name}"`);
}

/** Throws `userInUse` while a tenant is a user's. */
export function expectOwnsNothing(state: TreeWriter, name: string): void {
  const owned = tenantsOwnedBy(state, name);
  if (owned.length === 0) return;
  const uses = owned.map((tenant) => `owner of database ${tenant}`).join("\n");
  throw new KimberliteError("userInUse", `"${name}": ${owned.length} of its databases`, { detail: { uses } });
}
