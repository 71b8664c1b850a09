/**
 * What a version of a shard's state says of itself, in the store's version header:
 *
 *   at  size  field
 *    0     1  layout of the state, this header and the rows of all trees: 2. Another is derived from the log anew
 *    1     1  1 once an item of more than 492 bytes was ever put: its leader knew that the programs of all voters take such, and one that does
 *             not can apply this log no more. Else 0, also of a program that did not say so
 *    2     6  zero
 *    8     8  op: everything up to and including it is applied; 0 = nothing yet
 *   16     8  log address after that op
 *   24     8  time of the newest record, µs
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export const versionHeaderBytes = 32;
const layoutVersion = 2;
const u32Span = 2 ** 32;

export interface VersionHeader {
  readonly op: number;
  readonly logEnd: number;
  readonly time: number;
  readonly hasLongKeys: boolean;
}

function setU64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "a number of a version header is a safe integer");
  view.setUint32(at, value % u32Span, true);
  view.setUint32(at + 4, Math.floor(value / u32Span), true);
}

const getU64 = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) * u32Span + view.getUint32(at, true);

/** Encodes into a buffer that is reused by the next call. */
export class VersionHeaderWriter {
  readonly bytes = new Uint8Array(versionHeaderBytes);
  readonly #view = new DataView(this.bytes.buffer);
  /** What every version says from now on. */
  hasLongKeys = false;

  encode(op: number, logEnd: number, time: number): Uint8Array {
    this.#view.setUint8(0, layoutVersion);
    this.#view.setUint8(1, this.hasLongKeys ? 1 : 0);
    setU64(this.#view, 8, op);
    setU64(this.#view, 16, logEnd);
    setU64(this.#view, 24, time);
    return this.bytes;
  }
}

export function decodeVersionHeader(bytes: Uint8Array): VersionHeader {
  assert(bytes.length >= versionHeaderBytes, "a version header has its fixed size");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== layoutVersion) {
    throw new KimberliteError("formatUnsupported", `a state of layout ${view.getUint8(0)}`, {
      detail: { layout: view.getUint8(0) },
    });
  }
  const hasLongKeys = view.getUint8(1) === 1;
  return { op: getU64(view, 8), logEnd: getU64(view, 16), time: getU64(view, 24), hasLongKeys };
}
