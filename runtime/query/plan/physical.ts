/** How each operator is carried out: the ways into tables, the order and methods of joins, sorts that an index makes needless. */
import type { RowRules } from "../bind/bound.js";
import type { Catalog, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { auditIndexesOf, isAuditTable } from "../catalog/system/audit.js";
import type { TableSource } from "../table/access.js";
import { typeOid } from "../types/sql-type.js";
import { type AccessPath, choosePath, everything, orderOf, pathsOf } from "./access.js";
import { conjunction, conjunctsOf } from "./conjuncts.js";
import { spreadConditions } from "./disjunctions.js";
import { estimateRows, selectivity } from "./estimate.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import { extremesOf } from "./extremes.js";
import type { JoinNode, JoinType, PlanNode, ScanNode, SortKey, SortNode } from "./plan.js";
import { substitute, withInputs } from "./rewrite.js";
import { type UsableIndex, usableIndexes } from "./usable-indexes.js";
import { columnsOf, hasSubquery, inputsOf, isVolatile } from "./walk.js";

export interface PlanContext {
  readonly statistics: Pick<TableSource, "rowsEstimate">;
  readonly catalog: Catalog;
  /** What a table's indexes say of its rows, bound and with constants computed; null where nobody binds it. */
  readonly rulesOf: ((table: TableDefinition) => RowRules) | null;
}

export function physical(node: PlanNode, context: PlanContext): PlanNode {
  switch (node.kind) {
    case "scan":
      return physicalScan(node, context);
    case "systemScan":
      return { ...node, rows: 100, cost: 100 };
    case "join":
      return physicalJoin(node, context);
    case "sort":
      return physicalSort(node, null, context);
    case "limit":
      return physicalLimit(node, context);
    case "aggregate": {
      const whole = costed(withInputs(node, [physical(node.input, context)]));
      const first = extremesOf(node, (sort) => orderedInput(sort, 1, context)?.plan ?? null);
      return first !== null && first.cost < whole.cost ? first : whole;
    }
    default: {
      const inputs = inputsOf(node).map((input) => physical(input, context));
      return costed(withInputs(node, inputs));
    }
  }
}

/** With estimates: rows by form, cost as the inputs' and something for each row. */
function costed(node: PlanNode): PlanNode {
  const rows = estimateRows(node);
  const inputs = inputsOf(node);
  const below = inputs.reduce((sum, { cost }) => sum + Math.max(0, cost), 0);
  return {
    ...node,
    rows,
    cost: below + inputs.reduce((sum, input) => sum + Math.max(0, input.rows), 0) * 0.1 + rows * 0.05,
  };
}

const indexesOf = (scan: ScanNode, { catalog, rulesOf }: PlanContext): readonly UsableIndex[] => {
  const { table, time } = scan;
  if (isAuditTable(table)) return usableIndexes(scan, auditIndexesOf(table), null);
  // Entries are read of one moment, not of several versions.
  return time !== null && time.kind !== "asOf" ? [] : usableIndexes(scan, catalog.indexesOf(table), rulesOf);
};

/** There is always more in the log than in what is looked for by it. */
const auditRows = 1_000_000;

const rowsOf = (table: TableDefinition, { statistics }: PlanContext): number =>
  isAuditTable(table) ? auditRows : statistics.rowsEstimate(table);

function physicalScan(scan: ScanNode, context: PlanContext): PlanNode {
  const tableRows = rowsOf(scan.table, context);
  return withPath(scan, choosePath(scan, indexesOf(scan, context), tableRows));
}

function withPath(scan: ScanNode, path: AccessPath): ScanNode {
  const rows = Math.max(1, Math.min(path.rows, path.rows));
  return { ...scan, index: path.index, ranges: path.ranges, rows, cost: path.cost };
}

// ---- joins

function physicalJoin(node: JoinNode, context: PlanContext): PlanNode {
  if (node.type === "inner" && !node.isLateral) {
    const relations: PlanNode[] = [];
    const conditions: BoundExpression[] = [];
    flatten(node, relations, conditions);
    const spread = spreadConditions(relations, conditions);
    return orderJoins(
      spread.relations.map((relation) => physical(relation, context)),
      spread.conditions,
      context,
    );
  }
  const left = physical(node.left, context);
  const right = physical(node.right, context);
  if (node.isLateral) return lateral(node, left, right);
  return bestJoin(node.type, left, right, conjunctsOf(node.condition), context);
}

function lateral(node: JoinNode, left: PlanNode, right: PlanNode): PlanNode {
  const joined = withInputs(node, [left, right]);
  const rows = estimateRows(joined);
  return { ...joined, rows, cost: left.cost + Math.max(1, left.rows) * (right.cost + 1) };
}

/** Inner joins in one another as one list of relations and one of conditions. */
function flatten(node: PlanNode, relations: PlanNode[], conditions: BoundExpression[]): void {
  if (node.kind === "join" && node.type === "inner" && !node.isLateral) {
    flatten(node.left, relations, conditions);
    flatten(node.right, relations, conditions);
    conditions.push(...conjunctsOf(node.condition));
  } else relations.push(node);
}

const isWithin = (
  condition: BoundExpression,
  available: ReadonlySet<ColumnId>,
  all: ReadonlySet<ColumnId>,
): boolean => {
  for (const id of columnsOf(condition)) if (all.has(id) && !available.has(id)) return false;
  return true;
};

/** The smallest relation first, then always the one that makes the cheapest join; those without a condition last. */
function orderJoins(
  relations: readonly PlanNode[],
  conditions: readonly BoundExpression[],
  context: PlanContext,
): PlanNode {
  const all = new Set(relations.flatMap(({ columns }) => columns.map(({ id }) => id)));
  const left = relations.slice();
  let open = conditions.slice();
  let firstAt = 0;
  for (const [index, { rows }] of left.entries()) if (rows < (left[firstAt]?.rows ?? 0)) firstAt = index;
  const [first] = left.splice(firstAt, 1);
  if (first === undefined) throw new Error("a join has relations");
  let plan = first;
  while (left.length > 0) {
    const here = new Set(plan.columns.map(({ id }) => id));
    let best: {
      readonly at: number;
      readonly joined: PlanNode;
      readonly used: readonly BoundExpression[];
      readonly isCross: boolean;
    } | null = null;
    for (const [at, relation] of left.entries()) {
      const available = new Set([...here, ...relation.columns.map(({ id }) => id)]);
      const used = open.filter((condition) => isWithin(condition, available, all));
      const isCross = !used.some((condition) => [...columnsOf(condition)].some((id) => here.has(id)));
      if (best !== null && isCross && !best.isCross) continue;
      const joined = bestJoin("inner", plan, relation, used, context);
      const isBetter = best === null || (best.isCross && !isCross) || joined.cost < best.joined.cost;
      if (isBetter) best = { at, joined, used, isCross };
    }
    if (best === null) break;
    plan = best.joined;
    left.splice(best.at, 1);
    const { used } = best;
    open = open.filter((condition) => !used.includes(condition));
  }
  return plan;
}

interface Equality {
  readonly left: BoundExpression;
  readonly right: BoundExpression;
  readonly condition: BoundExpression;
}

const integers: ReadonlySet<number> = new Set([typeOid.int2, typeOid.int4, typeOid.int8]);
const strings: ReadonlySet<number> = new Set([typeOid.text, typeOid.varchar]);

/** Types whose equal values have equal hash keys. */
const hashesAlike = (a: number, b: number): boolean =>
  a === b || (integers.has(a) && integers.has(b)) || (strings.has(a) && strings.has(b));

function equalitiesOf(conditions: readonly BoundExpression[], left: PlanNode, right: PlanNode): readonly Equality[] {
  const leftIds = new Set(left.columns.map(({ id }) => id));
  const rightIds = new Set(right.columns.map(({ id }) => id));
  const sideOf = (expression: BoundExpression): "left" | "right" | null => {
    const used = [...columnsOf(expression)];
    const isLeft = used.some((id) => leftIds.has(id));
    const isRight = used.some((id) => rightIds.has(id));
    if (isLeft === isRight || isVolatile(expression) || hasSubquery(expression)) return null;
    return isLeft ? "left" : "right";
  };
  return conditions.flatMap((condition): readonly Equality[] => {
    if (condition.kind !== "call" || condition.callee.name !== "=" || condition.form !== "operator") return [];
    const [a, b] = condition.arguments;
    if (a === undefined || b === undefined || !hashesAlike(a.type.oid, b.type.oid)) return [];
    const sides = [sideOf(a), sideOf(b)];
    if (sides[0] === "left" && sides[1] === "right") return [{ left: a, right: b, condition }];
    if (sides[0] === "right" && sides[1] === "left") return [{ left: b, right: a, condition }];
    return [];
  });
}

/** The cheapest of: a look-up in the right table for each left row, a hash join either way round, a nested loop. */
function bestJoin(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
  context: PlanContext,
): PlanNode {
  const plans: PlanNode[] = [];
  const lookUp = indexLoop(type, left, right, conditions, context);
  if (lookUp !== null) plans.push(lookUp);
  if (type === "inner") {
    const other = indexLoop(type, right, left, conditions, context);
    if (other !== null) plans.push(other);
  }
  const hashed = hashJoin(type, left, right, conditions);
  if (hashed !== null) plans.push(hashed);
  if (type === "inner" && hashed !== null) {
    const swapped = hashJoin(type, right, left, conditions);
    if (swapped !== null) plans.push(swapped);
  }
  if (hashed === null) plans.push(nestedLoop(type, left, right, conditions));
  let [best] = plans;
  for (const plan of plans) if (best === undefined || plan.cost < best.cost) best = plan;
  return best ?? nestedLoop(type, left, right, conditions);
}

function joinNode(type: JoinType, left: PlanNode, right: PlanNode, condition: BoundExpression | null): JoinNode {
  const isHalf = type === "semi" || type === "anti";
  return {
    kind: "join",
    type,
    left,
    right,
    condition,
    isLateral: false,
    method: { kind: "nestedLoop" },
    columns: isHalf ? left.columns : [...left.columns, ...right.columns],
    rows: -1,
    cost: -1,
  };
}

function nestedLoop(type: JoinType, left: PlanNode, right: PlanNode, conditions: readonly BoundExpression[]): PlanNode {
  const node = joinNode(type, left, right, conjunction(conditions));
  const rows = estimateRows(node);
  return { ...node, rows, cost: left.cost + right.cost + left.rows * right.rows * 0.1 + rows * 0.1 };
}

function hashJoin(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
): PlanNode | null {
  const equalities = equalitiesOf(conditions, left, right);
  if (equalities.length === 0) return null;
  const used = new Set(equalities.map(({ condition }) => condition));
  const node = joinNode(type, left, right, null);
  const rows = estimateRows({ ...node, condition: conjunction(conditions) });
  return {
    ...node,
    method: {
      kind: "hash",
      leftKeys: equalities.map((equality) => equality.left),
      rightKeys: equalities.map((equality) => equality.right),
      residual: conjunction(conditions.filter((condition) => !used.has(condition))),
    },
    rows,
    cost: left.cost + right.cost + left.rows * 0.3 + right.rows * 0.6 + rows * 0.1,
  };
}

/** What beginning a scan by an index costs, in rows of a scan from end to end: 30 to 45 µs to one or two. */
const lookUpCost = 20;

/** The right side is a table that has an index for the condition: it is looked into for each left row. */
function indexLoop(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
  context: PlanContext,
): PlanNode | null {
  if (right.kind !== "scan" || type === "right" || type === "full" || conditions.length === 0) return null;
  if (conditions.some((condition) => hasSubquery(condition) || isVolatile(condition))) return null;
  const scan: ScanNode = {
    ...right,
    filter: conjunction([...conjunctsOf(right.filter), ...conditions]),
    index: null,
    ranges: [everything],
  };
  const tableRows = rowsOf(right.table, context);
  const path = choosePath(scan, indexesOf(scan, context), tableRows);
  if (path.ranges[0] === everything || path.ranges.length === 0) return null;
  const inner = withPath(scan, path);
  // Worth it only where the look-up uses the left row.
  const leftIds = new Set(left.columns.map(({ id }) => id));
  const usesLeft = path.ranges.some(({ from, to }) =>
    [...(from?.values ?? []), ...(to?.values ?? [])].some((value) =>
      [...columnsOf(value)].some((id) => leftIds.has(id)),
    ),
  );
  if (!usesLeft) return null;
  const node: JoinNode = { ...joinNode(type, left, inner, null), isLateral: true };
  const rows = type === "inner" ? Math.max(1, left.rows * inner.rows) : estimateRows(node);
  return { ...node, rows, cost: left.cost + Math.max(1, left.rows) * (inner.cost + lookUpCost) };
}

// ---- order

function physicalLimit(node: Extract<PlanNode, { kind: "limit" }>, context: PlanContext): PlanNode {
  const { limit, offset, ties } = node;
  if (node.input.kind === "sort" && limit !== null && ties === null) {
    const sorted = physicalSort({ ...node.input, top: { limit, offset } }, wantedRows(limit), context);
    return costed(withInputs(node, [sorted]));
  }
  return costed(withInputs(node, [physical(node.input, context)]));
}

const wantedRows = (limit: BoundExpression): number =>
  limit.kind === "constant" && limit.value !== null ? Number(limit.value) : 100;

/** A sort, unless an index yields the rows in order and that is cheaper. */
function physicalSort(node: SortNode, wanted: number | null, context: PlanContext): PlanNode {
  const ordered = orderedInput(node, wanted, context);
  const input = physical(node.input, context);
  const rows = Math.max(1, input.rows);
  const cost = input.cost + rows * (0.2 + Math.log2(wanted === null ? rows + 1 : Math.min(rows, wanted) + 1) * 0.1);
  if (ordered !== null && ordered.cost < cost) return ordered.plan;
  return { ...withInputs(node, [input]), rows, cost };
}

/** The input over a scan in the wanted order, when there is nothing between that would change the order. */
function orderedInput(
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
