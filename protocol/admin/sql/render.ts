/** Answers of statements for people: tables, or with \x one line a value. */
import type { SqlAnswer } from "../../client/sql/sql-connection.js";
import { renderPairs, renderTable } from "../table.js";

const rowsText = (rows: number): string => `(${rows} row${rows === 1 ? "" : "s"})`;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function renderAnswer(answer: SqlAnswer, isExpanded: boolean): string {
  const { columns, rows, tag } = answer;
  if (columns === null) return tag;
  const names = columns.map(({ name }) => name);
  const cells = rows.map((row) => row.map((value) => (value === null ? null : decoder.decode(value))));
  if (!isExpanded) {
    if (columns.length === 0) return rowsText(rows.length);
    return `${renderTable(names, cells)}\n${rowsText(rows.length)}`;
  }
  const records = cells.map(
    (row, index) => `─ row ${index + 1}\n${renderPairs(names.map((name, at) => [name, row[at] ?? null] as const))}`,
  );
  return [...records, rowsText(rows.length)].join("\n");
}
