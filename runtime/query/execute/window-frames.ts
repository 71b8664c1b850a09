/** The rows of a partition that each of its rows' frame has. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import type { SortKey, WindowBound, WindowNode } from "../plan/plan.js";
import type { Datum, Value } from "../types/datum.js";
import { typeOid } from "../types/sql-type.js";
import type { Execution } from "./execution.js";
import { compileOuter } from "./scans.js";

/** Rows from `from` to `to` - 1, in a partition. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The peers of each row: those that ORDER BY does not tell from it. */
export function peersOf(rows: readonly number[], compare: (a: number, b: number) => number): readonly Span[] {
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
export class Frames {
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
    if (key.expression.type.oid === typeOid.time) return this.#search(key, timeLimit(value, offset, goesUp), isEnd);
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
  const isOfTimes = node.order[0]?.expression.type.oid === typeOid.time;
  const isNegative =
    node.frame.mode !== "range" ? Number(value) < 0 : isOfTimes ? timeOf(value) < 0 : isBelowZero(value);
  if (isNegative) {
    throw node.frame.mode === "range"
      ? new SqlError("22013", "invalid preceding or following size in window function")
      : new SqlError("22013", `frame ${side} offset must not be negative`);
  }
  return value;
}

/** µs of an interval without its days and months, which times of day do not have. */
function timeOf(offset: Value): number {
  assert(typeof offset === "object" && "micros" in offset, "the offset of a time is an interval");
  return offset.micros;
}

/** A time of day with an offset, beyond midnight where that takes it: a frame does not begin again at the other end of the day. */
function timeLimit(value: Value, offset: Value, goesUp: boolean): number {
  return goesUp ? Number(value) + timeOf(offset) : Number(value) - timeOf(offset);
}

function isBelowZero(value: Value): boolean {
  if (typeof value === "number" || typeof value === "bigint") return value < 0;
  if (typeof value === "object" && "coefficient" in value) return value.coefficient < 0n;
  if (typeof value === "object" && "micros" in value) {
    return value.months * 30 * 86_400_000_000 + value.days * 86_400_000_000 + value.micros < 0;
  }
  return false;
}
