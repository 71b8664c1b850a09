/**
 * Inputs that come in the order that is asked for, so that nothing need be sorted and a limit ends the reading: by an index, also below joins that look
 * their other side up for each row, and by merging the halves of UNION ALL.
 */
import type { IndexDefinition } from "../catalog/model.js";
import {
  type AccessPath,
  everything,
  filteredRows,
  orderOf,
  type PathOrder,
  pathsOf,
  type TableSize,
} from "./access.js";
import { conjunctsOf } from "./conjuncts.js";
import { estimateRows } from "./estimate.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import { indexLoop, lateralLoop } from "./join-methods.js";
import { relationsOf } from "./join-order.js";
import type { JoinNode, PlanColumn, PlanNode, ScanNode, SetOperationNode, SortKey, SortNode } from "./plan.js";
import { costed, indexesOf, type PlanContext, sizeOf, withPath } from "./plan-context.js";
import { substitute, withInputs } from "./rewrite.js";
import type { UsableIndex } from "./usable-indexes.js";
import { columnsOf } from "./walk.js";

/** An input that yields its rows in the order of so many of the first sort keys. */
export interface OrderedInput {
  readonly plan: PlanNode;
  readonly keys: number;
  readonly cost: number;
}

/** How the planner carries out what is below, and sorts it. */
export interface Below {
  physical(node: PlanNode): PlanNode;
  sorted(sort: SortNode, wanted: number | null): PlanNode;
}

/** Sorting within rows that agree in the first keys: of those, it is taken, a share of all have the same. */
const agreeingShare = 0.005;

/** What sorting rows costs. @param wanted rows of the first; null for all */
export const sortCost = (rows: number, wanted: number | null): number =>
  rows * (0.2 + Math.log2(wanted === null ? rows + 1 : Math.min(rows, wanted) + 1) * 0.1);

/** The input in the wanted order, or in that of its first keys. The cheapest; its cost has what is left of sorting in it. */
export function orderedInput(
  node: SortNode,
  wanted: number | null,
  context: PlanContext,
  below: Below,
): OrderedInput | null {
  let best: OrderedInput | null = null;
  for (const { plan, keys, startup } of waysOf(node.input, node.keys, {
    sort: node,
    top: node.top,
    wanted,
    context,
    below,
  })) {
    const found = Math.max(1, plan.rows);
    const isWhole = keys === node.keys.length;
    // Rows that agree in the first keys are sorted together, so all of the last ones are read.
    const group = isWhole ? 0 : Math.max(1, found * agreeingShare);
    // Only as much of the walk as the limit asks for.
    const part = wanted === null ? 1 : Math.min(1, (wanted + group) / found);
    const walked = startup + (plan.cost - startup) * part;
    const cost = walked + 1 + (isWhole ? 0 : sortCost(found * part, group));
    if (best === null || cost < best.cost) best = { plan: { ...plan, cost }, keys, cost };
  }
  return best;
}

interface Asked {
  readonly sort: SortNode;
  /** Rows of the first that are enough; null below what leaves some out or makes more of them. */
  readonly top: SortNode["top"];
  readonly wanted: number | null;
  readonly context: PlanContext;
  readonly below: Below;
}

interface Way {
  readonly plan: PlanNode;
  /** Of the first keys, those that its rows are ordered by. */
  readonly keys: number;
  /** What of its cost there is however few rows are wanted. */
  readonly startup: number;
}

/** Ways to the node's rows in the order of the first keys; none when there is nothing to go by, or something between that would change the order. */
function waysOf(node: PlanNode, keys: readonly SortKey[], asked: Asked): readonly Way[] {
  if (keys.length === 0) return [];
  switch (node.kind) {
    case "scan":
      return scanWays(node, keys, asked.context);
    case "project":
      return over(node, waysOf(node.input, throughProject(keys, node), asked));
    case "filter":
      return over(node, waysOf(node.input, keys, { ...asked, top: null }));
    case "join":
      return joinWays(node, keys, { ...asked, top: null });
    case "setOperation":
      return mergeWays(node, keys, asked);
    default:
      return [];
  }
}

