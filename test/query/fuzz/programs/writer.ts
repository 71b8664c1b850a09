/**
 * Random programs: tables, then statements that change rows and tables, transactions with savepoints, and queries between them. The
 * writer keeps in mind what the tables look like if its statements succeed; where one fails, later ones may fail as well, on both sides.
 */
import type { Random } from "../expressions.js";
import { type ColumnType, columnTypes, QueryWriter } from "../statements.js";
import { composedQuery } from "./composed-queries.js";
import { copyStep } from "./copies.js";
import { kinds, ownDefinitions } from "./kinds.js";
import { mergeStep } from "./merges.js";
import { definitionStep, sequenceStep } from "./own-definitions.js";
import { preparedStep } from "./prepared.js";
import { condition, query, type Step } from "./queries.js";
import { richQuery } from "./rich-queries.js";
import {
  type Column,
  newColumn,
  newIndex,
  newTable,
  numbers,
  ordered,
  randomActions,
  settable,
  simpleCondition,
  type Table,
  valueOf,
} from "./schema.js";
import { valueQuery } from "./value-queries.js";
import { widerChange } from "./wider-changes.js";

const unordered = (sql: string): Step => ({ sql, isOrdered: false });
const whole = ({ name }: Table): Step => ({ ...unordered(`select * from ${name}`), isKept: true });
const drawing = (table: Table, sql: string): Step => ({
  ...unordered(sql),
  draws: table.columns.some(({ source }) => source === "identity"),
});
const idsMax = 14;

/** A statement that only reads rows, by the simple protocol; a sequence has no past. */
const isQuery = ({ sql, via }: Step): boolean =>
  via === undefined &&
  /^(?:select|with)/u.test(sql) &&
  !/\b(?:update|delete|insert|nextval|currval|setval|last_value)\b/u.test(sql);

