/**
 * Conditions go down to where their columns come from, and what they make of joins: a condition that no NULL passes turns an outer join
 * into an inner one; EXISTS with conditions on outer rows becomes a semi-join.
 */

import { SqlError } from "../error.js";
import { conjunction, conjunctsOf } from "./conjuncts.js";
import type { BoundExpression, ColumnId, Subplan } from "./expression.js";
import { type JoinNode, type LockNode, lockNames, type PlanNode } from "./plan.js";
import { substitute, withInputs } from "./rewrite.js";
import { columnsOf, hasSubquery, inputsOf, isPlanVolatile, isVolatile, outerColumnsOf } from "./walk.js";

/** The node with these conditions applied to its rows, as far down as they can be. */
export function pushDown(node: PlanNode, conditions: readonly BoundExpression[]): PlanNode {
  switch (node.kind) {
    case "filter": {
      const own = conjunctsOf(node.condition);
      return pushDown(node.input, [...own, ...conditions]);
    }
    case "project": {
      const { down, stay } = throughExpressions(
        conditions,
        new Map(node.columns.map(({ id }, index) => [id, node.expressions[index]])),
      );
      return filtered(withInputs(node, [pushDown(node.input, down)]), stay);
    }
    case "aggregate": {
      if (node.sets !== null || node.groups.length === 0)
        return filtered(withInputs(node, [pushDown(node.input, [])]), conditions);
      const groups = new Map(node.groups.map(({ id, expression }) => [id, expression]));
      const isOfGroups = (condition: BoundExpression): boolean =>
        [...columnsOf(condition)].every((id) => groups.has(id) || !node.columns.some((column) => column.id === id));
      const candidates = conditions.filter(isOfGroups);
      const { down, stay } = throughExpressions(candidates, groups);
      const rest = conditions.filter((condition) => !candidates.includes(condition));
      return filtered(withInputs(node, [pushDown(node.input, down)]), [...stay, ...rest]);
    }
    case "sort":
      if (node.top !== null) break;
      return filtered(
        withInputs(node, [
          pushDown(
            node.input,
            conditions.filter((condition) => !isVolatile(condition)),
          ),
        ]),
        conditions.filter(isVolatile),
      );
    case "distinct": {
      const keys = columnsOf(...node.keys);
      const isOfKeys = (condition: BoundExpression): boolean =>
        !isVolatile(condition) &&
        [...columnsOf(condition)].every((id) => keys.has(id) || !node.columns.some((column) => column.id === id));
      const down = conditions.filter(isOfKeys);
      return filtered(
        withInputs(node, [pushDown(node.input, down)]),
        conditions.filter((one) => !down.includes(one)),
      );
    }
    case "setOperation":
      return throughSetOperation(node, conditions);
    case "scan":
    case "systemScan": {
      const own = conditions.filter((condition) => !hasSubquery(condition) && !isVolatile(condition));
      const rest = conditions.filter((condition) => !own.includes(condition));
      if (own.length === 0) return filtered(node, rest);
      return filtered({ ...node, filter: conjunction([...conjunctsOf(node.filter), ...own]) }, rest);
    }
    case "join":
      return throughJoin(node, conditions);
    case "lock": {
      const input = pushDown(node.input, []);
      expectRows(node.locks, input);
      return filtered(withInputs(node, [input]), conditions);
    }
    default:
      break;
  }
  return filtered(
    withInputs(
      node,
      inputsOf(node).map((input) => pushDown(input, [])),
    ),
    conditions,
  );
}

/** The conditions above the node, EXISTS as semi-joins. */
function filtered(node: PlanNode, conditions: readonly BoundExpression[]): PlanNode {
  let plan = node;
  const left: BoundExpression[] = [];
  for (const condition of conditions) {
    const joined = asSemiJoin(plan, condition);
    if (joined === null) left.push(condition);
    else plan = joined;
  }
  const condition = conjunction(left);
  return condition === null
    ? plan
    : { kind: "filter", input: plan, condition, columns: plan.columns, rows: -1, cost: -1 };
}

