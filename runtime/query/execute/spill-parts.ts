/**
 * Rows for which there is no memory, in files by the hash of a key: rows of one key come into one file, in their order, and each file is gone
 * through for itself. What overflows again is parted again, by another hash.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { ColumnVector } from "../table/access.js";
import type { Execution } from "./execution.js";
import type { Key } from "./keys.js";
import { SpilledRows, type SpilledTypes, type SpillSpace } from "./spill.js";
import { BatchBuilder, readAt } from "./vector.js";

export const partsMax = 16;
/** Parts of parts of parts …: beyond that it is the hash, not the memory, that does not part the rows. */
const levelsMax = 6;
/** With fewer keys than that it is not their number that takes the memory, so no file makes it less. */
const keysMin = 256;
const partChunkBytes = 256 * 1024;

export class SpillParts {
  readonly level: number;
  readonly #types: SpilledTypes;
  readonly #space: SpillSpace;
  readonly #parts = new Array<SpilledRows | null>(partsMax).fill(null);

  /** @param level how often the rows were parted before */
  constructor(types: SpilledTypes, space: SpillSpace, level: number) {
    assert(level >= 0 && level < levelsMax, "rows are not parted without end");
    this.level = level;
    this.#types = types;
    this.#space = space;
  }

  add(key: Key, columns: readonly ColumnVector[], row: number): void {
    this.#into(key).add(columns.map((column) => readAt(column, row)));
  }

  #into(key: Key): SpilledRows {
    const number = hashOf(key, this.level) % partsMax;
    const part = this.#parts[number] ?? new SpilledRows(this.#types, this.#space);
    this.#parts[number] = part;
    return part;
  }

  isEmpty(number: number): boolean {
    return (this.#parts[number] ?? null) === null;
  }

  /** The rows of a part, once: its file is gone behind the last of them. */
  *rowsOf(number: number): Generator<RowBatch> {
    assert(number >= 0 && number < partsMax, "a part is one of them");
    const part = this.#parts[number] ?? null;
    if (part === null) return;
    part.flush();
    const builder = new BatchBuilder(this.#types);
    builder.clear();
    for (const row of part.read({ from: 0, to: part.end }, partChunkBytes)) {
      builder.pushRow(row);
      if (!builder.isFull) continue;
      yield builder.batch();
      builder.clear();
    }
    if (builder.rows > 0) yield builder.batch();
    part.close();
    this.#parts[number] = null;
  }

  /** Removes all files. */
  close(): void {
    for (const part of this.#parts) part?.close();
    this.#parts.fill(null);
  }
}

/** Whether an operator with so many keys, which take so many bytes, is to keep no more of them. */
export const isOverfull = ({ memory }: Execution, level: number, keys: number, bytes: number): boolean =>
  level < levelsMax && keys >= keysMin && memory.isTight(bytes);

export function newParts(types: SpilledTypes, { environment }: Execution, level: number): SpillParts {
  const { spill } = environment;
  assert(spill !== undefined, "rows are written where they may be");
  return new SpillParts(types, spill, level);
}

/** Both sides of a join or a set operation: rows of one key are in files of one number. */
export class PartedSides {
  readonly level: number;
  readonly left: SpillParts;
  readonly right: SpillParts;

  constructor(left: SpilledTypes, right: SpilledTypes, execution: Execution, level: number) {
    this.level = level;
    this.left = newParts(left, execution, level);
    this.right = newParts(right, execution, level);
  }

  close(): void {
    this.left.close();
    this.right.close();
  }
}

/** FNV-1a of a key's text, another one at each level. */
function hashOf(key: Key, level: number): number {
  let hash = 0x811c_9dc5 ^ (level * 0x9e37_79b1);
  const text = String(key);
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x85eb_ca6b) >>> 16;
}
