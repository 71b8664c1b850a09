/**
 * The directory's commands (rows: `directory-rows.ts`), in the system tenant of shard 0. They say where a tenant *is to be*;
 * the directory actor then makes the shards follow with adopt, fence, import and release, each of which may be repeated.
 *
 *   kind                 request after the common head, and facts where they differ        outcome: subject = tenant
 *   directoryCreate      flags u8 (bit 0: if not exists) · shard u32 · quotas 24 · name    first = shard, count = 1 created, 0 existed
 *                        · owner, unless it is the first user
 *                        facts: tenant u64 · shard u32 · quotas 24 · name · owner, as there
 *   directoryDrop        tenant u64                                                        first = shard, count = 0
 *   directoryMoveBegin   tenant u64 · target shard u32                                     first = epoch of the move, count = 0
 *                        facts: tenant u64 · target shard u32 · epoch u32
 *   directoryMoveCommit  tenant u64 · epoch u32                                            first = epoch, count = 0
 *   directoryMoveAbort   tenant u64 · epoch u32                                            first = epoch, count = 0
 *   directoryQuota       tenant u64 · quotas 24                                            first = shard, count = 0
 *   directoryOwner       tenant u64 · owner; empty: the first user                         first = shard, count = 1 changed, 0 it was so
 *
 * Names are u16 + UTF-8. A move is named by the epoch that it was given, so a second mover cannot end the first one's move.
 */
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import { ByteWriter } from "../../types/byte-writer.js";
import { KimberliteError } from "../../types/errors.js";
import { tenantName, userName } from "../../types/ids.js";
import { shardsMax, tenantNameBytesMax, userNameBytesMax } from "../../types/limits.js";
import {
  type DirectoryRow,
  directoryField,
  directoryRowVersion,
  directoryState,
  encodeDirectoryTail,
  nextTenant,
  nextTenantKey,
  noShard,
  putDirectoryTail,
  readDirectoryRow,
} from "../directory-rows.js";
import type { Draft } from "../draft.js";
import { tree } from "../kinds.js";
import { copyBytes, getU64, setU64 } from "../numbers.js";
import type { Step } from "../step.js";
import { decodeQuotas, quotaBytes } from "../tenant-row.js";
import { nameBytes } from "../texts.js";
import { expectUser } from "../user-table.js";

function expectRow(draft: Draft, tenant: number): DirectoryRow {
  const { state, keys } = draft;
  if (!state.get(tree.directory, keys.one(tenant))) {
    throw new KimberliteError("tenantUnknown", `number ${tenant}`, { detail: { tenant } });
  }
  const row = readDirectoryRow(state, tenant);
  assert(row.createdPosition < draft.position, "a tenant was created at an earlier position");
  assert(row.epoch <= row.lastEpoch, "a placement's epoch was handed out");
  return row;
}

function expectLive(draft: Draft, tenant: number): DirectoryRow {
  const row = expectRow(draft, tenant);
  if (row.state === directoryState.dropped) {
    throw new KimberliteError("tenantUnknown", `number ${tenant} was dropped`, { detail: { tenant } });
  }
  assert((row.state === directoryState.moving) === (row.targetShard !== noShard), "a tenant moves to a shard");
  assert(tenant !== 0, "the system tenant is not in the directory");
  return row;
}

function expectShard(shard: number): void {
  if (shard >= shardsMax) throw new KimberliteError("shardUnknown", `number ${shard}`, { detail: { shard } });
}

function already(draft: Draft, tenant: number, first: number): void {
  assert(draft.position > 0, "what is so already was made by an earlier command");
  draft.answer(draft.position - 1, draft.position - 1, draft.time - 1, tenant, first, 0);
}

