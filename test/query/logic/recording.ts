/**
 * Statements with the answers that PostgreSQL gave to them. A file holds statements, each ended by `;` and a line's end; its recording
 * beside it holds an answer for each: names and types of the columns and the rows, or the error's SQLSTATE and message.
 *
 * `node dist/test/query/logic/record.js` writes the recordings anew from the PostgreSQL 15 of the machine.
 */
import { readdirSync, readFileSync } from "node:fs";

export const logicFolder = new URL("../../../../test/query/logic/", import.meta.url);

export type Answer =
  | { readonly names: readonly string[]; readonly types: readonly number[]; readonly rows: readonly string[] }
  | { readonly sqlState: string; readonly message: string };

export const logicFiles = (): readonly string[] =>
  readdirSync(logicFolder)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();

export const statementsOf = (file: string): readonly string[] =>
  readFileSync(new URL(file, logicFolder), "utf8")
    .split(/;[ \t]*\n/)
    .map((text) => text.trim())
    .filter((text) => text !== "");

export const recordingOf = (file: string): URL => new URL(file.replace(/\.sql$/, ".recording.json"), logicFolder);

/** Without ORDER BY rows have no order. */
export const settled = (text: string, answer: Answer): Answer =>
  "rows" in answer && !/order by/i.test(text) ? { ...answer, rows: answer.rows.toSorted() } : answer;

/** A row as one text; NULL is `\N`. */
export const rowText = (row: readonly (string | null)[]): string => row.map((value) => value ?? "\\N").join("|");
