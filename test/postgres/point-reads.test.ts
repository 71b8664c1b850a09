/** One row by its key, which a gateway reads itself: what it answers is what a projection answers, and it gives way where it cannot know. */
import test, { type ExecutionContext } from "ava";
import pg from "pg";
import { type NodeChild, scratch, startChild } from "../node/node-child.js";

/** Values as they came. */
const types = { getTypeParser: () => (value: string | Buffer) => value.toString("latin1") };

interface Rig {
  readonly node: NodeChild;
  connect(user?: string, binary?: boolean): Promise<pg.Client>;
}

const verifier = {
  iterations: 4_096,
  salt: new Uint8Array(16),
  storedKey: new Uint8Array(32),
  serverKey: new Uint8Array(32),
};

async function start(t: ExecutionContext): Promise<Rig> {
  const listen = { host: "127.0.0.1", port: 0 };
  const processUser = { name: "admin", verifier };
  const postgres = { listen, authentication: "trust", tls: null, processUser } as const;
  const node = await startChild(t, { dataDirectory: scratch(t), layout: "threads", postgres });
  const port = Number(/:(\d+)$/.exec(String((await node.status())["pgListen"]))?.[1]);
  return {
    node,
    async connect(user = "admin", binary = false) {
      // Its types do not know of the property; it asks for results in binary form when it is set.
      const client = Object.assign(new pg.Client({ host: "127.0.0.1", port, user, database: "main" }), { binary });
      client.on("error", () => {});
      await client.connect();
      return client;
    },
  };
}

interface Row {
  readonly v: unknown;
}
const valueOf = ({ rows }: pg.QueryResult<Row>): unknown => rows[0]?.v;

/** Rows that gateways have read by themselves. */
async function pointReads(node: NodeChild): Promise<number> {
  const reports = await node.inspect();
  return reports.reduce((sum, { numbers }) => sum + Number(numbers["pointReads"] ?? 0), 0);
}

const sqlState = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run;
    return "";
  } catch (error) {
    return error instanceof pg.DatabaseError ? (error.code ?? "?") : String(error);
  }
};

