/** CREATE TABLE and CREATE TABLE AS. */

import { assert } from "../../../types/assert.js";
import { expectNoQuery } from "../../bind/no-query.js";
import { queriedCollation } from "../../catalog/collation.js";
import type { Comments, SchemaDefinition, TableDefinition } from "../../catalog/model.js";
import { isTemporaryName } from "../../catalog/temporary.js";
import { notSupported, SqlError } from "../../error.js";
import type { CreateTable, CreateTableAs } from "../../syntax/ast-definition.js";
import { columnsMax } from "../../table/row-codec.js";
import { storageOf } from "../../table/value-bytes.js";
import { formatType } from "../../types/type-name.js";
import { loadBatches } from "./batch-load.js";
import { ColumnMaker, emptyColumn } from "./column-maker.js";
import {
  ConstraintMaker,
  type ConstraintPart,
  columnNamed,
  type StoreExpression,
  type TableParts,
} from "./constraints.js";
import { createIndex } from "./create-index.js";
import { withDefaults } from "./default-privileges.js";
import { placeOf } from "./draft.js";
import { expectNoSystemColumns } from "./generated.js";
import { LikeTable } from "./like.js";
import { exists, expectNoType } from "./names.js";
import { expectPersistence, persistenceOf } from "./persistence.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { expectNoPseudoType, expectTypeUsage } from "./types.js";
import { expectColumns } from "./width.js";

/** @param base what a change of the parts leaves as it is */
export function definitionOf(
  parts: TableParts,
  base: Pick<TableDefinition, "owner" | "version" | "comments" | "acl" | "onCommit" | "isUnlogged" | "replicaIdentity">,
): TableDefinition {
  const { oid, name, schema, storage, columns, keyColumns, constraints, indexes } = parts;
  assert(columns.length <= columnsMax, "a table has at most 1,600 columns");
  return {
    kind: "table",
    oid,
    name,
    schema,
    owner: base.owner,
    storage,
    columns,
    keyColumns,
    constraints,
    indexes: indexes.map((index) => index.oid),
    version: base.version,
    ...(base.comments === undefined ? {} : { comments: base.comments }),
    ...(base.acl === undefined ? {} : { acl: base.acl }),
    ...(base.onCommit === undefined ? {} : { onCommit: base.onCommit }),
    ...(base.replicaIdentity === undefined ? {} : { replicaIdentity: base.replicaIdentity }),
    ...persistenceOf(base),
  };
}

export function newParts(ports: DefinitionPorts, name: string, schema: number): TableParts {
  const oid = ports.draft.newOid();
  return { oid, name, schema, storage: oid, columns: [], keyColumns: [], constraints: [], indexes: [] };
}

/** What is kept of ON COMMIT. Throws 42P16 for a table that is not temporary. */
function onCommitOf(
  { onCommit }: Pick<CreateTable, "onCommit">,
  { name }: SchemaDefinition,
): Pick<TableDefinition, "onCommit"> {
  if (onCommit === null) return {};
  if (!isTemporaryName(name)) throw new SqlError("42P16", "ON COMMIT can only be used on temporary tables");
  return onCommit === "preserve" ? {} : { onCommit };
}