/** Conditions over computed columns as conditions over what they are computed of; what cannot be moved stays. */
function throughExpressions(
  conditions: readonly BoundExpression[],
  expressions: ReadonlyMap<ColumnId, BoundExpression | undefined>,
): { readonly down: readonly BoundExpression[]; readonly stay: readonly BoundExpression[] } {
  const replacements = new Map<ColumnId, BoundExpression>();
  for (const [id, expression] of expressions) if (expression !== undefined) replacements.set(id, expression);
  const down: BoundExpression[] = [];
  const stay: BoundExpression[] = [];
  for (const condition of conditions) {
    const isMovable =
      !isVolatile(condition) &&
      [...columnsOf(condition)].every((id) => {
        const replacement = replacements.get(id);
        return replacement === undefined || (!isVolatile(replacement) && !hasSubquery(replacement));
      });
    const moved = isMovable ? substitute(condition, replacements) : null;
    if (moved === null) stay.push(condition);
    else down.push(moved);
  }
  return { down, stay };
}

function throughSetOperation(
  node: Extract<PlanNode, { kind: "setOperation" }>,
  conditions: readonly BoundExpression[],
): PlanNode {
  const side = (input: PlanNode): ReadonlyMap<ColumnId, BoundExpression> =>
    new Map(
      node.columns.map((column, index) => {
        const source = input.columns[index] ?? column;
        return [column.id, { kind: "column", id: source.id, name: source.name, type: source.type, location: -1 }];
      }),
    );
  const left = side(node.left);
  const right = side(node.right);
  const toLeft: BoundExpression[] = [];
  const toRight: BoundExpression[] = [];
  const stay: BoundExpression[] = [];
  for (const condition of conditions) {
    const a = isVolatile(condition) ? null : substitute(condition, left);
    const b = isVolatile(condition) ? null : substitute(condition, right);
    if (a === null || b === null) stay.push(condition);
    else {
      toLeft.push(a);
      toRight.push(b);
    }
  }
  return filtered(withInputs(node, [pushDown(node.left, toLeft), pushDown(node.right, toRight)]), stay);
}

function throughJoin(node: JoinNode, conditions: readonly BoundExpression[]): PlanNode {
  const leftIds = new Set(node.left.columns.map(({ id }) => id));
  const rightIds = new Set(node.right.columns.map(({ id }) => id));
  const uses = (condition: BoundExpression, ids: ReadonlySet<ColumnId>): boolean => {
    for (const id of columnsOf(condition)) if (ids.has(id)) return true;
    return false;
  };
  const type = simplerType(node, conditions, leftIds, rightIds);
  const above: BoundExpression[] = [];
  const toLeft: BoundExpression[] = [];
  const toRight: BoundExpression[] = [];
  const own: BoundExpression[] = [];
  const keepsLeft = type === "left" || type === "full" || type === "anti";
  const keepsRight = type === "right" || type === "full";
  for (const condition of conditions) {
    const ofLeft = uses(condition, leftIds);
    const ofRight = uses(condition, rightIds);
    if (isVolatile(condition)) above.push(condition);
    else if (ofLeft && ofRight) (type === "inner" ? own : above).push(condition);
    else if (ofRight) (type === "left" || type === "full" ? above : toRight).push(condition);
    else if (ofLeft) (type === "right" || type === "full" ? above : toLeft).push(condition);
    else if (type === "full") above.push(condition);
    else (type === "right" ? toRight : toLeft).push(condition);
  }
  for (const condition of conjunctsOf(node.condition)) {
    const ofLeft = uses(condition, leftIds);
    const ofRight = uses(condition, rightIds);
    if (isVolatile(condition) || (ofLeft && ofRight)) own.push(condition);
    else if (ofRight && !keepsRight) toRight.push(condition);
    else if (ofLeft && !keepsLeft) toLeft.push(condition);
    else own.push(condition);
  }
  const joined: JoinNode = { ...node, type, condition: conjunction(own) };
  return filtered(withInputs(joined, [pushDown(node.left, toLeft), pushDown(node.right, toRight)]), above);
}

/** An outer join whose made-up rows do not pass the conditions above it is an inner one, on that side. */
function simplerType(
  node: JoinNode,
  conditions: readonly BoundExpression[],
  leftIds: ReadonlySet<ColumnId>,
  rightIds: ReadonlySet<ColumnId>,
): JoinNode["type"] {
  const { type } = node;
  if (type !== "left" && type !== "right" && type !== "full") return type;
  const rejects = (ids: ReadonlySet<ColumnId>): boolean => conditions.some((condition) => rejectsNulls(condition, ids));
  const noNullRight = rejects(rightIds);
  const noNullLeft = rejects(leftIds);
  if (type === "left") return noNullRight ? "inner" : type;
  if (type === "right") return noNullLeft ? "inner" : type;
  if (noNullLeft && noNullRight) return "inner";
  if (noNullLeft) return "left";
  return noNullRight ? "right" : type;
}

