/** Values of the trees of positions (table-trees.ts): the position that wrote an entry, and its content. */
import { assert } from "../types/assert.js";
import { wordSpan } from "./layout.js";
import { fromBytes } from "./table-trees.js";

/** Longer contents cost less through `set`, for all that it takes a view. */
const loopBytesMax = 512;

/** Writes a value at `at` of memory that has room for it, its content the bytes [from, to) of `source`. The views are of all that they are. */
export function setVersion(
  target: Uint8Array,
  view: DataView,
  at: number,
  position: number,
  source: Uint8Array,
  sourceView: DataView,
  from: number,
  to: number,
): void {
  assert(position >= 0 && position <= Number.MAX_SAFE_INTEGER, "a position is a safe integer");
  assert(from <= to && to <= source.length, "a content lies within its source");
  view.setUint32(at, position >>> 0, true);
  view.setUint32(at + 4, (position / wordSpan) | 0, true);
  let write = at + fromBytes;
  if (to - from > loopBytesMax) {
    target.set(source.subarray(from, to), write);
    return;
  }
  let read = from;
  for (; read + 4 <= to; read += 4, write += 4) view.setUint32(write, sourceView.getUint32(read, true), true);
  for (; read < to; read++, write++) target[write] = source[read];
}
