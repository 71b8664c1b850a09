/**
 * Frames: the memory that pages lie in, as a few large shared chunks. A frame's number gives its chunk and its place there.
 * A thread sees the chunks through three views each, made once.
 *
 * Chunks are allocated at their full size at once. The system backs them with memory page by page as they are first written,
 * so an allocated and unused frame costs address space only.
 */
import { assert } from "../types/assert.js";
import { chunkBytesMax, chunkPagesShift, pageBytes, pageShift } from "./layout.js";

const framesPerChunk = 1 << chunkPagesShift;

export class PageSpace {
  readonly u8: Uint8Array[] = [];
  readonly i32: Int32Array[] = [];
  readonly view: DataView[] = [];
  /** Frames are numbered from 0 to this, exclusive. */
  frames = 0;

  constructor(chunks: readonly SharedArrayBuffer[]) {
    for (const chunk of chunks) this.append(chunk);
  }

  /** Adds a chunk and returns the number of its first frame. Numbers jump to the next whole chunk after a shorter one. */
  append(chunk: SharedArrayBuffer): number {
    assert(
      chunk.byteLength % pageBytes === 0 && chunk.byteLength <= chunkBytesMax,
      "a chunk is whole pages, up to its limit",
    );
    const first = this.u8.length * framesPerChunk;
    this.u8.push(new Uint8Array(chunk));
    this.i32.push(new Int32Array(chunk));
    this.view.push(new DataView(chunk));
    this.frames = first + (chunk.byteLength >> pageShift);
    return first;
  }

  /** One page as a view of its own. Allocates. */
  bytes(frame: number): Uint8Array {
    const base = baseOf(frame);
    return this.u8[chunkOf(frame)].subarray(base, base + pageBytes);
  }
}

export const chunkOf = (frame: number): number => frame >>> chunkPagesShift;
export const baseOf = (frame: number): number => (frame & (framesPerChunk - 1)) << pageShift;

export function allocateChunks(frames: number): SharedArrayBuffer[] {
  assert(Number.isSafeInteger(frames) && frames > 0, "a cache has at least one frame");
  const chunks: SharedArrayBuffer[] = [];
  for (let left = frames; left > 0; left -= framesPerChunk) {
    chunks.push(new SharedArrayBuffer(Math.min(left, framesPerChunk) * pageBytes));
  }
  return chunks;
}
