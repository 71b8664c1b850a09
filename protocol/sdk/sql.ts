/**
 * SQL of one tenant:
 *
 *   const rows = await tenant.sql<{ id: number; name: string }>`SELECT id, name FROM patients WHERE id = ${7}`;
 *   for await (const row of tenant.sql`SELECT * FROM observations`.stream()) …
 *   await tenant.sql.transaction(async (sql) => { await sql`UPDATE …`; await sql`INSERT …`; });
 *
 * Values in a template are parameters: they never become part of the text. A template is prepared once on each connection and bound from then
 * on. A transaction that could not be put in order with others (40001, 40P01) is run again, so what it does besides SQL must bear that.
 */
import { randomInt } from "node:crypto";
import { KimberliteError } from "../../runtime/types/errors.js";
import { objectsOf, type SqlAnswer, type SqlConnection } from "../client/sql/sql-connection.js";
import { SqlFailure } from "../client/sql/sql-error.js";
import type { SqlPool } from "../client/sql/sql-pool.js";
import type { SqlParameter, SqlValue } from "../client/sql/values.js";

export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Rows, with what the statement said of itself. */
export interface SqlRows<Row> extends ReadonlyArray<Row> {
  /** `SELECT`, `INSERT`, `CREATE TABLE`, … */
  readonly command: string;
  /** Rows that were read or changed; null for a statement that counts none. */
  readonly count: number | null;
}

export interface TransactionOptions {
  readonly isolation?: "read committed" | "repeatable read" | "serializable" | undefined;
  readonly readOnly?: boolean | undefined;
  /** Runs in all; default 5. */
  readonly attemptsMax?: number | undefined;
}

type Run = <Result>(work: (connection: SqlConnection) => Promise<Result>) => Promise<Result>;

const portionDefault = 1_000;
const attemptsMaxDefault = 5;
const backOffMsMax = 200;
const preparedMax = 256;
const preparedOf = new WeakMap<SqlConnection, Map<string, string>>();

/** The name under which a text is prepared on a connection; null beyond as many as it keeps. */
async function nameOf(connection: SqlConnection, text: string): Promise<string | null> {
  const known = preparedOf.get(connection) ?? new Map<string, string>();
  preparedOf.set(connection, known);
  const name = known.get(text);
  if (name !== undefined) return name;
  if (known.size >= preparedMax) return null;
  const made = `s${known.size}`;
  await connection.prepare(made, text);
  known.set(text, made);
  return made;
}

function rowsOf<Row>(answer: SqlAnswer): SqlRows<Row> {
  const rows = objectsOf(answer) as Row[];
  const count = /(\d+)$/.exec(answer.tag)?.[1];
  return Object.assign(rows, {
    command: answer.tag.replace(/(?: \d+)+$/, ""),
    count: count === undefined ? null : Number(count),
  });
}

/** A statement that runs when it is awaited, or streamed. */
export class SqlStatement<Row> implements PromiseLike<SqlRows<Row>> {
  readonly text: string;
  readonly parameters: readonly SqlParameter[];
  readonly #run: Run;
  #result: Promise<SqlRows<Row>> | undefined;

  constructor(run: Run, text: string, parameters: readonly SqlParameter[]) {
    this.#run = run;
    this.text = text;
    this.parameters = parameters;
  }

  #once(): Promise<SqlRows<Row>> {
    this.#result ??= this.#run(async (connection) => {
      const name = await nameOf(connection, this.text);
      const answer =
        name === null
          ? await connection.query(this.text, this.parameters)
          : await connection.execute(name, this.parameters);
      return rowsOf<Row>(answer);
    });
    return this.#result;
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting a statement is what runs it
  then<Ok = SqlRows<Row>, Failed = never>(
    onOk?: ((rows: SqlRows<Row>) => Ok | PromiseLike<Ok>) | null,
    onFailed?: ((error: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Ok | Failed> {
    return this.#once().then(onOk, onFailed);
  }

  /** Rows as they come, in portions: no more is held than one of them. */
  async *stream(portion: number = portionDefault): AsyncGenerator<Row, void, undefined> {
    if (!Number.isSafeInteger(portion) || portion < 1) {
      throw new KimberliteError("invalidArgument", "a portion is a whole number from 1 on");
    }
    const portions = new Handover<Row>();
    const done = this.#run(async (connection) => {
      for await (const answer of connection.stream(this.text, this.parameters, portion)) {
        if (!(await portions.give(rowsOf<Row>(answer)))) return;
      }
    }).then(
      () => portions.end(null),
      (error: unknown) => portions.end(error instanceof Error ? error : new Error(String(error))),
    );
    try {
      for (;;) {
        const rows = await portions.take();
        if (rows === null) return;
        yield* rows;
      }
    } finally {
      portions.stop();
      await done;
    }
  }
}

