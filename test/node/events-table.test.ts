/** Event streams as a table, on a node in a process of its own: what is read is what was appended, to this tenant and to no other. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import pg from "pg";
import { z } from "zod";
import { connect } from "../../protocol/sdk/index.js";
import { startNodeProcess } from "../admin/run-command.js";

const readyShape = z.looseObject({
  addresses: z.looseObject({ postgres: z.object({ host: z.string(), port: z.number() }) }),
});
const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-events-"));
const data = path.join(directory, "data");

type Row = Readonly<Record<string, unknown>>;

class Node {
  readonly node: Awaited<ReturnType<typeof startNodeProcess>>;
  readonly db: Awaited<ReturnType<typeof connect>>;

  private constructor(node: Node["node"], db: Node["db"]) {
    this.node = node;
    this.db = db;
  }

  static async start(): Promise<Node> {
    const node = await startNodeProcess(data, ["--pg-auth", "trust"]);
    return new Node(node, await connect(node.ready.listen));
  }

  async sql(database = "main"): Promise<pg.Client> {
    const { host, port } = readyShape.parse(JSON.parse(this.node.lines[0] ?? "{}")).addresses.postgres;
    const client = new pg.Client({ host, port, user: "admin", database });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.db.close().catch(() => {});
    await this.node.end(signal);
  }
}

let running: Node | null = null;
test.after.always(async () => {
  await running?.end("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

const rowsOf = async (client: pg.Client, text: string): Promise<Row[]> => (await client.query<Row>(text)).rows;
/** Lines of the plan. */
const planOf = async (client: pg.Client, text: string): Promise<string> =>
  (await rowsOf(client, `EXPLAIN ${text}`)).map((row) => String(row["QUERY PLAN"])).join("\n");

