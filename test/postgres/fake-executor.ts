/**
 * Stands for shards and projections: answers by what a statement says, so that tests of the protocol need no engine. It knows
 *
 *   SELECT <integers, texts, parameters>      one row of them; columns are int4 or text
 *   SELECT n FROM numbers(<count>)            that many rows, in chunks, through a cursor
 *   INSERT INTO t …, anything else that writes   remembered; within a transaction until it commits
 *   SELECT pg_sleep(…)                        waits until it is cancelled
 *   … FROM missing …                          42P01 with its place
 */
import type { SqlColumn, SqlReply, SqlRequest } from "../../actors/messages/sql.js";
import type { SqlCall, SqlDestination, SqlExecutor, SqlOutcome } from "../../protocol/postgres/executor.js";
import type { SqlError } from "../../runtime/query/error.js";
import { decodeStatement, type Statement } from "../../runtime/query/syntax/ast.js";
import { KimberliteError } from "../../runtime/types/errors.js";

const encoder = new TextEncoder();

export interface Seen {
  readonly destination: SqlDestination;
  readonly request: SqlRequest;
}

export function dataRow(values: readonly (Uint8Array | null)[]): Uint8Array {
  const length = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 0);
  const bytes = new Uint8Array(7 + length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x44;
  view.setInt32(1, 6 + length);
  view.setInt16(5, values.length);
  let at = 7;
  for (const value of values) {
    view.setInt32(at, value?.length ?? -1);
    at += 4;
    if (value === null) continue;
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

const column = (name: string, type: number): SqlColumn => ({
  name,
  table: 0,
  column: 0,
  type,
  typeLength: type === 23 ? 4 : -1,
  modifier: -1,
});

interface Cursor {
  next: number;
  readonly end: number;
}

const chunkRows = 1_000;

export class FakeExecutor implements SqlExecutor {
  readonly seen: Seen[] = [];
  /** Texts of writes that were committed, in order. */
  readonly committed: string[] = [];
  readonly #open = new Map<number, string[]>();
  readonly #cursors = new Map<number, Cursor>();
  #nextCursor = 1;
  #position = 0;
  /** The next request for a shard gets no answer but this. */
  loseNext: KimberliteError | null = null;
  /** The next request that others may be under way beside is answered behind those. */
  isNextLate = false;
  /** Of such requests, at one time. */
  mostUnderWay = 0;
  /** What a description is refused for; null: it is not. */
  refuses: (text: string) => SqlError | null = () => null;
  #underWay = 0;

  get openTransactions(): number {
    return this.#open.size;
  }

  get openCursors(): number {
    return this.#cursors.size;
  }

  readNow(): null {
    return null;
  }

  runInOrder(request: SqlRequest, settle: (outcome: SqlOutcome) => void): SqlCall {
    this.#underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
    const isLate = this.isNextLate;
    this.isNextLate = false;
    return this.run(request, "shard", (outcome) => {
      this.#underWay -= 1;
      if (isLate) setTimeout(() => settle(outcome), 20);
      else settle(outcome);
    });
  }

  run(request: SqlRequest, destination: SqlDestination, settle: (outcome: SqlOutcome) => void): SqlCall {
    this.seen.push({ destination, request });
    if (this.loseNext !== null && destination === "shard") {
      const error = this.loseNext;
      this.loseNext = null;
      setImmediate(() => settle({ kind: "lost", error }));
      return { cancel() {}, takeBack() {} };
    }
    if (request.kind === "execute" && /pg_sleep/.test(request.text)) {
      return { cancel: () => settle(failed("57014", "cancelled")), takeBack() {} };
    }
    setImmediate(() => settle(this.#answer(request, destination)));
    return { cancel() {}, takeBack() {} };
  }

  #answer(request: SqlRequest, destination: SqlDestination): SqlReply {
    const { transaction, session } = request;
    if (destination === "shard" && transaction.requests > 0 && !this.#open.has(session)) {
      return failed("40001", "the transaction is not known here");
    }
    switch (request.kind) {
      case "describe":
        return this.#describe(request);
      case "fetch":
        return this.#fetch(request.cursor, request.rowsMax);
      case "listen":
        return failed("0A000", "nobody is told anything here");
      case "locks":
        return rows({ tag: "[]" });
      case "close":
        this.#cursors.delete(request.cursor);
        return rows({});
      case "end":
      case "rollback":
        this.#open.delete(session);
        return rows({ tag: "ROLLBACK" });
      case "commit":
        this.committed.push(...(this.#open.get(session) ?? []));
        this.#open.delete(session);
        this.#position += 1;
        return rows({ tag: "COMMIT", wrote: true, position: this.#position });
      case "savepoint":
      case "releaseSavepoint":
      case "rollbackToSavepoint":
        return this.#savepoint(request);
      case "execute":
        return this.#execute(request, destination);
      case "load":
        return this.#write(request, decodeStatement(request.syntax), destination);
    }
  }

  #savepoint({ session, kind, text }: SqlRequest): SqlReply {
    const writes = this.#open.get(session) ?? [];
    const mark = `savepoint ${text}`;
    if (kind === "savepoint") writes.push(mark);
    if (kind === "rollbackToSavepoint") writes.length = writes.lastIndexOf(mark) + 1;
    this.#open.set(session, writes);
    return rows({});
  }

  #describe(request: SqlRequest): SqlReply {
    const statement = decodeStatement(request.syntax);
    const missing = missingTable(request.text);
    if (missing !== null) return missing;
    const refused = this.refuses(request.text);
    if (refused !== null)
      return { kind: "failed", sqlState: refused.sqlState, message: refused.message, fields: refused.fields };
    const types = [...request.parameterTypes];
    for (const { number } of parametersOf(statement)) types[number - 1] ||= 25;
    for (let index = 0; index < types.length; index++) types[index] ||= 25;
    return { kind: "described", parameterTypes: types, columns: columnsOf(statement) };
  }

  #execute(request: SqlRequest, destination: SqlDestination): SqlReply {
    const statement = decodeStatement(request.syntax);
    const missing = missingTable(request.text);
    if (missing !== null) return missing;
    if (statement.kind !== "select") return this.#write(request, statement, destination);
    const count = countOf(statement);
    if (count !== null) {
      const cursor = this.#nextCursor++;
      this.#cursors.set(cursor, { next: 0, end: count });
      return { ...this.#fetch(cursor, request.rowsMax), columns: [column("n", 23)] };
    }
    const values = statement.items.map(({ expression: given }): Uint8Array | null => {
      const expression = given.kind === "cast" ? given.subject : given;
      if (expression.kind === "integerLiteral") return encoder.encode(String(expression.value));
      if (expression.kind === "stringLiteral") return encoder.encode(expression.text);
      if (expression.kind === "parameterName") return request.parameters[expression.number - 1]?.bytes ?? null;
      if (expression.kind === "operator") return encoder.encode("3");
      return null;
    });
    return rows({
      columns: columnsOf(statement),
      rows: dataRow(values),
      rowCount: 1,
      tag: "SELECT 1",
      position: this.#position,
    });
  }

  #write(request: SqlRequest, statement: Statement, destination: SqlDestination): SqlReply {
    if (destination !== "shard") return failed("XX000", "a write went to a projection");
    if (/duplicate/.test(request.text)) return failed("23505", "duplicate key value violates unique constraint");
    const said = request.parameters.map(({ bytes }) => (bytes === null ? "NULL" : new TextDecoder().decode(bytes)));
    const text = said.length === 0 ? request.text : `${request.text} <- ${said.join(",")}`;
    const count = statement.kind === "insert" && statement.source?.kind === "values" ? statement.source.rows.length : 1;
    const tag = statement.kind === "insert" ? `INSERT 0 ${count}` : statement.kind.toUpperCase();
    if (request.transaction.isOpen) {
      const writes = this.#open.get(request.session) ?? [];
      writes.push(text);
      this.#open.set(request.session, writes);
      return rows({ tag });
    }
    this.committed.push(text);
    this.#position += 1;
    return rows({ tag, wrote: true, position: this.#position });
  }

  #fetch(number: number, rowsMax: number): Extract<SqlReply, { kind: "rows" }> {
    const cursor = this.#cursors.get(number);
    if (cursor === undefined) return rows({ tag: "SELECT 0" });
    const count = Math.min(rowsMax === 0 ? chunkRows : Math.min(rowsMax, chunkRows), cursor.end - cursor.next);
    const messages = Array.from({ length: count }, (_, index) =>
      dataRow([encoder.encode(String(cursor.next + index))]),
    );
    cursor.next += count;
    const isDone = cursor.next === cursor.end;
    if (isDone) this.#cursors.delete(number);
    return rows({
      rows: Buffer.concat(messages),
      rowCount: count,
      tag: isDone ? `SELECT ${count}` : "",
      cursor: isDone ? 0 : number,
      position: this.#position,
    });
  }
}

export const rows = (fields: Partial<Extract<SqlReply, { kind: "rows" }>>): Extract<SqlReply, { kind: "rows" }> => ({
  kind: "rows",
  columns: null,
  rows: new Uint8Array(0),
  rowCount: 0,
  tag: "",
  cursor: 0,
  position: -1,
  wrote: false,
  delayMs: 0,
  notices: [],
  settings: [],
  ...fields,
});

const failed = (sqlState: string, message: string, position?: number): SqlReply => ({
  kind: "failed",
  sqlState,
  message,
  fields: { position },
});

function missingTable(text: string): SqlReply | null {
  const at = text.search(/\bmissing\b/);
  return at < 0 ? null : failed("42P01", 'relation "missing" does not exist', Buffer.byteLength(text.slice(0, at)));
}

function countOf(statement: Extract<Statement, { kind: "select" }>): number | null {
  const item = statement.from[0];
  if (item?.kind !== "functionReference") return null;
  const call = item.functions[0]?.call;
  if (call?.kind !== "functionCall" || call.name.at(-1) !== "numbers") return null;
  const argument = call.arguments[0];
  return argument?.kind === "integerLiteral" ? argument.value : null;
}

function columnsOf(statement: Statement): readonly SqlColumn[] | null {
  if (statement.kind !== "select") return null;
  if (countOf(statement) !== null) return [column("n", 23)];
  if (statement.items.some(({ expression }) => expression.kind === "columnName" && expression.isStar)) {
    return [column("id", 23), column("name", 25)];
  }
  return statement.items.map(({ expression, name }) =>
    column(
      name ?? (expression.kind === "columnName" ? (expression.parts.at(-1) ?? "") : "?column?"),
      expression.kind === "integerLiteral" ? 23 : 25,
    ),
  );
}

function* parametersOf(node: unknown): Generator<{ readonly number: number }> {
  if (typeof node !== "object" || node === null) return;
  const fields = node as { readonly kind?: unknown; readonly number?: unknown };
  if (fields.kind === "parameterName" && typeof fields.number === "number") yield { number: fields.number };
  for (const value of Object.values(node)) yield* parametersOf(value);
}

export const lost = (outcome: "unknown" | "notCommitted"): KimberliteError =>
  new KimberliteError("shardUnavailable", "shard-1 ended and is being restarted", { outcome });
