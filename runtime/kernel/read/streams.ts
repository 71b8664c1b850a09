/** Streams by number, by name and in the order of their names, as they were at a bound of positions. */
import { assert } from "../../types/assert.js";
import { tree } from "../kinds.js";
import { getU64, getU64Key } from "../numbers.js";
import { streamField } from "../stream-rows.js";
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
  const { commits } = reads;
  let low = 0;
  let high = nextOffset;
  let end = nothing;
  // Appends begin at ascending offsets and positions: halve the offsets, each time looking at the run that holds the middle.
  // Invariant: appends that begin below `low` are visible (`end` is after them), those from `high` on are not.
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const first = findRun(reads, tenant, stream, middle);
    if (commits.position >= bound) {
      high = first;
      continue;
    }
    while (commits.position + 1 < commits.rowPosition + commits.rowCommands && commits.position + 1 < bound) {
      commits.next();
    }
    low = commits.first + commits.count;
    end = { nextOffset: low, bytes: commits.bytesBefore + commits.eventsLength };
    // The bound lies within the run: this is the end.
    if (commits.position + 1 < commits.rowPosition + commits.rowCommands) break;
    assert(low > middle, "a run holds the offset it was found by");
  }
  return end;
}

const key = new Uint8Array(24);
const keyView = new DataView(key.buffer);

/**
 * Finds the run of appends that holds an offset of a stream, by the cursor of `events`; `reads.commits` then stands on its first
 * append. Returns the offset of that.
 */
export function findRun(reads: StateReads, tenant: number, stream: number, offset: number): number {
  const found = reads.cursor(tree.events).seekFloor(reads.keys.three(tenant, stream, offset));
  assert(found, "order: every offset of a stream lies in an append");
  return openRun(reads, tenant, stream);
}

/** Has `reads.commits` stand on the first append of the run under the cursor of `events`, which must be of this stream. */
export function openRun(reads: StateReads, tenant: number, stream: number): number {
  const cursor = reads.cursor(tree.events);
  const length = cursor.keyInto(key);
  assert(length === 24, "a key of events has its fixed size");
  assert(
    getU64Key(keyView, 0) === tenant && getU64Key(keyView, 8) === stream,
    "isolation: a read stays within the stream it was asked for",
  );
  const first = getU64Key(keyView, 16);
  const { commits } = reads;
  const known = commits.find(reads.cursor(tree.commits), tenant, getU64(cursor.valueView, cursor.valueStart));
  assert(known && commits.position === commits.rowPosition, "order: a run of appends has its row of commits");
  assert(commits.subject === stream && commits.first === first, "order: a run's row of commits is that of its stream");
  return first;
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
