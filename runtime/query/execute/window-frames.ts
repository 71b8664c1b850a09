/** The rows of a partition that each of its rows' frame has. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import type { RangeOffset } from "../functions/in-range.js";
import type { SortKey, WindowBound, WindowNode } from "../plan/plan.js";
import type { Datum, Value } from "../types/datum.js";
import type { Execution } from "./execution.js";
import { compileOuter } from "./outer-value.js";

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
    const { range } = this.#node.frame;
    assert(key !== undefined && range !== null, "a RANGE with an offset has an order column");
    const peer = this.#peers[at] ?? { from: at, to: at + 1 };
    const value = this.#orderValues[this.#places[at] ?? 0] ?? null;
    if (value === null || offset === null) return isEnd ? peer.to : peer.from;
    const side = { goesUp: (kind === "following") !== key.isDescending, isUpper: isEnd !== key.isDescending };
    const limit = range.limit(value, offset, side, this.#execution.environment.context);
    return this.#search(key, range, limit, isEnd);
  }

  /** First row that is not before the limit, or (`isEnd`) first that is beyond it. */
  #search(key: SortKey, { compare }: RangeOffset, limit: Value, isEnd: boolean): number {
    const position = (at: number): number => {
      const value = this.#orderValues[this.#places[at] ?? 0] ?? null;
      if (value === null) return key.nullsFirst ? -1 : 1;
      const order = compare(value, limit);
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
  const { mode, range } = node.frame;
  if (range !== null && !range.isAllowed(value))
    throw new SqlError("22013", "invalid preceding or following size in window function");
  if (mode !== "range" && Number(value) < 0) throw new SqlError("22013", `frame ${side} offset must not be negative`);
  return value;
}
