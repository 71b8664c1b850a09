/** Composite types on a node: their past, a new start, and the binary format of their values, in parameters, results and COPY. */
import test from "ava";
import { PostgresClient } from "../query/postgres/client.js";
import { startTarget } from "./clients/target.js";
import { restartedNode, rowsOf } from "./restarted-node.js";

const postgres = { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null } as const;

test("rows of a composite type are there after a new start, and are read under the type that there was", async (t) => {
  const run = restartedNode(t);
  let then = "";
  await run(async (client) => {
    await rowsOf(client, "create type place as (street text, number int)");
    await rowsOf(client, "create type person as (name varchar(5), lives place, others place[])");
    await rowsOf(client, "create table members (id int primary key, p person, q place default '(here,1)')");
    await rowsOf(client, `insert into members values (1, row('ann', row('main',3), array[row('side',4)::place]))`);
    await rowsOf(client, "insert into members (id, p.lives.number) values (2, 7)");
    then = await rowsOf(client, "select max(position) from kimberlite.commits");
    await rowsOf(client, "alter type place rename attribute number to no");
    await rowsOf(client, "update members set p.lives.street = 'new' where id = 1");
    await rowsOf(client, "alter table members drop column q");
  });
  const shown = "select p, (p).lives.street, to_json((p).lives) from members order by id";
  await run(async (client) => {
    t.is(
      await rowsOf(client, shown),
      `(ann,"(new,3)","{""(side,4)""}")|new|{"street":"new","no":3} (,"(,7)",)||{"street":null,"no":7}`,
    );
    await rowsOf(client, `set kimberlite.as_of = '${then}'`);
    t.is(
      await rowsOf(client, shown),
      `(ann,"(main,3)","{""(side,4)""}")|main|{"street":"main","number":3} (,"(,7)",)||{"street":null,"number":7}`,
    );
    t.is(await rowsOf(client, "select q from members order by id"), "(here,1) (here,1)");
    await rowsOf(client, "reset kimberlite.as_of");
    await rowsOf(client, "alter table members drop column p");
    await rowsOf(client, "alter type place alter attribute no type text, add attribute town text");
  });
  await run(async (client) => {
    t.is(await rowsOf(client, "select '(a,b,c)'::place, ('(a,b,c)'::place).no"), "(a,b,c)|b");
    await rowsOf(client, `set kimberlite.as_of = '${then}'`);
    t.is(
      await rowsOf(client, "select ((p).lives).number + 1, '(a,2)'::place from members order by id"),
      "4|(a,2) 8|(a,2)",
    );
    const failed = await client.query("select '(a,b,c)'::place");
    t.is(failed.kind === "failed" ? failed.sqlState : "", "22P02");
  });
});

test("an attribute that a stored definition may mean keeps its name, and one whose values are stored its type", async (t) => {
  const run = restartedNode(t);
  await run(async (client) => {
    const stateOf = async (sql: string): Promise<string> => {
      const answer = await client.query(sql);
      return answer.kind === "failed" ? answer.sqlState : answer.tag;
    };
    await rowsOf(client, "create type pair as (a int, b int, c int)");
    await rowsOf(client, "create type holder as (p pair, n int)");
    await rowsOf(client, "create table t (h holder)");
    await rowsOf(client, "create view v as select ((h).p).a from t");
    await rowsOf(client, "create view u as select x.b from unnest(array[row(1,2,3)::pair]) x");
    t.is(await stateOf("alter type pair rename attribute a to z"), "0A000");
    t.is(await stateOf("alter type pair rename attribute b to z"), "0A000");
    t.is(await stateOf("alter type pair rename attribute c to z"), "ALTER TYPE");
    for (const change of ["add attribute d int", "drop attribute z", "alter attribute z type text"])
      t.is(await stateOf(`alter type pair ${change}`), "0A000", change);
    t.is(await stateOf("drop type pair cascade"), "0A000", "rows of the type that has it within are stored");
    await rowsOf(client, "drop view u");
    await rowsOf(client, "drop table t cascade");
    t.is(await stateOf("alter type pair add attribute d int, drop attribute a, rename attribute b to y"), "42601");
    t.is(
      await stateOf("alter type pair add attribute d int, drop attribute a, alter attribute b type text"),
      "ALTER TYPE",
    );
    t.is(await rowsOf(client, "select '(x,2,3)'::pair, '(\"(x,2,3)\",5)'::holder"), '(x,2,3)|("(x,2,3)",5)');
    t.is(await stateOf("alter type pair add attribute h holder"), "42P16");
    const many = Array.from({ length: 1_601 }, (_, index) => `c${index} int`).join(", ");
    t.is(await stateOf(`create type wide as (${many})`), "54011");
    t.is(await stateOf("drop type pair cascade"), "DROP TYPE");
    t.is(await rowsOf(client, "select '(5)'::holder"), "(5)");
  });
});

