/** FROM: items side by side, subqueries and joins, into plans and the names they make visible. */

import { SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { JoinType, PlanNode } from "../plan/plan.js";
import { outerColumnsOf } from "../plan/walk.js";
import type { FromItem, JoinReference } from "../syntax/ast-query.js";
import { typeOid } from "../types/sql-type.js";
import { type Binder, plainQuery, type QueryOptions } from "./binder.js";
import { coerceTo } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { bindFunction } from "./from-function.js";
import { type BoundItem, estimates, namedItem } from "./from-item.js";
import { bindTable } from "./from-table.js";
import { bindUsing, sharedNames } from "./join-using.js";
import { optionalItem } from "./optional-item.js";
import {
  besideNames,
  type CommonTables,
  type FromNames,
  joinNames,
  noNames,
  Scope,
  type ScopeColumn,
  type ScopeRelation,
} from "./scope.js";

export interface BoundFrom {
  /** Null: no FROM; one row of nothing. */
  readonly plan: PlanNode | null;
  readonly names: FromNames;
}

/** Items of a FROM list, side by side. */
export function bindFromList(
  items: readonly FromItem[],
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
  before: BoundFrom = { plan: null, names: noNames },
  options: QueryOptions = plainQuery,
): BoundFrom {
  let { plan, names } = before;
  for (const item of items) {
    const right = bindFromItem(item, names, binder, parent, commonTables, options);
    names = joinNames(names, right.names);
    plan = plan === null ? right.plan : joinPlans("inner", plan, right.plan, null);
  }
  return { plan, names };
}

/** A join; lateral when the right side uses columns of the left. */
export function joinPlans(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  condition: BoundExpression | null,
): PlanNode {
  const outer = outerColumnsOf(right);
  const isLateral = left.columns.some(({ id }) => outer.has(id));
  const columns = type === "semi" || type === "anti" ? left.columns : [...left.columns, ...right.columns];
  return {
    kind: "join",
    type,
    left,
    right,
    condition,
    isLateral,
    method: { kind: "nestedLoop" },
    columns,
    ...estimates,
  };
}

const namesIn = ({ columns }: ScopeRelation): readonly string[] => columns.map(({ name }) => name);

function bindFromItem(...[item, left, binder, ...rest]: Parameters<typeof bindItem>): BoundItem {
  const bound = bindItem(item, left, binder, ...rest);
  const [first] = bound.names.relations;
  if (first === undefined || (item.kind === "join" && item.alias === null)) return bound;
  const table = item.kind === "table" ? item.name.name : null;
  binder.write({ name: first.name, table, ...(item.kind === "join" ? {} : { columns: namesIn(first) }) });
  return bound;
}

function bindItem(
  item: FromItem,
  left: FromNames,
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
  options: QueryOptions,
): BoundItem {
  switch (item.kind) {
    case "table":
      return bindTable(item, binder, commonTables, options);
    case "subqueryReference": {
      const scope = item.isLateral ? new Scope(left, parent, commonTables) : parent;
      const rows = binder.query(item.query, scope, commonTables, options);
      const columns = rows.outputs.map((output) => ({ ...output, expression: null }));
      const { parts = null } = rows;
      return namedItem(rows.plan, columns, item.alias, item.alias?.name ?? "", item.location, { parts });
    }
    case "functionReference":
      return bindFunction(item, left, binder, parent, commonTables);
    case "join":
      return binder.within(-1, () => bindJoin(item, left, binder, parent, commonTables, options));
  }
}

function bindJoin(
  join: JoinReference,
  outer: FromNames,
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
  options: QueryOptions,
): BoundItem {
  const left = bindFromItem(join.left, outer, binder, parent, commonTables, options);
  const right = bindFromItem(join.right, besideNames(outer, left.names), binder, parent, commonTables, options);
  const type = join.type === "cross" ? "inner" : join.type;
  const using = join.isNatural ? sharedNames(left.names, right.names) : join.using;
  if (join.isNatural && using !== null) binder.naturals.set(join, using);
  let condition: BoundExpression | null = null;
  let names: FromNames;
  if (using === null) {
    names = joinNames(left.names, right.names);
    if (join.condition !== null) {
      // Items to the left of a join are seen by LATERAL items within it, and not by its ON: PostgreSQL sees neither more nor less.
      const scope = new Scope(names, parent, commonTables);
      const context = plainContext(binder, scope, "JOIN conditions");
      condition = coerceTo(binder, bindExpression(join.condition, context), typeOid.bool, "JOIN/ON");
    }
  } else {
    const merged = bindUsing(using, left.names, right.names, type, binder);
    condition = merged.condition;
    const isUsed = ({ name }: ScopeColumn): boolean => using.includes(name);
    names = joinNames(left.names, right.names, [
      ...merged.columns,
      ...left.names.columns.filter((column) => !isUsed(column)),
      ...right.names.columns.filter((column) => !isUsed(column)),
    ]);
    if (join.usingAlias !== null) {
      const alias = relationOf(join.usingAlias, merged.columns);
      names = joinNames(names, { relations: [alias], columns: [] });
    }
  }
  const optionalLeft = type === "right" || type === "full" ? optionalItem(left, binder) : null;
  const optionalRight = type === "left" || type === "full" ? optionalItem(right, binder) : null;
  const optional = new Map([...(optionalLeft?.relations ?? []), ...(optionalRight?.relations ?? [])]);
  if (optional.size > 0) names = { ...names, relations: names.relations.map((each) => optional.get(each) ?? each) };
  const plan = joinPlans(type, optionalLeft?.plan ?? left.plan, optionalRight?.plan ?? right.plan, condition);
  if (plan.kind === "join" && plan.isLateral && (type === "right" || type === "full")) {
    throw new SqlError("42P10", "invalid reference to FROM-clause entry", {
      detail: "The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
    });
  }
  if (join.alias === null) return { plan, names };
  return namedItem(plan, names.columns, join.alias, join.alias.name, join.location, { isJoin: true });
}

const relationOf = (name: string, columns: readonly ScopeColumn[]): ScopeRelation => ({
  name,
  schema: null,
  columns,
  hidden: [],
  table: null,
  isScalarFunction: false,
  location: -1,
  keyId: null,
  isJoin: true,
});
