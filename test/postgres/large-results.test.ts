/** Rows and results that are larger than what one answer between threads holds: whole, or refused, and nobody's connection is lost. */
import test from "ava";
import { withNode } from "../query/fuzz/programs/target.js";

test("a result of long rows comes whole, a row that is too long is refused, and the node stays", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    await client.rows("create table t (i int)");
    const length = async (sql: string): Promise<number> => {
      const answer = await client.query(sql);
      if (answer.kind === "failed") throw new Error(answer.message);
      return answer.rows.reduce((sum, [value]) => sum + (value?.length ?? 0), 0);
    };
    const refused = async (sql: string): Promise<string> => {
      const answer = await client.query(sql);
      return answer.kind === "failed" ? answer.sqlState : answer.kind;
    };
    const long = "select repeat('x', 100000) from generate_series(1, 300)";
    t.is(await refused("select repeat('x', 56000000)"), "54000");
    t.is(await length("select repeat('x', 8000000)"), 8_000_000);
    t.is(await length(long), 30_000_000);
    await client.rows("begin");
    await client.rows("insert into t values (1)");
    t.is(await length(long), 30_000_000, "also where the shard answers");
    await client.rows("declare c cursor for " + long);
    t.is(await length("fetch all from c"), 30_000_000);
    t.is(
      await length("insert into t select g from generate_series(1, 300) g returning repeat('y', 100000)"),
      30_000_000,
    );
    await client.rows("commit");
    // Alone it is committed with its answer: nothing of it is done when that cannot be told.
    t.is(await refused("insert into t select g from generate_series(1, 300) g returning repeat('y', 100000)"), "54000");
    t.deepEqual(await client.rows("select count(*) from t"), [["301"]]);
  });
});
