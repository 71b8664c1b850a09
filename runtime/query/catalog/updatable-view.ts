/**
 * Which views INSERT, UPDATE and DELETE go through to a table: those of one table, or of one such view, whose rows are rows of it. PostgreSQL's
 * rules and reasons (chapter "CREATE VIEW", Updatable Views). A view is looked at as it is stored, so what is beneath it counts as it is now.
 */

import { proceduresNamed } from "../functions/procedures.js";
import type { Expression } from "../syntax/ast-expression.js";
import type { Query, SelectItem, SelectQuery, TableReference } from "../syntax/ast-query.js";
import type { Catalog, TableDefinition, ViewDefinition } from "./model.js";
import { isSystemColumn } from "./system-column-names.js";

/** A column of the relation beneath, by its number, or why it cannot be written. */
export type ViewColumn =
  | { readonly kind: "column"; readonly number: number }
  | { readonly kind: "fixed"; readonly reason: string };

/** A view whose rows are rows of `base`. */
export interface SimpleView {
  readonly kind: "simple";
  readonly view: ViewDefinition;
  readonly query: SelectQuery;
  /** How its query names `base`. */
  readonly reference: TableReference;
  readonly base: TableDefinition | ViewDefinition;
  /** One for each column of the view. */
  readonly columns: readonly ViewColumn[];
}

export type Updatability = SimpleView | { readonly kind: "refused"; readonly reason: string };

const refused = (reason: string): Updatability => ({ kind: "refused", reason });
const fixed = (reason: string): ViewColumn => ({ kind: "fixed", reason });

export const noUpdatableColumns = "Views that have no updatable columns are not automatically updatable.";
const notSingle = "Views that do not select from a single table or view are not automatically updatable.";

/** Whether rows of a view are rows of one relation, beneath which nothing is looked at. */
export function updatabilityOf(view: ViewDefinition, catalog: Catalog): Updatability {
  const query: Query = view.query.syntax;
  const contains = (what: string): Updatability => refused(`Views containing ${what} are not automatically updatable.`);
  const returns = (what: string): Updatability => refused(`Views that return ${what} are not automatically updatable.`);
  // In PostgreSQL's order: of several reasons the same one is told.
  if (query.kind === "select") {
    if (query.distinct !== null) return contains("DISTINCT");
    if (query.group.length > 0) return contains("GROUP BY");
    if (query.having !== null) return contains("HAVING");
  }
  if (query.kind === "setOperation") return contains("UNION, INTERSECT, or EXCEPT");
  if (query.with !== null) return contains("WITH");
  if (query.limit !== null || query.offset !== null) return contains("LIMIT or OFFSET");
  if (query.kind === "values") return refused(notSingle);
  const shown = [...query.items, ...query.order].map(({ expression }) => expression);
  const called = new Set(shown.flatMap((expression) => [...callsIn(expression)]));
  if (called.has("aggregate")) return returns("aggregate functions");
  if (called.has("window")) return returns("window functions");
  if (called.has("set")) return returns("set-returning functions");
  const [reference, ...others] = query.from;
  if (reference?.kind !== "table" || others.length > 0) return refused(notSingle);
  const schema = reference.name.schema === null ? null : catalog.schemaByName(reference.name.schema);
  const base = schema === null ? null : catalog.relationByName(schema.oid, reference.name.name);
  if (base?.kind !== "table" && base?.kind !== "view") return refused(notSingle);
  if (reference.time !== null)
    return refused("Views of what a table held in the past are not automatically updatable.");
  const names = columnNamesOf(base, reference);
  const columns = query.items.map((item) => columnOf(item, reference, names));
  return { kind: "simple", view, query, reference, base, columns };
}

/** Names that a view's query has for the columns of what it reads, with their numbers. */
function columnNamesOf(base: TableDefinition | ViewDefinition, { alias }: TableReference): ReadonlyMap<string, number> {
  const live =
    base.kind === "view"
      ? base.columns.map(({ name }, index) => ({ name, number: index + 1 }))
      : base.columns.filter(({ isDropped }) => !isDropped);
  return new Map(live.map(({ name, number }, index) => [alias?.columns[index] ?? name, number]));
}

function columnOf(
  { expression }: SelectItem,
  { alias, name }: TableReference,
  names: ReadonlyMap<string, number>,
): ViewColumn {
  if (expression.kind === "columnName") {
    const { parts, isStar } = expression;
    const last = parts.at(-1) ?? "";
    const number = isStar ? undefined : names.get(last);
    if (number !== undefined) return { kind: "column", number };
    if (!isStar && isSystemColumn(last)) return fixed("View columns that refer to system columns are not updatable.");
    if (last === (alias?.name ?? name.name))
      return fixed("View columns that return whole-row references are not updatable.");
  }
  return fixed("View columns that are not columns of their base relation are not updatable.");
}

type CallKind = "aggregate" | "window" | "set";

/** What kinds of calls an expression has that make other rows of rows, those of its subqueries left out. */
function* callsIn(root: Expression): Iterable<CallKind> {
  const open: unknown[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (Array.isArray(node)) open.push(...(node as unknown[]));
    else if (typeof node === "object" && node !== null) {
      const fields = node as Readonly<Record<string, unknown>>;
      const { kind, name } = fields;
      if (kind === "grouping") yield "aggregate";
      if (kind === "functionCall" && Array.isArray(name)) yield* callKinds(fields, String(name.at(-1)));
      // A query is what has FROM, or rows, or two sides: its rows are its own.
      open.push(...Object.entries(fields).flatMap(([key, value]) => (key === "query" ? [] : [value])));
    }
  }
}

function* callKinds(call: Readonly<Record<string, unknown>>, name: string): Iterable<CallKind> {
  if (call["over"] !== null && call["over"] !== undefined) {
    yield "window";
    return;
  }
  for (const { kind } of proceduresNamed(name)) if (kind === "aggregate" || kind === "set") yield kind;
}

/** Letters of what can be done through a relation: PostgreSQL's bits of `pg_relation_is_updatable`. */
export const updatableEvents = { update: 4, insert: 8, delete: 16 } as const;
const allEvents = updatableEvents.update | updatableEvents.insert | updatableEvents.delete;

/**
 * What can be done through a table or view, in those bits.
 *
 * @param only the columns that matter, by their numbers; null: any
 */
export function eventsOf(
  relation: TableDefinition | ViewDefinition,
  catalog: Catalog,
  only: ReadonlySet<number> | null = null,
): number {
  if (relation.kind === "table") return allEvents;
  const found = updatabilityOf(relation, catalog);
  if (found.kind === "refused") return 0;
  const beneath = new Set<number>();
  for (const [index, column] of found.columns.entries())
    if (column.kind === "column" && (only === null || only.has(index + 1))) beneath.add(column.number);
  const own = beneath.size === 0 ? updatableEvents.delete : allEvents;
  return own & eventsOf(found.base, catalog, found.base.kind === "view" ? beneath : null);
}
