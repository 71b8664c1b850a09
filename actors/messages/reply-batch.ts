/**
 * Replies on their way back: many in one message, packed in one exact-size byte array.
 *
 *   entry:  length u32 (of what follows) · correlation u32 · status u16 (0 = ok, else the error's wire number) · body
 *   error body:  message (u16, UTF-8) · detail JSON (u16, UTF-8) · outcome u8 (0 notCommitted, 1 committed, 2 unknown)
 */
import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import {
  type ErrorRecord,
  errorCodeOfWire,
  toErrorRecord,
  type WriteOutcome,
  wireOfErrorCode,
} from "../../runtime/types/errors.js";
import { BatchBuffer } from "./batch-buffer.js";

const entryHeadBytes = 4 + 4 + 2;
const outcomes: readonly WriteOutcome[] = ["notCommitted", "committed", "unknown"];
const textBytesMax = 60_000;

const truncated = (text: string): string => (text.length > textBytesMax / 4 ? text.slice(0, textBytesMax / 4) : text);

export function encodeErrorBody(record: ErrorRecord): Uint8Array {
  return new ByteWriter(128)
    .string(truncated(record.message))
    .string(truncated(JSON.stringify(record.detail)))
    .u8(outcomes.indexOf(record.outcome))
    .finish();
}

export function decodeErrorBody(status: number, bytes: Uint8Array): ErrorRecord {
  const reader = new ByteReader(bytes);
  const message = reader.string(0xffff);
  const detail: unknown = JSON.parse(reader.string(0xffff));
  const outcome = outcomes[reader.choice(outcomes.length)];
  assert(outcome !== undefined && typeof detail === "object" && detail !== null, "an error body names a known outcome");
  return { code: errorCodeOfWire(status), message, detail: detail as ErrorRecord["detail"], outcome };
}

export class ReplyBatchWriter {
  readonly #batch = new BatchBuffer(16 * 1024);

  get count(): number {
    return this.#batch.count;
  }

  get byteLength(): number {
    return this.#batch.length;
  }

  ok(correlation: number, body: Uint8Array, from = 0, to: number = body.length): void {
    this.#entry(correlation, 0, body, from, to);
  }

  fail(correlation: number, error: unknown): void {
    const record = toErrorRecord(error);
    const body = encodeErrorBody(record);
    this.#entry(correlation, wireOfErrorCode(record.code), body, 0, body.length);
  }

  /** An answer of somebody else, handed on as it is. */
  relay(correlation: number, status: number, body: Uint8Array, from: number, to: number): void {
    this.#entry(correlation, status, body, from, to);
  }

  #entry(correlation: number, status: number, body: Uint8Array, from: number, to: number): void {
    assert(from <= to && to <= body.length, "a reply's body lies within its source");
    const entryBytes = entryHeadBytes + (to - from);
    const at = this.#batch.entry(entryBytes);
    const { bytes, view } = this.#batch;
    view.setUint32(at, entryBytes - 4, true);
    view.setUint32(at + 4, correlation, true);
    view.setUint16(at + 8, status, true);
    // Short bodies are the rule (an append's reply has 29 bytes): a loop is cheaper than a view and a `set`.
    if (to - from <= 64) for (let i = from, o = at + entryHeadBytes; i < to; i++, o++) bytes[o] = body[i];
    else bytes.set(body.subarray(from, to), at + entryHeadBytes);
  }

  clear(): void {
    this.#batch.clear();
  }

  take(): Uint8Array {
    return this.#batch.take();
  }
}

/** Walks a batch; the fields describe the current entry until the next call of `next`. */
export class ReplyBatchReader {
  bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.bytes.buffer);
  correlation = 0;
  status = 0;
  entryFrom = 0;
  bodyFrom = 0;
  bodyTo = 0;
  #next = 0;

  open(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#next = 0;
    return this;
  }

  next(): boolean {
    const at = this.#next;
    if (at === this.bytes.length) return false;
    const end = at + 4 + this.#view.getUint32(at, true);
    assert(end <= this.bytes.length && end >= at + entryHeadBytes, "a batch entry lies within its batch");
    this.correlation = this.#view.getUint32(at + 4, true);
    this.status = this.#view.getUint16(at + 8, true);
    this.entryFrom = at;
    this.bodyFrom = at + entryHeadBytes;
    this.bodyTo = end;
    this.#next = end;
    return true;
  }

  body(): Uint8Array {
    return this.bytes.subarray(this.bodyFrom, this.bodyTo);
  }
}
