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

  /** The frame without what is excluded, as spans with rows, in their order. */
  parts(at: number): readonly Span[] {
    const { from, to } = this.span(at);
    const cut = this.#cut(at) ?? { from: to, to, hasOwn: false };
    const parts: Span[] = [];
    const push = (first: number, end: number): void => {
      const part = { from: Math.max(from, first), to: Math.min(to, end) };
      if (part.from < part.to) parts.push(part);
    };
    push(from, cut.from);
    if (cut.hasOwn) push(at, at + 1);
    push(cut.to, to);
    return parts;
  }

  /** The n-th row of the frame from 0, or -1. */
  row(at: number, n: number): number {
    const { from, to } = this.span(at);
    const cut = this.#cut(at);
    let row = from + n;
    if (n >= 0 && cut !== null && row >= cut.from && cut.to > from) {
      const first = Math.max(cut.from, from);
      if (!cut.hasOwn) row += cut.to - first;
      // As PostgreSQL has it, where the row itself counts as one of its peers' frame, though it may not be in it: then there is none.
      else row = row === first ? at : row + cut.to - first - 1;
    }
    return this.#isWithin(at, row, from, to) ? row : -1;
  }

  /** The last row of the frame, or -1. */
  lastRow(at: number): number {
    const { from, to } = this.span(at);
    const cut = this.#cut(at);
    let row = to - 1;
    if (cut !== null && row < cut.to && cut.from < to) {
      const end = Math.min(cut.to, to);
      if (!cut.hasOwn) row -= end - cut.from;
      else row = row === end - 1 ? at : row - (end - 1 - cut.from);
    }
    return this.#isWithin(at, row, from, to) ? row : -1;
  }

  /** Rows that are left out of a row's frame, but for itself where it stays; null where none are. */
  #cut(at: number): (Span & { readonly hasOwn: boolean }) | null {
    const { exclude } = this.#node.frame;
    if (exclude === "noOthers") return null;
    const own = { from: at, to: at + 1 };
    const { from, to } = exclude === "currentRow" ? own : (this.#peers[at] ?? own);
    return { from, to, hasOwn: exclude === "ties" };
  }

  #isWithin(at: number, row: number, from: number, to: number): boolean {
    if (row < from || row >= to) return false;
    const cut = this.#cut(at);
    return cut === null || row < cut.from || row >= cut.to || (cut.hasOwn && row === at);
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
