/** Random queries that are put together of others: nested joins, subqueries in every place, set operations within each other, rows that are compared. */
import type { Random } from "../expressions.js";
import { condition, type Step } from "./queries.js";
import { type Column, ordered, type Table } from "./schema.js";

const unordered = (sql: string): Step => ({ sql, isOrdered: false });

const isPlain = ({ kind }: Column): boolean => kind.isOrdered && kind.base === kind.type && kind.type !== "mood";
const plain = (table: Table): readonly Column[] => table.columns.filter(isPlain);
const joins = ["join", "left join", "right join", "full join"];

/** Columns of the same type, one of each table; the keys when there are none. */
function alike(random: Random, left: Table, right: Table): readonly [string, string] {
  const pairs = plain(left).flatMap((a) =>
    plain(right).flatMap((b): [string, string][] => (a.kind === b.kind ? [[a.name, b.name]] : [])),
  );
  return pairs.length === 0 ? ["id", "id"] : random.pick(pairs);
}

function nestedJoins(random: Random, tables: readonly Table[]): Step {
  const [a, b, c] = [random.pick(tables), random.pick(tables), random.pick(tables)];
  const [ab, ba] = alike(random, a, b);
  const [bc, cb] = alike(random, b, c);
  const [ac, ca] = alike(random, a, c);
  const [one, two] = [random.pick(joins), random.pick(joins)];
  const where = random.pick([
    "",
    ` where ${condition(random, a, "a")}`,
    ` where ${condition(random, c, "c")}`,
    ` where ${condition(random, b, "b")} or a.id is null`,
    " where b.id is null",
    " where coalesce(a.id, b.id, c.id) > 2",
  ]);
  const more = random.pick(["", "", ` and ${condition(random, b, "b", 0)}`, " and b.id > 1"]);
  // A full join takes conditions that can be hashed only.
  const onMore = one === "full join" || two === "full join" ? "" : more;
  return unordered(
    random.pick([
      `select a.id, b.id, c.id from ${a.name} a ${one} (${b.name} b ${two} ${c.name} c on b.${bc} = c.${cb}${onMore}) on a.${ab} = b.${ba}${where}`,
      `select a.id, b.id, c.id from ${a.name} a ${one} ${b.name} b on a.${ab} = b.${ba}${onMore} ${two} ${c.name} c on c.${ca} = a.${ac}${where}`,
      `select a.id, b.id, c.id from (${a.name} a ${one} ${b.name} b on a.${ab} = b.${ba}) ${two} ${c.name} c on c.${cb} = b.${bc} and a.id = c.id${where}`,
      `select count(*), count(a.id), count(b.id), sum(c.id) from ${a.name} a ${one} ${b.name} b on a.id = b.id ${two} ${c.name} c on c.id = coalesce(a.id, b.id)${where}`,
      `select id, j.* from (select id from ${a.name}) a ${one} (select id, ${ba} as v from ${b.name}) b using (id) ${two} (select id, ${ca} as w from ${c.name}) j using (id)`,
      `select * from (select id as k, ${ac} as v from ${a.name}) x natural ${one} (select id as k, 1 as one from ${b.name}) y`,
      `select j.id, j.v from ((select id, ${ab} as v from ${a.name}) x ${one} (select id, ${ba} as w from ${b.name}) y using (id)) as j where j.w is null or j.id > 1`,
    ]),
  );
}

function subqueries(random: Random, table: Table, other: Table): Step {
  const [x, y] = alike(random, table, other);
  const where = random.pick([
    "",
    ` where ${condition(random, other, "b")}`,
    ` where b.${y} = a.${x}`,
    " where b.id < a.id",
  ]);
  const own = condition(random, table, "a");
  const rows = `(select b.id, b.${y} from ${other.name} b${where})`;
  return unordered(
    random.pick([
      `select a.id from ${table.name} a where (a.id, a.${x}) in ${rows}`,
      `select a.id from ${table.name} a where (a.id, a.${x}) not in ${rows}`,
      `select a.id, (a.id, a.${x}) = any ${rows}, (a.id, a.${x}) <> all ${rows} from ${table.name} a`,
      `select a.id, a.id > all (select b.id from ${other.name} b${where}), a.id <= any (select b.id from ${other.name} b${where}) from ${table.name} a`,
      `select a.id, exists (select 1 from ${other.name} b${where}), not exists (select 1 from ${other.name} b where b.id = a.id + 1) from ${table.name} a where ${own}`,
      `select a.id, array(select b.id from ${other.name} b${where} order by b.id desc) from ${table.name} a`,
      `select a.id, case when ${own} then (select max(b.id) from ${other.name} b${where}) else (select min(b.id) from ${other.name} b) end from ${table.name} a`,
      `select a.id, (select sum(a.id + b.id) from ${other.name} b${where}) from ${table.name} a`,
      `select (select count(a.id)), count(*) from ${table.name} a where ${own}`,
      `select a.id, (select max(c.n) from (select count(*) as n from ${other.name} b${where} group by b.${y}) c) from ${table.name} a`,
      `select a.id from ${table.name} a where a.id = (select max(b.id) from ${other.name} b where b.${y} is not distinct from a.${x})`,
      `select a.id from ${table.name} a where exists (select 1 from ${other.name} b where b.${y} = a.${x} and exists (select 1 from ${table.name} c where c.id > b.id and c.${x} = a.${x}))`,
      `select s.k, s.n from (select a.${x} as k, count(*) as n from ${table.name} a where ${own} group by a.${x}) s join ${other.name} b on b.${y} = s.k where s.n > 0`,
      `select a.id, l.s from ${table.name} a left join lateral (select sum(b.id) as s, count(*) as n from ${other.name} b${where} having count(*) > 1) l on l.n > 1`,
      `select a.id from ${table.name} a where a.id in (select b.id from ${other.name} b${where}) is not true`,
      `select a.id from ${table.name} a where a.${x} in (select b.${y} from ${other.name} b${where}) or ${own}`,
      `select a.id from ${table.name} a where not (a.${x} in (select b.${y} from ${other.name} b${where}) and ${own})`,
      `select a.id, a.${x} is null, (select b.id from ${other.name} b where b.id = a.id) is null from ${table.name} a where ${own}`,
    ]),
  );
}

