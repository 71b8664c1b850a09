/**
 * streamCreate: a stream under a name that is unique within its tenant.
 *
 * Request, after the common head: flags u8 (bit 0: if not exists) · name (u16 + UTF-8).
 * Facts: stream id u64 · name (u16 + UTF-8).
 * Outcome: subject = stream id, first = 0, count = 1 when it was created, 0 when it had existed before.
 */
import { assert } from "../../types/assert.js";
import { streamName } from "../../types/ids.js";
import { streamNameBytesMax } from "../../types/limits.js";
import type { Draft } from "../draft.js";
import { tree } from "../kinds.js";
import { getU64, setU64 } from "../numbers.js";
import type { Step } from "../step.js";
import { streamField } from "../stream-rows.js";
import { tenantField } from "../tenant-row.js";
import { nameBytes } from "../texts.js";

export function decideStreamCreate(draft: Draft): void {
  const { state, keys, tenant } = draft;
  const body = draft.body();
  const ifNotExists = body.choice(2) === 1;
  const name = nameBytes(streamName(body.string(streamNameBytesMax)));
  body.end();
  assert(name.length > 0, "a stream name is not empty");
  if (state.get(tree.streamNames, keys.streamName(tenant, name))) {
    const stream = getU64(state.valueView, state.valueStart);
    const found = state.get(tree.streams, keys.two(tenant, stream));
    assert(found, "a named stream exists");
    const position = getU64(state.valueView, state.valueStart + streamField.createdPosition);
    const time = getU64(state.valueView, state.valueStart + streamField.createdTime);
    if (ifNotExists) draft.answer(position, position, time, stream, 0, 0);
    else draft.refuse("streamExists", `it has the number ${stream}`, { stream, position });
    return;
  }
  if (draft.streams >= draft.quotaStreams) {
    draft.refuse("quotaExceeded", `streamsMax is ${draft.quotaStreams}`, {
      quota: "streamsMax",
      limit: draft.quotaStreams,
    });
    return;
  }
  const stream = draft.nextStream;
  draft.beginRecord();
  draft.out.u64(stream).text(name);
  draft.finish(stream, 0, 1);
}

export function applyStreamCreate(step: Step): void {
  const { state, record, keys, tenant } = step;
  const { view, factsFrom, bytes } = record;
  const stream = getU64(view, factsFrom);
  const length = view.getUint16(factsFrom + 8, true);
  assert(factsFrom + 10 + length === record.to, "the facts of a created stream end with its name");
  const name = bytes.subarray(factsFrom + 10, record.to);

  const known = state.update(tree.tenants, keys.one(tenant));
  assert(known, "a stream is created in a tenant of this shard");
  const at = state.valueStart;
  assert(getU64(state.valueView, at + tenantField.nextStream) === stream, "order: stream ids are drawn in order");
  setU64(state.valueView, at + tenantField.nextStream, stream + 1);
  setU64(state.valueView, at + tenantField.streams, getU64(state.valueView, at + tenantField.streams) + 1);

  const row = new Uint8Array(streamField.name + length);
  const rowView = new DataView(row.buffer);
  setU64(rowView, streamField.createdPosition, step.position);
  setU64(rowView, streamField.createdTime, record.time);
  rowView.setUint16(streamField.nameLength, length, true);
  row.set(name, streamField.name);
  const created = state.insert(tree.streams, keys.two(tenant, stream), row);
  assert(created, "a stream id is used once");
  setU64(step.numberView, 0, stream);
  const named = state.insert(tree.streamNames, keys.streamName(tenant, name), step.number);
  assert(named, "a stream name is unique within its tenant");
  step.subject = stream;
  step.first = 0;
  step.count = 1;
}
