/** Random queries with what is rarer: frames of windows, rows that functions make, jsonb, arrays, times, recursion over both sides. */
import type { Random } from "../expressions.js";
import { condition, type Step } from "./queries.js";
import { type Column, numbers, ordered, type Table } from "./schema.js";

const unordered = (sql: string): Step => ({ sql, isOrdered: false });
const inOrder = (sql: string): Step => ({ sql, isOrdered: true });

const ofType = (table: Table, type: string): readonly Column[] =>
  table.columns.filter(({ kind }) => kind.type === type);

/** A column of the type as an expression, or else a literal of it. */
function valueOf(random: Random, table: Table, type: string, literals: readonly string[]): string {
  const columns = ofType(table, type);
  return columns.length > 0 && random.next(3) > 0
    ? `a.${random.pick(columns).name}`
    : `${random.pick(literals)}::${type}`;
}

function frame(random: Random): string {
  const mode = random.pick(["rows", "groups", "range"]);
  const bound = (isEnd: boolean): string => {
    const offset = random.pick(["0", "1", "2", "3"]);
    const choices = isEnd
      ? ["current row", `${offset} following`, "unbounded following", `${offset} preceding`]
      : ["unbounded preceding", `${offset} preceding`, "current row", `${offset} following`];
    return random.pick(choices);
  };
  const exclude = random.pick([
    "",
    "",
    "",
    " exclude current row",
    " exclude group",
    " exclude ties",
    " exclude no others",
  ]);
  return random.next(4) === 0
    ? `${mode} ${random.pick(["unbounded preceding", "1 preceding", "current row"])}${exclude}`
    : `${mode} between ${bound(false)} and ${bound(true)}${exclude}`;
}

function windowed(random: Random, table: Table, where: string): Step {
  const column = random.pick(ordered(table));
  const name = `a.${column.name}`;
  const order = random.pick(["a.id", "a.id desc", "a.id / 2, a.id", "a.id % 3"]);
  // With ties the order within a group of peers is not said: only what does not ask for it is computed.
  const isUnique = order === "a.id" || order === "a.id desc" || order === "a.id / 2, a.id";
  const calls = ["count(*)", `count(${name})`, "sum(a.id)", "max(a.id)", "min(a.id)", "avg(a.id)"];
  if (isUnique)
    calls.push(
      `first_value(${name})`,
      `last_value(${name})`,
      `nth_value(${name}, 2)`,
      `array_agg(${name})`,
      `string_agg(${name}::text, ',')`,
      `count(${name}) filter (where a.id > 2)`,
    );
  const partition = random.next(2) === 0 ? `partition by ${name} ` : "";
  // One order column for RANGE with an offset.
  const over = order.includes(",") ? "a.id" : order;
  const call = random.pick(calls);
  const spec = `(${partition}order by ${over} ${isUnique ? frame(random) : frame(random).replace(/^rows/u, "groups")})`;
  return random.next(3) === 0
    ? unordered(
        `select a.id, ${call} over w, count(*) over (w) from ${table.name} a${where} window w as ${spec.replace(/ (?:rows|range|groups) .*\)$/u, ")")}`,
      )
    : unordered(`select a.id, ${call} over ${spec} from ${table.name} a${where}`);
}

