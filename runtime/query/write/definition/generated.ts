/** What the expression of a generated column may read: columns that are not generated, one by one. */

import type { Telling } from "../../bind/no-query.js";
import { isSystemColumn } from "../../catalog/system-column-names.js";
import { SqlError } from "../../error.js";
import type { Expression } from "../../syntax/ast-expression.js";
import { namesIn } from "../../syntax/names-read.js";
import { columnNamed, type TableParts } from "./constraints.js";
import { placeOf } from "./draft.js";

/** System columns but for `tableoid`, which is known before a row is written. */
const isOfRowsAlone = (name: string): boolean => isSystemColumn(name) && name !== "tableoid";

/** Throws 42P10 for a system column in the condition of a CHECK. */
export function expectNoSystemColumns(
  condition: Expression,
  { columns }: Pick<TableParts, "columns">,
  telling: Telling,
): void {
  for (const { parts, isStar, location } of namesIn(condition)) {
    const name = parts.at(-1) ?? "";
    if (isStar || !isOfRowsAlone(name) || columnNamed(columns, name) !== null) continue;
    throw new SqlError("42P10", `system column "${name}" reference in check constraint is invalid`, {
      position: telling === "placed" ? placeOf(location) : undefined,
    });
  }
}

/** Throws 42P10 for a system column, and 42P17 for a generated column and for a whole row in the expression. */
export function expectOthersRead(expression: Expression, parts: TableParts, telling: Telling): void {
  const names = [...namesIn(expression)].sort((a, b) => a.location - b.location);
  for (const { parts: name, isStar, location } of names) {
    const last = name.at(-1) ?? "";
    const column = isStar ? null : columnNamed(parts.columns, last);
    const position = telling === "placed" ? placeOf(location) : undefined;
    const refuse = (what: string, detail: string): SqlError =>
      new SqlError("42P17", `cannot use ${what} in column generation expression`, { position, detail });
    if (column === null && !isStar && isOfRowsAlone(last)) {
      const message = `cannot use system column "${last}" in column generation expression`;
      throw new SqlError("42P10", message, { position });
    }
    if (column === null && last === parts.name)
      throw refuse("whole-row variable", "This would cause the generated column to depend on its own value.");
    if (column !== null && column.generated !== null) {
      const detail = "A generated column cannot reference another generated column.";
      throw refuse(`generated column "${last}"`, detail);
    }
  }
}
