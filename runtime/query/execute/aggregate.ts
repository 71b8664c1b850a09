/** GROUP BY and aggregates: a table of groups by key, each with the running states of its aggregates; one table for each grouping set. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { AggregateNode } from "../plan/plan.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { typeOid } from "../types/sql-type.js";
import {
  addRow,
  type CompiledAggregate,
  compileAggregate,
  finishAggregate,
  type GroupAggregate,
  none,
  startAggregate,
} from "./aggregate-calls.js";
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
import { GroupSums, sumOf } from "./group-sums.js";
import { IntegerTable } from "./integer-table.js";
import { compileGroupKey, type Key } from "./keys.js";
import { canSpill } from "./spill.js";
import { isOverfull, newParts, partsMax, type SpillParts } from "./spill-parts.js";
import { BatchBuilder } from "./vector.js";

interface Group {
  readonly keys: readonly Datum[];
  readonly aggregates: readonly GroupAggregate[];
}

interface GroupSet {
  readonly places: readonly number[];
  readonly keyOf: (columns: readonly ColumnVector[], row: number) => Key;
  readonly groups: Map<Key, Group>;
  /** Place of the column when it is grouped by one of integers; -1 when not. Its groups are then found by `places32`. */
  readonly integerSlot: number;
  places32: IntegerTable;
  integerGroups: Group[];
  /** What the groups of integers have gathered, by aggregate; null for an aggregate that takes each row. */
  sums: (GroupSums | null)[];
  nullGroup: number;
  /** Bytes that its groups take, about. */
  bytes: number;
  /**
   * Set once no more groups are begun: rows of others, which are grouped when all that are in memory are put out, so that a group's rows come
   * together, in their order.
   */
  overflow: SpillParts | null;
  /** How often the rows that it reads were parted. */
  level: number;
}

export class AggregateOperator implements Operator {
  readonly #node: AggregateNode;
  readonly #input: Operator;
  readonly #execution: Execution;
  readonly #layout: Layout;
  readonly #groups: readonly RowFunction[];
  readonly #aggregates: readonly CompiledAggregate[];
  readonly #sets: readonly GroupSet[];
  readonly #builder: BatchBuilder;
  readonly #found = new Int32Array(batchRowsMax);
  readonly #canSpill: boolean;
  /** Files whose rows are being grouped. */
  readonly #reading = new Set<SpillParts>();
  #output: Iterator<RowBatch> | null = null;

