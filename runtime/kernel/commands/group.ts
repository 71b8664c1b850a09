/**
 * groupCreate, groupDelete: a consumer group of a stream (rows: `group-rows.ts`).
 *
 * groupCreate, request: flags u8 (bit 0: if not exists) · stream u64 · start u64 (all bits set: after the newest event) ·
 *   attempts until parked u16 (0 = without end) · answer time ms u32 (at least 1) · name (u16 + UTF-8).
 *   Facts: stream u64 · start u64 · attempts u16 · answer time ms u32 · name (u16 + UTF-8).
 *   Outcome: subject = stream, first = start, count = 1 when it was created, 0 when it had existed before.
 *
 * groupDelete, request: stream u64 · name (u16 + UTF-8).
 *   Facts: the same. Outcome: subject = stream, first = the floor that was reached, count = 0.
 */
import { assert } from "../../types/assert.js";
import { KimberliteError } from "../../types/errors.js";
import { groupName } from "../../types/ids.js";
import { groupNameBytesMax } from "../../types/limits.js";
import type { Draft } from "../draft.js";
import { groupField, groupRowBytes, readGroupRow } from "../group-rows.js";
import { anyOffsetHalf, tree } from "../kinds.js";
import { getU64, getU64Key, setU64 } from "../numbers.js";
import type { Step } from "../step.js";
import { streamField } from "../stream-rows.js";
import { tenantField } from "../tenant-row.js";
import { nameBytes } from "../texts.js";

/** From the facts' first byte to the name of a created group. */
const createFactsNameAt = 22;

/** The stream's next offset and count of groups. Throws `streamUnknown`. */
function expectStream(draft: Draft, stream: number): { next: number; groups: number } {
  const { state, keys, tenant } = draft;
  assert(tenant !== 0, "streams are of users' tenants");
  if (!state.get(tree.streams, keys.two(tenant, stream))) {
    throw new KimberliteError("streamUnknown", `stream ${stream}`, { detail: { stream } });
  }
  const next = getU64(state.valueView, state.valueStart + streamField.nextOffset);
  assert(next >= 0, "a stream has a next offset");
  return { next, groups: state.valueView.getUint32(state.valueStart + streamField.groups, true) };
}

export function decideGroupCreate(draft: Draft): void {
  const { state, keys, tenant } = draft;
  const body = draft.body();
  const ifNotExists = body.choice(2) === 1;
  const stream = body.u64();
  const startAt = body.offset;
  const { view } = draft.request;
  body.raw(8);
  const attemptsMax = body.u16();
  const timeoutMs = body.u32();
  const name = nameBytes(groupName(body.string(groupNameBytesMax)));
  body.end();
  if (timeoutMs === 0) throw new KimberliteError("invalidArgument", "a consumer needs at least 1 ms for an answer");
  const { next, groups } = expectStream(draft, stream);
  if (state.get(tree.groups, keys.group(tenant, stream, name))) {
    const row = readGroupRow(state);
    assert(row.group < draft.position, "a group was created at an earlier position");
    if (!ifNotExists) throw new KimberliteError("groupExists", "", { detail: { stream, position: row.group } });
    return draft.answer(row.group, row.group, row.createdTime, stream, row.start, 0);
  }
  if (groups >= draft.quotaGroups) {
    throw new KimberliteError("quotaExceeded", `groupsPerStreamMax is ${draft.quotaGroups}`, {
      detail: { quota: "groupsPerStreamMax", limit: draft.quotaGroups },
    });
  }
  const atHead = view.getUint32(startAt, true) === anyOffsetHalf && view.getUint32(startAt + 4, true) === anyOffsetHalf;
  body.offset = startAt;
  const start = atHead ? next : body.u64();
  if (start > next) {
    throw new KimberliteError("invalidArgument", `a start of ${start} is beyond the stream's next offset, ${next}`, {
      detail: { stream, start, next },
    });
  }
  draft.beginRecord();
  draft.out.u64(stream).u64(start).u16(attemptsMax).u32(timeoutMs).text(name);
  draft.finish(stream, start, 1);
}

