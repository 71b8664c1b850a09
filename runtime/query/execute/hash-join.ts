/**
 * A hash join: the right rows are kept by their keys, the left rows look up theirs. When the right rows are more than there is memory for,
 * both sides are written to files by the hash of the key, and joined file by file (a Grace hash join).
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { BoundExpression } from "../plan/expression.js";
import type { JoinNode } from "../plan/plan.js";
import { columnsOf } from "../plan/walk.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { typeOid } from "../types/sql-type.js";
import { compileExpression, type RowFunction } from "./compile.js";
import {
  batchesAtOnce,
  batchesOf,
  type Execution,
  isPrepared,
  type Layout,
  layoutOf,
  type Operator,
  placeOf,
} from "./execution.js";
import { JoinOperator } from "./join-operator.js";
import { type IntegerPlaces, integerAt, JoinTable } from "./join-table.js";
import { compileJoinKey, type JoinKey, type Key } from "./keys.js";
import { canSpill } from "./spill.js";
import { isOverfull, PartedSides, partsMax, type SpillParts } from "./spill-parts.js";

/** Types whose values are 32-bit integers in columns of numbers. */
const integerTypes: ReadonlySet<number> = new Set([typeOid.int2, typeOid.int4]);

const rowsBetweenLooks = 128;

/** Stands for NULL where rows of that key are kept. */
const nullKey: Key = "null";

