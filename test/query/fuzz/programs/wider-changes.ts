/** Changes that are rarer: many rows at once, keys of partial indexes in ON CONFLICT, several columns of a subquery, locks, views that are stored, a session's time zone. */
import type { Random } from "../expressions.js";
import { condition, type Step } from "./queries.js";
import { ordered, settable, simpleCondition, type Table } from "./schema.js";

const unordered = (sql: string): Step => ({ sql, isOrdered: false });
const draws = (table: Table): boolean => table.columns.some(({ source }) => source === "identity");

/** Rows beyond a batch: the values of a column take turns. */
function manyRows(random: Random, table: Table): readonly Step[] {
  const columns = table.columns.filter(
    ({ source, isNotNull }) => source === "plain" && (isNotNull || random.next(5) > 0),
  );
  const cells = columns.map(({ name, kind }, index) => {
    if (name === "id") return "g";
    const literals = [...kind.values, "null"].map((value) => `when ${kind.values.indexOf(value)} then ${value}`);
    return `case g * ${2 * index + 3} % ${kind.values.length + 2} ${literals.slice(0, -1).join(" ")} end`.replace(
      / end$/u,
      random.next(2) === 0 ? " end" : ` else ${random.pick(kind.values)} end`,
    );
  });
  const first = 30 + random.next(100);
  const typed = cells.map((cell, index) => (index === 0 ? cell : `(${cell})::${columns[index]?.kind.type ?? "text"}`));
  const rows = random.pick([30, 50, 100, 100, 200, 1_100]);
  return [
    {
      sql: `insert into ${table.name} (${columns.map(({ name }) => name).join(", ")}) select ${typed.join(", ")} from generate_series(${first}, ${first + rows}) g on conflict do nothing`,
      isOrdered: false,
      draws: draws(table),
    },
    unordered(`select count(*), sum(id) from ${table.name}`),
  ];
}

function viewThatIsStored(random: Random, table: Table, other: Table): readonly Step[] {
  const key = random.pick(ordered(table)).name;
  const where = random.pick(["", ` where ${condition(random, table, "a")}`]);
  const text = random.pick([
    `select a.id, a.${key} as k from ${table.name} a${where}`,
    `select a.${key} as k, count(*) as n, sum(a.id) as s, min(a.id) as least, max(a.id) as most from ${table.name} a${where} group by a.${key}`,
    `select a.id, b.id as other from ${table.name} a join ${other.name} b on a.id = b.id${where}`,
    `select a.id, b.id as other from ${table.name} a left join ${other.name} b on a.id = b.id + 1${where}`,
    `select count(*) as n, avg(a.id) as mean, count(a.${key}) as known from ${table.name} a${where}`,
    `select distinct a.${key} as k from ${table.name} a${where}`,
    `select a.id % 3 as r, array_agg(a.id order by a.id) as ids from ${table.name} a${where} group by 1 having count(*) > 1`,
    `select a.id from ${table.name} a${where} union select b.id from ${other.name} b`,
    `select a.id, row_number() over (order by a.id desc) as n from ${table.name} a${where}`,
  ]);
  const change = (): Step =>
    unordered(
      random.pick([
        `delete from ${table.name} where id = ${random.next(12)}`,
        `update ${table.name} set id = id + 100 where id = ${random.next(12)}`,
        `delete from ${other.name} where id % 3 = ${random.next(3)}`,
        `insert into ${table.name} (id) values (${random.next(20)}), (${20 + random.next(20)}) on conflict do nothing`,
        ...settable(table).map(
          ({ name, kind }) => `update ${table.name} set ${name} = ${random.pick(kind.values)} where id % 2 = 0`,
        ),
      ]),
    );
  return [
    unordered(`create materialized view stored as ${text}`),
    unordered("select * from stored"),
    { ...change(), draws: draws(table) },
    { ...change(), draws: draws(table) },
    unordered("refresh materialized view stored"),
    unordered("select * from stored"),
    unordered(
      `select s.*, t.id as found from stored s left join ${table.name} t on ${/^select a\.id[ ,](?!%)/u.test(text) ? "s.id" : "1"} = t.id`,
    ),
    unordered("drop materialized view stored"),
  ];
}

/** A unique index with a predicate, and rows that meet it. */
function partialKey(random: Random, table: Table): readonly Step[] {
  const column = random.pick(ordered(table));
  const predicate = simpleCondition(random, random.pick(table.columns));
  const set = settable(table);
  const target = random.pick(set.length > 0 ? set : table.columns);
  const key = column.kind.type === "text" ? `lower(${column.name})` : column.name;
  const action = random.pick([
    "nothing",
    `update set ${target.name} = excluded.${target.name}`,
    `update set ${target.name} = default where t.id < 8`,
  ]);
  const columns = table.columns.filter(({ source }) => source === "plain");
  const row = (): string =>
    `(${columns.map(({ name, kind }) => (name === "id" ? String(random.next(30)) : random.pick(kind.values))).join(", ")})`;
  return [
    unordered(`create unique index partial_key on ${table.name} (${key}) where ${predicate}`),
    {
      sql: `insert into ${table.name} as t (${columns.map(({ name }) => name).join(", ")}) values ${row()} on conflict (${key}) where ${predicate} do ${action} returning t.*`,
      isOrdered: false,
      draws: draws(table),
    },
    {
      sql: `insert into ${table.name} as t (${columns.map(({ name }) => name).join(", ")}) values ${row()} on conflict (${key})${random.pick(["", ` where ${predicate} and id > 0`])} do nothing returning t.id`,
      isOrdered: false,
      draws: draws(table),
    },
    unordered("drop index partial_key"),
  ];
}

