/** Expressions: from names to what they mean. One function for each construct, chosen by its kind. */

import { unreachable } from "../../types/assert.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression } from "../syntax/ast-expression.js";
import { collationNamed, unknownCollation } from "../types/collations.js";
import { comparatorOf, hasOrder } from "../types/compare.js";
import { recordType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { typeFactsOf } from "../types/type-table.js";
import { beginningOf } from "./beginning.js";
import { positionOf } from "./binder.js";
import { bindCall } from "./call.js";
import { bindCase } from "./case.js";
import { bindArgument, bindArray, bindCast } from "./cast.js";
import { asText, coerceTo, unify } from "./coerce.js";
import { bindColumn } from "./column-name.js";
import type { ExpressionContext } from "./context.js";
import { expectFields } from "./entries.js";
import { fieldsOf } from "./field.js";
import { bindGrouping } from "./grouping-call.js";
import { bindIndirection } from "./indirection.js";
import { missingRelation } from "./missing-relation.js";
import { bindBits, bindNumber } from "./number.js";
import { bindIn, bindOperator, bindQuantified, comparison, distinct } from "./operator.js";
import { castTarget } from "./populate.js";
import { bindBetween, bindTest } from "./predicate.js";
import { wholeRow } from "./scope.js";
import { expectNoSet } from "./set-collector.js";
import { bindSpecial } from "./special.js";
import { bindSubquery } from "./subquery.js";

/** Throws `SqlError` with the place in the text. */
export function bindExpression(expression: Expression, context: ExpressionContext): BoundExpression {
  const bound = context.binder.within(expression.location, () => bindKind(expression, context));
  const location = beginningOf(expression);
  return location < bound.location ? { ...bound, location } : bound;
}

export const bindAll = (items: readonly Expression[], context: ExpressionContext): readonly BoundExpression[] =>
  items.map((item) => bindExpression(item, context));

const bool = sqlType(typeOid.bool);

function condition(term: Expression, context: ExpressionContext, what: string): BoundExpression {
  const bound = coerceTo(context.binder, bindExpression(term, context), typeOid.bool, what);
  expectNoSet(context.sets, bound, what);
  return bound;
}

function bindKind(expression: Expression, context: ExpressionContext): BoundExpression {
  const { binder } = context;
  const { location } = expression;
  switch (expression.kind) {
    case "columnName":
      return bindColumn(expression, context);
    case "integerLiteral":
      return { kind: "constant", value: expression.value, type: sqlType(typeOid.int4), location };
    case "numberLiteral":
      return bindNumber(expression.text, location);
    case "stringLiteral":
      return { kind: "constant", value: expression.text, type: sqlType(typeOid.unknown), location };
    case "bitLiteral":
      return bindBits(expression.text, location);
    case "booleanLiteral":
      return { kind: "constant", value: expression.value, type: bool, location };
    case "nullLiteral":
      return { kind: "constant", value: null, type: sqlType(typeOid.unknown), location };
    case "parameterName":
      return binder.parameter(expression.number, location);
    case "operator":
      return bindOperator(expression, context, bindExpression);
    case "pattern": {
      const { subject: left, pattern: right, operator: name } = expression;
      return bindOperator({ kind: "operator", name, schema: null, left, right, location }, context, bindExpression);
    }
    case "quantified":
      return bindQuantified(expression, context, bindExpression);
    case "inList":
      return bindIn(expression, context, bindExpression);
    case "between":
      return bindBetween(expression, context, bindExpression);
    case "distinctFrom": {
      const left = bindExpression(expression.left, context);
      const right = bindExpression(expression.right, context);
      return distinct(binder, left, right, expression.isNegated, location);
    }
    case "and":
    case "or": {
      const what = expression.kind.toUpperCase();
      const terms = expression.terms.map((term) => condition(term, context, what));
      return { kind: expression.kind, terms, type: bool, location };
    }
    case "not": {
      return { kind: "not", term: condition(expression.term, context, "NOT"), type: bool, location };
    }
    case "isTest":
      return bindTest(expression, context, bindExpression);
    case "nullIf": {
      const found = comparison(
        binder,
        "=",
        bindExpression(expression.left, context),
        bindExpression(expression.right, context),
        location,
      );
      const { operator: equality, left, right } = found;
      if (equality.resultType.oid !== typeOid.bool) {
        throw new SqlError("42804", "NULLIF requires = operator to yield boolean", { position: positionOf(location) });
      }
      return { kind: "nullIf", equality, left, right, type: left.type, location };
    }
    case "coalesce": {
      const { items, type } = unify(
        binder,
        bindAll(expression.items, { ...context, setsRefusedBy: "COALESCE" }),
        "COALESCE",
        location,
      );
      return { kind: "coalesce", items, type, location };
    }
    case "greatest":
    case "least": {
      const what = expression.kind.toUpperCase();
      const { items, type } = unify(binder, bindAll(expression.items, context), what, location);
      if (!hasOrder(type.oid))
        throw new SqlError("42883", `could not identify a comparison function for type ${typeLabel(type.oid)}`);
      return { kind: expression.kind, compare: comparatorOf(type.oid), items, type, location };
    }
    case "case":
      return bindCase(expression, context, bindExpression);
    case "functionCall":
      return bindCall(expression, context, bindExpression);
    case "cast": {
      const target = castTarget(expression, binder);
      if (!("oid" in target)) return target;
      return expression.parameter === undefined
        ? bindCast(expression.subject, target, location, context, bindExpression)
        : bindArgument(expression.subject, target, expression.parameter, context, bindExpression);
    }
    case "subquery":
      return bindSubquery(expression, context, bindExpression);
    case "array":
      return bindArray(expression.items, null, location, context, bindExpression);
    case "row": {
      const items = expression.items.flatMap((item) => rowItems(item, context));
      expectFields(items.length, positionOf(location));
      const names = items.map((_, index) => `f${index + 1}`);
      const type = recordType(items.map((item, index) => ({ name: names[index] ?? "", type: item.type })));
      return { kind: "rowOf", names, items, type, location };
    }
    case "indirection":
      return bindIndirection(expression, context, bindExpression);
    case "specialValue":
      return bindSpecial(expression, context, bindExpression);
    case "collate":
      return bindCollate(expression, context);
    case "grouping":
      return bindGrouping(expression.items, context, location, bindExpression);
    case "default":
      throw new SqlError("42601", "DEFAULT is not allowed in this context", { position: positionOf(location) });
    case "currentOf":
      throw notSupported("WHERE CURRENT OF", positionOf(location));
    default:
      return unreachable(expression);
  }
}

/** `t.*` within ROW(…) is its columns. */
export function rowItems(item: Expression, context: ExpressionContext): readonly BoundExpression[] {
  if (item.kind === "indirection" && item.step.kind === "star")
    return fieldsOf(bindExpression(item.subject, context), item, context.binder).map(([, field]) => field);
  if (item.kind !== "columnName" || !item.isStar) return [bindExpression(item, context)];
  const name = item.parts.at(-1) ?? "";
  const relation = context.scope.relation(item.parts.at(-2) ?? null, name, item.location);
  if (relation === null) throw missingRelation(name, item.location, context.binder, context.scope);
  const row = wholeRow({ ...relation, isScalarFunction: false }, item.location);
  return row.kind === "rowOf" ? row.items : [row];
}

/** Text is compared by its bytes in every collation that there is. */
function bindCollate(
  expression: Extract<Expression, { kind: "collate" }>,
  context: ExpressionContext,
): BoundExpression {
  const bound = asText(context.binder, bindExpression(expression.subject, context));
  if ((typeFactsOf(bound.type.oid)?.collation ?? 0) === 0) {
    const message = `collations are not supported by type ${context.binder.labelOf(bound.type)}`;
    throw new SqlError("42804", message, { position: positionOf(expression.location) });
  }
  if (collationNamed(expression.name) !== null) return bound;
  throw unknownCollation(expression.name, positionOf(expression.location));
}
