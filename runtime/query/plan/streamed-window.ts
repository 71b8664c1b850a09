/**
 * Windows of which only the first rows are wanted: by a limit, or by a condition on a number that only grows (`row_number() … WHERE rn <= 10`). Where the rows
 * come in the window's order, each is put out once those are there that its results are of, and nobody asks for the rest.
 */
import { sqlType, typeOid } from "../types/sql-type.js";
import { conjunctsOf } from "./conjuncts.js";
import { countOf } from "./estimate.js";
import type { BoundExpression } from "./expression.js";
import { throughProject } from "./ordered-input.js";
import type {
  FilterNode,
  PlanNode,
  SortKey,
  SortNode,
  WindowBound,
  WindowCall,
  WindowNode,
  WindowStream,
} from "./plan.js";
import { costed } from "./plan-context.js";
import { withInputs } from "./rewrite.js";
import { expressionKey, isVolatile } from "./walk.js";

/** How the planner sorts an input of which so many rows are asked for. */
export type SortedInput = (sort: SortNode, wanted: number | null) => PlanNode;

const estimates = { rows: -1, cost: -1 } as const;
/** Rows are evaluated anew each time twice as many have come: of fewer than this share of all, that is worth it. */
const wantedShare = 0.25;

/**
 * A window below, and what is between, with its rows put out as they come; null where all have to come first.
 *
 * @param keys order that the rows are to have, which the window's order has to say
 * @param wanted rows of the first
 */
export function streamedWindow(
  node: PlanNode,
  keys: readonly SortKey[],
  wanted: number,
  sorted: SortedInput,
): PlanNode | null {
  const between: PlanNode[] = [];
  let own = keys;
  let at = node;
  while (at.kind === "project" || at.kind === "filter") {
    if (at.kind === "project") own = throughProject(own, at);
    between.push(at);
    at = at.input;
  }
  if (at.kind !== "window" || own.length < keys.length || !isOrderedBy(at, own)) return null;
  const stream = streamOf(at);
  if (stream === null) return null;
  const input = sorted(sortOf(at, null), wanted + stream.ahead);
  if (isSortedWhole(input) || wanted > input.rows * wantedShare) return null;
  const above = between.at(-1);
  const stop = above?.kind === "filter" ? stopOf(above.condition, at) : null;
  let plan = over(at, input, { ...stream, stop });
  for (const outer of between.toReversed()) plan = costed(withInputs(outer, [plan]));
  return plan;
}

/** A condition over a window that no row fulfils from some row on; null for any other. */
export function stoppedWindow(node: FilterNode, sorted: SortedInput): PlanNode | null {
  const { input: window } = node;
  if (window.kind !== "window") return null;
  const stop = stopOf(node.condition, window);
  const stream = stop === null ? null : streamOf(window);
  if (stop === null || stream === null) return null;
  // Of rows that are numbered, and of which nothing else is asked that later ones tell, no more than those need come.
  const isCounted = stop.isNumber && stream.ahead === 0 && !stream.needsPeers;
  const input = sorted(sortOf(window, isCounted ? stop.max : null), stop.max + stream.ahead);
  if (!isCounted && (isSortedWhole(input) || stop.max > input.rows * wantedShare)) return null;
  return costed(withInputs(node, [over(window, input, { ...stream, stop })]));
}

/** More rows of a partition are not looked through for each that comes. */
const firstsMax = 64;

/** A condition over a window with partitions that only the first rows of each fulfil; null for any other. */
export function firstsOfPartitions(node: FilterNode): FilterNode | null {
  const { input: window } = node;
  if (window.kind !== "window" || window.partition.length === 0) return null;
  const stop = stopOf(node.condition, window);
  const call = window.calls.find(({ id }) => id === stop?.id);
  if (stop === null || stop.max > firstsMax || (call?.callee.name !== "row_number" && call?.callee.name !== "rank"))
    return null;
  if ([...window.partition, ...window.order.map(({ expression }) => expression)].some(isVolatile)) return null;
  const reach = reachOf(window);
  // Of rows that are told apart by their numbers alone, one that has the same order may be left out.
  if (reach === null || reach.ahead > 0 || (reach.needsPeers && stop.isNumber)) return null;
  const firsts = { id: stop.id, max: stop.max, withPeers: !stop.isNumber };
  return { ...node, input: { ...window, firsts } };
}

const over = (window: WindowNode, input: PlanNode, stream: WindowStream): PlanNode =>
  costed(withInputs({ ...window, stream }, [input]));

