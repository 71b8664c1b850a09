/**
 * `min(x)` and `max(x)` of a whole table are the first row in the order of x that is not NULL: where an index yields that order, one entry is
 * read and not all. Several of them are so many plans of one row each, side by side.
 */
import { comparatorOf, hasOrder } from "../types/compare.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { conjunction, conjunctsOf } from "./conjuncts.js";
import type { BoundExpression } from "./expression.js";
import type { AggregateCall, AggregateNode, JoinNode, LimitNode, PlanNode, ScanNode, SortNode } from "./plan.js";

/** What the first row is looked for by: the planner, which knows whether an index yields it. */
export type FirstRow = (sort: SortNode) => PlanNode | null;

const estimates = { rows: -1, cost: -1 } as const;
const one: BoundExpression = { kind: "constant", value: 1, type: sqlType(typeOid.int8), location: -1 };
/** Aggregates that are worth a plan each. */
const callsMax = 4;

/** The plan of one row, or null where all rows have to be read. */
export function extremesOf(node: AggregateNode, firstRow: FirstRow): PlanNode | null {
  const { aggregates, groups, sets, input } = node;
  if (!node.isPlain || groups.length > 0 || sets !== null || input.kind !== "scan") return null;
  if (aggregates.length === 0 || aggregates.length > callsMax) return null;
  let plan: PlanNode | null = null;
  for (const call of aggregates) {
    const next = extremeOf(node, call, input, firstRow);
    if (next === null) return null;
    plan = plan === null ? next : beside(plan, next);
  }
  return plan;
}

function extremeOf(node: AggregateNode, call: AggregateCall, scan: ScanNode, firstRow: FirstRow): PlanNode | null {
  const { name } = call.callee;
  const [argument] = call.arguments;
  const isMax = name === "max";
  if ((!isMax && name !== "min") || call.arguments.length !== 1 || argument?.kind !== "column") return null;
  if (call.filter !== null || call.order.length > 0 || !hasOrder(argument.type.oid)) return null;
  const column = node.columns.find(({ id }) => id === call.id);
  if (column === undefined || !scan.columns.some(({ id }) => id === argument.id)) return null;
  const isThere: BoundExpression = {
    kind: "isTest",
    test: "null",
    isNegated: true,
    subject: argument,
    type: sqlType(typeOid.bool),
    location: -1,
  };
  const input: ScanNode = { ...scan, filter: conjunction([...conjunctsOf(scan.filter), isThere]) };
  const compare = comparatorOf(argument.type.oid);
  const sort: SortNode = {
    kind: "sort",
    input,
    keys: [{ expression: argument, compare, isDescending: isMax, nullsFirst: isMax }],
    presorted: 0,
    top: { limit: one, offset: null },
    columns: scan.columns,
    ...estimates,
  };
  const sorted = firstRow(sort);
  if (sorted === null) return null;
  const limit: LimitNode = {
    kind: "limit",
    input: sorted,
    limit: one,
    offset: null,
    ties: null,
    columns: sorted.columns,
    rows: 1,
    cost: sorted.cost,
  };
  return { ...node, input: limit, aggregates: [call], columns: [column], rows: 1, cost: sorted.cost + 1 };
}

/** Two plans of one row each as one. */
const beside = (left: PlanNode, right: PlanNode): JoinNode => ({
  kind: "join",
  type: "inner",
  left,
  right,
  condition: null,
  isLateral: false,
  method: { kind: "nestedLoop" },
  columns: [...left.columns, ...right.columns],
  rows: 1,
  cost: left.cost + right.cost,
});
