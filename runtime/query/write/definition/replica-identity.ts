/**
 * ALTER TABLE … REPLICA IDENTITY: what PostgreSQL's logical replication would tell of rows that are changed. Nothing is replicated so here; what
 * was asked for is kept and shown, as dumps and tools look for it.
 */
import type { IndexDefinition, TableDefinition } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { ReplicaIdentity } from "../../syntax/ast-definition.js";
import type { Alteration } from "./alteration.js";

export function setReplicaIdentity(alteration: Alteration, { identity, index }: ReplicaIdentity): void {
  const { table, ports, catalog } = alteration;
  const chosen = identity === "index" ? indexNamed(alteration, index) : null;
  for (const each of catalog.indexesOf(table)) {
    const { isReplicaIdentity, ...plain } = each;
    if (each.oid === chosen?.oid) ports.draft.put({ ...plain, isReplicaIdentity: true });
    else if (isReplicaIdentity === true) ports.draft.put(plain);
  }
  const { replicaIdentity: _before, ...others } = table;
  alteration.put(identity === "default" ? others : { ...others, replicaIdentity: identity });
}

function indexNamed({ table, catalog }: Alteration, name: string): IndexDefinition {
  const index = catalog.relationByName(table.schema, name);
  if (index === null) throw new SqlError("42704", `index "${name}" for table "${table.name}" does not exist`);
  if (index.kind !== "index") throw new SqlError("42809", `"${name}" is not an index`);
  if (index.table !== table.oid) throw new SqlError("42809", `"${name}" is not an index for table "${table.name}"`);
  expectIdentifying(index, table);
  return index;
}

/** Throws 42809 and 0A000 for an index by which not every row is told from every other at once. */
function expectIdentifying(index: IndexDefinition, { columns }: TableDefinition): void {
  const { name } = index;
  if (!index.isUnique) throw new SqlError("42809", `cannot use non-unique index "${name}" as replica identity`);
  if (index.isDeferrable === true)
    throw new SqlError("0A000", `cannot use non-immediate index "${name}" as replica identity`);
  if (index.keys.some(({ expression }) => expression !== null))
    throw new SqlError("0A000", `cannot use expression index "${name}" as replica identity`);
  if (index.predicate !== null) throw new SqlError("0A000", `cannot use partial index "${name}" as replica identity`);
  for (const key of index.keys) {
    const column = columns.find(({ number }) => number === key.column);
    if (column?.isNotNull === true) continue;
    const why = `column "${column?.name ?? ""}" is nullable`;
    throw new SqlError("42809", `index "${name}" cannot be used as replica identity because ${why}`);
  }
}

/** Throws 42P16 for a column that has to be there in each row for the identity. */
export function expectNoIdentityOf({ table, catalog }: Alteration, column: number, name: string): void {
  const indexes = catalog.indexesOf(table).filter(({ isReplicaIdentity }) => isReplicaIdentity === true);
  if (indexes.some(({ keys }) => keys.some((key) => key.column === column)))
    throw new SqlError("42P16", `column "${name}" is in index used as replica identity`);
}
