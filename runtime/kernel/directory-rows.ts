/**
 * The directory: which shard holds which tenant. It is part of the system shard's state (shard 0), changed by commands of its
 * system tenant, and so survives and replicates like anything else.
 *
 * Tree `directory`, key tenant:
 *    0     1  version: 1
 *    1     1  state: 0 active, 1 moving, 2 dropped
 *    2     2  zero
 *    4     4  shard
 *    8     4  target shard while it moves, else all bits set
 *   12     4  epoch of the placement
 *   16     4  highest epoch handed out: a move that is aborted uses one up
 *   20     4  zero
 *   24     8  position of its creation
 *   32     8  time of its creation, µs
 *   40    24  quotas (`tenant-row.ts`)
 *   64     2  length of the name
 *   66     …  name, UTF-8
 *    …     …  owner (u16 + UTF-8; empty: the first user) and the settings of its sessions (`kept-settings.ts`), if it has one of them
 *
 * Tree `directoryNames`, key name: tenant u64. A dropped tenant's name is free again; its number is not.
 * Tree `meta`, key "directory.nextTenant": u64, absent = 1.
 */
import type { TreeReader, TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { ByteReader } from "../types/byte-reader.js";
import { ByteWriter } from "../types/byte-writer.js";
import { userNameBytesMax } from "../types/limits.js";
import { decodeKeptSettings, encodeKeptSettings, type KeptSetting } from "./kept-settings.js";
import { tree } from "./kinds.js";
import { getU64, getU64Key } from "./numbers.js";
import type { StateKeys } from "./state-keys.js";
import { type Quotas, quotasAt } from "./tenant-row.js";
import { nameBytes, nameOf } from "./texts.js";

export const directoryState = { active: 0, moving: 1, dropped: 2 } as const;
export const directoryRowVersion = 1;
export const noShard = 0xffff_ffff;
export const directoryField = {
  version: 0,
  state: 1,
  shard: 4,
  targetShard: 8,
  epoch: 12,
  lastEpoch: 16,
  createdPosition: 24,
  createdTime: 32,
  quotas: 40,
  nameLength: 64,
  name: 66,
} as const;

export const nextTenantKey = nameBytes("directory.nextTenant");

export interface DirectoryRow {
  readonly tenant: number;
  readonly state: number;
  readonly shard: number;
  /** `noShard` unless the tenant is moving. */
  readonly targetShard: number;
  readonly epoch: number;
  readonly lastEpoch: number;
  readonly createdPosition: number;
  readonly createdTime: number;
  readonly quotas: Quotas;
  readonly name: string;
  /** A user's name; empty: the first user. */
  readonly owner: string;
  /** What its sessions begin with. */
  readonly settings: readonly KeptSetting[];
}

type Tail = Pick<DirectoryRow, "owner" | "settings">;

/** What stands behind the name: nothing while nothing of it is other than at first. */
export function encodeDirectoryTail(out: ByteWriter, { owner, settings }: Tail): void {
  if (owner === "" && settings.length === 0) return;
  out.string(owner);
  encodeKeptSettings(out, settings);
}

function decodeTail(reader: ByteReader): Tail {
  const owner = reader.remaining === 0 ? "" : reader.string(userNameBytesMax);
  const settings = decodeKeptSettings(reader);
  reader.end();
  return { owner, settings };
}

/** Writes the row of a tenant anew, with another end. */
export function putDirectoryTail(state: TreeWriter, keys: StateKeys, tenant: number, change: Partial<Tail>): void {
  const isKnown = state.get(tree.directory, keys.one(tenant));
  assert(isKnown, "a directory command changes a tenant of the directory");
  const row = readDirectoryRow(state, tenant);
  const { valueStart: from, valueView } = state;
  const headBytes = directoryField.name + valueView.getUint16(from + directoryField.nameLength, true);
  const out = new ByteWriter(256).raw(state.valueBytes.slice(from, from + headBytes));
  encodeDirectoryTail(out, { ...row, ...change });
  state.put(tree.directory, keys.one(tenant), out.finish());
}

/** Names of the tenants that a user owns. */
export function tenantsOwnedBy(state: TreeReader, owner: string): readonly string[] {
  const found: string[] = [];
  const key = new Uint8Array(8);
  const keyView = new DataView(key.buffer);
  const cursor = state.cursor(tree.directory);
  for (let more = cursor.seek(key); more; more = cursor.next()) {
    cursor.keyInto(key);
    const row = readDirectoryRow(cursor, getU64Key(keyView, 0));
    if (row.owner === owner && row.state !== directoryState.dropped) found.push(row.name);
  }
  return found;
}

/** Decodes the row that a reader or cursor stands on. */
export function readDirectoryRow(
  at: Pick<TreeReader, "valueBytes" | "valueView" | "valueStart" | "valueLength">,
  tenant: number,
): DirectoryRow {
  const { valueBytes: bytes, valueView: view, valueStart: from } = at;
  const nameLength = view.getUint16(from + directoryField.nameLength, true);
  assert(view.getUint8(from) === directoryRowVersion, "a directory row has a known version");
  const tailFrom = from + directoryField.name + nameLength;
  assert(tailFrom <= from + at.valueLength, "a directory row has its name");
  return {
    ...decodeTail(new ByteReader(bytes, tailFrom, from + at.valueLength)),
    tenant,
    state: view.getUint8(from + directoryField.state),
    shard: view.getUint32(from + directoryField.shard, true),
    targetShard: view.getUint32(from + directoryField.targetShard, true),
    epoch: view.getUint32(from + directoryField.epoch, true),
    lastEpoch: view.getUint32(from + directoryField.lastEpoch, true),
    createdPosition: getU64(view, from + directoryField.createdPosition),
    createdTime: getU64(view, from + directoryField.createdTime),
    quotas: quotasAt(view, from + directoryField.quotas),
    name: nameOf(bytes, from + directoryField.name, nameLength),
  };
}

export function nextTenant(state: TreeReader): number {
  if (!state.get(tree.meta, nextTenantKey)) return 1;
  const tenant = getU64(state.valueView, state.valueStart);
  assert(state.valueLength === 8, "the next tenant's number is a u64");
  assert(tenant > 1, "a stored next tenant follows the first");
  return tenant;
}
