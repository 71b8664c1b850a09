/**
 * The end of temporary tables: those of a commit (ON COMMIT), and those of a session. What ON COMMIT takes away again never reaches the log.
 */
import type { Catalog, TableDefinition } from "../../../runtime/query/catalog/model.js";
import type { ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import { isTemporaryName } from "../../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { Oid } from "../../../runtime/query/types/sql-type.js";
import { Cascades } from "../../../runtime/query/write/definition/cascades.js";
import { CatalogDraft } from "../../../runtime/query/write/definition/draft.js";
import { dropRelations } from "../../../runtime/query/write/definition/drop.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import type { Transaction } from "./transaction.js";

/** Tables of a session's schema whose rows do not outlive a transaction. */
function tablesOnCommit(catalog: Catalog, name: string): TableDefinition[] {
  const schema = catalog.schemaByName(name);
  if (schema === null) return [];
  return [...catalog.objects()].filter(
    (object): object is TableDefinition =>
      object.kind === "table" && object.schema === schema.oid && object.onCommit !== undefined,
  );
}

/** Objects of the store in which a table's rows and entries lie. */
const storagesOf = (catalog: Catalog, table: TableDefinition): number[] => [
  table.storage,
  ...catalog.indexesOf(table).map(({ storage }) => storage),
];

/** Throws 0A000 where rows that refer to others would outlive them. */
function expectTruncatable(catalog: Catalog, tables: readonly TableDefinition[]): void {
  const emptied = tables.filter(({ onCommit }) => onCommit === "deleteRows");
  if (emptied.length === 0) return;
  for (const table of catalog.objects()) {
    if (table.kind !== "table" || emptied.some(({ oid }) => oid === table.oid)) continue;
    for (const constraint of table.constraints) {
      if (constraint.kind !== "foreignKey") continue;
      const referenced = emptied.find(({ oid }) => oid === constraint.referencedTable);
      if (referenced === undefined) continue;
      throw new SqlError("0A000", "unsupported ON COMMIT and foreign key combination", {
        detail: `Table "${table.name}" references "${referenced.name}", but they do not have the same ON COMMIT setting.`,
      });
    }
  }
}

/** A transaction is about to commit: ON COMMIT DROP and DELETE ROWS. Answers whether definitions have changed. */
export function endOfCommit(
  transaction: Transaction,
  catalog: ObjectCatalog,
  schema: string,
  reader: TreeReader,
  version: number,
): boolean {
  const tables = tablesOnCommit(catalog, schema);
  const storages = new Set(tables.flatMap((table) => storagesOf(catalog, table)));
  if (storages.size === 0) return false;
  expectTruncatable(catalog, tables);
  transaction.overlay.forget(storages);
  for (const storage of storages) transaction.sequences.delete(storage);
  const gone = tables.filter(({ onCommit }) => onCommit === "drop");
  if (gone.length === 0) return false;
  for (const object of catalog.objects()) {
    const isOwned = object.kind === "sequence" && gone.some(({ oid }) => oid === object.ownerTable);
    if (isOwned) transaction.sequences.delete(object.oid);
  }
  const draft = new CatalogDraft(catalog, { searchPath: [], temporarySchema: null }, version);
  // What hangs on them is the session's as well: it goes with them, and nobody is told.
  const ports = { draft, cascades: new Cascades(), lockTable: () => {}, expectSettled: () => {} };
  dropRelations(ports, gone, true);
  draft.finish(transaction.tenant, transaction.overlay, reader);
  return true;
}

/**
 * Removes the schema of a session, if there is one, and everything that lies in it.
 *
 * @param isFree whether an object can be removed now: a schema with one that cannot stays as it is
 */
export function dropSchema(draft: CatalogDraft, name: string, isFree: (oid: Oid) => boolean): void {
  assert(isTemporaryName(name), "only a session's schema goes without being asked for");
  const schema = draft.catalog.schemaByName(name);
  if (schema === null) return;
  const inside = [...draft.catalog.objects()].filter(
    (object) => object.kind !== "schema" && object.schema === schema.oid,
  );
  const gone = [...inside.map(({ oid }) => oid), schema.oid];
  if (!gone.every(isFree)) return;
  assert(
    inside.every(({ kind }) => kind !== "materializedView"),
    "no view keeps rows of temporary tables",
  );
  for (const oid of gone) draft.remove(oid);
}
