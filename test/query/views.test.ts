/** Views mean the same whatever names their tables get, and whatever is added to them; what they read cannot go without them. */
import test from "ava";
import { shown } from "./fuzz/programs/run.js";
import { withNode } from "./fuzz/programs/target.js";

test("views follow tables, columns and schemas to their new names, and pin what * and NATURAL stood for", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    const lines = async (sql: string): Promise<string> =>
      (await client.rows(sql)).map((row) => row.join("|")).join(" ");
    const stateOf = async (sql: string): Promise<string> => {
      const answer = await client.query(sql);
      return answer.kind === "failed" ? `${answer.sqlState} ${answer.message}` : shown(answer, true);
    };
    for (const sql of [
      "create schema store",
      "create table store.a (id int primary key, x int, gone int)",
      "create table b (id int primary key, y text)",
      "insert into store.a values (1, 10, 0), (2, 20, 0)",
      "insert into b values (1, 'p'), (2, 'q')",
      "create view joined as select * from store.a join b using (id)",
      "create view shared as select * from store.a natural join b",
      "create view chosen as select a.id, x + 1 as next, y from store.a, b where a.id = b.id",
      "create view above as select next from chosen",
      // A column of the same type before those of `b`, and one with a name that both tables then share.
      "alter table store.a add column y text default 'new'",
    ])
      await client.rows(sql);
    t.is(await lines("select * from joined order by 1"), "1|10|0|p 2|20|0|q");
    t.is(await lines("select * from shared order by 1"), "1|10|0|p 2|20|0|q");
    await client.rows("alter table store.a rename column x to price");
    await client.rows("alter table store.a rename to items");
    await client.rows("alter schema store rename to shop");
    await client.rows("alter table b set schema shop");
    await client.rows("alter view chosen rename to picked");
    t.is(await lines("select * from joined order by 1"), "1|10|0|p 2|20|0|q");
    t.is(await lines("select next from picked order by 1"), "11 21");
    t.is(await lines("select * from above order by 1"), "11 21");
    t.is(
      await stateOf("alter table shop.items drop column price"),
      "2BP01 cannot drop column price of table shop.items because other objects depend on it",
    );
    t.is(
      await stateOf("alter table shop.items alter column price type bigint"),
      "0A000 cannot alter type of a column used by a view or rule",
    );
    // What no view reads may go; columns behind it keep their names.
    await client.rows("drop view joined, shared");
    await client.rows("alter table shop.items drop column gone");
    t.is(await lines("select * from picked order by 1"), "1|11|p 2|21|q");
    await client.rows("alter table shop.items drop column price cascade");
    t.regex(await stateOf("select * from picked"), /^42P01/u);
    t.regex(await stateOf("select * from above"), /^42P01/u);
    client.close();
  });
});

test("columns that a view names with the schema of their table are found when the table has another name", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    const lines = async (sql: string): Promise<string> =>
      (await client.rows(sql)).map((row) => row.join("|")).join(" ");
    for (const sql of [
      "create schema store",
      "create table store.a (id int, x int)",
      "insert into store.a values (1, 10), (-2, 20)",
      "create view picked as select store.a.id, a.x from store.a where store.a.id > 0",
      "create view paired as select o.id as o, store.a.x as y, store.a.* from store.a join store.a o on o.x = store.a.x",
      "alter table store.a rename column x to price",
    ])
      await client.rows(sql);
    t.is(await lines("select * from picked"), "1|10");
    await client.rows("alter schema store rename to shop");
    t.is(await lines("select * from picked"), "1|10");
    await client.rows("alter table shop.a rename to items");
    await client.rows("alter table shop.items set schema public");
    t.is(await lines("select * from picked"), "1|10");
    t.is(await lines("select * from paired order by 1"), "-2|20|-2|20 1|10|1|10");
    client.close();
  });
});
