/** How much storage relations and databases take. A primary key has none of its own: rows lie in its order. */
import { rowsOfObject, type TableDefinition } from "../../catalog/model.js";
import { databasesOf } from "../../catalog/session-facts.js";
import { systemRelations } from "../../catalog/system/relations.js";
import { CatalogWorld } from "../../catalog/system/world.js";
import { SqlError } from "../../error.js";
import { codecOf } from "../../types/codecs.js";
import type { Datum } from "../../types/datum.js";
import type { Oid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";

const forks = new Set(["main", "fsm", "vm", "init"]);

/** What lies in a relation: rows and their past, indexes and theirs. Null for one that does not exist. */
interface Parts {
  readonly rows: number;
  readonly past: number;
  readonly indexes: number;
}

const nothing: Parts = { rows: 0, past: 0, indexes: 0 };

function partsOf(oid: Oid, context: EvaluationContext): Parts | null {
  const object = context.catalog.objectByOid(oid);
  const table = rowsOfObject(object);
  if (table !== null) return partsOfTable(table, context);
  if (object?.kind === "index") return { ...nothing, rows: indexBytes(oid, "now", context) };
  // Views have no rows, a sequence is a number, and the system's tables are made up when they are read.
  const isThere =
    new CatalogWorld(context).relation(oid) !== null || systemRelations.some((one) => one.definition.oid === oid);
  return isThere ? nothing : null;
}

const partsOfTable = (table: TableDefinition, context: EvaluationContext): Parts => {
  const { session, catalog } = context;
  return {
    rows: session.storedBytes("rows", table.storage, "now"),
    past: session.storedBytes("rows", table.storage, "before"),
    indexes: catalog
      .indexesOf(table)
      .map(({ oid }) => indexBytes(oid, "now", context) + indexBytes(oid, "before", context))
      .reduce((all, bytes) => all + bytes, 0),
  };
};

function indexBytes(oid: Oid, when: "now" | "before", { catalog, session }: EvaluationContext): number {
  const index = catalog.objectByOid(oid);
  return index?.kind === "index" && !index.isPrimary ? session.storedBytes("index", index.storage, when) : 0;
}

const sizeOf = (oid: Oid, context: EvaluationContext, size: (parts: Parts) => number): Datum => {
  const parts = partsOf(oid, context);
  return parts === null ? null : size(parts);
};

/** The session's own: others' trees are not read. */
function databaseBytes({ session }: EvaluationContext): number {
  let bytes = 0;
  for (const part of ["rows", "index", "catalog"] as const)
    for (const when of ["now", "before"] as const) bytes += session.storedBytes(part, null, when);
  return bytes;
}

export const sizes: readonly Implementation[] = strictly({
  "pg_relation_size(regclass)": (oid, context) => sizeOf(oid, context, ({ rows }) => rows),
  "pg_relation_size(regclass,text)": (oid, given, context) => {
    const fork = textOf(given);
    if (!forks.has(fork)) {
      throw new SqlError("22023", "invalid fork name", {
        hint: 'Valid fork names are "main", "fsm", "vm", and "init".',
      });
    }
    return sizeOf(oid, context, ({ rows }) => (fork === "main" ? rows : 0));
  },
  "pg_table_size(regclass)": (oid, context) => sizeOf(oid, context, ({ rows, past }) => rows + past),
  "pg_indexes_size(regclass)": (oid, context) => sizeOf(oid, context, ({ indexes }) => indexes),
  "pg_total_relation_size(regclass)": (oid, context) =>
    sizeOf(oid, context, ({ rows, past, indexes }) => rows + past + indexes),
  "pg_database_size(oid)": (oid, context) => (oid === context.databaseOid ? databaseBytes(context) : null),
  "pg_database_size(name)": (given, context) => {
    const name = textOf(given);
    if (name === context.database) return databaseBytes(context);
    if (databasesOf((of) => context.session.setting(of)).some((other) => other.name === name)) return null;
    throw new SqlError("3D000", `database "${name}" does not exist`);
  },
  "pg_tablespace_size(oid)": () => null,
  "pg_tablespace_size(name)": () => null,
  "pg_column_size(any)": (value, context, types) => codecOf(types.args[0] ?? 0).send(value ?? "", context).length,
});
