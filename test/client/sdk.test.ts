import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Client } from "../../protocol/client/client.js";
import { parseTarget } from "../../protocol/sdk/connect.js";
import { connect, Database, KimberliteError, open } from "../../protocol/sdk/index.js";
import { type Node, startNode } from "../../protocol/server/node.js";
import { sdkContract } from "./sdk-contract.js";

const directory = mkdtempSync(join(tmpdir(), "kimberlite-sdk-"));
const opened: Database[] = [];
let node: Node | undefined;
let db: Database | undefined;
const target = (): string => `kimberlite://127.0.0.1:${node?.addresses.native?.port}`;

test.before(async () => {
  node = await startNode({ dataDirectory: directory, listen: { host: "127.0.0.1", port: 0 } });
  db = await connect(target());
});

test.after.always(async () => {
  for (const one of opened) await one.close(0);
  await db?.close();
  await node?.stop();
  rmSync(directory, { recursive: true, force: true });
});

sdkContract(test, {
  db: () => {
    if (db === undefined) throw new Error("the node has not started");
    return db;
  },
  another: async () => {
    const other = await connect(target());
    opened.push(other);
    return other;
  },
});

test("a database in this process is one over frames too, and its node ends with it", async (t) => {
  const own = mkdtempSync(join(tmpdir(), "kimberlite-open-"));
  const first = await open(own);
  const stream = await first.tenant("main").streams.create("s");
  await stream.append("kept");
  const error = await t.throwsAsync(open(own), { instanceOf: KimberliteError });
  t.is(error.code, "directoryLocked");
  await first.close();
  t.is((await t.throwsAsync(stream.append("x"), { instanceOf: KimberliteError })).code, "cancelled");
  await using second = await open(own);
  t.is((await second.tenant("main").stream("s").read()).events[0]?.text(), "kept");
  await second.close();
  rmSync(own, { recursive: true, force: true });
});

test("a node that fails closes the database, and one that cannot be reached is not left running", async (t) => {
  let stopped = 0;
  let fail: (error: KimberliteError) => void = () => {};
  const live = node;
  t.truthy(live);
  const stub = {
    connectLocal: () => (live as Node).connectLocal(),
    stop: () => Promise.resolve(void stopped++),
    failed: new Promise<KimberliteError>((resolve) => (fail = resolve)),
  };
  const database = await open("unused", { startNode: () => Promise.resolve(stub) });
  t.true((await database.tenants.list()).length > 0);
  fail(new KimberliteError("internal", "as a test wants it"));
  await new Promise((resolve) => setImmediate(resolve));
  const error = await t.throwsAsync(database.tenants.list(), { instanceOf: KimberliteError });
  t.is(error.code, "cancelled");
  await database.close();
  t.is(stopped, 1);
  const broken = {
    ...stub,
    connectLocal: () => {
      throw new KimberliteError("shardUnavailable");
    },
  };
  await t.throwsAsync(open("unused", { startNode: () => Promise.resolve(broken) }), { instanceOf: KimberliteError });
  t.is(stopped, 2);
});

test("targets are read, and nonsense is invalidArgument", (t) => {
  t.deepEqual(parseTarget("kimberlite://db:1"), { addresses: [{ host: "db", port: 1 }], isSecure: false });
  t.deepEqual(parseTarget("kimberlites://db"), { addresses: [{ host: "db", port: 7400 }], isSecure: true });
  t.deepEqual(parseTarget("localhost:9"), { addresses: [{ host: "localhost", port: 9 }], isSecure: false });
  t.deepEqual(parseTarget({ host: "::1" }), { addresses: [{ host: "::1", port: 7400 }], isSecure: false });
  for (const bad of ["http://db", "kimberlite://", "kimberlite://a/b", "", "a:b"]) {
    t.throws(() => parseTarget(bad), { instanceOf: KimberliteError }, bad);
  }
});

test("connecting to nobody says so at once", async (t) => {
  const error = await t.throwsAsync(connect("127.0.0.1:1"), { instanceOf: KimberliteError });
  t.is(error.code, "connectionRefused");
});

test("a producer that waits for room never meets a full queue", async (t) => {
  const tight = new Database(
    new Client({
      address: "local",
      connector: () => Promise.resolve((node as Node).connectLocal()),
      waitingMax: 4,
      inFlightMax: 8,
    }),
  );
  const stream = await tight.tenant("main").streams.create("room");
  const appended: Promise<unknown>[] = [];
  for (let i = 0; i < 500; i++) {
    await tight.whenRoom();
    appended.push(stream.append(`${i}`));
  }
  await Promise.all(appended);
  t.is((await stream.info()).nextOffset, 500n);
  await tight.close();
});
