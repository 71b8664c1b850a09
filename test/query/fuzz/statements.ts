/**
 * Whole statements at random: tables, rows, and queries over them with joins, conditions, subqueries, grouping, windows, set operations.
 * Queries are written so that their answer is one: ordered by all columns where a limit cuts, and free of divisions that may fail.
 */
import type { Random } from "./expressions.js";

export type ColumnType =
  | "int"
  | "bigint"
  | "numeric(10,2)"
  | "text"
  | "boolean"
  | "date"
  | "timestamptz"
  | "double precision";
export const columnTypes: readonly ColumnType[] = [
  "int",
  "bigint",
  "numeric(10,2)",
  "text",
  "boolean",
  "date",
  "timestamptz",
  "double precision",
];

interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

export interface FuzzTable {
  readonly name: string;
  readonly columns: readonly Column[];
}

const values: Readonly<Record<ColumnType, readonly string[]>> = {
  int: ["0", "1", "2", "3", "-5", "42", "7"],
  bigint: ["0", "1", "10000000000", "-3", "2"],
  "numeric(10,2)": ["0", "1.50", "2.25", "-3.75", "100", "2"],
  text: ["'a'", "'b'", "'abc'", "''", "'Zoe'", "'ä'", "'b c'"],
  boolean: ["true", "false"],
  date: ["'2020-01-01'", "'2021-06-15'", "'1999-12-31'", "'2020-02-29'"],
  timestamptz: ["'2020-01-01 00:00:00+00'", "'2021-06-15 12:30:00+02'", "'1999-12-31 23:59:59.5+00'"],
  "double precision": ["0", "1.5", "-2.25", "100", "3"],
};

export function randomTables(random: Random): {
  readonly tables: readonly FuzzTable[];
  readonly setup: readonly string[];
} {
  const tables = ["t0", "t1", "t2"].map(
    (name): FuzzTable => ({
      name,
      columns: [
        { name: "id", type: "int" },
        ...Array.from(
          { length: 3 + random.next(4) },
          (_, index): Column => ({ name: `c${index}`, type: random.pick(columnTypes) }),
        ),
      ],
    }),
  );
  const setup = tables.flatMap(({ name, columns }) => {
    const list = columns.map((column, index) => `${column.name} ${column.type}${index === 0 ? " primary key" : ""}`);
    const rows = Array.from({ length: 5 + random.next(15) }, (_, index) => {
      const cells = columns.map((column, place) =>
        place === 0 ? String(index) : random.next(6) === 0 ? "null" : random.pick(values[column.type]),
      );
      return `(${cells.join(", ")})`;
    });
    const indexed = random.pick(columns);
    const index = random.next(2) === 0 ? [`create index on ${name} (${indexed.name})`] : [];
    return [`create table ${name} (${list.join(", ")})`, `insert into ${name} values ${rows.join(", ")}`, ...index];
  });
  return { tables, setup };
}

interface ScopeColumn {
  readonly text: string;
  readonly type: ColumnType;
}

type Kind = "number" | "text" | "boolean" | "time";

const kindOf = (type: ColumnType): Kind =>
  type === "text"
    ? "text"
    : type === "boolean"
      ? "boolean"
      : type === "date" || type === "timestamptz"
        ? "time"
        : "number";

/** Two different columns. */
function twoOf(scope: readonly ScopeColumn[], random: Random): string[] {
  const first = random.next(scope.length);
  const second = (first + 1 + random.next(scope.length - 1)) % scope.length;
  return [first, second].map((index) => scope[index]?.text ?? "");
}

export class QueryWriter {
  readonly #random: Random;
  readonly #tables: readonly FuzzTable[];
  #aliases = 0;

  constructor(random: Random, tables: readonly FuzzTable[]) {
    this.#random = random;
    this.#tables = tables;
  }

  statement(): string {
    const choice = this.#random.next(12);
    if (choice === 0) return this.#setOperation();
    if (choice === 1) return this.#withQuery();
    if (choice <= 4) return this.#grouped();
    if (choice === 5) return this.#windowed();
    return this.#plain();
  }

