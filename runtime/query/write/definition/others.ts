/** CREATE SCHEMA, VIEW and SEQUENCE, ALTER SEQUENCE, renaming, moving to another schema, TRUNCATE. */

import { assert } from "../../../types/assert.js";
import { queriedCollation } from "../../catalog/collation.js";
import type {
  CatalogObject,
  ConstraintDefinition,
  Relation,
  SequenceDefinition,
  TableDefinition,
  ViewDefinition,
} from "../../catalog/model.js";
import { extensions, isRelation, isType, rowsOfObject } from "../../catalog/model.js";
import { isTemporary, isTemporaryName } from "../../catalog/temporary.js";
import { notSupported, SqlError } from "../../error.js";
import type {
  AlterSequence,
  CreateExtension,
  CreateSchema,
  CreateSequence,
  CreateView,
  Rename,
  SequenceOptions,
  SetSchema,
} from "../../syntax/ast-definition.js";
import type { Truncate } from "../../syntax/ast-modify.js";
import { expectCheckable, renameViewColumn } from "./alter-view.js";
import { columnNamed, expectOwnName } from "./constraints.js";
import { withDefaults } from "./default-privileges.js";
import { type CatalogDraft, placeOf, shownName } from "./draft.js";
import { granteeOf } from "./grant-target.js";
import { exists, expectNoType } from "./names.js";
import { expectPersistence, persistenceOf } from "./persistence.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { changeSequence, sequenceNumbers } from "./sequences.js";
import { followType } from "./stored-types.js";
import { expectNoRows, namedColumns } from "./view-columns.js";
import { expectUnread, readsTemporary } from "./view-sources.js";
import { followColumnName, followRelation, followSchema } from "./views.js";
import { expectColumns } from "./width.js";

export function createSchema(statement: CreateSchema, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const position = placeOf(statement.location);
  const owner = granteeOf(statement.owner ?? ports.user, ports);
  if (!ports.actor.isSuperuser && !ports.isMember(owner))
    throw new SqlError("42501", `must be member of role "${owner}"`);
  const name = statement.name ?? (statement.owner === null ? null : owner);
  if (name === null) throw notSupported("CREATE SCHEMA without a name", position);
  if (name.startsWith("pg_")) {
    throw new SqlError("42939", `unacceptable schema name "${name}"`, {
      detail: 'The prefix "pg_" is reserved for system schemas.',
    });
  }
  const isBuiltIn = name === "information_schema" || name === "kimberlite";
  if (isBuiltIn || draft.catalog.schemaByName(name) !== null) {
    if (!statement.ifNotExists) throw new SqlError("42P06", `schema "${name}" already exists`);
    ports.notice("NOTICE", "42P06", `schema "${name}" already exists, skipping`);
    return { tag: "CREATE SCHEMA" };
  }
  draft.put(withDefaults({ kind: "schema", oid: draft.newOid(), name, owner }, ports));
  return { tag: "CREATE SCHEMA" };
}

/** Nothing is installed: an extension is there, or is not to be had. */
export function createExtension({ name, ifNotExists }: CreateExtension, ports: DefinitionPorts): DefinitionResult {
  if (!extensions.some((extension) => extension.name === name)) {
    throw new SqlError("0A000", `extension "${name}" is not available`, {
      hint: `There are: ${extensions.map((extension) => extension.name).join(", ")}.`,
    });
  }
  if (!ifNotExists) throw new SqlError("42710", `extension "${name}" already exists`);
  ports.notice("NOTICE", "42710", `extension "${name}" already exists, skipping`);
  return { tag: "CREATE EXTENSION" };
}

