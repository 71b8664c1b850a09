/**
 * Tables of the schema `kimberlite`: what the log says, as rows that nobody can write. They have keys like tables of users, so that a
 * query by a position or a moment reads a part of them and not everything; whoever runs it makes the rows (`actors/sql/audit-source.ts`).
 *
 *   commits              every command of the tenant
 *   events               every event of every stream
 *   materialized_views   how each is kept up to date, and how far it is
 */
import { type Oid, sqlType, typeOid } from "../../types/sql-type.js";
import { type IndexDefinition, kimberliteSchemaOid, type TableDefinition } from "../model.js";
import { systemTable } from "./table-definition.js";

/** A storage number that no table of users has. */
const noStorage = 0;

type Column = readonly [name: string, type: Oid, isNotNull: "notNull" | "null"];

const tableOf = (oid: Oid, name: string, keyColumns: readonly number[], columns: readonly Column[]): TableDefinition =>
  systemTable(
    { oid, name, schema: kimberliteSchemaOid, owner: "" },
    columns.map(([column, type, isNotNull]) => ({ name: column, type, isNotNull: isNotNull === "notNull" })),
    keyColumns,
  );

export const commitsTable = tableOf(
  13_010,
  "commits",
  [1],
  [
    ["position", typeOid.int8, "notNull"],
    ["time", typeOid.timestamptz, "notNull"],
    ["principal", typeOid.text, "null"],
    ["kind", typeOid.text, "notNull"],
    ["tables", typeOid.textArray, "null"],
    ["rows", typeOid.int8, "null"],
    ["request_key", typeOid.uuid, "null"],
    ["record_bytes", typeOid.int8, "notNull"],
  ],
);

/** Times of a tenant's commands grow, so they lie in the order of their positions. */
export const commitsByTime: IndexDefinition = {
  kind: "index",
  oid: 13_011,
  name: "commits_time",
  schema: kimberliteSchemaOid,
  table: commitsTable.oid,
  storage: noStorage,
  keys: [{ column: 2, expression: null, type: sqlType(typeOid.timestamptz), isDescending: false, nullsFirst: false }],
  included: [],
  isUnique: true,
  isPrimary: false,
  predicate: null,
};

export const materializedViewsTable = tableOf(
  13_012,
  "materialized_views",
  [],
  [
    ["schemaname", typeOid.text, "notNull"],
    ["matviewname", typeOid.text, "notNull"],
    ["mode", typeOid.text, "notNull"],
    ["reason", typeOid.text, "null"],
    ["ispopulated", typeOid.bool, "notNull"],
    ["position", typeOid.int8, "null"],
    ["rows", typeOid.int8, "null"],
  ],
);

export const eventsTable = tableOf(
  13_013,
  "events",
  [1, 2],
  [
    ["stream", typeOid.text, "notNull"],
    ["stream_offset", typeOid.int8, "notNull"],
    ["position", typeOid.int8, "notNull"],
    ["time", typeOid.timestamptz, "notNull"],
    ["principal", typeOid.text, "null"],
    ["format", typeOid.text, "notNull"],
    ["data", typeOid.bytea, "notNull"],
    ["text", typeOid.text, "null"],
    ["json", typeOid.jsonb, "null"],
  ],
);

const eventIndex = (oid: Oid, name: string, column: number, type: Oid): IndexDefinition => ({
  kind: "index",
  oid,
  name,
  schema: kimberliteSchemaOid,
  table: eventsTable.oid,
  storage: noStorage,
  keys: [{ column, expression: null, type: sqlType(type), isDescending: false, nullsFirst: false }],
  included: [],
  isUnique: false,
  isPrimary: false,
  predicate: null,
});

/** Events of all streams in the order in which they were appended. */
export const eventsByPosition: IndexDefinition = eventIndex(13_014, "events_position", 3, typeOid.int8);
export const eventsByTime: IndexDefinition = eventIndex(13_015, "events_time", 4, typeOid.timestamptz);

export const privilegesTable = tableOf(
  13_016,
  "privileges",
  [],
  [
    ["object_type", typeOid.text, "notNull"],
    ["schema_name", typeOid.text, "notNull"],
    ["object_name", typeOid.text, "notNull"],
    ["grantee", typeOid.text, "notNull"],
    ["privilege", typeOid.text, "notNull"],
    ["is_grantable", typeOid.bool, "notNull"],
    ["grantor", typeOid.text, "notNull"],
    ["from_position", typeOid.int8, "notNull"],
    ["to_position", typeOid.int8, "null"],
    ["column_name", typeOid.text, "null"],
  ],
);

export const auditTables: readonly TableDefinition[] = [
  commitsTable,
  eventsTable,
  materializedViewsTable,
  privilegesTable,
];

export const auditTable = (name: string): TableDefinition | null =>
  auditTables.find((table) => table.name === name) ?? null;

export const isAuditTable = ({ schema }: TableDefinition): boolean => schema === kimberliteSchemaOid;

export function auditIndexesOf({ oid }: TableDefinition): readonly IndexDefinition[] {
  if (oid === eventsTable.oid) return [eventsByPosition, eventsByTime];
  return oid === commitsTable.oid ? [commitsByTime] : [];
}

/** What is only ever added to: read as of a position, it is what there was by then. */
export const hasPast = ({ oid }: TableDefinition): boolean => oid === commitsTable.oid || oid === eventsTable.oid;
