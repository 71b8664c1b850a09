/**
 * groupAck: what a group's consumers say of events (rows: `group-rows.ts`).
 *
 * Request, after the common head: stream u64 · group name (u16 + UTF-8) · count u32, 1 to `groupAckEntriesMax` · entries, by
 *   offset strictly ascending: offset u64 · verdict u8.
 * Facts: the same, with effects in place of verdicts and without the entries that change nothing.
 * Outcome: subject = stream, first = 0, count = entries that changed something. When none does, nothing is written.
 *
 *   verdict      open or retrying                                      settled      parked
 *   0 ack        settle                                                –            –
 *   1 nack       retry, or park once the attempts are used up          –            –
 *   2 park       park                                                  –            –
 *   3 replay     –                                                     –            replay: retrying, attempts from zero
 *   4 discard    –                                                     –            discard: forgotten, stays settled
 *
 * Saying the same twice is harmless, as a consumer that did not hear the answer will.
 */
import { assert } from "../../types/assert.js";
import { KimberliteError } from "../../types/errors.js";
import { groupName } from "../../types/ids.js";
import { groupAckEntriesMax, groupAckWindowMax, groupNameBytesMax, groupParkedMax } from "../../types/limits.js";
import type { Draft } from "../draft.js";
import {
  ackField,
  ackRowBytes,
  ackState,
  effect,
  effectsCount,
  type GroupRow,
  groupField,
  parkedField,
  parkedRowBytes,
  parkReason,
  readGroupRow,
  verdict,
  verdictsCount,
} from "../group-rows.js";
import { tree } from "../kinds.js";
import { getU64, setU64 } from "../numbers.js";
import type { Step } from "../step.js";
import { streamField } from "../stream-rows.js";
import { nameBytes } from "../texts.js";

const entryBytes = 9;
/** Of an entry that changes nothing. */
const none = -1;

export function decideGroupAck(draft: Draft): void {
  const { state, keys, tenant } = draft;
  const body = draft.body();
  const stream = body.u64();
  const name = nameBytes(groupName(body.string(groupNameBytesMax)));
  const count = body.u32();
  if (count === 0 || count > groupAckEntriesMax) {
    throw new KimberliteError("invalidArgument", `one groupAck holds 1 to ${groupAckEntriesMax} entries`, {
      detail: { count, limit: groupAckEntriesMax },
    });
  }
  if (body.remaining !== count * entryBytes) {
    throw new KimberliteError("frameInvalid", `${body.remaining} bytes where ${count} entries should be`);
  }
  if (!state.get(tree.streams, keys.two(tenant, stream))) {
    throw new KimberliteError("streamUnknown", `stream ${stream}`, { detail: { stream } });
  }
  const head = getU64(state.valueView, state.valueStart + streamField.nextOffset);
  if (!state.get(tree.groups, keys.group(tenant, stream, name))) {
    throw new KimberliteError("groupUnknown", "", { detail: { stream } });
  }
  const group = readGroupRow(state);
  assert(group.floor <= head, "a group's floor is not beyond its stream");

  // The facts are written as they are found; a refusal half-way takes the output back.
  draft.beginRecord();
  const { out } = draft;
  out.u64(stream).text(name);
  const countAt = out.at;
  out.u32(0);
  let changes = 0;
  let parked = group.parked;
  let retrying = group.retrying;
  let last = -1;
  for (let i = 0; i < count; i += 1) {
    const offset = body.u64();
    const said = body.choice(verdictsCount);
    if (offset <= last)
      throw new KimberliteError("invalidArgument", "offsets of a groupAck ascend", { detail: { offset, last } });
    last = offset;
    checkOffset(group, offset, head);
    const found = effectOf(draft, group, offset, said);
    if (found === none) continue;
    if (found === effect.park || found === effect.parkForAttempts) parked += 1;
    if (found === effect.replay || found === effect.discard) parked -= 1;
    if (found === effect.replay) retrying += 1;
    out.u64(offset).u8(found);
    changes += 1;
  }
  body.end();
  checkBounds(group, parked, retrying);
  if (changes === 0) {
    out.at = draft.decision.recordFrom;
    return draft.answer(draft.position - 1, draft.position - 1, draft.time - 1, stream, 0, 0);
  }
  out.view.setUint32(countAt, changes, true);
  draft.finish(stream, 0, changes);
}

