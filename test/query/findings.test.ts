/** What random programs found to be another thing in PostgreSQL 15, each with the fewest statements that show it. */
import test from "ava";
import { shown } from "./fuzz/programs/run.js";
import { withNode } from "./fuzz/programs/target.js";

test("what random programs found is PostgreSQL's", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    const answer = async (sql: string): Promise<string> => {
      const given = await client.query(sql);
      return given.kind === "failed" ? given.sqlState : given.rows.map((row) => row.join("|")).join(" ");
    };
    for (const sql of [
      "create table t (id int primary key, v varchar(8), c char(4), j json, twice int generated always as (id * 2) stored)",
      "insert into t (id, v, c) values (3, 'b', 'x'), (1, 'a', 'y'), (2, 'b', 'x')",
      "create table retyped (n int, s text default 'a', m int, twice int generated always as (m * 2) stored)",
      "insert into retyped (n, m) values (1, 1)",
    ])
      await client.rows(sql);
    // Constants are computed when a statement is planned, whoever asks for them.
    t.is(await answer("select 1 / 0 from t where false"), "22012");
    t.is(await answer("select case when id > 9 then 1 / 0 else id end from t"), "22012");
    t.is(await answer("select 1 / cardinality(array[]::int[]) from t where false"), "22012");
    t.is(await answer("select (array['a', 'b'])[1]::int from t where false"), "22P02");
    t.is(await answer("select '7'::jsonb - array['a', 'd'] from t where false"), "22023");
    t.is(await answer("select id from t where false and 1 / 0 = 1"), "");
    t.is(await answer("select case when false then 1 / 0 else 7 end"), "7");
    // A domain has its own name for whoever asks, and is the type beneath it everywhere else.
    await client.rows("create domain word as text");
    t.is(
      await answer("select pg_typeof('a'::word), pg_typeof('a'::word::text), pg_typeof('a'::word || 'b')"),
      "word|text|text",
    );
    // Powers beyond those that are multiplied out, of numbers below zero: the logarithm is of their size.
    t.is(
      await answer("select (-1.0) ^ 99999999999, (-1.0000000001) ^ 99999999999, (-1.0000000001) ^ 10000000000"),
      "-1.0000000000000000|-22026.465781590837|2.7182818283231311",
    );
    t.is(await answer("select (-2.5) ^ 99999999999"), "22003");
    t.is(await answer("select round((-0.5) ^ 99999999999, 3), round((-3) ^ (-2147483649)::numeric, 3)"), "0.000|0.000");
    // That a column is an identity is told before that it is in the primary key.
    await client.rows("create table counted (id int generated always as identity primary key)");
    t.is(await answer("alter table counted alter column id drop not null"), "42601");
    // Bins are counted by spans that 64 bits hold.
    t.is(await answer("select date_bin('1 day', timestamp '294276-12-31', timestamp '1700-01-01')"), "22008");
    t.is(await answer("select date_bin('1 day', timestamp '1700-01-01', timestamp '294276-12-31')"), "22008");
    t.is(await answer("select date_bin('200000000 days', timestamp '2001-01-01', timestamp '2001-01-01')"), "22008");
    t.is(
      await answer("select date_bin('1 day', timestamp '292000-01-01 05:00', timestamp '2001-01-01')"),
      "292000-01-01 00:00:00",
    );
    // Lists of distinct values are in order.
    t.is(
      await answer("select array_agg(distinct id), string_agg(distinct v, ','), array_agg(distinct -id) from t"),
      "{1,2,3}|a,b|{-3,-2,-1}",
    );
    t.is(await answer("select ('{\"a\": [1, {\"b\": 2}]}'::jsonb)['a'][1]['b']"), "2");
    t.is(await answer("select e.value from jsonb_array_elements('[1, 2]') e"), "1 2");
    t.is(await answer("select count(*) over (order by id rows between current row and 1 preceding) from t"), "42P20");
    t.is(await answer("select id from t where j in ('x', '1')"), "22P02");
    // What cannot be read is told before what is too long.
    t.is(await answer("insert into t (id, c, v) values ('x', 'too long', 'a')"), "22P02");
    t.is(await answer("insert into t (id, c) values (9, 'too long')"), "22001");
    // COPY leaves out what is computed.
    t.is(await answer("copy (select * from t where false) to stdout (format csv, header)"), "id,v,c,j,twice\n");
    t.is(await answer("copy retyped to stdout (format csv, header)"), "n,s,m\n 1,a,1\n");
    const loaded = await client.copyIn("copy retyped from stdin", "5\tb\t6\n");
    t.is(shown(loaded, false).split("\n")[0], "COPY 1");
    // A new type, also when it is the old one.
    await client.rows("alter table retyped alter column n type int using n + 1");
    t.is(await answer("select n, m, twice from retyped order by n"), "2|1|2 6|6|12");
    t.is(await answer("alter table retyped alter column s type int using 1"), "42804");
    t.is(await answer("alter table retyped alter column m type int"), "0A000");
    // Parameters in a list have the type that the list has; alone, that of the operator.
    const types = async (sql: string, values: readonly string[]): Promise<string> => {
      const given = await client.extended(sql, values, "text");
      return given.kind === "rows" ? given.parameterTypes.join(" ") : given.sqlState;
    };
    t.is(await types("select id from t where v in ($1, $2)", ["a", "b"]), "1043 1043");
    t.is(await types("select id from t where v in ($1)", ["a"]), "25");
    const short = await client.extended("select id from t where id = $1", [Buffer.of(0, 1)], "binary");
    t.is(short.kind === "failed" ? short.sqlState : "", "08P01");
    // What a value is, and whom it conflicts with, is told before that nobody may give it.
    await client.rows("create table made (id int primary key, a int, b int generated always as (a + 1) stored)");
    t.is(await answer("insert into made (id, b) values (1, 'x')"), "22P02");
    t.is(await answer("insert into made (id, a, b) values (1, 'x', 2)"), "22P02");
    t.is(await answer("insert into made (id, b) values (1, 2) returning missing"), "42703");
    t.is(await answer("insert into made (id, b) values (1, 2)"), "428C9");
    t.is(await answer("update made set b = 2, a = 'x'"), "22P02");
    t.is(await answer("update made set b = 2"), "428C9");
    t.is(await answer("update made set a = 'x', missing = 1"), "22P02");
    t.is(await answer("update made set a = 'x', id = substr(1.5, 1, 2)"), "42883");
    t.is(await answer("update made set missing = 1, id = substr(1.5, 1, 2)"), "42883");
    t.is(await answer("update made set a = 1, a = missing"), "42703");
    t.is(await answer("update made set a = 1, a = 2"), "42601");
    t.is(await answer("update made set b = 1, b = 2"), "42601");
    t.is(await answer("update made set a = 'x' returning 1 / true"), "42883");
    t.is(await answer("insert into made (id) values (1, 'x'::int)"), "22P02");
    t.is(await answer("insert into made (id) values (1) on conflict (a) do update set a = true"), "42804");
    t.is(await answer("insert into made (id) values (1) on conflict (a) do update set missing = 1"), "42703");
    t.is(await answer("insert into made (id) values (1) on conflict (a) do update set a = 1"), "42P10");
    t.is(await answer("with w as (insert into made (id, b) values (1, 2)) select missing"), "42703");
    // The scale of a power hangs on eight digits of a logarithm; a base that is minus infinity is negative too.
    t.is(await answer("select power(1e10, -2.5)"), "0.0000000000000000000000001000000000000000");
    t.is(await answer("select power('-Infinity'::numeric, -2.5)"), "2201F");
    t.is(await answer("select power('-Infinity'::numeric, -2), power('-Infinity'::numeric, 3)"), "0|-Infinity");
    t.is(await answer("select width_bucket(2, '{NULL,1}'::int[])"), "22004");
    t.is(await answer("select '1999-12-31 23:59:59'::interval"), "22015");
    t.is(await answer("select '1999-12-31 23:59:59+02'::interval"), "22007");
    // A computed column is not for COPY, in either direction.
    t.is(await answer("copy made (id, b) to stdout"), "42P10");
    for (const [columns, state] of [
      ["id, b", "42P10"],
      ["b, missing", "42P10"],
      ["missing, b", "42703"],
    ] as const)
      t.is(shown(await client.copyIn(`copy made (${columns}) from stdin`, "1\t2\n"), false), state);
    const received = async (type: string, hex: string): Promise<string> =>
      shown(await client.extended(`select $1::${type} as v`, [Buffer.from(hex, "hex")], "text"), true)
        .split("\n")
        .at(-1) ?? "";
    for (const [type, hex, expected] of [
      ["jsonb", "", "08P01"],
      ["jsonb", "02", "XX000"],
      // Arrays of 7 dimensions, of 2^31 - 1 and -1 items, that begin at 2^31 - 1, with flag 5, of texts.
      ["int4[]", "00000007", "54000"],
      ["int4[]", "0000000100000000000000177fffffff00000001", "54000"],
      ["int4[]", "000000010000000000000017ffffffff00000001", "54000"],
      ["int4[]", "000000010000000000000017000000017fffffff", "54000"],
      ["int4[]", "000000020000000000000017000100000000000100010000000000017fffffff", "54000"],
      ["int4[]", "000000010000000500000017", "22P03"],
      ["int4[]", "000000010000000000000019", "42804"],
      // An item longer than what there is, one too short for its type, bytes behind the last one, none.
      ["text[]", "000000010000000000000019000000010000000100000005", "22P03"],
      ["int4[]", "00000001000000000000001700000001000000010000000200010002", "08P01"],
      ["int4[]", "0000000000000000000000170000", "22P03"],
      ["int4[]", "000000000000000000000017", "{}"],
      ["int4[]", "0000000100000001000000170000000200000001ffffffff0000000400000007", "{NULL,7}"],
    ] as const)
      t.is(await received(type, hex), expected, `${type} ${hex}`);
    client.close();
  });
});