/** One portion at a time from the connection that is lent to the reader. */
class Handover<Row> {
  #ready: readonly Row[] | null = null;
  #error: Error | null = null;
  #isEnded = false;
  #isStopped = false;
  #wake: () => void = () => {};

  #changed(): void {
    const wake = this.#wake;
    this.#wake = () => {};
    wake();
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        before();
        resolve();
      };
    });
  }

  /** Resolves once it was taken; false when nobody wants more. */
  async give(rows: readonly Row[]): Promise<boolean> {
    this.#ready = rows;
    this.#changed();
    while (this.#ready !== null && !this.#isStopped) await this.#wait();
    return !this.#isStopped;
  }

  async take(): Promise<readonly Row[] | null> {
    while (this.#ready === null && !this.#isEnded) await this.#wait();
    const rows = this.#ready;
    this.#ready = null;
    this.#changed();
    if (rows === null && this.#error !== null) throw this.#error;
    return rows;
  }

  end(error: Error | null): void {
    this.#isEnded = true;
    this.#error = error;
    this.#changed();
  }

  stop(): void {
    this.#isStopped = true;
    this.#changed();
  }
}

export interface SqlTag {
  <Row = SqlRow>(texts: TemplateStringsArray, ...values: readonly SqlParameter[]): SqlStatement<Row>;
  /** A text that is not written in the program, with its parameters `$1`, …. */
  query<Row = SqlRow>(text: string, parameters?: readonly SqlParameter[]): SqlStatement<Row>;
}

export interface Sql extends SqlTag {
  /** Runs work within a transaction: committed when it resolves, rolled back when it throws. Rejects with what it threw. */
  transaction<Result>(work: (sql: SqlTag) => Promise<Result>, options?: TransactionOptions): Promise<Result>;
}

function tagOf(run: Run): SqlTag {
  const tag = <Row>(texts: TemplateStringsArray, ...values: readonly SqlParameter[]): SqlStatement<Row> =>
    new SqlStatement<Row>(
      run,
      texts.reduce((text, part, index) => `${text}$${index}${part}`),
      values,
    );
  return Object.assign(tag, {
    query: <Row>(text: string, parameters: readonly SqlParameter[] = []) =>
      new SqlStatement<Row>(run, text, parameters),
  });
}

function beginText({ isolation, readOnly = false }: TransactionOptions): string {
  const level = isolation === undefined ? "" : ` ISOLATION LEVEL ${isolation.toUpperCase()}`;
  return `BEGIN${level}${readOnly ? " READ ONLY" : ""}`;
}

async function runTransaction<Result>(
  connection: SqlConnection,
  work: (sql: SqlTag) => Promise<Result>,
  options: TransactionOptions,
): Promise<Result> {
  await connection.queryAll(beginText(options));
  try {
    const result = await work(tagOf((run) => run(connection)));
    const [answer] = await connection.queryAll("COMMIT");
    // A statement's failure that the work has passed over.
    if (answer?.tag !== "COMMIT")
      throw new SqlFailure({ C: "25P02", M: "the transaction had failed and was rolled back" });
    return result;
  } catch (error) {
    if (!connection.isLost && connection.status !== "idle") await connection.queryAll("ROLLBACK");
    throw error;
  }
}

export function sqlOf(pool: SqlPool): Sql {
  const tag = tagOf((work) => pool.use(work));
  const transaction: Sql["transaction"] = async (work, options = {}) => {
    const { attemptsMax = attemptsMaxDefault } = options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await pool.use((connection) => runTransaction(connection, work, options));
      } catch (error) {
        if (!(error instanceof SqlFailure) || !error.isRetryable || attempt >= attemptsMax) throw error;
        const backOffMs = Math.min(backOffMsMax, 2 ** attempt) + randomInt(10);
        await new Promise((resolve) => setTimeout(resolve, backOffMs));
      }
    }
  };
  return Object.assign(tag, { transaction });
}