const over = (node: PlanNode, ways: readonly Way[]): readonly Way[] =>
  ways.map((way) => ({ ...way, plan: costed(withInputs(node, [way.plan])) }));

function scanWays(scan: ScanNode, keys: readonly SortKey[], context: PlanContext): readonly Way[] {
  const size = sizeOf(scan.table, context);
  const indexes = indexesOf(scan, context);
  const inOrder = (path: AccessPath): readonly OrderedPath[] => {
    const order = orderOf(scan, path, keys);
    return order.keys === 0 ? [] : [{ path, ...order }];
  };
  const within = pathsOf(scan, indexes, size).flatMap(inOrder);
  // A whole index that is read until enough is found is less only where the condition asks for no part of it: that part comes in its order, too.
  const whole = wholeIndexes(scan, indexes, size)
    .flatMap(inOrder)
    .filter((one) => within.every(({ path, keys }) => path.index !== one.path.index || keys < one.keys));
  return [...within, ...whole].map(({ path, way, keys }) => ({
    plan: { ...withPath(scan, path), isBackward: way === "backward" },
    keys,
    startup: 0,
  }));
}

interface OrderedPath extends PathOrder {
  readonly path: AccessPath;
}

/** The first keys that are of a side's columns. */
function keysOf(keys: readonly SortKey[], { columns }: PlanNode): readonly SortKey[] {
  const ids = new Set(columns.map(({ id }) => id));
  const end = keys.findIndex(({ expression }) => {
    const used = [...columnsOf(expression)];
    return used.length === 0 || !used.every((id) => ids.has(id));
  });
  return end < 0 ? keys : keys.slice(0, end);
}

/** A side in order, and the others looked up for each row of it: the pairs come in its order. */
function joinWays(node: JoinNode, keys: readonly SortKey[], asked: Asked): readonly Way[] {
  const { context, below } = asked;
  if (node.type === "right" || node.type === "full") return [];
  if (node.type === "inner" && !node.isLateral) return relationWays(node, keys, asked);
  const ways = waysOf(node.left, keysOf(keys, node.left), asked);
  if (ways.length === 0) return [];
  const right = below.physical(node.right);
  return ways.flatMap((way): readonly Way[] => {
    const plan = node.isLateral
      ? lateralLoop(node, way.plan, right)
      : indexLoop(node.type, way.plan, right, conjunctsOf(node.condition), context);
    return plan === null ? [] : [{ ...way, plan }];
  });
}

function relationWays(node: JoinNode, keys: readonly SortKey[], asked: Asked): readonly Way[] {
  const { context, below } = asked;
  const { relations, conditions } = relationsOf(node);
  const first = relations.find((relation) => keysOf(keys, relation).length > 0);
  if (first === undefined) return [];
  const ways = waysOf(first, keysOf(keys, first), asked);
  if (ways.length === 0) return [];
  const others = relations.filter((relation) => relation !== first).map((relation) => below.physical(relation));
  return ways.flatMap((way): readonly Way[] => {
    const plan = lookedUp(way.plan, others, conditions, context);
    return plan === null ? [] : [{ ...way, plan }];
  });
}

