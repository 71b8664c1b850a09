/** Window functions by their definition: each row of a partition is asked whether it is in the frame of each other. */
import { ascending } from "../../../runtime/query/bind/sort.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { WindowView } from "../../../runtime/query/functions/registry.js";
import type { SortKey, WindowBound, WindowNode } from "../../../runtime/query/plan/plan.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { orderOf } from "./compare.js";
import { type ExpressionPort, evaluate } from "./expression.js";
import { joined, noRow, type Row, rowOf, Scope } from "./scope.js";

interface Placed {
  readonly row: Row;
  readonly scope: Scope;
  readonly partition: readonly Datum[];
  readonly order: readonly Datum[];
}

export function* windowed(
  node: WindowNode,
  input: readonly Row[],
  outer: Scope | null,
  port: ExpressionPort,
): Generator<Row> {
  const partitionKeys = node.partition.map(ascending);
  const valuesOf = (keys: readonly SortKey[], scope: Scope): Datum[] =>
    keys.map(({ expression }) => evaluate(expression, scope, port));
  const rows = input.map((row): Placed => {
    const scope = new Scope(row, outer);
    return { row, scope, partition: valuesOf(partitionKeys, scope), order: valuesOf(node.order, scope) };
  });
  const sorted = rows.toSorted(
    (a, b) => orderOf(partitionKeys, a.partition, b.partition) || orderOf(node.order, a.order, b.order),
  );
  const added = node.columns.slice(node.columns.length - node.calls.length);
  for (let from = 0; from < sorted.length; ) {
    const first = sorted[from];
    const partition = sorted.filter(
      ({ partition: own }) => first !== undefined && orderOf(partitionKeys, own, first.partition) === 0,
    );
    const results = node.calls.map((call) => resultsOf(node, call, partition, outer, port));
    for (const [at, { row }] of partition.entries()) {
      const values = results.map((list) => list[at] ?? null);
      yield joined(row, rowOf(added, values));
    }
    from += partition.length;
  }
}

function resultsOf(
  node: WindowNode,
  { callee, arguments: args, filter }: WindowNode["calls"][number],
  rows: readonly Placed[],
  outer: Scope | null,
  port: ExpressionPort,
): readonly Datum[] {
  const frameOf = framesOf(node, rows, outer, port);
  const argument = (index: number, at: number): Datum => {
    const [place, expression] = [rows[at], args[index]];
    return place === undefined || expression === undefined ? null : evaluate(expression, place.scope, port);
  };
  if (callee.kind === "window") {
    const compute = callee.start(port.context);
    return rows.map((_, at) => {
      const peers = rows.flatMap((_other, other) => (isPeer(node, rows, at, other) ? [other] : []));
      const view: WindowView = {
        row: at,
        partitionRows: rows.length,
        peersFrom: peers[0] ?? at,
        peersTo: (peers.at(-1) ?? at) + 1,
        frameRow: (n) => (n < 0 ? -1 : (frameOf.seen(at)[n] ?? -1)),
        lastFrameRow: () => frameOf.seen(at).at(-1) ?? -1,
        argument,
      };
      return compute(view);
    });
  }
  return rows.map((_, at) => {
    const state = callee.start(port.context, []);
    for (const other of frameOf.rows(at)) {
      const place = rows[other];
      if (place === undefined || (filter !== null && evaluate(filter, place.scope, port) !== true)) continue;
      const values = args.map((_argument, index) => argument(index, other));
      if (!callee.isStrict || !values.includes(null)) state.add(values[0] ?? null, values.slice(1));
    }
    return state.finish([]);
  });
}

function isPeer(node: WindowNode, rows: readonly Placed[], a: number, b: number): boolean {
  const [x, y] = [rows[a], rows[b]];
  return x !== undefined && y !== undefined && orderOf(node.order, x.order, y.order) === 0;
}

