/** Window functions over one window: rows sorted by partition and order, then each function for each row in turn. */
import { assert } from "../../types/assert.js";
import { ascending } from "../bind/sort.js";
import type { RowBatch } from "../engine.js";
import { SqlError } from "../error.js";
import type { Accumulator, WindowView } from "../functions/registry.js";
import type { SortKey, WindowBound, WindowNode } from "../plan/plan.js";
import { batchRowsMax } from "../table/access.js";
import type { Datum, Value } from "../types/datum.js";
import { compileExpression, type RowFunction } from "./compile.js";
import { batchesAtOnce, type Execution, isPrepared, layoutOf, type Operator, placeOf } from "./execution.js";
import { KeptRows } from "./kept-rows.js";
import { MemoryShare } from "./memory.js";
import { compileOuter } from "./scans.js";
import { SortKeys } from "./sort.js";
import { BatchBuilder, copyAt, writeAt } from "./vector.js";

interface CompiledCall {
  readonly call: WindowNode["calls"][number];
  readonly arguments: readonly RowFunction[];
  readonly filter: RowFunction | null;
}

/** Rows from `from` to `to` - 1, in a partition. */
interface Span {
  readonly from: number;
  readonly to: number;
}

export class WindowOperator implements Operator {
  readonly #node: WindowNode;
  readonly #input: Operator;
  readonly #execution: Execution;
  readonly #keys: readonly SortKey[];
  readonly #calls: readonly CompiledCall[];
  readonly #builder: BatchBuilder;
  readonly #memory: MemoryShare;
  readonly #kept: KeptRows;
  readonly #sortKeys: SortKeys;
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
    this.#memory = new MemoryShare(execution.memory);
    this.#sortKeys = new SortKeys(this.#keys, layout, execution);
    this.#kept = new KeptRows(node.input.columns, execution.memory);
  }

  reset(): void {
    this.#input.reset();
    this.#kept.clear();
    this.#sortKeys.clear();
    this.#memory.release();
    this.#output = null;
  }

  next(): RowBatch | null {
    while (!this.prepare());
    const step = this.#output?.next();
    return step === undefined || step.done === true ? null : step.value;
  }

  prepare(): boolean {
    if (this.#output !== null) return true;
    if (!this.#gather()) return false;
    this.#input.close();
    this.#output = this.#run();
    return true;
  }

  /** Takes some of the input; true when there is no more. */
  #gather(): boolean {
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.#input); taken += 1) {
      const batch = this.#input.next();
      if (batch === null) return true;
      this.#execution.work(batch.rows);
      this.#memory.take(batch.rows * (this.#keys.length + this.#calls.length) * 16);
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        this.#sortKeys.add(batch.columns, row);
        this.#kept.appendAt(batch.columns, row);
      }
    }
    return false;
  }

  *#run(): Generator<RowBatch> {
    const sortKeys = this.#sortKeys;
    const order = Array.from({ length: this.#kept.rows }, (_, row) => row);
    if (this.#keys.length > 0) order.sort(sortKeys.comparison());
    const { partition } = this.#node;
    const samePartition = sortKeys.comparison(0, partition.length);
    const samePeers = sortKeys.comparison(partition.length);
    this.#builder.clear();
    for (let from = 0; from < order.length; ) {
      const first = order[from] ?? 0;
      let to = from + 1;
      while (to < order.length && samePartition(first, order[to] ?? 0) === 0) to += 1;
      const rows = order.slice(from, to);
      const orderValues = this.#node.order.length === 1 ? (sortKeys.values[partition.length] ?? []) : [];
      yield* this.#partition(rows, samePeers, orderValues);
      from = to;
    }
    if (this.#builder.rows > 0) yield this.#builder.batch();
  }

  *#partition(
    rows: readonly number[],
    compare: (a: number, b: number) => number,
    orderValues: readonly Datum[],
  ): Generator<RowBatch> {
    const peers = peersOf(rows, this.#node.order.length === 0 ? () => 0 : compare);
    const frames = new Frames(this.#node, rows, peers, orderValues, this.#execution);
    const results = this.#calls.map((call) => this.#evaluate(call, rows, peers, frames));
    const width = this.#node.input.columns.length;
    for (const [at, row] of rows.entries()) {
      const columns = this.#kept.columnsAt(row);
      const to = this.#builder.rows;
      for (const [slot, target] of this.#builder.columns.entries()) {
        const source = columns[slot];
        if (slot < width && source !== undefined) copyAt(source, row % batchRowsMax, target, to);
        else writeAt(target, to, results[slot - width]?.[at] ?? null);
      }
      this.#builder.rows += 1;
      if (!this.#builder.isFull) continue;
      yield this.#builder.batch();
      this.#builder.clear();
    }
    this.#execution.work(rows.length);
  }

  /** The call's value for each row of the partition. */
  #evaluate(compiled: CompiledCall, rows: readonly number[], peers: readonly Span[], frames: Frames): readonly Datum[] {
    const { callee } = compiled.call;
    const argument = (index: number, at: number): Datum => {
      const row = rows[at];
      const compute = compiled.arguments[index];
      if (row === undefined || compute === undefined) return null;
      return compute(this.#kept.columnsAt(row), row % batchRowsMax);
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
          frameRows: () => frames.count(at),
          frameRow: (n) => frames.row(at, n),
          argument,
        };
        return evaluate(view);
      });
    }
    const isCounted = (at: number): boolean => {
      if (compiled.filter === null) return true;
      const row = rows[at] ?? 0;
      return compiled.filter(this.#kept.columnsAt(row), row % batchRowsMax) === true;
    };
    const argumentsAt = (at: number): Datum[] | null => {
      if (!isCounted(at)) return null;
      const values = compiled.arguments.map((_, index) => argument(index, at));
      return callee.isStrict && values.includes(null) ? null : values;
    };
    return aggregateFrames(rows.length, frames, argumentsAt, () => callee.start(context, []), this.#execution);
  }

  close(): void {
    this.#input.close();
    this.#kept.clear();
    this.#sortKeys.clear();
    this.#memory.release();
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
    if (frames.hasExclusion) {
      state = start();
      const count = frames.count(at);
      execution.work(count);
      for (let n = 0; n < count; n += 1) add(frames.row(at, n));
      results.push(state.finish([]));
      continue;
    }
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

/** The peers of each row: those that ORDER BY does not tell from it. */
function peersOf(rows: readonly number[], compare: (a: number, b: number) => number): readonly Span[] {
  const peers: Span[] = [];
  for (let from = 0; from < rows.length; ) {
    let to = from + 1;
    while (to < rows.length && compare(rows[from] ?? 0, rows[to] ?? 0) === 0) to += 1;
    const span = { from, to };
    for (let at = from; at < to; at += 1) peers.push(span);
    from = to;
  }
  return peers;
}

/** Frames of a partition's rows. */
class Frames {
  readonly #node: WindowNode;
  readonly #rows: number;
  readonly #peers: readonly Span[];
  readonly #starts: readonly number[];
  readonly #groupOf: readonly number[];
  readonly #orderValues: readonly Datum[];
  readonly #places: readonly number[];
  readonly #from: Datum;
  readonly #to: Datum;
  readonly #execution: Execution;
  readonly hasExclusion: boolean;

  constructor(
    node: WindowNode,
    places: readonly number[],
    peers: readonly Span[],
    orderValues: readonly Datum[],
    execution: Execution,
  ) {
    this.#node = node;
    this.#rows = places.length;
    this.#places = places;
    this.#peers = peers;
    this.#orderValues = orderValues;
    this.#execution = execution;
    this.hasExclusion = node.frame.exclude !== "noOthers";
    const starts: number[] = [];
    const groupOf: number[] = [];
    for (let at = 0; at < places.length; at += 1) {
      if (peers[at]?.from === at) starts.push(at);
      groupOf.push(starts.length - 1);
    }
    this.#starts = starts;
    this.#groupOf = groupOf;
    this.#from = offsetOf(node.frame.from, "starting", node, execution);
    this.#to = offsetOf(node.frame.to, "ending", node, execution);
  }

  span(at: number): Span {
    const { frame } = this.#node;
    const from = Math.max(0, Math.min(this.#rows, this.#edge(frame.from, this.#from, at, false)));
    const to = Math.max(0, Math.min(this.#rows, this.#edge(frame.to, this.#to, at, true)));
    return { from, to: Math.max(from, to) };
  }

  /** First row of the frame, or (`isEnd`) one past its last. */
  #edge(bound: WindowBound, offset: Datum, at: number, isEnd: boolean): number {
    const { mode } = this.#node.frame;
    const peer = this.#peers[at] ?? { from: at, to: at + 1 };
    switch (bound.kind) {
      case "unboundedPreceding":
        return 0;
      case "unboundedFollowing":
        return this.#rows;
      case "currentRow":
        if (mode === "rows") return isEnd ? at + 1 : at;
        return isEnd ? peer.to : peer.from;
      case "preceding":
      case "following": {
        const sign = bound.kind === "preceding" ? -1 : 1;
        if (mode === "rows") return at + sign * Number(offset) + (isEnd ? 1 : 0);
        if (mode === "groups") {
          const group = (this.#groupOf[at] ?? 0) + sign * Number(offset);
          const start = isEnd ? group + 1 : group;
          return start < 0 ? 0 : (this.#starts[start] ?? this.#rows);
        }
        return this.#rangeEdge(bound.kind, offset, at, isEnd);
      }
    }
  }

  /** Rows whose order value is within the offset of this row's. Rows with NULL are peers of one another only. */
  #rangeEdge(kind: "preceding" | "following", offset: Datum, at: number, isEnd: boolean): number {
    const [key] = this.#node.order;
    const { add, subtract } = this.#node.frame;
    assert(key !== undefined && add !== null && subtract !== null, "a RANGE with an offset has an order column");
    const peer = this.#peers[at] ?? { from: at, to: at + 1 };
    const value = this.#orderValues[this.#places[at] ?? 0] ?? null;
    if (value === null || offset === null) return isEnd ? peer.to : peer.from;
    const goesUp = (kind === "following") !== key.isDescending;
    const { evaluator } = goesUp ? add : subtract;
    assert(evaluator.arity === 2, "an offset is added to a value");
    const limit = evaluator.call(value, offset, this.#execution.environment.context);
    assert(limit !== null, "a value and an offset have a sum");
    return this.#search(key, limit, isEnd);
  }

  /** First row that is not before the limit, or (`isEnd`) first that is beyond it. */
  #search(key: SortKey, limit: Value, isEnd: boolean): number {
    const position = (at: number): number => {
      const value = this.#orderValues[this.#places[at] ?? 0] ?? null;
      if (value === null) return key.nullsFirst ? -1 : 1;
      const order = key.compare(value, limit);
      return key.isDescending ? -order : order;
    };
    let low = 0;
    let high = this.#rows;
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = position(middle);
      if (order < 0 || (isEnd && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isExcluded(at: number, other: number): boolean {
    const peer = this.#peers[at] ?? { from: at, to: at + 1 };
    switch (this.#node.frame.exclude) {
      case "noOthers":
        return false;
      case "currentRow":
        return other === at;
      case "group":
        return other >= peer.from && other < peer.to;
      case "ties":
        return other !== at && other >= peer.from && other < peer.to;
    }
  }

  count(at: number): number {
    const { from, to } = this.span(at);
    if (!this.hasExclusion) return to - from;
    let count = 0;
    for (let other = from; other < to; other += 1) if (!this.#isExcluded(at, other)) count += 1;
    return count;
  }

  /** The n-th row of the frame, or -1. */
  row(at: number, n: number): number {
    const { from, to } = this.span(at);
    if (!this.hasExclusion) return n >= 0 && from + n < to ? from + n : -1;
    let left = n;
    for (let other = from; other < to; other += 1) {
      if (this.#isExcluded(at, other)) continue;
      if (left === 0) return other;
      left -= 1;
    }
    return -1;
  }
}

function offsetOf(bound: WindowBound, side: string, node: WindowNode, execution: Execution): Datum {
  if (!("offset" in bound)) return null;
  const value = compileOuter(bound.offset, execution)();
  if (value === null) throw new SqlError("22004", `frame ${side} offset must not be null`);
  const isNegative = node.frame.mode === "range" ? isBelowZero(value) : Number(value) < 0;
  if (isNegative) {
    throw node.frame.mode === "range"
      ? new SqlError("22013", "invalid preceding or following size in window function")
      : new SqlError("22013", `frame ${side} offset must not be negative`);
  }
  return value;
}

function isBelowZero(value: Value): boolean {
  if (typeof value === "number" || typeof value === "bigint") return value < 0;
  if (typeof value === "object" && "coefficient" in value) return value.coefficient < 0n;
  if (typeof value === "object" && "micros" in value) {
    return value.months * 30 * 86_400_000_000 + value.days * 86_400_000_000 + value.micros < 0;
  }
  return false;
}
