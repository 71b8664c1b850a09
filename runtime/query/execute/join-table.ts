/** The right rows of a hash join by their keys: chains of rows of one key, in the order in which they came. */
import { assert } from "../../types/assert.js";
import type { PlanColumn } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import { IntegerTable } from "./integer-table.js";
import { KeptRows } from "./kept-rows.js";
import type { JoinKey, Key } from "./keys.js";
import { type MemoryBudget, MemoryShare } from "./memory.js";
import { readAt } from "./vector.js";

/** Places of the key columns when both are plain integers. */
export interface IntegerPlaces {
  readonly left: number;
  readonly right: number;
}

/** Bytes of a row's place in the chains. */
const rowBytes = 48;

export class JoinTable {
  readonly rows: KeptRows;
  readonly #leftKey: JoinKey;
  readonly #integers: IntegerPlaces | null;
  readonly #memory: MemoryShare;
  #first = new Map<Key, number>();
  #firstOfInteger = new IntegerTable();
  #following: Int32Array = new Int32Array(0);
  /** Keys of the right rows until they are chained. */
  readonly #keys: (Key | null)[] = [];
  /** Whether no two rows have the same integer. */
  hasUniqueKeys = true;

  constructor(columns: readonly PlanColumn[], leftKey: JoinKey, integers: IntegerPlaces | null, memory: MemoryBudget) {
    this.#leftKey = leftKey;
    this.#integers = integers;
    this.#memory = new MemoryShare(memory);
    this.rows = new KeptRows(columns, memory);
  }

  /** Bytes that it takes, about. */
  get bytes(): number {
    return this.rows.bytes + this.#memory.bytes;
  }

  /** A row whose key is NULL is in no chain. */
  add(key: Key | null, columns: readonly ColumnVector[], row: number): void {
    this.#memory.take(rowBytes);
    this.#keys.push(key);
    this.rows.appendAt(columns, row);
  }

  /** The rows that have come, with their keys, before they are chained. */
  *entries(): Generator<readonly [key: Key | null, row: number]> {
    assert(this.#keys.length === this.rows.rows, "each row has its key until it is chained");
    for (const [row, key] of this.#keys.entries()) yield [key, row];
  }

  /** Chains of rows by key: `first` of a key, then `following` of a row; -1 ends. */
  chain(): void {
    const keys = this.#keys;
    this.#following = new Int32Array(keys.length).fill(-1);
    for (let row = keys.length - 1; row >= 0; row -= 1) {
      const key = keys[row] ?? null;
      if (key === null) continue;
      if (this.#integers === null) {
        this.#following[row] = this.#first.get(key) ?? -1;
        this.#first.set(key, row);
      } else if (typeof key === "number") {
        const next = this.#firstOfInteger.get(key);
        if (next >= 0) this.hasUniqueKeys = false;
        this.#following[row] = next;
        this.#firstOfInteger.set(key, row);
      }
    }
    keys.length = 0;
  }

  /** The first right row of a left row's key; -1 when there is none. */
  firstOf(columns: readonly ColumnVector[], row: number): number {
    if (this.#integers === null) {
      const key = this.#leftKey(columns, row);
      return key === null ? -1 : (this.#first.get(key) ?? -1);
    }
    const vector = columns[this.#integers.left];
    if (vector !== undefined && vector.kind === "numbers") {
      return vector.nulls[row] === 1 ? -1 : this.#firstOfInteger.get(vector.numbers[row] ?? 0);
    }
    const key = integerAt(columns, this.#integers.left, row);
    return key === null ? -1 : this.#firstOfInteger.get(key);
  }

  /** The next row of the same key; -1 behind the last. */
  after(row: number): number {
    return this.#following[row] ?? -1;
  }

  get integers(): IntegerTable {
    return this.#firstOfInteger;
  }

  clear(): void {
    this.rows.clear();
    this.#memory.release();
    this.#first = new Map();
    this.#firstOfInteger = new IntegerTable();
    this.#following = new Int32Array(0);
    this.#keys.length = 0;
    this.hasUniqueKeys = true;
  }
}

export function integerAt(columns: readonly ColumnVector[], slot: number, row: number): number | null {
  const vector = columns[slot];
  assert(vector !== undefined, "a batch has the key column");
  const value = readAt(vector, row);
  assert(value === null || typeof value === "number", "an integer is a number");
  return value;
}
