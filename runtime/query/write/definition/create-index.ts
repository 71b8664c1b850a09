/** CREATE INDEX. */

import { indexColumnNames } from "../../bind/names.js";
import { expectNoQuery } from "../../bind/no-query.js";
import { type IndexDefinition, type IndexKey, rowsOfObject, type TableDefinition } from "../../catalog/model.js";
import { operatorClassNamed } from "../../catalog/system/operator-classes.js";
import { isSystemColumn } from "../../catalog/system-column-names.js";
import { notSupported, SqlError } from "../../error.js";
import type { CreateIndex, IndexKeySyntax } from "../../syntax/ast-definition.js";
import type { Expression } from "../../syntax/ast-expression.js";
import { namesIn } from "../../syntax/names-read.js";
import { collationNamed, unknownCollation } from "../../types/collations.js";
import { type SqlType, typeOid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { typeFactsOf } from "../../types/type-table.js";
import { columnNamed, expectIndexable, noOperatorClass } from "./constraints.js";
import { placeOf } from "./draft.js";
import { buildIndex } from "./index-build.js";
import { exists, freeName } from "./names.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { expectNoPseudoType } from "./types.js";

const keysMax = 32;
/** Those of PostgreSQL. */
const methods: ReadonlySet<string> = new Set(["btree", "hash", "gist", "gin", "spgist", "brin"]);

const onSystemColumn = (): SqlError => new SqlError("0A000", "index creation on system columns is not supported");

/** What nobody writes into a row cannot be looked for by an index. Throws 0A000. */
function expectNoSystemColumnIn(expression: Expression, { columns }: TableDefinition): void {
  for (const { parts, isStar } of namesIn(expression)) {
    const name = parts.at(-1) ?? "";
    if (!isStar && isSystemColumn(name) && columnNamed(columns, name) === null) throw onSystemColumn();
  }
}

/** Columns that no table lists: of most the type has no order. */
function expectNoSystemColumn(name: string): void {
  const type = name === "xmin" || name === "xmax" ? "xid" : name === "cmin" || name === "cmax" ? "cid" : null;
  if (type !== null) throw noOperatorClass(type);
  if (name === "ctid" || name === "tableoid") throw onSystemColumn();
}

function expectCollation({ collation }: IndexKeySyntax, { oid }: SqlType): void {
  if (collation !== null && (typeFactsOf(oid)?.collation ?? 0) === 0)
    throw new SqlError("42804", `collations are not supported by type ${typeLabel(oid)}`);
}

/** As PostgreSQL: a COLLATE around the whole of an expression is the key's, and what is in it is the key. */
function withoutCollate(syntax: IndexKeySyntax): IndexKeySyntax {
  const { expression } = syntax;
  if (expression?.kind !== "collate" || collationNamed(expression.name) === null) return syntax;
  const { subject } = expression;
  const [name, ...rest] = subject.kind === "columnName" && !subject.isStar ? subject.parts : [];
  const inner = name === undefined || rest.length > 0 ? { expression: subject } : { column: name, expression: null };
  return withoutCollate({ ...syntax, ...inner, collation: syntax.collation ?? expression.name });
}

function keyOf(
  written: IndexKeySyntax,
  table: TableDefinition,
  ports: DefinitionPorts,
  position: number | undefined,
): IndexKey {
  const syntax = withoutCollate(written);
  if (syntax.column !== null) expectNoSystemColumn(syntax.column);
  const collation = syntax.collation === null ? null : collationNamed(syntax.collation);
  if (syntax.collation !== null && collation === null) throw unknownCollation(syntax.collation);
  const { isDescending } = syntax;
  const order = {
    isDescending,
    nullsFirst: syntax.nullsFirst ?? isDescending,
    ...(collation === null ? {} : { collation: collation.oid }),
  };
  if (syntax.column !== null) {
    const column = columnNamed(table.columns, syntax.column);
    if (column === null) throw new SqlError("42703", `column "${syntax.column}" does not exist`);
    expectCollation(syntax, column.type);
    expectIndexable(column);
    return {
      column: column.number,
      expression: null,
      type: column.type,
      ...order,
      ...classOf(syntax, column.type, ports),
    };
  }
  if (syntax.expression === null)
    throw new SqlError("42601", "an index key is a column or an expression", { position });
  expectNoQuery(syntax.expression, "index expression");
  expectNoSystemColumnIn(syntax.expression, table);
  const expression = ports.storeExpression(syntax.expression);
  const type = ports.typeOf(ports.draft.catalog, table, expression, "index expressions");
  expectCollation(syntax, type);
  expectNoPseudoType(indexColumnNames([syntax.expression]).join(), type);
  expectIndexable({ type });
  return { column: 0, expression, type, ...order, ...classOf(syntax, type, ports) };
}

/** The operator class that was asked for, if that is another than the type's own. */
function classOf(
  { operatorClass: names }: IndexKeySyntax,
  { oid }: SqlType,
  { draft }: DefinitionPorts,
): Pick<IndexKey, "operatorClass"> {
  if (names === null) return {};
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? (names.at(-2) ?? "") : "pg_catalog";
  if (schema !== "pg_catalog" && draft.catalog.schemaByName(schema) === null)
    throw new SqlError("3F000", `schema "${schema}" does not exist`);
  const found = schema === "pg_catalog" ? operatorClassNamed(name, oid) : null;
  if (found === null)
    throw new SqlError("42704", `operator class "${names.join(".")}" does not exist for access method "btree"`);
  if (!found.isOfType) {
    // PostgreSQL takes it and compares without the blanks at the end.
    if (name.startsWith("bpchar_") && [typeOid.text, typeOid.varchar].some((each) => each === oid))
      throw notSupported(`operator class "${name}" for type ${typeLabel(oid)}`);
    throw new SqlError("42804", `operator class "${names.join(".")}" does not accept data type ${typeLabel(oid)}`);
  }
  return found.isDefault ? {} : { operatorClass: name };
}

/** The part of an index's made-up name that its columns give. */
const namedAfter = ({ keys, included }: CreateIndex): string =>
  indexColumnNames([...keys.map(({ column, expression }) => column ?? expression ?? "expr"), ...included]).join("_");

/** Throws 42809 for what has no rows of its own. */
function expectIndexableKind({ table }: CreateIndex, { draft }: DefinitionPorts): void {
  const found = draft.find(table);
  if (found === null || rowsOfObject(found) !== null) return;
  const kinds = found.kind === "index" ? "indexes" : `${found.kind}s`;
  throw new SqlError("42809", `cannot create index on relation "${found.name}"`, {
    detail: `This operation is not supported for ${kinds}.`,
  });
}

export function createIndex(statement: CreateIndex, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const position = placeOf(statement.location);
  const [clause] = statement.clauses;
  if (clause !== undefined) throw notSupported(`${clause} in CREATE INDEX`, position);
  if (!methods.has(statement.method)) throw new SqlError("42704", `access method "${statement.method}" does not exist`);
  if (statement.method !== "btree") throw notSupported(`access method "${statement.method}"`, position);
  expectIndexableKind(statement, ports);
  const table = draft.indexable(statement.table);
  if (statement.name !== null && exists(ports, table.schema, statement.name, statement.ifNotExists)) {
    return { tag: "CREATE INDEX" };
  }
  if (statement.keys.length > keysMax) {
    throw new SqlError("54011", `cannot use more than ${keysMax} columns in an index`, { position });
  }
  // Its rows may be locked, and not written.
  ports.lockTable(table, "SHARE");
  expectNoQuery(statement.where, "index predicate");
  const predicate = statement.where === null ? null : ports.storeExpression(statement.where);
  // As PostgreSQL: the condition has to make sense before it is asked what the keys can be.
  if (predicate !== null) ports.typeOf(draft.catalog, table, predicate, "index predicates");
  if (statement.where !== null) expectNoSystemColumnIn(statement.where, table);
  const keys = statement.keys.map((key) => keyOf(key, table, ports, position));
  const included = statement.included.map((name) => {
    if (name === "") throw new SqlError("0A000", "expressions are not supported in included columns");
    const column = columnNamed(table.columns, name);
    if (column === null) throw new SqlError("42703", `column "${name}" does not exist`);
    return column.number;
  });
  const oid = draft.newOid();
  const index: IndexDefinition = {
    kind: "index",
    oid,
    name:
      statement.name ?? freeName(table.name, namedAfter(statement), "idx", (name) => draft.isTaken(table.schema, name)),
    schema: table.schema,
    table: table.oid,
    storage: oid,
    keys,
    included,
    isUnique: statement.isUnique,
    ...(statement.nullsNotDistinct ? { nullsAreEqual: true as const } : {}),
    isPrimary: false,
    predicate,
  };
  const next: TableDefinition = { ...table, indexes: [...table.indexes, oid], version: table.version + 1 };
  draft.put(index);
  draft.putRows(next);
  ports.validate(draft.catalog, next);
  buildIndex(ports, next, index);
  return { tag: "CREATE INDEX" };
}