export function createView(statement: CreateView, ports: DefinitionPorts): DefinitionResult {
  const { draft, query } = ports;
  assert(query !== null, "CREATE VIEW has its query bound");
  if (statement.columns.length > query.columns.length) {
    throw new SqlError("42601", "CREATE VIEW specifies more column names than columns");
  }
  const { name } = statement.name;
  const isOfSession = statement.isTemporary || readsTemporary(statement.query);
  if (isOfSession && !statement.isTemporary) ports.notice("NOTICE", "00000", `view "${name}" will be a temporary view`);
  const schema = draft.schemaOf({ ...statement.name, location: -1 }, isOfSession);
  const columns = query.columns.map((column, index) => ({
    name: statement.columns[index] ?? column.name,
    type: column.type,
    ...queriedCollation(column, draft.catalog),
  }));
  expectColumns(columns.length);
  for (const [index, column] of columns.entries()) {
    if (columns.findIndex((each) => each.name === column.name) === index) continue;
    throw new SqlError("42701", `column "${column.name}" specified more than once`);
  }
  expectNoRows(statement.query, columns);
  const before = draft.catalog.relationByName(schema.oid, name);
  let oid: number;
  if (before === null) {
    if (draft.isTaken(schema.oid, name)) throw new SqlError("42P07", `relation "${name}" already exists`);
    expectNoType(ports, schema.oid, name);
    oid = draft.newOid();
  } else {
    if (!statement.orReplace) throw new SqlError("42P07", `relation "${name}" already exists`);
    if (before.kind !== "view") throw new SqlError("42809", `"${name}" is not a view`);
    expectSameColumns(before, columns);
    expectUnread(ports, before);
    oid = before.oid;
  }
  const syntax = ports.storeQuery(namedColumns(statement.query, query.columns, columns));
  const view: ViewDefinition = {
    kind: "view",
    oid,
    name,
    schema: schema.oid,
    owner: ports.user,
    columns,
    query: syntax,
    ...(ports.actor.isSuperuser ? { isOwnerSuperuser: true } : {}),
    ...(statement.checkOption === "none" ? {} : { checkOption: statement.checkOption }),
  };
  expectCheckable(view, ports);
  // What was said of the view and who may read it stays when its query is replaced, and so does its owner.
  if (before === null) {
    draft.put(withDefaults(view, ports));
    return { tag: "CREATE VIEW" };
  }
  const { comments, acl } = before;
  draft.put({
    ...view,
    columns: columns.map((column, index) => ({ ...column, ...saidOf(before.columns[index]) })),
    owner: before.owner,
    isOwnerSuperuser: before.isOwnerSuperuser === true,
    ...(comments === undefined ? {} : { comments }),
    ...(acl === undefined ? {} : { acl }),
  });
  return { tag: "CREATE VIEW" };
}

/** What was said of a column stays when the view's query is replaced. */
function saidOf(
  column: ViewDefinition["columns"][number] | undefined,
): Pick<ViewDefinition["columns"][number], "acl" | "default"> {
  const { acl, default: expression } = column ?? {};
  return { ...(acl === undefined ? {} : { acl }), ...(expression === undefined ? {} : { default: expression }) };
}

function expectSameColumns(before: ViewDefinition, columns: ViewDefinition["columns"]): void {
  if (columns.length < before.columns.length) throw new SqlError("42P16", "cannot drop columns from view");
  for (const [index, { name, type }] of before.columns.entries()) {
    const column = columns[index];
    if (column === undefined) continue;
    if (column.name !== name) {
      throw new SqlError("42P16", `cannot change name of view column "${name}" to "${column.name}"`, {
        hint: "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
      });
    }
    if (column.type.oid !== type.oid || column.type.modifier !== type.modifier) {
      throw new SqlError("42P16", `cannot change data type of view column "${name}"`);
    }
  }
}

function ownerOf(
  { ownedBy }: SequenceOptions,
  ports: DefinitionPorts,
): { ownerTable: number; ownerColumn: number } | null {
  if (ownedBy === null) return null;
  if (ownedBy.length === 0) return { ownerTable: 0, ownerColumn: 0 };
  const [column] = ownedBy.slice(-1);
  const names = ownedBy.slice(0, -1);
  const name = names.at(-1);
  if (column === undefined || name === undefined) {
    throw new SqlError("42601", "invalid OWNED BY option", { hint: "Specify OWNED BY table.column or OWNED BY NONE." });
  }
  const table = ports.draft.table({ database: null, schema: names.at(-2) ?? null, name, location: -1 });
  const found = columnNamed(table.columns, column);
  if (found === null) throw new SqlError("42703", `column "${column}" of relation "${table.name}" does not exist`);
  return { ownerTable: table.oid, ownerColumn: found.number };
}

