/** Inputs that an index yields in the order that is asked for, so that nothing need be sorted. */
import type { IndexDefinition } from "../catalog/model.js";
import { type AccessPath, everything, orderOf, type PathOrder, pathsOf } from "./access.js";
import { selectivity } from "./estimate.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type { PlanNode, ScanNode, SortKey, SortNode } from "./plan.js";
import { costed, indexesOf, type PlanContext, rowsOf, withPath } from "./plan-context.js";
import { substitute, withInputs } from "./rewrite.js";
import type { UsableIndex } from "./usable-indexes.js";

/** An input that yields its rows in the order of so many of the first sort keys. */
export interface OrderedInput {
  readonly plan: PlanNode;
  readonly keys: number;
  readonly cost: number;
}

/** Sorting within rows that agree in the first keys: of those, it is taken, a share of all have the same. */
const agreeingShare = 0.005;

/** What sorting rows costs. @param wanted rows of the first; null for all */
export const sortCost = (rows: number, wanted: number | null): number =>
  rows * (0.2 + Math.log2(wanted === null ? rows + 1 : Math.min(rows, wanted) + 1) * 0.1);

/**
 * The input over a scan in the wanted order, or in that of its first keys, when there is nothing between that would change the order. The cheapest; its
 * cost has what is left of sorting in it.
 */
export function orderedInput(node: SortNode, wanted: number | null, context: PlanContext): OrderedInput | null {
  let keys: readonly SortKey[] = node.keys;
  const between: PlanNode[] = [];
  let at = node.input;
  let share = 1;
  while (at.kind === "project" || at.kind === "filter") {
    if (at.kind === "project") keys = throughProject(keys, at);
    else share *= selectivity(at.condition);
    between.push(at);
    at = at.input;
  }
  if (at.kind !== "scan") return null;
  const scan = at;
  const tableRows = rowsOf(scan.table, context);
  const indexes = indexesOf(scan, context);
  const paths = [...pathsOf(scan, indexes, tableRows), ...wholeIndexes(scan, indexes, tableRows)];
  let best: { readonly path: AccessPath; readonly order: PathOrder; readonly cost: number } | null = null;
  for (const path of paths) {
    const order = orderOf(scan, path, keys);
    if (order.keys === 0) continue;
    const found = Math.max(1, path.rows * share);
    const isWhole = order.keys === node.keys.length;
    // Rows that agree in the first keys are sorted together, so all of the last ones are read.
    const group = isWhole ? 0 : Math.max(1, found * agreeingShare);
    // Only as much of the walk as the limit asks for.
    const part = wanted === null ? 1 : Math.min(1, (wanted + group) / found);
    const cost = path.cost * part + 1 + (isWhole ? 0 : sortCost(found * part, group));
    if (best === null || cost < best.cost) best = { path, order, cost };
  }
  if (best === null) return null;
  const { path, order, cost } = best;
  let plan: PlanNode = { ...withPath(scan, path), isBackward: order.way === "backward", cost };
  for (const outer of between.toReversed()) plan = costed(withInputs(outer, [plan]));
  return { plan, keys: order.keys, cost };
}

/** Each index from one end to the other. */
const wholeIndexes = (scan: ScanNode, indexes: readonly UsableIndex[], tableRows: number): readonly AccessPath[] => {
  const rows = Math.max(1, tableRows * selectivity(scan.filter));
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
