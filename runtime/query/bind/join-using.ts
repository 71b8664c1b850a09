/** JOIN … USING and NATURAL JOIN: columns of both sides that are one. */
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { JoinType } from "../plan/plan.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import type { Binder } from "./binder.js";
import { unify } from "./coerce.js";
import { comparison } from "./operator.js";
import { type FromNames, reference, type ScopeColumn } from "./scope.js";

/** What a NATURAL JOIN is USING. */
export const sharedNames = (left: FromNames, right: FromNames): readonly string[] => {
  const shared: string[] = [];
  for (const { name } of left.columns) {
    if (right.columns.some((column) => column.name === name) && !shared.includes(name)) shared.push(name);
  }
  return shared;
};

/** USING: the equalities, and the merged columns: the left's, the right's for RIGHT, the first that is there for FULL. */
export function bindUsing(
  using: readonly string[],
  left: FromNames,
  right: FromNames,
  type: JoinType,
  binder: Binder,
): { readonly condition: BoundExpression | null; readonly columns: readonly ScopeColumn[] } {
  const terms: BoundExpression[] = [];
  const columns: ScopeColumn[] = [];
  const find = (names: FromNames, name: string, side: string): ScopeColumn => {
    const found = names.columns.filter((column) => column.name === name);
    if (found.length > 1)
      throw new SqlError("42702", `common column name "${name}" appears more than once in ${side} table`);
    const [only] = found;
    if (only !== undefined) return only;
    throw new SqlError("42703", `column "${name}" specified in USING clause does not exist in ${side} table`);
  };
  const expressionOf = (column: ScopeColumn): BoundExpression => reference(column, -1, column.name);
  for (const name of using) {
    const a = find(left, name, "left");
    const b = find(right, name, "right");
    const { operator, left: first, right: second } = comparison(binder, "=", expressionOf(a), expressionOf(b), -1);
    if (operator.resultType.oid !== typeOid.bool) throw notSupported("USING without an equality");
    terms.push({
      kind: "call",
      callee: operator,
      arguments: [first, second],
      form: "operator",
      type: operator.resultType,
      location: -1,
    });
    const { items, type: common } = unify(binder, [expressionOf(a), expressionOf(b)], "JOIN/USING", -1);
    const [fromLeft = expressionOf(a), fromRight = expressionOf(b)] = items;
    if (type === "full") {
      const both: BoundExpression = { kind: "coalesce", items: [fromLeft, fromRight], type: common, location: -1 };
      columns.push({ name, id: binder.newId(), type: common, table: 0, column: 0, expression: both });
    } else {
      const chosen = type === "right" ? fromRight : fromLeft;
      const source = type === "right" ? b : a;
      columns.push({ ...source, type: common, expression: chosen.kind === "column" ? source.expression : chosen });
    }
  }
  const [only] = terms;
  const condition: BoundExpression | null =
    terms.length === 0
      ? null
      : terms.length === 1 && only !== undefined
        ? only
        : { kind: "and", terms, type: sqlType(typeOid.bool), location: -1 };
  return { condition, columns };
}