function setOperations(random: Random, tables: readonly Table[]): Step {
  const part = (): string => {
    const table = random.pick(tables);
    const column = random.pick(plain(table).filter(({ kind }) => kind.type === "integer" || kind.type === "bigint"));
    const rest = random.pick(["a.id", "a.id % 3", "null", "1", "count(*) over ()"]);
    const where = random.pick(["", ` where ${condition(random, table, "a")}`]);
    return `select a.${column.name}, ${rest} from ${table.name} a${where}`;
  };
  const operation = (): string =>
    random.pick(["union", "union all", "intersect", "intersect all", "except", "except all"]);
  return random.pick<() => Step>([
    () => unordered(`${part()} ${operation()} ${part()} ${operation()} ${part()}`),
    () => unordered(`${part()} ${operation()} (${part()} ${operation()} ${part()})`),
    () => unordered(`(${part()} order by 1, 2 limit 3) ${operation()} (${part()} order by 1 desc, 2 limit 2)`),
    () => ({
      sql: `${part()} ${operation()} ${part()} order by 1 desc nulls last, 2 limit 5 offset 1`,
      isOrdered: true,
    }),
    () => unordered(`select x, count(*) from (${part()} ${operation()} ${part()}) s (x, y) group by x`),
    () =>
      unordered(`with s (x, y) as (${part()} ${operation()} ${part()}) select s.x, t.y from s join s t on s.x = t.y`),
    () => unordered(`${part()} ${operation()} values (1, 2), (null, 3), (1, 2)`),
    () =>
      unordered(
        `select a.id from ${random.pick(tables).name} a where (a.id, 1) in (${part()} ${operation()} ${part()})`,
      ),
  ])();
}

function compared(random: Random, table: Table, other: Table): Step {
  const [x, y] = alike(random, table, other);
  const operator = random.pick(["<", "<=", "=", "<>", ">", ">="]);
  const column = random.pick(plain(table));
  const value = (): string => random.pick(column.kind.values);
  return random.pick<() => Step>([
    () =>
      unordered(
        `select a.id, b.id from ${table.name} a, ${other.name} b where (a.${x}, a.id) ${operator} (b.${y}, b.id)`,
      ),
    () =>
      unordered(
        `select a.id from ${table.name} a where (a.${column.name}, a.id) ${operator} (${value()}, ${random.next(6)})`,
      ),
    () => ({
      sql: `select a.id from ${table.name} a where (a.${column.name}, a.id) ${operator} (${value()}, ${random.next(6)}) order by a.${column.name}, a.id limit 3`,
      isOrdered: true,
    }),
    () =>
      unordered(
        `select a.id, row(a.id, a.${column.name}) is null, row(a.${column.name}, null) is not null from ${table.name} a`,
      ),
    () =>
      unordered(
        `select a.id, row(a.id, a.${x}) is distinct from row(b.id, b.${y}) from ${table.name} a join ${other.name} b on a.id = b.id`,
      ),
    () =>
      unordered(
        `select distinct on (a.${column.name} is null, a.id % 2) a.id % 2, a.id from ${table.name} a order by a.${column.name} is null, a.id % 2, a.id desc`,
      ),
    () =>
      unordered(
        `select v.n, count(a.id) from (values (1), (2), (null), (5)) v (n) left join ${table.name} a on a.id = v.n group by v.n`,
      ),
    () =>
      unordered(
        `select greatest(a.${column.name}, ${value()}), least(a.${column.name}, ${value()}, null), nullif(a.${column.name}, ${value()}) from ${table.name} a`,
      ),
    () =>
      unordered(
        `select a.id, num_nulls(a.id, a.${column.name}), coalesce(a.${column.name}, ${value()}) from ${table.name} a`,
      ),
  ])();
}

