/** Plain text tables for people: columns as wide as their widest cell, numbers to the right, nothing that needs a terminal. */
export type Cell = string | number | boolean | null | undefined;

const text = (cell: Cell): string => (cell === null || cell === undefined ? "–" : String(cell));

/** Columns a string takes: East Asian wide characters and emoji take two, combining marks none. */
export function displayWidth(value: string): number {
  let width = 0;
  for (const char of value) {
    if (/\p{M}|\p{Cf}/u.test(char)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
        char,
      )
        ? 2
        : 1;
  }
  return width;
}

/** Control characters of stored names and payloads must not steer the terminal that shows them. */
export const printable = (value: string): string =>
  value.replace(/[\p{Cc}\u2028\u2029]/gu, (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);

/** One line per row under a line of headings. A column is set to the right when all its cells are numbers. */
export function renderTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = [headings, ...rows.map((row) => row.map((cell) => printable(text(cell))))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column] ?? ""))));
  const right = headings.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^–$|^[\d,.]+( \S+)?$/.test(text(row[column]))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const padding = " ".repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)));
        return right[column] === true ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}

/** Names and values, one pair a line. */
export function renderPairs(pairs: readonly (readonly [string, Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => displayWidth(name)));
  return pairs
    .map(([name, cell]) => `${name}${" ".repeat(width - displayWidth(name))}  ${printable(text(cell))}`)
    .join("\n");
}
