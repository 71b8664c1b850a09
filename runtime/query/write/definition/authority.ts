/**
 * Who may define what, in PostgreSQL's words: objects are changed by their owners, made where their maker may CREATE, emptied by whom TRUNCATE
 * was granted to. Looked at before a definition is carried out; what is not there is for the definition itself to say.
 */
import { databaseOf } from "../../catalog/database.js";
import { type CatalogObject, primaryKeyOf, type SchemaDefinition } from "../../catalog/model.js";
import {
  denial,
  expectOwner,
  expectPrivilege,
  type Guarded,
  kindName,
  mayUse,
  mayUseColumns,
} from "../../catalog/privileges.js";
import { ownTemporarySchema } from "../../catalog/temporary.js";
import { SqlError } from "../../error.js";
import type {
  AlterTableAction,
  ColumnSyntax,
  ConstraintSyntax,
  DefinitionStatement,
  Drop,
} from "../../syntax/ast-definition.js";
import type { Truncate } from "../../syntax/ast-modify.js";
import type { RelationName } from "../../syntax/ast-query.js";
import { placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";
import { expectNotOfSystem } from "./system-relations.js";

/** What the owner of an index is, too. */
function ownedBy(object: CatalogObject, { draft }: DefinitionPorts): Guarded | null {
  if (object.kind !== "index") return object;
  const table = draft.catalog.objectByOid(object.table);
  return table?.kind === "table" ? table : null;
}

/** Throws 42501. */
export function expectOwnerOf(object: CatalogObject, ports: DefinitionPorts): void {
  const guarded = ownedBy(object, ports);
  const kind = object.kind === "index" ? "index" : kindName(object);
  if (guarded !== null) expectOwner(guarded, ports.actor, `${kind} ${object.name}`);
}

/** Throws 42501 for a schema that was named and whose objects the user may not even find. */
export function expectUsage({ schema }: RelationName, { draft, actor, temporarySchema }: DefinitionPorts): void {
  const found = schema === null ? null : draft.catalog.schemaByName(schema);
  if (found !== null && found.name !== temporarySchema) expectPrivilege(found, actor, "U");
}

function expectOwnerNamed(name: RelationName, ports: DefinitionPorts): void {
  expectUsage(name, ports);
  const found = ports.draft.find(name);
  if (found !== null) expectOwnerOf(found, ports);
}

function expectTypeOwner(name: RelationName, ports: DefinitionPorts): void {
  expectUsage(name, ports);
  const found = ports.draft.type(name);
  if (found !== null) expectOwnerOf(found, ports);
}

function expectCreate(schema: SchemaDefinition | null, ports: DefinitionPorts, position?: number): void {
  // That of a session is its own, whoever it acts as.
  if (schema === null || schema.name === ports.temporarySchema || mayUse(schema, ports.actor, "C")) return;
  const { sqlState, message } = denial(schema);
  throw new SqlError(sqlState, message, { position });
}

/** An index is made in the schema of its table. */
function expectCreateBeside(table: RelationName, ports: DefinitionPorts): void {
  const found = ports.draft.find(table);
  const schema = found === null ? null : ports.draft.catalog.objectByOid(found.schema);
  if (schema?.kind === "schema") expectCreate(schema, ports);
}

function addedBy(action: AlterTableAction): readonly ConstraintSyntax[] {
  if (action.kind === "addConstraint") return [action.constraint];
  return action.kind === "addColumn" ? action.column.constraints : [];
}

/** Where something is made, which whoever makes it must be allowed to: in a schema, or among the first temporary things of its session. */
function expectMake(
  made: { readonly name: RelationName; readonly isTemporary: boolean },
  ports: DefinitionPorts,
  position?: number,
): void {
  const { draft, actor, database, temporarySchema } = ports;
  if (!made.isTemporary && made.name.schema !== ownTemporarySchema)
    return expectCreate(schemaFor(made, ports), ports, position);
  const isThere = temporarySchema !== null && draft.catalog.schemaByName(temporarySchema) !== null;
  if (isThere || mayUse(databaseOf(draft.catalog, database, ports.databaseOwner), actor, "T")) return;
  throw new SqlError("42501", `permission denied to create temporary tables in database "${database}"`);
}

/** The schema in which a new object is made, if there is one. */
function schemaFor({ name }: { readonly name: RelationName }, { draft }: DefinitionPorts): SchemaDefinition | null {
  try {
    return draft.schemaFor(name);
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}

/** Tables that foreign keys refer to. */
function expectReferences(constraints: readonly ConstraintSyntax[], ports: DefinitionPorts): void {
  for (const constraint of constraints) {
    if (constraint.kind !== "foreignKey") continue;
    expectUsage(constraint.table, ports);
    const found = ports.draft.find(constraint.table);
    if (found?.kind !== "table") continue;
    const numbers = found.columns
      .filter(({ name, isDropped }) => !isDropped && constraint.referencedColumns.includes(name))
      .map(({ number }) => number);
    const referenced = numbers.length === 0 ? (primaryKeyOf(found)?.columns ?? []) : numbers;
    if (!mayUseColumns(found, ports.actor, "x", referenced)) throw denial(found);
  }
}

const constraintsOf = (columns: readonly ColumnSyntax[]): readonly ConstraintSyntax[] =>
  columns.flatMap(({ constraints }) => constraints);

/** Of what a COMMENT is about, the relation's name: without the name of its part. */
const commented = (objectType: string, name: readonly string[]): RelationName => {
  const parts = objectType === "column" || objectType === "tabconstraint" ? name.slice(0, -1) : name;
  return { database: null, schema: parts.at(-2) ?? null, name: parts.at(-1) ?? "", location: -1 };
};

function expectDrop({ objectType, names }: Drop, ports: DefinitionPorts): void {
  for (const name of names) {
    if (objectType !== "schema") {
      expectUsage(name, ports);
      const found = ports.draft.find(name);
      // What is another thing is told of as that first.
      if (found?.kind === objectType) expectOwnerOf(found, ports);
      continue;
    }
    const schema = ports.draft.catalog.schemaByName(name.name);
    if (schema !== null) expectOwnerOf(schema, ports);
  }
}

/** Throws 42501 for what the user may not define. */
export function expectAuthority(statement: DefinitionStatement | Truncate, ports: DefinitionPorts): void {
  const { draft, actor } = ports;
  expectNotOfSystem(statement, ports);
  if (actor.isSuperuser) return;
  switch (statement.kind) {
    case "createTable":
      expectMake(statement, ports, placeOf(statement.name.location));
      expectReferences([...statement.constraints, ...constraintsOf(statement.columns)], ports);
      return;
    case "createTableAs": {
      // That there is one already is told, or passed over, before it is asked whether there may be one.
      const schema = schemaFor(statement, ports);
      const isThere = schema !== null && draft.catalog.relationByName(schema.oid, statement.name.name) !== null;
      if (statement.isTemporary || !isThere) expectMake(statement, ports);
      return;
    }
    case "createSequence":
      expectMake(statement, ports);
      return;
    case "createEnum":
    case "createComposite":
    case "createDomain":
      expectMake({ ...statement, isTemporary: false }, ports);
      return;
    case "alterDomain":
      expectTypeOwner(statement.name, ports);
      return;
    case "alterType":
      expectTypeOwner(statement.name, ports);
      if (statement.change.kind === "setSchema")
        expectCreate(draft.catalog.schemaByName(statement.change.newSchema), ports);
      return;
    case "dropType":
      for (const name of statement.names) expectTypeOwner(name, ports);
      return;
    case "createView":
      expectMake(statement, ports);
      if (statement.orReplace) expectOwnerNamed(statement.name, ports);
      return;
    case "createExtension":
      // It makes nothing.
      return;
    case "cluster":
      // What can be clustered at all is told before whose it is.
      expectUsage(statement.name, ports);
      return;
    case "createSchema":
      expectPrivilege(databaseOf(draft.catalog, ports.database, ports.databaseOwner), actor, "C");
      return;
    case "createIndex":
      expectOwnerNamed(statement.table, ports);
      expectCreateBeside(statement.table, ports);
      return;
    case "alterTable":
      expectOwnerNamed(statement.name, ports);
      for (const action of statement.actions) {
        const added = addedBy(action);
        expectReferences(added, ports);
        if (added.some(({ kind }) => kind === "primaryKey" || kind === "unique"))
          expectCreateBeside(statement.name, ports);
      }
      return;
    case "alterSequence":
    case "refreshMaterializedView":
      expectOwnerNamed(statement.name, ports);
      return;
    case "rename":
      if (statement.objectType !== "schema") expectOwnerNamed(statement.name, ports);
      else {
        const schema = draft.catalog.schemaByName(statement.name.name);
        if (schema === null) return;
        expectOwnerOf(schema, ports);
        expectPrivilege(databaseOf(draft.catalog, ports.database, ports.databaseOwner), actor, "C");
      }
      return;
    case "setSchema":
      expectOwnerNamed(statement.name, ports);
      expectCreate(draft.catalog.schemaByName(statement.newSchema), ports);
      return;
    case "drop":
      expectDrop(statement, ports);
      return;
    case "comment": {
      const schema = statement.objectType === "schema" ? draft.catalog.schemaByName(statement.name[0] ?? "") : null;
      if (schema !== null) expectOwnerOf(schema, ports);
      else if (statement.objectType === "type" || statement.objectType === "domain")
        expectTypeOwner(commented("type", statement.name), ports);
      else if (statement.objectType === "domconstraint")
        expectTypeOwner(commented("type", statement.name.slice(0, -1)), ports);
      else if (statement.objectType !== "schema")
        expectOwnerNamed(commented(statement.objectType, statement.name), ports);
      return;
    }
    case "truncate":
      for (const name of statement.tables) {
        expectUsage(name, ports);
        const found = draft.find(name);
        if (found?.kind === "table") expectPrivilege(found, actor, "D");
      }
      return;
    case "setOwner":
    case "grant":
    case "alterDefaultPrivileges":
    case "grantRole":
    case "createRole":
    case "alterRole":
    case "dropRole":
    case "renameRole":
    case "dropOwned":
    case "reassignOwned":
    case "createDatabase":
    case "alterDatabase":
    case "alterDefault":
    case "dropDatabase":
      return;
  }
}
