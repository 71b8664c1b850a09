/**
 * Parsed statements of a gateway, kept by their text: clients send the same few over and over. With each stands what routing needs
 * to know of it, found once.
 */

import { asksOfSession } from "../../runtime/query/catalog/session-facts.js";
import { ownTemporarySchema } from "../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../runtime/query/error.js";
import { isShardFunction } from "../../runtime/query/functions/shard-functions.js";
import { lockNames } from "../../runtime/query/plan/plan.js";
import { encodeStatement, type ParsedStatement, type Statement } from "../../runtime/query/syntax/ast.js";
import type { Expression } from "../../runtime/query/syntax/ast-expression.js";
import type { RowLock } from "../../runtime/query/syntax/ast-query.js";
import { miB } from "../../runtime/types/limits.js";
import type { SqlDestination } from "./executor.js";

export interface CachedStatement extends ParsedStatement {
  /** The tree as bytes for whoever runs it; made when first asked for. */
  readonly syntax: () => Uint8Array;
  readonly destination: SqlDestination;
  /** May be one row that is looked up by its key: what is read where it is asked for, if it is. */
  readonly mayBePoint: boolean;
  /** Reads rows or changes them: nothing of it is the session's own affair. */
  readonly isPlain: boolean;
  /** Changes rows and returns none: another such one may be sent before it is answered. */
  readonly mayRunAhead: boolean;
  /** What a read-only transaction refuses of it: `INSERT`, `CREATE TABLE`, `SELECT FOR UPDATE`, as its error names it. Null: nothing. */
  readonly refused: string | null;
  /** `INSERT`, `CREATE TABLE`. */
  readonly command: string;
  /** Whether it makes what only its session sees. */
  readonly makesTemporary: boolean;
  /** Whether it may ask for what only its gateway knows. */
  readonly asksOfSession: boolean;
}

/** Walks a plain tree with a stack of its own: statements may be nested deeply. */
function contains(root: unknown, found: (node: Readonly<Record<string, unknown>>) => boolean): boolean {
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const node = waiting.pop();
    if (typeof node !== "object" || node === null) continue;
    if (Array.isArray(node)) {
      for (const item of node) waiting.push(item);
      continue;
    }
    const fields = node as Readonly<Record<string, unknown>>;
    if (found(fields)) return true;
    for (const value of Object.values(fields)) if (typeof value === "object" && value !== null) waiting.push(value);
  }
  return false;
}

export interface ParameterPlace {
  readonly number: number;
  readonly location: number;
}

/** The parameter that stands first in a statement's text. */
export function firstParameter(statement: Statement): ParameterPlace | null {
  let first: ParameterPlace | null = null;
  contains(statement, ({ kind, number, location }) => {
    if (kind !== "parameterName" || typeof number !== "number" || typeof location !== "number") return false;
    if (first === null || location < first.location) first = { number, location };
    return false;
  });
  return first;
}

const modifying = new Set<unknown>(["insert", "update", "delete", "merge"]);
const plain = new Set<Statement["kind"]>(["select", "values", "setOperation", "insert", "update", "delete", "merge"]);

const isWriting = (node: Readonly<Record<string, unknown>>): boolean => modifying.has(node["kind"]);

/** FOR UPDATE and the like, of a query: null for any other node. */
function lockOf(node: Readonly<Record<string, unknown>>): RowLock | null {
  const locks = node["locks"];
  return Array.isArray(locks) && locks.length > 0 ? (locks[0] as RowLock) : null;
}

function needsShard(node: Readonly<Record<string, unknown>>): boolean {
  if (isWriting(node) || lockOf(node) !== null) return true;
  if (node["kind"] === "select" && node["into"] !== null && node["into"] !== undefined) return true;
  if (node["kind"] !== "functionCall") return false;
  const name: unknown = (node as unknown as { name: readonly string[] }).name.at(-1);
  return typeof name === "string" && isShardFunction(name);
}

/** `=` alone, or several in an AND: whether it is the whole key that is compared, only binding says. */
function comparesValues(condition: Expression): boolean {
  if (condition.kind === "and") return condition.terms.every(comparesOne);
  return comparesOne(condition);
}

const comparesOne = (term: Expression): boolean => term.kind === "operator" && term.name === "=" && term.left !== null;

