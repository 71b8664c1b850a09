/**
 * The answer to a write, as bytes on the wire. An append has its own layout (it is the one that counts); all others share one,
 * whose `subject`, `first` and `count` are explained by each command's file. Both can be rebuilt from the `commits` row at any
 * time, which is how a retry gets the first outcome.
 *
 *   append:  0 position u64 · 8 first offset u64 · 16 count u32 · 20 time u64 · 28 replayed u8                       (29 bytes)
 *   others:  0 position u64 · 8 time u64 · 16 subject u64 · 24 first u64 · 32 count u32 · 36 replayed u8              (37 bytes)
 */
import { assert } from "../types/assert.js";
import { ByteReader } from "../types/byte-reader.js";
import { requestKind } from "./kinds.js";
import { setU64 } from "./numbers.js";
import type { Output } from "./output.js";

export const appendReplyBytes = 29;
export const outcomeReplyBytes = 37;
/** Room that `decide` asks for in the reply output. */
export const replyBytesMax = 64;

export function writeOutcome(
  reply: Output,
  kind: number,
  position: number,
  time: number,
  subject: number,
  first: number,
  count: number,
  replayed: boolean,
): void {
  assert(reply.room >= replyBytesMax, "a reply has room for the longest outcome");
  assert(position >= 0 && time >= 0, "an outcome has a position and a time");
  const at = reply.at;
  const view = reply.view;
  setU64(view, at, position);
  if (kind === requestKind.append) {
    setU64(view, at + 8, first);
    view.setUint32(at + 16, count, true);
    setU64(view, at + 20, time);
    view.setUint8(at + 28, replayed ? 1 : 0);
    reply.at = at + appendReplyBytes;
    return;
  }
  setU64(view, at + 8, time);
  setU64(view, at + 16, subject);
  setU64(view, at + 24, first);
  view.setUint32(at + 32, count, true);
  view.setUint8(at + 36, replayed ? 1 : 0);
  reply.at = at + outcomeReplyBytes;
}

export interface AppendReply {
  readonly position: number;
  readonly firstOffset: number;
  readonly count: number;
  /** µs since 1970. */
  readonly time: number;
  /** True for the stored outcome of an earlier request with the same key or number. */
  readonly replayed: boolean;
}

export function decodeAppendReply(bytes: Uint8Array): AppendReply {
  const reader = new ByteReader(bytes);
  const reply = {
    position: reader.u64(),
    firstOffset: reader.u64(),
    count: reader.u32(),
    time: reader.u64(),
    replayed: reader.choice(2) === 1,
  };
  reader.end();
  return reply;
}

export interface OutcomeReply {
  readonly position: number;
  readonly time: number;
  readonly subject: number;
  readonly first: number;
  readonly count: number;
  readonly replayed: boolean;
}

export function decodeOutcomeReply(bytes: Uint8Array): OutcomeReply {
  const reader = new ByteReader(bytes);
  const reply = {
    position: reader.u64(),
    time: reader.u64(),
    subject: reader.u64(),
    first: reader.u64(),
    count: reader.u32(),
    replayed: reader.choice(2) === 1,
  };
  reader.end();
  return reply;
}