  constructor(node: AggregateNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    this.#layout = layoutOf(node.input.columns);
    this.#builder = new BatchBuilder(node.columns);
    this.#groups = node.groups.map(({ expression }) => compileExpression(expression, this.#layout, execution));
    this.#aggregates = node.aggregates.map((call) => compileAggregate(call, this.#layout, execution));
    const sets = node.sets ?? [node.groups.map((_, index) => index)];
    this.#sets = sets.map((places) => ({
      places,
      keyOf: compileGroupKey(
        places.flatMap((place) => node.groups[place]?.expression ?? []),
        this.#layout,
        execution,
      ),
      groups: new Map(),
      integerSlot: this.#integerSlot(places),
      places32: new IntegerTable(),
      integerGroups: [],
      sums: [],
      nullGroup: -1,
      bytes: 0,
      overflow: null,
      level: 0,
    }));
    this.#canSpill = execution.environment.spill !== undefined && canSpill(node.input.columns);
  }

  #integerSlot(places: readonly number[]): number {
    const [place] = places;
    const expression = place === undefined ? undefined : this.#node.groups[place]?.expression;
    if (places.length !== 1 || expression?.kind !== "column") return -1;
    const { oid } = expression.type;
    return oid === typeOid.int4 || oid === typeOid.int2 ? (this.#layout.get(expression.id) ?? -1) : -1;
  }

  reset(): void {
    this.#input.reset();
    this.#forget();
    this.#output = null;
  }

  #forgetGroups(set: GroupSet): void {
    if (set.groups.size > 0) set.groups.clear();
    // A subquery that runs for each row of another begins anew as often.
    if (set.places32.size > 0) set.places32 = new IntegerTable();
    if (set.integerGroups.length > 0) set.integerGroups = [];
    if (set.sums.length > 0) set.sums = [];
    set.nullGroup = -1;
    this.#execution.memory.give(set.bytes);
    set.bytes = 0;
  }

  #charge(set: GroupSet, bytes: number): void {
    set.bytes += bytes;
    this.#execution.memory.take(bytes);
  }

  #forget(): void {
    for (const set of this.#sets) {
      this.#forgetGroups(set);
      set.overflow?.close();
      set.overflow = null;
      set.level = 0;
    }
    for (const file of this.#reading) file.close();
    this.#reading.clear();
  }

  prepare(): boolean {
    if (this.#output !== null) return true;
    if (!this.#gather()) return false;
    this.#input.close();
    this.#output = this.#finished();
    return true;
  }

  next(): RowBatch | null {
    while (!this.prepare());
    const step = this.#output?.next();
    return step === undefined || step.done === true ? null : step.value;
  }

  /** Takes some of the input; true when there is no more. */
  #gather(): boolean {
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.#input); taken += 1) {
      const batch = this.#input.next();
      if (batch === null) return true;
      this.#execution.work(batch.rows);
      for (const set of this.#sets) {
        if (set.places.length === 0) this.#addAll(set, batch);
        else this.#addGrouped(set, batch);
      }
    }
    return false;
  }

  /** Begins no more groups when memory is tight: rows of others are written to files. */
  #addGrouped(set: GroupSet, batch: RowBatch): void {
    const isFull = this.#canSpill && isOverfull(this.#execution, set.level, set.groups.size, set.bytes);
    if (isFull) set.overflow ??= newParts(this.#node.input.columns, this.#execution, set.level);
    this.#addEach(set, batch);
  }

  #finished(): Iterator<RowBatch> {
    for (const set of this.#sets) {
      // Without GROUP BY, and for an empty grouping set, there is a group even of no rows.
      if (set.places.length === 0 && set.groups.size === 0 && (this.#node.isPlain || this.#node.sets !== null)) {
        this.#group(set, 0, [], 0);
      }
    }
    return this.#emit();
  }

  #addEach(set: GroupSet, batch: RowBatch): void {
    const { rows, selection, columns } = batch;
    const slot = set.integerSlot;
    const vector = slot < 0 ? undefined : columns[slot];
    if (vector !== undefined && vector.kind === "numbers") {
      this.#addByInteger(set, batch, vector);
      return;
    }
    for (let index = 0; index < rows; index += 1) {
      const row = selection === null ? index : (selection[index] ?? 0);
      const key = set.keyOf(columns, row);
      let group = set.groups.get(key);
      if (group === undefined) {
        if (set.overflow !== null) {
          set.overflow.add(key, columns, row);
          continue;
        }
        group = this.#group(set, key, columns, row);
      }
      for (let at = 0; at < this.#aggregates.length; at += 1) {
        const compiled = this.#aggregates[at];
        const aggregate = group.aggregates[at];
        if (compiled !== undefined && aggregate !== undefined) this.#addRow(set, compiled, aggregate, columns, row);
      }
    }
  }

  /** Grouped by a column of integers: groups are found for the whole batch, then each aggregate goes over it. */
  #addByInteger(set: GroupSet, batch: RowBatch, vector: Extract<ColumnVector, { kind: "numbers" }>): void {
    const { rows, selection, columns } = batch;
    const { numbers, nulls } = vector;
    const groups = set.integerGroups;
    const found = this.#found;
    const isDirect = selection === null && !vector.hasNulls;
    // Groups that are there already: as far as a loop without anything else gets.
    const known = isDirect ? set.places32.getAll(numbers, rows, found) : 0;
    for (let index = known; index < rows; index += 1) {
      const row = selection === null ? index : (selection[index] ?? 0);
      const isNull = nulls[row] === 1;
      const key = numbers[row] ?? 0;
      let place = isNull ? set.nullGroup : set.places32.get(key);
      if (place < 0 && set.overflow !== null) {
        set.overflow.add(isNull ? "null" : key, columns, row);
      } else if (place < 0) {
        place = groups.length;
        groups.push(this.#group(set, isNull ? "null" : key, columns, row));
        if (isNull) set.nullGroup = place;
        else set.places32.set(key, place);
      }
      found[index] = place;
    }
    for (let at = 0; at < this.#aggregates.length; at += 1) {
      const compiled = this.#aggregates[at];
      if (compiled === undefined) continue;
      if (!this.#addSums(set, compiled, at, batch)) this.#addColumn(set, compiled, at, batch);
    }
  }

  /** Gathers a batch of an aggregate to which only sums and counts matter; false for any other. */
  #addSums(
    set: GroupSet,
    { slot, isPlain, isCountAll, call }: CompiledAggregate,
    at: number,
    batch: RowBatch,
  ): boolean {
    const vector = slot < 0 ? undefined : batch.columns[slot];
    const isOfNumbers = isPlain && call.callee.isStrict && vector !== undefined && vector.kind === "numbers";
    if (!isCountAll && !isOfNumbers) return false;
    let sums = set.sums[at];
    if (sums === undefined) {
      const first = set.integerGroups[0]?.aggregates[at];
      // Nothing was found yet.
      if (first === undefined) return false;
      sums = first.accumulator.addSum === undefined ? null : new GroupSums();
      set.sums[at] = sums;
    }
    if (sums === null) return false;
    if (sums.isFull) this.#flushSums(set, at, sums);
    const summed = isOfNumbers && !isCountAll ? vector : null;
    // Only rows of groups that were not begun are without one.
    sums.add(batch, summed, set.integerGroups.length, this.#found, set.overflow === null);
    return true;
  }

  #flushSums(set: GroupSet, at: number, sums: GroupSums): void {
    sums.flush((place) => {
      const aggregate = set.integerGroups[place]?.aggregates[at];
      assert(aggregate !== undefined, "what is gathered belongs to a group");
      return aggregate.accumulator;
    });
  }

  /** One aggregate over a batch whose rows' groups are known. */
  #addColumn(set: GroupSet, compiled: CompiledAggregate, at: number, batch: RowBatch): void {
    const { rows, selection, columns } = batch;
    const groups = set.integerGroups;
    const found = this.#found;
    const vector = compiled.slot < 0 ? undefined : columns[compiled.slot];
    const isPlain =
      compiled.isPlain && compiled.call.callee.isStrict && vector !== undefined && vector.kind === "numbers";
    for (let index = 0; index < rows; index += 1) {
      const row = selection === null ? index : (selection[index] ?? 0);
      const aggregate = groups[found[index] ?? 0]?.aggregates[at];
      if (aggregate === undefined) continue;
      if (compiled.isCountAll) aggregate.accumulator.add(null, none);
      else if (isPlain) {
        if (vector.nulls[row] === 0) aggregate.accumulator.add(vector.numbers[row] ?? 0, none);
      } else this.#addRow(set, compiled, aggregate, columns, row);
    }
  }

  /** All rows into one group: aggregates of numbers take whole columns. */
  #addAll(set: GroupSet, batch: RowBatch): void {
    const { rows, selection, columns } = batch;
    if (rows === 0) return;
    const group = set.groups.get(0) ?? this.#group(set, 0, columns, placeOf(batch, 0));
    for (const [at, compiled] of this.#aggregates.entries()) {
      const aggregate = group.aggregates[at];
      assert(aggregate !== undefined, "a group has all aggregates");
      const { accumulator } = aggregate;
      if (compiled.isCountAll && accumulator.addSum !== undefined) {
        accumulator.addSum(0, rows);
        continue;
      }
      const vector = compiled.slot < 0 ? undefined : columns[compiled.slot];
      if (vector?.kind === "numbers" && !vector.hasNulls && accumulator.addSum !== undefined) {
        accumulator.addSum(sumOf(vector.numbers, selection, rows), rows);
        continue;
      }
      if (vector !== undefined && vector.kind === "numbers" && accumulator.addNumbers !== undefined) {
        accumulator.addNumbers(vector.numbers, vector.nulls, selection, rows);
        continue;
      }
      if (compiled.numbers !== null && accumulator.addNumbers !== undefined) {
        const { numbers, nulls } = compiled.numbers(batch);
        accumulator.addNumbers(numbers, nulls, selection, rows);
        continue;
      }
      for (let index = 0; index < rows; index += 1) {
        this.#addRow(set, compiled, aggregate, columns, selection === null ? index : (selection[index] ?? 0));
      }
    }
  }

  #group(set: GroupSet, key: Key, columns: readonly ColumnVector[], row: number): Group {
    const keys = this.#groups.map((compute, place) => (set.places.includes(place) ? compute(columns, row) : null));
    this.#charge(set, 160 + keys.length * 32 + this.#aggregates.length * 96);
    const aggregates = this.#aggregates.map((compiled) => startAggregate(compiled, this.#execution));
    const group: Group = { keys, aggregates };
    set.groups.set(key, group);
    return group;
  }

  #addRow(
    set: GroupSet,
    compiled: CompiledAggregate,
    aggregate: GroupAggregate,
    columns: readonly ColumnVector[],
    row: number,
  ): void {
    const bytes = addRow(compiled, aggregate, columns, row);
    if (bytes > 0) this.#charge(set, bytes);
  }

  *#emit(): Generator<RowBatch> {
    this.#builder.clear();
    for (const [number, set] of this.#sets.entries()) yield* this.#emitSet(set, number);
    if (this.#builder.rows > 0) yield this.#builder.batch();
  }

  *#emitSet(set: GroupSet, number: number): Generator<RowBatch> {
    for (const [at, sums] of set.sums.entries())
      if (sums !== null && sums !== undefined) this.#flushSums(set, at, sums);
    for (const group of set.groups.values()) {
      const results = group.aggregates.map((aggregate, at) => finishAggregate(this.#aggregates[at], aggregate));
      const tail = this.#node.setId === null ? [] : [number];
      this.#builder.pushRow([...group.keys, ...results, ...tail]);
      if (!this.#builder.isFull) continue;
      yield this.#builder.batch();
      this.#builder.clear();
    }
    const { overflow } = set;
    this.#forgetGroups(set);
    if (overflow === null) return;
    set.overflow = null;
    this.#reading.add(overflow);
    for (let part = 0; part < partsMax; part += 1) {
      set.level = overflow.level + 1;
      for (const batch of overflow.rowsOf(part)) {
        this.#execution.work(batch.rows);
        this.#addGrouped(set, batch);
      }
      yield* this.#emitSet(set, number);
    }
    this.#reading.delete(overflow);
  }

  close(): void {
    this.#input.close();
    this.#forget();
    this.#output = null;
  }
}
