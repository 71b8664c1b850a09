/** What COPY says of a row that fails: its line, its column, its value, as PostgreSQL 15 says them. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { startNodeProcess } from "../admin/run-command.js";
import { withNode } from "../query/fuzz/programs/target.js";
import { fieldsOf, message, query, RawClient, startupPacket, sync } from "./rig.js";

const definitions = [
  "create table t (a int, b text, c numeric(5,2) check (c > 0), d varchar(3) not null)",
  "create table k (id int primary key, v int)",
  "create table g (id int, v int, w int generated always as (10 / v) stored)",
  "create table f (id int references k)",
];

const long = "x".repeat(120);
const cut = (text: string): string => `${text.slice(0, 100)}...`;

/** COPY, its data, and what is told: SQLSTATE and context. */
const cases: readonly (readonly [sql: string, data: string, sqlState: string, context: string | undefined])[] = [
  ["copy t from stdin", "1\tx\t1.5\tabc\nz\tx\t1\ta\n", "22P02", 'COPY t, line 2, column a: "z"'],
  ["copy t from stdin", "1\tx\t1.5\tabc\n2\tx\n", "22P04", 'COPY t, line 2: "2\tx"'],
  // The first row that is wrong, however it is; but keys are looked up when many rows have been read.
  ["copy t from stdin", "z\tx\t1\ta\n2\tx\n", "22P02", 'COPY t, line 1, column a: "z"'],
  ["copy t from stdin", "1\tx\t-1\tabc\n2\tx\n", "23514", 'COPY t, line 1: "1\tx\t-1\tabc"'],
  ["copy k from stdin", "1\t1\n1\t2\n3\n", "22P04", 'COPY k, line 3: "3"'],
  ["copy t from stdin", "1\tx\t1\ta\tb\n", "22P04", 'COPY t, line 1: "1\tx\t1\ta\tb"'],
  ["copy t from stdin", "1\tx\t-1\tabc\n", "23514", 'COPY t, line 1: "1\tx\t-1\tabc"'],
  ["copy t from stdin", "1\tx\t1\t\\N\n", "23502", 'COPY t, line 1: "1\tx\t1\t\\N"'],
  ["copy t from stdin", "1\tx\t1\tabcd\n", "22001", 'COPY t, line 1, column d: "abcd"'],
  ["copy t (a, d) from stdin", `5\t${long}\n`, "22001", `COPY t, line 1, column d: "${cut(long)}"`],
  ["copy t (a, d) from stdin", `${long}\tabc\n`, "22P02", `COPY t, line 1, column a: "${cut(long)}"`],
  ["copy t (a, d) from stdin", "1\tabc\r\n2\tabcd\r\n", "22001", 'COPY t, line 2, column d: "abcd"'],
  ["copy t (b, a, d) from stdin", "x\\ty\t\\x31z\ta\n", "22P02", 'COPY t, line 1, column a: "1z"'],
  // Lines within quotes count, once it is known how lines end.
  ["copy t from stdin csv", '1,"x\ny",1,a\n1,"x\ny",1,a\nz,x,1,a\n', "22P02", 'COPY t, line 4, column a: "z"'],
  ["copy t from stdin csv", '1,"x\ny",1,a\n1,"x\ny,1,a\n', "22P04", 'COPY t, line 4: "1,"x\ny,1,a\n"'],
  ["copy t from stdin csv header", "a,b,c,d\n1,x,1,\n", "23502", 'COPY t, line 2: "1,x,1,"'],
  ["copy t from stdin (format csv, header match)", "a,b,c,e\n1,x,1,a\n", "22P04", 'COPY t, line 1: "a,b,c,e"'],
  ["copy k from stdin", "1\t1\n2\t2\n1\t3\n", "23505", "COPY k, line 3"],
  ["copy g from stdin", "1\t1\n2\t0\n", "22012", 'COPY g, line 2: "2\t0"'],
  ["copy f from stdin", "77\n", "23503", undefined],
  // Lines end as the first does.
  ["copy k (id) from stdin", "1\r\n2\n", "22P04", "COPY k, line 2"],
  ["copy k (id) from stdin", "1\n2\r\n", "22P04", "COPY k, line 2"],
  ["copy t (d) from stdin", "a\n\\n\rb\n", "22P04", "COPY t, line 2"],
  ["copy t (d) from stdin", "a\rb\r", "22P04", "COPY t, line 1"],
  ["copy t (d) from stdin", "a\nb\r", "22P04", "COPY t, line 2"],
  ["copy t (d) from stdin csv", 'a\n"b"\r\n', "22P04", "COPY t, line 2"],
  ["copy t (d) from stdin csv", 'a\r\n"b"\n', "22P04", "COPY t, line 2"],
  ["copy t (d) from stdin csv", "a\rb\n", "22P04", "COPY t, line 1"],
];

