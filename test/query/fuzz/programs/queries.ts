/** Random queries over columns of every type; those of `../statements.ts` go deeper into expressions of few types. */
import type { ParameterValue, ResultFormat } from "../../postgres/client.js";
import type { Random } from "../expressions.js";
import { type Column, numbers, ordered, type Table } from "./schema.js";

/** How a statement is sent: by the simple protocol, by the extended one with values for its parameters, or with the data of a COPY. */
export type Via =
  | { readonly kind: "extended"; readonly parameters: readonly ParameterValue[]; readonly format: ResultFormat }
  | { readonly kind: "copyIn"; readonly data: string };

export interface Step {
  readonly sql: string;
  /** Absent: the simple protocol. */
  readonly via?: Via;
  /** Whether the order of the rows is said by the statement. */
  readonly isOrdered: boolean;
  /** A table as it stands outside of transactions: it must read the same as of its position whatever is done afterwards. */
  readonly isKept?: boolean;
  /** Takes numbers from a sequence: how many it has taken when it fails is not said. */
  readonly draws?: boolean;
}

const unordered = (sql: string): Step => ({ sql, isOrdered: false });

/** A condition over the columns of a table under an alias. */
export function condition(random: Random, table: Table, alias: string, depth = 1): string {
  const column = random.pick(table.columns);
  const name = `${alias}.${column.name}`;
  const value = (): string => random.pick(column.kind.values);
  if (!column.kind.isOrdered) return `${name} is ${random.pick(["", "not "])}null`;
  const forms: (() => string)[] = [
    () => `${name} = ${value()}`,
    () => `${name} ${random.pick(["<", "<=", ">", ">=", "<>"])} ${value()}`,
    () => `${name} is ${random.pick(["", "not "])}null`,
    () => `${name} in (${value()}, ${value()})`,
    () => `${name} between ${value()} and ${value()}`,
    () => `${name} is distinct from ${value()}`,
    () => `${alias}.id ${random.pick(["=", "<", ">"])} ${random.next(12)}`,
    () => `${name}::text like ${random.pick(["'%a%'", "'1%'", "'%'", "'a_'"])}`,
    () => `${name} = any (array[${value()}, ${value()}]::${column.kind.base.replace(/\[\]$/u, "")}[])`,
    () => `coalesce(${name}, ${value()}) = ${value()}`,
  ];
  if (column.kind.type === "text" || column.kind.type === "varchar(8)")
    forms.push(
      () => `${name} like ${random.pick(["'a%'", "'b_%'", "'%c'", "'x\\%%'"])}`,
      () => `lower(${name}) = ${value()}`,
    );
  if (column.kind.isNumber) forms.push(() => `abs(${name}) = ${random.pick(["1", "2", "42"])}`);
  if (column.kind.type.endsWith("[]")) forms.splice(8, 1);
  if (depth > 0)
    forms.push(
      () => `(${condition(random, table, alias, 0)} or ${condition(random, table, alias, 0)})`,
      () => `not (${condition(random, table, alias, 0)})`,
      () => `(${condition(random, table, alias, 0)} and ${condition(random, table, alias, 0)})`,
    );
  return random.pick(forms)();
}

/** Two columns that can be compared, one of each table. */
function pair(random: Random, left: Table, right: Table): readonly [string, string] {
  const a = random.pick(ordered(left));
  const fitting = ordered(right).filter(({ kind }) => kind === a.kind || (kind.isNumber && a.kind.isNumber));
  return fitting.length === 0 ? ["id", "id"] : [a.name, random.pick(fitting).name];
}

const aggregateOf = (random: Random, column: Column, alias: string): string => {
  const name = `${alias}.${column.name}`;
  const { isNumber, isOrdered, type } = column.kind;
  const hasLeast = isOrdered && !["boolean", "bytea", "uuid", "jsonb", "bit(4)", "varbit(9)", "macaddr"].includes(type);
  const forms = [`count(${name})`, `string_agg(${name}::text, ',' order by ${name}::text)`];
  if (isOrdered) forms.push(`count(distinct ${name})`, `(array_agg(${name} order by ${name}, ${alias}.id))[1]`);
  if (hasLeast) forms.push(`min(${name})`, `max(${name})`);
  if (isNumber && type !== "real" && type !== "double precision")
    forms.push(`sum(${name})`, `round(avg(${name}), 3)`, `sum(${name}) filter (where ${alias}.id > 2)`);
  if (type === "interval") forms.push(`sum(${name})`);
  if (type === "bit(4)") forms.push(`bit_and(${name})`, `bit_xor(${name})`);
  if (type === "boolean") forms.push(`bool_or(${name})`, `every(${name})`);
  return random.pick(forms);
};