export function createSequence(statement: CreateSequence, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const schema = draft.schemaOf({ ...statement.name, location: -1 }, statement.isTemporary);
  const { name } = statement.name;
  expectPersistence(statement, schema);
  if (exists(ports, schema.oid, name, statement.ifNotExists)) return { tag: "CREATE SEQUENCE" };
  const sequence: SequenceDefinition = {
    kind: "sequence",
    oid: draft.newOid(),
    name,
    schema: schema.oid,
    owner: ports.user,
    ...sequenceNumbers(statement.options, null, null),
    ...(ownerOf(statement.options, ports) ?? { ownerTable: 0, ownerColumn: 0 }),
    ...persistenceOf(statement),
  };
  draft.put(withDefaults(sequence, ports));
  return { tag: "CREATE SEQUENCE" };
}

export function alterSequence(statement: AlterSequence, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const found = draft.find(statement.name);
  if (found === null) {
    const message = `relation "${shownName(statement.name)}" does not exist`;
    if (!statement.ifExists) throw new SqlError("42P01", message);
    ports.notice("NOTICE", "00000", `${message}, skipping`);
    return { tag: "ALTER SEQUENCE" };
  }
  if (found.kind !== "sequence") throw new SqlError("42809", `"${found.name}" is not a sequence`);
  expectNoIdentity(found, statement.options, ports);
  changeSequence({ ...found, ...ownerOf(statement.options, ports) }, statement.options, ports);
  return { tag: "ALTER SEQUENCE" };
}

/** The sequence of an identity column stays that column's. Throws 0A000. */
function expectNoIdentity(
  { name, oid, ownerTable }: SequenceDefinition,
  { ownedBy }: SequenceOptions,
  { draft }: DefinitionPorts,
): void {
  const table = draft.catalog.objectByOid(ownerTable);
  if (ownedBy === null || table?.kind !== "table") return;
  if (table.columns.some(({ sequence, identity }) => sequence === oid && identity !== null))
    throw new SqlError("0A000", "cannot change ownership of identity sequence", {
      detail: `Sequence "${name}" is linked to table "${table.name}".`,
    });
}

const typeName = (type: Rename["objectType"]): string => (type === "materializedView" ? "materialized view" : type);

export function rename(statement: Rename, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const { objectType, newName } = statement;
  const isPart = objectType === "column" || objectType === "constraint";
  const tag = `ALTER ${isPart ? "TABLE" : typeName(objectType).toUpperCase()}`;
  if (objectType === "schema") {
    const schema = draft.schema(statement.name.name, statement.name.location);
    if (draft.catalog.schemaByName(newName) !== null) throw new SqlError("42P06", `schema "${newName}" already exists`);
    followSchema(ports, schema.name, newName);
    draft.put({ ...schema, name: newName });
    for (const object of [...draft.catalog.objects()])
      if (isType(object) && object.schema === schema.oid) followType(ports, object.oid, { schema: newName });
    return { tag };
  }
  const relation = draft.find(statement.name);
  if (relation === null) {
    const message = `relation "${shownName(statement.name)}" does not exist`;
    if (!statement.ifExists) throw new SqlError("42P01", message);
    ports.notice("NOTICE", "00000", `${message}, skipping`);
    return { tag };
  }
  if (statement.part !== null) {
    if (relation.kind === "view" && objectType === "column") {
      renameViewColumn(relation, statement.part, newName, ports);
      return { tag: statement.ofType === "view" ? "ALTER VIEW" : tag };
    }
    if (relation.kind !== "table") throw notSupported(`renaming a column of a ${relation.kind}`);
    if (objectType === "constraint") renameConstraint(ports, relation, statement.part, newName);
    else renameColumn(ports, relation, statement.part, newName);
    return { tag };
  }
  if (draft.isTaken(relation.schema, newName)) throw new SqlError("42P07", `relation "${newName}" already exists`);
  const rows = rowsOfObject(relation);
  if (rows !== null) ports.lockTable(rows);
  followRelation(ports, relation, newName, null);
  draft.put(versioned(renamed(asItIs(draft, relation), newName)));
  if (relation.kind === "index") renameConstraintOf(ports, relation.table, relation.oid, newName);
  return { tag };
}