  /** Tables and a condition over them, to be taken apart by its three outcomes. */
  partition(): { readonly from: string; readonly condition: string } {
    const { text, scope } = this.#from();
    return { from: text, condition: this.#condition(scope, 2) };
  }

  #alias(): string {
    this.#aliases += 1;
    return `a${this.#aliases}`;
  }

  #from(): { readonly text: string; readonly scope: readonly ScopeColumn[] } {
    const first = this.#source();
    let { text } = first;
    let scope: readonly ScopeColumn[] = first.scope;
    for (let joins = this.#random.next(3); joins > 0; joins -= 1) {
      const next = this.#source();
      const all = [...scope, ...next.scope];
      const kind = this.#random.pick(["join", "left join", "right join", "full join", "cross join"]);
      const equal = this.#equality(scope, next.scope);
      if (kind === "cross join" || equal === null) text = `${text} cross join ${next.text}`;
      else {
        const more = kind === "full join" || this.#random.next(3) > 0 ? "" : ` and ${this.#condition(all, 1)}`;
        text = `${text} ${kind} ${next.text} on ${equal}${more}`;
      }
      scope = all;
    }
    return { text, scope };
  }

  #source(): { readonly text: string; readonly scope: readonly ScopeColumn[] } {
    const table = this.#random.pick(this.#tables);
    const alias = this.#alias();
    const scope = table.columns.map(({ name, type }) => ({ text: `${alias}.${name}`, type }));
    if (this.#random.next(6) > 0) return { text: `${table.name} ${alias}`, scope };
    const inner = this.#alias();
    const own = table.columns.map(({ name, type }) => ({ text: `${inner}.${name}`, type }));
    return { text: `(select * from ${table.name} ${inner} where ${this.#condition(own, 1)}) ${alias}`, scope };
  }

  #equality(left: readonly ScopeColumn[], right: readonly ScopeColumn[]): string | null {
    const a = this.#random.pick(left);
    const fitting = right.filter(
      ({ type }) => type === a.type || (kindOf(type) === "number" && kindOf(a.type) === "number"),
    );
    return fitting.length === 0 ? null : `${a.text} = ${this.#random.pick(fitting).text}`;
  }

  #columnOf(kind: Kind, scope: readonly ScopeColumn[]): ScopeColumn | null {
    const fitting = scope.filter(({ type }) => kindOf(type) === kind);
    return fitting.length === 0 ? null : this.#random.pick(fitting);
  }

  #expression(kind: Kind, scope: readonly ScopeColumn[], depth: number): string {
    const column = this.#columnOf(kind, scope);
    if (depth <= 0 || this.#random.next(3) === 0) return column?.text ?? this.#literal(kind);
    const inner = (of: Kind): string => this.#expression(of, scope, depth - 1);
    switch (kind) {
      case "number":
        return this.#random.pick([
          () => `(${inner("number")} + ${inner("number")})`,
          () => `(${inner("number")} - ${this.#literal("number")})`,
          () => `(${inner("number")} * 2)`,
          () => `abs(${inner("number")})`,
          () => `length(${inner("text")})`,
          () => `coalesce(${inner("number")}, 0)`,
          () => `case when ${this.#condition(scope, depth - 1)} then ${inner("number")} else 1 end`,
          () => `extract(year from ${inner("time")})`,
          () => `nullif(${inner("number")}, 1)`,
          () => `greatest(${inner("number")}, 2)`,
          () => `(${inner("number")} / 4)`,
        ])();
      case "text":
        return this.#random.pick([
          () => `upper(${inner("text")})`,
          () => `(${inner("text")} || '-')`,
          () => `coalesce(${inner("text")}, 'none')`,
          () => `substr(${inner("text")}, 1, 2)`,
          () => `(${inner("number")})::text`,
          () => `case ${inner("boolean")} when true then 'yes' else ${inner("text")} end`,
          () => `replace(${inner("text")}, 'b', 'x')`,
        ])();
      case "boolean":
        return `(${this.#condition(scope, depth - 1)})`;
      case "time":
        return this.#random.pick([
          () => `(${inner("time")} + interval '1 day')`,
          () => `date_trunc('month', ${inner("time")})`,
          () => `coalesce(${inner("time")}, '2000-01-01')`,
        ])();
    }
  }

  #literal(kind: Kind): string {
    switch (kind) {
      case "number":
        return this.#random.pick(["0", "1", "2", "-3", "1.5", "10"]);
      case "text":
        return this.#random.pick(["'a'::text", "'abc'::text", "''::text"]);
      case "boolean":
        return this.#random.pick(["true", "false"]);
      case "time":
        return this.#random.pick(["date '2020-01-01'", "timestamptz '2021-01-01 00:00:00+00'"]);
    }
  }

  #condition(scope: readonly ScopeColumn[], depth: number): string {
    const inner = (kind: Kind): string => this.#expression(kind, scope, depth - 1);
    const compare = (): string => {
      const kind = this.#random.pick<Kind>(["number", "text", "time", "number"]);
      return `${inner(kind)} ${this.#random.pick(["=", "<>", "<", "<=", ">", ">="])} ${inner(kind)}`;
    };
    if (depth <= 0) return compare();
    return this.#random.pick([
      compare,
      compare,
      () => `${inner("number")} is null`,
      () => `${inner("text")} is not null`,
      () => `${inner("number")} in (1, 2, 3)`,
      () => `${inner("number")} between 0 and 10`,
      () => `${inner("text")} like '%b%'`,
      () => `not (${this.#condition(scope, depth - 1)})`,
      () => `(${this.#condition(scope, depth - 1)} and ${this.#condition(scope, depth - 1)})`,
      () => `(${this.#condition(scope, depth - 1)} or ${this.#condition(scope, depth - 1)})`,
      () => `${inner("boolean")} is distinct from true`,
      () => this.#subquery(scope, depth),
      () => `${inner("number")} = any (array[1, 2, 42])`,
    ])();
  }

  #subquery(scope: readonly ScopeColumn[], depth: number): string {
    const table = this.#random.pick(this.#tables);
    const alias = this.#alias();
    const own = table.columns.map(({ name, type }) => ({ text: `${alias}.${name}`, type }));
    const both = [...own, ...scope];
    const number = this.#columnOf("number", own)?.text ?? `${alias}.id`;
    const where = `where ${this.#condition(both, depth - 1)}`;
    return this.#random.pick([
      () => `exists (select 1 from ${table.name} ${alias} ${where})`,
      () => `${this.#expression("number", scope, 0)} in (select ${number} from ${table.name} ${alias} ${where})`,
      () =>
        `${this.#expression("number", scope, 0)} not in (select ${number} from ${table.name} ${alias} where ${number} is not null)`,
      () => `${this.#expression("number", scope, 0)} > (select min(${number}) from ${table.name} ${alias} ${where})`,
      () => `${this.#expression("number", scope, 0)} <= all (select ${number} from ${table.name} ${alias} ${where})`,
    ])();
  }

  #select(scope: readonly ScopeColumn[], count: number): string[] {
    return Array.from({ length: count }, () =>
      this.#expression(this.#random.pick<Kind>(["number", "text", "boolean", "time"]), scope, 2),
    );
  }

  #ending(count: number): string {
    const order = Array.from(
      { length: count },
      (_, index) => `${index + 1}${this.#random.pick(["", " desc", " nulls first", " desc nulls last"])}`,
    );
    const limit = this.#random.next(3) === 0 ? ` limit ${this.#random.next(8)} offset ${this.#random.next(3)}` : "";
    return `order by ${order.join(", ")}${limit}`;
  }

  #plain(): string {
    const { text, scope } = this.#from();
    const count = 1 + this.#random.next(4);
    const distinct = this.#random.next(5) === 0 ? "distinct " : "";
    const where = this.#random.next(4) === 0 ? "" : ` where ${this.#condition(scope, 2)}`;
    return `select ${distinct}${this.#select(scope, count).join(", ")} from ${text}${where} ${this.#ending(count)}`;
  }

  #aggregate(scope: readonly ScopeColumn[]): string {
    const number = this.#expression("number", scope, 1);
    const text = this.#expression("text", scope, 1);
    const filter = this.#random.next(4) === 0 ? ` filter (where ${this.#condition(scope, 1)})` : "";
    return (
      this.#random.pick([
        "count(*)",
        `count(${number})`,
        `count(distinct ${text})`,
        `sum((${number})::numeric)`,
        `avg((${number})::numeric)`,
        `min(${text})`,
        `max(${number})`,
        `string_agg(${text}, ',' order by ${text})`,
        `array_agg((${number})::numeric order by (${number})::numeric)`,
        `bool_and(${this.#condition(scope, 1)})`,
        `stddev((${number})::numeric)`,
        `jsonb_agg(${text} order by ${text})`,
      ]) + filter
    );
  }

  #grouped(): string {
    const { text, scope } = this.#from();
    const keys = this.#random.next(3);
    // PostgreSQL 15 takes constant keys, and keys that a join holds equal, for one value also where ROLLUP makes them NULL, and sorts wrongly.
    const isRollup = keys === 2 && !text.includes(" join ") && this.#random.next(2) === 0;
    const grouped = isRollup ? twoOf(scope, this.#random) : this.#select(scope, keys);
    const aggregates = Array.from({ length: 1 + this.#random.next(3) }, () => this.#aggregate(scope));
    const where = this.#random.next(2) === 0 ? "" : ` where ${this.#condition(scope, 1)}`;
    const places = grouped.map((_, index) => String(index + 1)).join(", ");
    const group = keys === 0 ? "" : isRollup ? ` group by rollup (${places})` : ` group by ${places}`;
    const having = keys > 0 && this.#random.next(3) === 0 ? " having count(*) > 1" : "";
    const count = keys + aggregates.length;
    return `select ${[...grouped, ...aggregates].join(", ")} from ${text}${where}${group}${having} ${this.#ending(count)}`;
  }

  #windowed(): string {
    const table = this.#random.pick(this.#tables);
    const alias = this.#alias();
    const scope = table.columns.map(({ name, type }) => ({ text: `${alias}.${name}`, type }));
    const partition = this.#random.next(2) === 0 ? `partition by ${this.#random.pick(scope).text} ` : "";
    const over = `over (${partition}order by ${alias}.id)`;
    const number = this.#columnOf("number", scope)?.text ?? `${alias}.id`;
    const calls = [
      `row_number() ${over}`,
      `rank() over (order by ${this.#random.pick(scope).text})`,
      `dense_rank() over (order by ${this.#random.pick(scope).text} desc)`,
      `sum((${number})::numeric) ${over}`,
      `lag(${number}) ${over}`,
      `lead(${number}, 2) ${over}`,
      `first_value(${number}) ${over}`,
      `count(*) over (${partition}order by ${alias}.id rows between 1 preceding and 1 following)`,
      `max(${number}) over (${partition}order by ${alias}.id rows between unbounded preceding and current row)`,
      `ntile(3) ${over}`,
      `percent_rank() over (order by ${alias}.id)`,
    ];
    const chosen = [this.#random.pick(calls), this.#random.pick(calls)];
    return `select ${alias}.id, ${chosen.join(", ")} from ${table.name} ${alias} order by 1`;
  }

  #setOperation(): string {
    const part = (): string => {
      const { text, scope } = this.#from();
      return `select ${this.#expression("number", scope, 1)}, ${this.#expression("text", scope, 1)} from ${text} where ${this.#condition(scope, 1)}`;
    };
    const operation = this.#random.pick(["union", "union all", "intersect", "except", "intersect all", "except all"]);
    return `${part()} ${operation} ${part()} order by 1, 2`;
  }

  #withQuery(): string {
    const table = this.#random.pick(this.#tables);
    const alias = this.#alias();
    const scope = table.columns.map(({ name, type }) => ({ text: `${alias}.${name}`, type }));
    const number = this.#expression("number", scope, 1);
    if (this.#random.next(2) === 0)
      return `with recursive r(n, m) as (select 1, 1::numeric union all select n + 1, m * 2 from r where n < ${2 + this.#random.next(8)}) select r.n, r.m, ${number} from r join ${table.name} ${alias} on ${alias}.id = r.n order by 1, 2, 3`;
    return `with q as (select ${alias}.id as k, ${number} as v from ${table.name} ${alias} where ${this.#condition(scope, 1)}) select x.k, y.v from q x left join q y on x.k = y.k order by 1, 2`;
  }
}
