/**
 * Views stay what they were when the tables under them change. A stored query names tables and columns, so that a new name is written into
 * it: the table's beside the old one as its alias, a column's by an alias for each column (`FROM people AS patients(id, name)`). An alias
 * that nobody gave is not shown, unless a column has another name. A column that a view reads cannot be dropped or get another type.
 * Materialized views follow in the same way (what else they hold on to: view-sources.ts).
 */
import { assert } from "../../../types/assert.js";
import type {
  ColumnDefinition,
  MaterializedViewDefinition,
  Relation,
  TableDefinition,
  ViewDefinition,
} from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { ColumnName } from "../../syntax/ast-expression.js";
import type { Query, TableReference } from "../../syntax/ast-query.js";
import { type CatalogDraft, placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";

type AnyView = ViewDefinition | MaterializedViewDefinition;

const viewsOf = ({ catalog }: CatalogDraft): readonly AnyView[] =>
  [...catalog.objects()].filter(
    (object): object is AnyView => object.kind === "view" || object.kind === "materializedView",
  );

/** The tree with each reference to a table or view replaced by `change` of it. */
function mapReferences(node: unknown, change: (reference: TableReference) => TableReference): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => mapReferences(item, change));
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, mapReferences(value, change)] as const);
  const copy: Record<string, unknown> = Object.fromEntries(entries);
  return copy["kind"] === "table" && typeof copy["name"] === "object"
    ? change(copy as unknown as TableReference)
    : copy;
}

/**
 * The tree with other names where a column's, or a star's, has the schema of its table (`store.items.id`).
 *
 * @param change of the schema and the table: what stands in their place
 */
function mapQualified(node: unknown, change: (schema: string, table: string) => readonly string[]): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => mapQualified(item, change));
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, mapQualified(value, change)] as const);
  const copy: Record<string, unknown> = Object.fromEntries(entries);
  if (copy["kind"] !== "columnName") return copy;
  const { parts, isStar } = copy as unknown as ColumnName;
  const [schema, table, ...column] = parts;
  if (schema === undefined || table === undefined || column.length !== (isStar ? 0 : 1)) return copy;
  return { ...copy, parts: [...change(schema, table), ...column] };
}

/** Changes how views refer to a relation. A name without a schema is that of a WITH query: definitions have schemas in all others. */
function changeReferences(
  { draft, storeQuery }: DefinitionPorts,
  relation: Relation,
  change: (reference: TableReference) => TableReference,
): void {
  for (const view of viewsOf(draft)) {
    let isChanged = false;
    /** Schemas of references that get an alias: columns are found by it, and by no schema. */
    const aliased = new Set<string>();
    const changed = mapReferences(view.query.syntax, (reference) => {
      const { schema } = reference.name;
      if (schema === null || draft.find(reference.name)?.oid !== relation.oid) return reference;
      isChanged = true;
      const next = change(reference);
      if (reference.alias === null && next.alias !== null) aliased.add(schema);
      return next;
    });
    if (!isChanged) continue;
    const syntax = mapQualified(changed, (schema, table) =>
      table === relation.name && aliased.has(schema) ? [table] : [schema, table],
    );
    draft.put({ ...view, query: storeQuery(syntax as Query) });
  }
}

/** Before a relation gets another name, or goes to another schema. */
export function followRelation(ports: DefinitionPorts, relation: Relation, name: string, schema: string | null): void {
  if (relation.kind === "index" || relation.kind === "sequence") return;
  changeReferences(ports, relation, (reference) => ({
    ...reference,
    name: { ...reference.name, name, schema: schema ?? reference.name.schema },
    alias: reference.alias ?? { name: reference.name.name, columns: [], isOwn: true },
  }));
}

/** Before a schema gets another name. */
export function followSchema({ draft, storeQuery }: DefinitionPorts, schema: string, newName: string): void {
  for (const view of viewsOf(draft)) {
    let isChanged = false;
    const changed = mapReferences(view.query.syntax, (reference) => {
      if (reference.name.schema !== schema) return reference;
      isChanged = true;
      return { ...reference, name: { ...reference.name, schema: newName } };
    });
    if (!isChanged) continue;
    const syntax = mapQualified(changed, (own, table) => [own === schema ? newName : own, table]);
    draft.put({ ...view, query: storeQuery(syntax as Query) });
  }
}

const liveColumns = ({ columns }: TableDefinition): readonly ColumnDefinition[] =>
  columns.filter(({ isDropped }) => !isDropped);

/** Before a column gets another name: views call all columns as they did. */
export function followColumnName(ports: DefinitionPorts, relation: TableDefinition | ViewDefinition): void {
  const columns = relation.kind === "view" ? relation.columns : liveColumns(relation);
  const names = columns.map(({ name }) => name);
  changeReferences(ports, relation, (reference) => {
    const alias = reference.alias ?? { name: reference.name.name, columns: [], isOwn: true };
    const known = alias.columns;
    assert(known.length <= names.length, "a view has no more names for columns than there are");
    const all = [...known, ...names.slice(known.length)];
    return { ...reference, alias: { ...alias, columns: all } };
  });
}

/** Before a column goes that no view reads: those behind it keep the names that views have for them. */
export function followDroppedColumn(ports: DefinitionPorts, table: TableDefinition, column: ColumnDefinition): void {
  const at = liveColumns(table).findIndex(({ number }) => number === column.number);
  assert(at >= 0, "a column that is dropped is there");
  changeReferences(ports, table, (reference) => {
    const { alias } = reference;
    return alias === null || alias.columns.length <= at
      ? reference
      : { ...reference, alias: { ...alias, columns: alias.columns.filter((_, index) => index !== at) } };
  });
}

/** Views that read a column. */
export function viewsReading(
  ports: DefinitionPorts,
  table: TableDefinition,
  column: ColumnDefinition,
): readonly ViewDefinition[] {
  const views = viewsOf(ports.draft).filter((view) => view.kind === "view");
  return views.filter((view) => ports.columnsRead(ports.draft.catalog, view.query).get(table.oid)?.has(column.number));
}

/** A view's columns have the types that they had. */
export function expectNoView(
  ports: DefinitionPorts,
  table: TableDefinition,
  column: ColumnDefinition,
  location: number,
): void {
  const [view] = viewsReading(ports, table, column);
  if (view === undefined) return;
  throw new SqlError("0A000", "cannot alter type of a column used by a view or rule", {
    position: placeOf(location),
    detail: `rule _RETURN on view ${view.name} depends on column "${column.name}"`,
  });
}
