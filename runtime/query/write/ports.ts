/**
 * What the writing of rows needs from whoever runs statements: the state with the transaction's own writes over it, locks, numbers that are
 * given once, and the evaluation of bound expressions.
 */
import type { TreeReader } from "../../store/tree.js";
import type { RowRules } from "../bind/bound.js";
import type { Catalog, TableDefinition } from "../catalog/model.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { TableSource } from "../table/access.js";
import type { Overlay } from "../table/overlay.js";
import type { Datum } from "../types/datum.js";
import type { SqlType } from "../types/sql-type.js";
import type { ConstraintTiming } from "./deferred-checks.js";

/**
 * Strengths of row locks, the weakest first. A key share holds off deletes and changes of the key; a share all changes; changes that leave
 * the key alone go beside key shares.
 */
export type LockStrength = "keyShare" | "share" | "noKeyUpdate" | "update";

/** `block` waits, `error` is NOWAIT (55P03), `skip` is SKIP LOCKED. */
export type LockWaitPolicy = "block" | "error" | "skip";

export interface RowLocks {
  /**
   * Locks a row that is written or referred to, or the place of a unique index's entry, by its key in the trees. Answers false only under `skip`. A lock that must be
   * waited for is thrown: the statement ends, and is run again when the lock is free.
   */
  lock(tree: number, key: Uint8Array, strength: LockStrength, policy: LockWaitPolicy, table: TableDefinition): boolean;
  /** Locks a row that is not written for that: whoever finds it by its key does not wait. */
  hold(tree: number, key: Uint8Array, strength: LockStrength, policy: LockWaitPolicy, table: TableDefinition): boolean;
  /** A table that is read or written for a foreign key's sake, as one whose rows are locked, or changed. Throws what has to be waited for. */
  lockTable(table: TableDefinition, isWritten: boolean): void;
  /** Waits for those who have written a row, or are about to, and locks nothing. */
  awaitWriters(tree: number, key: Uint8Array): void;
}

/** Evaluates an expression over one row, whose values stand in the order of the ids it was compiled for. */
export type RowExpression = (row: readonly Datum[]) => Datum;

/** Where entries go. What is put is copied. */
export type WriteTarget = Pick<Overlay, "put" | "remove">;

export interface WritePorts {
  readonly tenant: number;
  readonly catalog: Catalog;
  /** The state with `overlay` over it. */
  readonly reader: TreeReader;
  readonly overlay: WriteTarget;
  readonly locks: RowLocks;
  /** Which constraints wait for the end of the transaction. */
  readonly timing: ConstraintTiming;
  /** Rows as they are now, the transaction's own included. */
  readonly source: TableSource;
  /** Position of the transaction's snapshot: a row that was changed behind it cannot be changed (40001). -1: none. */
  readonly snapshot: number;
  /** Whether another part of the same statement has written the row of this key of the tree: it is not written a second time. */
  isWritten(key: Uint8Array): boolean;
  /** Asked now and then; throws to end the statement. */
  check(): void;
  /** The next number for a row of a table without a primary key. */
  nextRowNumber(storage: number): number;
  /** The number by which the transaction is known from now on, though it is not committed yet: `xmin` of what it writes. */
  transactionNumber(): number;
  compile(expression: BoundExpression, ids: readonly ColumnId[]): RowExpression;
  /** What rows of a table must fulfil, for rows that are written on behalf of a foreign key. */
  rulesOf(table: TableDefinition): RowRules;
  /** Default of a column, evaluated anew (SET DEFAULT of a foreign key). */
  defaultOf(table: TableDefinition, column: number): Datum;
  /** A value as text, for messages. */
  text(type: SqlType, value: Datum): string;
  schemaName(table: TableDefinition): string;
  /** Columns of a table that whoever runs the statement may not read, by their numbers; null: it may read the table. */
  unreadable(table: TableDefinition): ReadonlySet<number> | null;
}
