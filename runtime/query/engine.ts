/**
 * The query engine's door: a statement is bound, then run. Both are functions of their arguments: state, time, randomness and the
 * session come in by `QueryEnvironment`.
 *
 * A query is pulled, batch by batch; whoever pulls decides when to stop, to yield to others, or to cancel.
 */
import type { BoundModification } from "./bind/bound.js";
import type { TableDefinition } from "./catalog/model.js";
import type { KeptRows } from "./execute/kept-rows.js";
import type { SpillSpace } from "./execute/spill.js";
import type { EvaluationContext } from "./functions/context.js";
import type { ColumnVector, TableSource } from "./table/access.js";
import type { Datum } from "./types/datum.js";
import type { Oid } from "./types/sql-type.js";

/** Where rows and effects come from while a plan runs. */
export interface QueryEnvironment {
  readonly source: TableSource;
  readonly context: EvaluationContext;
  readonly parameters: readonly Datum[];
  /** Bytes that sorts, hash tables and kept rows may take together; beyond it the statement ends with 53200. */
  readonly memoryBytesMax: number;
  /** Where sorts and groupings write rows beyond half of that; absent where they may not. */
  readonly spill?: SpillSpace | undefined;
  /** What EXPLAIN ANALYZE measures by; absent: the context's clock, and no time for planning. */
  readonly stopwatch?: Stopwatch | undefined;
  /** Asked every thousand rows or so; throws to end the statement (57014), or returns. */
  check(): void;
  /** The position at which time point `at` (µs since 2000-01-01 UTC) was the present; -1 when it is before all. */
  positionAt(at: number): number;
  /** Rows of a table that the catalogs make up. */
  systemRows(table: TableDefinition): Iterable<readonly Datum[]>;
  /**
   * Rows of WITH queries that have run, for all plans of a statement: a change in a WITH has a plan of its own, and what it reads of another
   * one must not run again. Absent: each plan has its own.
   */
  readonly commonRows?: Map<number, KeptRows>;
  /** Carries out an INSERT, UPDATE or DELETE of a WITH; its RETURNING rows. Absent where nothing may be written. */
  modify?(modification: BoundModification, environment: QueryEnvironment): Iterable<readonly Datum[]>;
  /** Locks a row for FOR UPDATE and the like: false when it is to be skipped. Absent where nothing can be locked. */
  lockRow?(table: Oid, key: Uint8Array, strength: string, wait: string): boolean;
}

export interface Stopwatch {
  /** ms since some moment, with fractions. */
  monotonic(): number;
  /** What binding and planning the statement took. */
  readonly planningMs: number;
}

/** Rows of a result; valid until the next is pulled. Row i is at `selection[i]` of every column, or at i when there is none. */
export interface RowBatch {
  readonly rows: number;
  readonly selection: Int32Array | null;
  readonly columns: readonly ColumnVector[];
}

export interface RowStream {
  /** Does a part of what comes before the first batch; false until `next` has only that batch left to do. Need not be called. */
  prepare(): boolean;
  next(): RowBatch | null;
  close(): void;
}
