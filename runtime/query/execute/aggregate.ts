/** GROUP BY and aggregates: a table of groups by key, each with the running states of its aggregates; one table for each grouping set. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { Accumulator } from "../functions/registry.js";
import type { AggregateCall, AggregateNode } from "../plan/plan.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { hashKeyOf } from "../types/compare.js";
import type { Datum } from "../types/datum.js";
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
import { GroupSums } from "./group-sums.js";
import { IntegerTable } from "./integer-table.js";
import { compileGroupKey, type Key } from "./keys.js";
import { compileOperand, type NumbersFunction } from "./numbers.js";
import { compareSortRows } from "./sort-values.js";
import { canSpill, SpilledRows } from "./spill.js";
import { BatchBuilder, readAt } from "./vector.js";

interface CompiledAggregate {
  readonly call: AggregateCall;
  readonly arguments: readonly RowFunction[];
  readonly direct: readonly RowFunction[];
  readonly order: readonly RowFunction[];
  readonly filter: RowFunction | null;
  /** All rows of a batch at once, when there is one group and the argument is a column of numbers. */
  readonly numbers: NumbersFunction | null;
  /** Place of the argument when it is a column as it is; -1 when not. */
  readonly slot: number;
  /** No DISTINCT, ORDER BY or FILTER, and one argument at most. */
  readonly isPlain: boolean;
  /** `count(*)` and nothing more. */
  readonly isCountAll: boolean;
}

/** An aggregate of one group. */
interface GroupAggregate {
  readonly accumulator: Accumulator;
  /** Values seen, for DISTINCT. */
  readonly seen: Set<Key> | null;
  /** Rows to be sorted before they are added. */
  readonly rows: { readonly args: readonly Datum[]; readonly keys: readonly Datum[] }[] | null;
  direct: readonly Datum[] | null;
}

interface Group {
  readonly keys: readonly Datum[];
  readonly aggregates: readonly GroupAggregate[];
}

/**
 * Rows of groups for which there is no memory, by the hash of their key: when all others are put out, each part is grouped for itself, so
 * that a group's rows come together, in their order.
 */
interface Overflow {
  readonly level: number;
  readonly parts: (SpilledRows | null)[];
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
  /** Set once no more groups are begun. */
  overflow: Overflow | null;
  /** How often the rows that it reads were parted: what overflows again is parted by another hash. */
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
  readonly #reading = new Set<SpilledRows>();
  #bytes = 0;
  #output: Iterator<RowBatch> | null = null;