function severalColumns(random: Random, table: Table, other: Table): readonly Step[] {
  const set = settable(table);
  const one = random.pick(set.length > 0 ? set : table.columns);
  const where = ` where ${condition(random, table, table.name)}`;
  const [two] = set.filter((column) => column !== one);
  const names = two === undefined ? one.name : `${one.name}, ${two.name}`;
  const values =
    two === undefined ? one.name : `${two.name}::text::${one.kind.type}, ${one.name}::text::${two.kind.type}`;
  const [first, second] = [
    `b.${one.name}::${one.kind.base}`,
    two === undefined ? "" : `, b.${two.name}::${two.kind.base}`,
  ];
  // What no row gives is no value of the domain that its type says, NULL or not; cast to the type beneath, it is asked on both sides.
  return [
    unordered(
      random.pick([
        `update ${table.name} set (${names}) = (select ${first}${second} from ${table.name} b where b.id = ${table.name}.id - 1)${where} returning *`,
        `update ${table.name} set (${names}) = row(${values})${where} returning id`,
        `update ${table.name} set ${one.name} = (select min(c.${one.name}::text) from ${table.name} c where c.id > ${table.name}.id)::${one.kind.type}${where}`,
        `update ${table.name} t set ${one.name} = s.v::${one.kind.base} from (select a.id, lag(a.${one.name}) over (order by a.id) as v from ${table.name} a) s where s.id = t.id returning t.id, s.v, t.${one.name}`,
        `with gone as (delete from ${other.name} where id > 4 returning id), kept as (update ${table.name} set ${one.name} = default where id <= 4 and id in (select id from ${other.name}) returning id) select (select count(*) from gone), (select count(*) from kept), (select count(*) from ${other.name})`,
        `delete from ${table.name} a using ${other.name} b left join ${table.name} c on c.id = b.id + 1 where a.id = b.id and c.id is null returning a.id, b.id`,
        `delete from ${table.name} where id in (select id from ${table.name} order by id desc limit 2) returning *`,
        `insert into ${table.name} (id) select max(id) + 1 from ${table.name} having count(*) > 0 returning *`,
        `update ${table.name} set ${one.name} = case when exists (select 1 from ${other.name} b where b.id = ${table.name}.id) then ${random.pick(one.kind.values)} else ${one.name} end${where} returning (select count(*) from ${other.name}), id`,
      ]),
    ),
  ];
}

function locked(random: Random, table: Table, other: Table): readonly Step[] {
  const strength = random.pick(["update", "no key update", "share", "key share"]);
  const wait = random.pick(["", " nowait", " skip locked"]);
  return [
    random.pick<() => Step>([
      () => ({
        sql: `select a.* from ${table.name} a where ${condition(random, table, "a")} order by a.id limit 3 for ${strength}${wait}`,
        isOrdered: true,
      }),
      () =>
        unordered(
          `select a.id, b.id from ${table.name} a join ${other.name} b on a.id = b.id for ${strength} of a${wait}`,
        ),
      () => unordered(`select count(*) from (select id from ${table.name} where id > 1 for ${strength}${wait}) s`),
      () =>
        unordered(
          `with q as (select id from ${table.name} order by id limit 2 for ${strength}${wait}) delete from ${table.name} t using q where t.id = q.id returning t.id`,
        ),
      () => unordered(`select count(*) from ${table.name} for ${strength}`),
      () => unordered(`select a.id from ${table.name} a left join ${other.name} b on a.id = b.id for ${strength} of a`),
    ])(),
  ];
}

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "-3"];

function inZone(random: Random, table: Table): readonly Step[] {
  const stamps = table.columns.filter(({ kind }) => /^timestamp|^date$|^time$/u.test(kind.type));
  const value =
    stamps.length > 0
      ? `a.${random.pick(stamps).name}::text::timestamptz`
      : "timestamptz '2021-03-28 00:30:00Z' + a.id * interval '30 minutes'";
  const span = random.pick(["1 day", "1 month", "24 hours", "-1 hour", "1 day -1 hour"]);
  return [
    unordered(`set timezone to '${random.pick(zones)}'`),
    unordered(
      random.pick([
        `select a.id, ${value}, (${value}) + interval '${span}', (${value})::date, (${value})::timestamp from ${table.name} a`,
        `select a.id, date_trunc('day', ${value}), extract(hour from ${value}), extract(timezone from ${value}) from ${table.name} a`,
        `select a.id, to_char(${value}, 'YYYY-MM-DD HH24:MI TZH:TZM TZ'), age(${value}, timestamptz '2020-02-29 12:00Z') from ${table.name} a`,
        `select g from generate_series(timestamptz '2021-03-27 12:00Z', timestamptz '2021-03-30 12:00Z', interval '${random.pick(["1 day", "12 hours", "1 day 1 hour"])}') g`,
        `select * from ${table.name} a where (${value}) >= timestamptz '2020-01-01'`,
      ]),
    ),
    unordered("set timezone to 'UTC'"),
  ];
}

/** A change, with what is to follow it. */
export function widerChange(random: Random, table: Table, other: Table): readonly Step[] {
  return random.pick([manyRows, viewThatIsStored, partialKey, severalColumns, severalColumns, locked, inZone])(
    random,
    table,
    other,
  );
}
