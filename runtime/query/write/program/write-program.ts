/**
 * The commonest writes, rows of values inserted, or one row changed or removed by its key, as programs that are made once for a statement and
 * run for each execution: no operators and no writer are made for it.
 *
 * A program does what `Modification`, `TableWriter` and `ForeignKeys` do when all goes well. Whenever it does not (a value is missing, a check
 * fails, a key is taken, a row that is referred to is not there) it says so, and what it has put is to be dropped: the statement is then run the
 * general way, which knows what to say.
 *
 * What a table may not have, else there is no program: constraints that can wait, partial and expression indexes, expressions that only the
 * executor runs (frame-expression.ts); for an UPDATE a primary key that changes; for an UPDATE of what others refer to and for any DELETE of it,
 * those others.
 */
import { unreachable } from "../../../types/assert.js";
import type { BoundModification } from "../../bind/bound.js";
import type { Catalog } from "../../catalog/model.js";
import { deleteProgram, updateProgram } from "./change.js";
import { insertProgram } from "./insert.js";
import type { WriteProgram } from "./program.js";

/** Null when the statement is more than a program can do. */
export function writeProgramOf(modification: BoundModification, catalog: Catalog): WriteProgram | null {
  if (modification.plan.failing !== undefined) return null;
  switch (modification.kind) {
    case "insert":
      return insertProgram(modification, catalog);
    case "update":
      return updateProgram(modification, catalog);
    case "delete":
      return deleteProgram(modification, catalog);
    case "merge":
      return null;
    default:
      return unreachable(modification);
  }
}