  constructor(node: AggregateNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    this.#layout = layoutOf(node.input.columns);
    this.#builder = new BatchBuilder(node.columns);
    this.#groups = node.groups.map(({ expression }) => compileExpression(expression, this.#layout, execution));
    this.#aggregates = node.aggregates.map((call) => this.#compile(call));
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
      overflow: null,
      level: 0,
    }));
    // Of one set of groups only: several hold memory at once, and none of them knows how much of it is its own.
    this.#canSpill = sets.length === 1 && execution.environment.spill !== undefined && canSpill(node.input.columns);
  }

  #integerSlot(places: readonly number[]): number {
    const [place] = places;
    const expression = place === undefined ? undefined : this.#node.groups[place]?.expression;
    if (places.length !== 1 || expression?.kind !== "column") return -1;
    const { oid } = expression.type;
    return oid === typeOid.int4 || oid === typeOid.int2 ? (this.#layout.get(expression.id) ?? -1) : -1;
  }

  #compile(call: AggregateCall): CompiledAggregate {
    const compile = (expression: AggregateCall["arguments"][number]): RowFunction =>
      compileExpression(expression, this.#layout, this.#execution);
    const [argument] = call.arguments;
    const isSimple = call.arguments.length === 1 && !call.isDistinct && call.order.length === 0 && call.filter === null;
    return {
      call,
      arguments: call.arguments.map(compile),
      direct: call.direct.map(compile),
      order: call.order.map(({ expression }) => compile(expression)),
      filter: call.filter === null ? null : compile(call.filter),
      isPlain: isSimple,
      isCountAll:
        call.arguments.length === 0 &&
        !call.isDistinct &&
        call.order.length === 0 &&
        call.filter === null &&
        call.direct.length === 0,
      slot: isSimple && argument?.kind === "column" ? (this.#layout.get(argument.id) ?? -1) : -1,
      numbers: isSimple && argument !== undefined ? compileOperand(argument, this.#layout, this.#execution) : null,
    };
  }

  reset(): void {
    this.#input.reset();
    this.#forget();
    this.#output = null;
  }

  #forgetGroups(set: GroupSet): void {
    set.groups.clear();
    set.places32 = new IntegerTable();
    set.integerGroups = [];
    set.sums = [];
    set.nullGroup = -1;
  }

  #forget(): void {
    for (const set of this.#sets) {
      this.#forgetGroups(set);
      for (const part of set.overflow?.parts ?? []) part?.close();
      set.overflow = null;
      set.level = 0;
    }
    for (const file of this.#reading) file.close();
    this.#reading.clear();
    this.#execution.memory.give(this.#bytes);
    this.#bytes = 0;
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
    const isFull =
      this.#canSpill &&
      set.overflow === null &&
      set.level < levelsMax &&
      set.groups.size >= groupsMin &&
      this.#execution.memory.isTight(this.#bytes);
    if (isFull) set.overflow = { level: set.level, parts: new Array<SpilledRows | null>(partsOfOverflow).fill(null) };
    this.#addEach(set, batch);
  }

  #spill({ level, parts }: Overflow, key: Key, columns: readonly ColumnVector[], row: number): void {
    const { spill } = this.#execution.environment;
    assert(spill !== undefined, "rows are written where they may be");
    const part = hashOf(key, level) % partsOfOverflow;
    parts[part] ??= new SpilledRows(this.#node.input.columns, spill);
    parts[part]?.add(columns.map((column) => readAt(column, row)));
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
          this.#spill(set.overflow, key, columns, row);
          continue;
        }
        group = this.#group(set, key, columns, row);
      }
      for (let at = 0; at < this.#aggregates.length; at += 1) {
        const compiled = this.#aggregates[at];
        const aggregate = group.aggregates[at];
        if (compiled !== undefined && aggregate !== undefined) this.#addRow(compiled, aggregate, columns, row);
      }
    }
  }

  /** Grouped by a column of integers: groups are found for the whole batch, then each aggregate goes over it. */
  #addByInteger(set: GroupSet, batch: RowBatch, vector: Extract<ColumnVector, { kind: "numbers" }>): void {
    const { rows, selection, columns } = batch;
    const { numbers, nulls } = vector;
    const groups = set.integerGroups;
    const found = this.#found;
    for (let index = 0; index < rows; index += 1) {
      const row = selection === null ? index : (selection[index] ?? 0);
      const isNull = nulls[row] === 1;
      const key = numbers[row] ?? 0;
      let place = isNull ? set.nullGroup : set.places32.get(key);
      if (place < 0 && set.overflow !== null) {
        this.#spill(set.overflow, isNull ? "null" : key, columns, row);
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
      if (!this.#addSums(set, compiled, at, batch)) this.#addColumn(compiled, at, batch, groups, found);
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
    sums.add(batch, isOfNumbers && !isCountAll ? vector : null, set.integerGroups.length, this.#found);
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
  #addColumn(
    compiled: CompiledAggregate,
    at: number,
    batch: RowBatch,
    groups: readonly Group[],
    found: Int32Array,
  ): void {
    const { rows, selection, columns } = batch;
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
      } else this.#addRow(compiled, aggregate, columns, row);
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
      const vector = compiled.slot < 0 ? undefined : columns[compiled.slot];
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
        this.#addRow(compiled, aggregate, columns, selection === null ? index : (selection[index] ?? 0));
      }
    }
  }

  #group(set: GroupSet, key: Key, columns: readonly ColumnVector[], row: number): Group {
    const keys = this.#groups.map((compute, place) => (set.places.includes(place) ? compute(columns, row) : null));
    const bytes = 160 + keys.length * 32 + this.#aggregates.length * 96;
    this.#bytes += bytes;
    this.#execution.memory.take(bytes);
    const group: Group = { keys, aggregates: this.#aggregates.map((compiled) => this.#start(compiled)) };
    set.groups.set(key, group);
    return group;
  }

  #start({ call }: CompiledAggregate): GroupAggregate {
    const isOrdered = call.callee.form !== "plain";
    const orders = isOrdered ? call.order : [];
    return {
      accumulator: call.callee.start(this.#execution.environment.context, orders),
      seen: call.isDistinct ? new Set() : null,
      rows: call.order.length > 0 ? [] : null,
      direct: null,
    };
  }

  #addRow(compiled: CompiledAggregate, aggregate: GroupAggregate, columns: readonly ColumnVector[], row: number): void {
    if (compiled.filter !== null && compiled.filter(columns, row) !== true) return;
    const args = compiled.arguments;
    const first = args[0];
    aggregate.direct ??= compiled.direct.map((direct) => direct(columns, row));
    if (args.length <= 1 && aggregate.seen === null && aggregate.rows === null) {
      const value = first === undefined ? null : first(columns, row);
      if (value === null && first !== undefined && compiled.call.callee.isStrict) return;
      aggregate.accumulator.add(value, none);
      return;
    }
    const values = args.map((argument) => argument(columns, row));
    if (compiled.call.callee.isStrict && values.includes(null)) return;
    if (aggregate.seen !== null && this.#isSeen(compiled, aggregate.seen, values)) return;
    if (aggregate.rows === null) aggregate.accumulator.add(values[0] ?? null, values.slice(1));
    else {
      this.#execution.memory.take(64 + values.length * 24);
      this.#bytes += 64 + values.length * 24;
      aggregate.rows.push({ args: values, keys: compiled.order.map((key) => key(columns, row)) });
    }
  }

  #isSeen({ call }: CompiledAggregate, seen: Set<Key>, values: readonly Datum[]): boolean {
    let key: Key = "";
    for (const [index, value] of values.entries()) {
      const part = value === null ? "-" : String(hashKeyOf(call.arguments[index]?.type.oid ?? 0)(value));
      key += `${part.length}:${part}`;
    }
    if (seen.has(key)) return true;
    seen.add(key);
    this.#execution.memory.take(48);
    this.#bytes += 48;
    return false;
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
      const results = group.aggregates.map((aggregate, at) => this.#finish(this.#aggregates[at], aggregate));
      const tail = this.#node.setId === null ? [] : [number];
      this.#builder.pushRow([...group.keys, ...results, ...tail]);
      if (!this.#builder.isFull) continue;
      yield this.#builder.batch();
      this.#builder.clear();
    }
    const { overflow } = set;
    if (overflow === null) return;
    set.overflow = null;
    for (const part of overflow.parts) if (part !== null) this.#reading.add(part);
    for (const part of overflow.parts) {
      if (part === null) continue;
      this.#forgetGroups(set);
      this.#execution.memory.give(this.#bytes);
      this.#bytes = 0;
      set.level = overflow.level + 1;
      this.#regroup(set, part);
      yield* this.#emitSet(set, number);
      part.close();
      this.#reading.delete(part);
    }
  }

  /** Groups the rows of one part. */
  #regroup(set: GroupSet, part: SpilledRows): void {
    part.flush();
    const batch = new BatchBuilder(this.#node.input.columns);
    batch.clear();
    const add = (): void => {
      this.#execution.work(batch.rows);
      this.#addGrouped(set, batch.batch());
      batch.clear();
    };
    for (const row of part.read({ from: 0, to: part.end }, partChunkBytes)) {
      batch.pushRow(row);
      if (batch.isFull) add();
    }
    if (batch.rows > 0) add();
  }

  #finish(compiled: CompiledAggregate | undefined, aggregate: GroupAggregate): Datum {
    assert(compiled !== undefined, "a group has all aggregates");
    const { accumulator, rows } = aggregate;
    if (rows !== null) {
      const { order } = compiled.call;
      rows.sort((a, b) => compareSortRows(order, a.keys, b.keys));
      for (const { args } of rows) accumulator.add(args[0] ?? null, args.slice(1));
      rows.length = 0;
    }
    // Direct arguments use no column of a row that is not grouped by; of no rows they are computed of nothing.
    const direct = aggregate.direct ?? compiled.direct.map((one) => one([], 0));
    return accumulator.finish(direct);
  }

  close(): void {
    this.#input.close();
    this.#forget();
    this.#output = null;
  }
}

const none: readonly Datum[] = [];
export const partsOfOverflow = 16;
/** Parts of parts of parts …: beyond that it is the hash, not the memory, that does not part the rows. */
export const levelsMax = 6;
/** With fewer groups than that it is their states that take the memory, which no file makes smaller. */
export const groupsMin = 256;
export const partChunkBytes = 256 * 1024;

/** FNV-1a of a key's text, another one at each level. */
export function hashOf(key: Key, level: number): number {
  let hash = 0x811c_9dc5 ^ (level * 0x9e37_79b1);
  const text = String(key);
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x85eb_ca6b) >>> 16;
}