export class HashJoinOperator extends JoinOperator {
  readonly #leftKey: JoinKey;
  readonly #rightKey: JoinKey;
  readonly #integers: IntegerPlaces | null;
  readonly #residual: RowFunction | null;
  readonly #loaded: readonly number[];
  readonly #canSpill: boolean;
  readonly #table: JoinTable;
  /** What is in files and not joined yet. */
  readonly #parted = new Set<PartedSides>();
  /** Set when the right side did not fit. */
  #overflow: PartedSides | null = null;
  #isBuilt = false;
  #isLeftParted = false;
  /** Pairs that wait to be put out: places in the left batch, and numbers of right rows (-1 for none). */
  readonly #pairsLeft = new Int32Array(batchRowsMax);
  readonly #pairsRight = new Int32Array(batchRowsMax);
  #pairs = 0;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    super(node, left, right, execution);
    const { method } = node;
    assert(method.kind === "hash" || method.kind === "merge", "a hash join has keys");
    const rightLayout = layoutOf(node.right.columns);
    this.#leftKey = compileJoinKey(method.leftKeys, this.leftLayout, execution);
    this.#rightKey = compileJoinKey(method.rightKeys, rightLayout, execution);
    this.#integers = integerColumns(method.leftKeys, method.rightKeys, this.leftLayout, rightLayout);
    this.#residual = method.residual === null ? null : compileExpression(method.residual, rightLayout, execution);
    this.#loaded = [...columnsOf(method.residual)].filter((id) => this.leftLayout.has(id));
    this.#canSpill =
      execution.environment.spill !== undefined && canSpill(node.left.columns) && canSpill(node.right.columns);
    this.#table = new JoinTable(node.right.columns, this.#leftKey, this.#integers, execution.memory);
  }

  override reset(): void {
    this.#forget();
    this.right.reset();
    super.reset();
  }

  #forget(): void {
    this.#table.clear();
    for (const parted of this.#parted) parted.close();
    this.#parted.clear();
    this.#overflow = null;
    this.#isBuilt = false;
    this.#isLeftParted = false;
    this.#pairs = 0;
  }

  override prepare(): boolean {
    if (!this.#isBuilt && !this.#build()) return false;
    return this.#overflow === null ? super.prepare() : this.#isLeftParted || this.#partLeft(this.#overflow);
  }

  // ------------------------------------------------------------------ the right side

  /** Takes some rows of the right side; true when there are no more. */
  #build(): boolean {
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.right); taken += 1) {
      const batch = this.right.next();
      if (batch === null) {
        this.right.close();
        this.#isBuilt = true;
        if (this.#overflow === null) this.#table.chain();
        return true;
      }
      this.#overflow = this.#keep(batch, 0, this.#overflow);
    }
    return false;
  }

  /** Keeps the rows of a batch of the right side, or writes them to files from where on there is no memory. */
  #keep(batch: RowBatch, level: number, before: PartedSides | null): PartedSides | null {
    let parted = before;
    const keepsAll = this.node.type === "right" || this.node.type === "full";
    const { columns } = batch;
    for (let index = 0; index < batch.rows; index += 1) {
      const row = placeOf(batch, index);
      const key =
        this.#integers === null ? this.#rightKey(columns, row) : integerAt(columns, this.#integers.right, row);
      if (key === null && !keepsAll) continue;
      // A batch may have many rows for a small memory.
      if (parted === null && index % rowsBetweenLooks === 0 && this.#isTight(level)) parted = this.#part(level);
      if (parted === null) this.#table.add(key, columns, row);
      else parted.right.add(key ?? nullKey, columns, row);
    }
    return parted;
  }

  #isTight(level: number): boolean {
    const { rows, bytes } = this.#table;
    return this.#canSpill && isOverfull(this.execution, level, rows.rows, bytes);
  }

  /** Writes what is kept to files. */
  #part(level: number): PartedSides {
    const { left, right } = this.node;
    const parted = new PartedSides(left.columns, right.columns, this.execution, level);
    this.#parted.add(parted);
    const { rows } = this.#table;
    for (const [key, row] of this.#table.entries())
      parted.right.add(key ?? nullKey, rows.columnsAt(row), row % batchRowsMax);
    this.execution.work(rows.rows);
    this.#table.clear();
    return parted;
  }

  // ------------------------------------------------------------------ the left side

  /** Writes some of the left side to files; true when there is no more. */
  #partLeft({ left }: PartedSides): boolean {
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.left); taken += 1) {
      const batch = this.left.next();
      this.#isLeftParted = batch === null;
      if (batch === null) return true;
      this.#addLeft(left, batch);
    }
    return false;
  }

  #addLeft(parts: SpillParts, batch: RowBatch): void {
    const { type } = this.node;
    const keepsAll = type === "left" || type === "full" || type === "anti";
    this.execution.work(batch.rows);
    for (let index = 0; index < batch.rows; index += 1) {
      const row = placeOf(batch, index);
      const key = this.#leftKey(batch.columns, row);
      if (key !== null || keepsAll) parts.add(key ?? nullKey, batch.columns, row);
    }
  }

  protected override *produce(): Generator<null> {
    while (!this.#isBuilt) this.#build();
    if (this.#overflow === null) {
      yield* this.#probeAll(batchesOf(this.left));
      return;
    }
    const parted = this.#overflow;
    while (!this.#isLeftParted) this.#partLeft(parted);
    yield* this.#joinParts(parted);
  }

  *#joinParts(parted: PartedSides): Generator<null> {
    const level = parted.level + 1;
    for (let number = 0; number < partsMax; number += 1) {
      if (parted.left.isEmpty(number) && parted.right.isEmpty(number)) continue;
      this.#table.clear();
      let again: PartedSides | null = null;
      for (const batch of parted.right.rowsOf(number)) {
        this.execution.work(batch.rows);
        again = this.#keep(batch, level, again);
      }
      if (again === null) {
        this.#table.chain();
        yield* this.#probeAll(parted.left.rowsOf(number));
      } else {
        for (const batch of parted.left.rowsOf(number)) this.#addLeft(again.left, batch);
        yield* this.#joinParts(again);
      }
    }
    this.#parted.delete(parted);
  }

  // ------------------------------------------------------------------ pairs

  *#probeAll(lefts: Iterable<RowBatch>): Generator<null> {
    const { type } = this.node;
    const table = this.#table;
    const residual = this.#residual;
    const isHalf = type === "semi" || type === "anti";
    const keepsLeft = type === "left" || type === "full";
    const matchedRight = type === "right" || type === "full" ? new Uint8Array(table.rows.rows) : null;
    // Each left row has one right row at most, and nothing else is asked of the pair.
    const isDirect = type === "inner" && residual === null && this.#integers !== null && table.hasUniqueKeys;
    for (const batch of lefts) {
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
        let candidate = table.firstOf(columns, row);
        if (residual !== null && candidate >= 0) this.execution.load(this.#loaded, this.leftLayout, columns, row);
        let isMatched = false;
        for (; candidate >= 0; candidate = table.after(candidate)) {
          if (residual !== null && residual(table.rows.columnsAt(candidate), candidate % batchRowsMax) !== true)
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
    if (matchedRight !== null) yield* this.unmatched(matchedRight, table.rows);
  }

  /**
   * Pairs the rows of a batch with right rows whose integer is unique, so that all pairs fit one batch. In a loop of its own: a generator is
   * not compiled as well.
   */
  #probe(batch: RowBatch): void {
    assert(this.#pairs === 0 && this.#integers !== null, "a batch is paired as a whole");
    const { columns, rows, selection } = batch;
    const vector = columns[this.#integers.left];
    const table = this.#table.integers;
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
        const right = this.#table.firstOf(columns, row);
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
    this.gather(columns, this.#pairsLeft, this.#table.rows, this.#pairsRight, this.#pairs);
    this.#pairs = 0;
  }

  override close(): void {
    super.close();
    this.#forget();
  }
}

function integerColumns(
  left: readonly BoundExpression[],
  right: readonly BoundExpression[],
  leftLayout: Layout,
  rightLayout: Layout,
): IntegerPlaces | null {
  const [a] = left;
  const [b] = right;
  if (left.length !== 1 || a?.kind !== "column" || b?.kind !== "column") return null;
  if (!integerTypes.has(a.type.oid) || !integerTypes.has(b.type.oid)) return null;
  const places = { left: leftLayout.get(a.id), right: rightLayout.get(b.id) };
  return places.left === undefined || places.right === undefined ? null : { left: places.left, right: places.right };
}