/** Runs until it succeeds: a part of the node that was ended is being started again. */
async function eventually<T>(run: () => Promise<T>): Promise<T> {
  for (let left = 200; ; left--) {
    try {
      return await run();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test.serial(
  "a row is read by its key without a message, with the values, types and formats of a projection's answer",
  async (t) => {
    const { node, connect } = await start(t);
    const clients = [await connect(), await connect("admin", true)];
    const [client] = clients;
    if (client === undefined) throw new Error("there are two clients");
    await client.query(
      `CREATE TABLE wide (a int, b text, c numeric(8, 2), d timestamptz, e bytea, f int[], g boolean, PRIMARY KEY (b, a))`,
    );
    await client.query(`INSERT INTO wide SELECT n, 'k' || n % 3, n / 7.0, '2026-01-01'::timestamptz + n * interval '1 day',
    decode(lpad(n::text, 4, '0'), 'hex'), CASE WHEN n % 2 = 0 THEN ARRAY[n, NULL] END, n % 5 = 0 FROM generate_series(1, 36) n`);
    const before = await pointReads(node);
    let found = 0;
    for (const each of clients) {
      await each.query("SET TimeZone = 'Asia/Tokyo'");
      for (let n = -3; n < 40; n += 1) {
        const ask = async (name: string, a: string): Promise<[string, number | null]> => {
          const text = `SELECT f, e, d, c, g, ${a} AS n, b FROM wide WHERE a = $1 AND b = $2`;
          const { rows, fields, rowCount } = await each.query({ name, text, values: [n, `k${n % 3}`], types });
          const columns = fields.map(({ name: column, dataTypeID, format }) => [column, dataTypeID, format]);
          return [JSON.stringify([rows, columns]), rowCount];
        };
        const here = await ask("point", "a");
        t.deepEqual(here, await ask("computed", "a + 0"));
        found += here[1] ?? 0;
      }
    }
    t.is(found, 72);
    t.true((await pointReads(node)) - before >= 72, "they were read in the gateway");
    t.is(await sqlState(client.query("SELECT b FROM wide WHERE a = $1 AND b = 'x'", ["seven"])), "22P02");
    t.is((await client.query("SELECT b FROM wide WHERE a = $1 AND b = 'k1'", [null])).rowCount, 0);
    await Promise.all(clients.map((each) => each.end()));
  },
);

test.serial(
  "a session sees what it has written, its own transaction included, and a definition that has changed",
  async (t) => {
    const { node, connect } = await start(t);
    const [a, b] = [await connect(), await connect()];
    await a.query("CREATE TABLE seen (k int PRIMARY KEY, v int)");
    const read = async (client: pg.Client, k: number): Promise<unknown> =>
      valueOf(await client.query<Row>({ name: "read", text: "SELECT v FROM seen WHERE k = $1", values: [k] }));
    for (let k = 0; k < 20; k += 1) {
      await a.query("INSERT INTO seen VALUES ($1, $2)", [k, k]);
      t.is(await read(a, k), k);
      await a.query("UPDATE seen SET v = v + 1 WHERE k = $1", [k]);
      t.is(await read(a, k), k + 1);
    }
    await a.query("BEGIN");
    await a.query("UPDATE seen SET v = -1 WHERE k = 1");
    t.is(await read(a, 1), -1);
    t.is(await read(b, 1), 2);
    await a.query("COMMIT");
    t.is(await read(a, 1), -1);
    await b.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const first = await read(b, 2);
    await a.query("UPDATE seen SET v = 1000 WHERE k = 2");
    t.is(await read(b, 2), first);
    await b.query("COMMIT");
    t.is(await read(b, 2), 1000);
    const { rows } = await a.query<Record<string, string>>("SHOW kimberlite.position");
    await a.query("UPDATE seen SET v = 1001 WHERE k = 2");
    await a.query(`SET kimberlite.as_of = '${rows[0]?.["kimberlite.position"] ?? "?"}'`);
    const past = await pointReads(node);
    t.is(await read(a, 2), 1000);
    t.is(await read(a, 2), 1000);
    t.true((await pointReads(node)) > past, "a session's past is read in the gateway, too");
    // Its definition of then is not that of now.
    await b.query("ALTER TABLE seen ADD COLUMN w int DEFAULT 7");
    t.is(await read(a, 2), 1000);
    t.is(await sqlState(a.query("SELECT w FROM seen WHERE k = 2")), "42703");
    await a.query("SET kimberlite.as_of = '1000000'");
    t.is(await sqlState(read(a, 2)), "22023");
    await a.query("RESET kimberlite.as_of");
    t.is(await read(a, 2), 1001);
    await a.query("SET kimberlite.consistency = 'linearizable'");
    const before = await pointReads(node);
    t.is(await read(a, 2), 1001);
    t.is(await pointReads(node), before, "the leader is asked first");
    await a.query("ALTER TABLE seen ALTER COLUMN v TYPE text");
    t.is(await sqlState(read(b, 2)), "0A000");
    await a.query("DROP TABLE seen");
    t.is(await sqlState(read(b, 2)), "42P01");
    await Promise.all([a.end(), b.end()]);
  },
);

test.serial("who may not read a table is refused, also when it was allowed before", async (t) => {
  const { connect } = await start(t);
  const admin = await connect();
  await admin.query("CREATE ROLE reader LOGIN PASSWORD 'x'");
  await admin.query("CREATE TABLE kept (k int PRIMARY KEY, v int)");
  await admin.query("INSERT INTO kept VALUES (1, 1)");
  await admin.query("GRANT SELECT ON kept TO reader");
  const reader = await connect("reader");
  const read = (): Promise<pg.QueryResult> => reader.query("SELECT v FROM kept WHERE k = $1", [1]);
  t.is((await read()).rowCount, 1);
  await admin.query("REVOKE SELECT ON kept FROM reader");
  await eventually(async () => t.is(await sqlState(read()), "42501"));
  await Promise.all([admin.end(), reader.end()]);
});

test.serial(
  "a shard that is started again is read again, and a gateway that was ended in the middle holds nothing up",
  async (t) => {
    const { node, connect } = await start(t);
    const client = await connect();
    await client.query("CREATE TABLE lasting (k int PRIMARY KEY, v int)");
    await client.query("INSERT INTO lasting SELECT n, n FROM generate_series(1, 1000) n");
    const read = async (each: pg.Client, k: number): Promise<unknown> =>
      valueOf(await each.query<Row>("SELECT v FROM lasting WHERE k = $1", [k]));
    t.is(await read(client, 7), 7);
    await node.terminateWorker("shard-1");
    t.is(await eventually(() => read(client, 8)), 8);
    await eventually(async () => {
      const before = await pointReads(node);
      t.is(await read(client, 9), 9);
      if ((await pointReads(node)) === before) throw new Error("the gateway has not been told yet where the state is");
    });
    for (let round = 0; round < 2; round++) {
      const clients = await Promise.all(Array.from({ length: 4 }, () => eventually(() => connect())));
      const reading = clients.map(async (each) => {
        for (let k = 1; k < 1_000; k++) await read(each, k);
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await node.terminateWorker("gateway-0");
      await Promise.allSettled(reading);
    }
    const after = await eventually(() => connect());
    for (let k = 2_000; k < 2_020; k++) await after.query("INSERT INTO lasting VALUES ($1, $1)", [k]);
    t.is(await read(after, 2_010), 2_010);
    await eventually(async () => {
      const readers = (await node.inspect()).find(({ path: name }) => name.endsWith("/shard-1"))?.numbers["readers"];
      if (Number(readers) > 2) throw new Error(`${readers} readers, of a projection and a gateway`);
    });
    t.true(true, "a gateway that is gone holds no version of the state");
    await after.end();
  },
);
