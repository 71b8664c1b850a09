/**
 * Ok bodies of reads, both sides. Each begins with the number of positions that were visible: the token of the read.
 *
 *   read         visible u64 · next offset u64 · count u32 · events, each: offset u64 · position u64 · time u64 ·
 *                length u32 · format u8 · payload                                       (see `events-reply.ts`)
 *   streamGet    visible u64 · stream
 *   streamList   visible u64 · count u32 · streams, each: stream u64 · name · next offset u64 · bytes u64 ·
 *                created position u64 · created time u64
 *   positionGet  visible u64 · time u64 of the newest visible command, 0 = none
 *   groupGet     visible u64 · group · count u32 · parked, each: offset u64 · position u64 · time u64 · attempts u16 · reason u8
 *   groupList    visible u64 · count u32 · groups, each: name · id u64 · floor u64 · start u64 · settled u32 · retrying u32 ·
 *                parked u32 · answer time ms u32 · attempts u16 · created time u64
 *   commits      visible u64 · count u32 · commands, each: position u64 · time u64 · kind u8 · subject u64 · first u64 ·
 *                count u32 · record length u32 · request key 16
 * Names are u16 + UTF-8; times are µs.
 */
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { KimberliteError } from "../../types/errors.js";
import { groupNameBytesMax, streamNameBytesMax } from "../../types/limits.js";
import { parkReason } from "../group-rows.js";
import type { Commit } from "../read/commits.js";
import type { GroupInfo, ParkedEvent } from "../read/groups.js";
import type { StreamInfo } from "../read/streams.js";
import { requestKeyBytes } from "../record.js";

/** A count that is believed only when that many of the smallest entries would fit. */
function readCount(reader: ByteReader, entryBytesMin: number): number {
  const count = reader.u32();
  assert(entryBytesMin > 0, "an entry has a smallest size");
  if (count * entryBytesMin > reader.remaining) {
    throw new KimberliteError("frameInvalid", `a count of ${count} entries in ${reader.remaining} bytes`);
  }
  return count;
}

function decodeWhole<Reply>(bytes: Uint8Array, decode: (reader: ByteReader) => Reply): Reply {
  const reader = new ByteReader(bytes);
  const reply = decode(reader);
  reader.end();
  return reply;
}

function decodeList<Entry>(reader: ByteReader, entryBytesMin: number, decode: (reader: ByteReader) => Entry): Entry[] {
  const count = readCount(reader, entryBytesMin);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i += 1) entries.push(decode(reader));
  return entries;
}

/** What a reader learns of a stream. */
export type StreamReply = Omit<StreamInfo, "groups">;

function encodeStream(out: ByteWriter, info: StreamReply): void {
  out
    .u64(info.stream)
    .string(info.name)
    .u64(info.nextOffset)
    .u64(info.bytes)
    .u64(info.createdPosition)
    .u64(info.createdTime);
}

const decodeStream = (reader: ByteReader): StreamReply => ({
  stream: reader.u64(),
  name: reader.string(streamNameBytesMax),
  nextOffset: reader.u64(),
  bytes: reader.u64(),
  createdPosition: reader.u64(),
  createdTime: reader.u64(),
});

export function encodeStreamGetReply(out: ByteWriter, visible: number, info: StreamReply): ByteWriter {
  assert(info.createdPosition < visible, "a stream that is seen was created at a visible position");
  encodeStream(out.u64(visible), info);
  return out;
}

export const decodeStreamGetReply = (bytes: Uint8Array): { visible: number; stream: StreamReply } =>
  decodeWhole(bytes, (reader) => ({ visible: reader.u64(), stream: decodeStream(reader) }));

export function encodeStreamListReply(out: ByteWriter, visible: number, streams: readonly StreamReply[]): ByteWriter {
  out.u64(visible).u32(streams.length);
  for (const info of streams) encodeStream(out, info);
  return out;
}

export const decodeStreamListReply = (bytes: Uint8Array): { visible: number; streams: StreamReply[] } =>
  decodeWhole(bytes, (reader) => ({ visible: reader.u64(), streams: decodeList(reader, 42, decodeStream) }));

