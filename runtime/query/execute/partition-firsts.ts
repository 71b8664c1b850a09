/**
 * Of each partition of a window only the first rows are wanted (`row_number() OVER (PARTITION BY …) <= 3`): a row that comes behind as many of its
 * partition, by the window's order, is known not to be among them, and need be neither kept nor sorted.
 */
import type { SortKey, WindowNode } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { compileExpression, type RowFunction } from "./compile.js";
import { type Execution, layoutOf } from "./execution.js";
import { compileGroupKey, type Key } from "./keys.js";
import { MemoryShare } from "./memory.js";
import { compareSortRows } from "./sort-values.js";

/** Bytes of a partition, and of one of its rows' keys. */
const partitionBytes = 96;
const valueBytes = 24;

export class PartitionFirsts {
  readonly #max: number;
  /** Rows that do not differ from the last that is wanted are wanted too. */
  readonly #withPeers: boolean;
  readonly #keyOf: (columns: readonly ColumnVector[], row: number) => Key;
  readonly #order: readonly SortKey[];
  readonly #values: readonly RowFunction[];
  readonly #memory: MemoryShare;
  readonly #execution: Execution;
  /** Order keys of the first rows of each partition so far, the first one first. */
  readonly #firsts = new Map<Key, (readonly Datum[])[]>();

  constructor(
    { partition, order, input }: WindowNode,
    { max, withPeers }: NonNullable<WindowNode["firsts"]>,
    execution: Execution,
  ) {
    const layout = layoutOf(input.columns);
    this.#max = max;
    this.#withPeers = withPeers;
    this.#keyOf = compileGroupKey(partition, layout, execution);
    this.#order = order;
    this.#values = order.map(({ expression }) => compileExpression(expression, layout, execution));
    this.#memory = new MemoryShare(execution.memory);
    this.#execution = execution;
  }

  /** Whether a row may be among the first of its partition, of those that have come. */
  admits(columns: readonly ColumnVector[], row: number): boolean {
    const key = this.#keyOf(columns, row);
    const values = this.#values.map((compute) => compute(columns, row));
    const firsts = this.#firsts.get(key);
    if (firsts === undefined) {
      // What is not looked at costs more to sort, and nothing else.
      if (this.#max === 0 || this.#execution.memory.isTight(this.#memory.bytes)) return this.#max > 0;
      this.#memory.take(partitionBytes + this.#max * this.#values.length * valueBytes);
      this.#firsts.set(key, [values]);
      return true;
    }
    let at = firsts.length;
    let order = 1;
    // Behind those that are not after it: the one that came first stays first.
    while (at > 0) {
      order = compareSortRows(this.#order, values, firsts[at - 1] ?? []);
      if (order >= 0) break;
      at -= 1;
    }
    if (at >= this.#max) return this.#withPeers && order === 0;
    firsts.splice(at, 0, values);
    if (firsts.length > this.#max) firsts.pop();
    return true;
  }

  clear(): void {
    this.#firsts.clear();
    this.#memory.release();
  }
}
