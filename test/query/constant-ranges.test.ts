/** Rows as PostgreSQL has them, by ways that what is written in the statement decides: ranges of constants, and comparisons of rows. */
import test from "ava";
import { comparePlansAndRows, type Explained } from "./explained.js";

const definitions = [
  "create table r (id int primary key, a int, b text, c numeric, d date)",
  `insert into r select g, nullif(g % 40, 7), 's' || g % 300, nullif(g % 11, 3), date '2024-01-01' + g % 100
     from generate_series(1, 6000) g`,
  "create index r_ab on r (a, b)",
  "create index r_desc on r (d desc, c desc nulls last)",
  "create index r_mixed on r (c, d desc)",
  "create table many (id int primary key, r int not null references r, k text)",
  "insert into many select g, 1 + g % 6000, 'k' || g % 3 from generate_series(1, 20000) g",
  "create index many_r on many (r)",
];
const loop = /Nested Loop/;
const hash = /Hash (Semi |Anti )?Join/;

const byRow = (columns: string, operator: string, values: string, order: string): string =>
  `select id, a, b, c, d from r where (${columns}) ${operator} (${values}) order by ${order}, id limit 30`;

const ofRows: readonly Explained[] = [
  [byRow("a, b", ">", "12, 's250'", "a, b"), /Index Cond: \(\(a, b\) > \(12, 's250'/],
  [byRow("a, b", ">=", "12, 's252'", "a, b"), /Index Cond: \(\(a, b\) >= \(12, 's252'/],
  [byRow("a, b", "<", "12, 's250'", "a desc, b desc"), /Index Cond: \(\(a, b\) < \(12, 's250'/],
  [byRow("a, b", "<=", "0, 's0'", "a desc, b desc"), /Index Cond: \(\(a, b\) <= \(0, 's0'/],
  [byRow("a, b", ">", "39, 's99'", "a, b"), /Index Cond/],
  [byRow("d, c", "<", "'2024-03-01', 5", "d desc, c desc nulls last"), /Index Cond: \(\(d, c\) < /],
  [byRow("d, c", ">", "'2024-03-01', 5", "d, c nulls first"), /Index Cond: \(\(d, c\) > /],
  // The second column's order is the other way round: only the first one leads.
  [byRow("c, d", ">", "5, '2024-03-01'", "c, d desc"), /Index Cond: \(c >= '5'/],
  [byRow("a, id", ">", "12, 500", "a"), /Index Cond: \(a >= 12/],
  ["select count(*), min(id), max(id) from r where a = 5 and (b, id) > ('s200', 100)", /./],
  ["select count(*), min(id), max(id) from r where (a, b, c) >= (12, 's250', 2)", /./],
  ["select count(*) from r where (a, b) > (12, null) or (a, b) < (2, 's1')", /./],
  ["select count(*) from r where a > 12 or (a = 12 and b < 's2')", /./],
  ["select count(*) from r where a > 12 or (a = 13 and b > 's2')", /./],
  ["select count(*) from r where a > 12 or (a = 12 and b > 's2' and c = 1)", /./],
];

const ofConstants: readonly Explained[] = [
  ["select m.id from many m join r on r.id = m.r where r.id between 100 and 110 order by 1", loop],
  ["select count(*) from many m join r on r.id = m.r where r.id between 100 and 5900", hash],
  [
    "select id from r where id between 50 and 90 and exists (select 1 from many m where m.r = r.id and k = 'k1') order by 1",
    loop,
  ],
  [
    "select id from r where id >= 5990 and not exists (select 1 from many m where m.r = r.id and k = 'k1') order by 1",
    loop,
  ],
  ["select count(*) from r where id > 50 and exists (select 1 from many m where m.r = r.id and k = 'k1')", hash],
  ["select id from r where a in (3, 9) and b between 's10' and 's12' order by 1", /Index Scan using r_ab/],
  ["select count(*), sum(id) from r where a >= 1", /Seq Scan/],
  ["select count(*), sum(id) from r where a > 37", /Index Scan using r_ab/],
  ["select count(*) from r where a between 20 and 10", /./],
  ["select count(*) from r where id between 5 and -5", /./],
];

test("a comparison of rows begins where the index has that place", async (t) => {
  await comparePlansAndRows(t, definitions, ofRows);
});

test("a comparison of rows with a NULL among its values has the rows that are told apart before it", async (t) => {
  const values = "(values (12, null), (null, 's5'), (39, 's99'), (null, null), (20, 's100')) o (x, y)";
  const of = (comparison: string): Explained => [
    `select x, y, (select count(*) || ' ' || coalesce(sum(id), 0) from r where ${comparison}) from ${values} order by 1, 2`,
    /./,
  ];
  await comparePlansAndRows(
    t,
    definitions,
    [
      "(a, b) > (x, y)",
      "(a, b) >= (x, y)",
      "(a, b) < (x, y)",
      "(a, b) <= (x, y)",
      "(a, b, id) > (x, y, 500)",
      "(d, c) < (date '2024-01-01' + x, length(y))",
      "(d, c) > (date '2024-01-01' + x, length(y))",
      "a > x or (a = x and b >= y)",
    ].map(of),
  );
});

test("how many rows lie between constants is looked up before a way is chosen", async (t) => {
  await comparePlansAndRows(t, definitions, ofConstants);
});
