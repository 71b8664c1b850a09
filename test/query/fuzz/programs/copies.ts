/** COPY in both directions, in the formats that are text. */
import type { Random } from "../expressions.js";
import { textOf } from "./prepared.js";
import { condition, type Step } from "./queries.js";
import { type Table, valueOf } from "./schema.js";

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");

const quoted = (text: string): string =>
  text === "" || /[",\n\r\\]|^\s|\s$/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

export function copyStep(random: Random, table: Table): Step {
  return random.next(3) === 0 ? copyOut(random, table) : copyIn(random, table);
}

function copyOut(random: Random, table: Table): Step {
  const options = random.pick([
    "",
    " with (format csv)",
    " with (format csv, header)",
    " with (null '-')",
    " (delimiter '|')",
  ]);
  const where = random.next(2) === 0 ? "" : ` where ${condition(random, table, "a")}`;
  return random.pick<() => Step>([
    () => ({ sql: `copy ${table.name} to stdout${options}`, isOrdered: false }),
    () => ({ sql: `copy (select * from ${table.name} a${where} order by a.id) to stdout${options}`, isOrdered: true }),
  ])();
}

function copyIn(random: Random, table: Table): Step {
  const isCsv = random.next(2) === 0;
  const columns = table.columns.filter(
    ({ name, source, isNotNull }) => source === "plain" && (name === "id" || isNotNull || random.next(5) > 0),
  );
  const first = random.next(12);
  const lines = Array.from({ length: 1 + random.next(4) }, (_, row) => {
    const cells = columns.map((column) => {
      // Numbers of rows that follow each other seldom collide, and sometimes do.
      if (column.name === "id") return String(first + row * (1 + random.next(9)));
      const literal = valueOf(random, column);
      if (literal === "null") return isCsv ? "" : "\\N";
      const text = textOf(literal);
      return isCsv ? quoted(text) : escaped(text);
    });
    // Now and then a row has too few values, or too many.
    if (random.next(40) === 0) cells.pop();
    if (random.next(60) === 0) cells.push("1");
    return cells.join(isCsv ? "," : "\t");
  });
  const names = columns.map(({ name }) => name).join(", ");
  return {
    sql: `copy ${table.name} (${names}) from stdin${isCsv ? " with (format csv)" : ""}`,
    isOrdered: false,
    via: { kind: "copyIn", data: lines.map((line) => `${line}\n`).join("") },
    draws: table.columns.some(({ source }) => source === "identity"),
  };
}