test.serial(
  "events are rows: by stream, offset, position and time, joined, counted, limited, and as of then",
  async (t) => {
    t.timeout(240_000);
    running = await Node.start();
    const { db } = running;
    const orders = await db.tenant("main").streams.create("orders");
    const audit = await db.tenant("main").streams.create("audit");
    await db.tenant("main").streams.create("empty");
    await orders.append([{ item: "tea", count: 2 }, "plain", new Uint8Array([0, 255])]);
    await audit.append("who");
    for (let from = 0; from < 1_000; from += 100) {
      await orders.append(Array.from({ length: 100 }, (_, index) => ({ number: from + index })));
      if (from % 500 === 0) await audit.append([`at ${from}`, "again"]);
    }
    await db.tenants.create("other");
    const theirs = await db.tenant("other").streams.create("orders");
    await theirs.append(["secret", "secret too"]);

    const client = await running.sql();
    t.deepEqual(
      await rowsOf(
        client,
        "SELECT stream, stream_offset::int AS o, format, data, text, json FROM kimberlite.events WHERE stream = 'orders' AND stream_offset < 3",
      ),
      [
        {
          stream: "orders",
          o: 0,
          format: "json",
          data: Buffer.from('{"item":"tea","count":2}'),
          text: '{"item":"tea","count":2}',
          json: { item: "tea", count: 2 },
        },
        { stream: "orders", o: 1, format: "bytes", data: Buffer.from("plain"), text: "plain", json: null },
        { stream: "orders", o: 2, format: "bytes", data: Buffer.from([0, 255]), text: null, json: null },
      ],
    );
    t.deepEqual(
      await rowsOf(
        client,
        "SELECT stream, count(*)::int AS n, max(stream_offset)::int AS last FROM kimberlite.events GROUP BY stream ORDER BY stream",
      ),
      [
        { stream: "audit", n: 5, last: 4 },
        { stream: "orders", n: 1_003, last: 1_002 },
      ],
    );
    t.deepEqual(await rowsOf(client, "SELECT text FROM kimberlite.events WHERE text LIKE 'secret%'"), []);
    t.deepEqual(await rowsOf(client, "SELECT DISTINCT principal FROM kimberlite.events"), [{ principal: "local" }]);

    // Each way of reading gives the same rows.
    const all = "SELECT stream, stream_offset::int AS o, position::int AS p, text FROM kimberlite.events";
    const byKey = await rowsOf(client, `${all} ORDER BY stream, stream_offset`);
    t.is(byKey.length, 1_008);
    t.deepEqual(await rowsOf(client, `${all} ORDER BY stream DESC, stream_offset DESC`), byKey.toReversed());
    const byPosition = byKey.toSorted((a, b) => Number(a["p"]) - Number(b["p"]) || Number(a["o"]) - Number(b["o"]));
    t.deepEqual(await rowsOf(client, `${all} ORDER BY position, stream_offset`), byPosition);
    t.deepEqual(
      await rowsOf(client, `${all} WHERE position >= 0 ORDER BY position DESC, stream_offset DESC`),
      byPosition.toReversed(),
    );
    for (const condition of [
      "stream = 'orders' AND stream_offset BETWEEN 98 AND 305",
      "stream = 'orders' AND stream_offset > 990 AND stream_offset <= 1000",
      "stream IN ('audit', 'orders') AND stream_offset IN (1, 3, 500, 9999)",
      "stream >= 'b'",
      "stream > 'audit' AND stream < 'p'",
      "stream = 'nobody'",
      "stream = ''",
      "position BETWEEN 5 AND 9",
      "position = 6",
      "position IN (4, 6, 8, 4)",
      "position < 5 AND stream = 'audit'",
      "stream = 'orders' AND stream_offset >= -5 AND stream_offset < 2",
      "stream = 'orders' AND stream_offset > 9000000000000000000",
      `stream = '${"x".repeat(400)}'`,
      `stream > '${"m".repeat(400)}'`,
    ]) {
      const wanted = await rowsOf(
        client,
        `WITH all_of AS MATERIALIZED (${all.replace("SELECT", "SELECT stream_offset, position,")}) SELECT stream, o, p, text FROM all_of WHERE ${condition} ORDER BY p, o`,
      );
      t.deepEqual(
        await rowsOf(client, `${all} WHERE ${condition} ORDER BY position, stream_offset`),
        wanted,
        condition,
      );
      t.deepEqual(
        await rowsOf(client, `${all} WHERE ${condition} ORDER BY stream DESC, stream_offset DESC LIMIT 3`),
        wanted
          .toSorted((a, b) =>
            String(a["stream"]) === String(b["stream"])
              ? Number(b["o"]) - Number(a["o"])
              : String(a["stream"]) < String(b["stream"])
                ? 1
                : -1,
          )
          .slice(0, 3),
        condition,
      );
    }
    t.regex(
      await planOf(client, "SELECT * FROM kimberlite.events WHERE stream = 'orders' AND stream_offset > 990"),
      /Index Cond|Key/i,
    );
    t.regex(await planOf(client, "SELECT * FROM kimberlite.events WHERE position > 3"), /events_position/);
    t.regex(
      await planOf(client, "SELECT * FROM kimberlite.events WHERE time > now() - interval '1 hour'"),
      /events_time/,
    );
    t.is(
      (await rowsOf(client, "SELECT 1 FROM kimberlite.events WHERE time > now() - interval '1 hour'")).length,
      1_008,
    );
    t.is((await rowsOf(client, "SELECT 1 FROM kimberlite.events WHERE time > now() + interval '1 hour'")).length, 0);

    // As of then.
    const moment = Number(byKey.find((row) => row["o"] === 402)?.["p"]);
    const then = byKey.filter((row) => Number(row["p"]) <= moment);
    t.deepEqual(
      await rowsOf(client, `${all} FOR SYSTEM_TIME AS OF POSITION ${moment} ORDER BY stream, stream_offset`),
      then,
    );
    await client.query(`SET kimberlite.as_of = '${moment}'`);
    t.deepEqual(await rowsOf(client, `${all} ORDER BY stream, stream_offset`), then);
    await client.query("RESET kimberlite.as_of");

    // Beside tables, and by cursors.
    await client.query("CREATE TABLE names (stream text PRIMARY KEY, label text)");
    await client.query("INSERT INTO names VALUES ('orders', 'Orders'), ('audit', 'Audit'), ('gone', 'Gone')");
    t.deepEqual(
      await rowsOf(
        client,
        "SELECT n.label, count(e.stream_offset)::int AS n FROM names n LEFT JOIN kimberlite.events e ON e.stream = n.stream GROUP BY n.label ORDER BY 1",
      ),
      [
        { label: "Audit", n: 5 },
        { label: "Gone", n: 0 },
        { label: "Orders", n: 1_003 },
      ],
    );
    t.deepEqual(
      await rowsOf(
        client,
        "SELECT sum((json->>'number')::int)::int AS s FROM kimberlite.events WHERE stream = 'orders' AND format = 'json'",
      ),
      [{ s: 499_500 }],
    );
    await t.throwsAsync(client.query("INSERT INTO kimberlite.events VALUES ('orders')"), {
      message: /permission denied/,
    });
    await t.throwsAsync(client.query("CREATE TABLE copy AS SELECT * FROM kimberlite.events"), {
      message: /cannot be read by a statement/,
    });
    await client.query("BEGIN");
    t.is((await rowsOf(client, "SELECT 1 FROM kimberlite.events LIMIT 7")).length, 7);
    await client.query("INSERT INTO names VALUES ('x', 'x')");
    await t.throwsAsync(client.query("SELECT * FROM kimberlite.events"), { message: /cannot be read by a statement/ });
    await client.query("ROLLBACK");
    t.deepEqual(
      await rowsOf(
        client,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'kimberlite' AND table_name IN ('commits', 'events', 'materialized_views') ORDER BY 1",
      ),
      ["commits", "events", "materialized_views"].map((name) => ({ table_name: name })),
    );
    t.is(
      (
        await rowsOf(
          client,
          "SELECT column_name FROM information_schema.columns WHERE table_name = 'events' AND table_schema = 'kimberlite'",
        )
      ).length,
      9,
    );

    const foreign = await running.sql("other");
    t.deepEqual(
      await rowsOf(foreign, "SELECT stream, stream_offset::int AS o, text FROM kimberlite.events ORDER BY position"),
      [
        { stream: "orders", o: 0, text: "secret" },
        { stream: "orders", o: 1, text: "secret too" },
      ],
    );
    await foreign.end();

    await running.end("SIGKILL");
    running = await Node.start();
    const later = await running.sql();
    t.deepEqual(await rowsOf(later, `${all} ORDER BY stream, stream_offset`), byKey, "the same after a kill");
    await later.end();
  },
);

