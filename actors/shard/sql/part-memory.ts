/**
 * Memory of the parts of loads: what one that has ended leaves, the next takes. Each part made anew is memory outside of V8's heap, and so much of
 * it as a COPY takes has the collector mark all of the heap again and again.
 */
import { assert } from "../../../runtime/types/assert.js";
import { miB } from "../../../runtime/types/limits.js";

/** What is kept, in all. */
const sparesBytesMax = 16 * miB;

const spares: Uint8Array[] = [];

/** Memory of that size; what is in it means nothing. */
export function takePart(bytes: number): Uint8Array {
  const spare = spares.pop();
  return spare?.length === bytes ? spare : new Uint8Array(bytes);
}

/** Leaves memory that nobody looks at any more. */
export function leavePart(part: Uint8Array): void {
  assert(part.byteOffset === 0 && part.length === part.buffer.byteLength, "a part's memory is left whole");
  if ((spares.length + 1) * part.length <= sparesBytesMax) spares.push(part);
}
