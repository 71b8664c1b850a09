/**
 * Requests on their way to a shard or a projection: many in one message, packed in one exact-size byte array.
 *
 *   entry:  length u32 (of what follows) · correlation u32 · deadline f64 (ms since 1970, 0 = none) · kind u8
 *           · principal (length u8, UTF-8) · body (the rest)
 *
 * One message a batch and bytes instead of objects is what keeps a thread hop below a microsecond a request. The body is the
 * native protocol's request body, verbatim: the gateway routes it and the kernel parses it, once.
 *
 * Between nodes a deadline is what is left of it in ms, below zero when it has passed: clocks of nodes differ, by hours when one is wrong.
 */

import { copyBytes } from "../../runtime/kernel/numbers.js";
import { assert } from "../../runtime/types/assert.js";
import { BatchBuffer } from "./batch-buffer.js";

const deadlineAt = 8;
const entryHeadBytes = 4 + 4 + 8 + 1 + 1;
/** Stands for a deadline that is just passing: zero would say that there is none. */
const passedMs = -1;

/** In place: instants on this node's clock become what is left of them. */
export const deadlinesLeft = (bytes: Uint8Array, now: number): void =>
  eachDeadline(bytes, (deadline) => deadline - now || passedMs);

/** In place: what is left of deadlines becomes instants on this node's clock. */
export const deadlinesFrom = (bytes: Uint8Array, now: number): void => eachDeadline(bytes, (left) => now + left);

function eachDeadline(bytes: Uint8Array, change: (deadline: number) => number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 4 + view.getUint32(at, true)) {
    assert(at + entryHeadBytes <= bytes.length, "a batch entry has its head");
    const deadline = view.getFloat64(at + deadlineAt, true);
    if (deadline !== 0) view.setFloat64(at + deadlineAt, change(deadline), true);
  }
}

export class RequestBatchWriter {
  readonly #batch = new BatchBuffer(64 * 1024);

  get count(): number {
    return this.#batch.count;
  }

  get byteLength(): number {
    return this.#batch.length;
  }

  /** Appends one request whose body is `source[from, to)`. With a view over the source short ones are copied without an object. */
  add(
    correlation: number,
    deadline: number,
    kind: number,
    principal: Uint8Array,
    source: Uint8Array,
    from: number,
    to: number,
    sourceView: DataView | null = null,
  ): void {
    assert(principal.length <= 255, "a principal's length fits a byte");
    assert(from <= to && to <= source.length, "a request's body lies within its source");
    const entryBytes = entryHeadBytes + principal.length + (to - from);
    let at = this.#batch.entry(entryBytes);
    const { bytes, view } = this.#batch;
    view.setUint32(at, entryBytes - 4, true);
    view.setUint32(at + 4, correlation, true);
    view.setFloat64(at + deadlineAt, deadline, true);
    view.setUint8(at + 16, kind);
    view.setUint8(at + 17, principal.length);
    at += entryHeadBytes;
    for (let index = 0; index < principal.length; index++) bytes[at + index] = principal[index] as number;
    at += principal.length;
    if (sourceView !== null) copyBytes(source, sourceView, from, to, bytes, view, at);
    else bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), at);
  }

  take(): Uint8Array {
    return this.#batch.take();
  }
}

/** Walks a batch; the fields describe the current entry until the next call of `next`. */
export class RequestBatchReader {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  correlation = 0;
  deadline = 0;
  kind = 0;
  entryFrom = 0;
  principalFrom = 0;
  principalTo = 0;
  bodyFrom = 0;
  bodyTo = 0;
  #next = 0;

  open(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#next = 0;
    return this;
  }

  next(): boolean {
    const at = this.#next;
    if (at === this.bytes.length) return false;
    const view = this.view;
    const end = at + 4 + view.getUint32(at, true);
    assert(end <= this.bytes.length && end >= at + entryHeadBytes, "a batch entry lies within its batch");
    this.correlation = view.getUint32(at + 4, true);
    this.deadline = view.getFloat64(at + deadlineAt, true);
    this.kind = view.getUint8(at + 16);
    this.entryFrom = at;
    this.principalFrom = at + entryHeadBytes;
    this.principalTo = this.principalFrom + view.getUint8(at + 17);
    this.bodyFrom = this.principalTo;
    this.bodyTo = end;
    assert(this.bodyFrom <= end, "a principal lies within its entry");
    this.#next = end;
    return true;
  }
}
