/**
 * CLUSTER, and ALTER TABLE … CLUSTER ON. Rows lie in the order of the table's key whatever is asked for; which index was asked for last is
 * kept, as clients and dumps look for it.
 */
import { type IndexDefinition, rowsOfObject, type TableDefinition } from "../../catalog/model.js";
import { expectOwner, kindName } from "../../catalog/privileges.js";
import { SqlError } from "../../error.js";
import type { Cluster } from "../../syntax/ast-definition.js";
import { shownName } from "./draft.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

export function cluster({ name, index }: Cluster, ports: DefinitionPorts): DefinitionResult {
  const { draft, actor } = ports;
  const found = draft.find(name);
  if (found === null) throw new SqlError("42P01", `relation "${shownName(name)}" does not exist`);
  const table = rowsOfObject(found);
  if (table === null) throw new SqlError("42809", `"${found.name}" is not a table or materialized view`);
  if (found.kind !== "index") expectOwner(found, actor, `${kindName(found)} ${found.name}`);
  if (index !== null) clusterOn(table, index, ports);
  else if (draft.catalog.indexesOf(table).every(({ isClustered }) => isClustered !== true))
    throw new SqlError("42704", `there is no previously clustered index for table "${table.name}"`);
  return { tag: "CLUSTER" };
}

/** The index is the one by which the table is clustered from now on; null leaves it with none. */
export function clusterOn(table: TableDefinition, name: string | null, { draft }: DefinitionPorts): void {
  const chosen = name === null ? null : indexNamed(table, name, draft);
  for (const index of draft.catalog.indexesOf(table)) {
    const { isClustered, ...plain } = index;
    if (index.oid === chosen?.oid) draft.put({ ...plain, isClustered: true });
    else if (isClustered === true) draft.put(plain);
  }
}

function indexNamed(table: TableDefinition, name: string, draft: DefinitionPorts["draft"]): IndexDefinition {
  const index = draft.catalog.relationByName(table.schema, name);
  if (index === null) throw new SqlError("42704", `index "${name}" for table "${table.name}" does not exist`);
  if (index.kind !== "index") throw new SqlError("42809", `"${name}" is not an index`);
  if (index.table !== table.oid) throw new SqlError("42809", `"${name}" is not an index for table "${table.name}"`);
  if (index.predicate !== null) throw new SqlError("0A000", `cannot cluster on partial index "${name}"`);
  return index;
}
