/**
 * Windows with partitions whose rows come one partition after the other, by an index: each is put out once the next begins, without all of them
 * having been sorted before, so that a limit ends the reading.
 */
import { ascending } from "../bind/sort.js";
import { throughProject } from "./ordered-input.js";
import type { PlanNode, SortKey, WindowNode } from "./plan.js";
import { costed } from "./plan-context.js";
import { withInputs } from "./rewrite.js";
import { firstsOfPartitions, isSameKey, type SortedInput } from "./streamed-window.js";
import { expressionKey, isVolatile } from "./walk.js";

/** Rows of a partition, it is taken. */
const partitionRows = 20;
const estimates = { rows: -1, cost: -1 } as const;

/**
 * A window below, and what is between, over rows that come in its order; null where they would have to be sorted.
 *
 * @param keys order that the rows are to have
 * @param wanted rows of the first; null: all
 */
export function orderedPartitions(
  node: PlanNode,
  keys: readonly SortKey[],
  wanted: number | null,
  sorted: SortedInput,
): PlanNode | null {
  const between: PlanNode[] = [];
  let own = keys;
  let at = node;
  let isFiltered = false;
  while (at.kind === "project" || at.kind === "filter") {
    if (at.kind === "project") own = throughProject(own, at);
    const firsts = at.kind === "filter" ? firstsOfPartitions(at) : null;
    isFiltered ||= at.kind === "filter";
    between.push(at);
    at = firsts === null ? at.input : firsts.input;
  }
  if (at.kind !== "window" || own.length < keys.length) return null;
  const order = orderOf(at, own);
  if (order === null || at.calls.some((call) => call.arguments.some(isVolatile))) return null;
  const { columns } = at.input;
  const sort = { kind: "sort", input: at.input, keys: order, presorted: 0, top: null, columns, ...estimates } as const;
  const rows = wanted === null ? null : (isFiltered ? wanted * partitionRows : wanted) + partitionRows;
  const { kind } = bottomOf(at.input);
  // Each of many windows over one another is looked into once for each above it, and what is no table is not planned twice for a sort that is saved.
  if (wanted === null && kind !== "scan" && kind !== "window") return null;
  const input = kind === "window" ? orderedPartitions(at.input, order, rows, sorted) : sorted(sort, rows);
  if (input === null) return null;
  if (input.kind === "sort" && input.presorted === 0) return null;
  let plan = costed(withInputs({ ...at, isOrdered: true }, [input]));
  for (const outer of between.toReversed()) plan = costed(withInputs(outer, [plan]));
  return plan;
}

function bottomOf(node: PlanNode): PlanNode {
  let at = node;
  while (at.kind === "project" || at.kind === "filter") at = at.input;
  return at;
}

/** Keys by which partitions come whole, each in the window's order, and the rows in the wanted one; null where there are none. */
function orderOf({ partition, order }: WindowNode, wanted: readonly SortKey[]): readonly SortKey[] | null {
  if (partition.length === 0) return null;
  const left = new Map(partition.map((expression) => [expressionKey(expression), expression]));
  if (left.has(null)) return null;
  const keys: SortKey[] = [];
  for (const key of wanted) {
    if (left.size === 0) break;
    // Partitions may come in any order, and which of their columns is the first is nobody's concern.
    if (!left.delete(expressionKey(key.expression))) return null;
    keys.push(key);
  }
  const within = wanted.slice(keys.length);
  if (!within.slice(0, order.length).every((key, at) => isSameKey(key, order[at]))) return null;
  // Rows that the window's order does not tell apart may come in any.
  return [...keys, ...[...left.values()].map(ascending), ...order, ...within.slice(order.length)];
}
