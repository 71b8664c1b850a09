/** The directory as the system shard's state has it: where tenants are placed. Rows: `directory-rows.ts`. */
import { assert } from "../../types/assert.js";
import { type DirectoryRow, directoryState, readDirectoryRow } from "../directory-rows.js";
import { tree } from "../kinds.js";
import { getU64, getU64Key } from "../numbers.js";
import { nameBytes } from "../texts.js";
import type { StateReads } from "./state-reads.js";

/** Dropped tenants are found too, so that a late request learns what became of them. */
export function directoryById(reads: StateReads, tenant: number): DirectoryRow | null {
  const { state } = reads;
  if (!state.get(tree.directory, reads.keys.one(tenant))) return null;
  const row = readDirectoryRow(state, tenant);
  assert(row.name.length > 0, "a tenant has a name");
  assert(row.epoch <= row.lastEpoch, "a placement's epoch was handed out");
  return row;
}

export function directoryByName(reads: StateReads, name: string): DirectoryRow | null {
  const { state } = reads;
  if (name.length === 0 || !state.get(tree.directoryNames, nameBytes(name))) return null;
  const tenant = getU64(state.valueView, state.valueStart);
  const row = directoryById(reads, tenant);
  assert(row !== null && row.name === name, "a tenant is found under its own name");
  assert(row.state !== directoryState.dropped, "a dropped tenant's name is free");
  return row;
}

/** Tenants by number, after the given one (0 = from the first), dropped ones left out, at most `limit`. */
export function listDirectory(reads: StateReads, after: number, limit: number): DirectoryRow[] {
  assert(after >= 0 && limit >= 0, "a listing has a start and a limit");
  const rows: DirectoryRow[] = [];
  const cursor = reads.cursor(tree.directory);
  const key = new Uint8Array(8);
  const keyView = new DataView(key.buffer);
  for (let more = cursor.seek(reads.keys.one(after + 1)); more && rows.length < limit; more = cursor.next()) {
    cursor.keyInto(key);
    const row = readDirectoryRow(cursor, getU64Key(keyView, 0));
    assert(row.tenant > after, "a listing goes upwards");
    if (row.state !== directoryState.dropped) rows.push(row);
  }
  return rows;
}
