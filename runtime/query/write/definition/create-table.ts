/** CREATE TABLE and CREATE TABLE AS. */
import { assert } from "../../../types/assert.js";
import type { ColumnDefinition, SequenceDefinition, TableDefinition } from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { ColumnSyntax, ConstraintSyntax, CreateTable, CreateTableAs } from "../../syntax/ast-definition.js";
import { columnsMax } from "../../table/row-codec.js";
import { storageOf } from "../../table/value-bytes.js";
import { type SqlType, typeOid } from "../../types/sql-type.js";
import { formatType } from "../../types/type-name.js";
import { TableWriter } from "../table-writer.js";
import {
  ConstraintMaker,
  type ConstraintPart,
  columnNamed,
  expectOwnName,
  expectPlain,
  type TableParts,
} from "./constraints.js";
import { placeOf } from "./draft.js";
import { freeName } from "./names.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { nextValueOf, noOptions, sequenceNumbers } from "./sequences.js";
import { columnType, serialType } from "./types.js";

const emptyColumn = {
  isNotNull: false,
  default: null,
  identity: null,
  generated: null,
  sequence: 0,
  isDropped: false,
  missingValue: null,
} as const;

/** LIKE's options, as PostgreSQL's bits. */
const like = { comments: 1, compression: 2, constraints: 4, defaults: 8, generated: 16, identity: 32 } as const;
const likeKnown =
  like.comments | like.compression | like.constraints | like.defaults | like.generated | 128 /* statistics */ | 256;

/** @param base what a change of the parts leaves as it is */
export function definitionOf(
  parts: TableParts,
  base: Pick<TableDefinition, "owner" | "version" | "comments" | "acl">,
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
  };
}

/** Builds columns one after the other; what they need beside themselves (sequences, constraints) gathers in it. */
export class ColumnMaker {
  readonly #ports: DefinitionPorts;
  readonly #parts: TableParts;
  /** Constraints that were written at columns, in order. */
  readonly constraints: { readonly constraint: ConstraintPart; readonly column: string }[] = [];
  readonly sequences: SequenceDefinition[] = [];

  constructor(ports: DefinitionPorts, parts: TableParts) {
    this.#ports = ports;
    this.#parts = parts;
  }