test("a literal of a query's output has no type until all of the query is known", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    const answer = async (sql: string): Promise<string> => {
      const given = await client.query(sql);
      return given.kind === "failed" ? given.sqlState : given.tag;
    };
    await client.rows("create table t (i int, d date, s text)");
    await client.rows("create domain positive as int check (value > 0)");
    for (const [sql, expected] of [
      // Columns become their targets' in order, after the query and its width.
      ["insert into t (i, d) select true, 'x'", "42804"],
      ["insert into t (i, d) select 'x', 'y'", "22P02"],
      ["insert into t (i) select 'x' where 1", "42804"],
      ["insert into t (i) select 'x', 'y'", "42601"],
      ["insert into t (i) select 'x' where false", "22P02"],
      ["insert into t (i, d) select '1', generate_series(timestamp '2020-01-01', '2020-01-02', '1 day')", "INSERT 0 2"],
      // What is sorted, grouped or compared by has become a text before.
      ["insert into t (i) select '1' order by 1", "42804"],
      ["insert into t (i) select '1' group by 1", "42804"],
      ["insert into t (i) select distinct '1'", "42804"],
      ["insert into t (i) select distinct on (x) '1' from (select 'a') q (x)", "INSERT 0 1"],
      ["insert into t (i) select null union all select null", "42804"],
      ["insert into t (i) values ('1') limit 1", "42804"],
      ["insert into t (i) select '1' limit 1", "INSERT 0 1"],
      ["select null union select null union select 1", "42804"],
      ["select 1 union select null union select null", "SELECT 2"],
      ["select 1 union (select 'x' limit 0)", "22P02"],
      ["select 'x', 'a' union select 1, 2", "22P02"],
      ["select 1 union values ('1')", "42804"],
      ["select 1::positive union select -5", "SELECT 2"],
      // The term that recurs tells the first one's literals what they are, and is told by its columns.
      ["with recursive r as (select 'a' union all select 1 from r where false) select * from r", "22P02"],
      ["with recursive r as (select '1' union all select 1 from r where false) select * from r", "42804"],
      ["with recursive r as (select 1 union all select '2' from r where false) select * from r", "SELECT 1"],
      ["with recursive r as (select 'a'::varchar(3) union all select 'b' from r where false) select * from r", "42804"],
      ["with recursive r as (select 1::positive union all select 2 from r where false) select * from r", "42804"],
      // PREPARE tells what is wrong, as EXECUTE would.
      ["prepare p as insert into t (i) select $1 order by 1", "42804"],
      ["prepare p as select missing", "42703"],
      ["prepare p as insert into t (i) select $1 union select 1", "PREPARE"],
    ] as const)
      t.is(await answer(sql), expected, sql);
    client.close();
  });
});

