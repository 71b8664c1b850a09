/**
 * What materialized views hold on to: the columns that they read, and the views that their queries go through. A view that one of them reads is
 * not replaced, since the rows that are stored came of it as it was.
 */
import type { MaterializedViewDefinition, ViewDefinition } from "../../catalog/model.js";
import { isTemporaryName } from "../../catalog/temporary.js";
import { SqlError } from "../../error.js";
import type { Query } from "../../syntax/ast-query.js";
import { tablesRead } from "../../syntax/names-read.js";
import type { CatalogDraft } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";

type Ports = Pick<DefinitionPorts, "draft">;

/** Materialized views that depend on a column of a table. */
export const columnReadersOf = ({ draft }: Ports, oid: number, column: number): readonly MaterializedViewDefinition[] =>
  draft.catalog.materializedViews.filter(({ sources }) =>
    sources.some(({ table, columns }) => table === oid && columns.includes(column)),
  );

/** Whether a query reads a view, itself or through other views. */
function goesThrough(query: Query, draft: CatalogDraft, oid: number): boolean {
  const open = [query];
  const seen = new Set<number>();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { schema, name } of tablesRead(next)) {
      const found = draft.find({ database: null, schema, name, location: -1 });
      if (found?.oid === oid) return true;
      if (found?.kind !== "view" || seen.has(found.oid)) continue;
      seen.add(found.oid);
      open.push(found.query.syntax);
    }
  }
  return false;
}

/** Throws 0A000 when a materialized view reads a view that is to be replaced. */
export function expectUnread({ draft }: Ports, view: ViewDefinition): void {
  for (const { name, query } of draft.catalog.materializedViews) {
    if (!goesThrough(query.syntax, draft, view.oid)) continue;
    throw new SqlError("0A000", `cannot replace view ${view.name} because the materialized view "${name}" reads it`, {
      hint: "Drop the materialized view, and make it anew afterwards.",
    });
  }
}

/** Whether a query, in which each table has its schema, reads what is temporary. */
export function readsTemporary(query: Query): boolean {
  for (const { schema } of tablesRead(query)) if (schema !== null && isTemporaryName(schema)) return true;
  return false;
}