function mayBePoint(statement: Statement): boolean {
  if (statement.kind !== "select" || statement.where === null || statement.from.length !== 1) return false;
  const { from, where, group, having, distinct, order, limit, offset, locks, into, windows } = statement;
  const [table] = from;
  if (table?.kind !== "table" || statement.with !== null || into !== null) return false;
  if (table.time !== null && table.time.kind !== "asOf") return false;
  const isPlain = having === null && distinct === null && limit === null && offset === null;
  const lists = [group, order, locks, windows];
  return isPlain && lists.every((list) => list.length === 0) && comparesValues(where);
}

/** What goes ahead takes its syntax with it each time: a longer text costs more by that than it gains. */
const aheadTextMax = 4_096;

function mayRunAhead(statement: Statement, text: string): boolean {
  if (text.length > aheadTextMax) return false;
  switch (statement.kind) {
    case "insert":
    case "update":
    case "delete":
      return statement.returning.length === 0;
    default:
      return false;
  }
}

const commands: Readonly<Partial<Record<Statement["kind"], string>>> = {
  createTable: "CREATE TABLE",
  createTableAs: "CREATE TABLE AS",
  alterTable: "ALTER TABLE",
  createIndex: "CREATE INDEX",
  createView: "CREATE VIEW",
  createSchema: "CREATE SCHEMA",
  createExtension: "CREATE EXTENSION",
  createSequence: "CREATE SEQUENCE",
  alterSequence: "ALTER SEQUENCE",
  createEnum: "CREATE TYPE",
  createComposite: "CREATE TYPE",
  createDomain: "CREATE DOMAIN",
  alterDomain: "ALTER DOMAIN",
  refreshMaterializedView: "REFRESH MATERIALIZED VIEW",
  createRole: "CREATE ROLE",
  alterRole: "ALTER ROLE",
  dropRole: "DROP ROLE",
  renameRole: "ALTER ROLE",
  alterDefaultPrivileges: "ALTER DEFAULT PRIVILEGES",
  dropOwned: "DROP OWNED",
  reassignOwned: "REASSIGN OWNED",
  createDatabase: "CREATE DATABASE",
  alterDatabase: "ALTER DATABASE",
  dropDatabase: "DROP DATABASE",
  grantRole: "GRANT ROLE",
  rename: "ALTER TABLE",
  setSchema: "ALTER TABLE",
  setOwner: "ALTER TABLE",
  lockTable: "LOCK TABLE",
  setConstraints: "SET CONSTRAINTS",
};

function commandOf(statement: Statement): string {
  switch (statement.kind) {
    case "select":
    case "values":
    case "setOperation":
      return "SELECT";
    case "drop":
      return `DROP ${statement.objectType === "materializedView" ? "MATERIALIZED VIEW" : statement.objectType.toUpperCase()}`;
    case "alterType":
      return statement.isDomain ? "ALTER DOMAIN" : "ALTER TYPE";
    case "dropType":
      return statement.isDomain ? "DROP DOMAIN" : "DROP TYPE";
    case "copy":
      return statement.isFrom ? "COPY FROM" : "COPY";
    case "maintenance":
      return statement.command;
    case "grant":
      return statement.isGrant ? "GRANT" : "REVOKE";
    case "alterDefault":
      return statement.of === "role" ? "ALTER ROLE" : "ALTER DATABASE";
    default:
      return commands[statement.kind] ?? statement.kind.toUpperCase();
  }
}

/** What is run for an EXPLAIN: itself only with ANALYZE. */
function runs(statement: Statement): Statement | null {
  if (statement.kind !== "explain") return statement;
  const analyze = statement.options.find(({ name }) => name === "analyze");
  const isAnalyzed = analyze !== undefined && !["false", "off", "0"].includes(analyze.value ?? "true");
  return isAnalyzed ? (statement.statement as Statement) : null;
}

/** What a read-only transaction refuses of it, as its error names it; null when it refuses nothing. */
function refusedOf(statement: Statement, run: Statement | null): string | null {
  if (statement.kind === "truncate") return "TRUNCATE TABLE";
  if (definitions.has(statement.kind) || (statement.kind === "copy" && statement.isFrom)) return commandOf(statement);
  if (run === null) return null;
  if (contains(run, isWriting)) return commandOf(run);
  const locks: RowLock[] = [];
  contains(run, (node) => {
    const lock = lockOf(node);
    if (lock !== null) locks.push(lock);
    return lock !== null;
  });
  const [lock] = locks;
  return lock === undefined ? null : `SELECT ${lockNames[lock.strength]}`;
}

