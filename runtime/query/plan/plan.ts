/**
 * Plans: trees of operators over rows. The binder makes the plainest tree that means the query; the planner rewrites it (filters down,
 * ways into tables, ways of joining) within the same vocabulary; the executor runs any of them. So an unplanned tree is a plan too,
 * and the two are held to the same rows by test.
 */

import type { BoundModification } from "../bind/bound.js";
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import type { RangeOffset } from "../functions/in-range.js";
import type { ResolvedAggregate, ResolvedSet, ResolvedWindow, SortOrder } from "../functions/registry.js";
import type { SqlType } from "../types/sql-type.js";
import type { BoundExpression, ColumnId } from "./expression.js";

export interface PlanColumn {
  readonly id: ColumnId;
  readonly type: SqlType;
  readonly name: string;
}

interface Node {
  /** What it puts out, in this order. */
  readonly columns: readonly PlanColumn[];
  /** Estimates, when the planner has been there; -1 before. */
  readonly rows: number;
  readonly cost: number;
  /** Of a whole plan: a constant in it that cannot be computed. The statement fails by it before its first row, if it is run. */
  readonly failing?: BoundExpression;
}

export interface SortKey extends SortOrder {
  readonly expression: BoundExpression;
}

/** One end of a range of keys; values in the order of the key's columns. */
export interface PlanBound {
  readonly values: readonly BoundExpression[];
  readonly isInclusive: boolean;
  /** Of a comparison of rows: so many of the first values decide by themselves, and of the others those before the first NULL. Absent: all do. */
  readonly deciding?: number;
}

/** Equal prefix values and an optional range on the next column. A bound whose value is NULL, and decides, yields no rows. */
export interface PlanRange {
  readonly from: PlanBound | null;
  readonly to: PlanBound | null;
  /** The last value is an array, and a point is meant for each of its elements: `= ANY (array)`. */
  readonly isEach?: boolean;
  /** The only value is a whole row key, and not one of its columns. */
  readonly isRowKey?: boolean;
}

/** Versions to read, as expressions without columns. */
export type PlanTime =
  | { readonly kind: "asOf"; readonly point: PlanTimePoint }
  | { readonly kind: "between"; readonly from: PlanTimePoint; readonly to: PlanTimePoint }
  | { readonly kind: "all" };

export interface PlanTimePoint {
  readonly kind: "position" | "timestamp";
  readonly value: BoundExpression;
}

export interface ScanNode extends Node {
  readonly kind: "scan";
  readonly table: TableDefinition;
  readonly alias: string;
  /** Null: by row key. */
  readonly index: IndexDefinition | null;
  readonly ranges: readonly PlanRange[];
  readonly isBackward: boolean;
  /** Column number of each output column; `-1` is the row key, `-2` and `-3` the positions of a version. */
  readonly numbers: readonly number[];
  readonly time: PlanTime | null;
  /** What is left to test of each row. */
  readonly filter: BoundExpression | null;
}
export const rowKeyColumn = -1;

/** Rows that the session's catalogs make up: `pg_catalog.pg_class` and the like. */
export interface SystemScanNode extends Node {
  readonly kind: "systemScan";
  readonly table: TableDefinition;
  readonly alias: string;
  readonly numbers: readonly number[];
  readonly filter: BoundExpression | null;
}

export interface ValuesNode extends Node {
  readonly kind: "values";
  readonly items: readonly (readonly BoundExpression[])[];
}

export interface FilterNode extends Node {
  readonly kind: "filter";
  readonly input: PlanNode;
  readonly condition: BoundExpression;
}

export interface ProjectNode extends Node {
  readonly kind: "project";
  readonly input: PlanNode;
  /** One for each column. */
  readonly expressions: readonly BoundExpression[];
}

export type JoinType = "inner" | "left" | "right" | "full" | "semi" | "anti";

