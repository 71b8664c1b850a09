/**
 * An append's bodies on the fast path: written straight into the frame being built and read straight from the frame that came,
 * with no object in between. The layouts are the kernel's (`runtime/kernel/commands/append.ts` and `outcome.ts`), whose codecs
 * serve everywhere else; a test holds the two against each other.
 */

import type { EventToAppend } from "../../runtime/kernel/codecs/write-requests.js";
import { anyOffsetHalf } from "../../runtime/kernel/kinds.js";
import type { AppendReply } from "../../runtime/kernel/outcome.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { FrameWriter } from "../wire/frame-writer.js";
import type { AppendCallback } from "./pending.js";

export const idempotencyKeyBytes = 16;
const noKey = new Uint8Array(idempotencyKeyBytes);
const replyBytes = 29;
/** Where a reply holds u64s. */
const numbersAt = [0, 8, 20] as const;
const highHalfLimit = 0x20_0000;
const u32Span = 2 ** 32;

/** @param expected the offset that the first event must get, -1 = any */
export function writeAppend(
  writer: FrameWriter,
  tenant: number,
  key: Uint8Array | undefined,
  stream: number,
  expected: number,
  events: readonly EventToAppend[],
): void {
  assert(key === undefined || key.length === idempotencyKeyBytes, "an idempotency key has 16 bytes");
  assert(events.length > 0, "an append holds at least one event");
  writer
    .u64(tenant)
    .raw(key ?? noKey)
    .u64(0)
    .u64(0)
    .u64(stream);
  if (expected < 0) writer.u32(anyOffsetHalf).u32(anyOffsetHalf);
  else writer.u64(expected);
  writer.u32(events.length);
  for (const event of events) writer.u32(event.payload.length).u8(event.format).raw(event.payload);
}

const u64At = (view: DataView, at: number): number => view.getUint32(at + 4, true) * u32Span + view.getUint32(at, true);

/**
 * Throws `frameInvalid`. Apart from `readAppendReply`, so that a request leaves the table of those in flight after its answer was
 * found sound and before its caller runs: it then ends exactly once, whichever of the two fails.
 */
export function checkAppendReply(view: DataView, from: number, to: number): void {
  assert(from >= 0 && to <= view.byteLength, "a reply lies within its frame");
  if (to - from !== replyBytes) throw new KimberliteError("frameInvalid", `an append's reply has ${replyBytes} bytes`);
  for (const at of numbersAt) {
    if (view.getUint32(from + at + 4, true) >= highHalfLimit) {
      throw new KimberliteError("frameInvalid", "a 64-bit number is beyond 2^53 - 1");
    }
  }
  if (view.getUint8(from + 28) > 1) throw new KimberliteError("frameInvalid", "a flag is neither 0 nor 1");
}

/** Hands on a reply that was checked. */
export function readAppendReply(view: DataView, from: number, callback: AppendCallback): void {
  assert(from + replyBytes <= view.byteLength, "a reply that is read was checked");
  const position = u64At(view, from);
  const firstOffset = u64At(view, from + 8);
  const time = u64At(view, from + 20);
  callback(undefined, position, firstOffset, view.getUint32(from + 16, true), time, view.getUint8(from + 28) === 1);
}

/** A reply as an object. Throws `frameInvalid`. */
export function appendReplyAt(view: DataView, from: number, to: number): AppendReply {
  checkAppendReply(view, from, to);
  return {
    position: u64At(view, from),
    firstOffset: u64At(view, from + 8),
    count: view.getUint32(from + 16, true),
    time: u64At(view, from + 20),
    replayed: view.getUint8(from + 28) === 1,
  };
}