/** The rows of each row's frame, by their places in the partition. */
interface FrameRows {
  rows(at: number): readonly number[];
  /** As first_value and its like see them: under EXCLUDE TIES a row that is not in its own frame has a place there, -1, if a peer of it is. */
  seen(at: number): readonly number[];
}

function framesOf(node: WindowNode, rows: readonly Placed[], outer: Scope | null, port: ExpressionPort): FrameRows {
  const { frame } = node;
  const offset = (bound: WindowBound, side: string): Datum => {
    if (!("offset" in bound)) return null;
    const value = evaluate(bound.offset, new Scope(noRow, outer), port);
    if (value === null) throw new SqlError("22004", `frame ${side} offset must not be null`);
    if (frame.mode !== "range" && Number(value) < 0)
      throw new SqlError("22013", `frame ${side} offset must not be negative`);
    return value;
  };
  const from = offset(frame.from, "starting");
  const to = offset(frame.to, "ending");
  const isWithin = (at: number, other: number): boolean =>
    isOnSide(frame.from, from, at, other, 1) && isOnSide(frame.to, to, at, other, -1);

  /** Whether `other` is not before (`side` 1) or not behind (-1) the bound of the frame of `at`. */
  function isOnSide(bound: WindowBound, by: Datum, at: number, other: number, side: 1 | -1): boolean {
    switch (bound.kind) {
      case "unboundedPreceding":
        return side === 1;
      case "unboundedFollowing":
        return side === -1;
      case "currentRow":
        if (frame.mode !== "rows" && isPeer(node, rows, at, other)) return true;
        return side * (other - at) >= 0;
      case "preceding":
      case "following": {
        const sign = bound.kind === "preceding" ? -1 : 1;
        if (frame.mode === "rows") return side * (other - (at + sign * Number(by))) >= 0;
        if (frame.mode === "groups") return side * (groupOf(other) - (groupOf(at) + sign * Number(by))) >= 0;
        return isInRange(bound.kind, by, at, other, side);
      }
    }
  }

  /** Groups of peers before that of a row. */
  function groupOf(at: number): number {
    let group = 0;
    for (let other = 1; other <= at; other += 1) if (!isPeer(node, rows, other - 1, other)) group += 1;
    return group;
  }

  function isInRange(kind: "preceding" | "following", by: Datum, at: number, other: number, side: 1 | -1): boolean {
    const [key] = node.order;
    const { range } = frame;
    if (key === undefined || range === null) throw new Error("RANGE has an order column");
    const own = rows[at]?.order[0] ?? null;
    const value = rows[other]?.order[0] ?? null;
    // A NULL is in the range of NULLs only, and lies before or behind all else.
    if (own === null) return value === null || side * (other - at) >= 0;
    if (value === null) return side * (other - at) >= 0;
    if (by === null) throw new Error("an offset is a value");
    const bounds = { goesUp: (kind === "following") !== key.isDescending, isUpper: (side === -1) !== key.isDescending };
    const limit = range.limit(own, by, bounds, port.context);
    return side * (key.isDescending ? -1 : 1) * range.compare(value, limit) >= 0;
  }

  const isExcluded = (at: number, other: number): boolean => {
    switch (frame.exclude) {
      case "noOthers":
        return false;
      case "currentRow":
        return other === at;
      case "group":
        return isPeer(node, rows, at, other);
      case "ties":
        return other !== at && isPeer(node, rows, at, other);
    }
  };
  const within = (at: number): number[] => rows.flatMap((_, other) => (isWithin(at, other) ? [other] : []));
  return {
    rows: (at) => within(at).filter((other) => !isExcluded(at, other)),
    seen: (at) => {
      const [first] = within(at).filter((other) => isPeer(node, rows, at, other));
      if (frame.exclude !== "ties" || first === undefined || isWithin(at, at))
        return within(at).filter((other) => !isExcluded(at, other));
      return within(at).flatMap((other) => (other === first ? [-1] : isExcluded(at, other) ? [] : [other]));
    },
  };
}