const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** The binary form of a row of fields with their types. */
const rowBytes = (fields: readonly (readonly [type: number, bytes: Buffer | null])[]): Buffer =>
  Buffer.concat([
    int4(fields.length),
    ...fields.flatMap(([type, bytes]) => [int4(type), int4(bytes?.length ?? -1), bytes ?? Buffer.alloc(0)]),
  ]);

test("rows travel in the binary format as their fields, each with its type", async (t) => {
  const started = await startTarget({ postgres });
  t.teardown(() => started.stop());
  const { host, port, user, database } = started.target;
  const client = await PostgresClient.connect({ host, port, user, database });
  await rowsOf(client, "create type pair as (a int, b text)");
  await rowsOf(client, "create table pairs (id int primary key, p pair, ps pair[])");
  const type = Number(await rowsOf(client, "select 'pair'::regtype::oid"));
  const array = Number(await rowsOf(client, "select 'pair[]'::regtype::oid"));
  t.is(await rowsOf(client, `select typtype, typarray from pg_type where oid = ${type}`), `c|${array}`);
  const seven = rowBytes([
    [23, int4(7)],
    [25, Buffer.from("a b")],
  ]);
  const none = rowBytes([
    [23, null],
    [25, null],
  ]);
  const insert = "insert into pairs values ($1, $2, $3) returning p, ps";
  const made = await client.extended(insert, ["1", seven, `{"(1,x)",NULL}`], "binary");
  if (made.kind !== "rows") throw new Error(`a row in the binary format is read: ${made.message}`);
  t.deepEqual(made.parameterTypes, [23, type, array]);
  t.deepEqual(
    made.columns.map((column) => column.type),
    [type, array],
  );
  t.is(made.rows[0]?.[0], seven.toString("hex"));
  const one = rowBytes([
    [23, int4(1)],
    [25, Buffer.from("x")],
  ]);
  t.is(
    made.rows[0]?.[1],
    Buffer.concat([int4(1), int4(1), int4(type), int4(2), int4(1), int4(one.length), one, int4(-1)]).toString("hex"),
  );
  const text = await client.extended(insert, ["2", "(8,)", null], "text");
  t.deepEqual(text.kind === "rows" ? text.rows : text.message, [["(8,)", null]]);
  t.is(await rowsOf(client, "select id, p is null from pairs order by id"), "1|f 2|f");
  const failures: readonly (readonly [bytes: Buffer, state: string, message: string])[] = [
    [rowBytes([[23, int4(7)]]), "42804", "wrong number of columns: 1, expected 2"],
    [
      rowBytes([
        [20, Buffer.alloc(8)],
        [25, null],
      ]),
      "42804",
      "binary data has type 20 (bigint) instead of expected 23 (integer) in record column 1",
    ],
    [seven.subarray(0, 10), "08P01", "insufficient data left in message"],
    [
      rowBytes([
        [23, Buffer.alloc(5)],
        [25, null],
      ]),
      "22P03",
      "incorrect binary data format",
    ],
    [Buffer.concat([none, Buffer.alloc(1)]), "22P03", "incorrect binary data format"],
  ];
  for (const [bytes, state, message] of failures) {
    const failed = await client.extended(insert, ["3", bytes, null], "text");
    t.deepEqual(failed.kind === "failed" ? [failed.sqlState, failed.message] : [failed.kind], [state, message]);
  }
  client.close();
});
