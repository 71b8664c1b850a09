/**
 * Rows that a cursor keeps, as the DataRow messages that they came as: `D`, length i32 (with itself), values. They are numbered from 1, and
 * come and go in their order.
 */
import { SqlError } from "../../../runtime/query/error.js";
import { assert } from "../../../runtime/types/assert.js";
import { miB } from "../../../runtime/types/limits.js";

/** Kept by all cursors of all sessions of a gateway. */
const gatewayBytesMax: number = 256 * miB;
/** Kept by one of them: none takes the others' room. */
export const cursorBytesMax: number = 64 * miB;
const letter = 0x44;

/** What the cursors of one gateway may keep together. */
export class CursorMemory {
  #used = 0;

  get used(): number {
    return this.#used;
  }

  /** Throws 53200 when it would be too much. */
  take(bytes: number): void {
    assert(bytes >= 0, "what is taken is not less than nothing");
    if (this.#used + bytes > gatewayBytesMax)
      throw new SqlError("53200", `cursors of this node keep more than ${gatewayBytesMax} bytes of rows`, {
        hint: "Close cursors that were declared WITH HOLD or SCROLL, or try again later.",
      });
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    assert(this.#used >= 0, "what is given back was taken");
  }
}

interface Chunk {
  /** Number of its first row. */
  readonly first: number;
  readonly bytes: Uint8Array;
  /** Where each row ends. */
  readonly ends: Uint32Array;
}

const lastOf = ({ first, ends }: Chunk): number => first + ends.length - 1;
const bytesOf = ({ bytes, ends }: Chunk): number => bytes.length + ends.byteLength;

export class KeptMessages {
  readonly #memory: CursorMemory;
  /** Of this cursor. */
  readonly #bytesMax: number;
  #chunks: Chunk[] = [];
  #bytes = 0;
  #end = 0;

  constructor(memory: CursorMemory, bytesMax: number) {
    assert(bytesMax > 0, "a cursor may keep something");
    this.#memory = memory;
    this.#bytesMax = bytesMax;
  }

  /** Number of the last row that came; 0 before the first. */
  get end(): number {
    return this.#end;
  }

  /** Throws 53200 when it would be more than the cursor may keep. */
  append(messages: Uint8Array, count: number): void {
    if (count === 0) return;
    const chunk: Chunk = { first: this.#end + 1, bytes: messages.slice(), ends: endsOf(messages, count) };
    const bytes = bytesOf(chunk);
    if (this.#bytes + bytes > this.#bytesMax && this.#chunks.length > 0)
      throw new SqlError("53200", `the cursor keeps more than ${this.#bytesMax} bytes of rows`, {
        hint: "Raise kimberlite.query_memory, or declare the cursor without SCROLL and WITH HOLD.",
      });
    this.#memory.take(bytes);
    this.#chunks.push(chunk);
    this.#bytes += bytes;
    this.#end += count;
  }

  /** Lets go of rows up to this one, where no other is kept with them. */
  dropThrough(row: number): void {
    while (this.#chunks[0] !== undefined && lastOf(this.#chunks[0]) <= row) {
      const dropped = this.#chunks.shift();
      assert(dropped !== undefined, "a chunk that was looked at is there");
      this.#give(bytesOf(dropped));
    }
  }

  clear(): void {
    this.#give(this.#bytes);
    this.#chunks = [];
  }

  #give(bytes: number): void {
    this.#bytes -= bytes;
    this.#memory.give(bytes);
  }

  /** Messages of rows `from` to `to`, in as few pieces as they are kept in. */
  *between(from: number, to: number): Iterable<Uint8Array> {
    assert(from >= 1 && to <= this.#end, "rows that are read have come");
    for (let row = from; row <= to; ) {
      const chunk = this.#chunkOf(row);
      const last = Math.min(to, lastOf(chunk));
      const start = chunk.ends[row - chunk.first - 1] ?? 0;
      yield chunk.bytes.subarray(start, chunk.ends[last - chunk.first]);
      row = last + 1;
    }
  }

  /** By halving: chunks are in the order of their rows. */
  #chunkOf(row: number): Chunk {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#chunks[middle]?.first ?? 0) <= row) low = middle;
      else high = middle - 1;
    }
    const chunk = this.#chunks[low];
    assert(chunk !== undefined && chunk.first <= row && row <= lastOf(chunk), "a row that is read is kept");
    return chunk;
  }
}

function endsOf(messages: Uint8Array, count: number): Uint32Array {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength);
  const ends = new Uint32Array(count);
  let at = 0;
  for (let row = 0; row < count; row++) {
    assert(messages[at] === letter, "rows are DataRow messages");
    at += 1 + view.getInt32(at + 1);
    ends[row] = at;
  }
  assert(at === messages.length, "rows fill their bytes");
  return ends;
}
