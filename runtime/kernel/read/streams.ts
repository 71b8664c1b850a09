/** Streams by number, by name and in the order of their names, as they were at a bound of positions. */
import { assert } from "../../types/assert.js";
import { tree } from "../kinds.js";
import { getU64, getU64Key } from "../numbers.js";
import { eventsField, streamField } from "../stream-rows.js";
import { nameBytes, nameOf } from "../texts.js";
import { type StateReads, unbounded } from "./state-reads.js";

export interface StreamInfo {
  readonly stream: number;
  readonly name: string;
  readonly nextOffset: number;
  /** Stored event bytes, event headers included. */
  readonly bytes: number;
  readonly createdPosition: number;
  /** µs */
  readonly createdTime: number;
  readonly groups: number;
}

export interface StreamEnd {
  readonly nextOffset: number;
  readonly bytes: number;
}

const nothing: StreamEnd = { nextOffset: 0, bytes: 0 };

/** Where a stream ended at a bound: its newest append below it. O(log² n) in the stream's appends; O(log n) when unbounded. */
export function streamEnd(
  reads: StateReads,
  tenant: number,
  stream: number,
  nextOffset: number,
  bound: number,
): StreamEnd {
  assert(nextOffset >= 0 && bound >= 0, "a stream's end is looked for below a bound");
  const cursor = reads.cursor(tree.events);
  let low = 0;
  let high = nextOffset;
  let end = nothing;
  // Appends begin at ascending offsets and positions: halve the offsets, each time looking at the append that holds the middle.
  // Invariant: appends that begin below `low` are visible (`end` is after them), those from `high` on are not.
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const found = cursor.seekFloor(reads.keys.three(tenant, stream, middle));
    assert(found, "order: every offset of a stream lies in an append");
    const first = appendStart(reads, tenant, stream);
    const { valueView: view, valueStart: at } = cursor;
    if (getU64(view, at + eventsField.position) < bound) {
      low = first + view.getUint32(at + eventsField.count, true);
      end = {
        nextOffset: low,
        bytes: getU64(view, at + eventsField.bytesBefore) + view.getUint32(at + eventsField.length, true),
      };
      assert(low > middle, "an append holds the offset it was found by");
    } else high = first;
  }
  return end;
}

const key = new Uint8Array(24);
const keyView = new DataView(key.buffer);

/** First offset of the append that the events cursor stands on, which must be of this stream. */
export function appendStart(reads: StateReads, tenant: number, stream: number): number {
  const length = reads.cursor(tree.events).keyInto(key);
  assert(length === 24, "a key of events has its fixed size");
  assert(
    getU64Key(keyView, 0) === tenant && getU64Key(keyView, 8) === stream,
    "isolation: a read stays within the stream it was asked for",
  );
  return getU64Key(keyView, 16);
}

/** Null for a stream that is unknown or was created at or after the bound. */
export function streamById(reads: StateReads, tenant: number, stream: number, bound: number): StreamInfo | null {
  const { state } = reads;
  if (!state.get(tree.streams, reads.keys.two(tenant, stream))) return null;
  const { valueView: view, valueStart: at, valueBytes: bytes } = state;
  const createdPosition = getU64(view, at + streamField.createdPosition);
  if (createdPosition >= bound) return null;
  const nameLength = view.getUint16(at + streamField.nameLength, true);
  assert(state.valueLength === streamField.name + nameLength, "a stream row ends with its name");
  const info: StreamInfo = {
    stream,
    name: nameOf(bytes, at + streamField.name, nameLength),
    nextOffset: getU64(view, at + streamField.nextOffset),
    bytes: getU64(view, at + streamField.bytes),
    createdPosition,
    createdTime: getU64(view, at + streamField.createdTime),
    groups: view.getUint32(at + streamField.groups, true),
  };
  assert(info.bytes >= info.nextOffset, "each event has stored bytes");
  return bound === unbounded ? info : { ...info, ...streamEnd(reads, tenant, stream, info.nextOffset, bound) };
}

export function streamByName(reads: StateReads, tenant: number, name: string, bound: number): StreamInfo | null {
  const { state } = reads;
  if (!state.get(tree.streamNames, reads.keys.streamName(tenant, nameBytes(name)))) return null;
  const stream = getU64(state.valueView, state.valueStart);
  assert(stream > 0, "a stream's number is from 1");
  const info = streamById(reads, tenant, stream, bound);
  assert(info === null || info.name === name, "a stream is found under its own name");
  return info;
}

/** Streams in the byte order of their names, after a name ("" = from the first), at most `limit`. */
export function listStreams(
  reads: StateReads,
  tenant: number,
  after: string,
  limit: number,
  bound: number,
): StreamInfo[] {
  assert(limit >= 0, "a listing has a limit");
  const found: StreamInfo[] = [];
  const cursor = reads.cursor(tree.streamNames);
  const start = reads.keys.streamName(tenant, nameBytes(after));
  const nameKey = new Uint8Array(512);
  const nameView = new DataView(nameKey.buffer);
  let more = cursor.seek(start);
  while (more && found.length < limit) {
    const length = cursor.keyInto(nameKey);
    if (getU64Key(nameView, 0) !== tenant) break;
    const isStart = length === start.length && start.every((byte, i) => byte === nameKey[i]);
    if (!isStart) {
      const info = streamById(reads, tenant, getU64(cursor.valueView, cursor.valueStart), bound);
      assert(info !== null || bound < unbounded, "a listed stream has a row");
      if (info !== null) found.push(info);
    }
    more = cursor.next();
  }
  return found;
}
