/** MERGE in all its forms: sources of three kinds, and WHEN clauses of which the first that fits a row is done. */
import type { Random } from "../expressions.js";
import { condition, type Step } from "./queries.js";
import { settable, type Table, valueOf } from "./schema.js";

export function mergeStep(random: Random, target: Table, source: Table): Step {
  const clauses = Array.from({ length: 1 + random.next(3) }, () =>
    random.next(2) === 0 ? matched(random, target, source) : notMatched(random, target, source),
  );
  const draws = target.columns.some(({ source: from }) => from === "identity");
  const on = random.pick([
    "t.id = s.id",
    "t.id = s.id",
    "t.id = s.id + 1",
    `t.id = s.id and ${condition(random, target, "t", 0)}`,
  ]);
  return {
    sql: `merge into ${target.name} t using ${draws ? oneRow(random, source) : sourceText(random, source)} on ${on} ${clauses.join(" ")}`,
    isOrdered: false,
    draws,
  };
}

/** Rows of a target that draws numbers would draw them in the order of the join, which nobody promises. */
const oneRow = (random: Random, source: Table): string =>
  `(select * from ${source.name} a order by a.id offset ${random.next(4)} limit 1) s`;

function sourceText(random: Random, source: Table): string {
  const list = source.columns.map(({ name }) => name).join(", ");
  return random.pick([
    `${source.name} s`,
    `(select * from ${source.name} a where ${condition(random, source, "a")}) s`,
    `(select ${list} from ${source.name} order by id limit 3) s`,
  ]);
}

const and = (random: Random, table: Table, alias: string): string =>
  random.next(2) === 0 ? "" : ` and ${condition(random, table, alias)}`;

function matched(random: Random, target: Table, source: Table): string {
  const head = `when matched${random.next(2) === 0 ? and(random, target, "t") : and(random, source, "s")} then`;
  const set = settable(target);
  const choice = random.next(6);
  if (choice === 0) return `${head} do nothing`;
  if (choice === 1 || set.length === 0) return `${head} delete`;
  const column = random.pick(set);
  const same = source.columns.filter(({ kind }) => kind === column.kind);
  const value = random.pick([
    () => valueOf(random, column),
    () => column.kind.change(`t.${column.name}`),
    () => "default",
    () => (same.length === 0 ? valueOf(random, column) : `s.${random.pick(same).name}`),
  ])();
  return `${head} update set ${column.name} = ${value}`;
}

function notMatched(random: Random, target: Table, source: Table): string {
  const head = `when not matched${and(random, source, "s")} then`;
  const choice = random.next(8);
  if (choice === 0) return `${head} do nothing`;
  if (choice === 1) return `${head} insert default values`;
  const columns = target.columns.filter(
    ({ source: from }, index) => index === 0 || (from === "plain" && random.next(6) > 0),
  );
  const values = columns.map((column) => {
    if (column.name === "id") return random.pick(["s.id", "s.id", "s.id + 1", "s.id + 40"]);
    const same = source.columns.filter(({ kind }) => kind === column.kind);
    return same.length > 0 && random.next(2) === 0 ? `s.${random.pick(same).name}` : valueOf(random, column);
  });
  return `${head} insert (${columns.map(({ name }) => name).join(", ")}) values (${values.join(", ")})`;
}
