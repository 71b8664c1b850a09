/**
 * Request bodies of the writes of clients, writing side: what an SDK sends and `decide` reads. The layouts stand at the head of
 * each command's file. Each function appends the whole body, common head included, to a writer.
 */
import { assert } from "../../types/assert.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { verdict } from "../group-rows.js";
import { anyOffsetHalf } from "../kinds.js";
import { encodeWriteHead, type WriteHead } from "../request.js";
import { clientIdBytes } from "../session-rows.js";

export interface EventToAppend {
  readonly payload: Uint8Array;
  /** `eventFormat.bytes` or `eventFormat.json`. */
  readonly format: number;
}

/** @param expected the offset that the first event must get, or "any" */
export function encodeAppend(
  out: ByteWriter,
  head: WriteHead,
  stream: number,
  expected: number | "any",
  events: readonly EventToAppend[],
): ByteWriter {
  assert(stream >= 0, "an append names a stream");
  encodeWriteHead(out, head).u64(stream);
  if (expected === "any") out.u32(anyOffsetHalf).u32(anyOffsetHalf);
  else out.u64(expected);
  out.u32(events.length);
  for (const event of events) out.u32(event.payload.length).u8(event.format).raw(event.payload);
  return out;
}

export function encodeStreamCreate(out: ByteWriter, head: WriteHead, name: string, ifNotExists: boolean): ByteWriter {
  assert(name.length > 0, "a stream has a name");
  return encodeWriteHead(out, head)
    .u8(ifNotExists ? 1 : 0)
    .string(name);
}

export interface GroupToCreate {
  readonly stream: number;
  readonly name: string;
  /** First offset to deliver, or "head" for what is appended from now on. */
  readonly start: number | "head";
  /** Failed attempts until an event is parked; 0 = never. */
  readonly attemptsMax: number;
  /** Time that a consumer has for an answer. */
  readonly timeoutMs: number;
}

export function encodeGroupCreate(
  out: ByteWriter,
  head: WriteHead,
  group: GroupToCreate,
  ifNotExists: boolean,
): ByteWriter {
  assert(group.name.length > 0, "a group has a name");
  encodeWriteHead(out, head)
    .u8(ifNotExists ? 1 : 0)
    .u64(group.stream);
  if (group.start === "head") out.u32(anyOffsetHalf).u32(anyOffsetHalf);
  else out.u64(group.start);
  return out.u16(group.attemptsMax).u32(group.timeoutMs).string(group.name);
}

export function encodeGroupDelete(out: ByteWriter, head: WriteHead, stream: number, name: string): ByteWriter {
  assert(name.length > 0, "a group has a name");
  return encodeWriteHead(out, head).u64(stream).string(name);
}

export interface GroupAckEntry {
  readonly offset: number;
  readonly verdict: keyof typeof verdict;
}

/** @param entries by offset, strictly ascending; at most `groupAckEntriesMax` */
export function encodeGroupAck(
  out: ByteWriter,
  head: WriteHead,
  stream: number,
  name: string,
  entries: readonly GroupAckEntry[],
): ByteWriter {
  assert(name.length > 0, "a group has a name");
  encodeWriteHead(out, head).u64(stream).string(name).u32(entries.length);
  for (const entry of entries) out.u64(entry.offset).u8(verdict[entry.verdict]);
  return out;
}

/** @param clientId 16 random bytes that name this client for as long as it lives */
export function encodeSessionOpen(out: ByteWriter, head: WriteHead, clientId: Uint8Array): ByteWriter {
  assert(clientId.length === clientIdBytes, "a client id has 16 bytes");
  return encodeWriteHead(out, head).raw(clientId);
}

export function encodeSessionClose(out: ByteWriter, head: WriteHead, session: number): ByteWriter {
  assert(session > 0, "a session has a number");
  return encodeWriteHead(out, head).u64(session);
}