function groups(random: Random, table: Table, other: Table): Step {
  const [x, y] = alike(random, table, other);
  const key = random.pick(ordered(table)).name;
  const where = random.pick(["", ` where ${condition(random, table, "a")}`]);
  return unordered(
    random.pick([
      `select a.${x}, count(b.id), sum(b.id), array_agg(b.id order by b.id) from ${table.name} a left join ${other.name} b on a.${x} = b.${y}${where} group by a.${x}`,
      `select count(distinct a.${key}), count(distinct a.id % 2), sum(distinct a.id % 3) from ${table.name} a${where}`,
      `select a.id % 3, count(distinct a.${key}) filter (where a.id > 1), array_agg(distinct a.id % 2) from ${table.name} a${where} group by 1 having count(*) > 0 and bool_or(a.id > 1)`,
      `select a.id / 2, sum(count(*)) over (order by a.id / 2), rank() over (order by count(*) desc, a.id / 2) from ${table.name} a${where} group by a.id / 2`,
      `select max(n), min(n) from (select count(*) as n from ${table.name} a${where} group by a.${key}) s`,
      `select a.id % 2 as p, a.id % 3 as q, grouping(a.id % 2, a.id % 3), count(*) from ${table.name} a${where} group by grouping sets ((a.id % 2), (a.id % 2, a.id % 3), ()) having count(*) > 1`,
      `select 1 from ${table.name} a${where} having count(*) > 2`,
      `select a.id, a.${key}, count(*) from ${table.name} a${where} group by a.id, a.${key} having a.id > 1`,
      `select percentile_disc(0.5) within group (order by a.id), percentile_cont(array[0.25, 0.75]) within group (order by a.id), mode() within group (order by a.id % 3), rank(2) within group (order by a.id) from ${table.name} a${where}`,
      `select bit_and(a.id), bit_or(a.id), bit_xor(a.id), every(a.id > 0), var_pop(a.id), stddev_samp(a.id::numeric) from ${table.name} a${where}`,
      `select regr_count(a.id, a.id % 3), json_agg(a.id order by a.id desc)::text from ${table.name} a${where}`,
      `select a.id % 2, string_agg(distinct (a.id % 3)::text, '-' order by (a.id % 3)::text desc), jsonb_object_agg(a.id, a.id * 2) from ${table.name} a${where} group by a.id % 2`,
    ]),
  );
}

function windows(random: Random, table: Table): Step {
  const column = random.pick(plain(table));
  const name = `a.${column.name}`;
  const where = random.pick(["", ` where ${condition(random, table, "a")}`]);
  const partition = random.pick(["", `partition by ${name} `, "partition by a.id % 2 "]);
  const way = random.pick(["", " desc"]);
  return unordered(
    random.pick([
      `select a.id, lag(${name}, 2, ${random.pick(column.kind.values)}) over (${partition}order by a.id${way}), lead(a.id, a.id % 2, -1) over (${partition}order by a.id) from ${table.name} a${where}`,
      `select a.id, ntile(${1 + random.next(4)}) over (${partition}order by a.id${way}), cume_dist() over (${partition}order by a.id / 2), percent_rank() over (order by a.id / 3) from ${table.name} a${where}`,
      `select a.id, row_number() over w, sum(a.id) over (w rows 1 preceding), dense_rank() over (order by a.id % 3) from ${table.name} a${where} window w as (${partition}order by a.id${way})`,
      `select * from (select a.id, row_number() over (${partition}order by a.id${way}) as n from ${table.name} a${where}) s where n <= ${1 + random.next(3)}`,
      `select * from (select a.id, rank() over (${partition}order by a.id / 2${way}) as n, count(*) over (partition by a.id % 2) as c from ${table.name} a${where}) s where n = 1 or c > 2`,
      `select a.id, nth_value(a.id, 2) over (${partition}order by a.id${way} groups between 1 preceding and 1 following exclude current row) from ${table.name} a${where}`,
      `select a.id, sum(a.id) over (${partition}order by a.id${way} range between ${random.next(3)} preceding and ${random.next(3)} following exclude ties), avg(a.id) over (${partition}order by a.id rows between 2 following and unbounded following) from ${table.name} a${where}`,
      `select distinct count(*) over (${partition}), max(a.id) over (${partition}) from ${table.name} a${where}`,
    ]),
  );
}

export function composedQuery(random: Random, tables: readonly Table[]): Step {
  const [table, other] = [random.pick(tables), random.pick(tables)];
  return random.pick<() => Step>([
    () => nestedJoins(random, tables),
    () => nestedJoins(random, tables),
    () => subqueries(random, table, other),
    () => subqueries(random, table, other),
    () => setOperations(random, tables),
    () => compared(random, table, other),
    () => groups(random, table, other),
    () => windows(random, table),
  ])();
}
