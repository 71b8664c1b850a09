/**
 * What a disjunction says beside itself. `(a AND b) OR (a AND c)` is `a AND (b OR c)`, and `a` may be what a join needs; and of
 * `(x = 1 AND y = 2) OR (x = 3 AND y = 4)` each side of a join may be told its own: `x = 1 OR x = 3`.
 */
import { sqlType, typeOid } from "../types/sql-type.js";
import { conjunction, conjunctsOf } from "./conjuncts.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type { PlanNode } from "./plan.js";
import { columnsOf, expressionKey, hasSubquery, isVolatile } from "./walk.js";

type Terms = readonly BoundExpression[];

const disjunction = (terms: Terms): BoundExpression => ({
  kind: "or",
  terms,
  type: sqlType(typeOid.bool),
  location: -1,
});

const keyOf = (term: BoundExpression): string | null =>
  isVolatile(term) || hasSubquery(term) ? null : expressionKey(term);

/** A condition as terms that must all hold, with what all branches of a disjunction share put before it. */
export function factored(condition: BoundExpression): Terms {
  if (condition.kind !== "or") return [condition];
  const branches = condition.terms.map(conjunctsOf);
  const [first = [], ...others] = branches;
  const keys = others.map((terms) => new Set(terms.map(keyOf)));
  const shared = new Map<string, BoundExpression>();
  for (const term of first) {
    const key = keyOf(term);
    if (key !== null && keys.every((known) => known.has(key))) shared.set(key, term);
  }
  if (shared.size === 0) return [condition];
  const rests = branches.map((terms) => terms.filter((term) => !shared.has(keyOf(term) ?? "")));
  // A branch that says no more than what is shared makes the others needless.
  if (rests.some((terms) => terms.length === 0)) return [...shared.values()];
  return [...shared.values(), disjunction(rests.flatMap((terms) => conjunction(terms) ?? []))];
}

/** What a disjunction says of these columns alone; null where one branch says nothing of them. */
function restriction(condition: BoundExpression, columns: ReadonlySet<ColumnId>): BoundExpression | null {
  if (condition.kind !== "or") return null;
  const branches: BoundExpression[] = [];
  for (const term of condition.terms) {
    const own = conjunction(conjunctsOf(term).filter((one) => isOfOnly(one, columns)));
    if (own === null) return null;
    branches.push(own);
  }
  return disjunction(branches);
}

function isOfOnly(term: BoundExpression, columns: ReadonlySet<ColumnId>): boolean {
  if (isVolatile(term) || hasSubquery(term)) return false;
  const used = [...columnsOf(term)];
  return used.length > 0 && used.every((id) => columns.has(id));
}

/** The conditions of inner joins, factored; and what they say of one relation alone, as its filter. */
export function spreadConditions(
  relations: readonly PlanNode[],
  conditions: Terms,
): { readonly relations: readonly PlanNode[]; readonly conditions: Terms } {
  if (!conditions.some(({ kind }) => kind === "or")) return { relations, conditions };
  const all = conditions.flatMap(factored);
  const filters = relations.map(({ columns }): BoundExpression[] => {
    const ids = new Set(columns.map(({ id }) => id));
    return all.flatMap((condition) => (isOfOnly(condition, ids) ? condition : (restriction(condition, ids) ?? [])));
  });
  const taken = new Set(filters.flat());
  return {
    relations: relations.map((relation, at) => filtered(relation, filters[at] ?? [])),
    conditions: all.filter((condition) => !taken.has(condition)),
  };
}

function filtered(relation: PlanNode, terms: Terms): PlanNode {
  if (terms.length === 0) return relation;
  if (relation.kind === "scan") {
    return { ...relation, filter: conjunction([...conjunctsOf(relation.filter), ...terms]) };
  }
  const condition = conjunction(terms);
  if (condition === null) return relation;
  return { kind: "filter", input: relation, condition, columns: relation.columns, rows: -1, cost: -1 };
}
