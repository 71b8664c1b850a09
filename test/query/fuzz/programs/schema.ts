/** Random tables with their constraints and indexes, as the writer of programs keeps them in mind. */
import type { Random } from "../expressions.js";
import { integer, type Kind, kinds } from "./kinds.js";

export interface Column {
  readonly name: string;
  readonly kind: Kind;
  /** What an INSERT may say about it: nothing of a generated column but DEFAULT. */
  readonly source: "plain" | "generated" | "identity";
  readonly isNotNull: boolean;
}

export interface Table {
  readonly name: string;
  /** The first is `id`, which is never null, unique and stays. */
  readonly columns: readonly Column[];
  /** What ON CONFLICT may name. */
  readonly uniques: readonly string[];
  readonly constraints: readonly string[];
  readonly indexes: readonly string[];
}

export const ordered = (table: Table): readonly Column[] => table.columns.filter(({ kind }) => kind.isOrdered);
export const numbers = (table: Table): readonly Column[] => table.columns.filter(({ kind }) => kind.isNumber);
export const settable = (table: Table): readonly Column[] =>
  table.columns.filter(({ source, name }) => source === "plain" && name !== "id");

export function valueOf(random: Random, column: Column): string {
  const { kind, isNotNull } = column;
  if (kind.wrong.length > 0 && random.next(120) === 0) return random.pick(kind.wrong);
  if (random.next(isNotNull ? 60 : 8) === 0) return "null";
  return random.pick(kind.values);
}

/** A condition that a CHECK or the predicate of an index may have. */
export function simpleCondition(random: Random, column: Column): string {
  const { name, kind } = column;
  if (!kind.isOrdered || random.next(5) === 0) return `${name} is not null`;
  if (kind.isNumber) return `${name} ${random.pick(["<", ">", "<>", ">="])} ${random.pick(["0", "1", "2", "100"])}`;
  return `${name} ${random.pick(["<>", ">=", "="])} ${random.pick(kind.values)}`;
}

function columnText(random: Random, column: Column, before: readonly Column[]): string {
  const { name, kind, source } = column;
  const head = `${name} ${kind.type}`;
  if (source === "identity") return `${head} generated ${random.pick(["by default", "always"])} as identity`;
  if (source === "generated") {
    const from = before.find((one) => one.kind === kind && one.source === "plain");
    return from === undefined ? head : `${head} generated always as (${kind.change(from.name)}) stored`;
  }
  const fallback = random.next(4) === 0 ? ` default ${random.pick(kind.values)}` : "";
  const check = random.next(8) === 0 ? ` check (${simpleCondition(random, column)})` : "";
  return `${head}${fallback}${column.isNotNull ? " not null" : ""}${check}`;
}

export function newColumn(random: Random, name: string, before: readonly Column[]): Column {
  const kind = random.pick(kinds);
  const choice = random.next(16);
  const canDerive = kind.type !== "timestamptz" && before.some((one) => one.kind === kind && one.source === "plain");
  const source = choice === 0 && kind === integer ? "identity" : choice <= 3 && canDerive ? "generated" : "plain";
  return { name, kind, source, isNotNull: source === "plain" && random.next(6) === 0 };
}

/** A table, and the statements that make it. */
export function newTable(random: Random, name: string, others: readonly Table[]): { table: Table; setup: string[] } {
  const columns: Column[] = [{ name: "id", kind: integer, source: "plain", isNotNull: true }];
  for (let index = random.next(5) + 2; index > 0; index -= 1)
    columns.push(newColumn(random, `c${columns.length}`, columns));
  const texts = columns.map((column, index) => columnText(random, column, columns.slice(0, index)));
  const uniques = ["(id)"];
  const constraints: string[] = [];
  const plain = columns.filter(({ kind, name: own }) => kind.isOrdered && own !== "id");
  if (random.next(5) > 0) texts[0] += " primary key";
  else if (plain.length > 0 && random.next(2) === 0) {
    const second = random.pick(plain).name;
    texts.push(`primary key (${second}, id)`, "unique (id)");
    uniques.push(`(${second}, id)`);
  } else texts[0] += " not null unique";
  if (plain.length > 0 && random.next(3) === 0) {
    const column = random.pick(plain);
    const nulls = random.next(3) === 0 ? " nulls not distinct" : "";
    texts.push(`constraint ${name}_u unique${nulls} (${column.name})`);
    constraints.push(`${name}_u`);
    uniques.push(`(${column.name})`);
  }
  if (random.next(3) === 0) {
    texts.push(`constraint ${name}_c check (${simpleCondition(random, random.pick(columns))})`);
    constraints.push(`${name}_c`);
  }
  const parent = others[random.next(others.length + 1)];
  const integers = columns.filter(
    ({ kind, source, name: own }) => kind === integer && source === "plain" && own !== "id",
  );
  if (parent !== undefined && integers.length > 0) {
    const column = random.pick(integers);
    texts.push(
      `constraint ${name}_f foreign key (${column.name}) references ${parent.name} (id)${random.pick(["", "", " match full"])}${randomActions(random)}`,
    );
    constraints.push(`${name}_f`);
  }
  const indexes: string[] = [];
  const setup = [`create table ${name} (${texts.join(", ")})`];
  let table: Table = { name, columns, uniques, constraints, indexes };
  for (let count = random.next(3); count > 0; count -= 1) {
    const made = newIndex(random, table, `${name}_i${count}`);
    table = made.table;
    setup.push(made.sql);
  }
  return { table, setup };
}

export const randomActions = (random: Random): string =>
  random.pick(["", " on delete cascade", " on delete set null", " on delete restrict", " on delete set default"]) +
  random.pick(["", "", " on update cascade", " on update set null"]);

export function newIndex(random: Random, table: Table, name: string): { table: Table; sql: string } {
  const columns = ordered(table);
  const one = random.pick(columns);
  const isUnique = random.next(5) === 0;
  const isExpression = random.next(4) === 0 && (one.kind.isNumber || one.kind.type === "text");
  const keys = isExpression
    ? `(${one.kind.isNumber ? `abs(${one.name})` : `lower(${one.name})`})`
    : [one.name, ...(random.next(3) === 0 ? [random.pick(columns).name] : [])]
        .map((key) => key + random.pick(["", "", " desc", " nulls first"]))
        .join(", ");
  const predicate = random.next(4) === 0 ? ` where ${simpleCondition(random, random.pick(table.columns))}` : "";
  const nulls = isUnique && random.next(3) === 0 ? " nulls not distinct" : "";
  const sql = `create ${isUnique ? "unique " : ""}index ${name} on ${table.name} (${keys})${nulls}${predicate}`;
  const isArbiter = isUnique && predicate === "" && !isExpression;
  const uniques = isArbiter ? [...table.uniques, `(${keys.replaceAll(/ desc| nulls first/gu, "")})`] : table.uniques;
  return { table: { ...table, indexes: [...table.indexes, name], uniques }, sql };
}
