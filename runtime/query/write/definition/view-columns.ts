/** Names of a view's columns in its stored query, which is shown and dumped with them. */
import { columnNameOf } from "../../bind/names.js";
import type { Query, SelectQuery } from "../../syntax/ast-query.js";

/**
 * The query with another name for its column of this number; null where the names that it sorts or groups by might mean something else then.
 * What has no names of its own (VALUES, a star) stays as it is.
 */
export function withColumnName(query: Query, index: number, name: string, newName: string): Query | null {
  switch (query.kind) {
    case "values":
      return query;
    case "setOperation": {
      if (mentions(query.order, name, newName)) return null;
      const left = withColumnName(query.left, index, name, newName);
      return left === null ? null : { ...query, left };
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
  if (mentions([order, group, distinct], name, newName)) return null;
  const isNamedSo = columnNameOf(item.expression) === newName;
  const next = items.map((each) => (each === item ? { ...each, name: isNamedSo ? null : newName } : each));
  return { ...query, items: next };
}

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

/** Whether one of the names stands alone somewhere in a tree: it may be that of a result column. */
function mentions(node: unknown, ...names: readonly string[]): boolean {
  if (Array.isArray(node)) return node.some((item: unknown) => mentions(item, ...names));
  if (typeof node !== "object" || node === null) return false;
  const { kind, parts } = node as { readonly kind?: unknown; readonly parts?: unknown };
  if (kind === "columnName" && Array.isArray(parts) && parts.length === 1 && names.includes(parts[0] as string))
    return true;
  return Object.values(node).some((value: unknown) => mentions(value, ...names));
}
