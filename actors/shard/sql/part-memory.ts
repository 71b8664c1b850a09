/**
 * Memory of the parts of loads: what one that has ended, or has grown, leaves, the next takes. Each part made anew is memory outside of V8's heap,
 * and so much of it as a COPY takes, or an INSERT of a thousand rows each time it is said, has the collector mark all of the heap again and again.
 */
import { assert } from "../../../runtime/types/assert.js";
import { miB } from "../../../runtime/types/limits.js";

/** What is kept, in all. */
const sparesBytesMax = 16 * miB;

/** By length: parts are of a few. */
const spares = new Map<number, Uint8Array[]>();
let sparesBytes = 0;

/** Memory of that size; what is in it means nothing. */
export function takePart(bytes: number): Uint8Array {
  const spare = spares.get(bytes)?.pop();
  if (spare === undefined) return new Uint8Array(bytes);
  sparesBytes -= bytes;
  return spare;
}

/** Leaves memory that nobody looks at any more. */
export function leavePart(part: Uint8Array): void {
  const { length } = part;
  assert(part.byteOffset === 0 && length === part.buffer.byteLength, "a part's memory is left whole");
  if (sparesBytes + length > sparesBytesMax) return;
  const alike = spares.get(length);
  if (alike === undefined) spares.set(length, [part]);
  else alike.push(part);
  sparesBytes += length;
}