/** Whether the condition is never true when all these columns are NULL. */
function rejectsNulls(condition: BoundExpression, ids: ReadonlySet<ColumnId>): boolean {
  switch (condition.kind) {
    case "call":
      return condition.callee.isStrict && condition.arguments.some((argument) => isNullWith(argument, ids));
    case "isTest":
      return condition.test === "null"
        ? condition.isNegated && isNullWith(condition.subject, ids)
        : !condition.isNegated && condition.test !== "unknown" && isNullWith(condition.subject, ids);
    case "and":
      return condition.terms.some((term) => rejectsNulls(term, ids));
    case "or":
      return condition.terms.every((term) => rejectsNulls(term, ids));
    case "inList":
      return isNullWith(condition.subject, ids);
    default:
      return false;
  }
}

/** Whether the value is NULL when all these columns are. */
function isNullWith(expression: BoundExpression, ids: ReadonlySet<ColumnId>): boolean {
  switch (expression.kind) {
    case "column":
      return ids.has(expression.id);
    case "cast":
      return isNullWith(expression.subject, ids);
    case "call":
      return expression.callee.isStrict && expression.arguments.some((argument) => isNullWith(argument, ids));
    default:
      return false;
  }
}

/** EXISTS (SELECT … WHERE conditions on outer rows) as a join that keeps or leaves out left rows. */
function asSemiJoin(left: PlanNode, condition: BoundExpression): PlanNode | null {
  const isNegated = condition.kind === "not";
  const inner = isNegated ? condition.term : condition;
  if (inner.kind !== "subquery" || inner.subplan.form !== "exists" || inner.subplan.isVolatile) return null;
  const right = separated(inner.subplan, left);
  if (right === null) return null;
  return {
    kind: "join",
    type: isNegated ? "anti" : "semi",
    left,
    right: right.plan,
    condition: right.condition,
    isLateral: false,
    method: { kind: "nestedLoop" },
    columns: left.columns,
    rows: -1,
    cost: -1,
  };
}

/** A subquery's plan without outer rows, and the conditions that used them; null when they are used elsewhere too. */
function separated(
  subplan: Subplan,
  left: PlanNode,
): { readonly plan: PlanNode; readonly condition: BoundExpression | null } | null {
  let plan = subplan.plan;
  // Which columns EXISTS selects does not matter, as long as computing them has no effect.
  while (plan.kind === "project") plan = plan.input;
  if (plan.kind !== "filter" || subplan.outer.length === 0) return null;
  const leftIds = new Set(left.columns.map(({ id }) => id));
  const correlated: BoundExpression[] = [];
  const own: BoundExpression[] = [];
  for (const term of conjunctsOf(plan.condition)) {
    const isCorrelated = [...columnsOf(term)].some((id) => leftIds.has(id));
    if (isCorrelated && hasSubquery(term)) return null;
    (isCorrelated ? correlated : own).push(term);
  }
  const inner = pushDown(plan.input, own);
  for (const id of outerColumnsOf(inner)) if (leftIds.has(id)) return null;
  if (isPlanVolatile(inner)) return null;
  return { plan: inner, condition: conjunction(correlated) };
}

/** Throws 0A000 where rows are to be locked that an outer join may be without: it is told once it is known which joins are outer ones. */
function expectRows(locks: LockNode["locks"], input: PlanNode): void {
  const open: { readonly node: PlanNode; readonly isNullable: boolean }[] = [{ node: input, isNullable: false }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, isNullable } = next;
    const lock = isNullable ? locks.find(({ keyId }) => node.columns.some(({ id }) => id === keyId)) : undefined;
    if (lock !== undefined) {
      const message = `${lockNames[lock.strength]} cannot be applied to the nullable side of an outer join`;
      throw new SqlError("0A000", message);
    }
    if (isNullable) continue;
    if (node.kind !== "join") {
      open.push(...inputsOf(node).map((below) => ({ node: below, isNullable })));
      continue;
    }
    open.push({ node: node.left, isNullable: node.type === "right" || node.type === "full" });
    open.push({ node: node.right, isNullable: node.type === "left" || node.type === "full" });
  }
}