export interface JoinNode extends Node {
  readonly kind: "join";
  readonly type: JoinType;
  readonly left: PlanNode;
  readonly right: PlanNode;
  /** Null: every pair. */
  readonly condition: BoundExpression | null;
  /** The right side uses columns of the left and runs once for each row of it. */
  readonly isLateral: boolean;
  readonly method:
    | { readonly kind: "nestedLoop" }
    /** Equal by the hash operators of their types; `residual` is what else must hold. Built of the right side. */
    | {
        readonly kind: "hash" | "merge";
        readonly leftKeys: readonly BoundExpression[];
        readonly rightKeys: readonly BoundExpression[];
        readonly residual: BoundExpression | null;
      }
    /** The right side's rows, of those whose keys are equal when there are keys, by a range of `subject`: sorted by it, and searched. */
    | {
        readonly kind: "range";
        readonly leftKeys: readonly BoundExpression[];
        readonly rightKeys: readonly BoundExpression[];
        readonly subject: BoundExpression;
        readonly from: JoinRangeBound | null;
        readonly to: JoinRangeBound | null;
        readonly residual: BoundExpression | null;
      };
}

/** An end of a join's range, which the left row gives. A bound that is NULL lets nothing pass. */
export interface JoinRangeBound {
  readonly value: BoundExpression;
  readonly isInclusive: boolean;
}

export interface AggregateCall {
  readonly id: ColumnId;
  readonly callee: ResolvedAggregate;
  readonly arguments: readonly BoundExpression[];
  /** Arguments before WITHIN GROUP. */
  readonly direct: readonly BoundExpression[];
  readonly isDistinct: boolean;
  readonly order: readonly SortKey[];
  readonly filter: BoundExpression | null;
  readonly type: SqlType;
}

/** Puts out the groups' columns, then the aggregates', then (with several sets) the number of the set. */
export interface AggregateNode extends Node {
  readonly kind: "aggregate";
  readonly input: PlanNode;
  readonly groups: readonly { readonly id: ColumnId; readonly expression: BoundExpression }[];
  /** Each set: places in `groups` that are kept, the others are NULL. Null: one set of all. */
  readonly sets: readonly (readonly number[])[] | null;
  readonly setId: ColumnId | null;
  readonly aggregates: readonly AggregateCall[];
  /** No GROUP BY: one row even of nothing. */
  readonly isPlain: boolean;
}

export type WindowBound =
  | { readonly kind: "unboundedPreceding" | "currentRow" | "unboundedFollowing" }
  | { readonly kind: "preceding" | "following"; readonly offset: BoundExpression };

export interface WindowCall {
  readonly id: ColumnId;
  readonly callee: ResolvedWindow | ResolvedAggregate;
  readonly arguments: readonly BoundExpression[];
  readonly filter: BoundExpression | null;
  readonly type: SqlType;
}

/** One window's functions. Puts out the input's columns, then the calls'. */
export interface WindowNode extends Node {
  readonly kind: "window";
  readonly input: PlanNode;
  readonly partition: readonly BoundExpression[];
  readonly order: readonly SortKey[];
  readonly frame: {
    readonly mode: "rows" | "range" | "groups";
    readonly from: WindowBound;
    readonly to: WindowBound;
    readonly exclude: "noOthers" | "currentRow" | "group" | "ties";
    /** For RANGE with offsets: what they are to values of the order column. */
    readonly range: RangeOffset | null;
  };
  readonly calls: readonly WindowCall[];
  /** Its rows come in its order and are put out as soon as their results are known; null: when all have come. */
  readonly stream: WindowStream | null;
  /** Its rows come by partitions, each in its order. */
  readonly isOrdered?: true;
  /** No more than the first rows of each partition are wanted, and their results are of no row behind them. Absent: all are. */
  readonly firsts?: { readonly id: ColumnId; readonly max: number; readonly withPeers: boolean };
}

/** Of a window without partitions. */
export interface WindowStream {
  /** Rows behind one that its results may be of. */
  readonly ahead: number;
  /** They may be of all rows that the order does not tell from it. */
  readonly needsPeers: boolean;
  /** No row is wanted from the first on of which the result is beyond this: results only grow. */
  readonly stop: { readonly id: ColumnId; readonly max: number } | null;
}

export interface SortNode extends Node {
  readonly kind: "sort";
  readonly input: PlanNode;
  readonly keys: readonly SortKey[];
  /** The input is in the order of so many of the first keys: only rows that agree in them are sorted. */
  readonly presorted: number;
  /** Only so many of the first rows are wanted; evaluated before the first row. Null: all. */
  readonly top: { readonly limit: BoundExpression; readonly offset: BoundExpression | null } | null;
}

export interface LimitNode extends Node {
  readonly kind: "limit";
  readonly input: PlanNode;
  readonly limit: BoundExpression | null;
  readonly offset: BoundExpression | null;
  /** WITH TIES: rows equal to the last by these keys; the input is sorted by them. */
  readonly ties: readonly SortKey[] | null;
}