function jsonb(random: Random, table: Table, where: string): Step {
  const value = (): string =>
    valueOf(random, table, "jsonb", [
      `'{"a": 1, "b": [1, 2]}'`,
      "'[3, null, \"x\"]'",
      `'{"c": {"d": true}}'`,
      "'null'",
    ]);
  const key = random.pick(["'a'", "'b'", "'c'", "0", "1", "-1"]);
  const text = random.pick(["'a'", "'b'", "'x'"]);
  const path = random.pick(["'{b,0}'", "'{c,d}'", "'{a}'", "'{}'", "'{0}'"]);
  const expression = random.pick([
    () => `${value()} -> ${key}`,
    () => `${value()} ->> ${key}`,
    () => `${value()} #> ${path}`,
    () => `${value()} #>> ${path}`,
    () => `${value()} @> ${value()}`,
    () => `${value()} ? ${text}`,
    () => `${value()} ?| array['a', 'x']`,
    () => `${value()} ?& array['a', 'b']`,
    () => `${value()} || ${value()}`,
    () => `jsonb_typeof(${value()})`,
    () => `jsonb_set('{"a": {"b": 1}}'::jsonb, '{a,b}', coalesce(${value()}, '0'))`,
    () => `jsonb_strip_nulls(${value()})`,
    () => `to_jsonb(a.${random.pick(table.columns).name})`,
    () => `jsonb_build_object('k', a.${random.pick(table.columns).name}, 'id', a.id)`,
    () => `${value()} = ${value()}`,
    () => `${value()} < ${value()}`,
    () => `jsonb_pretty(${value()})`,
    () => `(${value()})['a']`,
  ])();
  return random.pick<() => Step>([
    () => unordered(`select a.id, ${expression} as j from ${table.name} a${where}`),
    () => unordered(`select ${expression} as j, count(*) from ${table.name} a${where} group by 1`),
    () =>
      unordered(
        `select a.id, e.key, e.value from ${table.name} a, jsonb_each(case jsonb_typeof(${value()}) when 'object' then '{"k": [1]}'::jsonb else '{"z": null}'::jsonb end) e${where}`,
      ),
    () =>
      unordered(
        `select a.id, e.value, e.ordinality from ${table.name} a, jsonb_array_elements(jsonb_build_array(a.id, ${value()})) with ordinality e${where}`,
      ),
    () =>
      unordered(
        `select jsonb_agg(${value()} order by a.id), jsonb_object_agg(a.id::text, ${value()} order by a.id) from ${table.name} a${where}`,
      ),
    () =>
      unordered(
        `select r.* from ${table.name} a, jsonb_to_record(jsonb_build_object('x', a.id, 'y', a.id::text)) as r(x int, y text, z bool)${where}`,
      ),
  ])();
}

function arrays(random: Random, table: Table, where: string): Step {
  const isText = random.next(2) === 0;
  const type = isText ? "text[]" : "integer[]";
  const literals = isText ? ["'{a,b}'", "'{}'", `'{"a b",NULL}'`] : ["'{1,2,3}'", "'{}'", "'{NULL,1}'", "'{2,2}'"];
  const value = (): string => valueOf(random, table, type, literals);
  const element = isText ? random.pick(["'a'::text", "'q'::text"]) : random.pick(["1", "2", "a.id"]);
  const expression = random.pick([
    () => `${value()} || ${value()}`,
    () => `${value()} || ${element}`,
    () => `array_prepend(${element}, ${value()})`,
    () => `array_remove(${value()}, ${element})`,
    () => `array_replace(${value()}, ${element}, ${element})`,
    () => `array_position(${value()}, ${element})`,
    () => `array_positions(${value()}, ${element})`,
    () => `array_length(${value()}, 1)`,
    () => `cardinality(${value()})`,
    () => `array_to_string(${value()}, ',', '*')`,
    () => `(${value()})[${random.pick(["1", "2", "0", "-1"])}]`,
    () => `(${value()})[${random.pick(["1:2", ":1", "2:", "3:1"])}]`,
    () => `${value()} @> ${value()}`,
    () => `${value()} && ${value()}`,
    () => `${value()} <@ ${value()}`,
    () => `${value()} = ${value()}`,
    () => `${value()} < ${value()}`,
    () => `${element} = any (${value()})`,
    () => `${element} <> all (${value()})`,
    () => `array(select u from unnest(${value()}) u order by u desc)`,
    () => `array_upper(${value()}, 1)`,
    () => `array_dims(${value()})`,
  ])();
  return random.pick<() => Step>([
    () => unordered(`select a.id, ${expression} as v from ${table.name} a${where}`),
    () =>
      unordered(
        `select a.id, u.e, u.n from ${table.name} a left join lateral unnest(${value()}) with ordinality u (e, n) on true${where}`,
      ),
    () =>
      unordered(
        `select array_agg(${element} order by a.id desc), array_agg(distinct a.id) from ${table.name} a${where}`,
      ),
    () =>
      inOrder(
        `select ${value()} as v, a.id from ${table.name} a${where} order by 1 ${random.pick(["", "desc"])} nulls first, 2`,
      ),
    () => unordered(`select unnest(${value()}) as u, a.id from ${table.name} a${where}`),
    () => unordered(`select distinct ${value()} as v from ${table.name} a${where}`),
  ])();
}