test("CLUSTER goes by an index of the table, that of the last time unless one is named", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    await client.rows("create table t (i int primary key, s text)");
    await client.rows("create index t_s on t (s)");
    await client.rows("create index t_part on t (s) where i > 3");
    await client.rows("create table other (i int primary key)");
    await client.rows("create view v as select * from t");
    const chosen = "select indexrelid::regclass::text from pg_index where indisclustered";
    for (const [sql, expected] of [
      ["cluster t", "42704"],
      ["cluster t using missing", "42704"],
      ["cluster t using other_pkey", "42809"],
      ["cluster t using t", "42809"],
      ["cluster t using t_part", "0A000"],
      ["cluster v", "42809"],
      ["cluster missing", "42P01"],
      ["cluster t using t_s", ""],
      [chosen, "t_s"],
      ["alter table t cluster on t_pkey", ""],
      [chosen, "t_pkey"],
      ["cluster t", ""],
      ["begin", ""],
      ["cluster", "25001"],
      ["rollback", ""],
      ["cluster", ""],
      ["alter table t set without cluster", ""],
      [chosen, ""],
      ["cluster t", "42704"],
    ] as const) {
      const given = await client.query(sql);
      t.is(given.kind === "failed" ? given.sqlState : given.rows.join(), expected, sql);
    }
    client.close();
  });
});

