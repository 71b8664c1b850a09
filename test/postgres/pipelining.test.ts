/** Clients that send the next statements before they have read the answers to those before. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { z } from "zod";
import { KimberliteError } from "../../runtime/types/errors.js";
import { startNodeProcess } from "../admin/run-command.js";
import { lost } from "./fake-executor.js";
import { bind, describe, execute, parse, query, RawClient, ServerRig, startupPacket, sync, textOf } from "./rig.js";

const rigs: ServerRig[] = [];
const rigged = async (): Promise<ServerRig> => {
  const rig = await ServerRig.start();
  rigs.push(rig);
  return rig;
};
test.afterEach.always("nothing crashed", async (t) => {
  for (const rig of rigs.splice(0)) {
    t.deepEqual(rig.defects, []);
    await rig.stop();
  }
});

const round = (statement: string, ...values: readonly string[]): readonly Uint8Array[] => [
  bind("", statement, values),
  execute(""),
  sync,
];

/** What so many rounds are answered with. */
async function answers(client: RawClient, rounds: number): Promise<string[][]> {
  const all: string[][] = [];
  for (let each = 0; each < rounds; each++) all.push((await client.untilReady()).map(textOf));
  return all;
}

const inserted = (position: number): string[] => ["2", "C INSERT 0 1", `S kimberlite.position=${position}`, "Z I"];

async function prepared(rig: ServerRig): Promise<RawClient> {
  const client = await rig.session();
  await client.ask(parse("i", "INSERT INTO t VALUES ($1)"), sync);
  await client.ask(parse("d", "INSERT INTO t VALUES ('duplicate', $1)"), sync);
  await client.ask(parse("r", "SELECT $1"), sync);
  return client;
}

test.serial(
  "writes go on before those before them are answered, each a transaction of its own, answered in order",
  async (t) => {
    const rig = await rigged();
    const client = await prepared(rig);
    rig.executor.isNextLate = true;
    client.send(
      ...round("i", "1"),
      ...round("i", "2"),
      ...[bind("", "d", ["3"]), describe("P", ""), execute(""), sync],
      ...[bind("", "i", ["4"]), describe("P", ""), execute(""), sync],
      ...round("i", "5"),
    );
    t.deepEqual(await answers(client, 5), [
      inserted(1),
      inserted(2),
      ["2", "n", "E 23505 duplicate key value violates unique constraint", "Z I"],
      ["2", "n", "C INSERT 0 1", "S kimberlite.position=3", "Z I"],
      inserted(4),
    ]);
    t.is(rig.executor.mostUnderWay, 5);
    t.deepEqual(
      rig.executor.committed.map((text) => text.at(-1)),
      ["1", "2", "4", "5"],
    );
  },
);

test.serial("whatever else is said waits until they are answered", async (t) => {
  const rig = await rigged();
  const client = await prepared(rig);
  client.send(
    ...round("i", "1"),
    ...round("i", "2"),
    ...round("r", "read"),
    ...round("i", "3"),
    query("INSERT INTO t VALUES (4)"),
    ...round("i"),
    ...round("i", "5"),
    ...[bind("", "i", ["6"]), execute(""), bind("", "i", ["7"]), execute(""), sync],
  );
  t.deepEqual(await answers(client, 8), [
    inserted(1),
    inserted(2),
    ["2", "D read", "C SELECT 1", "Z I"],
    inserted(3),
    ["C INSERT 0 1", "S kimberlite.position=4", "Z I"],
    ['E 08P01 bind message supplies 0 parameters, but prepared statement "i" requires 1', "Z I"],
    inserted(5),
    ["2", "C INSERT 0 1", "2", "C INSERT 0 1", "S kimberlite.position=6", "Z I"],
  ]);
  t.is(rig.executor.mostUnderWay, 2);
  const last = rig.executor.seen.findLast(({ request }) => request.kind === "execute");
  t.true(last?.request.transaction.isOpen, "several of one Sync are one transaction");
});

test.serial(
  "not ahead: in a transaction, of a read-only session, with a timeout, with another isolation",
  async (t) => {
    for (const setting of [
      "SET statement_timeout = '1min'",
      "SET default_transaction_isolation = 'repeatable read'",
      "SET default_transaction_read_only = on",
      "BEGIN",
    ]) {
      const rig = await rigged();
      const client = await prepared(rig);
      await client.ask(query(setting));
      client.send(...round("i", "1"), ...round("i", "2"));
      await answers(client, 2);
      t.is(rig.executor.mostUnderWay, 0, setting);
    }
  },
);

test.serial("a write that stands alone goes the same way", async (t) => {
  const rig = await rigged();
  const client = await prepared(rig);
  t.deepEqual(await client.ask(...round("i", "1")), inserted(1));
  t.is(rig.executor.mostUnderWay, 1);
});

