/** Types that somebody has made, on a node: their past, a new start, both formats, and what clients read of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { PostgresClient } from "../query/postgres/client.js";
import { startTarget } from "./clients/target.js";

const postgres = { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null } as const;

/** Rows of a statement that must succeed: columns by `|`, rows by a space. */
const rowsOf = async (client: PostgresClient, sql: string): Promise<string> =>
  (await client.rows(sql)).map((row) => row.join("|")).join(" ");

test("an enum is read under the labels that it had, and is there after a new start", async (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "kimberlite-types-"));
  t.teardown(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const run = async (work: (client: PostgresClient) => Promise<void>): Promise<void> => {
    const started = await startTarget({ postgres, dataDirectory });
    const { host, port, user, database } = started.target;
    try {
      const client = await PostgresClient.connect({ host, port, user, database });
      await work(client);
      client.close();
    } finally {
      await started.node.stop();
    }
  };
  let then = "";
  await run(async (client) => {
    await rowsOf(client, "create type mood as enum ('sad', 'ok')");
    await rowsOf(client, "create table person (name text primary key, m mood default 'ok', ms mood[])");
    await rowsOf(client, "insert into person (name, ms) values ('a', '{ok,sad}')");
    then = await rowsOf(client, "select max(position) from kimberlite.commits");
    await rowsOf(client, "alter type mood rename value 'ok' to 'fine'");
    await rowsOf(client, "alter type mood add value 'meh' before 'fine'");
    await rowsOf(client, "update person set m = 'meh'");
  });
  await run(async (client) => {
    t.is(await rowsOf(client, "select name, m, ms, enum_range(m) from person"), "a|meh|{fine,sad}|{sad,meh,fine}");
    t.is(await rowsOf(client, `select m from person for system_time as of position ${then}`), "fine");
    await rowsOf(client, `set kimberlite.as_of = '${then}'`);
    t.is(await rowsOf(client, "select name, m, ms, enum_range(m) from person"), "a|ok|{ok,sad}|{sad,ok}");
    const failed = await client.query("select 'meh'::mood");
    t.is(failed.kind === "failed" ? failed.sqlState : "", "22P02");
    await rowsOf(client, "reset kimberlite.as_of");
    await rowsOf(client, "insert into person (name) values ('b')");
    t.is(await rowsOf(client, "select name from person order by m"), "a b");
    t.is(
      await rowsOf(
        client,
        "select udt_schema, udt_name, data_type from information_schema.columns where table_name = 'person'",
      ),
      "pg_catalog|text|text public|mood|USER-DEFINED public|_mood|ARRAY",
    );
  });
});

test("values of an enum travel as their labels, in both formats", async (t) => {
  const started = await startTarget({ postgres });
  t.teardown(() => started.stop());
  const { host, port, user, database } = started.target;
  const client = await PostgresClient.connect({ host, port, user, database });
  await rowsOf(client, "create type mood as enum ('sad', 'ok')");
  const [binary, unknown] = await Promise.all([
    client.extended("select $1::mood, array[$1]::mood[]", [Buffer.from("ok")], "binary"),
    client.extended("select $1::mood", [Buffer.from("bad")], "binary"),
  ]);
  if (binary?.kind !== "rows") throw new Error("a value in the binary format is read");
  t.is(Buffer.from(binary.rows[0]?.[0] ?? "", "hex").toString(), "ok");
  t.true((binary.rows[0]?.[1] ?? "").endsWith(Buffer.from("ok").toString("hex")));
  t.is(unknown?.kind === "failed" ? unknown.sqlState : "", "22P02");
});