test("windows are bound behind all else of a query, those of WINDOW first and whether used or not", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    await client.rows("create table t (id int primary key, v text)");
    const told = async (sql: string): Promise<string> => {
      const given = await client.query(sql);
      return given.kind === "failed" ? given.message : given.rows.join();
    };
    const absent = 'column "absent" does not exist';
    t.is(await told("select rank() over (order by missing) from t where absent"), absent);
    t.is(await told("select rank() over (order by missing) from t order by absent"), absent);
    t.is(
      await told("select rank() over w, rank() over (order by missing) from t window w as (order by absent)"),
      absent,
    );
    t.is(await told("select id from t window w as (order by absent)"), absent);
    t.is(await told("select id from t window w as (), w as ()"), 'window "w" is already defined');
    t.is(await told("select id from t window b as (a), a as ()"), 'window "a" does not exist');
    await client.rows("insert into t select generate_series(1, 20)");
    const sameTwice = "select distinct row_number() over w = rank() over w from t window w as (order by random())";
    t.is(await told(sameTwice), "t");
    client.close();
  });
});

test("a transaction that only reads draws no numbers and locks no rows, and rows of the past are not locked", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of ["create table t (id int)", "create sequence s", "insert into t values (1)"])
      await client.rows(sql);
    const at = String((await client.rows("show kimberlite.position"))[0]?.[0]);
    const told = async (sql: string): Promise<string> => {
      const given = await client.query(sql);
      return given.kind === "failed" ? `${given.sqlState} ${given.message}` : given.rows.join();
    };
    const inReading = async (sql: string): Promise<string> => {
      await client.rows("start transaction read only");
      const given = await told(sql);
      await client.rows("rollback");
      return given;
    };
    for (const [sql, name] of [
      ["select id from t for update", "SELECT FOR UPDATE"],
      ["select count(*) from (select id from t for key share) x", "SELECT FOR KEY SHARE"],
      ["explain analyze delete from t", "DELETE"],
      ["truncate t", "TRUNCATE TABLE"],
      ["copy t from stdin", "COPY FROM"],
      ["select nextval('s')", "nextval()"],
      ["select setval('s', 3)", "setval()"],
    ] as const)
      t.is(await inReading(sql), `25006 cannot execute ${name} in a read-only transaction`);
    t.is(await inReading("select nextval('s') from t where false"), "");
    await client.rows("delete from t");
    await client.rows(`set kimberlite.as_of = '${at}'`);
    t.is(await told("select id from t"), "1");
    t.is(
      await told("select id from t for share"),
      "25006 cannot execute SELECT FOR SHARE while kimberlite.as_of is set",
    );
    client.close();
  });
});

test("space around and in values is ASCII's: what Unicode calls so is text, and a byte order mark at a value's beginning stays", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    const told = async (sql: string): Promise<string> => {
      const given = await client.query(sql);
      return given.kind === "failed" ? given.sqlState : given.rows.join();
    };
    for (const space of ["\u00a0", "\ufeff", "\u2003", "\u3000"]) {
      t.is(await told(`select array['${space}', 'a${space}b'], array['a b']`), `{${space},a${space}b},{"a b"}`);
      t.is(await told(`select ('${space}', 1)::text, '{ ${space} , a}'::text[]`), `(${space},1),{${space},a}`);
      for (const [value, type, state] of [
        ["true", "bool", "22P02"],
        ["1", "int", "22P02"],
        ["1.5", "float8", "22P02"],
        ["2020-01-02", "date", "22007"],
        ["1 day", "interval", "22007"],
        ["{1}", "int[]", "22P02"],
        ["pg_class", "regclass", "42P01"],
      ] as const) {
        t.is(await told(`select '${space}${value}'::${type}`), state, `${type} behind ${space.codePointAt(0)}`);
        t.is(await told(`select '${value}${space}'::${type}`), state, `${type} before ${space.codePointAt(0)}`);
        t.is(await told(`select ' \t${value}\n'::${type} is null`), "f");
      }
    }
    await client.rows('create table "Ée" (i int)');
    t.is(await told("select 'Ée'::regclass, parse_ident('Ée')"), '"Ée",{Ée}');
    t.is(await told("select set_config('statement_timeout', '\\u00a05s', false)"), "22023");
    await client.rows('create schema "É"');
    await client.rows("set search_path to É");
    t.is(await told("select current_schema"), "É");
    await client.rows("create table t (id int)");
    t.is((await client.copyIn("copy t from stdin (format csv, header match)", "\ufeffid\n1\n")).kind, "failed");
    client.close();
  });
});