  #sequence(column: string, number: number, type: SqlType, options = noOptions): SequenceDefinition {
    const { draft, user } = this.#ports;
    const { schema, name: table, oid } = this.#parts;
    const isTaken = (name: string): boolean =>
      draft.isTaken(schema, name) || name === table || this.sequences.some((sequence) => sequence.name === name);
    const sequence: SequenceDefinition = {
      kind: "sequence",
      oid: draft.newOid(),
      name: freeName(table, column, "seq", isTaken),
      schema,
      owner: user,
      ...sequenceNumbers(options, type, null),
      ownerTable: oid,
      ownerColumn: number,
    };
    this.sequences.push(sequence);
    return sequence;
  }

  add(syntax: ColumnSyntax): ColumnDefinition {
    const parts = this.#parts;
    const { name } = syntax;
    const position = placeOf(syntax.location);
    expectOwnName(name);
    if (columnNamed(parts.columns, name) !== null) {
      throw new SqlError("42701", `column "${name}" specified more than once`, { position });
    }
    if (parts.columns.length >= columnsMax) {
      throw new SqlError("54011", `tables can have at most ${columnsMax} columns`, { position });
    }
    if (syntax.collation !== null && !["C", "POSIX", "default", "ucs_basic"].includes(syntax.collation.at(-1) ?? "")) {
      throw notSupported(`collation "${syntax.collation.join(".")}"`, position);
    }
    const number = parts.columns.length + 1;
    const serial = serialType(syntax.type);
    const type = serial ?? columnType(syntax.type);
    let column: ColumnDefinition = { ...emptyColumn, number, name, type };
    if (serial !== null) {
      const sequence = this.#sequence(name, number, serial);
      column = {
        ...column,
        isNotNull: true,
        sequence: sequence.oid,
        default: nextValueOf(sequence.oid, sequence.name),
      };
    }
    for (const constraint of syntax.constraints) column = this.#constrain(column, constraint);
    parts.columns.push(column);
    return column;
  }

  #constrain(column: ColumnDefinition, constraint: ConstraintSyntax): ColumnDefinition {
    const table = this.#parts.name;
    const { name } = column;
    const twice = (what: string): SqlError =>
      new SqlError("42601", `multiple ${what} specified for column "${name}" of table "${table}"`, {
        position: placeOf(constraint.location),
      });
    switch (constraint.kind) {
      case "notNull":
        return { ...column, isNotNull: true };
      case "null":
        if (column.isNotNull) {
          throw new SqlError(
            "42601",
            `conflicting NULL/NOT NULL declarations for column "${name}" of table "${table}"`,
            {
              position: placeOf(constraint.location),
            },
          );
        }
        return column;
      case "default":
        if (column.default !== null) throw twice("default values");
        return { ...column, default: this.#ports.storeExpression(constraint.expression) };
      case "identity":
        return this.identity(column, constraint);
      case "generated":
        if (!constraint.isStored) throw notSupported("a virtual generated column", placeOf(constraint.location));
        if (column.generated !== null) throw twice("generation clauses");
        if (column.default !== null) {
          throw new SqlError(
            "42601",
            `both default and generation expression specified for column "${name}" of table "${table}"`,
            { position: placeOf(constraint.location) },
          );
        }
        return { ...column, generated: this.#ports.storeExpression(constraint.expression) };
      default:
        expectPlain(constraint);
        this.constraints.push({ constraint, column: name });
        return constraint.kind === "primaryKey" ? { ...column, isNotNull: true } : column;
    }
  }

  identity(column: ColumnDefinition, constraint: Extract<ConstraintSyntax, { kind: "identity" }>): ColumnDefinition {
    const position = placeOf(constraint.location);
    const { name, type } = column;
    if (![typeOid.int2, typeOid.int4, typeOid.int8].some((oid) => oid === type.oid)) {
      throw new SqlError("22023", "identity column type must be smallint, integer, or bigint", { position });
    }
    if (column.identity !== null) {
      throw new SqlError(
        "42601",
        `multiple identity specifications for column "${name}" of table "${this.#parts.name}"`,
        { position },
      );
    }
    if (column.default !== null) {
      throw new SqlError(
        "42601",
        `both default and identity specified for column "${name}" of table "${this.#parts.name}"`,
        { position },
      );
    }
    const sequence = this.#sequence(name, column.number, type, constraint.options);
    return { ...column, isNotNull: true, identity: constraint.when, sequence: sequence.oid };
  }
}

export function newParts(ports: DefinitionPorts, name: string, schema: number): TableParts {
  const oid = ports.draft.newOid();
  return { oid, name, schema, storage: oid, columns: [], keyColumns: [], constraints: [], indexes: [] };
}

/** Whether there is something of that name already; with IF NOT EXISTS a notice, else 42P07. */
export function exists(ports: DefinitionPorts, schema: number, name: string, ifNotExists: boolean): boolean {
  if (!ports.draft.isTaken(schema, name)) return false;
  if (!ifNotExists) throw new SqlError("42P07", `relation "${name}" already exists`);
  ports.notice("NOTICE", "42P07", `relation "${name}" already exists, skipping`);
  return true;
}

