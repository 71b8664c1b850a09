/** Columns by their names, and rows by those of their tables. */
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { ColumnName } from "../syntax/ast-expression.js";
import { positionOf } from "./binder.js";
import type { ExpressionContext } from "./context.js";
import { missingColumn } from "./missing-column.js";
import { missingRelation } from "./missing-relation.js";
import { reference, wholeRow } from "./scope.js";

/** `t.*` that is not among results: the row as one value. */
function bindWholeRow({ parts, location }: ColumnName, { binder, scope }: ExpressionContext): BoundExpression {
  const table = parts.at(-1) ?? "";
  const relation = scope.relation(parts.at(-2) ?? null, table, location);
  if (relation === null) throw missingRelation(table, location, binder, scope);
  return wholeRow({ ...relation, isScalarFunction: false }, location);
}

export function bindColumn(name: ColumnName, context: ExpressionContext): BoundExpression {
  const { scope } = context;
  const { location, parts } = name;
  if (name.isStar) {
    // In VALUES it is a value for each of its columns.
    if (parts.length === 0 || context.clause === "VALUES")
      throw new SqlError("0A000", 'row expansion via "*" is not supported here', { position: positionOf(location) });
    return bindWholeRow(name, context);
  }
  const column = parts.at(-1) ?? "";
  const [first = ""] = parts;
  if (parts.length === 1) {
    const found = scope.column(column, location);
    if (found !== null) {
      const qualifier = scope.qualifierOf(column);
      if (qualifier !== null) context.binder.qualified.set(name, { ...name, parts: [qualifier, column] });
      return found;
    }
    const relation = scope.relation(null, column, location);
    if (relation !== null) return wholeRow(relation, location);
    throw missingColumn(null, column, location, context.binder, scope);
  }
  const table = parts.at(-2) ?? "";
  const schema = parts.length > 2 ? (parts.at(-3) ?? null) : null;
  if (parts.length > 3 && first !== context.binder.environment.context.database) {
    throw notSupported(`cross-database reference ${parts.join(".")}`, positionOf(location));
  }
  const relation = scope.relation(schema, table, location);
  if (relation === null) throw missingRelation(table, location, context.binder, scope);
  const visible = relation.columns.filter((one) => one.name === column);
  const found = visible.length > 0 ? visible : relation.hidden.filter((one) => one.name === column);
  const [only] = found;
  if (found.length > 1) {
    throw new SqlError("42702", `column reference "${column}" is ambiguous`, { position: positionOf(location) });
  }
  if (only === undefined) {
    throw missingColumn(table, column, location, context.binder, scope);
  }
  return reference(only, location, `${table}.${column}`);
}