test("lines of COPY end in \\n or \\r\\n, the last one in whatever it does; carriage returns that are written as such are the value's", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    await client.rows("create table v (x text)");
    for (const [options, data, expected] of [
      ["", "a\r\nb\r\nc", ["a", "b", "c"]],
      ["", "a\nb\\\\", ["a", "b\\"]],
      ["", "a\nb\\", ["a", "b"]],
      ["", "a\\rb\nc\\\rd\n\\.\r\n", ["a\rb", "c\rd"]],
      ["csv", 'a\r\n"b\r\nc\rd\ne"\r\n', ["a", "b\r\nc\rd\ne"]],
    ] as const) {
      await client.rows("truncate v");
      t.is((await client.copyIn(`copy v from stdin ${options}`, data)).kind, "rows", data);
      t.deepEqual(
        await client.rows("select x from v"),
        expected.map((value) => [value]),
        data,
      );
    }
    client.close();
  });
});

test("a row of COPY that fails is told with its place", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    for (const [sql, data, sqlState, context] of cases) {
      const answer = await client.copyIn(sql, data);
      if (answer.kind !== "failed") t.fail(`${sql} does not fail`);
      else t.deepEqual([answer.sqlState, answer.fields.get("W")], [sqlState, context], data);
    }
    // In the middle of many blocks, of which each is stored apart.
    const many = Array.from({ length: 40_000 }, (_, index) => `${index}\tabc`);
    const answer = await client.copyIn("copy t (a, d) from stdin", `${many.join("\n")}\nbad\tx\n`);
    t.is(answer.kind === "failed" ? answer.fields.get("W") : "", 'COPY t, line 40001, column a: "bad"');
    t.deepEqual(await client.rows("select count(*) from t"), [["0"]]);
  });
});

test("a block that cannot be stored is told of while the client says nothing more, and before what is wrong behind it", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-copy-"));
  const node = await startNodeProcess(path.join(directory, "data"), ["--pg-auth", "trust"]);
  try {
    const { addresses } = JSON.parse(node.lines[0] ?? "{}") as { addresses: { postgres: { port: number } } };
    const socket = connect({ host: "127.0.0.1", port: addresses.postgres.port });
    await once(socket, "connect");
    const client = new RawClient(socket);
    client.send(startupPacket({ user: "admin", database: "main" }));
    await client.untilReady();
    await client.ask(query("create table t (a int, b text)"));
    const row = (a: string): string => `${a}\t${"x".repeat(1_000)}\n`;
    const block = [row("bad"), ...Array.from({ length: 400 }, (_, index) => row(String(index)))].join("");
    // More than a block, and then silence: no CopyDone ever comes.
    for (const behind of ["", "no row at all\n"]) {
      client.send(query("copy t from stdin"), message("d", Buffer.from(block + behind)));
      const answers = await client.untilReady();
      const failed = answers.find(({ type }) => type === "E");
      const { C: code, W: context } = failed === undefined ? {} : fieldsOf(failed.body);
      t.deepEqual([code, context], ["22P02", 'COPY t, line 1, column a: "bad"'], behind);
    }
    t.deepEqual((await client.ask(query("select count(*) from t")))[1], "D 0");
    client.send(sync);
    client.close();
  } finally {
    await node.end("SIGTERM");
    rmSync(directory, { recursive: true, force: true });
  }
});