test.serial(
  "a stream of 400,000 events is counted and walked in pieces, beside other statements and within a cursor",
  async (t) => {
    t.timeout(240_000);
    running ??= await Node.start();
    const { db } = running;
    const many = await db.tenant("main").streams.create("many");
    const batch = Array.from({ length: 10_000 }, (_, index) => `${index} ${"x".repeat(40)}`);
    for (let round = 0; round < 40; round += 1) await many.append(batch);
    const [client, other] = [await running.sql(), await running.sql()];
    await client.query("SET kimberlite.query_memory = '4MB'");
    const started = Date.now();
    const counted = rowsOf(
      client,
      "SELECT count(*)::int AS n, sum(length(data))::bigint AS bytes FROM kimberlite.events WHERE stream = 'many'",
    );
    let beside = 0;
    let isOver = false;
    void counted.then(() => (isOver = true));
    for (; !isOver && beside < 10_000; beside += 1) await other.query("SELECT 1");
    const [row] = await counted;
    t.is(row?.["n"], 400_000);
    t.log(`400,000 payloads in ${Date.now() - started} ms, ${beside} statements beside it`);
    t.true(beside > 3, `${beside} statements beside it`);
    await client.query("BEGIN READ ONLY");
    await client.query(
      "DECLARE c CURSOR FOR SELECT stream_offset::int AS o FROM kimberlite.events WHERE stream = 'many' ORDER BY stream_offset DESC",
    );
    t.deepEqual(
      (await rowsOf(client, "FETCH 2 FROM c")).map((each) => each["o"]),
      [399_999, 399_998],
    );
    t.is((await rowsOf(client, "FETCH 1000 FROM c")).at(-1)?.["o"], 398_998);
    await client.query("COMMIT");
    await Promise.all([client.end(), other.end()]);
  },
);

test.serial("a damaged record ends the statement that meets it with an error, and no other", async (t) => {
  t.timeout(240_000);
  running ??= await Node.start();
  const stream = await running.db.tenant("main").streams.create("damaged");
  for (let index = 0; index < 30; index += 1) await stream.append(`event ${index} of the damaged stream`);
  await running.end("SIGTERM");
  let damaged = 0;
  for (const shard of readdirSync(data).filter((name) => name.startsWith("shard-"))) {
    const log = path.join(data, shard, "log");
    for (const name of readdirSync(log).filter((each) => each.endsWith(".seg"))) {
      const file = path.join(log, name);
      const bytes = readFileSync(file);
      const at = bytes.indexOf("event 17 of the damaged stream");
      if (at < 0) continue;
      bytes[at + 3] = (bytes[at + 3] ?? 0) ^ 0x10;
      writeFileSync(file, bytes);
      damaged += 1;
    }
  }
  t.is(damaged, 1);
  running = await Node.start();
  const client = await running.sql();
  const text = "SELECT stream_offset::int AS o, text FROM kimberlite.events WHERE stream = 'damaged'";
  t.is((await rowsOf(client, `${text} AND stream_offset < 17`)).length, 17);
  t.is((await rowsOf(client, `${text} AND stream_offset > 17`)).length, 12);
  const error = await t.throwsAsync<Error & { code?: string }>(client.query(text));
  t.log(`${error?.code} ${error?.message}`);
  t.is(error?.code, "XX001");
  t.is(
    (await rowsOf(client, "SELECT count(*)::int AS n FROM kimberlite.events WHERE stream = 'damaged'"))[0]?.["n"],
    30,
    "what needs no record is known",
  );
  await client.end();
});