function checkOffset(group: GroupRow, offset: number, head: number): void {
  if (offset >= head) {
    throw new KimberliteError("invalidArgument", `offset ${offset} where the stream ends before ${head}`, {
      detail: { offset, next: head },
    });
  }
  if (offset >= group.floor + groupAckWindowMax) {
    throw new KimberliteError(
      "quotaExceeded",
      `offset ${offset} is ${groupAckWindowMax} or more above the group's floor`,
      {
        detail: { quota: "groupAckWindowMax", limit: groupAckWindowMax, offset, floor: group.floor },
      },
    );
  }
  assert(offset >= 0, "an offset is not negative");
  assert(group.floor >= 0, "a floor is not negative");
}

function checkBounds(group: GroupRow, parked: number, retrying: number): void {
  assert(parked >= 0 && retrying >= 0, "a group's counts are not negative");
  assert(group.parked <= groupParkedMax, "a group's parked events are within their limit");
  if (parked > groupParkedMax) {
    throw new KimberliteError("quotaExceeded", `${groupParkedMax} events are parked: replay or discard some`, {
      detail: { quota: "groupParkedMax", limit: groupParkedMax },
    });
  }
  if (retrying > group.retrying && retrying > groupAckWindowMax) {
    throw new KimberliteError("quotaExceeded", `${group.retrying} events are being retried: let them settle first`, {
      detail: { quota: "groupAckWindowMax", limit: groupAckWindowMax },
    });
  }
}

/** The table at the head of this file. */
function effectOf(draft: Draft, group: GroupRow, offset: number, said: number): number {
  const { state, keys, tenant } = draft;
  if (said === verdict.replay || said === verdict.discard) {
    const isParked = group.parked > 0 && state.get(tree.parked, keys.three(tenant, group.group, offset));
    if (!isParked) return none;
    return said === verdict.replay ? effect.replay : effect.discard;
  }
  let attempts = 0;
  if (state.get(tree.groupAcks, keys.three(tenant, group.group, offset))) {
    if (state.valueView.getUint8(state.valueStart + ackField.state) === ackState.settled) return none;
    attempts = state.valueView.getUint16(state.valueStart + ackField.attempts, true);
    assert(group.retrying > 0, "an entry that is retrying is counted");
  } else if (offset < group.floor) return none;
  assert(group.attemptsMax === 0 || attempts < group.attemptsMax, "an event is parked once its attempts are used up");
  if (said === verdict.ack) return effect.settle;
  if (said === verdict.park) return effect.park;
  // Attempts are counted in a u16 even without end: the count stays at its largest value.
  return group.attemptsMax > 0 && attempts + 1 >= group.attemptsMax ? effect.parkForAttempts : effect.retry;
}

/** Where a group stands in the course of one apply. */
interface Standing {
  readonly group: number;
  floor: number;
  settled: number;
  retrying: number;
  parked: number;
}

export function applyGroupAck(step: Step): void {
  const { state, record, keys, tenant } = step;
  const { bytes, view, factsFrom, to } = record;
  const stream = getU64(view, factsFrom);
  const nameTo = factsFrom + 10 + view.getUint16(factsFrom + 8, true);
  assert(nameTo + 4 <= to, "the facts of an acknowledgement hold a name and a count");
  const count = view.getUint32(nameTo, true);
  assert(nameTo + 4 + count * entryBytes === to, "the facts of an acknowledgement end with its entries");
  const name = bytes.subarray(factsFrom + 10, nameTo);
  const found = state.get(tree.groups, keys.group(tenant, stream, name));
  assert(found, "isolation: an acknowledged group is one of its tenant's");
  const { group, floor, settled, retrying, parked } = readGroupRow(state);
  const standing: Standing = { group, floor, settled, retrying, parked };

  let last = -1;
  for (let at = nameTo + 4; at < to; at += entryBytes) {
    const offset = getU64(view, at);
    assert(offset > last, "acknowledged offsets ascend");
    last = offset;
    applyEffect(step, standing, offset, view.getUint8(at + 8));
  }

  const known = state.update(tree.groups, keys.group(tenant, stream, name));
  assert(known, "a group outlives its acknowledgement");
  const row = state.valueView;
  const at = state.valueStart;
  assert(standing.floor >= getU64(row, at + groupField.floor), "a group's floor never falls");
  setU64(row, at + groupField.floor, standing.floor);
  row.setUint32(at + groupField.settled, standing.settled, true);
  row.setUint32(at + groupField.retrying, standing.retrying, true);
  row.setUint32(at + groupField.parked, standing.parked, true);
  step.subject = stream;
  step.first = 0;
  step.count = count;
}

