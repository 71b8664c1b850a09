/**
 * `(SELECT … WHERE t.k = o.k)` and EXISTS of such a one, asked for many rows outside: one run over all of `t`, with its rows found by `k`, costs less than
 * a run for each. It may look at rows that none of the runs would come to, so nothing in it may fail.
 */
import { isAuditTable } from "../catalog/system/audit.js";
import { hasOrder } from "../types/compare.js";
import { typeOid } from "../types/sql-type.js";
import { isRowType } from "../types/type-table.js";
import { conjunction, conjunctsOf } from "./conjuncts.js";
import type { BoundExpression, ColumnId, Subplan, SubplanByKey } from "./expression.js";
import { comparesAlike } from "./join-sides.js";
import type { AggregateCall, AggregateNode, PlanColumn, PlanNode } from "./plan.js";
import { substitute } from "./rewrite.js";
import {
  columnsOf,
  expressionsOfNode,
  hasSubquery,
  inputsOf,
  isImmutable,
  isVolatile,
  outerColumnsOf,
  visitExpression,
} from "./walk.js";

/** A subquery's plan as it was bound, with nothing pushed down yet. Null where it has to run for each row. */
export function subplanByKey({ form, plan, columns, planOuter, isVolatile: isAnew }: Subplan): SubplanByKey | null {
  if ((form !== "scalar" && form !== "exists") || isAnew || planOuter.length === 0) return null;
  const top = form === "scalar" ? valueOf(plan, columns[0]) : { value: null, below: belowProjections(plan) };
  if (top === null) return null;
  const { value } = top;
  const aggregate = top.below.kind === "aggregate" ? top.below : null;
  if (aggregate !== null && (form === "exists" || !isSafeAggregate(aggregate))) return null;
  const conditions: BoundExpression[] = [];
  let rows = aggregate === null ? top.below : aggregate.input;
  for (; rows.kind === "filter"; rows = rows.input) conditions.push(...conjunctsOf(rows.condition));
  if (!isSafe(rows) || outerColumnsOf(rows).size > 0) return null;
  const parted = partedBy(conditions, rows.columns);
  if (parted === null) return null;
  const { keys, own } = parted;
  const condition = conjunction(own);
  const filtered: PlanNode =
    condition === null ? rows : { kind: "filter", input: rows, condition, columns: rows.columns, ...estimates };
  const whole = aggregate === null ? filtered : grouped(aggregate, filtered, keys);
  return { plan: whole, keys, value, isGrouped: aggregate !== null };
}

const estimates = { rows: -1, cost: -1 } as const;

function belowProjections(plan: PlanNode): PlanNode {
  let below = plan;
  while (below.kind === "project" || below.kind === "sort") below = below.input;
  return below;
}

/** What the subquery's value is computed of below its projections. */
function valueOf(
  plan: PlanNode,
  id: ColumnId | undefined,
): { readonly value: BoundExpression; readonly below: PlanNode } | null {
  const column = plan.columns.find((one) => one.id === id);
  if (column === undefined) return null;
  let value: BoundExpression = { kind: "column", location: -1, ...column };
  let below = plan;
  for (; below.kind === "project"; below = below.input) {
    const { columns, expressions } = below;
    const known = new Map(
      columns.flatMap((one, at) => (expressions[at] === undefined ? [] : [[one.id, expressions[at]]])),
    );
    const next = substitute(value, known);
    if (next === null) return null;
    value = next;
  }
  return hasSubquery(value) || isVolatile(value) ? null : { value, below };
}

/** Conditions that compare columns of the rows with rows outside, and those of the rows alone; null when there are others. */
function partedBy(
  conditions: readonly BoundExpression[],
  columns: readonly PlanColumn[],
): { readonly keys: SubplanByKey["keys"]; readonly own: readonly BoundExpression[] } | null {
  const ids = new Set(columns.map(({ id }) => id));
  const isOwn = (expression: BoundExpression): boolean => [...columnsOf(expression)].every((id) => ids.has(id));
  const isOuter = (expression: BoundExpression): boolean => [...columnsOf(expression)].every((id) => !ids.has(id));
  const keys: SubplanByKey["keys"][number][] = [];
  const own: BoundExpression[] = [];
  for (const condition of conditions) {
    if (!cannotFail(condition)) return null;
    if (isOwn(condition)) {
      own.push(condition);
      continue;
    }
    if (condition.kind !== "call" || condition.callee.name !== "=" || condition.arguments.length !== 2) return null;
    const [a, b] = condition.arguments;
    if (a === undefined || b === undefined) return null;
    const [given, outer] = isOuter(a) ? [b, a] : [a, b];
    // A varchar is compared as the text that it is.
    const inner = given.kind === "cast" && given.cast.kind === "none" ? given.subject : given;
    if (inner.kind !== "column" || !isOwn(inner) || !isOuter(outer)) return null;
    if (!comparesAlike(inner.type.oid, outer.type.oid) || keys.some((key) => key.inner === inner.id)) return null;
    keys.push({ outer, inner: inner.id });
  }
  return keys.length === 0 ? null : { keys, own };
}

