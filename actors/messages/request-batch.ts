/**
 * Requests on their way to a shard or a projection: many in one message, packed in one exact-size byte array.
 *
 *   entry:  length u32 (of what follows) · correlation u32 · deadline f64 (ms since 1970, 0 = none) · kind u8
 *           · principal (length u8, UTF-8) · body (the rest)
 *
 * One message a batch and bytes instead of objects is what keeps a thread hop below a microsecond a request. The body is the
 * native protocol's request body, verbatim: the gateway routes it and the kernel parses it, once.
 */
import { assert } from "../../runtime/types/assert.js";

const entryHeadBytes = 4 + 4 + 8 + 1 + 1;

export class RequestBatchWriter {
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  count = 0;

  get byteLength(): number {
    return this.#length;
  }

  /** Appends one request whose body is `source[from, to)`. */
  add(
    correlation: number,
    deadline: number,
    kind: number,
    principal: Uint8Array,
    source: Uint8Array,
    from: number,
    to: number,
  ): void {
    assert(principal.length <= 255, "a principal's length fits a byte");
    assert(from <= to && to <= source.length, "a request's body lies within its source");
    const entryBytes = entryHeadBytes + principal.length + (to - from);
    this.#reserve(entryBytes);
    const view = this.#view;
    let at = this.#length;
    view.setUint32(at, entryBytes - 4, true);
    view.setUint32(at + 4, correlation, true);
    view.setFloat64(at + 8, deadline, true);
    view.setUint8(at + 16, kind);
    view.setUint8(at + 17, principal.length);
    at += entryHeadBytes;
    this.#bytes.set(principal, at);
    at += principal.length;
    this.#bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), at);
    this.#length += entryBytes;
    this.count += 1;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** The batch as an exact-size copy; the writer is empty afterwards. */
  take(): Uint8Array {
    assert(this.count > 0, "an empty batch is not sent");
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    this.count = 0;
    // A single giant request must not pin its memory for ever.
    if (this.#bytes.length > 4 * 1024 * 1024) {
      this.#bytes = new Uint8Array(64 * 1024);
      this.#view = new DataView(this.#bytes.buffer);
    }
    return bytes;
  }
}

/** Walks a batch; the fields describe the current entry until the next call of `next`. */
export class RequestBatchReader {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  correlation = 0;
  deadline = 0;
  kind = 0;
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
    this.deadline = view.getFloat64(at + 8, true);
    this.kind = view.getUint8(at + 16);
    this.principalFrom = at + entryHeadBytes;
    this.principalTo = this.principalFrom + view.getUint8(at + 17);
    this.bodyFrom = this.principalTo;
    this.bodyTo = end;
    assert(this.bodyFrom <= end, "a principal lies within its entry");
    this.#next = end;
    return true;
  }
}
