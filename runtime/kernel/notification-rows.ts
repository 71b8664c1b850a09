/**
 * What transactions told those that listen (NOTIFY): part of their commit's facts, so it is heard once they are committed, in the order of
 * the log, on every node. Nobody asks for the past of it: it is kept for as long as whoever listens may lag behind.
 *
 * Tree `notifications`, key tenant u64 · position u64 · number u64 (big-endian), value
 *    0     8  time of the commit, µs
 *    8     …  content, as in the facts:
 *               0   4  process number of the session, as its client knows it
 *               4   1  length of the channel's name, 1 to 63
 *               5   …  channel, UTF-8
 *               …   …  payload, UTF-8, shorter than 8,000 bytes
 */
import { tableTree } from "../store/table-trees.js";
import type { TreeReader } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { ByteReader } from "../types/byte-reader.js";
import { ByteWriter } from "../types/byte-writer.js";
import { getU64, getU64Key, setU64 } from "./numbers.js";
import { StateKeys } from "./state-keys.js";
import type { Step } from "./step.js";

export const channelBytesMax = 63;
/** PostgreSQL's limit. */
export const payloadBytesMax = 7_999;
export const notificationBytesMax = 5 + channelBytesMax + payloadBytesMax;
/** Nobody who listens lags behind by more; then its session is long gone. µs. */
const keptMicros = 600_000_000;
/** Old ones that a new one removes, so that each costs the same. */
const removedAtOnce = 4;

export interface Notification {
  readonly process: number;
  readonly channel: string;
  readonly payload: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const keys = new StateKeys();
const row = new Uint8Array(8 + notificationBytesMax);
const rowView = new DataView(row.buffer);
const found = new Uint8Array(24);
const foundView = new DataView(found.buffer);

export function encodeNotification({ process, channel, payload }: Notification): Uint8Array {
  const [name, text] = [encoder.encode(channel), encoder.encode(payload)];
  assert(name.length > 0 && name.length <= channelBytesMax, "a channel's name is within its limit");
  assert(text.length <= payloadBytesMax, "a payload is within its limit");
  return new ByteWriter(5 + name.length + text.length).u32(process).u8(name.length).raw(name).raw(text).finish();
}

/** Keeps one, and removes some that are old. */
export function applyNotification(step: Step, number: number, content: Uint8Array): void {
  const { state, tenant, position, record } = step;
  assert(content.length <= notificationBytesMax, "a notification is within its limit");
  const cursor = state.cursor(tableTree.notifications);
  for (let removed = 0; removed < removedAtOnce && cursor.seek(keys.three(tenant, 0, 0)); removed++) {
    const length = cursor.keyInto(found);
    const isOld = getU64(cursor.valueView, cursor.valueStart) + keptMicros < record.time;
    if (length !== found.length || getU64Key(foundView, 0) !== tenant || !isOld) break;
    const isGone = state.delete(tableTree.notifications, found);
    assert(isGone, "what a cursor stands on can be removed");
  }
  setU64(rowView, 0, record.time);
  row.set(content, 8);
  const inserted = state.insert(
    tableTree.notifications,
    keys.three(tenant, position, number),
    row.subarray(0, 8 + content.length),
  );
  assert(inserted, "a notification of a transaction is written once");
}

/** Those of a tenant behind a position, in order, at most `limit` and then to the end of their transaction. */
export function notificationsAfter(
  state: TreeReader,
  tenant: number,
  position: number,
  limit: number,
): (Notification & { readonly position: number })[] {
  assert(tenant > 0 && position >= -1, "those of a tenant's transactions are asked for");
  const list: (Notification & { readonly position: number })[] = [];
  const cursor = state.cursor(tableTree.notifications);
  let more = cursor.seek(keys.three(tenant, position + 1, 0));
  for (; more; more = cursor.next()) {
    cursor.keyInto(found);
    if (getU64Key(foundView, 0) !== tenant) break;
    const at = getU64Key(foundView, 8);
    if (list.length >= limit && at !== list.at(-1)?.position) break;
    const { valueBytes, valueStart, valueLength } = cursor;
    const reader = new ByteReader(valueBytes, valueStart + 8, valueStart + valueLength);
    const process = reader.u32();
    const channel = decoder.decode(reader.raw(reader.u8()));
    const payload = decoder.decode(reader.raw(reader.remaining));
    list.push({ position: at, process, channel, payload });
  }
  return list;
}
