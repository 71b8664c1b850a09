/** Which collation a column, a domain or an index's key has: its own, that of the domain that it is of, or its type's. */
import { columnsNamed } from "../syntax/names-read.js";
import { collationNamed } from "../types/collations.js";
import type { Oid, SqlType } from "../types/sql-type.js";
import { typeFactsOf } from "../types/type-table.js";
import type { Catalog, IndexKey, TableDefinition } from "./model.js";

/** Number of what is 0 for types that are not of text. */
export const collationOfType = (oid: Oid): Oid => typeFactsOf(oid)?.collation ?? 0;

interface Collated {
  readonly type: SqlType;
  readonly collation?: Oid;
}

/** 0 for what has none. */
export function collationOf({ type, collation }: Collated, catalog: Pick<Catalog, "objectByOid">): Oid {
  if (collation !== undefined) return collation;
  const domain = type.domain === undefined ? null : catalog.objectByOid(type.domain);
  if (domain?.kind !== "domain") return collationOfType(type.oid);
  const { base, collation: own } = domain;
  return collationOf(own === undefined ? { type: base } : { type: base, collation: own }, catalog);
}

/** What an index's key would have without a COLLATE of its own: its column's, or that of the one column's that its expression is made of. */
export function collationBeneath(key: IndexKey, table: TableDefinition, catalog: Catalog): Oid {
  const otherwise = collationOfType(key.type.oid);
  if (key.expression === null) {
    const column = table.columns.find(({ number }) => number === key.column);
    return column === undefined ? otherwise : collationOf(column, catalog);
  }
  if (otherwise === 0) return 0;
  const read = new Set(columnsNamed(key.expression.syntax));
  const columns = table.columns.filter(({ name, isDropped }) => !isDropped && read.has(name));
  const found = new Set(columns.map((column) => collationOf(column, catalog)).filter((oid) => oid > otherwise));
  return found.size === 1 ? ([...found][0] ?? otherwise) : otherwise;
}

export const keyCollation = (key: IndexKey, table: TableDefinition, catalog: Catalog): Oid =>
  key.collation ?? collationBeneath(key, table, catalog);

/** What a definition keeps of a COLLATE that was found good: nothing where the type has it anyhow. */
export function keptCollation(name: readonly string[] | null, type: SqlType): { readonly collation?: Oid } {
  const found = name === null ? null : collationNamed(name);
  if (found === null || (type.domain === undefined && found.oid === collationOfType(type.oid))) return {};
  return { collation: found.oid };
}

/** What a column that a query gives has from the column that it is, unchanged: nothing where its type has it anyhow. */
export function queriedCollation(
  { table, column, type }: { readonly table: Oid; readonly column: number; readonly type: SqlType },
  catalog: Catalog,
): { readonly collation?: Oid } {
  const relation = catalog.objectByOid(table);
  const source =
    relation?.kind === "table"
      ? relation.columns.find(({ number }) => number === column)
      : relation?.kind === "view" || relation?.kind === "materializedView"
        ? relation.columns[column - 1]
        : undefined;
  if (source === undefined || source.type.oid !== type.oid) return {};
  const found = collationOf(source, catalog);
  return found === collationOf({ type }, catalog) ? {} : { collation: found };
}