const isSortedWhole = (node: PlanNode): boolean => node.kind === "sort" && node.presorted === 0;

function sortOf({ input, order }: WindowNode, limit: number | null): SortNode {
  const count: BoundExpression = { kind: "constant", value: limit, type: sqlType(typeOid.int8), location: -1 };
  const top = limit === null ? null : { limit: count, offset: null };
  return { kind: "sort", input, keys: order, presorted: 0, top, columns: input.columns, ...estimates };
}

/** Whether the rows that the window puts out are in that order. */
const isOrderedBy = ({ partition, order }: WindowNode, keys: readonly SortKey[]): boolean =>
  partition.length === 0 && keys.every((key, at) => isSameKey(key, order[at]));

export function isSameKey(
  { expression, isDescending, nullsFirst, compare }: SortKey,
  other: SortKey | undefined,
): boolean {
  const key = expressionKey(expression);
  if (other === undefined || key === null || expressionKey(other.expression) !== key) return false;
  return other.isDescending === isDescending && other.nullsFirst === nullsFirst && other.compare === compare;
}

const growing: ReadonlySet<string> = new Set(["row_number", "rank", "dense_rank"]);

interface Stop extends NonNullable<WindowStream["stop"]> {
  /** It is of the rows' own numbers. */
  readonly isNumber: boolean;
}

/** The least number that the condition lets a result grow to. */
function stopOf(condition: BoundExpression, { calls, order }: WindowNode): Stop | null {
  for (const term of conjunctsOf(condition)) {
    if (term.kind !== "call" || term.form !== "operator" || term.arguments.length !== 2) continue;
    const { name } = term.callee;
    const [a, b] = term.arguments;
    const isTurned = b?.kind === "column";
    const [result, bound] = isTurned ? [b, a] : [a, b];
    if (result?.kind !== "column" || bound?.kind !== "constant" || typeof bound.value !== "number") continue;
    const call = calls.find(({ id }) => id === result.id);
    if (call === undefined || call.callee.kind !== "window" || !growing.has(call.callee.name)) continue;
    if (!Number.isSafeInteger(bound.value) || (order.length === 0 && call.callee.name !== "row_number")) continue;
    const isBelow = name === "=" || name === (isTurned ? ">=" : "<=");
    if (!isBelow && name !== (isTurned ? ">" : "<")) continue;
    const max = Math.max(0, isBelow ? bound.value : bound.value - 1);
    return { id: call.id, max, isNumber: call.callee.name === "row_number" };
  }
  return null;
}

const streamOf = (window: WindowNode): WindowStream | null => {
  const reach = window.partition.length > 0 ? null : reachOf(window);
  return reach === null ? null : { ...reach, stop: null };
};

/** What each row's results are of; null where that may be all rows. */
function reachOf({ calls, frame }: WindowNode): Pick<WindowStream, "ahead" | "needsPeers"> | null {
  if (calls.some((call) => call.arguments.some(isVolatile))) return null;
  let ahead = 0;
  let needsPeers = false;
  for (const call of calls) {
    const own = call.callee.kind === "window" ? aheadOf(call) : "frame";
    if (own === null) return null;
    if (own !== "frame") {
      ahead = Math.max(ahead, own);
      continue;
    }
    const end = frame.mode === "rows" ? rowsBehind(frame.to) : frame.to.kind.endsWith("ollowing") ? null : 0;
    if (end === null) return null;
    ahead = Math.max(ahead, end);
    needsPeers ||= frame.mode !== "rows" || frame.exclude === "group" || frame.exclude === "ties";
  }
  return { ahead, needsPeers };
}

function rowsBehind(to: WindowBound): number | null {
  if (to.kind === "unboundedFollowing") return null;
  if (to.kind !== "following") return 0;
  return countOf(to.offset);
}

/** Rows behind its own that a window function looks at, where that does not hang on the frame; null for all rows. */
function aheadOf({ callee: { name }, arguments: args }: WindowCall): number | "frame" | null {
  switch (name) {
    case "row_number":
    case "rank":
    case "dense_rank":
      return 0;
    case "first_value":
    case "last_value":
    case "nth_value":
      return "frame";
    case "lag":
    case "lead": {
      const [, offset] = args;
      const rows = offset === undefined ? 1 : countOf(offset);
      if (rows === null) return null;
      return Math.max(0, name === "lead" ? rows : -rows);
    }
    default:
      return null;
  }
}