export class ProgramWriter {
  readonly #random: Random;
  #tables: readonly Table[] = [];
  /** Views: what can be read as tables can. One whose table has changed may be gone, on both sides. */
  #views: readonly Table[] = [];
  /** What the tables were at BEGIN and at each savepoint; empty outside of a transaction. */
  #kept: { readonly name: string; readonly tables: readonly Table[] }[] = [];
  #left = 0;
  #names = 0;
  /** What follows the statement before it. */
  #following: readonly Step[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get isInTransaction(): boolean {
    return this.#kept.length > 0;
  }

  get tables(): readonly Table[] {
    return this.#tables;
  }

  setup(): Step[] {
    const steps: Step[] = ownDefinitions.map(unordered);
    for (const name of ["t0", "t1", "t2"]) {
      const { table, setup } = newTable(this.#random, name, this.#tables);
      this.#tables = [...this.#tables, table];
      steps.push(...setup.map(unordered));
      for (let count = this.#random.next(3) + 1; count > 0; count -= 1) steps.push(this.#insert(table));
    }
    return steps;
  }

  next(): Step {
    const [following, ...rest] = this.#following;
    this.#following = rest;
    if (following !== undefined) return following;
    const step = this.#next();
    const isAsked = !this.isInTransaction && isQuery(step) && this.#random.next(3) === 0;
    // Rows of the past are not locked.
    return isAsked && !/ for (?:no key )?(?:update|(?:key )?share)\b/u.test(step.sql)
      ? { ...step, isKept: true }
      : step;
  }

  #next(): Step {
    if (!this.isInTransaction && this.#random.next(12) === 0) return whole(this.#random.pick(this.#tables));
    if (this.isInTransaction) {
      this.#left -= 1;
      if (this.#left <= 0) return this.#end();
      if (this.#random.next(5) === 0) return this.#savepoint();
    } else if (this.#random.next(9) === 0) return this.#begin();
    const choice = this.#random.next(100);
    const table = this.#random.pick(this.#tables);
    if (choice < 10) return this.#insert(table);
    if (choice < 11) return sequenceStep(this.#random, table);
    if (choice < 12) return definitionStep(this.#random, this.isInTransaction);
    if (choice < 16) return this.#upsert(table);
    if (choice < 24) return this.#update(table);
    if (choice < 28) return this.#delete(table);
    if (choice < 30) return this.#withChange(table);
    if (choice < 34) return mergeStep(this.#random, table, this.#random.pick(this.#readable()));
    if (choice < 38) return this.#alter(table);
    if (choice < 41) return this.#index(table);
    if (choice < 43) return this.#other(table);
    if (choice < 46) return copyStep(this.#random, table);
    if (choice < 52) return preparedStep(this.#random, this.#tables);
    if (choice < 60) return this.#deepQuery();
    if (choice < 63) return this.#wider(table);
    if (choice < 72) return composedQuery(this.#random, this.#tables);
    if (choice < 80) return valueQuery(this.#random, this.#readable());
    return (choice < 90 ? richQuery : query)(this.#random, this.#readable());
  }

  #wider(table: Table): Step {
    const [first, ...rest] = widerChange(this.#random, table, this.#random.pick(this.#tables));
    this.#following = rest;
    return first ?? whole(table);
  }

  /** Every row of every table: what a program came to. */
  closing(): Step[] {
    const end = this.isInTransaction ? [unordered("commit")] : [];
    this.#kept = [];
    return [...this.#following, ...end, ...this.#tables.map(whole)];
  }

  /** Tables, and now and then a view. */
  #readable(): readonly Table[] {
    return this.#views.length === 0 || this.#random.next(3) > 0
      ? this.#tables
      : [this.#random.pick(this.#views), ...this.#tables];
  }

  #name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  #change(table: Table, changed: Table | null): void {
    this.#tables = this.#tables.flatMap((one) => (one === table ? (changed === null ? [] : [changed]) : [one]));
  }

  #begin(): Step {
    this.#kept = [{ name: "", tables: this.#tables }];
    this.#left = 3 + this.#random.next(6);
    const level = this.#random.pick(["", "", " isolation level repeatable read", " isolation level serializable"]);
    return unordered(`begin${level}`);
  }

  #end(): Step {
    const [first] = this.#kept;
    const isKept = this.#random.next(3) > 0;
    if (!isKept && first !== undefined) this.#tables = first.tables;
    this.#kept = [];
    return unordered(isKept ? "commit" : "rollback");
  }

  #savepoint(): Step {
    const name = this.#random.pick(["s1", "s2"]);
    const choice = this.#random.next(3);
    const at = this.#kept.findLastIndex((one) => one.name === name);
    if (choice === 0 || at < 0) {
      this.#kept.push({ name, tables: this.#tables });
      return unordered(`savepoint ${name}`);
    }
    if (choice === 1) {
      this.#tables = this.#kept[at]?.tables ?? this.#tables;
      this.#kept.length = at + 1;
      return unordered(`rollback to ${name}`);
    }
    this.#kept.length = at;
    return unordered(`release ${name}`);
  }

  #returning(table: Table): string {
    const choice = this.#random.next(5);
    if (choice === 0) return " returning *";
    if (choice === 1) return ` returning ${this.#random.pick(table.columns).name}, ${table.name}.id + 1 as next`;
    return "";
  }

  #target(table: Table): readonly Column[] {
    const mayLeaveOut = (column: Column): boolean => column.source !== "plain" || this.#random.next(6) === 0;
    const columns = table.columns.filter((column, index) => index === 0 || !mayLeaveOut(column));
    const odd = table.columns.filter(({ source }) => source !== "plain");
    return odd.length > 0 && this.#random.next(10) === 0 ? [...columns, this.#random.pick(odd)] : columns;
  }

  #row(columns: readonly Column[]): string {
    const cells = columns.map((column) =>
      column.name === "id"
        ? String(this.#random.next(idsMax))
        : column.source === "generated" || this.#random.next(15) === 0
          ? "default"
          : valueOf(this.#random, column),
    );
    return `(${cells.join(", ")})`;
  }

  #insert(table: Table): Step {
    const columns = this.#target(table);
    const names = columns.map(({ name }) => name).join(", ");
    const choice = this.#random.next(12);
    if (choice === 0 && !table.columns.some(({ source }) => source === "identity")) {
      const from = this.#random.pick(this.#tables);
      const cells = columns.map(({ name, kind }) => {
        if (name === "id") return `a.id + ${this.#random.next(30)}`;
        const same = from.columns.filter((column) => column.kind === kind);
        return same.length > 0 ? `a.${this.#random.pick(same).name}` : `${this.#random.pick(kind.values)}`;
      });
      const where = ` where ${condition(this.#random, from, "a")}`;
      return unordered(
        `insert into ${table.name} (${names}) select ${cells.join(", ")} from ${from.name} a${where} order by a.id${this.#returning(table)}`,
      );
    }
    // How many numbers a statement that fails has drawn for its rows is not said.
    const hasIdentity = table.columns.some(({ source }) => source === "identity");
    const count = choice < 6 || hasIdentity ? 1 : 1 + this.#random.next(4);
    const rows = Array.from({ length: count }, () => this.#row(columns));
    const overriding = this.#random.next(12) === 0 ? " overriding system value" : "";
    return drawing(
      table,
      `insert into ${table.name} (${names})${overriding} values ${rows.join(", ")}${choice === 1 ? " on conflict do nothing" : ""}${this.#returning(table)}`,
    );
  }

  #upsert(table: Table): Step {
    const columns = this.#target(table);
    const names = columns.map(({ name }) => name).join(", ");
    const hasIdentity = table.columns.some(({ source }) => source === "identity");
    const rows = Array.from({ length: hasIdentity ? 1 : 1 + this.#random.next(2) }, () => this.#row(columns));
    const target = this.#random.pick(table.uniques);
    const set = settable(table);
    const head = `insert into ${table.name} as t (${names}) values ${rows.join(", ")} on conflict ${target} do`;
    const returning = this.#random.pick(["", " returning t.*"]);
    if (set.length === 0 || this.#random.next(4) === 0) return drawing(table, `${head} nothing${returning}`);
    const column = this.#random.pick(set);
    const value = this.#random.pick([`excluded.${column.name}`, column.kind.change(`t.${column.name}`), "default"]);
    const where = this.#random.next(3) === 0 ? ` where ${condition(this.#random, table, "t")}` : "";
    return drawing(table, `${head} update set ${column.name} = ${value}${where}${returning}`);
  }

  #assignment(column: Column): string {
    const value = this.#random.pick([
      () => valueOf(this.#random, column),
      () => column.kind.change(column.name),
      () => "default",
      () => `case when id > 4 then ${column.name} else ${this.#random.pick(column.kind.values)} end`,
    ])();
    return `${column.name} = ${value}`;
  }

  #update(table: Table): Step {
    const set = settable(table);
    if (set.length === 0) return this.#delete(table);
    const column = this.#random.pick(set);
    const choice = this.#random.next(8);
    if (choice === 0)
      return unordered(
        `update ${table.name} set id = id + ${20 + this.#random.next(20)} where ${condition(this.#random, table, table.name)}`,
      );
    if (choice <= 2) {
      const other = this.#random.pick(this.#tables);
      const same = other.columns.filter(({ kind }) => kind === column.kind);
      const value = same.length > 0 ? `b.${this.#random.pick(same).name}` : this.#random.pick(column.kind.values);
      return unordered(
        `update ${table.name} a set ${column.name} = ${value} from ${other.name} b where b.id = a.id${choice === 1 ? ` and ${condition(this.#random, other, "b")}` : ""} ${this.#random.pick(["", "returning a.id, b.id"])}`.trimEnd(),
      );
    }
    const more = set.filter((one) => one !== column);
    const texts = [this.#assignment(column)];
    if (more.length > 0 && this.#random.next(2) === 0) texts.push(this.#assignment(this.#random.pick(more)));
    const where = this.#random.next(6) === 0 ? "" : ` where ${condition(this.#random, table, table.name)}`;
    return unordered(`update ${table.name} set ${texts.join(", ")}${where}${this.#returning(table)}`);
  }

  #delete(table: Table): Step {
    if (this.#random.next(4) === 0) {
      const other = this.#random.pick(this.#tables);
      return unordered(
        `delete from ${table.name} a using ${other.name} b where a.id = b.id + 1 and ${condition(this.#random, other, "b")}${this.#random.pick(["", " returning a.id, b.id"])}`,
      );
    }
    return unordered(
      `delete from ${table.name} where ${condition(this.#random, table, table.name)}${this.#returning(table)}`,
    );
  }

  #withChange(table: Table): Step {
    const other = this.#random.pick(this.#tables);
    const set = settable(table);
    const inner =
      set.length > 0 && this.#random.next(2) === 0
        ? `update ${table.name} set ${this.#assignment(this.#random.pick(set))} where ${condition(this.#random, table, table.name)} returning *`
        : `delete from ${table.name} where ${condition(this.#random, table, table.name)} returning *`;
    return unordered(
      this.#random.pick([
        `with d as (${inner}) select * from d`,
        `with d as (${inner}) select count(*) from ${other.name}, d`,
        `with d as (${inner}) select (select count(*) from d), (select count(*) from ${table.name})`,
      ]),
    );
  }

  #alter(table: Table): Step {
    const random = this.#random;
    const altered = (sql: string, changed: Partial<Table>): Step => {
      this.#change(table, { ...table, ...changed });
      return unordered(`alter table ${table.name} ${sql}`);
    };
    const others = table.columns.slice(1);
    const column = random.pick(others.length > 0 ? others : table.columns);
    const replaced = (changed: Partial<Column>): { readonly columns: readonly Column[] } => ({
      columns: table.columns.map((one) => (one === column ? { ...one, ...changed } : one)),
    });
    return random.pick<() => Step>([
      () => {
        const name = this.#name("n");
        const added = newColumn(random, name, []);
        const fallback = random.next(2) === 0 || added.isNotNull ? ` default ${random.pick(added.kind.values)}` : "";
        const plain: Column = { ...added, source: "plain" };
        return altered(`add column ${name} ${plain.kind.type}${fallback}${added.isNotNull ? " not null" : ""}`, {
          columns: [...table.columns, plain],
        });
      },
      () =>
        others.length < 3
          ? altered(`add column ${column.name} integer`, {})
          : altered(`drop column ${column.name}${random.pick(["", " cascade"])}`, {
              columns: table.columns.filter((one) => one !== column),
            }),
      () => {
        const name = this.#name("r");
        return others.length === 0
          ? query(random, this.#tables)
          : altered(`rename column ${column.name} to ${name}`, replaced({ name }));
      },
      () => {
        const name = this.#name("t");
        return altered(`rename to ${name}`, { name });
      },
      () => altered(`alter column ${column.name} set default ${random.pick(column.kind.values)}`, {}),
      () => altered(`alter column ${column.name} drop default`, {}),
      () => altered(`alter column ${column.name} set not null`, replaced({ isNotNull: true })),
      () => altered(`alter column ${column.name} drop not null`, replaced({ isNotNull: false })),
      () => {
        const kind = random.pick(kinds);
        return altered(
          `alter column ${column.name} type ${kind.type}${random.pick(["", ` using ${column.name}::text::${kind.type}`])}`,
          column.name === "id" ? {} : replaced({ kind }),
        );
      },
      () => {
        const name = this.#name("k");
        return altered(`add constraint ${name} check (${simpleCondition(random, random.pick(table.columns))})`, {
          constraints: [...table.constraints, name],
        });
      },
      () => {
        const name = this.#name("u");
        const key = random.pick(ordered(table)).name;
        return altered(`add constraint ${name} unique (${key})`, {
          constraints: [...table.constraints, name],
        });
      },
      () => {
        const name = this.#name("f");
        const key = random.pick(numbers(table)).name;
        const parent = random.pick(this.#tables).name;
        return altered(
          `add constraint ${name} foreign key (${key}) references ${parent} (id)${randomActions(random)}`,
          {
            constraints: [...table.constraints, name],
          },
        );
      },
      () =>
        table.constraints.length === 0
          ? altered("drop constraint if exists nothing", {})
          : altered(`drop constraint ${random.pick(table.constraints)}`, {}),
    ])();
  }

  #index(table: Table): Step {
    if (table.indexes.length > 0 && this.#random.next(3) === 0) {
      const name = this.#random.pick(table.indexes);
      this.#change(table, { ...table, indexes: table.indexes.filter((one) => one !== name) });
      return unordered(`drop index ${name}`);
    }
    const made = newIndex(this.#random, table, this.#name("i"));
    this.#change(table, made.table);
    return unordered(made.sql);
  }

  #other(table: Table): Step {
    const view = this.#name("v");
    const choice = this.#random.next(6);
    if (choice === 0)
      return unordered(`truncate ${table.name}${this.#random.pick(["", " cascade", " restart identity"])}`);
    if (choice === 1) return this.#view(table, view);
    if (choice === 2)
      return unordered(
        `create table ${view} as select * from ${table.name} a where ${condition(this.#random, table, "a")}`,
      );
    if (choice === 3) return this.#view(table, view);
    if (choice === 4 && this.#views.length > 0) {
      const gone = this.#random.pick(this.#views);
      this.#views = this.#views.filter((one) => one !== gone);
      return unordered(`drop view ${gone.name}${this.#random.pick(["", " cascade", " restrict"])}`);
    }
    return unordered(`explain_nothing ${table.name}`);
  }

  #view(table: Table, name: string): Step {
    const columns = table.columns.filter((_, index) => index === 0 || this.#random.next(4) > 0);
    const shape = this.#random.next(3);
    const list = shape === 0 ? "*" : columns.map((column) => `a.${column.name}`).join(", ");
    const where = this.#random.next(2) === 0 ? "" : ` where ${condition(this.#random, table, "a")}`;
    const kept = shape === 0 ? table.columns : columns;
    this.#views = [...this.#views, { name, columns: kept, uniques: [], constraints: [], indexes: [] }];
    return unordered(`create view ${name} as select ${list} from ${table.name} a${where}`);
  }

  #deepQuery(): Step {
    const fitting = this.#tables.map(({ name, columns }) => ({
      name,
      columns: columns.flatMap(({ name: own, kind }) => {
        const type = kind.type === "integer" ? "int" : kind.type === "numeric(8,2)" ? "numeric(10,2)" : kind.type;
        return isPlainType(type) ? [{ name: own, type }] : [];
      }),
    }));
    return { sql: new QueryWriter(this.#random, fitting).statement(), isOrdered: true };
  }
}

const isPlainType = (type: string): type is ColumnType => columnTypes.some((one) => one === type);
