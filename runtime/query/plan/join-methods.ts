/** Ways of joining two sides, and the cheapest of them. */
import { choosePath, everything } from "./access.js";
import { sharesBeneath } from "./column-shares.js";
import { conjunction, conjunctsOf } from "./conjuncts.js";
import { betweenShare, estimateRows, type ShareOf, selectivity } from "./estimate.js";
import type { BoundExpression } from "./expression.js";
import { comparesAlike, sidesOf } from "./join-sides.js";
import type { JoinNode, JoinType, PlanNode, ScanNode } from "./plan.js";
import { indexesOf, type PlanContext, sizeOf, withPath } from "./plan-context.js";
import { isTwoSided, joinRangeOf } from "./range-join.js";
import { withInputs } from "./rewrite.js";
import { columnsOf, hasSubquery, isVolatile } from "./walk.js";

interface Equality {
  readonly left: BoundExpression;
  readonly right: BoundExpression;
  readonly condition: BoundExpression;
}

function equalitiesOf(conditions: readonly BoundExpression[], left: PlanNode, right: PlanNode): readonly Equality[] {
  const sideOf = sidesOf(left, right);
  return conditions.flatMap((condition): readonly Equality[] => {
    if (condition.kind !== "call" || condition.callee.name !== "=" || condition.form !== "operator") return [];
    const [a, b] = condition.arguments;
    if (a === undefined || b === undefined || !comparesAlike(a.type.oid, b.type.oid)) return [];
    const sides = [sideOf(a), sideOf(b)];
    if (sides[0] === "left" && sides[1] === "right") return [{ left: a, right: b, condition }];
    if (sides[0] === "right" && sides[1] === "left") return [{ left: b, right: a, condition }];
    return [];
  });
}

