/** A statement as written becomes one that can be carried out, or an error with PostgreSQL's code and place. */
import { errorWithNames } from "../catalog/system/names.js";
import { schemaNamed } from "../catalog/temporary.js";
import { notSupported, SqlError } from "../error.js";
import { isShardFunction } from "../functions/shard-functions.js";
import type { Statement } from "../syntax/ast.js";
import type { CreateTableAs, CreateView, DefinitionStatement } from "../syntax/ast-definition.js";
import { type DataStatement, isModification } from "../syntax/ast-modify.js";
import type { Query } from "../syntax/ast-query.js";
import type { Explain } from "../syntax/ast-session.js";
import { functionsNamed } from "../syntax/names-read.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { Binder, lockedQuery, plainQuery, positionOf, type QueryOptions } from "./binder.js";
import type {
  BoundDefinition,
  BoundExplain,
  BoundModification,
  BoundQuery,
  BoundStatement,
  ResultColumn,
} from "./bound.js";
import { keysOfCursor } from "./current-of.js";
import { domainParameters } from "./domain.js";
import type { BindEnvironment } from "./environment.js";
import { bindExpression } from "./expression.js";
import { bindModification } from "./modify.js";
import { bindQuery } from "./query.js";

/** Binds a statement. Throws `SqlError`. */
export function bindStatement(statement: Statement, environment: BindEnvironment): BoundStatement {
  try {
    return bindAny(statement, environment);
  } catch (error) {
    // Limits on depth are set so that this does not happen; should a thread's stack be smaller, the statement ends, and not the thread.
    if (error instanceof RangeError && error.message.includes("call stack")) {
      throw new SqlError("54001", "stack depth limit exceeded");
    }
    throw errorWithNames(error, environment.context.names);
  }
}

function bindAny(statement: Statement, environment: BindEnvironment): BoundStatement {
  const binder = new Binder(environment, bindQuery, bindModification);
  binder.authority.postpone();
  const finish = (body: BoundStatement["body"], columns: readonly ResultColumn[] | null): BoundStatement => {
    const types = binder.checkParameters();
    binder.expectAccepted();
    // A view may be made of what its owner may not read; then nobody can read it.
    if (statement.kind !== "createView") binder.authority.expectAllowed();
    return {
      body,
      parameterTypes: types.map(({ oid }) => oid),
      domainParameters: domainParameters(types, binder, bindExpression),
      columns,
      catalogVersion: environment.catalog.version,
      writes: binder.writes,
    };
  };
  switch (statement.kind) {
    case "select":
    case "values":
    case "setOperation":
    case "insert":
    case "update":
    case "delete":
    case "merge": {
      const body = bindData(statement, binder);
      return finish(body, body.kind === "query" ? body.columns : (body.returning?.columns ?? null));
    }
    case "explain": {
      const body = bindExplain(statement, binder);
      return finish(body, body.columns);
    }
    case "createEnum":
    case "createComposite":
    case "createDomain":
    case "alterDomain":
    case "alterType":
    case "dropType":
    case "createTable":
    case "alterTable":
    case "rename":
    case "setSchema":
    case "setOwner":
    case "cluster":
    case "createIndex":
    case "createSchema":
    case "createExtension":
    case "createSequence":
    case "alterSequence":
    case "drop":
    case "refreshMaterializedView":
    case "comment":
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
    case "createTableAs":
    case "createView": {
      const body = bindDefinition(statement, binder);
      binder.writes = true;
      return finish(body, null);
    }
    case "unsupported":
      throw notSupported(statement.what, statement.location);
    case "truncate":
      binder.writes = true;
      return finish({ kind: "session", statement }, null);
    default:
      return finish({ kind: "session", statement }, null);
  }
}

function bindData(statement: DataStatement, binder: Binder): BoundQuery | BoundModification {
  if (isModification(statement)) return binder.modification(statement, null);
  return bindWhole(statement, binder, plainQuery);
}

function bindWhole(query: Query, binder: Binder, options: QueryOptions): BoundQuery {
  const rows = binder.query(query, null, null, query.isOfCursor === true ? lockedQuery : options);
  const keys = keysOfCursor(query, rows);
  return {
    kind: "query",
    plan: rows.plan,
    outputs: [...keys, ...rows.outputs].map(({ id }) => id),
    columns: [
      ...keys.map(({ column }) => column),
      ...rows.outputs.map(({ name, type, table, column }) => ({ name, type, table, column })),
    ],
    writes: binder.writes,
    locks: binder.locks,
  };
}

function bindDefinition(statement: DefinitionStatement, binder: Binder): BoundDefinition {
  if (statement.kind !== "createView" && statement.kind !== "createTableAs") {
    return { kind: "definition", statement, query: null };
  }
  const query = bindWhole(statement.query, binder, plainQuery);
  if (binder.hasParameters) expectNoneKept(statement);
  if (binder.namesRowTypes !== null)
    throw notSupported("a table's name as a type in a definition", positionOf(binder.namesRowTypes));
  if (query.writes) expectMayModify(statement);
  if (statement.kind === "createView") expectReadable(statement.query, query);
  const qualified = settled(statement.query, binder) as Query;
  return { kind: "definition", statement: { ...statement, query: qualified }, query };
}

/** What is made out of rows once may have parameters, what is asked again may not. */
function expectNoneKept(statement: CreateView | CreateTableAs): void {
  if (statement.kind === "createView") throw new SqlError("42P02", "there is no parameter $1");
  if (statement.isMaterializedView)
    throw new SqlError("0A000", "materialized views may not be defined using bound parameters");
}