export function decideDirectoryCreate(draft: Draft): void {
  const { state, keys } = draft;
  const body = draft.body();
  const ifNotExists = body.choice(2) === 1;
  const shard = body.u32();
  const quotasFrom = body.offset;
  decodeQuotas(body);
  const name = nameBytes(tenantName(body.string(tenantNameBytesMax)));
  const owner = body.remaining === 0 ? "" : userName(body.string(userNameBytesMax));
  body.end();
  expectShard(shard);
  if (state.get(tree.directoryNames, name)) {
    const tenant = getU64(state.valueView, state.valueStart);
    const found = state.get(tree.directory, keys.one(tenant));
    assert(found, "a named tenant is in the directory");
    const row = readDirectoryRow(state, tenant);
    if (!ifNotExists) throw new KimberliteError("tenantExists", `it has the number ${tenant}`, { detail: { tenant } });
    return draft.answer(row.createdPosition, row.createdPosition, row.createdTime, tenant, row.shard, 0);
  }
  if (owner !== "") expectUser(state, owner);
  const tenant = nextTenant(state);
  draft.beginRecord();
  draft.out.u64(tenant).u32(shard);
  draft.out.copy(draft.request.bytes, draft.request.view, quotasFrom, quotasFrom + quotaBytes);
  draft.out.text(name);
  if (owner !== "") draft.out.text(nameBytes(owner));
  draft.finish(tenant, shard, 1);
}

export function applyDirectoryCreate(step: Step): void {
  const { state, record, keys } = step;
  const { bytes, view, factsFrom, to } = record;
  const tenant = getU64(view, factsFrom);
  const shard = view.getUint32(factsFrom + 8, true);
  const nameFrom = factsFrom + 12 + quotaBytes + 2;
  const nameTo = nameFrom + view.getUint16(nameFrom - 2, true);
  assert(nameTo <= to, "the facts of a created tenant have its name");
  const owner = nameTo === to ? "" : new ByteReader(bytes, nameTo, to).string(userNameBytesMax);
  assert(tenant === nextTenant(state), "order: tenant numbers are drawn in order");
  setU64(step.numberView, 0, tenant + 1);
  state.put(tree.meta, nextTenantKey, step.number);

  const tail = new ByteWriter(64);
  encodeDirectoryTail(tail, { owner, settings: [] });
  const row = new Uint8Array(directoryField.name + (nameTo - nameFrom) + tail.view().length);
  const rowView = new DataView(row.buffer);
  row[directoryField.version] = directoryRowVersion;
  row[directoryField.state] = directoryState.active;
  rowView.setUint32(directoryField.shard, shard, true);
  rowView.setUint32(directoryField.targetShard, noShard, true);
  rowView.setUint32(directoryField.epoch, 1, true);
  rowView.setUint32(directoryField.lastEpoch, 1, true);
  setU64(rowView, directoryField.createdPosition, step.position);
  setU64(rowView, directoryField.createdTime, record.time);
  // Quotas, name length and name follow one another in the facts as in the row.
  copyBytes(bytes, view, factsFrom + 12, nameTo, row, rowView, directoryField.quotas);
  row.set(tail.view(), directoryField.name + (nameTo - nameFrom));
  const created = state.insert(tree.directory, keys.one(tenant), row);
  assert(created, "a tenant's number is used once");
  setU64(step.numberView, 0, tenant);
  const named = state.insert(tree.directoryNames, bytes.subarray(nameFrom, nameTo), step.number);
  assert(named, "isolation: a tenant's name is unique");
  setOutcome(step, tenant, shard, 1);
}

function setOutcome(step: Step, tenant: number, first: number, count: number): void {
  assert(tenant > 0, "the system tenant is not in the directory");
  step.subject = tenant;
  step.first = first;
  step.count = count;
}

