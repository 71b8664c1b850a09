/**
 * Where the executor's rows come from: the tables of one tenant in one version of its state (the published one, a past one, or the
 * speculative one with a transaction's own writes over it). Implemented over the store's trees; by lists in memory for tests;
 * the system's catalogs implement it too.
 *
 * Rows come in batches of columns, and only the columns that were asked for are decoded.
 */
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import type { Datum } from "../types/datum.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import { isEnum } from "../types/user-types.js";

/** Rows of a batch at most. */
export const batchRowsMax = 1_024;

/**
 * One column of a batch: `rows` values are true.
 *
 *   numbers   for types whose every value is a number (smallint, integer, oid, real, double precision, date, time, enums): the values, with
 *             anything at the places where `nulls` is 1
 *   values    for all other types: datums, null for NULL
 */
export type ColumnVector =
  | { readonly kind: "numbers"; readonly numbers: Float64Array; readonly nulls: Uint8Array; hasNulls: boolean }
  | { readonly kind: "values"; readonly values: Datum[] };

/** Whether a column of this type comes as a vector of numbers. */
export function isNumberVector(type: Oid): boolean {
  switch (type) {
    case typeOid.int2:
    case typeOid.int4:
    case typeOid.oid:
    case typeOid.float4:
    case typeOid.float8:
    case typeOid.date:
    case typeOid.time:
      return true;
    default:
      return isEnum(type);
  }
}

export interface ScanBatch {
  rows: number;
  /** One for each column that was asked for, in that order. */
  readonly columns: readonly ColumnVector[];
  /** Row keys, one for each row, when they were asked for: what an update or delete names. Valid until the next batch. */
  readonly keys: readonly Uint8Array[];
}

/** One end of a range over the key columns of an index or of the row key: a prefix of values, in the order of the key. */
export interface KeyBound {
  readonly values: readonly Datum[];
  readonly isInclusive: boolean;
}

/** All keys between two bounds; null is open. A point is the same full prefix on both ends (cheapest when it is the same array). Bounds are in the key's own order (a descending key too). */
export interface KeyRange {
  readonly from: KeyBound | null;
  readonly to: KeyBound | null;
  /** The one row whose key, whole and as bytes, is the only value of both bounds. */
  readonly isRowKey?: boolean;
}

export interface ScanRequest {
  readonly table: TableDefinition;
  /** Null: by row key. */
  readonly index: IndexDefinition | null;
  /** Walked one after the other, each in key order; one range `{ from: null, to: null }` is everything. They do not overlap. */
  readonly ranges: readonly KeyRange[];
  readonly isBackward: boolean;
  /** Column numbers to decode. */
  readonly columns: readonly number[];
  readonly wantsKeys: boolean;
  /**
   * Which versions of rows: null is the state that the source stands for. By an index only a point in time can be had: an index may lead to
   * a row by several entries over a longer range.
   */
  readonly history: HistoryRange | null;
}

/**
 * Versions of rows for `FOR SYSTEM_TIME`: those that were true at some position p with `from <= p < to`. A point in time has `to = from + 1`.
 * `to` is unbounded when null. The hidden columns `-2` (from position) and `-3` (to position, NULL while true) may then be asked for.
 */
export interface HistoryRange {
  readonly from: number;
  readonly to: number | null;
}
export const fromPositionColumn = -2;
export const toPositionColumn = -3;
/**
 * Of every scan of a tenant's table, the hidden column of what wrote the row: the position that did and 1, below 0 the number that its transaction had
 * told before it had a position, 0 for the transaction that reads it.
 */
export const writerColumn = -4;

export interface TableScan {
  /** Fills the next batch; false when nothing is left. The batch is overwritten by the next call. */
  next(): ScanBatch | null;
  /**
   * Begins anew with other ranges, as another scan of the same request would, in the memory that it has; also after it was closed. False, or absent, when
   * another scan is to be made.
   */
  restart?(ranges: readonly KeyRange[]): boolean;
  close(): void;
}

export interface TableSource {
  scan(request: ScanRequest): TableScan;
  /** Rows, roughly, for the planner. */
  rowsEstimate(table: TableDefinition): number;
  /** Entries of an index, or of the rows' own keys (null), within ranges, roughly; null where nobody can tell. */
  entriesWithin?(table: TableDefinition, index: IndexDefinition | null, ranges: readonly KeyRange[]): number | null;
  /**
   * For each number of an index's first columns, or of the rows' own keys' (null), which share of the entries agree in them on average; of fewer columns
   * where it is not known of the others. Null where nobody can tell, and of tables that are small yet.
   */
  sharesAlike?(table: TableDefinition, index: IndexDefinition | null): readonly number[] | null;
  /** The position whose state this is. */
  readonly position: number;
}
