/**
 * Rows of PostgreSQL's statistics views. Nobody counts here what these views count, so that all but names is NULL: not known, and not 0. Tools that
 * list tables join them.
 */
import type { EvaluationContext } from "../../functions/context.js";
import { rowsOfObject, type TableDefinition } from "../model.js";
import { databasesOf } from "../session-facts.js";
import { systemRelations } from "./relations.js";
import type { CatalogWorld, SystemRow } from "./world.js";

const tableRow = (world: CatalogWorld, { oid, name, schema }: TableDefinition): SystemRow => ({
  relid: oid,
  schemaname: world.schemaName(schema),
  relname: name,
});

/** Tables, and materialized views, which have rows of their own. */
function* tablesOf(world: CatalogWorld): Iterable<TableDefinition> {
  for (const relation of world.relations()) {
    const rows = rowsOfObject(relation);
    if (rows !== null) yield rows;
  }
}

export function* userTableRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const table of tablesOf(world)) yield tableRow(world, table);
}

export function* systemTableRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { definition, isView } of systemRelations) if (!isView) yield tableRow(world, definition);
}

export function* allTableRows(world: CatalogWorld): Iterable<SystemRow> {
  yield* systemTableRows(world);
  yield* userTableRows(world);
}

export function* indexRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const table of tablesOf(world))
    for (const index of world.catalog.indexesOf(table))
      yield { ...tableRow(world, table), indexrelid: index.oid, indexrelname: index.name };
}

export function* sequenceRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, name, schema } of world.sequences())
    yield { relid: oid, schemaname: world.schemaName(schema), relname: name };
}

export function* databaseStatisticsRows(context: EvaluationContext): Iterable<SystemRow> {
  yield { datid: context.databaseOid, datname: context.database };
  for (const { oid, name } of databasesOf((of) => context.session.setting(of)))
    if (oid !== context.databaseOid) yield { datid: oid, datname: name };
}
