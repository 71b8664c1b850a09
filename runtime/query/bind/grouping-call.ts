/** GROUPING(…): which of its arguments a row is not grouped by. As an aggregate's, its query is the one whose columns it names. */
import { assert } from "../../types/assert.js";
import type { BoundExpression } from "../plan/expression.js";
import { columnsOf } from "../plan/walk.js";
import type { Expression } from "../syntax/ast-expression.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { siteOf } from "./aggregate.js";
import type { ExpressionContext } from "./context.js";

type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

/** Throws 42803 where the query that it is of cannot have one; what is no grouping expression is found when that query is grouped. */
export function bindGrouping(
  arguments_: readonly Expression[],
  context: ExpressionContext,
  location: number,
  bind: Bind,
): BoundExpression {
  const { binder } = context;
  assert(arguments_.length > 0, "GROUPING has arguments");
  const inner: ExpressionContext = { ...context, collector: null, clause: "GROUPING" };
  const items = arguments_.map((argument) => bind(argument, inner));
  const levels = context.scope.levels();
  const owners = [...columnsOf(...items)].map((id) => levels.findIndex((scope) => scope.owns(id)));
  const known = owners.filter((level) => level >= 0);
  const level = known.length === 0 ? 0 : Math.min(...known);
  const { scope, collector } = siteOf(level, context, location, "grouping operations");
  const id = binder.newId();
  const type = sqlType(typeOid.int4);
  collector.groupings.push({ id, isWithin: level > 0, items, location });
  if (level === 0) return { kind: "grouping", setId: id, bitsOfSet: [], type, location };
  binder.aggregateScopes.set(id, scope);
  return { kind: "column", id, name: "grouping", type, location };
}
