/**
 * Window functions over one window: rows sorted by partition and order, then each function for each row in turn. Rows beyond the memory are
 * sorted in files; a partition is in memory as a whole.
 */
import { ascending } from "../bind/sort.js";
import type { RowBatch } from "../engine.js";
import type { Accumulator, WindowView } from "../functions/registry.js";
import type { SortKey, WindowNode, WindowStream } from "../plan/plan.js";
import { batchRowsMax } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { compileExpression, type RowFunction } from "./compile.js";
import { batchesAtOnce, type Execution, isPrepared, layoutOf, type Operator, placeOf } from "./execution.js";
import { PartitionFirsts } from "./partition-firsts.js";
import { RowSorter } from "./row-sorter.js";
import type { CompareRows } from "./sort-keys.js";
import { compareSortRows } from "./sort-values.js";
import { BatchBuilder, copyAt, writeAt } from "./vector.js";
import { aggregateExcluding } from "./window-exclusion.js";
import { Frames, peersOf, type Span } from "./window-frames.js";

/** Rows that are gathered before the first are put out of a window that streams. */
const streamedFirst = 64;
/** Rows of partitions in order that are put out together at least. */
const orderedLeast = 64;

interface CompiledCall {
  readonly call: WindowNode["calls"][number];
  readonly arguments: readonly RowFunction[];
  readonly filter: RowFunction | null;
}

export class WindowOperator implements Operator {
  readonly #node: WindowNode;
  readonly #input: Operator;
  readonly #execution: Execution;
  readonly #keys: readonly SortKey[];
  readonly #calls: readonly CompiledCall[];
  readonly #builder: BatchBuilder;
  readonly #rows: RowSorter;
  /** Null where all rows are wanted. */
  readonly #firsts: PartitionFirsts | null;
  #output: Iterator<RowBatch> | null = null;

