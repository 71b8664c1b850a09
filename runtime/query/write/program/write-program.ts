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
import type { TreeReader } from "../../../store/tree.js";
import { unreachable } from "../../../types/assert.js";
import type { BoundModification } from "../../bind/bound.js";
import type { Catalog, TableDefinition } from "../../catalog/model.js";
import type { Frame } from "../../execute/frame-expression.js";
import type { Datum } from "../../types/datum.js";
import type { LockStrength } from "../ports.js";
import { deleteProgram, updateProgram } from "./change.js";
import type { Draws } from "./draws.js";
import { insertProgram } from "./insert.js";

/** A row beyond this is left to the general way, which stages what one record cannot hold. */
export const rowBytesMax: number = 256 * 1024;

export interface ProgramRun {
  /** The state as the statement sees it, with what it has put already if it may put more than one row. */
  readonly state: TreeReader;
  readonly tenant: number;
  /** Parameters and context; the program sets the row. */
  readonly frame: Frame;
  /** Told of each item that is put, with its key in the trees. The bytes are its to copy. */
  put(space: number, object: number, treeKey: Uint8Array, content: Uint8Array): void;
  /** Told of each item that is removed. A load, which only adds, has none. */
  remove(space: number, object: number, treeKey: Uint8Array): void;
  /** Told of each row of RETURNING. */
  returned(row: readonly Datum[]): void;
  /** Locks a row or the place of a unique entry; false when it is not to be had, and the statement is to be run the general way. */
  lock(tree: number, treeKey: Uint8Array, strength: LockStrength, table: TableDefinition): boolean;
  /** The next number for a row of a table without a primary key; only a program that draws numbers asks for it. */
  nextRowNumber(storage: number): number;
}

export interface WriteProgram {
  /** Rows that one run writes at most. */
  readonly rows: number;
  /** Where its values come from: `plan` has one run for each row of the statement's plan, whose columns are the frame's parameters. */
  readonly input: "statement" | "plan";
  readonly draws: Draws;
  /** Whether it only adds rows, and looks at nothing but their own keys. */
  readonly isLoad: boolean;
  /** Rows that were written, changed or not; null when the statement has to be run the general way. */
  run(run: ProgramRun): number | null;
}

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
    default:
      return unreachable(modification);
  }
}
