/** SQL in the SDK: the same over a socket and in this process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { connect, type Database, open, SqlFailure } from "../../protocol/sdk/index.js";
import { startTarget } from "../postgres/clients/target.js";

interface Person {
  readonly id: number;
  readonly name: string;
  readonly seen: bigint;
}

async function contract(t: ExecutionContext, db: Database): Promise<void> {
  const { sql } = db.tenant("main");
  const made =
    await sql`CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, seen bigint NOT NULL DEFAULT 0, tags text[], at timestamptz)`;
  t.is(made.command, "CREATE TABLE");
  const name = "O'Hara; DROP TABLE people";
  const inserted =
    await sql<Person>`INSERT INTO people (id, name, tags, at) VALUES (${1}, ${name}, ${["a", 'b,"c']}, ${new Date(0)}) RETURNING *`;
  t.deepEqual([...inserted], [{ id: 1, name, seen: 0n, tags: ["a", 'b,"c'], at: new Date(0) } as never]);
  t.is(inserted.count, 1);
  for (let id = 2; id <= 50; id++) await sql`INSERT INTO people (id, name) VALUES (${id}, ${`person ${id}`})`;
  const [person] = await sql<Person>`SELECT id, name, seen FROM people WHERE id = ${7}`;
  t.deepEqual(person, { id: 7, name: "person 7", seen: 0n });
  t.is((await sql.query<Person>("SELECT * FROM people WHERE id > $1", [40])).length, 10);

  let streamed = 0;
  for await (const row of sql<Person>`SELECT id FROM people ORDER BY id`.stream(7)) {
    streamed += 1;
    t.is(row.id, streamed);
  }
  t.is(streamed, 50);
  // One that is not read to its end lets go of its connection.
  for await (const row of sql<Person>`SELECT id FROM people`.stream(3)) {
    t.true(row.id > 0);
    break;
  }

  await t.throwsAsync(async () => sql`SELECT nothing FROM people`, {
    instanceOf: SqlFailure,
    message: /does not exist/,
  });
  const failure = await sql`INSERT INTO people (id, name) VALUES (1, 'again')`.then(
    () => null,
    (error: unknown) => error,
  );
  t.true(failure instanceof SqlFailure && failure.sqlState === "23505" && failure.constraint === "people_pkey");

  await t.throwsAsync(
    sql.transaction(async (inner) => {
      await inner`DELETE FROM people`;
      throw new Error("second thoughts");
    }),
    { message: "second thoughts" },
  );
  t.is((await sql`SELECT 1 FROM people`).length, 50, "what threw was rolled back");

  // Each adds one to what it has read: without another run of those that lost, some would be lost.
  const runs = { count: 0 };
  await Promise.all(
    Array.from({ length: 6 }, () =>
      sql.transaction(
        async (inner) => {
          runs.count += 1;
          const [row] = await inner<Person>`SELECT seen FROM people WHERE id = 1`;
          await inner`UPDATE people SET seen = ${(row?.seen ?? 0n) + 1n} WHERE id = 1`;
        },
        { isolation: "serializable", attemptsMax: 50 },
      ),
    ),
  );
  t.is((await sql<Person>`SELECT seen FROM people WHERE id = 1`)[0]?.seen, 6n);
  t.log(`${runs.count} runs of 6 transactions`);
}

test("SQL in this process", async (t) => {
  t.timeout(120_000);
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-sdk-sql-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const db = await open(directory, { sql: true });
  try {
    await contract(t, db);
  } finally {
    await db.close();
  }
});

test("SQL over a socket; without a user it is refused, with a wrong password too", async (t) => {
  t.timeout(120_000);
  const started = await startTarget({ listen: { host: "127.0.0.1", port: 0 } });
  const native = started.node.addresses.native;
  const address = `${native?.host}:${native?.port}`;
  try {
    const { user, password } = started.target;
    const db = await connect(address, { sql: { user, password } });
    await contract(t, db);
    await db.close();
    const without = await connect(address);
    t.throws(() => without.tenant("main").sql, { message: /SQL needs a user/ });
    await without.close();
    const wrong = await connect(address, { sql: { user, password: "x" } });
    await t.throwsAsync(async () => wrong.tenant("main").sql`SELECT 1`, { message: /password authentication failed/ });
    await wrong.close();
  } finally {
    await started.stop();
  }
});
