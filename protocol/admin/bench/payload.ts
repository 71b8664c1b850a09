/**
 * The events that the benchmark appends: bytes that say who wrote them and as which of his events, so that afterwards each
 * acknowledged one can be looked for.
 *
 *   0  writer u32    4  number u64 (of the writer's events: 0, 1, 2, …)    12  sent, microseconds of the sender's clock f64    20  filler
 */
import { assert } from "../../../runtime/types/assert.js";

export const payloadBytesMin = 20;

export class PayloadWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(writer: number, bytes: number) {
    assert(bytes >= payloadBytesMin, "a payload holds its marks");
    this.bytes = new Uint8Array(bytes);
    this.#view = new DataView(this.bytes.buffer);
    this.#view.setUint32(0, writer, true);
    // Not all zero: a disk or a compressor must not find it easy.
    for (let at = payloadBytesMin; at < bytes; at += 1) this.bytes[at] = (at * 131 + writer * 17) & 0xff;
  }

  mark(number: number, sentMicros: number): void {
    this.#view.setUint32(4, number >>> 0, true);
    this.#view.setUint32(8, Math.floor(number / 2 ** 32), true);
    this.#view.setFloat64(12, sentMicros, true);
  }
}

export interface PayloadMarks {
  readonly writer: number;
  readonly number: number;
  readonly sentMicros: number;
}

/** @param view over the buffer, `from` the payload's first byte in it */
export const readMarks = (view: DataView, from: number): PayloadMarks => ({
  writer: view.getUint32(from, true),
  number: view.getUint32(from + 4, true) + view.getUint32(from + 8, true) * 2 ** 32,
  sentMicros: view.getFloat64(from + 12, true),
});