/** Opens the row of the tenant that the facts name, for a change in place. Returns the row's start. */
function openRow(step: Step, from: number): number {
  const { state, record, keys } = step;
  const tenant = getU64(record.view, record.factsFrom);
  const known = state.update(tree.directory, keys.one(tenant));
  assert(known, "a directory command changes a tenant of the directory");
  const at = state.valueStart;
  assert(
    state.valueView.getUint8(at + directoryField.state) === from,
    "a tenant's placement changes as it was decided",
  );
  setOutcome(step, tenant, state.valueView.getUint32(at + directoryField.shard, true), 0);
  return at;
}

export function decideDirectoryDrop(draft: Draft): void {
  const body = draft.body();
  const tenant = body.u64();
  body.end();
  const row = expectRow(draft, tenant);
  if (row.state === directoryState.dropped) return already(draft, tenant, row.shard);
  if (row.state === directoryState.moving) throw new KimberliteError("tenantMoving", "drop it when the move has ended");
  assert(row.state === directoryState.active, "a tenant that is neither moving nor dropped is active");
  draft.beginRecord();
  draft.out.u64(tenant);
  draft.finish(tenant, row.shard, 0);
}

export function applyDirectoryDrop(step: Step): void {
  const { state, record } = step;
  assert(record.factsLength === 8, "the facts of a dropped tenant are its number");
  const at = openRow(step, directoryState.active);
  const { valueBytes, valueView } = state;
  valueView.setUint8(at + directoryField.state, directoryState.dropped);
  const length = valueView.getUint16(at + directoryField.nameLength, true);
  const name = valueBytes.slice(at + directoryField.name, at + directoryField.name + length);
  const freed = state.delete(tree.directoryNames, name);
  assert(freed, "a tenant that is dropped had its name");
}

export function decideDirectoryMoveBegin(draft: Draft): void {
  const body = draft.body();
  const tenant = body.u64();
  const target = body.u32();
  body.end();
  expectShard(target);
  const row = expectLive(draft, tenant);
  if (row.state === directoryState.moving) {
    if (row.targetShard === target) return already(draft, tenant, row.lastEpoch);
    throw new KimberliteError("tenantMoving", `to shard ${row.targetShard}: end that move first`, {
      detail: { tenant, targetShard: row.targetShard, epoch: row.lastEpoch },
    });
  }
  if (row.shard === target) {
    throw new KimberliteError("invalidArgument", `tenant ${tenant} is on shard ${target}`, {
      detail: { tenant, shard: target },
    });
  }
  const epoch = row.lastEpoch + 1;
  assert(epoch > row.epoch, "a move has a higher epoch than the placement it leaves");
  draft.beginRecord();
  draft.out.u64(tenant).u32(target).u32(epoch);
  draft.finish(tenant, epoch, 0);
}

export function applyDirectoryMoveBegin(step: Step): void {
  const { state, record } = step;
  const { view, factsFrom } = record;
  assert(record.factsLength === 16, "the facts of a move have their fixed size");
  const at = openRow(step, directoryState.active);
  const row = state.valueView;
  const epoch = view.getUint32(factsFrom + 12, true);
  assert(
    epoch === row.getUint32(at + directoryField.lastEpoch, true) + 1,
    "order: placement epochs are drawn in order",
  );
  row.setUint8(at + directoryField.state, directoryState.moving);
  row.setUint32(at + directoryField.targetShard, view.getUint32(factsFrom + 8, true), true);
  row.setUint32(at + directoryField.lastEpoch, epoch, true);
  step.first = epoch;
}

/** Commit and abort: both name the move by its epoch and may be repeated. */
function decideMoveEnd(draft: Draft, epochAfter: (row: DirectoryRow) => boolean): void {
  const body = draft.body();
  const tenant = body.u64();
  const epoch = body.u32();
  body.end();
  const row = expectLive(draft, tenant);
  if (row.lastEpoch !== epoch) {
    throw new KimberliteError("routeStale", `epoch ${epoch} where ${row.lastEpoch} is the newest`, {
      detail: { tenant, epoch: row.lastEpoch },
    });
  }
  if (row.state === directoryState.active) {
    if (epochAfter(row)) return already(draft, tenant, epoch);
    throw new KimberliteError("routeStale", `the move of epoch ${epoch} ended the other way`, {
      detail: { tenant, epoch },
    });
  }
  assert(row.state === directoryState.moving, "a live tenant is active or moving");
  assert(row.targetShard !== noShard, "a moving tenant has a target");
  draft.beginRecord();
  draft.out.u64(tenant).u32(epoch);
  draft.finish(tenant, epoch, 0);
}

