/** Functions that are written without parentheses. */
import type { BoundExpression } from "../plan/expression.js";
import type { Expression, SpecialValue } from "../syntax/ast-expression.js";
import { type Oid, sqlType, typeOid } from "../types/sql-type.js";
import { precisionWarning, secondDigitsMax } from "../types/type-name.js";
import { bindCall } from "./call.js";
import { explicitCast } from "./cast.js";
import type { ExpressionContext } from "./context.js";
import type { Bind } from "./stored.js";

export function bindSpecial(expression: SpecialValue, context: ExpressionContext, bind: Bind): BoundExpression {
  const { name, modifier, location } = expression;
  const call = (callee: string): BoundExpression => bindCall(plainCall(callee, location), context, bind);
  const cast = (subject: BoundExpression, oid: Oid): BoundExpression => {
    const warning = modifier > secondDigitsMax ? precisionWarning(oid, modifier) : null;
    if (warning !== null) context.binder.warn("22023", warning, -1);
    return explicitCast(subject, sqlType(oid, Math.min(modifier, secondDigitsMax)), location, context);
  };
  switch (name) {
    case "current_timestamp":
      return modifier < 0 ? call("now") : cast(call("now"), typeOid.timestamptz);
    case "current_date":
      return explicitCast(call("now"), sqlType(typeOid.date), location, context);
    case "current_time":
      return cast(call("now"), typeOid.timetz);
    case "localtime":
      return cast(call("now"), typeOid.time);
    case "localtimestamp":
      return cast(call("now"), typeOid.timestamp);
    case "current_catalog":
      return call("current_database");
    case "current_role":
    case "user":
      return call("current_user");
    default:
      return call(name);
  }
}

const plainCall = (name: string, location: number, args: readonly Expression[] = []) => ({
  kind: "functionCall" as const,
  name: [name],
  arguments: args,
  argumentNames: args.map(() => null),
  isVariadic: false,
  isStar: false,
  isDistinct: false,
  order: [],
  isWithinGroup: false,
  filter: null,
  over: null,
  isSqlSyntax: false,
  location,
});