export function createTable(statement: CreateTable, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const position = placeOf(statement.location);
  if (statement.isTemporary) throw notSupported("a temporary table", position);
  if (statement.isUnlogged) throw notSupported("an unlogged table", position);
  const [clause] = statement.clauses;
  if (clause !== undefined) throw notSupported(`${clause} in CREATE TABLE`, position);
  const schema = draft.schemaFor(statement.name);
  const { name } = statement.name;
  if (exists(ports, schema.oid, name, statement.ifNotExists)) return { tag: "CREATE TABLE" };
  const parts = newParts(ports, name, schema.oid);
  const columns = new ColumnMaker(ports, parts);
  const constraints = new ConstraintMaker(draft, parts, (syntax) => ports.storeExpression(syntax));
  for (const each of statement.likes) copyColumns(ports, parts, each);
  for (const column of statement.columns) columns.add(column);
  const written = [
    ...columns.constraints.map(({ constraint, column }) => ({ constraint, own: column })),
    ...statement.constraints.map((constraint) => ({ constraint, own: null })),
  ];
  // Keys first: a foreign key of the same statement may refer to them.
  for (const kinds of [["primaryKey"], ["unique"], ["check"], ["foreignKey"]]) {
    for (const { constraint, own } of written) {
      if (kinds.includes(constraint.kind)) constraints.add(constraint as ConstraintPart, own);
    }
  }
  const table = definitionOf(parts, { owner: ports.user, version: 1 });
  draft.put(...columns.sequences, ...parts.indexes, table);
  ports.validate(draft.catalog, table);
  return { tag: "CREATE TABLE" };
}

function copyColumns(
  ports: DefinitionPorts,
  parts: TableParts,
  { table: name, options }: CreateTable["likes"][number],
): void {
  const source = ports.draft.table(name);
  const isAll = options === 0x7fff_ffff;
  if (!isAll && (options & ~likeKnown) !== 0)
    throw notSupported("LIKE … INCLUDING INDEXES or IDENTITY", placeOf(name.location));
  if (isAll) throw notSupported("LIKE … INCLUDING ALL", placeOf(name.location));
  for (const column of source.columns) {
    if (column.isDropped) continue;
    if (columnNamed(parts.columns, column.name) !== null) {
      throw new SqlError("42701", `column "${column.name}" specified more than once`);
    }
    parts.columns.push({
      ...emptyColumn,
      number: parts.columns.length + 1,
      name: column.name,
      type: column.type,
      isNotNull: column.isNotNull,
      default: (options & like.defaults) !== 0 ? column.default : null,
      generated: (options & like.generated) !== 0 ? column.generated : null,
    });
  }
  if ((options & like.constraints) === 0) return;
  for (const constraint of source.constraints) {
    if (constraint.kind === "check") parts.constraints.push({ ...constraint, oid: ports.draft.newOid() });
  }
}

export function createTableAs(statement: CreateTableAs, ports: DefinitionPorts): DefinitionResult {
  const { draft, query } = ports;
  const position = placeOf(statement.location);
  if (statement.isTemporary) throw notSupported("a temporary table", position);
  assert(query !== null, "CREATE TABLE AS has its query bound");
  const schema = draft.schemaFor(statement.name);
  const { name } = statement.name;
  if (exists(ports, schema.oid, name, statement.ifNotExists)) return { tag: "CREATE TABLE AS" };
  if (statement.columns.length > query.columns.length) {
    throw new SqlError("42601", "too many column names were specified", { position });
  }
  const parts = newParts(ports, name, schema.oid);
  for (const [index, column] of query.columns.entries()) {
    const named = statement.columns[index] ?? column.name;
    if (storageOf(column.type.oid) === null) throw notSupported(`a column of type ${formatType(column.type.oid)}`);
    if (columnNamed(parts.columns, named) !== null) {
      throw new SqlError("42701", `column "${named}" specified more than once`);
    }
    parts.columns.push({ ...emptyColumn, number: index + 1, name: named, type: column.type });
  }
  const table = definitionOf(parts, { owner: ports.user, version: 1 });
  draft.put(table);
  if (!statement.withData) return { tag: "CREATE TABLE AS" };
  const write = ports.write(draft.catalog);
  const writer = new TableWriter(table, write.rulesOf(table), write);
  let count = 0;
  for (const row of [...ports.queryRows(query)]) {
    const values = [...row];
    writer.prepare(values);
    writer.insert(values, "none");
    count += 1;
  }
  return { tag: `SELECT ${count}` };
}
