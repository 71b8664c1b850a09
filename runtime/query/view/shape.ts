/**
 * What a query's plan is to a view that is kept up to date with every commit: rows that are filtered, computed and joined, or groups of such
 * rows with aggregates. All else is refreshed as a whole.
 *
 * The plan is the binder's, before any planning. What may be in it has to be linear in each table that it reads: the change of the result
 * is the result of the change, the other tables being as they are. That holds for filters, projections and inner joins, and for nothing that
 * looks at several rows at once.
 */
import { type Catalog, type MaterializedViewDefinition, rowsOfObject } from "../catalog/model.js";
import { isAuditTable } from "../catalog/system/audit.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { AggregateCall, AggregateNode, PlanNode, ProjectNode, ScanNode } from "../plan/plan.js";
import { expressionsOfNode, inputsOf, isImmutable } from "../plan/walk.js";
import { storageOf } from "../table/value-bytes.js";
import { hasOrder } from "../types/compare.js";
import { noModifier, type SqlType, typeOid } from "../types/sql-type.js";
import { formatType } from "../types/type-name.js";

export type ViewShape =
  | { readonly kind: "rows"; readonly input: PlanNode; readonly outputs: readonly ColumnId[] }
  | {
      readonly kind: "groups";
      readonly input: PlanNode;
      readonly aggregate: AggregateNode;
      /** What is computed of the groups, the first one first. */
      readonly above: readonly ProjectNode[];
      readonly outputs: readonly ColumnId[];
    }
  | { readonly kind: "refresh"; readonly reason: string };

const refresh = (reason: string): ViewShape => ({ kind: "refresh", reason });

export function shapeOf(plan: PlanNode, outputs: readonly ColumnId[]): ViewShape {
  let top = plan;
  // The order of rows is nothing that is stored.
  while (top.kind === "sort" && top.top === null) top = top.input;
  const above: ProjectNode[] = [];
  let at = top;
  while (at.kind === "project") {
    above.unshift(at);
    at = at.input;
  }
  if (at.kind !== "aggregate") {
    const problem = problemOfInput(top);
    return problem === null ? { kind: "rows", input: top, outputs } : refresh(problem);
  }
  const problem =
    problemOfAggregate(at) ??
    problemOfInput(at.input) ??
    problemOfExpressions(above.flatMap(({ expressions }) => expressions));
  return problem === null ? { kind: "groups", input: at.input, aggregate: at, above, outputs } : refresh(problem);
}

/** Why the change of a plan's result is not the result of the change; null when it is. */
function problemOfInput(plan: PlanNode): string | null {
  const nodes: PlanNode[] = [plan];
  let tables = 0;
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const problem = problemOfNode(node) ?? problemOfExpressions(expressionsOfNode(node));
    if (problem !== null) return problem;
    if (node.kind === "scan") tables += 1;
    nodes.push(...inputsOf(node));
  }
  return tables === 0 ? "it reads no table" : null;
}

function problemOfNode(node: PlanNode): string | null {
  switch (node.kind) {
    case "scan":
      if (isAuditTable(node.table)) return "it reads a table of the system";
      return node.time === null ? null : "it reads the past";
    case "filter":
    case "project":
      return null;
    case "join":
      if (node.type !== "inner") return "it has an outer join or a subquery";
      return node.isLateral ? "it has a lateral join" : null;
    case "aggregate":
      return "it groups rows in a subquery";
    case "window":
      return "it has window functions";
    case "limit":
    case "sort":
      return "it has LIMIT or OFFSET";
    case "distinct":
      return "it has DISTINCT";
    case "setOperation":
      return "it has UNION, INTERSECT or EXCEPT";
    case "recursive":
    case "workingTable":
      return "it is recursive";
    case "commonTable":
      return "it reads a WITH query";
    default:
      return "it has rows that are no table's";
  }
}

function problemOfExpressions(expressions: readonly BoundExpression[]): string | null {
  return expressions.every(isImmutable) ? null : "it has a subquery, or a function that is not immutable";
}

function problemOfAggregate({ groups, sets, aggregates }: AggregateNode): string | null {
  if (sets !== null) return "it has grouping sets";
  for (const { expression } of groups) {
    if (!isExact(expression.type))
      return `it groups by ${formatType(expression.type.oid)}, whose equal values may be shown differently`;
  }
  const own = groups.map(({ expression }) => expression);
  const called = aggregates.flatMap((call) => [...call.arguments, ...(call.filter === null ? [] : [call.filter])]);
  for (const call of aggregates) {
    const problem = problemOfCall(call);
    if (problem !== null) return problem;
  }
  return problemOfExpressions([...own, ...called]);
}

/** Types whose equal values are the same value, which can be part of a key. */
function isExact({ oid, modifier }: SqlType): boolean {
  switch (oid) {
    case typeOid.bool:
    case typeOid.int2:
    case typeOid.int4:
    case typeOid.int8:
    case typeOid.oid:
    case typeOid.text:
    case typeOid.varchar:
    case typeOid.bytea:
    case typeOid.date:
    case typeOid.time:
    case typeOid.timetz:
    case typeOid.timestamp:
    case typeOid.timestamptz:
    case typeOid.uuid:
    case typeOid.money:
    case typeOid.macaddr:
    case typeOid.macaddr8:
    case typeOid.bit:
    case typeOid.varbit:
    case typeOid.inet:
    case typeOid.cidr:
      return true;
    case typeOid.numeric:
    case typeOid.bpchar:
      return modifier !== noModifier;
    default:
      return false;
  }
}

const sumTypes: ReadonlySet<number> = new Set([typeOid.int2, typeOid.int4, typeOid.int8, typeOid.numeric]);

function problemOfCall({ callee, arguments: args, direct, isDistinct, order }: AggregateCall): string | null {
  if (isDistinct) return `it has ${callee.name} (DISTINCT …)`;
  if (order.length > 0 || direct.length > 0) return `it has ${callee.name} with an order`;
  const [argument] = args;
  switch (callee.name) {
    case "count":
      return null;
    case "sum":
    case "avg": {
      const oid = argument?.type.oid ?? 0;
      return sumTypes.has(oid) ? null : `it has ${callee.name} of ${formatType(oid)}, whose order of adding shows`;
    }
    case "min":
    case "max": {
      const oid = argument?.type.oid ?? 0;
      return hasOrder(oid) && storageOf(oid) !== null ? null : `it has ${callee.name} of ${formatType(oid)}`;
    }
    default:
      return `it has the aggregate ${callee.name}`;
  }
}

/** Every table that a plan reads, in a fixed order, once for each time that it does. */
export function scansOf(plan: PlanNode): readonly ScanNode[] {
  const found: ScanNode[] = [];
  const nodes: PlanNode[] = [plan];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    if (node.kind === "scan") found.push(node);
    nodes.push(...inputsOf(node).toReversed());
  }
  return found;
}

/** Whether a view's rows change with the commits that change what it reads: all of that can be read, too. */
export const isMaintained = (view: MaterializedViewDefinition, catalog: Catalog): boolean =>
  view.isPopulated &&
  view.maintenance.kind === "incremental" &&
  view.sources.every(({ table }) => rowsOfObject(catalog.objectByOid(table))?.isUnpopulated !== true);
