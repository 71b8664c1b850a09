/** LIMIT and OFFSET. */
import { SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { PlanNode, SortKey } from "../plan/plan.js";
import { columnsOf } from "../plan/walk.js";
import type { SelectQuery } from "../syntax/ast-query.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { type Binder, positionOf } from "./binder.js";
import { coerce } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { estimates } from "./from-item.js";
import type { Scope } from "./scope.js";

/** An expression that uses no column, as LIMIT and OFFSET must be. */
function bindLimit(
  syntax: Parameters<typeof bindExpression>[0] | null,
  what: "LIMIT" | "OFFSET",
  binder: Binder,
  scope: Scope,
): BoundExpression | null {
  if (syntax === null || syntax.kind === "nullLiteral") return null;
  const bound = bindExpression(syntax, plainContext(binder, scope, what));
  const position = positionOf(bound.location);
  const coerced = coerce(binder, bound, sqlType(typeOid.int8), "assignment");
  if (coerced === null)
    throw new SqlError("42804", `argument of ${what} must be type bigint, not type ${typeLabel(bound.type.oid)}`, {
      position,
    });
  for (const id of columnsOf(bound))
    if (scope.owns(id)) throw new SqlError("42P10", `argument of ${what} must not contain variables`, { position });
  return coerced;
}

type Limited = Pick<SelectQuery, "limit" | "offset" | "isWithTies">;
type BoundLimit = Readonly<Record<"limit" | "offset", BoundExpression | null>>;

export function boundLimit(query: Limited, binder: Binder, scope: Scope): BoundLimit {
  const offset = bindLimit(query.offset, "OFFSET", binder, scope);
  if (query.isWithTies && query.limit?.kind === "nullLiteral")
    throw new SqlError("2201W", "row count cannot be null in FETCH FIRST ... WITH TIES clause");
  return { offset, limit: bindLimit(query.limit, "LIMIT", binder, scope) };
}

/** LIMIT and OFFSET over a plan that is already sorted. */
export function addLimit(
  input: PlanNode,
  query: Limited,
  keys: readonly SortKey[],
  { limit, offset }: BoundLimit,
): PlanNode {
  if (limit === null && offset === null) return input;
  if (query.isWithTies && keys.length === 0) {
    throw new SqlError("42601", "WITH TIES cannot be specified without ORDER BY clause");
  }
  const ties = query.isWithTies ? keys : null;
  return { kind: "limit", input, limit, offset, ties, columns: input.columns, ...estimates };
}