/** The first row of each value of the keys, which are columns of the input. Input sorted by them for DISTINCT ON. */
export interface DistinctNode extends Node {
  readonly kind: "distinct";
  /** DISTINCT ON: equal rows come one after the other, and the order of the input stays. */
  readonly isSorted: boolean;
  readonly input: PlanNode;
  readonly keys: readonly BoundExpression[];
}

export interface SetOperationNode extends Node {
  readonly kind: "setOperation";
  readonly operation: "union" | "intersect" | "except";
  readonly isAll: boolean;
  /** UNION ALL of two sides that are in this order, which is kept; the keys are columns of this node. Absent: one side comes behind the other. */
  readonly merge?: readonly SortKey[];
  /** Both have as many columns as this node, of the same types. */
  readonly left: PlanNode;
  readonly right: PlanNode;
}

/** Functions that return rows, in FROM. Several run side by side, shorter ones filled with NULL. */
export interface FunctionScanNode extends Node {
  readonly kind: "functionScan";
  readonly alias: string;
  readonly functions: readonly {
    readonly callee: ResolvedSet;
    readonly arguments: readonly BoundExpression[];
    /** Columns that it fills. */
    readonly width: number;
    readonly columns: ResolvedSet["columns"] & object;
  }[];
  /** The last column counts from 1. */
  readonly hasOrdinality: boolean;
}

/** Functions that return rows, in the select list. Puts out the input's columns, then one for each function. */
export interface ProjectSetNode extends Node {
  readonly kind: "projectSet";
  readonly input: PlanNode;
  readonly functions: readonly {
    readonly id: ColumnId;
    readonly callee: ResolvedSet;
    readonly arguments: readonly BoundExpression[];
  }[];
}

/** A WITH query that is kept: the first reader runs it, every reader sees the same rows. */
export interface CommonTableNode extends Node {
  readonly kind: "commonTable";
  readonly name: string;
  /** Unique within the statement. */
  readonly number: number;
  /** Columns of `source`, one for each column here. */
  readonly sourceColumns: readonly ColumnId[];
  readonly source: PlanNode;
}

/** A recursive WITH query, run to its end: `step` reads the rows of the last round by `workingTable`. */
export interface RecursiveNode extends Node {
  readonly kind: "recursive";
  readonly name: string;
  readonly number: number;
  readonly isAll: boolean;
  readonly start: PlanNode;
  readonly step: PlanNode;
}

export interface WorkingTableNode extends Node {
  readonly kind: "workingTable";
  readonly name: string;
  readonly number: number;
}

/** An INSERT, UPDATE or DELETE in a WITH: runs to its end whether or not its rows are read. */
export interface ModificationNode extends Node {
  readonly kind: "modification";
  readonly modification: BoundModification;
}

/** Runs modifications before anything of `input` is read. */
export interface WithModificationsNode extends Node {
  readonly kind: "withModifications";
  readonly input: PlanNode;
  readonly modifications: readonly CommonTableNode[];
}

/** How locks of rows are called in statements and messages. */
export const lockNames = {
  update: "FOR UPDATE",
  noKeyUpdate: "FOR NO KEY UPDATE",
  share: "FOR SHARE",
  keyShare: "FOR KEY SHARE",
} as const;

/** Rows of `input` whose tables' rows are locked first: FOR UPDATE and the like. Key columns are in the input. */
export interface LockNode extends Node {
  readonly kind: "lock";
  readonly input: PlanNode;
  readonly locks: readonly {
    readonly table: TableDefinition;
    readonly keyId: ColumnId;
    readonly strength: "update" | "noKeyUpdate" | "share" | "keyShare";
    readonly wait: "block" | "skip" | "error";
  }[];
}

export type PlanNode =
  | ScanNode
  | SystemScanNode
  | ValuesNode
  | FilterNode
  | ProjectNode
  | JoinNode
  | AggregateNode
  | WindowNode
  | SortNode
  | LimitNode
  | DistinctNode
  | SetOperationNode
  | FunctionScanNode
  | ProjectSetNode
  | CommonTableNode
  | RecursiveNode
  | WorkingTableNode
  | ModificationNode
  | WithModificationsNode
  | LockNode;
