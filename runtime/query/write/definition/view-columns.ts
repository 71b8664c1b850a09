/** Names of a view's columns in its stored query, which is shown and dumped with them. */
import { columnNameOf } from "../../bind/names.js";
import type { ColumnName, Expression, SortItem } from "../../syntax/ast-expression.js";
import type { Query, SelectQuery } from "../../syntax/ast-query.js";
import type { SqlType } from "../../types/sql-type.js";
import { expectNoPseudoType } from "./types.js";

/**
 * The query with another name for its column of this number; null where the names that it sorts or groups by might mean something else then.
 * What has no names of its own (VALUES, a star) stays as it is.
 */
export function withColumnName(query: Query, index: number, name: string, newName: string): Query | null {
  switch (query.kind) {
    case "values":
      return query;
    case "setOperation": {
      const left = withColumnName(query.left, index, name, newName);
      return left === null ? null : { ...query, left, order: sortedBy(query.order, name, newName) };
    }
    case "select":
      return renamed(query, index, name, newName);
  }
}

function renamed(query: SelectQuery, index: number, name: string, newName: string): Query | null {
  const { items, order, group, distinct } = query;
  const hasStar = items.some(({ expression }) => expression.kind === "columnName" && expression.isStar);
  const item = items[index];
  if (hasStar || item === undefined) return query;
  // What the new name means alone is a column of a table so far.
  if ([...order.map(({ expression }) => expression), ...(distinct ?? [])].some((each) => isAlone(each, newName)))
    return null;
  // In GROUP BY a column of a table comes before one of the result: it may be either where the result has a name of its own.
  const isOfTable = item.name === null && item.expression.kind === "columnName";
  if (!isOfTable && mentions(group, name)) return null;
  const isNamedSo = columnNameOf(item.expression) === newName;
  return {
    ...query,
    items: items.map((each) => (each === item ? { ...each, name: isNamedSo ? null : newName } : each)),
    order: sortedBy(order, name, newName),
    distinct: distinct?.map((each) => (isAlone(each, name) ? { ...each, parts: [newName] } : each)) ?? null,
  };
}

/** A name that stands alone is that of a column of the result, if there is one; within an expression it is none. */
const isAlone = (expression: Expression, name: string): expression is ColumnName =>
  expression.kind === "columnName" && expression.parts.length === 1 && expression.parts[0] === name;

const sortedBy = (order: readonly SortItem[], name: string, newName: string): readonly SortItem[] =>
  order.map((item) =>
    isAlone(item.expression, name) ? { ...item, expression: { ...item.expression, parts: [newName] } } : item,
  );

/** The query with the names that a view gives to its columns. */
export function namedColumns(
  query: Query,
  own: readonly { readonly name: string }[],
  columns: readonly { readonly name: string }[],
): Query {
  let named = query;
  for (const [index, { name }] of columns.entries()) {
    const before = own[index]?.name ?? name;
    if (before !== name) named = withColumnName(named, index, before, name) ?? named;
  }
  return named;
}

/** Whether the name stands alone somewhere in a tree: it may be that of a result column. */
function mentions(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some((item: unknown) => mentions(item, name));
  if (typeof node !== "object" || node === null) return false;
  const { kind, parts } = node as { readonly kind?: unknown; readonly parts?: unknown };
  if (kind === "columnName" && Array.isArray(parts) && parts.length === 1 && parts[0] === name) return true;
  return Object.values(node).some((value: unknown) => mentions(value, name));
}

/** A column of rows is one of a table's here, whose type PostgreSQL has a name for. Throws 42P16 for rows that the query itself makes. */
export function expectNoRows(
  query: Query,
  columns: readonly { readonly name: string; readonly type: SqlType }[],
): void {
  for (const { name, type } of columns) if (type.isOfSearch === true) expectNoPseudoType(name, type);
  if (query.kind !== "select" || query.items.length !== columns.length) return;
  for (const [index, { expression }] of query.items.entries()) {
    const column = columns[index];
    if (column !== undefined && isRow(expression)) expectNoPseudoType(column.name, column.type);
  }
}

function isRow(expression: Expression): boolean {
  if (expression.kind === "array") return expression.items.some(isRow);
  return expression.kind === "row" || expression.kind === "cast";
}
