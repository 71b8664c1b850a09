/**
 * Request bodies of the writes of clients, writing side: what an SDK sends and `decide` reads. The layouts stand at the head of
 * each command's file. Each function appends the whole body, common head included, to a writer.
 */
import { assert } from "../../types/assert.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { anyOffsetHalf } from "../kinds.js";
import { encodeWriteHead, type WriteHead } from "../request.js";

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
