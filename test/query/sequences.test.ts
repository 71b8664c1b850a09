/** A number of a sequence is given once: not again after a rollback, an error or a new start; and not taken twice by one statement. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { type Node, startNode } from "../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { PostgresClient } from "./postgres/client.js";

async function started(dataDirectory: string): Promise<Node> {
  const node = await startNode({
    dataDirectory,
    listen: null,
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
  });
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("a secret")));
  return node;
}

function connected(node: Node): Promise<PostgresClient> {
  const address = node.addresses.postgres;
  if (address === null) throw new Error("the node serves the PostgreSQL protocol");
  return PostgresClient.connect({ ...address, user: "admin", database: "main" });
}

/** A node over a directory of its own, which may be stopped and begun anew, and a client of it. */
class Run {
  readonly #directory: string;
  node: Node;
  client: PostgresClient;

  private constructor(directory: string, node: Node, client: PostgresClient) {
    this.#directory = directory;
    this.node = node;
    this.client = client;
  }

  static async begin(t: ExecutionContext): Promise<Run> {
    const directory = mkdtempSync(join(tmpdir(), "kimberlite-sequences-"));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const node = await started(directory);
    return new Run(directory, node, await connected(node));
  }

  async again(): Promise<void> {
    await this.end();
    this.node = await started(this.#directory);
    this.client = await connected(this.node);
  }

  /** The client goes in the middle of what it did, and another comes. */
  async reconnect(): Promise<void> {
    this.client.close();
    this.client = await connected(this.node);
  }

  async end(): Promise<void> {
    this.client.close();
    await this.node.stop();
  }
}

test("numbers of sequences are given once, whatever comes of what took them, and whoever leads", async (t) => {
  const run = await Run.begin(t);
  const line = async (sql: string): Promise<string | undefined> => (await run.client.lines(sql))[0];
  const stateOf = async (sql: string): Promise<string> => {
    const answer = await run.client.query(sql);
    return answer.kind === "failed" ? answer.sqlState : answer.tag;
  };
  await run.client.rows("create sequence s");
  await run.client.rows("create table u (id serial primary key, b int unique check (b < 10))");
  t.is(await line("select nextval('s')"), "1");
  await run.client.rows("begin");
  t.is(await line("select nextval('s')"), "2");
  t.is(await stateOf("rollback"), "ROLLBACK");
  await run.again();
  t.is(await line("select nextval('s')"), "3", "a rolled-back transaction has taken 2");
  // A statement that fails has taken one number, and only one.
  t.is(await line("insert into u (b) values (1) returning id"), "1");
  t.is(await stateOf("insert into u (b) values (1)"), "23505");
  t.is(await stateOf("insert into u (b) values (20)"), "23514");
  await run.again();
  t.is(await line("insert into u (b) values (2) returning id"), "4");
  t.is(await stateOf("insert into u (b) values (1) on conflict do nothing"), "INSERT 0 0");
  t.is(await line("insert into u (b) values (3) returning id"), "6");
  // A transaction that failed, and ends by COMMIT.
  await run.client.rows("begin");
  t.is(await line("select nextval('s')"), "4");
  t.is(await stateOf("select 1 / 0"), "22012");
  t.is(await stateOf("commit"), "ROLLBACK");
  await run.again();
  t.is(await line("select nextval('s')"), "5");
  // What a transaction made and took back leaves nothing to what is made in its place.
  await run.client.rows("begin");
  await run.client.rows("create sequence other");
  t.is(await line("select nextval('other')"), "1");
  await run.client.rows("rollback");
  await run.client.rows("create sequence other");
  t.is(await line("select nextval('other')"), "1");
  await run.end();
});

test("a statement that waited for a lock takes its number once", async (t) => {
  const run = await Run.begin(t);
  const other = await connected(run.node);
  await run.client.rows("create table u (id serial primary key, b int unique)");
  await run.client.rows("begin");
  t.deepEqual(await run.client.lines("insert into u (b) values (7) returning id"), ["1"]);
  const waiting = other.query("insert into u (b) values (7) on conflict (b) do update set b = 8 returning id");
  await sleep(300);
  await run.client.rows("rollback");
  const answer = await waiting;
  t.deepEqual(answer.kind === "rows" ? answer.rows : answer, [["2"]]);
  other.close();
  await run.end();
});

test("a sequence that was begun anew by what came to nothing goes on from where it was", async (t) => {
  const run = await Run.begin(t);
  const ids = async (): Promise<string> => (await run.client.lines("select id from counted order by id")).join(" ");
  await run.client.rows("create table counted (id serial primary key)");
  await run.client.rows("insert into counted default values");
  await run.client.rows("begin; insert into counted default values; truncate counted restart identity");
  await run.client.rows("insert into counted default values; rollback");
  await run.client.rows("insert into counted default values");
  t.is(await ids(), "1 3", "2 was drawn before the beginning that came to nothing, 1 behind it");
  await run.again();
  await run.client.rows("insert into counted default values");
  t.is(await ids(), "1 3 4");

  // Back to a savepoint; then the same, kept.
  await run.client.rows("begin; savepoint s; alter sequence counted_id_seq restart with 100");
  await run.client.rows(
    "insert into counted default values; rollback to s; insert into counted default values; commit",
  );
  t.is(await ids(), "1 3 4 5");
  await run.client.rows("begin; savepoint s; alter sequence counted_id_seq restart with 100; release s; commit");
  await run.client.rows("insert into counted default values");
  t.is(await ids(), "1 3 4 5 100");

  // A statement that fails behind the beginning; a transaction whose client goes.
  const failed = await run.client.query("begin; truncate counted restart identity; select 1 / 0");
  t.is(failed.kind === "failed" ? failed.sqlState : "", "22012");
  await run.client.rows("rollback; insert into counted default values");
  t.is(await ids(), "1 3 4 5 100 101");
  await run.client.rows("begin; truncate counted restart identity; insert into counted default values");
  await run.reconnect();
  for (let tries = 0; tries < 100 && (await ids()) === ""; tries++) await sleep(20);
  await run.client.rows("insert into counted default values");
  t.is(await ids(), "1 3 4 5 100 101 102");
  await run.end();
});
