/**
 * The right rows of a range join: sorted by the value that lies in a range, apart for each key where the join also asks for equal keys. The rows of a
 * range lie side by side, and its ends are found by halving.
 */
import { assert } from "../../types/assert.js";
import type { PlanColumn } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import { type Compare, comparatorOf } from "../types/compare.js";
import type { Datum, Value } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import { KeptRows } from "./kept-rows.js";
import type { Key } from "./keys.js";
import { type MemoryBudget, MemoryShare } from "./memory.js";

/** Bytes of a row's value and of its places, in the order and before. */
const rowBytes = 40;

/** Places in the order; the second is behind the last. */
export interface Places {
  readonly from: number;
  readonly to: number;
}

const nowhere: Places = { from: 0, to: 0 };

export class RangeTable {
  readonly rows: KeptRows;
  readonly #compare: Compare;
  readonly #memory: MemoryShare;
  /** Of each row that is in the order, until that is made: its value, number and key's number. */
  #values: Value[] = [];
  #numbers: number[] = [];
  #groups: number[] = [];
  readonly #groupOf = new Map<Key, number>();
  #isAscending = true;
  /** Numbers of the rows in their order, and their values; as numbers where all of them are. */
  #order = new Int32Array(0);
  #sorted: readonly Value[] = [];
  #sortedNumbers: Float64Array | null = null;
  /** Where each key's rows begin, and the end. */
  #starts = new Int32Array(0);

  /** @param type of the value that lies in a range */
  constructor(columns: readonly PlanColumn[], type: Oid, memory: MemoryBudget) {
    this.#compare = comparatorOf(type);
    this.#memory = new MemoryShare(memory);
    this.rows = new KeptRows(columns, memory);
  }

  /** A row whose value or key is NULL is kept, and in no range. */
  add(key: Key | null, value: Datum, columns: readonly ColumnVector[], row: number): void {
    this.#memory.take(rowBytes);
    const number = this.rows.rows;
    this.rows.appendAt(columns, row);
    if (key === null || value === null) return;
    let group = this.#groupOf.get(key);
    if (group === undefined) {
      group = this.#groupOf.size;
      this.#groupOf.set(key, group);
    }
    const last = this.#groups.length - 1;
    if (this.#isAscending && last >= 0) {
      const before = this.#groups[last] ?? 0;
      const lastValue = this.#values[last];
      this.#isAscending =
        before < group || (before === group && lastValue !== undefined && this.#compare(lastValue, value) <= 0);
    }
    this.#values.push(value);
    this.#numbers.push(number);
    this.#groups.push(group);
  }

  /** Puts the rows in their order: equal ones as they came. */
  sort(): void {
    const values = this.#values;
    const groups = this.#groups;
    const asNumbers = values.every((value) => typeof value === "number" && !Number.isNaN(value))
      ? Float64Array.from(values as number[])
      : null;
    const places = Int32Array.from(values, (_, at) => at);
    if (!this.#isAscending) places.sort(asNumbers === null ? this.#byValue() : byNumber(groups, asNumbers));
    this.#order = places.map((at) => this.#numbers[at] ?? 0);
    if (asNumbers === null) this.#sorted = Array.from(places, (at) => values[at] ?? 0);
    else this.#sortedNumbers = Float64Array.from(places, (at) => asNumbers[at] ?? 0);
    this.#starts = new Int32Array(this.#groupOf.size + 1).fill(places.length);
    for (let at = places.length - 1; at >= 0; at -= 1) this.#starts[groups[places[at] ?? 0] ?? 0] = at;
    this.#values = [];
    this.#numbers = [];
    this.#groups = [];
  }

  #byValue(): (a: number, b: number) => number {
    const values = this.#values;
    const groups = this.#groups;
    return (a, b) => {
      const apart = (groups[a] ?? 0) - (groups[b] ?? 0);
      if (apart !== 0) return apart;
      const [x, y] = [values[a], values[b]];
      assert(x !== undefined && y !== undefined, "places that are sorted have values");
      const order = this.#compare(x, y);
      return order === 0 ? a - b : order;
    };
  }

  /** All rows of a key. */
  placesOf(key: Key | null): Places {
    const group = key === null ? undefined : this.#groupOf.get(key);
    if (group === undefined) return nowhere;
    return { from: this.#starts[group] ?? 0, to: this.#starts[group + 1] ?? 0 };
  }

  /** The number of the row at a place. */
  rowAt(place: number): number {
    return this.#order[place] ?? 0;
  }

  /** The first of these places whose value is above the bound, or is the bound when that `isIn`; `to` when there is none. */
  firstFrom(bound: Value, isIn: boolean, { from, to }: Places): number {
    let low = from;
    let high = to;
    const numbers = this.#sortedNumbers;
    if (numbers !== null && typeof bound === "number" && !Number.isNaN(bound)) {
      while (low < high) {
        const middle = (low + high) >>> 1;
        const value = numbers[middle] ?? 0;
        if (value > bound || (isIn && value === bound)) high = middle;
        else low = middle + 1;
      }
      return low;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      const value = numbers === null ? this.#sorted[middle] : numbers[middle];
      assert(value !== undefined, "a place within the order has a value");
      const order = this.#compare(value, bound);
      if (order > 0 || (isIn && order === 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  clear(): void {
    this.rows.clear();
    this.#memory.release();
    this.#values = [];
    this.#numbers = [];
    this.#groups = [];
    this.#groupOf.clear();
    this.#isAscending = true;
    this.#order = new Int32Array(0);
    this.#sorted = [];
    this.#sortedNumbers = null;
    this.#starts = new Int32Array(0);
  }
}

/** By the machine's own comparison: none of the values is NaN. */
const byNumber =
  (groups: readonly number[], values: Float64Array) =>
  (a: number, b: number): number => {
    const apart = (groups[a] ?? 0) - (groups[b] ?? 0);
    if (apart !== 0) return apart;
    const x = values[a] ?? 0;
    const y = values[b] ?? 0;
    return x < y ? -1 : x > y ? 1 : a - b;
  };