/** Each of the others looked up for each row; null where one has no index for that. */
function lookedUp(
  first: PlanNode,
  others: readonly PlanNode[],
  conditions: readonly BoundExpression[],
  context: PlanContext,
): PlanNode | null {
  const all = new Set([first, ...others].flatMap(({ columns }) => columns.map(({ id }) => id)));
  const open = new Set(others);
  const left = new Set(conditions);
  let plan = first;
  while (open.size > 0) {
    let best: {
      readonly joined: PlanNode;
      readonly other: PlanNode;
      readonly used: readonly BoundExpression[];
    } | null = null;
    for (const other of open) {
      const here = new Set([...plan.columns, ...other.columns].map(({ id }) => id));
      const used = [...left].filter((term) => [...columnsOf(term)].every((id) => here.has(id) || !all.has(id)));
      const joined = indexLoop("inner", plan, other, used, context);
      if (joined !== null && (best === null || joined.cost < best.joined.cost)) best = { joined, other, used };
    }
    if (best === null) return null;
    plan = best.joined;
    open.delete(best.other);
    for (const term of best.used) left.delete(term);
  }
  return left.size === 0 ? plan : null;
}

/** Halves of UNION ALL that are merged at most: each is looked into again for those that stand in it. */
const halvesMax = 32;

const halvesOf = (node: PlanNode): number =>
  node.kind === "setOperation" ? halvesOf(node.left) + halvesOf(node.right) : 1;

/** UNION ALL of halves that are sorted for themselves. */
function mergeWays(node: SetOperationNode, keys: readonly SortKey[], asked: Asked): readonly Way[] {
  const { sort, top, wanted, below } = asked;
  if (node.operation !== "union" || !node.isAll || keys.length < sort.keys.length) return [];
  if (halvesOf(node) > halvesMax) return [];
  const half = (input: PlanNode): PlanNode | null => {
    const own = throughPlaces(keys, node.columns, input.columns);
    return own === null ? null : below.sorted({ ...sort, top, input, keys: own, columns: input.columns }, wanted);
  };
  const [left, right] = [half(node.left), half(node.right)];
  if (left === null || right === null) return [];
  const merged: SetOperationNode = { ...node, left, right, merge: keys };
  const rows = estimateRows(merged);
  // That of the sides is of the wanted rows already.
  const startup = left.cost + right.cost;
  return [{ plan: { ...merged, rows, cost: startup + rows * 0.1 }, keys: keys.length, startup }];
}

/** Keys over the columns that stand at the same places; null where one is no column. */
function throughPlaces(
  keys: readonly SortKey[],
  columns: readonly PlanColumn[],
  below: readonly PlanColumn[],
): readonly SortKey[] | null {
  const mapped: SortKey[] = [];
  for (const key of keys) {
    const { expression } = key;
    const column = below[columns.findIndex(({ id }) => expression.kind === "column" && id === expression.id)];
    if (column === undefined) return null;
    mapped.push({ ...key, expression: { kind: "column", location: -1, ...column } });
  }
  return mapped;
}

/** Each index from one end to the other. */
const wholeIndexes = (scan: ScanNode, indexes: readonly UsableIndex[], size: TableSize): readonly AccessPath[] => {
  const rows = filteredRows(scan, size);
  const tableRows = size.rows;
  const whole = (index: IndexDefinition | null): AccessPath => ({
    index,
    ranges: [everything],
    fixed: 0,
    rows,
    cost: tableRows * (index === null ? 1 : 3) + 1,
  });
  const usable = indexes.filter(
    ({ index }) => !index.isPrimary && index.keys.every(({ expression }) => expression === null),
  );
  return [...(scan.table.keyColumns.length > 0 ? [whole(null)] : []), ...usable.map(({ index }) => whole(index))];
};

/** The first of the keys as they are below a projection, up to one that is computed by it. */
export function throughProject(
  keys: readonly SortKey[],
  node: Extract<PlanNode, { kind: "project" }>,
): readonly SortKey[] {
  const expressions = new Map<ColumnId, BoundExpression>();
  for (const [index, { id }] of node.columns.entries()) {
    const expression = node.expressions[index];
    if (expression !== undefined) expressions.set(id, expression);
  }
  const mapped: SortKey[] = [];
  for (const key of keys) {
    const expression = substitute(key.expression, expressions);
    if (expression === null || expression.kind !== "column") break;
    mapped.push({ ...key, expression });
  }
  return mapped;
}