  constructor(node: WindowNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    this.#keys = [...node.partition.map(ascending), ...node.order];
    const layout = layoutOf(node.input.columns);
    this.#calls = node.calls.map((call) => ({
      call,
      arguments: call.arguments.map((argument) => compileExpression(argument, layout, execution)),
      filter: call.filter === null ? null : compileExpression(call.filter, layout, execution),
    }));
    this.#builder = new BatchBuilder(node.columns);
    this.#rows = new RowSorter(node.input.columns, this.#keys, execution);
    this.#firsts = node.firsts === undefined ? null : new PartitionFirsts(node, node.firsts, execution);
  }

  reset(): void {
    this.#input.reset();
    this.#rows.clear();
    this.#firsts?.clear();
    this.#output = null;
  }

  next(): RowBatch | null {
    while (!this.prepare());
    const step = this.#output?.next();
    return step === undefined || step.done === true ? null : step.value;
  }

  prepare(): boolean {
    if (this.#output !== null) return true;
    const { stream, isOrdered } = this.#node;
    if (stream !== null || isOrdered === true) {
      this.#output = stream === null ? this.#runOrdered() : this.#streamed(stream);
      return true;
    }
    if (!this.#gather()) return false;
    this.#input.close();
    this.#firsts?.clear();
    this.#output = this.#rows.hasRuns ? this.#runMerged() : this.#run();
    return true;
  }

  /** Takes some of the input; true when there is no more. */
  #gather(): boolean {
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.#input); taken += 1) {
      const batch = this.#input.next();
      if (batch === null) return true;
      this.#execution.work(batch.rows);
      let added = 0;
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        if (this.#firsts?.admits(batch.columns, row) === false) continue;
        this.#rows.add(batch.columns, row);
        added += 1;
      }
      this.#rows.charge(added * this.#bytesEach);
      // Without partitions there is one, which has to fit the memory anyway.
      if (this.#node.partition.length > 0) this.#rows.relieve();
    }
    return false;
  }

  /** Bytes of a row's keys and results. */
  get #bytesEach(): number {
    return (this.#keys.length + this.#calls.length) * 16;
  }

  /**
   * Rows that come in order, put out as soon as those behind them have come that their results are of. All are evaluated anew whenever twice as many
   * have come: a limit mostly ends it before.
   */
  *#streamed({ ahead, needsPeers, stop }: WindowStream): Generator<RowBatch> {
    const { kept, keys } = this.#rows;
    const stopAt = this.#node.columns.findIndex(({ id }) => id === stop?.id) - this.#node.input.columns.length;
    let given = 0;
    let isOver = false;
    this.#builder.clear();
    const first = Math.max(streamedFirst, (stop?.max ?? 0) + ahead + 1);
    for (let wanted = first; !isOver; wanted *= 2) {
      while (!isOver && kept.rows < wanted) {
        const batch = this.#input.next();
        isOver = batch === null;
        if (batch === null) break;
        this.#execution.work(batch.rows);
        this.#rows.charge(batch.rows * this.#bytesEach);
        for (let index = 0; index < batch.rows; index += 1) this.#rows.add(batch.columns, placeOf(batch, index));
      }
      const rows = Array.from({ length: kept.rows }, (_, at) => at);
      const { results, peers } = this.#resultsOf(rows, keys.comparison());
      let known: number = isOver ? rows.length : Math.max(given, rows.length - ahead);
      if (!isOver && needsPeers) known = Math.min(known, peers.at(-1)?.from ?? 0);
      if (stop !== null) {
        const beyond = results[stopAt]?.findIndex((result) => Number(result) > stop.max) ?? -1;
        isOver ||= beyond >= 0 && beyond < known;
        if (beyond >= 0) known = Math.min(known, beyond);
      }
      yield* this.#put(rows, results, given, known);
      if (this.#builder.rows > 0) yield this.#builder.batch();
      this.#builder.clear();
      given = Math.max(given, known);
    }
  }

  *#run(): Generator<RowBatch> {
    const { keys } = this.#rows;
    const order = this.#rows.order();
    const samePartition = keys.comparison(0, this.#node.partition.length);
    // Made once: it looks at the keys of all rows.
    const compare = keys.comparison(this.#node.partition.length);
    this.#builder.clear();
    for (let from = 0; from < order.length; ) {
      const first = order[from] ?? 0;
      let to = from + 1;
      while (to < order.length && samePartition(first, order[to] ?? 0) === 0) to += 1;
      yield* this.#partition(order.slice(from, to), compare);
      from = to;
    }
    if (this.#builder.rows > 0) yield this.#builder.batch();
  }

  /** Rows that come by partitions, each in its order: one is kept at a time. */
  *#runOrdered(): Generator<RowBatch> {
    const { kept, keys } = this.#rows;
    const { partition, firsts } = this.#node;
    const keptMax = firsts === undefined || firsts.withPeers ? Number.POSITIVE_INFINITY : firsts.max;
    this.#builder.clear();
    for (let batch = this.#input.next(); batch !== null; batch = this.#input.next()) {
      this.#execution.work(batch.rows);
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        if (!keys.agreesWithLast(batch.columns, row, partition.length)) {
          yield* this.#keptPartition();
          this.#rows.forgetKept();
        }
        if (kept.rows >= keptMax) continue;
        this.#rows.charge(this.#bytesEach);
        this.#rows.add(batch.columns, row);
      }
      // A limit above may have enough of them.
      if (this.#builder.rows < orderedLeast) continue;
      yield this.#builder.batch();
      this.#builder.clear();
    }
    yield* this.#keptPartition();
    if (this.#builder.rows > 0) yield this.#builder.batch();
    this.#rows.clear();
  }

  /** The same of rows that come sorted out of files: those of one partition are kept at a time. */
  *#runMerged(): Generator<RowBatch> {
    const merged = this.#rows.merged();
    const { keys } = this.#rows;
    const partitionKeys = this.#keys.slice(0, this.#node.partition.length);
    let current: readonly Datum[] | null = null;
    this.#builder.clear();
    for (const { columns, rows } of merged) {
      for (let row = 0; row < rows; row += 1) {
        const own = keys.keysOf(columns, row);
        if (current !== null && compareSortRows(partitionKeys, current, own) !== 0) {
          yield* this.#keptPartition();
          this.#rows.forgetKept();
        }
        current = own;
        this.#rows.charge(this.#bytesEach);
        this.#rows.add(columns, row);
      }
    }
    yield* this.#keptPartition();
    if (this.#builder.rows > 0) yield this.#builder.batch();
    this.#rows.clear();
  }

  #keptPartition(): Generator<RowBatch> {
    const { kept, keys } = this.#rows;
    const rows = Array.from({ length: kept.rows }, (_, at) => at);
    return this.#partition(rows, keys.comparison(this.#node.partition.length));
  }

  /**
   * @param rows of one partition by their numbers, in their order
   * @param compare by the window's order
   */
  *#partition(rows: readonly number[], compare: CompareRows): Generator<RowBatch> {
    yield* this.#put(rows, this.#resultsOf(rows, compare).results, 0, rows.length);
    this.#execution.work(rows.length);
  }

  /** Each call's results, row by row. */
  #resultsOf(
    rows: readonly number[],
    compare: CompareRows,
  ): { readonly results: readonly (readonly Datum[])[]; readonly peers: readonly Span[] } {
    const { partition, order } = this.#node;
    const { keys } = this.#rows;
    const orderValues = order.length === 1 ? (keys.values[partition.length] ?? []) : [];
    const peers = peersOf(rows, this.#node.order.length === 0 ? () => 0 : compare);
    const frames = new Frames(this.#node, rows, peers, orderValues, this.#execution);
    return { results: this.#calls.map((call) => this.#evaluate(call, rows, peers, frames)), peers };
  }

  /** Puts out some of the rows with their results. */
  *#put(
    rows: readonly number[],
    results: readonly (readonly Datum[])[],
    from: number,
    to: number,
  ): Generator<RowBatch> {
    const width = this.#node.input.columns.length;
    for (let at = from; at < to; at += 1) {
      const row = rows[at] ?? 0;
      const columns = this.#rows.kept.columnsAt(row);
      const place = this.#builder.rows;
      for (const [slot, target] of this.#builder.columns.entries()) {
        const source = columns[slot];
        if (slot < width && source !== undefined) copyAt(source, row % batchRowsMax, target, place);
        else writeAt(target, place, results[slot - width]?.[at] ?? null);
      }
      this.#builder.rows += 1;
      if (!this.#builder.isFull) continue;
      yield this.#builder.batch();
      this.#builder.clear();
    }
  }

  /** The call's value for each row of the partition. */
  #evaluate(compiled: CompiledCall, rows: readonly number[], peers: readonly Span[], frames: Frames): readonly Datum[] {
    const { callee } = compiled.call;
    const argument = (index: number, at: number): Datum => {
      const row = rows[at];
      const compute = compiled.arguments[index];
      if (row === undefined || compute === undefined) return null;
      return compute(this.#rows.kept.columnsAt(row), row % batchRowsMax);
    };
    const { context } = this.#execution.environment;
    if (callee.kind === "window") {
      const evaluate = callee.start(context);
      return rows.map((_, at) => {
        const peer = peers[at] ?? { from: at, to: at + 1 };
        const view: WindowView = {
          row: at,
          partitionRows: rows.length,
          peersFrom: peer.from,
          peersTo: peer.to,
          frameRow: (n) => frames.row(at, n),
          lastFrameRow: () => frames.lastRow(at),
          argument,
        };
        return evaluate(view);
      });
    }
    const isCounted = (at: number): boolean => {
      if (compiled.filter === null) return true;
      const row = rows[at] ?? 0;
      return compiled.filter(this.#rows.kept.columnsAt(row), row % batchRowsMax) === true;
    };
    const argumentsAt = (at: number): Datum[] | null => {
      if (!isCounted(at)) return null;
      const values = compiled.arguments.map((_, index) => argument(index, at));
      return callee.isStrict && values.includes(null) ? null : values;
    };
    const start = (): Accumulator => callee.start(context, []);
    if (frames.hasExclusion)
      return aggregateExcluding({ rows: rows.length, frames, argumentsAt, start }, this.#execution);
    return aggregateFrames(rows.length, frames, argumentsAt, start, this.#execution);
  }

  close(): void {
    this.#input.close();
    this.#rows.clear();
    this.#firsts?.clear();
    this.#output = null;
  }
}

/** An aggregate for each row's frame. A frame that only grows at its end, or slides, goes on from the one before. */
function aggregateFrames(
  rows: number,
  frames: Frames,
  argumentsAt: (at: number) => readonly Datum[] | null,
  start: () => Accumulator,
  execution: Execution,
): readonly Datum[] {
  const results: Datum[] = [];
  let state = start();
  let from = 0;
  let to = 0;
  let last: Datum = null;
  let isKnown = false;
  const add = (at: number): void => {
    const values = argumentsAt(at);
    if (values !== null) state.add(values[0] ?? null, values.slice(1));
  };
  for (let at = 0; at < rows; at += 1) {
    const span = frames.span(at);
    const isSame = isKnown && span.from === from && span.to === to;
    if (!isSame) {
      const canSlide = span.from >= from && span.to >= to && span.from <= to;
      const canRemove = span.from === from || (state.remove !== undefined && canSlide);
      if (!canSlide || !canRemove) {
        state = start();
        from = span.from;
        to = span.from;
      }
      for (; from < span.from; from += 1) {
        const values = argumentsAt(from);
        if (values !== null) state.remove?.(values[0] ?? null, values.slice(1));
      }
      execution.work(span.to - to);
      for (; to < span.to; to += 1) add(to);
      last = state.finish([]);
      isKnown = true;
    }
    results.push(last);
  }
  return results;
}