export function createTable(statement: CreateTable, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const position = placeOf(statement.location);
  const [clause] = statement.clauses;
  if (clause !== undefined) throw notSupported(`${clause} in CREATE TABLE`, position);
  const schema = draft.schemaOf(statement.name, statement.isTemporary);
  const { name } = statement.name;
  const onCommit = onCommitOf(statement, schema);
  expectPersistence(statement, schema);
  if (exists(ports, schema.oid, name, statement.ifNotExists)) return { tag: "CREATE TABLE" };
  expectNoType(ports, schema.oid, name);
  const persistence = persistenceOf(statement);
  const parts: TableParts = { ...newParts(ports, name, schema.oid), ...persistence };
  const columns = new ColumnMaker(ports, parts, "placed");
  const store: StoreExpression = (syntax) => {
    expectNoQuery(syntax, "check constraint");
    expectNoSystemColumns(syntax, parts, "placed");
    return ports.storeExpression(syntax);
  };
  const constraints = new ConstraintMaker(draft, parts, store, ports);
  const likes: LikeTable[] = [];
  for (let at = 0; at <= statement.columns.length; at++) {
    const column = statement.columns[at];
    for (const each of statement.likes) if (each.at === at) likes.push(new LikeTable(ports, parts, columns, each));
    if (column !== undefined) columns.add(column);
  }
  columns.expectOthersRead();
  const written = [
    ...columns.constraints.map(({ constraint, column }) => ({ constraint, own: column })),
    ...statement.constraints.map((constraint) => ({ constraint, own: null })),
  ];
  // Keys first: a foreign key of the same statement may refer to them.
  for (const kinds of [["primaryKey"], ["unique"], ["check"], ["foreignKey"]]) {
    for (const { constraint, own } of written) {
      // A table without rows has none that break a constraint.
      if (kinds.includes(constraint.kind))
        constraints.add({ ...(constraint as ConstraintPart), isNotValid: false }, own);
    }
  }
  for (const each of likes) each.addConstraints(ports, parts, constraints);
  const comments: Comments = Object.fromEntries(likes.flatMap((each) => Object.entries(each.comments())));
  const said = Object.keys(comments).length === 0 ? {} : { comments };
  const table = withDefaults(
    definitionOf(parts, { owner: ports.user, version: 1, ...said, ...onCommit, ...persistence }),
    ports,
  );
  draft.put(...columns.sequences, ...parts.indexes, table);
  ports.validate(draft.catalog, table, likes.length === 0 ? "placed" : "unplaced");
  for (const each of likes) {
    for (const index of each.indexes({ ...statement.name, schema: schema.name })) createIndex(index, ports);
  }
  return { tag: "CREATE TABLE" };
}

export function createTableAs(statement: CreateTableAs, ports: DefinitionPorts): DefinitionResult {
  const { draft, query } = ports;
  assert(query !== null, "CREATE TABLE AS has its query bound");
  const schema = draft.schemaOf(statement.name, statement.isTemporary);
  const { name } = statement.name;
  const onCommit = onCommitOf(statement, schema);
  expectPersistence(statement, schema);
  if (exists(ports, schema.oid, name, statement.ifNotExists)) return { tag: "CREATE TABLE AS" };
  expectNoType(ports, schema.oid, name);
  if (statement.columns.length > query.columns.length) {
    throw new SqlError("42601", "too many column names were specified");
  }
  expectColumns(query.columns.length);
  const parts = newParts(ports, name, schema.oid);
  for (const [index, column] of query.columns.entries()) {
    const named = statement.columns[index] ?? column.name;
    expectNoPseudoType(named, column.type);
    if (storageOf(column.type.oid) === null) throw notSupported(`a column of type ${formatType(column.type.oid)}`);
    if (columnNamed(parts.columns, named) !== null) {
      throw new SqlError("42701", `column "${named}" specified more than once`);
    }
    expectTypeUsage(column.type, ports);
    const collation = queriedCollation(column, draft.catalog);
    parts.columns.push({ ...emptyColumn, number: index + 1, name: named, type: column.type, ...collation });
  }
  const table = withDefaults(
    definitionOf(parts, { owner: ports.user, version: 1, ...onCommit, ...persistenceOf(statement) }),
    ports,
  );
  draft.put(table);
  if (!statement.withData) return { tag: statement.isOfExecute === true ? "SELECT 0" : "CREATE TABLE AS" };
  const batches = ports.queryBatches(query);
  const load = ports.load();
  const write = { ...ports.write(draft.catalog), ...load };
  return { tag: `SELECT ${loadBatches(table, batches, write, load.target)}` };
}
