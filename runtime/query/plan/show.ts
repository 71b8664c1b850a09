/** Bound expressions as people read them in EXPLAIN. */
import { unreachable } from "../../types/assert.js";
import { withNames } from "../catalog/system/names.js";
import type { EvaluationContext } from "../functions/context.js";
import { codecOf } from "../types/codecs.js";
import type { SqlType } from "../types/sql-type.js";
import { formatType } from "../types/type-name.js";
import { isEnum } from "../types/user-types.js";
import type { BoundExpression } from "./expression.js";

export function showExpression(expression: BoundExpression, context: EvaluationContext): string {
  const show = (part: BoundExpression): string => showExpression(part, context);
  const list = (items: readonly BoundExpression[]): string => items.map(show).join(", ");
  switch (expression.kind) {
    case "constant": {
      const { value, type } = expression;
      if (value === null) return `NULL::${typeText(type, context)}`;
      if ((typeof value === "number" && !isEnum(type.oid)) || typeof value === "boolean")
        return codecText(expression, context);
      return `'${codecText(expression, context).replaceAll("'", "''")}'::${typeText(type, context)}`;
    }
    case "parameter":
      return `$${expression.index + 1}`;
    case "column":
      return expression.name === "" ? `#${expression.id}` : expression.name;
    case "call": {
      const { callee, form } = expression;
      const [left, right] = expression.arguments;
      if (form === "function" || left === undefined) return `${callee.name}(${list(expression.arguments)})`;
      return right === undefined ? `(${callee.name} ${show(left)})` : `(${show(left)} ${callee.name} ${show(right)})`;
    }
    case "cast":
      return expression.isImplicit && expression.cast.kind === "none"
        ? show(expression.subject)
        : `(${show(expression.subject)})::${typeText(expression.type, context)}`;
    case "and":
    case "or":
      return `(${expression.terms.map(show).join(` ${expression.kind.toUpperCase()} `)})`;
    case "not":
      return `(NOT ${show(expression.term)})`;
    case "isTest":
      return `(${show(expression.subject)} IS ${expression.isNegated ? "NOT " : ""}${expression.test.toUpperCase()})`;
    case "distinctFrom":
      return `(${show(expression.left)} IS ${expression.isNegated ? "NOT " : ""}DISTINCT FROM ${show(expression.right)})`;
    case "nullIf":
      return `NULLIF(${list([expression.left, expression.right])})`;
    case "coalesce":
    case "greatest":
    case "least":
      return `${expression.kind.toUpperCase()}(${list(expression.items)})`;
    case "case": {
      const branches = expression.branches.map(
        ({ condition, result }) => `WHEN ${show(condition)} THEN ${show(result)} `,
      );
      return `CASE ${branches.join("")}ELSE ${show(expression.otherwise)} END`;
    }
    case "inList":
      return `(${show(expression.subject)} ${expression.isNegated ? "NOT " : ""}IN (${list(expression.items)}))`;
    case "quantified":
      return `(${show(expression.left)} ${expression.comparison.name} ${expression.quantifier.toUpperCase()} (${show(expression.array)}))`;
    case "arrayOf":
      return `ARRAY[${list(expression.items)}]`;
    case "rowOf":
      return `ROW(${list(expression.items)})`;
    case "element":
      return `(${show(expression.array)})${expression.indexes.map((index) => `[${show(index)}]`).join("")}`;
    case "slice": {
      const end = (one: BoundExpression | null): string => (one === null ? "" : show(one));
      return `(${show(expression.array)})${expression.bounds.map(({ from, to }) => `[${end(from)}:${end(to)}]`).join("")}`;
    }
    case "field":
      return `(${show(expression.record)}).f${expression.index + 1}`;
    case "subquery":
      return expression.subplan.form === "exists" ? "EXISTS(SubPlan)" : "(SubPlan)";
    case "grouping":
      return "GROUPING(…)";
    default:
      return unreachable(expression);
  }
}

const typeText = ({ oid, modifier }: SqlType, { names }: EvaluationContext): string =>
  withNames(formatType(oid, modifier), names);

const codecText = (expression: Extract<BoundExpression, { kind: "constant" }>, context: EvaluationContext): string =>
  expression.value === null ? "" : codecOf(expression.type.oid).output(expression.value, context);
