/**
 * CREATE and REFRESH MATERIALIZED VIEW. The rows are written like those of a table, by the statement's transaction; from its commit on
 * every other commit keeps them up to date, where the query allows it (view/shape.ts).
 */

import { assert } from "../../../types/assert.js";
import { queriedCollation } from "../../catalog/collation.js";
import type {
  ColumnDefinition,
  Maintenance,
  MaterializedViewDefinition,
  StoredQuery,
  TableDefinition,
  ViewColumnDefinition,
} from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { CreateTableAs, RefreshMaterializedView } from "../../syntax/ast-definition.js";
import { storageOf } from "../../table/value-bytes.js";
import { type SqlType, sqlType } from "../../types/sql-type.js";
import { formatType } from "../../types/type-name.js";
import { withDefaults } from "./default-privileges.js";
import { placeOf, shownName } from "./draft.js";
import { exists } from "./names.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { expectNoPseudoType } from "./types.js";
import { namedColumns } from "./view-columns.js";
import { readsTemporary } from "./view-sources.js";
import { expectColumns } from "./width.js";

const column = (number: number, name: string, type: SqlType): ColumnDefinition => ({
  number,
  name,
  type,
  isNotNull: false,
  default: null,
  identity: null,
  generated: null,
  sequence: 0,
  isDropped: false,
  missingValue: null,
});

function viewColumns(statement: CreateTableAs, ports: DefinitionPorts): readonly ViewColumnDefinition[] {
  const { query } = ports;
  assert(query !== null, "CREATE MATERIALIZED VIEW has its query bound");
  if (statement.columns.length > query.columns.length)
    throw new SqlError("42601", "too many column names were specified");
  // Values of a domain that come of a query need not fulfil it: an outer join makes NULLs of them.
  const columns = query.columns.map((column, index) => ({
    name: statement.columns[index] ?? column.name,
    type: sqlType(column.type.oid, column.type.modifier),
    ...queriedCollation(column, ports.draft.catalog),
  }));
  for (const [index, { name, type }] of columns.entries()) {
    expectNoPseudoType(name, type);
    if (storageOf(type.oid) === null) throw notSupported(`a column of type ${formatType(type.oid)}`);
    if (columns.findIndex((each) => each.name === name) === index) continue;
    throw new SqlError("42701", `column "${name}" specified more than once`);
  }
  return columns;
}

/** How the view is to be kept up to date: as its query allows, unless REFRESH alone is asked for. */
function maintenanceOf(statement: CreateTableAs, reason: string | null): Maintenance {
  const asked = statement.maintenance;
  if (asked === "refresh") return { kind: "refresh", reason: "it was made so" };
  if (reason === null) return { kind: "incremental" };
  if (asked !== "incremental") return { kind: "refresh", reason };
  throw new SqlError("0A000", "the materialized view cannot be maintained incrementally", {
    position: placeOf(statement.location),
    detail: `The reason: ${reason}.`,
    hint: "Without the option maintenance = incremental it is brought up to date by REFRESH MATERIALIZED VIEW.",
  });
}

export function createMaterializedView(statement: CreateTableAs, ports: DefinitionPorts): DefinitionResult {
  const { draft, views, user: owner } = ports;
  const schema = draft.schemaFor(statement.name);
  const { name } = statement.name;
  if (exists(ports, schema.oid, name, statement.ifNotExists)) return { tag: "CREATE MATERIALIZED VIEW" };
  if (readsTemporary(statement.query))
    throw new SqlError("0A000", "materialized views must not use temporary tables or views");
  const columns = viewColumns(statement, ports);
  const query: StoredQuery = ports.storeQuery(namedColumns(statement.query, ports.query?.columns ?? [], columns));
  const { binding, position } = views;
  const { shape, stateTypes, sources } = views.describe(query);
  const maintenance = maintenanceOf(statement, shape.kind === "refresh" ? shape.reason : null);
  expectColumns(columns.length + stateTypes.length, placeOf(statement.location));
  const oid = draft.newOid();
  const rows: TableDefinition = {
    kind: "table",
    oid,
    name,
    schema: schema.oid,
    owner,
    storage: draft.newOid(),
    columns: [
      ...columns.map((each, index) => column(index + 1, each.name, each.type)),
      ...stateTypes.map((type, index) => column(columns.length + index + 1, "", type)),
    ],
    keyColumns: [],
    constraints: [],
    indexes: [],
    version: 1,
    ...(statement.withData ? {} : { isUnpopulated: true }),
  };
  const base = { kind: "materializedView" as const, oid, name, schema: schema.oid, owner, columns, query, rows };
  const isPopulated = statement.withData;
  const view: MaterializedViewDefinition = {
    ...base,
    maintenance,
    isPopulated,
    refreshes: 0,
    refreshedAt: position,
    binding,
    sources,
  };
  draft.put(withDefaults(view, ports));
  if (!isPopulated) return { tag: "CREATE MATERIALIZED VIEW" };
  return { tag: `SELECT ${views.refresh(view)}` };
}

export function refreshMaterializedView(statement: RefreshMaterializedView, ports: DefinitionPorts): DefinitionResult {
  const { draft, views } = ports;
  const tag = "REFRESH MATERIALIZED VIEW";
  const found = draft.find(statement.name);
  if (found === null) throw new SqlError("42P01", `relation "${shownName(statement.name)}" does not exist`);
  if (found.kind !== "materializedView") throw new SqlError("42809", `"${found.name}" is not a materialized view`);
  if (statement.isConcurrent && !statement.withData)
    throw new SqlError("42601", "REFRESH options CONCURRENTLY and WITH NO DATA cannot be used together");
  if (statement.isConcurrent && !found.isPopulated)
    throw new SqlError("0A000", "CONCURRENTLY cannot be used when the materialized view is not populated");
  ports.lockTable(found.rows);
  const refreshes = found.refreshes + 1;
  if (!statement.withData) {
    draft.put(emptied(found, ports, { isPopulated: false, refreshes, refreshedAt: views.position }));
    return { tag };
  }
  const { isUnpopulated, ...rows } = found.rows;
  assert((isUnpopulated !== true) === found.isPopulated, "the rows of a view are readable when it is populated");
  const next: MaterializedViewDefinition = {
    ...found,
    rows,
    isPopulated: true,
    refreshes,
    refreshedAt: views.position,
  };
  draft.put(next);
  views.refresh(next);
  return { tag };
}

/** The view without rows: those it had lie under its old storage, for the past. */
function emptied(
  view: MaterializedViewDefinition,
  { draft }: DefinitionPorts,
  changes: Pick<MaterializedViewDefinition, "isPopulated" | "refreshes" | "refreshedAt">,
): MaterializedViewDefinition {
  const rows: TableDefinition = {
    ...view.rows,
    storage: draft.newOid(),
    version: view.rows.version + 1,
    isUnpopulated: true,
  };
  const indexes = draft.catalog.indexesOf(view.rows).map((index) => ({ ...index, storage: draft.newOid() }));
  draft.put(...indexes);
  return { ...view, ...changes, rows };
}
