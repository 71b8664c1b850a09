/** What wrote a row, `xmin`, on a node: beside open transactions, after a new start, in the past, and in both formats. */
import test from "ava";
import { typeOid } from "../../runtime/query/types/sql-type.js";
import { type ParameterValue, PostgresClient } from "../query/postgres/client.js";
import { startTarget } from "./clients/target.js";
import { restartedNode, rowsOf } from "./restarted-node.js";

const postgres = { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null } as const;

test("a version that was told before its commit finds its row after a new start, and in the past", async (t) => {
  const run = restartedNode(t);
  let [then, told, alone] = ["", "", ""];
  await run(async (client) => {
    await rowsOf(client, "create table parts (id int primary key, name text)");
    await rowsOf(client, "insert into parts values (1, 'bolt'), (2, 'nut'), (3, 'pin')");
    await rowsOf(client, "begin");
    told = await rowsOf(client, "update parts set name = 'screw' where id = 1 returning xmin");
    await rowsOf(client, "update parts set name = 'wing nut' where id = 2");
    await rowsOf(client, "commit");
    alone = await rowsOf(client, "update parts set name = 'split pin' where id = 3 returning xmin");
    then = await rowsOf(client, "select max(position) from kimberlite.commits");
    await rowsOf(client, "update parts set name = 'rod' where id = 1");
    t.is(await rowsOf(client, `select count(*) from parts where id = 1 and xmin = '${told}'`), "0");
  });
  await run(async (client) => {
    const wrote = `select id from parts for system_time as of position ${then} where xmin =`;
    t.is(await rowsOf(client, `${wrote} '${told}' order by id`), "1 2");
    t.is(await rowsOf(client, `${wrote} '${alone}'`), "3");
    t.is(await rowsOf(client, `select id from parts where xmin = '${told}'`), "2");
    const next = await rowsOf(client, `update parts set name = 'pin' where xmin = '${alone}' returning xmin`);
    t.not(next, "", "the row was not changed since");
    t.false([told, alone, ""].includes(next), "numbers go on after a new start");
  });
});

test("of a row that no transaction has told of, it is the position that wrote it", async (t) => {
  const run = restartedNode(t);
  await run(async (client) => {
    await rowsOf(client, "create table first as select 1 as a");
    t.is(await rowsOf(client, "select max(position) from kimberlite.commits"), "0");
    const first = await rowsOf(client, "select xmin from first");
    await rowsOf(client, "create table notes (said text)");
    // Also where there are rows that no position has yet.
    await rowsOf(client, "begin");
    await rowsOf(client, "insert into notes values ('none')");
    t.is(await rowsOf(client, "select xmin from first"), first);
    await rowsOf(client, "rollback");
    await rowsOf(client, "create table more ()");
    await rowsOf(client, "insert into notes values ('a'), ('b')");
    const position = await rowsOf(client, "select max(position) from kimberlite.commits");
    t.is(await rowsOf(client, "select xmin from notes"), `${position} ${position}`);
    await rowsOf(client, "update notes set said = 'c' where said = 'a'");
    const versions = "select said, from_position = xmin::text::bigint from notes for system_time all order by said";
    t.is(await rowsOf(client, versions), "a|t b|t c|t");
  });
});

test("no two transactions are told the same, whichever of them are rolled back or wait, and of two that change a row by its version one does", async (t) => {
  const { target, stop } = await startTarget({ postgres });
  const open: PostgresClient[] = [];
  const connect = async (): Promise<PostgresClient> => {
    const client = await PostgresClient.connect(target);
    open.push(client);
    return client;
  };
  try {
    const [first, second, third] = [await connect(), await connect(), await connect()];
    await rowsOf(first, "create table parts (id int primary key, left_over int)");
    await rowsOf(first, "insert into parts values (1, 0), (2, 0), (3, 0)");
    const told: string[] = [];
    const change = async (client: PostgresClient, id: number): Promise<void> => {
      told.push(await rowsOf(client, `update parts set left_over = left_over + 1 where id = ${id} returning xmin`));
    };
    await rowsOf(first, "begin");
    await change(first, 1);
    await rowsOf(second, "begin");
    await change(second, 2);
    await rowsOf(second, "rollback");
    await rowsOf(third, "begin");
    await change(third, 3);
    const waits = change(third, 1);
    await rowsOf(first, "commit");
    await waits;
    await rowsOf(third, "commit");
    await change(second, 2);
    // The third was told twice, of two rows, the same.
    t.is(told.length, 5);
    t.is(told[2], told[3]);
    t.is(new Set(told).size, 4);
    t.is(await rowsOf(first, `select count(*) from parts where xmin = '${told[2]}'`), "2");

    const seen = await rowsOf(first, "select xmin from parts where id = 1");
    const both = [first, second].map((client) =>
      rowsOf(client, `update parts set left_over = 9 where id = 1 and xmin = '${seen}' returning id`),
    );
    t.deepEqual((await Promise.all(both)).sort(), ["", "1"]);
  } finally {
    for (const client of open) client.close();
    await stop();
  }
});

test("a client is given it, and gives it back, as four bytes", async (t) => {
  const { target, stop } = await startTarget({ postgres });
  const client = await PostgresClient.connect(target);
  try {
    await rowsOf(client, "create table parts (id int primary key, name text)");
    const xidOf = async (sql: string, values: readonly ParameterValue[]): Promise<string> => {
      const answer = await client.extended(sql, values, "binary");
      if (answer.kind === "failed") throw new Error(answer.message);
      t.is(answer.columns[0]?.type, typeOid.xid);
      return answer.rows[0]?.[0] ?? "none";
    };
    const inserted = await xidOf("insert into parts values (1, 'bolt') returning xmin", []);
    const update = "update parts set name = $1 where id = 1 and xmin = $2 returning xmin";
    const updated = await xidOf(update, ["nut", Buffer.from(inserted, "hex")]);
    t.deepEqual([inserted.length, updated.length, inserted === updated], [8, 8, false]);
    t.is(await xidOf(update, ["pin", Buffer.from(inserted, "hex")]), "none");
    t.is(await xidOf("select xmin from parts", []), updated);
  } finally {
    client.close();
    await stop();
  }
});
