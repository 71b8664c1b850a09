/** Statements with PostgreSQL 15's own answers: held against this engine, and against PostgreSQL where there is one on this machine. */
import type { ExecutionContext } from "ava";
import { withNode } from "../fuzz/programs/target.js";
import type { PostgresClient } from "./client.js";
import { hasPostgres, withPostgres } from "./server.js";

/** A statement, and its rows (columns by `|`, rows by a space), or its SQLSTATE and message, then its detail and its hint. */
export type Case = readonly [sql: string, answer: string];
export type Scripts = Readonly<Record<string, readonly Case[]>>;

export async function answerTo(client: PostgresClient, sql: string): Promise<string> {
  const answer = await client.query(sql);
  if (answer.kind === "rows") return answer.rows.map((row) => row.map((value) => value ?? "").join("|")).join(" ");
  const { sqlState, message, fields } = answer;
  const more = [fields.get("D"), fields.get("H")].filter((text) => text !== undefined);
  return [`${sqlState} ${message}`, ...more].join(" / ");
}

/** Runs each script in a schema of its own. */
async function hold(t: ExecutionContext, client: PostgresClient, scripts: Scripts): Promise<void> {
  for (const [name, cases] of Object.entries(scripts)) {
    await client.rows(`create schema ${name}`);
    await client.rows(`grant all on schema ${name} to public`);
    await client.rows(`set search_path to ${name}`);
    for (const [sql, answer] of cases) t.is(await answerTo(client, sql), answer, `${name}: ${sql}`);
  }
}

export async function holdHere(t: ExecutionContext, scripts: Scripts): Promise<void> {
  await withNode(async (connect) => {
    const client = await connect();
    await hold(t, client, scripts);
    client.close();
  });
}

/**
 * Says so when there is no PostgreSQL to ask.
 *
 * @param from server_version_num of the first one that answers so
 */
export async function holdThere(t: ExecutionContext, scripts: Scripts, from = 0): Promise<void> {
  if (!hasPostgres()) {
    t.log("skipped: no PostgreSQL 15 on this machine");
    t.pass();
    return;
  }
  await withPostgres(async (client) => {
    const version = Number(await answerTo(client, "show server_version_num"));
    if (version >= from) await hold(t, client, scripts);
    else t.log(`skipped: the PostgreSQL on this machine is ${version}, and ${from} is the first that answers so`);
    t.pass();
  });
}
