/** Rows that come in the order that is asked for, so that a limit ends the reading: below joins, of both halves of UNION ALL, by DISTINCT ON. */
import test from "ava";
import { comparePlansAndRows, type Explained } from "./explained.js";

const definitions = [
  "create table makers (id int primary key, name text, rank int)",
  "insert into makers select g, 'maker ' || g % 25, nullif(g * 7 % 40, 3) from generate_series(1, 3000) g",
  "create table goods (id int primary key, maker int references makers, price int, sold int)",
  "insert into goods select g, nullif((g * 7) % 3100 + 1, 5000) % 2999 + 1, g * 13 % 60, nullif(g * 31 % 500, 7) from generate_series(1, 9000) g",
  "create index on goods (maker, price)",
  "create index on goods (sold)",
  "create table notes (good int references goods, line int, text text, primary key (good, line))",
  "insert into notes select g % 8000 + 1, g / 8000, 'note ' || g from generate_series(0, 15999) g",
  "create table old (id int primary key, maker int, sold int)",
  "insert into old select g, g % 90, nullif(g % 450, 7) from generate_series(5, 2000, 3) g",
  "create index on old (sold)",
];

const unsorted = (plan: RegExp): RegExp => new RegExp(`^(?![\\s\\S]*Sort(?! Key))[\\s\\S]*${plan.source}`);
const bitByBit = (plan: RegExp): RegExp => new RegExp(`Incremental Sort[\\s\\S]*${plan.source}`);

const joined: readonly Explained[] = [
  [
    "select g.id, m.name from goods g join makers m on m.id = g.maker order by g.id desc limit 7",
    unsorted(/Nested Loop/),
  ],
  [
    "select g.id, m.name from makers m, goods g where m.id = g.maker and g.price > 20 order by g.id limit 7 offset 30",
    unsorted(/Nested Loop/),
  ],
  [
    "select g.id, m.id from goods g left join makers m on m.id = g.maker and m.rank < 9 order by g.id limit 40",
    unsorted(/Nested Loop Left/),
  ],
  [
    "select g.id from goods g where exists (select 1 from notes n where n.good = g.id and n.line = 1) order by g.id limit 9",
    unsorted(/Nested Loop Semi/),
  ],
  [
    "select g.id from goods g where not exists (select 1 from notes n where n.good = g.id) order by g.id limit 9",
    unsorted(/Nested Loop Anti/),
  ],
  [
    "select g.sold, g.id, n.line, m.name from notes n join goods g on g.id = n.good join makers m on m.id = g.maker order by g.sold desc, g.id, n.line limit 300",
    bitByBit(/Nested Loop/),
  ],
  [
    "select m.id, l.id from makers m, lateral (select id from goods g where g.maker = m.id order by price desc, id limit 1) l order by m.id limit 9",
    /^Limit\s+->\s+Nested Loop/,
  ],
  [
    "select m.id, l.id from makers m left join lateral (select id from goods g where g.maker = m.id and g.price > 50 order by id limit 2) l on true order by m.id, l.id limit 30",
    bitByBit(/Nested Loop Left/),
  ],
];

const beyond: readonly Explained[] = [
  [
    "select sold, id from goods where (sold, id) > (400, 77) order by sold, id limit 5",
    /Presorted Key: sold[\s\S]*Index Cond: \(sold >= 400\)/,
  ],
  [
    "select id from goods where sold > 480 order by sold desc, id limit 5",
    /Presorted[\s\S]*Index Cond: \(sold > 480\)/,
  ],
];

const merged: readonly Explained[] = [
  ["select id, maker from goods union all select id, maker from old order by id limit 12", unsorted(/Merge Append/)],
  [
    "select id, sold from goods union all select id, sold from old order by sold, id limit 50",
    /Merge Append[\s\S]*Sort/,
  ],
  [
    "select id, sold from goods union all select id, sold from old order by sold desc nulls first, id desc limit 60",
    /Merge Append/,
  ],
  [
    "select id from goods where id > 8990 union all select id from old where id > 1990 union all select id from makers where id > 2990 order by id desc limit 35 offset 3",
    unsorted(/Merge Append[\s\S]*Merge Append/),
  ],
  // No half may end after so many rows: the condition above leaves some of them out.
  [
    "select id from (select id, maker from goods union all select id, maker from old) u where maker % 2 = 0 order by id limit 30",
    /Merge Append/,
  ],
  [
    "select u.id, m.name from (select id, maker from goods union all select id, maker from old) u join makers m on m.id = u.maker order by u.id limit 30",
    /Merge Append/,
  ],
];

const first: readonly Explained[] = [
  ["select distinct on (maker) maker, price, id from goods order by maker, price, id limit 6", bitByBit(/Index Scan/)],
  [
    "select distinct on (sold) sold, id from goods order by sold desc nulls last, id limit 6",
    /Unique[\s\S]*Index Scan Backward|Unique[\s\S]*Sort/,
  ],
];

test("a limit ends the reading below joins that look up, in merged halves and in first rows of each value", async (t) => {
  await comparePlansAndRows(t, definitions, [...beyond, ...joined, ...merged, ...first]);
});

test("what is far behind an offset is joined at once and sorted", async (t) => {
  await comparePlansAndRows(t, definitions, [
    ["select g.id, m.name from goods g join makers m on m.id = g.maker order by g.id limit 7 offset 8000", /Hash Cond/],
  ]);
});
