/** How joins are planned where it matters: what disjunctions say beside themselves, and look-ups that are no match for one scan. */
import test from "ava";
import { withNode } from "./fuzz/programs/target.js";

const definitions = [
  "create table brands (id int primary key, name text, size int)",
  "insert into brands select g, 'brand ' || g % 25, g % 50 from generate_series(1, 3000) g",
  "create table sales (id int primary key, brand int, count int, flag char(1))",
  "insert into sales select g, (g * 7) % 3000 + 1, g % 60, case g % 3 when 0 then 'R' else 'N' end from generate_series(1, 9000) g",
];

const inner = "select count(*), sum(s.id) from sales s, brands b where ";

test("what all branches of a disjunction share joins the tables, and each table is told its part", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    const planOf = async (sql: string): Promise<string> =>
      (await client.rows(`explain ${sql}`)).map(([line]) => line).join("\n");
    const answer = async (sql: string): Promise<string> => (await client.rows(sql))[0]?.join("|") ?? "";

    const branch = (name: string, from: number): string =>
      `(b.id = s.brand and b.name = '${name}' and s.count between ${from} and ${from + 10})`;
    const whole = `${inner} ${branch("brand 7", 5)} or ${branch("brand 9", 20)}`;
    const plan = await planOf(whole);
    t.regex(plan, /Hash Cond|Index Cond/, "no table is run through for each row of the other");
    t.regex(plan, /Filter: .*b\.name = 'brand 7'.* OR .*b\.name = 'brand 9'/);
    t.is(
      await answer(whole),
      await answer(
        `select count(*), sum(id) from (select s.id from sales s join brands b on b.id = s.brand where b.name = 'brand 7' and s.count between 5 and 15 union all select s.id from sales s join brands b on b.id = s.brand where b.name = 'brand 9' and s.count between 20 and 30) x`,
      ),
    );

    // A branch that says no more than what is shared; one that says nothing of a table; unknown beside false.
    const same = `${inner} b.id = s.brand and (b.size = 3 or (b.size = 3 and s.count = 4))`;
    t.is(await answer(same), await answer(`${inner} b.id = s.brand and b.size = 3`));
    const half = `${inner} b.id = s.brand and (b.size = 3 or s.count = 4)`;
    t.is(
      await answer(half),
      await answer(
        "select count(*), sum(s.id) from sales s join brands b on b.id = s.brand where not (b.size <> 3 and s.count <> 4)",
      ),
    );
    const unknown = `${inner} b.id = s.brand and ((b.size = 3 and nullif(s.count, 4) = 4) or (b.size = 3 and s.count = 5))`;
    t.is(await answer(unknown), await answer(`${inner} b.id = s.brand and b.size = 3 and s.count = 5`));
  });
});

test("a third of a large table is joined by hashing, one row by looking it up", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    const planOf = async (where: string): Promise<string> =>
      (await client.rows(`explain ${inner} b.id = s.brand and ${where}`)).map(([line]) => line).join("\n");
    t.regex(await planOf("s.flag = 'R'"), /Hash Cond/);
    t.regex(await planOf("s.id = 17"), /Primary Key Scan on brands/);
  });
});
