/**
 * The shell of `kimberlite sql`: statements from a terminal, a file or flags, one after the other, and commands that begin with a
 * backslash. It works in one session, so settings and transactions last from statement to statement.
 */
import { createInterface, type Interface } from "node:readline";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { objectsOf, type SqlConnection } from "../../client/sql/sql-connection.js";
import { SqlFailure } from "../../client/sql/sql-error.js";
import type { Output } from "../output.js";
import type { Surroundings } from "../surroundings.js";
import { renderAnswer } from "./render.js";
import { StatementReader } from "./statement-reader.js";

const help = String.raw`\d              tables, views and sequences
\d NAME         columns and indexes of a table
\asof WHEN      read the state of a position (a number) or a moment; \asof now goes back to the present
\timing         how long statements take: on, off
\x              one line a value: on, off
\conninfo       whom this talks to
\q              end (as does end of input)`;

const listQuery = `SELECT n.nspname AS schema, c.relname AS name,
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' END AS type
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`;
const columnsQuery = `SELECT a.attname AS "column", pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
  CASE WHEN a.attnotnull THEN 'not null' ELSE '' END AS nullable
FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;
const indexesQuery = `SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS index FROM pg_catalog.pg_index i
WHERE i.indrelid = $1::regclass ORDER BY i.indisprimary DESC, i.indexrelid`;

const words = (
  "ALTER AND AS BEGIN BETWEEN BY CASCADE CASE COMMIT CREATE DELETE DESC DISTINCT DROP ELSE END EXISTS EXPLAIN FOR FROM FULL GROUP HAVING IN INDEX " +
  "INSERT INTO IS JOIN LEFT LIKE LIMIT NOT NULL OFFSET ON OR ORDER PRIMARY REFERENCES RETURNING ROLLBACK SELECT SET SYSTEM_TIME TABLE THEN TIMESTAMP " +
  "UNION UNIQUE UPDATE VALUES VIEW WHEN WHERE WITH"
).split(" ");

export class SqlShell {
  readonly #connection: SqlConnection;
  readonly #output: Output;
  readonly #surroundings: Surroundings;
  readonly #title: string;
  #isTimed = false;
  #isExpanded = false;
  #asOf = "";
  #names: readonly string[] = [];
  #failures = 0;

  /** @param title whom it talks to, for people */
  constructor(connection: SqlConnection, output: Output, surroundings: Surroundings, title: string) {
    this.#connection = connection;
    this.#output = output;
    this.#surroundings = surroundings;
    this.#title = title;
    connection.onNotice = ({ severity, message }) => void this.#output.note(`${severity}:  ${message}`);
  }

  /** Statements that failed so far. */
  get failures(): number {
    return this.#failures;
  }

  // ------------------------------------------------------------------ statements

  async statement(text: string): Promise<void> {
    const started = this.#surroundings.now();
    try {
      for (const answer of await this.#connection.queryAll(text)) {
        if (!this.#output.json) await this.#output.line(renderAnswer(answer, this.#isExpanded));
        else if (answer.columns === null) await this.#output.jsonLine({ tag: answer.tag });
        else for (const row of objectsOf(answer)) await this.#output.text(`${jsonOf(row)}\n`);
      }
    } catch (error) {
      if (!(error instanceof SqlFailure)) throw error;
      this.#failures += 1;
      await this.#failed(text, error);
    }
    if (this.#isTimed) await this.#output.note(`${(this.#surroundings.now() - started).toFixed(1)} ms`);
  }

  async #failed(text: string, error: SqlFailure): Promise<void> {
    const { severity, sqlState, message, position, detail, hint } = error;
    if (this.#output.json) {
      const report = {
        code: sqlState,
        message,
        position: position ?? null,
        detail: detail ?? null,
        hint: hint ?? null,
      };
      this.#surroundings.stderr.write(`${JSON.stringify({ error: report })}\n`);
      return;
    }
    const lines = [`${severity}:  ${message} (${sqlState})`];
    if (position !== undefined) lines.push(...placeOf(text, position));
    if (detail !== undefined) lines.push(`DETAIL:  ${detail}`);
    if (hint !== undefined) lines.push(`HINT:  ${hint}`);
    await this.#output.note(lines.join("\n"));
  }

  // ------------------------------------------------------------------ commands

  /** A line that begins with a backslash. False to end. */
  async command(line: string): Promise<boolean> {
    const [name = "", ...rest] = line.trim().split(/\s+/);
    const argument = rest.join(" ").replace(/;$/, "");
    switch (name) {
      case "\\q":
        return false;
      case "\\?":
        await this.#output.line(help);
        return true;
      case "\\timing":
        this.#isTimed = argument === "" ? !this.#isTimed : argument === "on";
        await this.#output.note(`Timing is ${this.#isTimed ? "on" : "off"}.`);
        return true;
      case "\\x":
        this.#isExpanded = argument === "" ? !this.#isExpanded : argument === "on";
        await this.#output.note(`Expanded display is ${this.#isExpanded ? "on" : "off"}.`);
        return true;
      case "\\conninfo":
        await this.#output.line(this.#title);
        return true;
      case "\\d":
      case "\\dt":
        await this.#describe(argument);
        return true;
      case "\\asof":
        await this.#travel(argument);
        return true;
      default:
        await this.#output.note(`${name} is no command; \\? lists them`);
        this.#failures += 1;
        return true;
    }
  }

  async #describe(name: string): Promise<void> {
    try {
      if (name === "") {
        await this.#output.line(renderAnswer(await this.#connection.query(listQuery), false));
        return;
      }
      const columns = await this.#connection.query(columnsQuery, [name]);
      const indexes = await this.#connection.query(indexesQuery, [name]);
      await this.#output.line(renderAnswer(columns, false));
      if (indexes.rows.length > 0) await this.#output.line(renderAnswer(indexes, false));
    } catch (error) {
      if (!(error instanceof SqlFailure)) throw error;
      this.#failures += 1;
      await this.#failed(name, error);
    }
  }

  /** The session reads the past from now on, or the present again. */
  async #travel(when: string): Promise<void> {
    const isPresent = when === "" || when === "now";
    const text = isPresent ? "RESET kimberlite.as_of" : `SET kimberlite.as_of = '${when.replaceAll("'", "''")}'`;
    const before = this.#failures;
    await this.statement(text);
    if (this.#failures === before) this.#asOf = isPresent ? "" : when;
  }

  // ------------------------------------------------------------------ input

  /** All lines of an input; a terminal gets a prompt, history and completion. */
  async run(): Promise<void> {
    const { stdin, stdout } = this.#surroundings;
    const isTerminal = stdin.isTTY === true;
    if (isTerminal) await this.#loadNames();
    const lines = createInterface({
      input: stdin,
      ...(isTerminal ? { output: stdout, terminal: true, historySize: 1_000 } : {}),
      completer: (line: string) => this.#complete(line),
    });
    const onInterrupt = (): void => lines.close();
    this.#surroundings.interrupted.addEventListener("abort", onInterrupt, { once: true });
    const reader = new StatementReader();
    this.#prompt(lines, reader, isTerminal);
    try {
      for await (const line of lines) {
        if (!(await this.#line(line, reader))) break;
        this.#prompt(lines, reader, isTerminal);
      }
      for (const rest of reader.finish()) await this.statement(rest);
    } finally {
      this.#surroundings.interrupted.removeEventListener("abort", onInterrupt);
      lines.close();
    }
  }

  async #line(line: string, reader: StatementReader): Promise<boolean> {
    if (reader.isEmpty && line.trimStart().startsWith("\\")) return this.command(line);
    if (reader.isEmpty && line.trim() === "") return true;
    for (const statement of reader.push(line)) await this.statement(statement);
    return true;
  }

  #prompt(lines: Interface, reader: StatementReader, isTerminal: boolean): void {
    if (!isTerminal) return;
    const mark = { idle: "=", transaction: "*", failed: "!" }[this.#connection.status];
    const past = this.#asOf === "" ? "" : `@${this.#asOf}`;
    lines.setPrompt(reader.isEmpty ? `kimberlite${past}${mark}> ` : "  -> ");
    lines.prompt();
  }

  async #loadNames(): Promise<void> {
    try {
      const { rows } = await this.#connection.query(listQuery);
      this.#names = rows.map((row) =>
        new TextDecoder("utf-8", { ignoreBOM: true }).decode(row[1] ?? new Uint8Array(0)),
      );
    } catch (error) {
      // Completion of names is a comfort, no more.
      if (!(error instanceof SqlFailure || error instanceof KimberliteError)) throw error;
    }
  }

  #complete(line: string): [string[], string] {
    const last = /[\w.]*$/.exec(line)?.[0] ?? "";
    if (last === "") return [[], last];
    const isLower = last === last.toLowerCase();
    const found = [
      ...this.#names.filter((name) => name.startsWith(last)),
      ...words
        .filter((word) => word.startsWith(last.toUpperCase()))
        .map((word) => (isLower ? word.toLowerCase() : word)),
    ];
    return [found, last];
  }
}

/** The line of an error, and a mark below its place. */
function placeOf(text: string, position: number): string[] {
  // Positions count characters, which may be two units of a string.
  const before = Array.from(text)
    .slice(0, position - 1)
    .join("");
  const number = before.split("\n").length;
  const line = text.split("\n")[number - 1] ?? "";
  const column = Array.from(before.split("\n").at(-1) ?? "").length;
  const head = `LINE ${number}: `;
  return [`${head}${line}`, `${" ".repeat(head.length + column)}^`];
}

/** Numbers beyond 2^53 keep all their digits; bytes are hexadecimal. */
const jsonOf = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : value;
  });
