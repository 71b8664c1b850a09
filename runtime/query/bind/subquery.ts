/** Subqueries that are values: scalar, EXISTS, ARRAY, and comparisons by ANY and ALL (IN is `= ANY`). */
import { SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import { columnsOf, subplanOf } from "../plan/walk.js";
import type { Expression, Subquery } from "../syntax/ast-expression.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { arrayTypeOf, isArray } from "../types/type-table.js";
import { type BoundRows, type OutputColumn, positionOf } from "./binder.js";
import { copyConditions, type ExpressionContext } from "./context.js";
import { operation } from "./operator.js";

type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

const bool = sqlType(typeOid.bool);

export function bindSubquery(subquery: Subquery, context: ExpressionContext, bind: Bind): BoundExpression {
  const { form, location } = subquery;
  if (context.clause === copyConditions)
    throw new SqlError("0A000", "cannot use subquery in COPY FROM WHERE condition", { position: positionOf(location) });
  const subject = subquery.subject === null ? null : bind(subquery.subject, context);
  const rows = context.binder.subquery(subquery.query, context);
  const ids = rows.outputs.map(({ id }) => id);
  const [first] = rows.outputs;
  switch (form) {
    case "exists":
      return { kind: "subquery", subplan: subplanOf("exists", rows.plan, [], null, null), type: bool, location };
    case "scalar":
    case "array": {
      if (rows.outputs.length !== 1 || first === undefined) {
        throw new SqlError("42601", "subquery must return only one column", { position: positionOf(location) });
      }
      const subplan = subplanOf(form, rows.plan, ids, null, null);
      if (form === "scalar") return { kind: "subquery", subplan, type: first.type, location };
      const oid = isArray(first.type.oid) ? first.type.oid : arrayTypeOf(first.type.oid);
      if (oid === 0) {
        throw new SqlError("42704", `could not find array type for data type ${typeLabel(first.type.oid)}`, {
          position: positionOf(location),
        });
      }
      return { kind: "subquery", subplan, type: sqlType(oid), location };
    }
    case "any":
    case "all": {
      if (subject === null) throw new SqlError("XX000", "a comparison with a subquery has a left side");
      return compared(subquery, subject, rows, context);
    }
  }
}

function compared(
  subquery: Subquery,
  subject: BoundExpression,
  rows: BoundRows,
  context: ExpressionContext,
): BoundExpression {
  const { location, operator } = subquery;
  const left = subject.kind === "rowOf" ? subject.items : [subject];
  if (rows.outputs.length !== left.length) {
    const few = rows.outputs.length < left.length ? "few" : "many";
    throw new SqlError("42601", `subquery has too ${few} columns`, { position: positionOf(location) });
  }
  const column = (output: OutputColumn): BoundExpression => ({
    kind: "column",
    id: output.id,
    name: output.name,
    type: output.type,
    location,
  });
  const inner = rows.outputs.map(column);
  const [onlyLeft] = left;
  const [onlyInner] = inner;
  const test =
    left.length === 1 && onlyLeft !== undefined && onlyInner !== undefined
      ? operation(context.binder, operator, onlyLeft, onlyInner, location)
      : operation(
          context.binder,
          operator,
          { kind: "rowOf", names: [], items: left, type: sqlType(typeOid.record), location },
          { kind: "rowOf", names: [], items: inner, type: sqlType(typeOid.record), location },
          location,
        );
  if (test.type.oid !== typeOid.bool) {
    throw new SqlError("42804", `operator ${operator} must return type boolean, not type ${typeLabel(test.type.oid)}`, {
      position: positionOf(location),
    });
  }
  const ids = rows.outputs.map(({ id }) => id);
  const form = subquery.form === "all" ? "all" : "any";
  const isLookUp = form === "any" ? operator === "=" : operator === "<>" && left.length === 1;
  const equalities = isLookUp ? hashable(test, new Set(ids)) : null;
  return { kind: "subquery", subplan: subplanOf(form, rows.plan, ids, test, equalities), type: bool, location };
}

/** The sides of `a = x` or `a = x AND b = y` when the inner ones are plain columns. */
function hashable(test: BoundExpression, inner: ReadonlySet<number>) {
  const terms = test.kind === "and" ? test.terms : [test];
  const pairs: { outer: BoundExpression; inner: number }[] = [];
  for (const term of terms) {
    if (term.kind !== "call") return null;
    const [outer, column] = term.arguments;
    if (outer === undefined || column === undefined || column.kind !== "column") return null;
    if (outer.type.oid !== column.type.oid || !inner.has(column.id)) return null;
    for (const id of columnsOf(outer)) if (inner.has(id)) return null;
    pairs.push({ outer, inner: column.id });
  }
  return pairs;
}
