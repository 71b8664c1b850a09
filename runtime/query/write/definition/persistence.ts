/**
 * UNLOGGED: what PostgreSQL may empty after a crash. Here there is nothing but the log, so that rows of such a table are as safe as all others;
 * it is told apart, as dumps and its foreign keys do (docs/sql-differences.md).
 */
import type { SchemaDefinition, SequenceDefinition, TableDefinition } from "../../catalog/model.js";
import { isTemporary, isTemporaryName } from "../../catalog/temporary.js";
import { SqlError } from "../../error.js";
import { Alteration } from "./alteration.js";
import { placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";

type Persistent = Pick<TableDefinition, "isUnlogged">;

export const persistenceOf = ({ isUnlogged }: { readonly isUnlogged?: boolean }): Persistent =>
  isUnlogged === true ? { isUnlogged } : {};

/** Throws 42P16 for what is unlogged in a schema of a session's own. */
export function expectPersistence(
  { isUnlogged, location }: { readonly isUnlogged: boolean; readonly location: number },
  { name }: SchemaDefinition,
): void {
  if (!isUnlogged || !isTemporaryName(name)) return;
  const position = placeOf(location);
  throw new SqlError("42P16", "only temporary relations may be created in temporary schemas", { position });
}

function withPersistence<Relation extends TableDefinition | SequenceDefinition>(
  { isUnlogged: _before, ...relation }: Relation,
  isUnlogged: boolean,
): Relation {
  return { ...relation, ...persistenceOf({ isUnlogged }) } as Relation;
}

function expectPermanent(relation: TableDefinition | SequenceDefinition, { draft }: DefinitionPorts): void {
  const { name, schema } = relation;
  if (!isTemporary(draft.catalog, schema)) return;
  const own = draft.catalog.objectByOid(schema);
  throw new SqlError("42P16", `cannot change logged status of table "${name}" because it is temporary`, {
    schema: own?.kind === "schema" ? own.name : undefined,
    table: name,
  });
}

export function setSequencePersistence(
  sequence: SequenceDefinition,
  isUnlogged: boolean,
  ports: DefinitionPorts,
): void {
  expectPermanent(sequence, ports);
  ports.draft.put(withPersistence(sequence, isUnlogged));
}

/** With the sequences of its columns. Throws 42P16 where a table that is logged would refer to one that is not. */
export function setPersistence(alteration: Alteration, isUnlogged: boolean): void {
  const { table, ports, catalog } = alteration;
  expectPermanent(table, ports);
  if ((table.isUnlogged === true) === isUnlogged) return;
  const refuse = (constraint: string, how: string): SqlError =>
    new SqlError("42P16", `could not change table "${table.name}" to ${how}`, {
      schema: ports.write(catalog).schemaName(table),
      table: table.name,
      constraint,
    });
  for (const constraint of isUnlogged ? [] : table.constraints) {
    if (constraint.kind !== "foreignKey" || constraint.referencedTable === table.oid) continue;
    const parent = catalog.objectByOid(constraint.referencedTable);
    if (parent?.kind === "table" && parent.isUnlogged === true)
      throw refuse(constraint.name, `logged because it references unlogged table "${parent.name}"`);
  }
  for (const { table: child, constraint } of isUnlogged ? catalog.referencing(table.oid) : []) {
    if (child.oid === table.oid || child.isUnlogged === true) continue;
    throw refuse(constraint.name, `unlogged because it references logged table "${child.name}"`);
  }
  alteration.put(withPersistence(table, isUnlogged));
  for (const object of [...catalog.objects()])
    if (object.kind === "sequence" && object.ownerTable === table.oid)
      ports.draft.put(withPersistence(object, isUnlogged));
}