/** The cheapest of: a look-up in the right table for each left row, a hash join either way round, a range join, a nested loop. */
export function bestJoin(
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
  const shareOf = sharesBeneath([left, right], context);
  const hashed = hashJoin(type, left, right, conditions, shareOf);
  if (hashed !== null) plans.push(hashed);
  if (type === "inner" && hashed !== null) {
    const swapped = hashJoin(type, right, left, conditions, shareOf);
    if (swapped !== null) plans.push(swapped);
  }
  if (hashed === null) plans.push(nestedLoop(type, left, right, conditions, shareOf));
  plans.push(...rangeJoins(type, left, right, conditions, hashed !== null, shareOf));
  let [best] = plans;
  for (const plan of plans) if (best === undefined || plan.cost < best.cost) best = plan;
  return best ?? nestedLoop(type, left, right, conditions, shareOf);
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

function nestedLoop(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
  shareOf: ShareOf,
): PlanNode {
  const node = joinNode(type, left, right, conjunction(conditions));
  const rows = estimateRows(node, shareOf);
  return { ...node, rows, cost: left.cost + right.cost + left.rows * right.rows * 0.1 + rows * 0.1 };
}

/** Whether no two rows have the same values: they are a table's key, or more than that. */
function isUniqueBy(expressions: readonly BoundExpression[], side: PlanNode): boolean {
  if (side.kind !== "scan" || side.table.keyColumns.length === 0 || side.time !== null) return false;
  const numbers = new Set(
    expressions.map((expression) =>
      expression.kind === "column" ? side.numbers[side.columns.findIndex(({ id }) => id === expression.id)] : undefined,
    ),
  );
  return side.table.keyColumns.every((number) => numbers.has(number));
}

function hashJoin(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
  shareOf: ShareOf,
): PlanNode | null {
  const equalities = equalitiesOf(conditions, left, right);
  if (equalities.length === 0) return null;
  const used = new Set(equalities.map(({ condition }) => condition));
  const node = joinNode(type, left, right, null);
  const rest = conditions.filter((condition) => !used.has(condition));
  // Of equal keys, pairs that the rest of the conditions is asked of.
  const isOne =
    isUniqueBy(
      equalities.map((equality) => equality.left),
      left,
    ) ||
    isUniqueBy(
      equalities.map((equality) => equality.right),
      right,
    );
  const pairShare = selectivity(conjunction(equalities.map(({ condition }) => condition)), shareOf);
  const asked = rest.length === 0 || isOne ? 0 : left.rows * right.rows * pairShare;
  const rows = estimateRows({ ...node, condition: conjunction(conditions) }, shareOf);
  return {
    ...node,
    method: {
      kind: "hash",
      leftKeys: equalities.map((equality) => equality.left),
      rightKeys: equalities.map((equality) => equality.right),
      residual: conjunction(rest),
    },
    rows,
    cost: left.cost + right.cost + left.rows * 0.3 + right.rows * 0.6 + rows * 0.1 + asked * 0.1,
  };
}

/**
 * Joins by a range that the other side gives, either way round. Rows of equal keys are hashed as long as what else is asked of them is not a range from
 * both ends: by that, few of the many rows that a key may have are wanted.
 */
function rangeJoins(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
  isHashable: boolean,
  shareOf: ShareOf,
): readonly PlanNode[] {
  const found = [rangeJoin(type, left, right, conditions, isHashable, shareOf)];
  const swapped = { inner: "inner", left: "right", right: "left", full: "full", semi: null, anti: null } as const;
  const other = swapped[type];
  if (other !== null) found.push(rangeJoin(other, right, left, conditions, isHashable, shareOf));
  return found.filter((plan) => plan !== null);
}

/** More rows of equal keys are for a hash join, which writes to files what it has no memory for. */
const keptRowsMax = 1_000_000;

function rangeJoin(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
  isHashable: boolean,
  shareOf: ShareOf,
): PlanNode | null {
  const range = joinRangeOf(conditions, left, right);
  if (range === null || (isHashable && (!isTwoSided(range) || right.rows > keptRowsMax))) return null;
  const equalities = equalitiesOf(conditions, left, right);
  const used = new Set([...range.terms, ...equalities.map(({ condition }) => condition)]);
  const node = joinNode(type, left, right, null);
  const rows = estimateRows({ ...node, condition: conjunction(conditions) }, shareOf);
  const equal = selectivity(conjunction(equalities.map(({ condition }) => condition)), shareOf);
  const pairs = left.rows * right.rows * equal * (isTwoSided(range) ? betweenShare : 0.33);
  const steps = Math.log2(right.rows + 2);
  return {
    ...node,
    method: {
      kind: "range",
      leftKeys: equalities.map((equality) => equality.left),
      rightKeys: equalities.map((equality) => equality.right),
      subject: range.subject,
      from: range.from,
      to: range.to,
      residual: conjunction(conditions.filter((condition) => !used.has(condition))),
    },
    rows,
    cost: left.cost + right.cost + left.rows * (0.3 + steps * 0.02) + right.rows * (0.6 + steps * 0.05) + pairs * 0.1,
  };
}

/** The right side is run for each left row, whose columns it uses. */
export function lateralLoop(node: JoinNode, left: PlanNode, right: PlanNode): PlanNode {
  const joined = withInputs(node, [left, right]);
  return { ...joined, rows: estimateRows(joined), cost: left.cost + Math.max(1, left.rows) * (right.cost + 1) };
}

/** What beginning a scan by an index costs, in rows of a scan from end to end: 30 to 45 µs to one or two. */
const lookUpCost = 20;

/** Whether a projection passes all columns of its input on as they are, beside what it adds. */
const passesAll = ({ input, columns, expressions }: Extract<PlanNode, { kind: "project" }>): boolean =>
  input.columns.every(({ id }) => {
    const expression = expressions[columns.findIndex((column) => column.id === id)];
    return expression?.kind === "column" && expression.id === id;
  });

/** The right side is a table that has an index for the condition: it is looked into for each left row. */
export function indexLoop(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly BoundExpression[],
  context: PlanContext,
): PlanNode | null {
  const looked = right.kind === "project" && passesAll(right) ? right.input : right;
  if (looked.kind !== "scan" || type === "right" || type === "full" || conditions.length === 0) return null;
  if (conditions.some((condition) => hasSubquery(condition) || isVolatile(condition))) return null;
  const above = new Set(right.columns.map(({ id }) => id));
  for (const { id } of looked.columns) above.delete(id);
  // What a projection adds is not known below it.
  if (conditions.some((condition) => [...columnsOf(condition)].some((id) => above.has(id)))) return null;
  const scan: ScanNode = {
    ...looked,
    filter: conjunction([...conjunctsOf(looked.filter), ...conditions]),
    index: null,
    ranges: [everything],
  };
  const path = choosePath(scan, indexesOf(scan, context), sizeOf(looked.table, context));
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
  const whole = looked === right ? inner : { ...withInputs(right, [inner]), rows: inner.rows, cost: inner.cost };
  const node: JoinNode = { ...joinNode(type, left, whole, null), isLateral: true };
  const rows = type === "inner" ? Math.max(1, left.rows * inner.rows) : estimateRows(node);
  return { ...node, rows, cost: left.cost + Math.max(1, left.rows) * (inner.cost + lookUpCost) };
}