const definitions = new Set<Statement["kind"]>([
  "createTable",
  "createTableAs",
  "alterTable",
  "rename",
  "setSchema",
  "setOwner",
  "cluster",
  "createIndex",
  "createView",
  "createSchema",
  "createExtension",
  "createSequence",
  "alterSequence",
  "createEnum",
  "createComposite",
  "createDomain",
  "alterDomain",
  "alterType",
  "dropType",
  "drop",
  "refreshMaterializedView",
  "comment",
  "grant",
  "alterDefaultPrivileges",
  "dropOwned",
  "reassignOwned",
  "truncate",
]);

function makesTemporary(statement: Statement): boolean {
  switch (statement.kind) {
    case "createTable":
    case "createTableAs":
    case "createSequence":
    case "createView":
      return statement.isTemporary || statement.name.schema === ownTemporarySchema;
    default:
      return false;
  }
}

/** What travels in one message, beside a row's values. */
const syntaxBytesMax: number = 8 * miB;

export function cached(parsed: ParsedStatement): CachedStatement {
  let bytes: Uint8Array | null = null;
  const { statement } = parsed;
  const run = runs(statement);
  const isDefinition = definitions.has(statement.kind);
  const isForShard =
    isDefinition ||
    statement.kind === "lockTable" ||
    statement.kind === "setConstraints" ||
    (statement.kind === "discard" && (statement.what === "temporary" || statement.what === "sequences")) ||
    (run !== null && contains(run, needsShard));
  return {
    ...parsed,
    syntax: () => {
      bytes ??= encodeStatement(statement);
      if (bytes.length > syntaxBytesMax)
        throw new SqlError("54000", `statement too complex: its syntax is longer than ${syntaxBytesMax} bytes`);
      return bytes;
    },
    destination: isForShard ? "shard" : "projection",
    mayBePoint: !isForShard && mayBePoint(statement),
    isPlain: plain.has(statement.kind),
    // Where a cursor stands is known by its session.
    mayRunAhead: mayRunAhead(statement, parsed.text) && parsed.cursors.length === 0 && !asksOfSession(parsed.text),
    refused: refusedOf(statement, run),
    command: commandOf(statement),
    makesTemporary: makesTemporary(statement),
    asksOfSession: asksOfSession(parsed.text),
  };
}

export type Parse = (text: string) => readonly ParsedStatement[];

const cachedCharactersMax = 4 * 1024 * 1024;
/** A longer text is not worth keeping: loads send each once. */
const textLengthMax = 64 * 1024;

export class StatementCache {
  readonly #parse: Parse;
  #kept = new Map<string, readonly CachedStatement[]>();
  /** What was kept before; what is used again of it is kept on. */
  #before = new Map<string, readonly CachedStatement[]>();
  #characters = 0;

  constructor(parse: Parse) {
    this.#parse = parse;
  }

  /** Whether the text is kept as it is. */
  knows(text: string): boolean {
    return this.#kept.has(text);
  }

  /** Throws a `SqlError` for what is no SQL. */
  statements(text: string): readonly CachedStatement[] {
    const known = this.#kept.get(text);
    if (known !== undefined) return known;
    const statements = this.#before.get(text) ?? this.#parse(text).map(cached);
    if (text.length > textLengthMax) return statements;
    if (this.#characters > cachedCharactersMax) {
      this.#before = this.#kept;
      this.#kept = new Map();
      this.#characters = 0;
    }
    this.#kept.set(text, statements);
    this.#characters += text.length;
    return statements;
  }
}

/** The text of a constant, for what takes only such; undefined for anything else. */
export function constantText(expression: Expression): string | null | undefined {
  switch (expression.kind) {
    case "integerLiteral":
      return String(expression.value);
    case "numberLiteral":
    case "stringLiteral":
      return expression.text;
    case "booleanLiteral":
      return expression.value ? "t" : "f";
    case "nullLiteral":
      return null;
    default:
      return undefined;
  }
}
