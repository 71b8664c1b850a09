/**
 * Joins. A nested loop loads each left row into registers and filters the right side's batches; a hash join looks up the left row's key
 * in a table of the right side. Both keep outer rows' order on the left, and hold the right side in memory unless it is lateral.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { BoundExpression } from "../plan/expression.js";
import type { JoinNode } from "../plan/plan.js";
import { columnsOf, outerColumnsOf } from "../plan/walk.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { typeOid } from "../types/sql-type.js";
import { compileExpression, type RowFunction } from "./compile.js";
import {
  batchesAtOnce,
  type Execution,
  isPrepared,
  type Layout,
  layoutOf,
  type Operator,
  placeOf,
} from "./execution.js";
import { type BatchFilter, compileFilter } from "./filter.js";
import { IntegerTable } from "./integer-table.js";
import { KeptRows } from "./kept-rows.js";
import { compileJoinKey, type JoinKey, type Key } from "./keys.js";
import { MemoryShare } from "./memory.js";
import { BatchBuilder, copyAt, readAt, writeAt } from "./vector.js";

/** What both ways of joining share: pulling the left side row by row and putting out pairs. */
abstract class JoinOperator implements Operator {
  protected readonly node: JoinNode;
  protected readonly execution: Execution;
  protected readonly left: Operator;
  protected readonly right: Operator;
  protected readonly leftLayout: Layout;
  readonly #builder: BatchBuilder;
  readonly #leftWidth: number;
  #steps: Iterator<null> | null = null;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    this.node = node;
    this.execution = execution;
    this.left = left;
    this.right = right;
    this.leftLayout = layoutOf(node.left.columns);
    this.#builder = new BatchBuilder(node.columns);
    this.#leftWidth = node.left.columns.length;
  }

  /** A left batch was pulled and is not joined to its end. */
  protected isMidway = false;

  /** Calls `pair` and its like; yields whenever `isFull`. */
  protected abstract produce(): Generator<null>;

  reset(): void {
    this.left.reset();
    this.isMidway = false;
    this.#builder.clear();
    this.#steps = this.produce();
  }

  /** While the rows of a left batch are being joined, the left side is not asked for anything: it would put its next batch in that one's place. */
  prepare(): boolean {
    return this.isMidway || isPrepared(this.left);
  }

  protected get isFull(): boolean {
    return this.#builder.isFull;
  }

  /** A left and a right row, either of which may be none; `rightRow` is at its place in the columns. */
  protected pair(
    leftColumns: readonly ColumnVector[] | null,
    leftRow: number,
    rightColumns: readonly ColumnVector[] | null,
    rightRow: number,
  ): void {
    const to = this.#builder.rows;
    assert(to < batchRowsMax, "a joined row has room");
    for (const [slot, target] of this.#builder.columns.entries()) {
      const isLeft = slot < this.#leftWidth;
      const source = isLeft ? leftColumns?.[slot] : rightColumns?.[slot - this.#leftWidth];
      if (source === undefined) writeAt(target, to, null);
      else copyAt(source, isLeft ? leftRow : rightRow, target, to);
    }
    this.#builder.rows += 1;
  }

  /** Many pairs at once into an empty batch; a right row of -1 is none. */
  protected gather(
    leftColumns: readonly ColumnVector[],
    leftRows: Int32Array,
    right: KeptRows,
    rightRows: Int32Array,
    count: number,
  ): void {
    assert(this.#builder.rows === 0 && count <= batchRowsMax, "pairs are gathered into an empty batch");
    const targets = this.#builder.reserve(count);
    for (const [slot, target] of targets.entries()) {
      const source = leftColumns[slot];
      if (slot < this.#leftWidth && source !== undefined) {
        if (source.kind === "numbers" && target.kind === "numbers" && !source.hasNulls) {
          gatherNumbers(source.numbers, leftRows, target, count);
        } else for (let at = 0; at < count; at += 1) copyAt(source, leftRows[at] ?? 0, target, at);
        continue;
      }
      const column = slot - this.#leftWidth;
      const kept = target.kind === "numbers" ? right.numbersOf(column) : null;
      if (kept !== null && target.kind === "numbers") {
        gatherKeptNumbers(kept, rightRows, target, count);
        continue;
      }
      for (let at = 0; at < count; at += 1) {
        const row = rightRows[at] ?? -1;
        const vector = row < 0 ? undefined : right.columnsAt(row)[column];
        if (vector === undefined) writeAt(target, at, null);
        else copyAt(vector, row % batchRowsMax, target, at);
      }
    }
  }

  next(): RowBatch | null {
    if (this.#steps === null) return null;
    this.#builder.clear();
    if (this.#steps.next().done === true) this.#steps = null;
    return this.#builder.rows === 0 ? null : this.#builder.batch();
  }

  close(): void {
    this.#steps = null;
    this.left.close();
    this.right.close();
  }
}

type NumberColumn = Extract<ColumnVector, { kind: "numbers" }>;

/** Numbers of rows none of which is NULL. */
function gatherNumbers(source: Float64Array, rows: Int32Array, { numbers, nulls }: NumberColumn, count: number): void {
  for (let at = 0; at < count; at += 1) numbers[at] = source[rows[at] ?? 0] ?? 0;
  nulls.fill(0, 0, count);
}

/** Numbers of kept rows, batch by batch; a row of -1 is none. */
function gatherKeptNumbers(kept: readonly NumberColumn[], rows: Int32Array, target: NumberColumn, count: number): void {
  const { numbers, nulls } = target;
  let anyNull = 0;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] ?? -1;
    const vector = row < 0 ? undefined : kept[row >>> batchRowsBits];
    if (vector === undefined) {
      nulls[at] = 1;
      anyNull = 1;
      continue;
    }
    const place = row & (batchRowsMax - 1);
    const isNull = vector.nulls[place] ?? 0;
    numbers[at] = vector.numbers[place] ?? 0;
    nulls[at] = isNull;
    anyNull |= isNull;
  }
  if (anyNull === 1) target.hasNulls = true;
}

const batchRowsBits = Math.log2(batchRowsMax);
assert(2 ** batchRowsBits === batchRowsMax, "a row's place in its batch is its number's low bits");

export class NestedLoopOperator extends JoinOperator {
  readonly #filter: BatchFilter | null;
  readonly #loaded: readonly number[];
  readonly #kept: KeptRows;
  #isKept = false;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    super(node, left, right, execution);
    const rightLayout = layoutOf(node.right.columns);
    this.#filter = node.condition === null ? null : compileFilter(node.condition, rightLayout, execution);
    const used = columnsOf(node.condition);
    if (node.isLateral) for (const id of outerColumnsOf(node.right)) used.add(id);
    this.#loaded = [...used].filter((id) => this.leftLayout.has(id));
    this.#kept = new KeptRows(node.right.columns, execution.memory);
  }

  override reset(): void {
    this.#kept.clear();
    this.#isKept = false;
    super.reset();
  }

  protected override *produce(): Generator<null> {
    const { type } = this.node;
    const isRightKept = type === "right" || type === "full";
    if (isRightKept) this.#keep();
    const matchedRight = isRightKept ? new Uint8Array(this.#kept.rows) : null;
    for (let batch = this.left.next(); batch !== null; batch = this.left.next()) {
      const { columns } = batch;
      this.isMidway = true;
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        this.execution.load(this.#loaded, this.leftLayout, columns, row);
        let isMatched = false;
        let base = 0;
        for (const candidates of this.#rightBatches()) {
          this.execution.work(candidates.rows);
          const kept = this.#filter === null ? candidates : this.#filter(candidates);
          if (kept.rows > 0) isMatched = true;
          if (type === "semi" || type === "anti") {
            if (isMatched) break;
            continue;
          }
          for (let at = 0; at < kept.rows; at += 1) {
            const place = placeOf(kept, at);
            if (matchedRight !== null) matchedRight[base + place] = 1;
            this.pair(columns, row, kept.columns, place);
            if (this.isFull) yield null;
          }
          base += candidates.rows;
        }
        const isAlone =
          type === "left" || type === "full"
            ? !isMatched
            : type === "semi"
              ? isMatched
              : type === "anti"
                ? !isMatched
                : false;
        if (isAlone) {
          this.pair(columns, row, null, 0);
          if (this.isFull) yield null;
        }
      }
      this.isMidway = false;
    }
    if (matchedRight === null) return;
    for (const [row, isMatched] of matchedRight.entries()) {
      if (isMatched === 1) continue;
      this.pair(null, 0, this.#kept.columnsAt(row), row % batchRowsMax);
      if (this.isFull) yield null;
    }
  }

  #keep(): void {
    if (this.#isKept) return;
    this.right.reset();
    for (let batch = this.right.next(); batch !== null; batch = this.right.next()) this.#kept.append(batch);
    this.right.close();
    this.#isKept = true;
  }

  /** The right side for the loaded left row. */
  *#rightBatches(): Iterable<RowBatch> {
    if (!this.node.isLateral) {
      this.#keep();
      yield* this.#kept.batches;
      return;
    }
    this.right.reset();
    for (let batch = this.right.next(); batch !== null; batch = this.right.next()) yield batch;
    this.right.close();
  }
}

/** Types whose values are 32-bit integers in columns of numbers. */
const integerTypes: ReadonlySet<number> = new Set([typeOid.int2, typeOid.int4]);

export class HashJoinOperator extends JoinOperator {
  readonly #leftKey: JoinKey;
  readonly #rightKey: JoinKey;
  /** Places of the key columns when both are plain integers. */
  readonly #integers: { readonly left: number; readonly right: number } | null;
  readonly #residual: RowFunction | null;
  readonly #loaded: readonly number[];
  readonly #kept: KeptRows;
  readonly #memory: MemoryShare;
  #first = new Map<Key, number>();
  #firstOfInteger = new IntegerTable();
  /** Whether no two right rows have the same integer. */
  #hasUniqueKeys = true;
  #following: Int32Array = new Int32Array(0);
  /** Keys of the right rows until they are chained. */
  readonly #keys: (Key | null)[] = [];
  #isBuilt = false;
  /** Pairs that wait to be put out: places in the left batch, and numbers of right rows (-1 for none). */
  readonly #pairsLeft = new Int32Array(batchRowsMax);
  readonly #pairsRight = new Int32Array(batchRowsMax);
  #pairs = 0;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    super(node, left, right, execution);
    const { method } = node;
    assert(method.kind !== "nestedLoop", "a hash join has keys");
    const rightLayout = layoutOf(node.right.columns);
    this.#leftKey = compileJoinKey(method.leftKeys, this.leftLayout, execution);
    this.#rightKey = compileJoinKey(method.rightKeys, rightLayout, execution);
    this.#integers = integerColumns(method.leftKeys, method.rightKeys, this.leftLayout, rightLayout);
    this.#residual = method.residual === null ? null : compileExpression(method.residual, rightLayout, execution);
    this.#loaded = [...columnsOf(method.residual)].filter((id) => this.leftLayout.has(id));
    this.#memory = new MemoryShare(execution.memory);
    this.#kept = new KeptRows(node.right.columns, execution.memory);
  }

  override reset(): void {
    this.#begin();
    super.reset();
  }

  override prepare(): boolean {
    return (this.#isBuilt || this.#build()) && super.prepare();
  }

  #begin(): void {
    this.#kept.clear();
    this.#memory.release();
    this.#first = new Map();
    this.#hasUniqueKeys = true;
    this.#firstOfInteger = new IntegerTable();
    this.#keys.length = 0;
    this.#isBuilt = false;
    this.right.reset();
  }

  /** Takes some rows of the right side, and chains them when there are no more: then it is true. */
  #build(): boolean {
    const keepsAll = this.node.type === "right" || this.node.type === "full";
    const keys = this.#keys;
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.right); taken += 1) {
      const batch = this.right.next();
      if (batch === null) {
        this.#chain();
        return true;
      }
      this.#memory.take(batch.rows * 48);
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        const key =
          this.#integers === null
            ? this.#rightKey(batch.columns, row)
            : integerAt(batch.columns, this.#integers.right, row);
        if (key === null && !keepsAll) continue;
        keys.push(key);
        this.#kept.appendAt(batch.columns, row);
      }
    }
    return false;
  }

  /** Chains of right rows by key, in their order: `first` of a key, then `following` of a row; -1 ends. */
  #chain(): void {
    const keys = this.#keys;
    this.right.close();
    this.#isBuilt = true;
    this.#following = new Int32Array(keys.length).fill(-1);
    for (let row = keys.length - 1; row >= 0; row -= 1) {
      const key = keys[row] ?? null;
      if (key === null) continue;
      if (this.#integers === null) {
        this.#following[row] = this.#first.get(key) ?? -1;
        this.#first.set(key, row);
      } else if (typeof key === "number") {
        const next = this.#firstOfInteger.get(key);
        if (next >= 0) this.#hasUniqueKeys = false;
        this.#following[row] = next;
        this.#firstOfInteger.set(key, row);
      }
    }
    keys.length = 0;
  }

  #candidate(columns: readonly ColumnVector[], row: number): number {
    if (this.#integers !== null) {
      const vector = columns[this.#integers.left];
      if (vector !== undefined && vector.kind === "numbers") {
        return vector.nulls[row] === 1 ? -1 : this.#firstOfInteger.get(vector.numbers[row] ?? 0);
      }
      const key = integerAt(columns, this.#integers.left, row);
      return key === null ? -1 : this.#firstOfInteger.get(key);
    }
    const key = this.#leftKey(columns, row);
    return key === null ? -1 : (this.#first.get(key) ?? -1);
  }

  protected override *produce(): Generator<null> {
    while (!this.#isBuilt) this.#build();
    const { type } = this.node;
    const residual = this.#residual;
    const isHalf = type === "semi" || type === "anti";
    const keepsLeft = type === "left" || type === "full";
    const matchedRight = type === "right" || type === "full" ? new Uint8Array(this.#kept.rows) : null;
    // Each left row has one right row at most, and nothing else is asked of the pair.
    const isDirect = type === "inner" && residual === null && this.#integers !== null && this.#hasUniqueKeys;
    for (let batch = this.left.next(); batch !== null; batch = this.left.next()) {
      const { columns, rows, selection } = batch;
      this.execution.work(rows);
      if (isDirect) {
        this.#probe(batch);
        if (this.#pairs === 0) continue;
        this.#flush(columns);
        yield null;
        continue;
      }
      this.isMidway = true;
      for (let index = 0; index < rows; index += 1) {
        const row = selection === null ? index : (selection[index] ?? 0);
        let candidate = this.#candidate(columns, row);
        if (residual !== null && candidate >= 0) this.execution.load(this.#loaded, this.leftLayout, columns, row);
        let isMatched = false;
        for (; candidate >= 0; candidate = this.#following[candidate] ?? -1) {
          if (residual !== null && residual(this.#kept.columnsAt(candidate), candidate % batchRowsMax) !== true)
            continue;
          isMatched = true;
          if (isHalf) break;
          if (matchedRight !== null) matchedRight[candidate] = 1;
          if (this.#add(row, candidate)) {
            this.#flush(columns);
            yield null;
          }
        }
        const isAlone = isHalf ? isMatched === (type === "semi") : keepsLeft && !isMatched;
        if (isAlone && this.#add(row, -1)) {
          this.#flush(columns);
          yield null;
        }
      }
      this.isMidway = false;
      // The next left batch takes this one's place.
      if (this.#pairs > 0) {
        this.#flush(columns);
        yield null;
      }
    }
    if (matchedRight === null) return;
    for (const [row, isMatched] of matchedRight.entries()) {
      if (isMatched === 1) continue;
      this.pair(null, 0, this.#kept.columnsAt(row), row % batchRowsMax);
      if (this.isFull) yield null;
    }
  }

  /**
   * Pairs the rows of a batch with right rows whose integer is unique, so that all pairs fit one batch. In a loop of its own: a generator is
   * not compiled as well.
   */
  #probe(batch: RowBatch): void {
    assert(this.#pairs === 0 && this.#integers !== null, "a batch is paired as a whole");
    const { columns, rows, selection } = batch;
    const vector = columns[this.#integers.left];
    const table = this.#firstOfInteger;
    const lefts = this.#pairsLeft;
    const rights = this.#pairsRight;
    let pairs = 0;
    if (vector?.kind === "numbers") {
      const { numbers, nulls } = vector;
      for (let index = 0; index < rows; index += 1) {
        const row = selection === null ? index : (selection[index] ?? 0);
        const right = table.get(numbers[row] ?? 0);
        lefts[pairs] = row;
        rights[pairs] = right;
        // No branch: a pair that is none is written over by the next.
        pairs += right >= 0 && nulls[row] === 0 ? 1 : 0;
      }
    } else {
      for (let index = 0; index < rows; index += 1) {
        const row = selection === null ? index : (selection[index] ?? 0);
        const right = this.#candidate(columns, row);
        if (right < 0) continue;
        lefts[pairs] = row;
        rights[pairs] = right;
        pairs += 1;
      }
    }
    this.#pairs = pairs;
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
    this.gather(columns, this.#pairsLeft, this.#kept, this.#pairsRight, this.#pairs);
    this.#pairs = 0;
  }

  override close(): void {
    super.close();
    this.#kept.clear();
    this.#memory.release();
    this.#first = new Map();
    this.#firstOfInteger = new IntegerTable();
  }
}

function integerColumns(
  left: readonly BoundExpression[],
  right: readonly BoundExpression[],
  leftLayout: Layout,
  rightLayout: Layout,
): { readonly left: number; readonly right: number } | null {
  const [a] = left;
  const [b] = right;
  if (left.length !== 1 || a?.kind !== "column" || b?.kind !== "column") return null;
  if (!integerTypes.has(a.type.oid) || !integerTypes.has(b.type.oid)) return null;
  const places = { left: leftLayout.get(a.id), right: rightLayout.get(b.id) };
  return places.left === undefined || places.right === undefined ? null : { left: places.left, right: places.right };
}

function integerAt(columns: readonly ColumnVector[], slot: number, row: number): number | null {
  const vector = columns[slot];
  assert(vector !== undefined, "a batch has the key column");
  const value = readAt(vector, row);
  assert(value === null || typeof value === "number", "an integer is a number");
  return value;
}