test.serial("not ahead: a text so long that its syntax is better sent once", async (t) => {
  const rig = await rigged();
  const client = await prepared(rig);
  const values = Array.from({ length: 1_000 }, (_, row) => `(${row})`).join(", ");
  await client.ask(parse("l", `INSERT INTO t VALUES ${values}`), sync);
  client.send(...round("l"), ...round("l"));
  await answers(client, 2);
  t.is(rig.executor.mostUnderWay, 0);
});

test.serial("not ahead: what is about the row on which a cursor stands", async (t) => {
  const rig = await rigged();
  const client = await prepared(rig);
  await client.ask(parse("w", "DELETE FROM t WHERE CURRENT OF c"), sync);
  client.send(...round("w"), ...round("w"));
  const refused = ["2", 'E 34000 cursor "c" does not exist', "Z I"];
  t.deepEqual(await answers(client, 2), [refused, refused]);
});

test.serial("one whose route is stale is not sent again behind the others: it says so, and they go on", async (t) => {
  const rig = await rigged();
  const client = await prepared(rig);
  rig.executor.loseNext = new KimberliteError("routeStale", "it is served elsewhere", { outcome: "notCommitted" });
  client.send(...round("i", "2"), ...round("i", "3"));
  const [first = [], second] = await answers(client, 2);
  t.regex(first[1] ?? "", /^E .* it is served elsewhere$/);
  t.deepEqual(second, inserted(1));
});

test.serial("one that is lost says so, and those behind it go on", async (t) => {
  const rig = await rigged();
  const client = await prepared(rig);
  rig.executor.loseNext = lost("unknown");
  client.send(...round("i", "1"), ...round("i", "2"));
  const [first = [], second] = await answers(client, 2);
  t.regex(first[1] ?? "", /^E 08007 /);
  t.deepEqual([first.length, second], [3, inserted(1)]);
});

test.serial("a client that goes in the middle leaves nothing that anybody stumbles over", async (t) => {
  const rig = await rigged();
  const client = await prepared(rig);
  rig.executor.isNextLate = true;
  client.send(...round("i", "1"), ...round("i", "2"));
  while (rig.executor.committed.length < 2) await new Promise((resolve) => setImmediate(resolve));
  client.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.is(rig.executor.seen.at(-1)?.request.kind, "end");
});

test.serial(
  "a node: duplicates among them, a lock in the way, and reads that see all that was written before",
  async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-pipelining-"));
    const node = await startNodeProcess(path.join(directory, "data"), ["--pg-auth", "trust"]);
    try {
      const readyShape = z.looseObject({
        addresses: z.looseObject({ postgres: z.object({ host: z.string(), port: z.number() }) }),
      });
      const address = readyShape.parse(JSON.parse(node.lines[0] ?? "{}")).addresses.postgres;
      const session = async (): Promise<RawClient> => {
        const socket = connect(address);
        await once(socket, "connect");
        const client = new RawClient(socket);
        client.send(startupPacket({ user: "admin", database: "main" }));
        await client.untilReady();
        return client;
      };
      const [client, other] = [await session(), await session()];
      await client.ask(query("CREATE TABLE t (k int PRIMARY KEY, v int NOT NULL)"));
      await client.ask(parse("i", "INSERT INTO t VALUES ($1, 0)"), sync);
      await client.ask(parse("u", "UPDATE t SET v = v * 2 + $1 WHERE k = 0"), sync);
      await client.ask(parse("c", "SELECT count(*), $1 FROM t"), sync);
      const keys = Array.from({ length: 300 }, (_, at) => String(at % 200));
      client.send(...keys.flatMap((key) => round("i", key)), ...round("c", "read"));
      const said = await answers(client, 301);
      t.is(said.filter(([, tag]) => tag === "C INSERT 0 1").length, 200);
      t.true(said.slice(200, 300).every(([, error]) => error?.startsWith("E 23505")));
      t.true(said[300]?.includes("D 200|read"));
      await other.ask(query("BEGIN; UPDATE t SET v = 1 WHERE k = 0"));
      client.send(...["1", "0", "1", "1"].flatMap((bit) => round("u", bit)), ...round("i", "1000"));
      // As long as the lock is held nothing of it is answered; a later one is not done before an earlier one.
      const [seen] = (await other.ask(query("SELECT count(*) FROM t WHERE k = 1000"))).slice(1);
      t.is(seen, "D 0");
      await other.ask(query("COMMIT"));
      const updated = await answers(client, 5);
      t.deepEqual(
        updated.map(([, tag]) => tag),
        ["C UPDATE 1", "C UPDATE 1", "C UPDATE 1", "C UPDATE 1", "C INSERT 0 1"],
      );
      // 1, and the bits 1011 behind it.
      t.deepEqual((await other.ask(query("SELECT v FROM t WHERE k = 0")))[1], "D 27");
      client.close();
      other.close();
    } finally {
      await node.end("SIGTERM");
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