export function query(random: Random, tables: readonly Table[]): Step {
  const table = random.pick(tables);
  const other = random.pick(tables);
  const column = random.pick(ordered(table));
  const where = random.next(3) === 0 ? "" : ` where ${condition(random, table, "a")}`;
  const [x, y] = pair(random, table, other);
  const kept = random.pick(other.columns).name;
  return random.pick<() => Step>([
    () => unordered(`select * from ${table.name} a${where}`),
    () =>
      unordered(
        `select a.*, b.${kept} from ${table.name} a ${random.pick(["join", "left join", "right join", "full join"])} ${other.name} b on a.${x} = b.${y}`,
      ),
    () =>
      unordered(
        `select a.id, b.id from ${table.name} a, ${other.name} b where a.${x} < b.${y} and ${condition(random, other, "b")}`,
      ),
    () => ({
      sql: `select a.${column.name} from ${table.name} a${where} order by a.${column.name}${random.pick(["", " desc", " nulls first", " desc nulls last"])} limit ${random.next(6)}`,
      isOrdered: true,
    }),
    () => ({
      sql: `select a.${column.name}, a.id from ${table.name} a${where} order by 1${random.pick(["", " desc"])}, 2 offset ${random.next(3)} fetch first ${1 + random.next(4)} rows only`,
      isOrdered: true,
    }),
    () =>
      unordered(
        `select a.id, l.* from ${table.name} a ${random.pick(["cross join lateral", "left join lateral"])} (select b.${y} as v, b.id as w from ${other.name} b where b.${y} = a.${x} order by b.id limit 2) l`.replace(
          /(left join lateral .*)$/u,
          "$1 on true",
        ),
      ),
    () =>
      unordered(
        `select ${aggregateOf(random, random.pick(table.columns), "a")}, ${aggregateOf(random, random.pick(table.columns), "a")}, count(*) from ${table.name} a${where}`,
      ),
    () =>
      unordered(
        `select a.${column.name}, ${aggregateOf(random, random.pick(table.columns), "a")} from ${table.name} a${where} group by a.${column.name}${random.pick(["", " having count(*) > 1"])}`,
      ),
    () => {
      const second = random.pick(ordered(table)).name;
      const sets = random.pick([
        `grouping sets ((a.${column.name}), (a.${column.name}, a.${second}), ())`,
        `rollup (a.${column.name}, a.${second})`,
        `cube (a.${column.name}, a.${second})`,
      ]);
      return unordered(
        `select a.${column.name}, a.${second}, grouping(a.${column.name}) as g, count(*), ${aggregateOf(random, random.pick(table.columns), "a")} from ${table.name} a${where} group by ${sets}`,
      );
    },
    () =>
      unordered(
        `select a.id, ${random.pick([`row_number() over (partition by a.${column.name} order by a.id)`, `rank() over (order by a.${column.name})`, `lag(a.${column.name}) over (order by a.id)`, `first_value(a.${column.name}) over (order by a.id desc rows between 1 preceding and current row)`, `count(a.${column.name}) over (partition by a.${column.name})`, `last_value(a.id) over (order by a.id groups between 1 preceding and 1 following)`])} from ${table.name} a${where}`,
      ),
    () =>
      unordered(
        `select a.${x} from ${table.name} a ${random.pick(["union", "union all", "intersect", "except", "except all"])} select b.${y} from ${other.name} b`,
      ),
    () => ({
      sql: `select distinct on (a.${column.name}) a.${column.name}, a.id from ${table.name} a${where} order by a.${column.name}, a.id${random.pick(["", " desc"])}`,
      isOrdered: true,
    }),
    () => unordered(`select distinct a.${column.name} from ${table.name} a${where}`),
    () =>
      unordered(
        `select a.id from ${table.name} a where a.${x} ${random.pick(["in", "not in", "= any", "<> all"])} (select b.${y} from ${other.name} b where ${condition(random, other, "b")})`,
      ),
    () =>
      unordered(
        `select a.id from ${table.name} a where ${random.pick(["", "not "])}exists (select from ${other.name} b where b.${y} = a.${x} and ${condition(random, other, "b")})`,
      ),
    () => unordered(`select a.id, (select count(*) from ${other.name} b where b.${y} = a.${x}) from ${table.name} a`),
    () =>
      unordered(
        `with q as (select a.${column.name} as k, count(*) as n from ${table.name} a${where} group by 1) select q.n, count(*) from q group by q.n`,
      ),
    () =>
      unordered(
        `with recursive r as (select a.id, 1 as depth from ${table.name} a where a.id < 3 union all select b.id, r.depth + 1 from ${other.name} b join r on b.id = r.id + 1 where r.depth < 5) select * from r`,
      ),
    () => unordered(`select ${column.kind.change(`a.${column.name}`)} from ${table.name} a${where}`),
    () =>
      unordered(
        `select a.${column.name}::text, pg_typeof(a.${column.name}${column.kind.base === column.kind.type ? "" : `::${column.kind.base}`})::text, case when ${condition(random, table, "a")} then 'y' else 'n' end from ${table.name} a`,
      ),
    () =>
      unordered(`select count(*) from ${table.name} a where (${condition(random, table, "a")}) is null or a.id > 3`),
    () => unordered(`select u.* from ${table.name} a, unnest(array[a.id, a.id + 1]) with ordinality u (v, n)${where}`),
    () =>
      unordered(
        `select row_to_json(q)::text from (select a.id, a.${random.pick(table.columns).name} from ${table.name} a${where}) q`,
      ),
    () =>
      unordered(
        `select ${numbers(table)
          .map(({ name }) => `a.${name}`)
          .join(" + ")} as total from ${table.name} a${where}`,
      ),
  ])();
}