/** What holds the rows of a materialized view has its name. */
const renamed = (relation: Relation, name: string): Relation =>
  relation.kind === "materializedView"
    ? { ...relation, name, rows: { ...relation.rows, name } }
    : { ...relation, name };

const inSchema = (relation: Relation, schema: number): Relation =>
  relation.kind === "materializedView"
    ? { ...relation, schema, rows: { ...relation.rows, schema } }
    : { ...relation, schema };

/** A relation as it is by now: what follows it may have been itself. */
function asItIs(draft: CatalogDraft, relation: Relation): Relation {
  const now = draft.catalog.objectByOid(relation.oid);
  return now !== null && isRelation(now) ? now : relation;
}

const versioned = <Object extends CatalogObject>(object: Object): Object =>
  object.kind === "table" ? { ...object, version: object.version + 1 } : object;

function renameColumn(ports: DefinitionPorts, table: TableDefinition, name: string, newName: string): void {
  const column = columnNamed(table.columns, name);
  if (column === null) throw new SqlError("42703", `column "${name}" does not exist`);
  expectOwnName(newName);
  if (columnNamed(table.columns, newName) !== null) {
    throw new SqlError("42701", `column "${newName}" of relation "${table.name}" already exists`);
  }
  ports.lockTable(table);
  followColumnName(ports, table);
  const uses = (syntax: unknown): boolean => JSON.stringify(syntax ?? null).includes(JSON.stringify(name));
  const isUsed =
    table.columns.some(({ generated }) => uses(generated?.syntax)) ||
    table.constraints.some((constraint) => constraint.kind === "check" && uses(constraint.expression.syntax)) ||
    ports.draft.catalog
      .indexesOf(table)
      .some(({ keys, predicate }) => uses(predicate?.syntax) || keys.some((key) => uses(key.expression?.syntax)));
  const renamed = (syntax: unknown): unknown => renameIn(syntax, name, newName);
  const next: TableDefinition = versioned({
    ...table,
    columns: table.columns.map((each) => {
      const own = each.number === column.number ? { ...each, name: newName } : each;
      if (own.generated === null) return own;
      return { ...own, generated: ports.storeExpression(renamed(own.generated.syntax) as typeof own.generated.syntax) };
    }),
    constraints: table.constraints.map((constraint): ConstraintDefinition => {
      if (constraint.kind !== "check") return constraint;
      const syntax = renamed(constraint.expression.syntax) as typeof constraint.expression.syntax;
      return { ...constraint, expression: ports.storeExpression(syntax) };
    }),
  });
  const indexes = isUsed
    ? ports.draft.catalog.indexesOf(table).map((index) => ({
        ...index,
        predicate:
          index.predicate === null
            ? null
            : ports.storeExpression(renamed(index.predicate.syntax) as typeof index.predicate.syntax),
        keys: index.keys.map((key) =>
          key.expression === null
            ? key
            : {
                ...key,
                expression: ports.storeExpression(renamed(key.expression.syntax) as typeof key.expression.syntax),
              },
        ),
      }))
    : [];
  ports.draft.put(...indexes, next);
  ports.validate(ports.draft.catalog, next);
}

/** A copy of a tree in which a column has another name. */
function renameIn(node: unknown, name: string, newName: string): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => renameIn(item, name, newName));
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, renameIn(value, name, newName)] as const);
  const copy: Record<string, unknown> = Object.fromEntries(entries);
  if (copy["kind"] === "columnName" && Array.isArray(copy["parts"]) && copy["parts"].at(-1) === name) {
    copy["parts"] = [...(copy["parts"].slice(0, -1) as unknown[]), newName];
  }
  return copy;
}