export function encodePositionGetReply(out: ByteWriter, visible: number, time: number): ByteWriter {
  assert((visible === 0) === (time === 0), "the newest visible command has a time");
  return out.u64(visible).u64(time);
}

export const decodePositionGetReply = (bytes: Uint8Array): { visible: number; time: number } =>
  decodeWhole(bytes, (reader) => ({ visible: reader.u64(), time: reader.u64() }));

/** What a reader learns of a group. */
export type GroupReply = Omit<GroupInfo, "stream">;

function encodeGroup(out: ByteWriter, group: GroupReply): void {
  out.string(group.name).u64(group.group).u64(group.floor).u64(group.start);
  out.u32(group.settled).u32(group.retrying).u32(group.parked);
  out.u32(group.timeoutMs).u16(group.attemptsMax).u64(group.createdTime);
}

const decodeGroup = (reader: ByteReader): GroupReply => ({
  name: reader.string(groupNameBytesMax),
  group: reader.u64(),
  floor: reader.u64(),
  start: reader.u64(),
  settled: reader.u32(),
  retrying: reader.u32(),
  parked: reader.u32(),
  timeoutMs: reader.u32(),
  attemptsMax: reader.u16(),
  createdTime: reader.u64(),
});

export function encodeGroupGetReply(
  out: ByteWriter,
  visible: number,
  group: GroupReply,
  parked: readonly ParkedEvent[],
): ByteWriter {
  encodeGroup(out.u64(visible), group);
  out.u32(parked.length);
  for (const event of parked) {
    out.u64(event.offset).u64(event.position).u64(event.time).u16(event.attempts);
    out.u8(parkReason[event.reason]);
  }
  return out;
}

function decodeParked(reader: ByteReader): ParkedEvent {
  const event = { offset: reader.u64(), position: reader.u64(), time: reader.u64(), attempts: reader.u16() };
  const reason = reader.choice(3);
  if (reason === 0) throw new KimberliteError("frameInvalid", "a parked event without a reason");
  return { ...event, reason: reason === parkReason.attempts ? "attempts" : "asked" };
}

export const decodeGroupGetReply = (bytes: Uint8Array): { visible: number; group: GroupReply; parked: ParkedEvent[] } =>
  decodeWhole(bytes, (reader) => ({
    visible: reader.u64(),
    group: decodeGroup(reader),
    parked: decodeList(reader, 27, decodeParked),
  }));

export function encodeGroupListReply(out: ByteWriter, visible: number, groups: readonly GroupReply[]): ByteWriter {
  out.u64(visible).u32(groups.length);
  for (const group of groups) encodeGroup(out, group);
  return out;
}

export const decodeGroupListReply = (bytes: Uint8Array): { visible: number; groups: GroupReply[] } =>
  decodeWhole(bytes, (reader) => ({ visible: reader.u64(), groups: decodeList(reader, 52, decodeGroup) }));

/** A command as a reader learns of it: its address in the log stays inside. */
export type CommitReply = Omit<Commit, "address">;

export function encodeCommitsReply(out: ByteWriter, visible: number, commits: readonly CommitReply[]): ByteWriter {
  out.u64(visible).u32(commits.length);
  for (const commit of commits) {
    assert(commit.position < visible, "a listed command is visible");
    out.u64(commit.position).u64(commit.time).u8(commit.kind).u64(commit.subject).u64(commit.first);
    out.u32(commit.count).u32(commit.recordLength).raw(commit.requestKey);
  }
  return out;
}

const decodeCommit = (reader: ByteReader): CommitReply => ({
  position: reader.u64(),
  time: reader.u64(),
  kind: reader.u8(),
  subject: reader.u64(),
  first: reader.u64(),
  count: reader.u32(),
  recordLength: reader.u32(),
  requestKey: reader.raw(requestKeyBytes).slice(),
});

export const decodeCommitsReply = (bytes: Uint8Array): { visible: number; commits: CommitReply[] } =>
  decodeWhole(bytes, (reader) => ({ visible: reader.u64(), commits: decodeList(reader, 57, decodeCommit) }));