function times(random: Random, table: Table, where: string): Step {
  const stamp = (): string =>
    valueOf(random, table, "timestamptz", ["'2020-02-29 01:02:03+02'", "'1999-12-31 23:59:59.5Z'", "'infinity'"]);
  const plain = (): string =>
    valueOf(random, table, "timestamp", ["'2020-03-29 02:30:00'", "'2021-10-31 01:30:00.123456'"]);
  const span = (): string =>
    valueOf(random, table, "interval", ["'1 day'", "'1 mon -1 day 02:03'", "'-3 hours'", "'1 year 2 mons'"]);
  const date = (): string => valueOf(random, table, "date", ["'2020-02-29'", "'1999-12-31'"]);
  const field = random.pick([
    "year",
    "month",
    "day",
    "hour",
    "dow",
    "isodow",
    "doy",
    "week",
    "quarter",
    "epoch",
    "isoyear",
    "second",
  ]);
  const unit = random.pick(["year", "quarter", "month", "week", "day", "hour", "minute"]);
  const zone = random.pick([
    "'UTC'",
    "'Europe/Berlin'",
    "'America/New_York'",
    "'Asia/Kolkata'",
    "'+02'",
    "interval '-3 hours'",
  ]);
  const expression = random.pick([
    () => `${stamp()} at time zone ${zone}`,
    () => `${plain()} at time zone ${zone}`,
    () => `extract(${field} from ${random.pick([stamp, plain])()})`,
    () => `extract(${field === "epoch" ? "epoch" : random.pick(["month", "day", "hour", "epoch"])} from ${span()})`,
    () => `date_trunc('${unit}', ${random.pick([stamp, plain])()})`,
    () => `date_trunc('${unit}', ${stamp()}, 'Europe/Berlin')`,
    () => `${random.pick([stamp, plain, date])()} + ${span()}`,
    () => `${random.pick([stamp, plain])()} - ${span()}`,
    () => `${plain()} - ${plain()}`,
    () => `age(${plain()}, ${plain()})`,
    () => `${span()} * ${random.pick(["2", "0.5", "-1.5"])}`,
    () => `${span()} / ${random.pick(["2", "0.25"])}`,
    () => `justify_interval(${span()})`,
    () => `justify_hours(${span()})`,
    () => `${span()} < ${span()}`,
    () => `${date()} - ${date()}`,
    () =>
      `to_char(${plain()}, '${random.pick(["YYYY-MM-DD HH24:MI:SS.US", "Dy DD Mon YYYY", "IYYY-IW", "HH12:MI AM", "DDD Q"])}')`,
    () => `(${plain()})::date`,
    () => `(${stamp()})::time`,
    () => `make_interval(days => a.id, hours => 2)`,
    () => `date_bin('15 minutes', ${plain()}, timestamp '2001-01-01')`,
    () => `(${plain()}, interval '1 day') overlaps (${plain()}, interval '2 days')`,
  ])();
  return random.pick<() => Step>([
    () => unordered(`select a.id, ${expression} as v from ${table.name} a${where}`),
    () => unordered(`select ${expression} as v, count(*) from ${table.name} a${where} group by 1`),
    () =>
      unordered(
        `select a.id, g from ${table.name} a, generate_series(timestamp '2020-01-30', timestamp '2020-02-03', interval '${random.pick(["1 day", "12 hours", "36 hours"])}') g${where}`,
      ),
    () => unordered(`select sum(${span()}), min(${date()}), max(${plain()}) from ${table.name} a${where}`),
    () => inOrder(`select ${span()} as v from ${table.name} a${where} order by 1 desc`),
  ])();
}

