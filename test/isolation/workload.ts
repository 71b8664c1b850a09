/**
 * Clients that append to and read lists in transactions, all at once, and the history of what they saw. The database is whatever speaks
 * SQL: ours, or PostgreSQL as the control that shows what a level lets through.
 */
import { assert } from "../../runtime/types/assert.js";
import { Random } from "../../runtime/vsr/random.js";
import type { ListOperation, Transaction } from "./history.js";
import type { IsolationLevel } from "./verdict.js";

/** One connection. Errors of the server carry its SQLSTATE as `code`; others are lost connections. */
export interface SqlConnection {
  query(text: string, parameters?: readonly (number | string)[]): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
}

export interface WorkloadOptions {
  readonly connect: () => Promise<SqlConnection>;
  readonly level: IsolationLevel;
  readonly sessions: number;
  readonly milliseconds: number;
  readonly keys: number;
  readonly operationsMax: number;
  readonly seed: number;
  readonly table: string;
}

export interface WorkloadResult {
  readonly history: readonly Transaction[];
  /** Aborted transactions by SQLSTATE; lost connections under `lost`. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Transactions that ran while another one did: without any, nothing was tried. */
  readonly overlapping: number;
}

const levelNames: Readonly<Record<IsolationLevel, string>> = {
  readCommitted: "READ COMMITTED",
  repeatableRead: "REPEATABLE READ",
  serializable: "SERIALIZABLE",
};

const sqlStateOf = (error: unknown): string | null => {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  // Names of the system's own errors (EPIPE) can be as long as a SQLSTATE.
  return typeof code === "string" && /^[0-9A-DF-Z][0-9A-Z]{4}$/.test(code) ? code : null;
};

/** A list is a row whose types are the table's own: a domain, and an enum that says how the last item was appended. */
export async function createLists(connection: SqlConnection, table: string): Promise<void> {
  await connection.query(`CREATE DOMAIN ${table}_items AS text CHECK (length(value) > 0)`);
  await connection.query(`CREATE TYPE ${table}_way AS ENUM ('conflict', 'merge')`);
  await connection.query(
    `CREATE TABLE ${table} (key integer PRIMARY KEY, items ${table}_items NOT NULL, way ${table}_way NOT NULL)`,
  );
}

/** An append in one statement, which makes the list when there is none: what they do to a row that is there already they do in turn. */
const appends: readonly ((table: string) => string)[] = [
  (table) =>
    `INSERT INTO ${table} VALUES ($1, $2, 'conflict') ON CONFLICT (key) DO UPDATE SET items = ${table}.items || ' ' || excluded.items, way = 'conflict'`,
  (table) =>
    `MERGE INTO ${table} t USING (VALUES ($1::integer, $2::text)) AS s (key, item) ON t.key = s.key WHEN MATCHED THEN UPDATE SET items = t.items || ' ' || s.item, way = 'merge' WHEN NOT MATCHED THEN INSERT VALUES (s.key, s.item, 'merge')`,
];

class Session {
  readonly #options: WorkloadOptions;
  readonly #number: number;
  readonly #random: Random;
  readonly #history: Transaction[];
  readonly #refusals: Map<string, number>;
  #connection: SqlConnection | null = null;

  constructor(options: WorkloadOptions, number: number, history: Transaction[], refusals: Map<string, number>) {
    this.#options = options;
    this.#number = number;
    this.#random = new Random(options.seed * 1_000 + number);
    this.#history = history;
    this.#refusals = refusals;
  }

  async run(until: number, nextValue: () => number): Promise<void> {
    while (performance.now() < until) {
      try {
        this.#connection ??= await this.#options.connect();
        await this.#transaction(this.#connection, nextValue);
      } catch (error) {
        // No connection can be made at the moment: a node is being restarted.
        if (sqlStateOf(error) === null) this.#count("lost");
        await this.#disconnect();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    await this.#disconnect();
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    await connection?.end().catch(() => undefined);
  }

  #count(what: string): void {
    this.#refusals.set(what, (this.#refusals.get(what) ?? 0) + 1);
  }

  async #transaction(connection: SqlConnection, nextValue: () => number): Promise<void> {
    const operations: ListOperation[] = [];
    const begin = performance.now();
    let isEnding = false;
    const record = (outcome: Transaction["outcome"]): void => {
      const end = outcome === "unknown" ? Number.POSITIVE_INFINITY : performance.now();
      const id = this.#history.length;
      this.#history.push({ id, session: this.#number, outcome, begin, end, operations });
    };
    try {
      await connection.query(`BEGIN ISOLATION LEVEL ${levelNames[this.#options.level]}`);
      const count = 1 + this.#random.below(this.#options.operationsMax);
      for (let i = 0; i < count; i++) operations.push(await this.#operation(connection, nextValue));
      isEnding = true;
      await connection.query("COMMIT");
      record("committed");
    } catch (error) {
      const sqlState = sqlStateOf(error);
      this.#count(sqlState ?? "lost");
      // A connection that ended while the end of the transaction was under way leaves it open how it ended.
      record(isEnding && (sqlState === null || /^(?:08|57P)/.test(sqlState)) ? "unknown" : "aborted");
      if (sqlState === null || sqlState.startsWith("57P") || sqlState.startsWith("08")) await this.#disconnect();
      else await connection.query("ROLLBACK").catch(() => this.#disconnect());
    }
  }

  async #operation(connection: SqlConnection, nextValue: () => number): Promise<ListOperation> {
    const { table, keys } = this.#options;
    const key = this.#random.below(keys);
    if (this.#random.below(2) === 0) {
      const { rows } = await connection.query(`SELECT items FROM ${table} WHERE key = $1`, [key]);
      const items = rows.length === 0 ? "" : String(rows[0]["items"]);
      return { kind: "read", key, values: items === "" ? [] : items.split(" ").map(Number) };
    }
    const value = nextValue();
    const append = appends[this.#random.below(appends.length)];
    assert(append !== undefined, "there are ways to append");
    await connection.query(append(table), [key, String(value)]);
    return { kind: "append", key, value };
  }
}

/** Runs the clients, then reads every list once more, so that what was appended last is seen as well. */
export async function runWorkload(options: WorkloadOptions): Promise<WorkloadResult> {
  const history: Transaction[] = [];
  const refusals = new Map<string, number>();
  let value = 0;
  const nextValue = (): number => ++value;
  const until = performance.now() + options.milliseconds;
  const sessions = Array.from(
    { length: options.sessions },
    (_, index) => new Session(options, index, history, refusals),
  );
  await Promise.all(sessions.map((session) => session.run(until, nextValue)));
  const last = await options.connect();
  const begin = performance.now();
  const { rows } = await last.query(`SELECT key, items FROM ${options.table} ORDER BY key`);
  await last.end();
  const operations = rows.map(
    (row): ListOperation => ({
      kind: "read",
      key: Number(row["key"]),
      values: String(row["items"]).split(" ").map(Number),
    }),
  );
  history.push({
    id: history.length,
    session: options.sessions,
    outcome: "committed",
    begin,
    end: performance.now(),
    operations,
  });
  return { history, refusals, overlapping: overlaps(history) };
}

function overlaps(history: readonly Transaction[]): number {
  const byBegin = [...history].sort((a, b) => a.begin - b.begin);
  let newestEnd = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (const { begin, end } of byBegin) {
    if (begin < newestEnd) count += 1;
    if (Number.isFinite(end)) newestEnd = Math.max(newestEnd, end);
  }
  return count;
}
