/**
 * Whether PostgreSQL lets a cursor go backwards that says neither SCROLL nor NO SCROLL: where its plan can be run backwards without keeping rows.
 * Its plans are not known here; what is sorted, and what is rows of one table, function or list of values, has such a plan.
 */
import { proceduresNamed } from "../../../runtime/query/functions/procedures.js";
import type { FromItem, Query, SelectQuery } from "../../../runtime/query/syntax/ast-query.js";

export function runsBackwards(query: Query): boolean {
  if (query.locks.length > 0 || query.with !== null) return false;
  const isSorted = query.order.length > 0;
  switch (query.kind) {
    case "values":
      return isSorted || query.rows.length > 1;
    case "setOperation":
      if (isSorted) return true;
      return query.operation === "union" && query.isAll && runsBackwards(query.left) && runsBackwards(query.right);
    case "select":
      return isPlain(query) && (isSorted || isOfOne(query));
  }
}

/** Rows as they are read: neither gathered nor made into others. */
function isPlain({ distinct, group, having, windows, items }: SelectQuery): boolean {
  const isGathered = distinct !== null || group.length > 0 || having !== null || windows.length > 0;
  return !isGathered && !items.some(({ expression }) => makesRows(expression));
}

function isOfOne({ from, where }: SelectQuery): boolean {
  const [item] = from;
  return item !== undefined && from.length === 1 && isScanned(item) && !hasJoin(where);
}

function isScanned(item: FromItem): boolean {
  if (item.kind === "join") return false;
  return item.kind !== "subqueryReference" || runsBackwards(item.query);
}

type Fields = Readonly<Record<string, unknown>>;

function contains(root: unknown, found: (fields: Fields) => boolean): boolean {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== "object" || node === null) continue;
    if (!Array.isArray(node) && found(node as Fields)) return true;
    const fields = node as Fields;
    // A query within is a matter of its own.
    if (fields["kind"] !== "subquery") pending.push(...Object.values(fields));
  }
  return false;
}

/** An aggregate, a window function, or one that returns a set. */
const makesRows = (expression: unknown): boolean =>
  contains(expression, ({ kind, name, over }) => {
    if (kind !== "functionCall" || !Array.isArray(name)) return false;
    const kinds = proceduresNamed(String(name.at(-1)));
    return (over ?? null) !== null || kinds.some((each) => each.kind === "aggregate" || each.kind === "set");
  });

/** Conditions that become joins. */
const hasJoin = (where: unknown): boolean =>
  contains(where, ({ kind, form }) => kind === "subquery" && form !== "scalar" && form !== "array");
