/**
 * Statements whose constants a gateway has made parameters, so that texts which differ in these alone have one plan. Where a partial index
 * could serve a constant and no parameter, that is said when they are described, which comes before they are run: such constants stay.
 */
import type { BoundStatement, RowRules } from "../../runtime/query/bind/bound.js";
import { type Catalog, primaryKeyOf, type TableDefinition } from "../../runtime/query/catalog/model.js";
import { SqlError } from "../../runtime/query/error.js";
import { conjunctsOf } from "../../runtime/query/plan/conjuncts.js";
import type { BoundExpression } from "../../runtime/query/plan/expression.js";
import type { PlanNode, ScanNode } from "../../runtime/query/plan/plan.js";
import { columnsOf, expressionsOfNode, inputsOf, visitExpression } from "../../runtime/query/plan/walk.js";

/** Ends their text, which nobody sees. */
export const variedMark = " /* constants as parameters */";

/** What a refusal says; its detail has the parameters, from 0. */
export const partialIndexServes = "a partial index may serve constants of this statement";

/**
 * Throws 0A000 when constants in the place of some parameters could let a partial index serve: when the statement asks of columns which such
 * an index's condition is about.
 */
export function expectNoPartialIndex(
  text: string,
  { body }: BoundStatement,
  catalog: Catalog,
  rulesOf: (table: TableDefinition) => RowRules,
): void {
  if (!text.endsWith(variedMark)) return;
  const wanted = new Set<number>();
  const waiting: PlanNode[] = "plan" in body ? [body.plan] : [];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.kind === "scan") addAskedOf(node, conditionColumns(node, catalog, rulesOf), wanted);
    waiting.push(...inputsOf(node), ...subplansIn(node));
  }
  if (wanted.size > 0) throw new SqlError("0A000", partialIndexServes, { detail: [...wanted].join(" ") });
}

/** Which parameters are to be constants, by their places from 0; null for an error that says no such thing. */
export function constantsWanted({ sqlState, message, fields }: SqlError): ReadonlySet<number> | null {
  if (sqlState !== "0A000" || message !== partialIndexServes) return null;
  return new Set((fields.detail ?? "").split(" ").map(Number));
}

/** Plans of subqueries in a node's expressions. */
function subplansIn(node: PlanNode): readonly PlanNode[] {
  const found: PlanNode[] = [];
  for (const expression of expressionsOfNode(node))
    visitExpression(expression, (part) => {
      if (part.kind === "subquery") found.push(part.subplan.plan);
    });
  return found;
}

/** Columns, by their numbers, that partial indexes' conditions are about. A column that is to be NULL, or not, is so of no constant. */
function conditionColumns(
  { table }: ScanNode,
  catalog: Catalog,
  rulesOf: (table: TableDefinition) => RowRules,
): ReadonlySet<number> {
  const numbers = new Set<number>();
  if (catalog.indexesOf(table).every(({ predicate }) => predicate === null)) return numbers;
  const { rowIds, indexes } = rulesOf(table);
  const live = table.columns.filter(({ isDropped }) => !isDropped);
  for (const { predicate } of indexes) {
    const used = columnsOf(...conjunctsOf(predicate).filter(({ kind }) => kind !== "isTest"));
    for (const [at, { number }] of live.entries()) {
      const id = rowIds[at];
      if (id !== undefined && used.has(id)) numbers.add(number);
    }
  }
  return numbers;
}

/** Adds the parameters in what a scan asks of such columns. */
function addAskedOf(scan: ScanNode, numbers: ReadonlySet<number>, found: Set<number>): void {
  if (numbers.size === 0) return;
  const add = (expression: BoundExpression): void =>
    visitExpression(expression, (part) => {
      if (part.kind === "parameter") found.add(part.index);
    });
  const ids = scan.columns.filter((_, at) => numbers.has(scan.numbers[at] ?? 0)).map(({ id }) => id);
  for (const term of conjunctsOf(scan.filter)) {
    const used = columnsOf(term);
    if (ids.some((id) => used.has(id))) add(term);
  }
  const keys = scan.index?.keys.map(({ column }) => column) ?? primaryKeyOf(scan.table)?.columns ?? [];
  // An index's expression may be of any column.
  for (const { from, to } of scan.ranges)
    for (const bound of [from, to])
      for (const [at, value] of (bound?.values ?? []).entries())
        if ((keys[at] ?? 0) === 0 || numbers.has(keys[at] ?? 0)) add(value);
}
