/** LIMIT and OFFSET. */
import { SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import { columnsOf } from "../plan/walk.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { type Binder, positionOf } from "./binder.js";
import { coerce } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import type { Scope } from "./scope.js";

/** An expression that uses no column, as LIMIT and OFFSET must be. */
export function bindLimit(
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