export function applyGroupCreate(step: Step): void {
  const { state, record, keys, tenant, position } = step;
  const { bytes, view, factsFrom } = record;
  const stream = getU64(view, factsFrom);
  const start = getU64(view, factsFrom + 8);
  const length = view.getUint16(factsFrom + createFactsNameAt, true);
  const nameFrom = factsFrom + createFactsNameAt + 2;
  assert(nameFrom + length === record.to, "the facts of a created group end with its name");
  countGroups(step, stream, 1);
  const row = new Uint8Array(groupRowBytes);
  const rowView = new DataView(row.buffer);
  setU64(rowView, groupField.group, position);
  setU64(rowView, groupField.createdTime, record.time);
  setU64(rowView, groupField.floor, start);
  setU64(rowView, groupField.start, start);
  rowView.setUint32(groupField.timeoutMs, view.getUint32(factsFrom + 18, true), true);
  rowView.setUint16(groupField.attemptsMax, view.getUint16(factsFrom + 16, true), true);
  const created = state.insert(tree.groups, keys.group(tenant, stream, bytes.subarray(nameFrom, record.to)), row);
  assert(created, "a group's name is unique within its stream");
  step.subject = stream;
  step.first = start;
  step.count = 1;
}

export function decideGroupDelete(draft: Draft): void {
  const { state, keys, tenant } = draft;
  const body = draft.body();
  const stream = body.u64();
  const name = nameBytes(groupName(body.string(groupNameBytesMax)));
  body.end();
  expectStream(draft, stream);
  if (!state.get(tree.groups, keys.group(tenant, stream, name))) {
    throw new KimberliteError("groupUnknown", "", { detail: { stream } });
  }
  const { floor, group } = readGroupRow(state);
  assert(group < draft.position, "a group was created at an earlier position");
  draft.beginRecord();
  draft.out.u64(stream).text(name);
  draft.finish(stream, floor, 0);
}

export function applyGroupDelete(step: Step): void {
  const { state, record, keys, tenant } = step;
  const { bytes, view, factsFrom } = record;
  const stream = getU64(view, factsFrom);
  assert(
    factsFrom + 10 + view.getUint16(factsFrom + 8, true) === record.to,
    "the facts of a deleted group end with its name",
  );
  const name = bytes.subarray(factsFrom + 10, record.to);
  const found = state.get(tree.groups, keys.group(tenant, stream, name));
  assert(found, "a deleted group is one of its tenant's");
  const { group, floor, settled, retrying, parked } = readGroupRow(state);
  state.delete(tree.groups, keys.group(tenant, stream, name));
  // Bounded: the counts are, by the limits that groupAck keeps.
  const acks = removeOffsets(step, tree.groupAcks, group);
  assert(acks === settled + retrying, "a group's counts are those of its entries");
  const parkedRemoved = removeOffsets(step, tree.parked, group);
  assert(parkedRemoved === parked, "a group's count of parked events is that of its entries");
  countGroups(step, stream, -1);
  step.subject = stream;
  step.first = floor;
  step.count = 0;
}

/** Removes all entries of a group from a tree whose keys are tenant · group · offset, and counts them. */
function removeOffsets(step: Step, number: number, group: number): number {
  const { state, keys, tenant } = step;
  const cursor = state.cursor(number);
  const key = new Uint8Array(24);
  const view = new DataView(key.buffer);
  let removed = 0;
  while (cursor.seek(keys.three(tenant, group, 0))) {
    const length = cursor.keyInto(key);
    assert(length === 24, "a key of a group's offsets has its fixed size");
    if (getU64Key(view, 0) !== tenant || getU64Key(view, 8) !== group) break;
    const gone = state.delete(number, key);
    assert(gone, "an entry that was found is removed");
    removed += 1;
  }
  return removed;
}

/** Counts groups in the rows of the stream and the tenant. */
function countGroups(step: Step, stream: number, change: number): void {
  const { state, keys, tenant } = step;
  const found = state.update(tree.streams, keys.two(tenant, stream));
  assert(found, "a group's stream belongs to the tenant of its block");
  const inStream = state.valueView.getUint32(state.valueStart + streamField.groups, true) + change;
  assert(inStream >= 0, "a stream's count of groups is not negative");
  state.valueView.setUint32(state.valueStart + streamField.groups, inStream, true);
  const known = state.update(tree.tenants, keys.one(tenant));
  assert(known, "a group is of a tenant of this shard");
  const at = state.valueStart + tenantField.groups;
  state.valueView.setUint32(at, state.valueView.getUint32(at, true) + change, true);
}
