/** Types that somebody has made, on a node: their past, a new start, both formats, and what clients read of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { PostgresClient } from "../query/postgres/client.js";
import { startTarget } from "./clients/target.js";
import { restartedNode, rowsOf } from "./restarted-node.js";

const postgres = { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null } as const;

test("an enum is read under the labels that it had, and is there after a new start", async (t) => {
  const run = restartedNode(t);
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

test("arrays of a domain are held against it after a new start, in both formats, and in the past as they were", async (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "kimberlite-types-"));
  t.teardown(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const insert = "insert into lists (id, s) values ($1, $2) returning s";
  /** The binary form of an array of one integer. */
  const arrayOf = (element: number, value: number): Buffer => {
    const bytes = Buffer.alloc(28);
    for (const [at, number] of [1, 0, element, 1, 1, 4, value].entries()) bytes.writeInt32BE(number, 4 * at);
    return bytes;
  };
  const run = async (
    work: (ask: (sql: string, ...values: readonly (string | Buffer)[]) => Promise<string>) => Promise<void>,
  ): Promise<void> => {
    const started = await startTarget({ postgres, dataDirectory });
    const { host, port, user, database } = started.target;
    try {
      const client = await PostgresClient.connect({ host, port, user, database });
      await work(async (sql, ...values) => {
        const told = values.length === 0 ? await client.query(sql) : await client.extended(sql, values, "text");
        if (told.kind === "failed") return `${told.sqlState} ${told.fields.get("n") ?? ""}`;
        return told.rows.map((row) => row.join("|")).join(" ");
      });
      client.close();
    } finally {
      await started.node.stop();
    }
  };
  let then = "";
  await run(async (ask) => {
    await ask("create domain small as int constraint few check (value < 10)");
    await ask("create table lists (id int primary key, s small[])");
    t.is(await ask(insert, "1", "{1,2}"), "{1,2}");
    then = await ask("select max(position) from kimberlite.commits");
    await ask("alter domain small drop constraint few");
    await ask("alter domain small add constraint none check (value < 5) not valid");
  });
  await run(async (ask) => {
    const domain = Number(await ask("select 'small'::regtype::oid"));
    t.is(await ask(insert, "2", "{7}"), "23514 none");
    t.is(await ask(insert, "2", arrayOf(domain, 7)), "23514 none");
    t.is(await ask(insert, "2", arrayOf(domain, 3)), "{3}");
    t.is(await ask(insert, "3", arrayOf(23, 4)), "{4}", "or by the type beneath");
    t.is(await ask("update lists set s = s || 6 where id = 1"), "23514 none");
    t.is(await ask("select s from lists order by s"), "{1,2} {3} {4}");
    await ask(`set kimberlite.as_of = '${then}'`);
    t.is(await ask("select s, '{7}'::small[] from lists"), "{1,2}|{7}", "under the domain that there was");
    t.is(await ask("select array[10]::small[]"), "23514 few");
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

test("a parameter of a domain is announced as one, and held against it before anything is done with it", async (t) => {
  const started = await startTarget({ postgres });
  t.teardown(() => started.stop());
  const { host, port, user, database } = started.target;
  const client = await PostgresClient.connect({ host, port, user, database });
  await rowsOf(client, "create domain dose as integer check (value >= 0)");
  await rowsOf(client, "create domain amount as numeric(6,2) not null constraint few check (value < 100)");
  await rowsOf(client, "create domain code as varchar(3)");
  await rowsOf(
    client,
    "create domain answer as text check (value is not null and coalesce(value in ('y', 'n'), true))",
  );
  await rowsOf(client, "create table given (id int primary key, d dose, n int, c code, check (n > 0))");
  const names = new Map<number, string>();
  for (const name of ["integer", "dose", "numeric", "amount", "varchar", "code", "text", "answer"])
    names.set(Number(await rowsOf(client, `select '${name}'::regtype::oid`)), name);
  const answer = async (sql: string, ...values: readonly (string | Buffer | null)[]): Promise<string> => {
    const told = await client.extended(sql, values, "text");
    if (told.kind === "failed") return `${told.sqlState} ${told.fields.get("n") ?? told.fields.get("d") ?? ""}`.trim();
    const shown = (type: number): string => names.get(type) ?? String(type);
    const result = told.columns.length === 0 ? told.tag : told.rows.map((row) => row.join("|")).join(" ");
    return `${told.parameterTypes.map(shown).join(" ")}: ${result}`;
  };
  const integer = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  // A domain where a value is assigned or cast, the type beneath where it is compared or computed with.
  t.is(
    await answer("insert into given (id, d, c) values ($1, $2, $3)", "1", "5", "abc"),
    "integer dose code: INSERT 0 1",
  );
  t.is(await answer("insert into given (id, d) select $1, $2", "2", integer(6)), "integer dose: INSERT 0 1");
  t.is(
    await answer("insert into given (id, d) select $1, $2 union all select 4, 7", "3", "7"),
    "integer integer: INSERT 0 2",
  );
  t.is(
    await answer("update given set d = $1 + 1, n = $2 where d = $3", "8", "1", "7"),
    "integer integer integer: UPDATE 2",
  );
  t.is(await answer("select d from given where d = $1", "-5"), "integer: ");
  t.is(await answer("select $1::dose, $1 + 1", "1"), "dose: 1|2");
  t.is(await answer("select coalesce($1, d) from given where id = 1", "-1"), "integer: -1");
  t.is(await answer("insert into given (id, d, n) values ($1, $2, $2)", "9", "1"), "42P08");
  const assigned = await client.query("update given set d = now()");
  t.regex(
    assigned.kind === "failed" ? assigned.message : "",
    /^column "d" is of type dose but expression is of type timestamp with time zone$/,
  );
  // Whether or not a row has it, and in both formats.
  t.is(await answer("update given set d = $1 where id = $2", "-4", "99"), "23514 dose_check");
  t.is(await answer("update given set d = $1 where id = $2", integer(-4), "99"), "23514 dose_check");
  t.is(await answer("update given set d = $1 where id = $2", null, "99"), "dose integer: UPDATE 0");
  t.is(await answer("select 1 where false and $1::dose = 1", "-4"), "23514 dose_check");
  t.is(await answer("select $1::amount", "1.239"), "amount: 1.24");
  t.is(await answer("select $1::amount", "100"), "23514 few");
  t.is(await answer("select $1::amount", null), "23502 amount");
  t.is(await answer("select $1::code", "abcd"), "22001");
  t.is(await answer("select $1::answer", "n"), "answer: n");
  t.is(await answer("select $1::answer", "x"), "23514 answer_check");
  // The first that is wrong is told.
  t.is(await answer("select $1::dose, $2::int", "-1", "x"), "23514 dose_check");
  t.is(await answer("select $1::int, $2::dose", "x", "-1"), "22P02");
  // What a domain is now: it may have changed since it was announced.
  await rowsOf(client, "prepare changed(dose) as select $1");
  t.is(await rowsOf(client, "execute changed(101)"), "101");
  await rowsOf(client, "alter domain dose add constraint most check (value < 100) not valid");
  const most = await client.query("execute changed(101)");
  t.is(most.kind === "failed" ? most.fields.get("n") : "", "most");
  // Types that nobody has told are found out for whoever looks.
  await rowsOf(client, "prepare add as insert into given (id, d) values ($1, $2)");
  await rowsOf(client, "prepare left_open(unknown, text[]) as select $1::int");
  t.is(
    await rowsOf(client, "select name, parameter_types, from_sql from pg_prepared_statements order by name"),
    "add|{integer,dose}|t changed|{dose}|t left_open|{integer,text[]}|t",
  );
  t.is(
    await rowsOf(client, "select statement, prepare_time <= now() from pg_prepared_statements where name = 'changed'"),
    "prepare changed(dose) as select $1|t",
  );
  await rowsOf(client, "deallocate all");
  t.is(await rowsOf(client, "select name from pg_prepared_statements"), "");
  client.close();
});
