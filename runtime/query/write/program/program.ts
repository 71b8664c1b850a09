/** What a program is, and what it is run with. */
import type { TreeReader } from "../../../store/tree.js";
import type { TableDefinition } from "../../catalog/model.js";
import type { Frame } from "../../execute/frame-expression.js";
import type { Datum } from "../../types/datum.js";
import type { LockStrength } from "../ports.js";
import type { BlockProgram } from "./block.js";
import type { Draws } from "./draws.js";

/** A row beyond this is left to the general way, which stages what one record cannot hold. */
export const rowBytesMax: number = 256 * 1024;

/** Where a load puts what it adds, and learns whether it may. What was added is taken back as a whole when the program says so. */
export interface LoadTarget {
  /**
   * Adds an item of an object whose content is the beginning of `content`; all is copied.
   *
   * @returns false when the key must be new and is not: nothing was added
   */
  add(
    space: number,
    object: number,
    treeKey: Uint8Array,
    mustBeNew: boolean,
    content: Uint8Array,
    contentView: DataView,
    contentLength: number,
  ): boolean;
  readonly referenced: ReferencedRowsReader;
}

/** What rows of a load may refer to: the state with all that the transaction has written before. */
export interface ReferencedRowsReader extends TreeReader {
  /** Keeps a row from being removed, for the transaction; false when it is not there. */
  keep(treeKey: Uint8Array, table: TableDefinition): boolean;
}

export interface ProgramRun {
  /** The state as the statement sees it, with what it has put already if it may put more than one row. */
  readonly state: TreeReader;
  readonly tenant: number;
  /** Parameters and context; the program sets the row. */
  readonly frame: Frame;
  /** Of a load, and null else: then neither the state nor locks are asked, and nothing is put elsewhere. */
  readonly load: LoadTarget | null;
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
  /** Runs it for each row of a block; null when only a row at a time can be run. */
  readonly block: BlockProgram | null;
  /** Rows that were written, changed or not; null when the statement has to be run the general way. */
  run(run: ProgramRun): number | null;
}
