/** EXECUTE, alone and as the query of other statements, and the SELECT that is a CREATE TABLE AS. */
import type { Execute } from "./ast-session.js";
import type { Conversion } from "./conversion.js";
import { expressionsOf } from "./convert-expression.js";
import { type Fields, has, textOf } from "./tree.js";

export function convertExecute(fields: Fields, conversion: Conversion): Execute {
  return {
    kind: "execute",
    name: textOf(fields, "name"),
    arguments: expressionsOf(fields, "params", conversion),
    location: -1,
  };
}

/** SELECT … INTO as CREATE TABLE AS, which it is; null for all else. */
export function selectInto(kind: string, fields: Fields): Fields | null {
  if (kind !== "SelectStmt" || !has(fields, "intoClause")) return null;
  const { intoClause: into, ...query } = fields;
  return { into, query: { SelectStmt: query } };
}
