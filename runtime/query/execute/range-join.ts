/** A join by a range of the right side's values: the right rows are sorted once, and each left row looks up where its range begins and ends. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { JoinNode, JoinRangeBound } from "../plan/plan.js";
import { columnsOf } from "../plan/walk.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { compileExpression, type RowFunction } from "./compile.js";
import { batchesAtOnce, type Execution, isPrepared, layoutOf, type Operator, placeOf } from "./execution.js";
import { JoinOperator } from "./join-operator.js";
import { compileJoinKey, type JoinKey } from "./keys.js";
import { RangeTable } from "./range-table.js";

interface Bound {
  readonly value: RowFunction;
  readonly isInclusive: boolean;
}

/** Stands for the key where the join asks for no equal keys. */
const noKeys: JoinKey = () => 0;

export class RangeJoinOperator extends JoinOperator {
  readonly #leftKey: JoinKey;
  readonly #rightKey: JoinKey;
  readonly #subject: RowFunction;
  readonly #from: Bound | null;
  readonly #to: Bound | null;
  readonly #residual: RowFunction | null;
  readonly #loaded: readonly number[];
  readonly #table: RangeTable;
  #isBuilt = false;
  /** Right rows that were paired; null when nobody asks. */
  #matchedRight: Uint8Array | null = null;
  /** Where the left batch has been joined to: its row, and what is left of that row's range. */
  #index = 0;
  #isOpen = false;
  #isMatched = false;
  #at = 0;
  #end = 0;
  /** Pairs that wait to be put out: places in the left batch, and numbers of right rows (-1 for none). */
  readonly #pairsLeft = new Int32Array(batchRowsMax);
  readonly #pairsRight = new Int32Array(batchRowsMax);
  #pairs = 0;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    super(node, left, right, execution);
    const { method } = node;
    assert(method.kind === "range", "a range join has a range");
    const rightLayout = layoutOf(node.right.columns);
    const hasKeys = method.leftKeys.length > 0;
    this.#leftKey = hasKeys ? compileJoinKey(method.leftKeys, this.leftLayout, execution) : noKeys;
    this.#rightKey = hasKeys ? compileJoinKey(method.rightKeys, rightLayout, execution) : noKeys;
    this.#subject = compileExpression(method.subject, rightLayout, execution);
    const bound = (at: JoinRangeBound | null): Bound | null =>
      at === null
        ? null
        : { value: compileExpression(at.value, this.leftLayout, execution), isInclusive: at.isInclusive };
    this.#from = bound(method.from);
    this.#to = bound(method.to);
    this.#residual = method.residual === null ? null : compileExpression(method.residual, rightLayout, execution);
    this.#loaded = [...columnsOf(method.residual)].filter((id) => this.leftLayout.has(id));
    this.#table = new RangeTable(node.right.columns, method.subject.type.oid, execution.memory);
  }

  override reset(): void {
    this.#forget();
    this.right.reset();
    super.reset();
  }

  #forget(): void {
    this.#table.clear();
    this.#isBuilt = false;
    this.#matchedRight = null;
    this.#pairs = 0;
  }

  override prepare(): boolean {
    return (this.#isBuilt || this.#build()) && super.prepare();
  }

  /** Takes some rows of the right side; true when there are no more. */
  #build(): boolean {
    const { type } = this.node;
    const keepsAll = type === "right" || type === "full";
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.right); taken += 1) {
      const batch = this.right.next();
      if (batch === null) {
        this.right.close();
        this.#table.sort();
        this.#isBuilt = true;
        if (keepsAll) this.#matchedRight = new Uint8Array(this.#table.rows.rows);
        return true;
      }
      this.execution.work(batch.rows);
      const { columns } = batch;
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        const key = this.#rightKey(columns, row);
        const value = key === null ? null : this.#subject(columns, row);
        if (value !== null || keepsAll) this.#table.add(key, value, columns, row);
      }
    }
    return false;
  }

  protected override *produce(): Generator<null> {
    while (!this.#isBuilt) this.#build();
    for (let batch = this.left.next(); batch !== null; batch = this.left.next()) {
      this.execution.work(batch.rows);
      this.isMidway = true;
      this.#index = 0;
      this.#isOpen = false;
      while (this.#fill(batch)) {
        this.#flush(batch.columns);
        yield null;
      }
      this.isMidway = false;
      // The next left batch takes this one's place.
      if (this.#pairs === 0) continue;
      this.#flush(batch.columns);
      yield null;
    }
    if (this.#matchedRight !== null) yield* this.unmatched(this.#matchedRight, this.#table.rows);
  }

  /** Pairs the rows of a batch, from where it stands on. True when no more pairs fit, false when the batch has no more rows. */
  #fill({ columns, rows, selection }: RowBatch): boolean {
    const { type } = this.node;
    const table = this.#table;
    const residual = this.#residual;
    const matchedRight = this.#matchedRight;
    const isHalf = type === "semi" || type === "anti";
    const keepsLeft = type === "left" || type === "full";
    for (; this.#index < rows; this.#index += 1) {
      const row = selection === null ? this.#index : (selection[this.#index] ?? 0);
      if (!this.#isOpen) this.#open(columns, row);
      while (this.#at < this.#end) {
        const candidate = table.rowAt(this.#at);
        this.#at += 1;
        if (residual !== null) {
          this.execution.work(0);
          if (residual(table.rows.columnsAt(candidate), candidate % batchRowsMax) !== true) continue;
        }
        this.#isMatched = true;
        if (isHalf) break;
        if (matchedRight !== null) matchedRight[candidate] = 1;
        if (this.#add(row, candidate)) return true;
      }
      this.#isOpen = false;
      const isAlone = isHalf ? this.#isMatched === (type === "semi") : keepsLeft && !this.#isMatched;
      if (!isAlone || !this.#add(row, -1)) continue;
      this.#index += 1;
      return true;
    }
    return false;
  }

  /** Looks up the range of a left row. */
  #open(columns: readonly ColumnVector[], row: number): void {
    this.#isOpen = true;
    this.#isMatched = false;
    const places = this.#table.placesOf(this.#leftKey(columns, row));
    this.#at = places.from;
    this.#end = places.to;
    // No bound is computed for a row that meets no other: it might not be possible.
    if (this.#from !== null && this.#at < this.#end) {
      const value = this.#from.value(columns, row);
      this.#at = value === null ? this.#end : this.#table.firstFrom(value, this.#from.isInclusive, places);
    }
    if (this.#to !== null && this.#at < this.#end) {
      const value = this.#to.value(columns, row);
      const rest = { from: this.#at, to: this.#end };
      this.#end = value === null ? this.#at : this.#table.firstFrom(value, !this.#to.isInclusive, rest);
    }
    if (this.#residual !== null && this.#at < this.#end)
      this.execution.load(this.#loaded, this.leftLayout, columns, row);
  }

  /** True when no more fit. */
  #add(left: number, right: number): boolean {
    this.#pairsLeft[this.#pairs] = left;
    this.#pairsRight[this.#pairs] = right;
    this.#pairs += 1;
    return this.#pairs === batchRowsMax;
  }

  /** Puts out the pairs that wait, column by column. */
  #flush(columns: readonly ColumnVector[]): void {
    this.execution.work(this.#pairs);
    this.gather(columns, this.#pairsLeft, this.#table.rows, this.#pairsRight, this.#pairs);
    this.#pairs = 0;
  }

  override close(): void {
    super.close();
    this.#forget();
  }
}
