/**
 * Tables of the schema `kimberlite`: what the log says, as rows. They are made of the version of the state that a statement reads.
 *
 *   commits   every command of the tenant: position, time, kind, rows that it changed, its idempotency key, bytes of its record
 */
import { requestKind } from "../../runtime/kernel/kinds.js";
import { listCommits } from "../../runtime/kernel/read/commits.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import type { SystemTables } from "../../runtime/query/bind/environment.js";
import { kimberliteSchemaOid, type TableDefinition } from "../../runtime/query/catalog/model.js";
import { systemTables } from "../../runtime/query/catalog/system/relations.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { type Oid, sqlType, typeOid } from "../../runtime/query/types/sql-type.js";
import { assert } from "../../runtime/types/assert.js";
import { sqlTimeOf } from "./evaluation.js";

const tableOf = (
  oid: Oid,
  name: string,
  columns: readonly (readonly [name: string, type: Oid])[],
): TableDefinition => ({
  kind: "table",
  oid,
  name,
  schema: kimberliteSchemaOid,
  owner: "",
  storage: 0,
  columns: columns.map(([columnName, type], index) => ({
    number: index + 1,
    name: columnName,
    type: sqlType(type),
    isNotNull: false,
    default: null,
    identity: null,
    generated: null,
    sequence: 0,
    isDropped: false,
    missingValue: null,
  })),
  keyColumns: [],
  constraints: [],
  indexes: [],
  version: 0,
});

const commits = tableOf(13_010, "commits", [
  ["position", typeOid.int8],
  ["time", typeOid.timestamptz],
  ["kind", typeOid.text],
  ["rows", typeOid.int8],
  ["request_key", typeOid.uuid],
  ["record_bytes", typeOid.int4],
]);

export const builtInTables: SystemTables = {
  find: (schema, name) => {
    if (schema === "kimberlite") return name === commits.name ? commits : null;
    return systemTables.find(schema, name);
  },
};

/** Commands that are read from the state at a time. */
const pageRows = 1_000;
const kindNames = new Map(Object.entries(requestKind).map(([name, kind]): [number, string] => [kind, name]));

/** Rows of one of these tables; null for any other. `bound`: positions below it are seen. */
export function auditRows(
  table: TableDefinition,
  reads: StateReads,
  tenant: number,
  bound: number,
): Iterable<readonly Datum[]> | null {
  if (table.schema !== kimberliteSchemaOid) return null;
  assert(table.oid === commits.oid, "a table of this schema is one of those above");
  return commitRows(reads, tenant, bound);
}

function* commitRows(reads: StateReads, tenant: number, bound: number): Iterable<readonly Datum[]> {
  for (let from = 0; ; from += pageRows) {
    const page = listCommits(reads, tenant, from, pageRows, bound);
    for (const { position, time, kind, count, requestKey, recordLength } of page) {
      const rows = kind === requestKind.sqlCommit ? count : null;
      yield [position, sqlTimeOf(time), kindNames.get(kind) ?? String(kind), rows, uuidOf(requestKey), recordLength];
    }
    if (page.length < pageRows) return;
  }
}

function uuidOf(key: Uint8Array): string | null {
  if (key.every((byte) => byte === 0)) return null;
  const hex = Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
