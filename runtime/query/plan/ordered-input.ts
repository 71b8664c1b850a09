/** Inputs that an index yields in the order that is asked for, so that nothing need be sorted. */
import type { IndexDefinition } from "../catalog/model.js";
import { type AccessPath, everything, orderOf, pathsOf } from "./access.js";
import { selectivity } from "./estimate.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type { PlanNode, ScanNode, SortKey, SortNode } from "./plan.js";
import { costed, indexesOf, type PlanContext, rowsOf, withPath } from "./plan-context.js";
import { substitute, withInputs } from "./rewrite.js";
import type { UsableIndex } from "./usable-indexes.js";

/** The input over a scan in the wanted order, when there is nothing between that would change the order. */
export function orderedInput(
  node: SortNode,
  wanted: number | null,
  context: PlanContext,
): { readonly plan: PlanNode; readonly cost: number } | null {
  let keys: readonly SortKey[] | null = node.keys;
  const between: PlanNode[] = [];
  let at = node.input;
  let share = 1;
  while (at.kind === "project" || at.kind === "filter") {
    if (at.kind === "project") keys = throughProject(keys, at);
    else share *= selectivity(at.condition);
    if (keys === null) return null;
    between.push(at);
    at = at.input;
  }
  if (at.kind !== "scan") return null;
  const scan = at;
  const tableRows = rowsOf(scan.table, context);
  const indexes = indexesOf(scan, context);
  const paths = [...pathsOf(scan, indexes, tableRows), ...wholeIndexes(scan, indexes, tableRows)];
  let best: { readonly path: AccessPath; readonly isBackward: boolean; readonly cost: number } | null = null;
  for (const path of paths) {
    const order = orderOf(scan, path, keys);
    if (order === null) continue;
    const found = Math.max(1, path.rows * share);
    // Only as much of the walk as the limit asks for.
    const part = wanted === null ? 1 : Math.min(1, wanted / found);
    const cost = path.cost * part + 1;
    if (best === null || cost < best.cost) best = { path, isBackward: order === "backward", cost };
  }
  if (best === null) return null;
  let plan: PlanNode = { ...withPath(scan, best.path), isBackward: best.isBackward, cost: best.cost };
  for (const outer of between.toReversed()) plan = costed(withInputs(outer, [plan]));
  return { plan, cost: best.cost };
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

function throughProject(
  keys: readonly SortKey[] | null,
  node: Extract<PlanNode, { kind: "project" }>,
): readonly SortKey[] | null {
  if (keys === null) return null;
  const expressions = new Map<ColumnId, BoundExpression>();
  for (const [index, { id }] of node.columns.entries()) {
    const expression = node.expressions[index];
    if (expression !== undefined) expressions.set(id, expression);
  }
  const mapped: SortKey[] = [];
  for (const key of keys) {
    const expression = substitute(key.expression, expressions);
    if (expression === null || expression.kind !== "column") return null;
    mapped.push({ ...key, expression });
  }
  return mapped;
}