function renameConstraint(ports: DefinitionPorts, table: TableDefinition, name: string, newName: string): void {
  const { draft } = ports;
  const constraint = table.constraints.find((each) => each.name === name);
  if (constraint === undefined) {
    throw new SqlError("42704", `constraint "${name}" for table "${table.name}" does not exist`);
  }
  if (table.constraints.some((each) => each.name === newName)) {
    throw new SqlError("42710", `constraint "${newName}" for relation "${table.name}" already exists`);
  }
  ports.lockTable(table);
  const constraints = table.constraints.map((each) => (each === constraint ? { ...each, name: newName } : each));
  draft.put(versioned({ ...table, constraints }));
  if (!("index" in constraint)) return;
  const index = draft.catalog.objectByOid(constraint.index);
  if (index?.kind === "index") draft.put({ ...index, name: newName });
}

/** A constraint's index has its name. */
function renameConstraintOf(ports: DefinitionPorts, table: number, index: number, newName: string): void {
  const found = ports.draft.catalog.objectByOid(table);
  if (found?.kind !== "table") return;
  const constraints = found.constraints.map((each) =>
    "index" in each && each.index === index ? { ...each, name: newName } : each,
  );
  ports.draft.put(versioned({ ...found, constraints }));
}

export function setSchema(statement: SetSchema, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const tag = `ALTER ${typeName(statement.objectType).toUpperCase()}`;
  const relation = draft.find(statement.name);
  if (relation === null) {
    const message = `relation "${shownName(statement.name)}" does not exist`;
    if (!statement.ifExists) throw new SqlError("42P01", message);
    ports.notice("NOTICE", "00000", `${message}, skipping`);
    return { tag };
  }
  const schema = draft.schema(statement.newSchema);
  if (isTemporaryName(schema.name) || isTemporary(draft.catalog, relation.schema))
    throw new SqlError("0A000", "cannot move objects into or out of temporary schemas");
  const moved: Relation[] = [relation];
  const rows = rowsOfObject(relation);
  if (rows !== null) {
    ports.lockTable(rows);
    for (const object of draft.catalog.objects()) {
      if (object.kind === "index" && object.table === relation.oid) moved.push(object);
      if (object.kind === "sequence" && object.ownerTable === relation.oid) moved.push(object);
    }
  }
  for (const each of moved) {
    if (draft.isTaken(schema.oid, each.name)) {
      throw new SqlError("42P07", `relation "${each.name}" already exists in schema "${schema.name}"`);
    }
    followRelation(ports, each, each.name, schema.name);
    draft.put(versioned(inSchema(asItIs(draft, each), schema.oid)));
  }
  return { tag };
}

/** The rows stay under the old storage for the past; from now on the table has another, without any. */
export function truncate(statement: Truncate, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const tables = statement.tables.map((name) => draft.table(name));
  for (let at = 0; at < tables.length; at++) {
    const table = tables[at];
    assert(table !== undefined, "a list that is walked has its items");
    for (const { table: child } of draft.catalog.referencing(table.oid)) {
      if (tables.some(({ oid }) => oid === child.oid)) continue;
      if (!statement.isCascade) {
        throw new SqlError("0A000", "cannot truncate a table referenced in a foreign key constraint", {
          detail: `Table "${child.name}" references "${table.name}".`,
          hint: `Truncate table "${child.name}" at the same time, or use TRUNCATE ... CASCADE.`,
        });
      }
      ports.notice("NOTICE", "00000", `truncate cascades to table "${child.name}"`);
      tables.push(child);
    }
  }
  for (const { oid } of tables) {
    const table = draft.catalog.objectByOid(oid);
    assert(table?.kind === "table", "a table that is truncated is there");
    ports.lockTable(table);
    ports.expectSettled(table, "TRUNCATE");
    const storage = draft.newOid();
    const indexes = draft.catalog
      .indexesOf(table)
      .map((index) => ({ ...index, storage: index.isPrimary ? storage : draft.newOid() }));
    draft.put(...indexes, versioned({ ...table, storage }));
    if (!statement.restartsSequences) continue;
    for (const object of draft.catalog.objects()) {
      if (object.kind === "sequence" && object.ownerTable === oid) ports.restart(object.oid, object.start);
    }
  }
  return { tag: "TRUNCATE TABLE" };
}
