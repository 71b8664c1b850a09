/**
 * Rows that a cursor keeps, as the DataRow messages that they came as: `D`, length i32 (with itself), values. They are numbered from 1, and
 * come and go in their order. Row keys that come before a row's columns (cursor-row.ts) are kept beside them.
 */
import { SqlError } from "../../../runtime/query/error.js";
import { assert } from "../../../runtime/types/assert.js";
import { miB } from "../../../runtime/types/limits.js";

/** Kept by all cursors of all sessions of a gateway. */
const gatewayBytesMax: number = 256 * miB;
/** Kept by one of them: none takes the others' room. */
export const cursorBytesMax: number = 64 * miB;
const letter = 0x44;
/** Letter, length, number of fields. */
const headBytes = 7;

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

  hasRoom(bytes: number): boolean {
    return this.#used + bytes <= gatewayBytesMax;
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
  /** Fields that no client sees, as they came: length i32 (-1 for NULL), bytes. Empty without such. */
  readonly keys: Uint8Array;
  readonly keyEnds: Uint32Array;
}

const lastOf = ({ first, ends }: Chunk): number => first + ends.length - 1;
const bytesOf = ({ bytes, ends, keys, keyEnds }: Chunk): number =>
  bytes.length + ends.byteLength + keys.length + keyEnds.byteLength;
const noBytes = new Uint8Array(0);
const noEnds = new Uint32Array(0);

export class KeptMessages {
  readonly #memory: CursorMemory;
  /** Of this cursor. */
  readonly #bytesMax: number;
  /** Keys that stand before the columns of each row. */
  readonly #keyCount: number;
  #chunks: Chunk[] = [];
  #bytes = 0;
  #end = 0;
  /** Lets go of what nobody has asked to keep, where there is not room for all. */
  makeRoom: () => void = () => undefined;

  constructor(memory: CursorMemory, bytesMax: number, keyCount = 0) {
    assert(bytesMax > 0, "a cursor may keep something");
    this.#memory = memory;
    this.#bytesMax = bytesMax;
    this.#keyCount = keyCount;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the last row that came; 0 before the first. */
  get end(): number {
    return this.#end;
  }

  /** Throws 53200 when it would be more than the cursor may keep. */
  append(messages: Uint8Array, count: number): void {
    if (count === 0) return;
    const first = this.#end + 1;
    const ends = endsOf(messages, count);
    const chunk: Chunk =
      this.#keyCount === 0
        ? { first, bytes: messages.slice(), ends, keys: noBytes, keyEnds: noEnds }
        : { first, ...apart(messages, ends, this.#keyCount) };
    const bytes = bytesOf(chunk);
    if (this.#bytes + bytes > this.#bytesMax || !this.#memory.hasRoom(bytes)) this.makeRoom();
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

  /** The keys that came with a row; null for NULL. */
  keysOf(row: number): readonly (Uint8Array | null)[] {
    if (this.#keyCount === 0) return [];
    const { first, keys, keyEnds } = this.#chunkOf(row);
    const view = viewOf(keys);
    let at = keyEnds[row - first - 1] ?? 0;
    return Array.from({ length: this.#keyCount }, () => {
      const start = at + 4;
      const length = view.getInt32(at);
      at = start + Math.max(0, length);
      return length < 0 ? null : keys.slice(start, at);
    });
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

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Rows without the fields before their columns, and those. */
function apart(messages: Uint8Array, ends: Uint32Array, keyCount: number): Omit<Chunk, "first"> {
  const view = viewOf(messages);
  const bytes = new Uint8Array(messages.length);
  const out = viewOf(bytes);
  const keys = new Uint8Array(messages.length);
  const [ownEnds, keyEnds] = [new Uint32Array(ends.length), new Uint32Array(ends.length)];
  let [written, keysWritten, start] = [0, 0, 0];
  for (let row = 0; row < ends.length; row++) {
    const end = ends[row] ?? 0;
    const fields = start + headBytes;
    let at = fields;
    for (let key = 0; key < keyCount; key++) at += 4 + Math.max(0, view.getInt32(at));
    keys.set(messages.subarray(fields, at), keysWritten);
    keysWritten += at - fields;
    bytes[written] = letter;
    out.setInt32(written + 1, headBytes - 1 + end - at);
    out.setInt16(written + 5, view.getInt16(start + 5) - keyCount);
    bytes.set(messages.subarray(at, end), written + headBytes);
    written += headBytes + end - at;
    ownEnds[row] = written;
    keyEnds[row] = keysWritten;
    start = end;
  }
  return { bytes: bytes.slice(0, written), ends: ownEnds, keys: keys.slice(0, keysWritten), keyEnds };
}

function endsOf(messages: Uint8Array, count: number): Uint32Array {
  const view = viewOf(messages);
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