function recursive(random: Random, table: Table, other: Table): Step {
  return random.pick<() => Step>([
    () =>
      unordered(
        `with recursive r (n) as (select a.id from ${table.name} a union select (n + 3) % 11 from r) select n from r`,
      ),
    () =>
      unordered(
        `with recursive r (n, path) as (select a.id, array[a.id] from ${table.name} a where a.id < 4 union all select b.id, path || b.id from ${other.name} b join r on b.id = r.n + 2 where cardinality(path) < 4) select n, path, cardinality(path) from r`,
      ),
    () =>
      unordered(
        `with recursive r as (select 1 as n, 1::numeric as f union all select n + 1, f * (n + 1) from r where n < ${3 + random.next(9)}), q as (select max(n) as m from r) select r.n, r.f, q.m from r, q`,
      ),
    () =>
      unordered(
        `with recursive r (a, b) as (values (0, 1) union all select b, a + b from r where b < 200) select count(*), max(b), (select count(*) from ${table.name} where id in (select a from r)) from r`,
      ),
  ])();
}

function lateral(random: Random, table: Table, other: Table, where: string): Step {
  const column = random.pick(ordered(other));
  return random.pick<() => Step>([
    () =>
      unordered(
        `select a.id, l.n, l.m from ${table.name} a, lateral (select count(*) as n, max(b.id) as m from ${other.name} b where b.id >= a.id) l${where}`,
      ),
    () =>
      unordered(
        `select a.id, l.* from ${table.name} a left join lateral (select b.id as x, row_number() over (order by b.id desc) as r from ${other.name} b where b.id <= a.id) l on l.r <= 2${where}`,
      ),
    () =>
      unordered(
        `select a.id, l.v from ${table.name} a cross join lateral (select b.${column.name} as v from ${other.name} b order by b.id limit 1 offset (a.id % 2)) l${where}`,
      ),
    () => unordered(`select a.id, v.x from ${table.name} a, lateral (values (a.id), (a.id * 2)) v (x)${where}`),
    () => unordered(`select a.id, g from ${table.name} a, generate_series(1, least(a.id, 3)) g${where}`),
    () =>
      unordered(
        `select a.id, (select sum(s.v) from (select b.id + a.id as v from ${other.name} b limit all) s) from ${table.name} a${where}`,
      ),
  ])();
}

function grouped(random: Random, table: Table, where: string): Step {
  const [one, two, three] = [random.pick(ordered(table)).name, random.pick(ordered(table)).name, "id"];
  const sets = random.pick([
    `grouping sets ((a.${one}), (a.${two}), (a.${one}, a.${two}))`,
    `rollup ((a.${one}, a.${two}), a.${three})`,
    `cube (a.${one}, a.${two})`,
    `a.${one}, rollup (a.${two})`,
    `grouping sets (rollup (a.${one}), (a.${two}))`,
    `distinct rollup (a.${one}, a.${two}), rollup (a.${one})`,
  ]);
  const having =
    random.next(3) === 0 ? ` having ${random.pick(["count(*) > 1", "sum(a.id) > 3", `grouping(a.${one}) = 0`])}` : "";
  return unordered(
    `select a.${one} as x, a.${two} as y, grouping(a.${one}, a.${two}) as g, count(*), sum(a.id) from ${table.name} a${where} group by ${sets}${having}`.replace(
      /a\.\w+ as y, grouping\(([^,]+), [^)]+\)/u,
      (all, first: string) => (sets.includes(`a.${two}`) ? all : `1 as y, grouping(${first})`),
    ),
  );
}