/** What is made out of rows once may write while it reads them. Throws 0A000 for what is asked again. */
function expectMayModify(statement: CreateView | CreateTableAs): void {
  if (statement.kind === "createView")
    throw new SqlError("0A000", "views must not contain data-modifying statements in WITH");
  if (statement.isMaterializedView)
    throw new SqlError("0A000", "materialized views must not use data-modifying statements in WITH");
}

/** Whoever reads a view reads a snapshot, where nothing is drawn, told or locked. */
function expectReadable(query: Query, { locks }: BoundQuery): void {
  const name = [...functionsNamed(query)].find(isShardFunction);
  if (name !== undefined) throw notSupported(`${name}() in a view`);
  if (locks) throw notSupported("FOR UPDATE and the like in a view");
}

/**
 * The tree as it means the same whatever is added to its tables later: with the schema in every table reference that was found along the
 * search path, the tables that columns are of, the columns that `*` stood for, and those that a NATURAL join shared.
 */
function settled(node: unknown, binder: Binder): unknown {
  if (Array.isArray(node)) return node.flatMap((item: unknown) => spelledOut(item, binder) ?? [settled(item, binder)]);
  if (typeof node !== "object" || node === null) return node;
  const column = binder.qualified.get(node);
  if (column !== undefined) return column;
  const entries = Object.entries(node).map(([key, value]) => [key, settled(value, binder)] as const);
  const copy: Record<string, unknown> = Object.fromEntries(entries);
  const schema = binder.tableSchemas.get(node);
  if (schema !== undefined) copy["schema"] = schema;
  const shared = binder.naturals.get(node);
  if (shared === undefined) return copy;
  const everyPair = { kind: "booleanLiteral", value: true, location: -1 };
  return shared.length > 0
    ? { ...copy, isNatural: false, using: shared }
    : { ...copy, isNatural: false, condition: everyPair };
}

/** The items of a select list that `*` stood for; null for what is no such item. */
function spelledOut(item: unknown, binder: Binder): readonly unknown[] | null {
  if (typeof item !== "object" || item === null || !("expression" in item)) return null;
  const { expression } = item;
  const names = typeof expression === "object" && expression !== null ? binder.stars.get(expression) : undefined;
  return names === undefined ? null : names.map((name) => ({ ...item, expression: settled(name, binder) }));
}

function bindExplain(explain: Explain, binder: Binder): BoundExplain {
  const { statement } = explain;
  if (statement.kind === "execute" || statement.kind === "createTableAsExecute")
    throw notSupported("EXPLAIN EXECUTE over this protocol");
  const options = new Map<string, { value: string | null; location: number }>();
  for (const { name, value, location } of explain.options) options.set(name, { value, location });
  const flag = (name: string, otherwise: boolean): boolean => {
    const found = options.get(name);
    options.delete(name);
    if (found === undefined) return otherwise;
    const text = (found.value ?? "true").toLowerCase();
    if (["true", "on", "1"].includes(text)) return true;
    if (["false", "off", "0"].includes(text)) return false;
    throw new SqlError("42601", `${name} requires a Boolean value`);
  };
  const { value: written, location: formatAt } = options.get("format") ?? { value: null, location: -1 };
  const format = (written ?? "text").toLowerCase();
  options.delete("format");
  const isAnalyze = flag("analyze", false);
  const ofAnalyze = (name: string, otherwise: boolean): boolean => {
    const isWanted = flag(name, otherwise);
    if (!isWanted || isAnalyze) return isWanted;
    throw new SqlError("22023", `EXPLAIN option ${name.toUpperCase()} requires ANALYZE`);
  };
  const settled = {
    isAnalyze,
    isVerbose: flag("verbose", false),
    withCosts: flag("costs", true),
    withTiming: ofAnalyze("timing", isAnalyze),
    withLog: ofAnalyze("wal", false),
    withSummary: flag("summary", isAnalyze),
  };
  flag("buffers", false);
  flag("settings", false);
  const [left] = options;
  if (left !== undefined) {
    throw new SqlError("42601", `unrecognized EXPLAIN option "${left[0]}"`, { position: left[1].location });
  }
  if (!isFormat(format))
    throw new SqlError("22023", `unrecognized value for EXPLAIN option "format": "${format}"`, {
      position: positionOf(formatAt),
    });
  const bound =
    statement.kind === "createTableAs" ? bindTableAs(statement, binder, isAnalyze) : bindData(statement, binder);
  if (!isAnalyze) binder.writes = false;
  const type = sqlType(format === "json" ? typeOid.json : typeOid.text);
  return {
    kind: "explain",
    statement: bound,
    ...settled,
    format,
    columns: [{ name: "QUERY PLAN", type, table: 0, column: 0 }],
  };
}

/** The query of a CREATE TABLE AS that is explained, and not run. Throws 42P07 for what is there already. */
function bindTableAs(statement: CreateTableAs, binder: Binder, isAnalyze: boolean): BoundQuery {
  const position = positionOf(statement.location);
  if (isAnalyze) throw notSupported("EXPLAIN ANALYZE of CREATE TABLE AS", position);
  const { name, schema } = statement.name;
  const { catalog, context } = binder.environment;
  const schemas = schema === null ? context.searchPath : [schemaNamed(schema, context)];
  const made = statement.isTemporary ? context.temporarySchema : schemas.find((each) => catalog.schemaByName(each));
  const found = made === null || made === undefined ? null : catalog.schemaByName(made);
  if (found !== null && catalog.relationByName(found.oid, name) !== null) {
    if (statement.ifNotExists) throw notSupported("EXPLAIN of CREATE TABLE IF NOT EXISTS for a table that exists");
    throw new SqlError("42P07", `relation "${name}" already exists`);
  }
  return bindWhole(statement.query, binder, plainQuery);
}

const isFormat = (format: string): format is BoundExplain["format"] => ["text", "json", "yaml", "xml"].includes(format);