export const decideDirectoryMoveCommit = (draft: Draft): void =>
  decideMoveEnd(draft, (row) => row.epoch === row.lastEpoch);
export const decideDirectoryMoveAbort = (draft: Draft): void =>
  decideMoveEnd(draft, (row) => row.epoch !== row.lastEpoch);

function endMove(step: Step, end: "commit" | "abort"): void {
  const { state, record } = step;
  assert(record.factsLength === 12, "the facts of an ended move have their fixed size");
  const at = openRow(step, directoryState.moving);
  const row = state.valueView;
  const epoch = record.view.getUint32(record.factsFrom + 8, true);
  assert(epoch === row.getUint32(at + directoryField.lastEpoch, true), "a move is ended under its own epoch");
  if (end === "commit") {
    row.setUint32(at + directoryField.shard, row.getUint32(at + directoryField.targetShard, true), true);
    row.setUint32(at + directoryField.epoch, epoch, true);
  }
  row.setUint8(at + directoryField.state, directoryState.active);
  row.setUint32(at + directoryField.targetShard, noShard, true);
  step.first = epoch;
}

export const applyDirectoryMoveCommit = (step: Step): void => endMove(step, "commit");
export const applyDirectoryMoveAbort = (step: Step): void => endMove(step, "abort");

export function decideDirectoryQuota(draft: Draft): void {
  const body = draft.body();
  const tenant = body.u64();
  decodeQuotas(body);
  body.end();
  const row = expectLive(draft, tenant);
  if (row.state === directoryState.moving)
    throw new KimberliteError("tenantMoving", "set quotas when the move has ended");
  assert(row.tenant === tenant, "the row is the tenant's that was named");
  draft.beginRecord();
  draft.out.copy(draft.request.bytes, draft.request.view, draft.bodyFrom, draft.request.to);
  draft.finish(tenant, row.shard, 0);
}

export function applyDirectoryQuota(step: Step): void {
  const { state, record } = step;
  assert(record.factsLength === 8 + quotaBytes, "the facts of new quotas have their fixed size");
  const at = openRow(step, directoryState.active);
  const { valueBytes, valueView } = state;
  copyBytes(
    record.bytes,
    record.view,
    record.factsFrom + 8,
    record.to,
    valueBytes,
    valueView,
    at + directoryField.quotas,
  );
}

export function decideDirectoryOwner(draft: Draft): void {
  const body = draft.body();
  const tenant = body.u64();
  const owner = body.string(userNameBytesMax);
  body.end();
  const row = expectLive(draft, tenant);
  if (owner !== "") expectUser(draft.state, userName(owner));
  if (row.owner === owner) return already(draft, tenant, row.shard);
  draft.beginRecord();
  draft.out.copy(draft.request.bytes, draft.request.view, draft.bodyFrom, draft.request.to);
  draft.finish(tenant, row.shard, 1);
}

export function applyDirectoryOwner(step: Step): void {
  const { state, record, keys } = step;
  const reader = new ByteReader(record.bytes, record.factsFrom, record.to);
  const tenant = reader.u64();
  const owner = reader.string(userNameBytesMax);
  reader.end();
  putDirectoryTail(state, keys, tenant, { owner });
  const known = state.get(tree.directory, keys.one(tenant));
  assert(known, "a tenant whose owner is another is in the directory");
  setOutcome(step, tenant, readDirectoryRow(state, tenant).shard, 1);
}