/** The aggregates of all keys at once. */
function grouped(node: AggregateNode, input: PlanNode, keys: SubplanByKey["keys"]): AggregateNode {
  const columns = input.columns.filter(({ id }) => keys.some((key) => key.inner === id));
  const groups = columns.map((column) => ({
    id: column.id,
    expression: { kind: "column", location: -1, ...column } as const,
  }));
  return { ...node, input, groups, isPlain: false, columns: [...columns, ...node.columns] };
}

/** The narrowest first. */
const widths: readonly number[] = [typeOid.int2, typeOid.int4, typeOid.int8, typeOid.numeric];
const numeric: ReadonlySet<number> = new Set(widths);

/** Aggregates that have a result of any rows, whatever their order. */
function isSafeAggregate({ isPlain, groups, sets, aggregates }: AggregateNode): boolean {
  if (!isPlain || groups.length > 0 || sets !== null) return false;
  return aggregates.every(({ callee: { name }, arguments: args, direct, order, filter }: AggregateCall) => {
    const [argument] = args;
    if (direct.length > 0 || order.length > 0 || args.length > 1) return false;
    if (filter !== null && !cannotFail(filter)) return false;
    if (argument === undefined) return name === "count";
    if (!cannotFail(argument)) return false;
    if (name === "count" || name === "bool_and" || name === "bool_or" || name === "every") return true;
    if (name === "min" || name === "max") return hasOrder(argument.type.oid);
    return (name === "sum" || name === "avg") && numeric.has(argument.type.oid);
  });
}

/** Rows of tables that are there now, and their joins. */
function isSafe(node: PlanNode): boolean {
  if (node.kind === "scan") {
    if (node.time !== null || isAuditTable(node.table) || node.table.isUnpopulated === true) return false;
  } else if (node.kind === "join") {
    if (node.isLateral) return false;
  } else if (node.kind !== "project" && node.kind !== "filter") return false;
  return expressionsOfNode(node).every(cannotFail) && inputsOf(node).every(isSafe);
}

const comparisons: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);

/** Whether computing it raises no error, whatever row it is computed of. */
export function cannotFail(expression: BoundExpression): boolean {
  switch (expression.kind) {
    case "constant":
    case "parameter":
    case "column":
      return true;
    case "call": {
      if (expression.form !== "operator" || !comparisons.has(expression.callee.name)) return false;
      return expression.arguments.every((one) => hasOrder(one.type.oid) && isScalar(one) && cannotFail(one));
    }
    case "cast":
      return (
        isFolded(expression) ||
        ((expression.cast.kind === "none" || isWider(expression)) && cannotFail(expression.subject))
      );
    case "and":
    case "or":
      return expression.terms.every(cannotFail);
    case "not":
      return cannotFail(expression.term);
    case "isTest":
      return cannotFail(expression.subject);
    case "coalesce":
      return expression.items.every(cannotFail);
    case "inList":
      return isScalar(expression.subject) && [expression.subject, ...expression.items].every(cannotFail);
    default:
      return isFolded(expression);
  }
}

/** Computed once, whoever asks for it: the statement fails by it before its first row. */
const isFolded = (expression: BoundExpression): boolean => {
  let isConstant = isImmutable(expression);
  visitExpression(expression, ({ kind }) => {
    if (kind === "column" || kind === "parameter" || kind === "grouping") isConstant = false;
  });
  return isConstant;
};

/** An integer as one of a wider type. */
const isWider = ({ type, subject }: Extract<BoundExpression, { kind: "cast" }>): boolean => {
  const [from, to] = [widths.indexOf(subject.type.oid), widths.indexOf(type.oid)];
  return from >= 0 && to > from && type.modifier === -1;
};

/** Records may hold what cannot be compared. */
const isScalar = ({ type: { oid } }: BoundExpression): boolean => !isRowType(oid) && oid !== typeOid.unknown;
