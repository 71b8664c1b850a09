/** Statements on a node: the plan that EXPLAIN shows, and PostgreSQL's rows where it is installed. */
import type { ExecutionContext } from "ava";
import { withNode } from "./fuzz/programs/target.js";
import { hasPostgres, withPostgres } from "./postgres/server.js";

export type Explained = readonly [sql: string, plan: RegExp];

export async function comparePlansAndRows(
  t: ExecutionContext,
  definitions: readonly string[],
  statements: readonly Explained[],
): Promise<void> {
  t.timeout(120_000);
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    const given: string[] = [];
    for (const [sql, plan] of statements) {
      t.regex((await client.rows(`explain (costs off) ${sql}`)).map(([line]) => line).join("\n"), plan, sql);
      given.push((await client.rows(sql)).map(String).join("\n"));
    }
    if (!hasPostgres()) {
      t.log("rows not compared: PostgreSQL 15 is not installed");
      return;
    }
    await withPostgres(async (postgres) => {
      for (const sql of definitions) await postgres.query(sql);
      for (const [at, [sql]] of statements.entries())
        t.is(given[at], (await postgres.rows(sql)).map(String).join("\n"), sql);
    });
  });
}