/** The nearest to what planners take indexes for: least, greatest, first rows in an order, prefixes, lists, alternatives. */
function indexable(random: Random, table: Table, where: string): Step {
  const column = random.pick(ordered(table));
  const name = `a.${column.name}`;
  const value = (): string => random.pick(column.kind.values);
  const isLeast =
    column.kind.isNumber ||
    ["text", "date", "timestamp", "timestamptz", "time", "timetz", "interval"].includes(column.kind.type);
  const way = random.pick(["", " desc", " nulls first", " desc nulls last"]);
  const texts = table.columns.filter(({ kind }) => kind.type === "text" || kind.type === "varchar(8)");
  const text = texts.length === 0 ? "a.id::text" : `a.${random.pick(texts).name}`;
  return random.pick<() => Step>([
    () =>
      isLeast
        ? unordered(`select min(${name}), max(${name}) from ${table.name} a${where}`)
        : unordered(`select count(${name}) from ${table.name} a${where}`),
    () =>
      isLeast
        ? unordered(`select max(${name}) from ${table.name} a${where}`)
        : unordered(`select count(*) from ${table.name} a${where}`),
    () =>
      isLeast
        ? unordered(
            `select min(${name}) from ${table.name} a where ${name} ${random.pick([">", "<", ">=", "<="])} ${value()}`,
          )
        : unordered(`select count(*) from ${table.name} a${where}`),
    () => inOrder(`select ${name} from ${table.name} a${where} order by ${name}${way} limit ${1 + random.next(4)}`),
    () =>
      inOrder(
        `select ${name}, a.id from ${table.name} a where ${name} ${random.pick([">", "<="])} ${value()} order by ${name}${way}, a.id limit 3`,
      ),
    () =>
      unordered(
        `select a.id from ${table.name} a where ${text} like ${random.pick(["'a%'", "'%'", "'b %'", "'x\\%%'", "'x\\_%'", "'abc'", "'a_c%'", "''", "'Zo%'"])}`,
      ),
    () =>
      unordered(
        `select a.id from ${table.name} a where ${text} ${random.pick(["not like 'a%'", "ilike 'A%'", "~ '^a'", "like 'a%' escape '!'", "like null", "^@ 'a'"])}`,
      ),
    () => unordered(`select a.id from ${table.name} a where ${name} = ${value()} or ${name} = ${value()} or a.id = 3`),
    () =>
      unordered(
        `select a.id from ${table.name} a where ${name} in (${value()}, ${value()}, null) and a.id in (1, 2, 3, 5, 8, 13)`,
      ),
    () => unordered(`select ${name} from ${table.name} a where ${name} is ${random.pick(["", "not "])}null`),
    () =>
      unordered(`select a.id, b.id from ${table.name} a join ${table.name} b using (id)`.replace("a.id, b.id", "id")),
    () =>
      inOrder(
        `select a.id from ${table.name} a join ${table.name} b on a.id = b.id order by a.id${random.pick(["", " desc"])}`,
      ),
    () =>
      unordered(
        `select count(*), count(${name}), count(distinct ${name}) from ${table.name} a where a.id between ${random.next(5)} and ${random.next(12)}`,
      ),
  ])();
}

export function richQuery(random: Random, tables: readonly Table[]): Step {
  const table = random.pick(tables);
  const other = random.pick(tables);
  const where = random.next(2) === 0 ? "" : ` where ${condition(random, table, "a")}`;
  return random.pick<() => Step>([
    () => windowed(random, table, where),
    () => windowed(random, table, where),
    () => jsonb(random, table, where),
    () => arrays(random, table, where),
    () => times(random, table, where),
    () => recursive(random, table, other),
    () => lateral(random, table, other, where),
    () => grouped(random, table, where),
    () => indexable(random, table, where),
    () => indexable(random, table, where),
    () =>
      unordered(
        `select ${numbers(table)
          .map(({ name }) => `sum(a.${name}::numeric)`)
          .join(", ")} from ${table.name} a${where}`,
      ),
  ])();
}