function applyEffect(step: Step, standing: Standing, offset: number, what: number): void {
  const { state, keys, tenant } = step;
  assert(what < effectsCount, "an effect is a known one");
  if (what === effect.replay || what === effect.discard) {
    const gone = state.delete(tree.parked, keys.three(tenant, standing.group, offset));
    assert(gone, "order: only a parked event is replayed or discarded");
    standing.parked -= 1;
    if (what === effect.discard) return;
    if (offset >= standing.floor) standing.settled -= 1;
    standing.retrying += 1;
    return putAck(step, standing, offset, ackState.retrying, 0);
  }
  const attempts = retryingAttempts(step, standing, offset);
  const failed = Math.min(Math.max(attempts, 0) + 1, 0xffff);
  if (what === effect.retry) {
    if (attempts < 0) standing.retrying += 1;
    return putAck(step, standing, offset, ackState.retrying, failed);
  }
  if (what === effect.park || what === effect.parkForAttempts) {
    const spent = what === effect.parkForAttempts;
    park(
      step,
      standing,
      offset,
      spent ? failed : Math.max(attempts, 0),
      spent ? parkReason.attempts : parkReason.asked,
    );
  }
  settle(step, standing, offset, attempts >= 0);
}

/** Failed attempts of an event that is being retried, -1 for an open one. A settled one must not come here. */
function retryingAttempts(step: Step, standing: Standing, offset: number): number {
  const { state, keys, tenant } = step;
  if (!state.get(tree.groupAcks, keys.three(tenant, standing.group, offset))) {
    assert(offset >= standing.floor, "order: an event below the floor is not settled again");
    return -1;
  }
  const at = state.valueStart;
  assert(
    state.valueView.getUint8(at + ackField.state) === ackState.retrying,
    "an event above the floor is not settled again",
  );
  return state.valueView.getUint16(at + ackField.attempts, true);
}

function settle(step: Step, standing: Standing, offset: number, wasRetrying: boolean): void {
  const { state, keys, tenant } = step;
  assert(standing.settled >= 0 && standing.retrying >= 0, "a group's counts are not negative");
  if (wasRetrying) standing.retrying -= 1;
  if (offset > standing.floor) {
    standing.settled += 1;
    return putAck(step, standing, offset, ackState.settled, 0);
  }
  if (wasRetrying) state.delete(tree.groupAcks, keys.three(tenant, standing.group, offset));
  if (offset < standing.floor) return;
  // At the floor: it moves up, and on over everything that was settled ahead of it.
  standing.floor += 1;
  while (standing.settled > 0) {
    const key = keys.three(tenant, standing.group, standing.floor);
    if (!state.get(tree.groupAcks, key)) return;
    if (state.valueView.getUint8(state.valueStart + ackField.state) !== ackState.settled) return;
    state.delete(tree.groupAcks, key);
    standing.settled -= 1;
    standing.floor += 1;
  }
  assert(standing.settled === 0, "a group's settled entries are counted");
}

function putAck(step: Step, standing: Standing, offset: number, state: number, attempts: number): void {
  const row = new Uint8Array(ackRowBytes);
  assert(attempts <= 0xffff, "attempts are counted in a u16");
  assert(state === ackState.retrying || offset > standing.floor, "a settled entry stands above the floor");
  row[ackField.state] = state;
  new DataView(row.buffer).setUint16(ackField.attempts, attempts, true);
  step.state.put(tree.groupAcks, step.keys.three(step.tenant, standing.group, offset), row);
}

function park(step: Step, standing: Standing, offset: number, attempts: number, reason: number): void {
  const row = new Uint8Array(parkedRowBytes);
  const view = new DataView(row.buffer);
  setU64(view, parkedField.position, step.position);
  setU64(view, parkedField.time, step.record.time);
  view.setUint16(parkedField.attempts, attempts, true);
  row[parkedField.reason] = reason;
  const inserted = step.state.insert(tree.parked, step.keys.three(step.tenant, standing.group, offset), row);
  assert(inserted, "an event is parked once");
  standing.parked += 1;
  assert(standing.parked <= groupParkedMax, "a group's parked events are within their limit");
}
