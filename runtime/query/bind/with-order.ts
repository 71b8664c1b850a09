/** In which order the queries of WITH RECURSIVE are bound: each behind those that it reads, wherever they are written. */
import { SqlError } from "../error.js";
import type { CommonTable, WithClause } from "../syntax/ast-query.js";
import { positionOf } from "./binder.js";

type Fields = Readonly<Record<string, unknown>>;

function clauseOf({ with: clause }: Fields): WithClause | null {
  const isClause = typeof clause === "object" && clause !== null && "tables" in clause && Array.isArray(clause.tables);
  return isClause ? (clause as WithClause) : null;
}

/**
 * Whether syntax names a WITH query of this level: a WITH within it that has a query of the same name hides it there, below RECURSIVE from all of
 * its queries, otherwise from those behind that one.
 */
function refersTo(syntax: unknown, name: string): boolean {
  const pending: unknown[] = [syntax];
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== "object" || node === null) continue;
    const fields = node as Fields;
    if (fields["kind"] === "table") {
      const table = fields["name"] as { readonly schema: string | null; readonly name: string };
      if (table.schema === null && table.name === name) return true;
    }
    const clause = clauseOf(fields);
    const hiding = clause?.tables.findIndex((table) => table.name === name) ?? -1;
    if (clause === null || hiding < 0) pending.push(...Object.values(fields));
    else if (!clause.isRecursive) pending.push(...clause.tables.slice(0, hiding + 1));
  }
  return false;
}

/**
 * PostgreSQL's order: the first that waits for nobody goes next, in exchange with the one whose turn it was. Throws 0A000 where some wait for one
 * another.
 */
export function inOrder({ isRecursive, tables }: WithClause): readonly CommonTable[] {
  if (!isRecursive || tables.length < 2) return tables;
  const left = tables.map((table) => ({
    table,
    waitsFor: new Set(tables.filter((other) => other !== table && refersTo(table.statement, other.name))),
  }));
  for (const [turn, own] of left.entries()) {
    const next = left.findIndex(({ waitsFor }, index) => index >= turn && waitsFor.size === 0);
    const found = left[next];
    if (found === undefined)
      throw new SqlError("0A000", "mutual recursion between WITH items is not implemented", {
        position: positionOf(own.table.location),
      });
    left[next] = own;
    left[turn] = found;
    for (const { waitsFor } of left.slice(turn + 1)) waitsFor.delete(found.table);
  }
  return left.map(({ table }) => table);
}
