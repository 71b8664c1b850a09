/**
 * What the binder asks about operators, functions and casts. Names and argument types go in, and something that can be evaluated comes
 * out. The rules of resolution are PostgreSQL's (chapter "Type Conversion"): an exact match, else the candidate that needs the fewest
 * conversions, preferring preferred types, and taking a literal of unknown type for what the other arguments suggest.
 *
 * Evaluation is row-wise, over datums; a function for whose types a column is a `Float64Array` may carry a kernel beside it.
 */
import type { Datum, Value } from "../types/datum.js";
import type { Oid, SqlType } from "../types/sql-type.js";
import type { EvaluationContext } from "./context.js";

/** `immutable`: may be folded; `stable`: one value a statement; `volatile`: each call anew. */
export type Volatility = "immutable" | "stable" | "volatile";

/**
 * Code of a function, by its number of arguments, so that a compiled expression calls it with no array between. Functions that are
 * strict are never given NULL: the caller answers NULL itself. They keep no argument array.
 */
export type Evaluator =
  | { readonly arity: 0; readonly call: (context: EvaluationContext) => Datum }
  | { readonly arity: 1; readonly call: (a: Datum, context: EvaluationContext) => Datum }
  | { readonly arity: 2; readonly call: (a: Datum, b: Datum, context: EvaluationContext) => Datum }
  | { readonly arity: 3; readonly call: (a: Datum, b: Datum, c: Datum, context: EvaluationContext) => Datum }
  | { readonly arity: "any"; readonly call: (args: readonly Datum[], context: EvaluationContext) => Datum };

/**
 * The same function over columns of numbers (`ColumnVector` of kind `numbers`): writes `rows` results, whatever it likes where `nulls` is
 * 1. Booleans are 0 and 1. Throws what the row-wise function throws.
 */
export type NumberKernel = (
  left: Float64Array,
  right: Float64Array,
  nulls: Uint8Array,
  rows: number,
  result: Float64Array,
) => void;

export interface ResultColumn {
  readonly name: string;
  readonly type: SqlType;
}

interface ResolvedCall {
  readonly oid: Oid;
  readonly name: string;
  /** What each argument that was given must be converted to (implicitly) before the call. Defaults, names and VARIADIC are the function's own business. */
  readonly argumentTypes: readonly SqlType[];
  readonly resultType: SqlType;
  readonly volatility: Volatility;
  /** A NULL argument gives NULL (no rows; not seen by the aggregate) without a call. */
  readonly isStrict: boolean;
}

export interface ResolvedScalar extends ResolvedCall {
  readonly kind: "scalar";
  readonly evaluator: Evaluator;
}

/** A function that returns a set: `generate_series`, `unnest`, `json_each`. */
export interface ResolvedSet extends ResolvedCall {
  readonly kind: "set";
  /** Columns when used in FROM: one named like the function for plain types; null when the caller must name them (`json_to_record`). */
  readonly columns: readonly ResultColumn[] | null;
  /** Rows are `SqlRecord`s when there are several columns (`isRecord`), else values. Lazy: a consumer may stop. */
  readonly isRecord: boolean;
  readonly rows: (
    args: readonly Datum[],
    context: EvaluationContext,
    columns: readonly ResultColumn[],
  ) => Iterable<Datum>;
}

/** State of one aggregate over one group. */
export interface Accumulator {
  /** One row: its first argument (null for none) and the others. A strict aggregate is not shown rows with a NULL argument. */
  add(value: Datum, others: readonly Datum[]): void;
  /** The result; the state stays usable: a running window asks again and again. `direct` are the direct arguments of an ordered-set aggregate. */
  finish(direct: readonly Datum[]): Datum;
  /** Takes a row out again, the oldest one: for windows whose frame moves. Absent where it cannot be done. */
  remove?(value: Datum, others: readonly Datum[]): void;
  /** Whether rows may be added in any order, and any of them taken out. */
  readonly isExact?: true;
  /** Whether the result of some rows, added in their place, stands for them. */
  readonly isFolded?: boolean;
  /** Rows of integers of 32 bits that add up to `sum`, which is a safe integer: what a row's own value is does not matter to it. */
  addSum?(sum: number, rows: number): void;
  /** Many rows of a column of numbers at once. `selected` are row numbers, `count` of them; null is the rows 0 to `count` - 1. */
  addNumbers?(numbers: Float64Array, nulls: Uint8Array, selected: Int32Array | null, count: number): void;
}

export interface SortOrder {
  readonly compare: (a: Value, b: Value) => number;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean;
}

export interface ResolvedAggregate extends ResolvedCall {
  readonly kind: "aggregate";
  /** `ordered` (percentile_cont, mode): rows are added in the order of WITHIN GROUP; `hypothetical` (rank): so too, with direct arguments of the same types. */
  readonly form: "plain" | "ordered" | "hypothetical";
  /** Leading arguments that are given once: before WITHIN GROUP. */
  readonly directCount: number;
  /** `orders` are those of WITHIN GROUP for ordered-set aggregates, else empty. */
  readonly start: (context: EvaluationContext, orders: readonly SortOrder[]) => Accumulator;
}

/** One row of a partition with what surrounds it. Rows are numbered from 0 in the partition's order; ends are exclusive. */
export interface WindowView {
  readonly row: number;
  readonly partitionRows: number;
  readonly peersFrom: number;
  readonly peersTo: number;
  /** The n-th row of the frame from 0, or -1. */
  frameRow(n: number): number;
  /** The last row of the frame, or -1. */
  lastFrameRow(): number;
  /** Argument `index` of the function at a row of the partition. */
  argument(index: number, row: number): Datum;
}

export interface ResolvedWindow extends ResolvedCall {
  readonly kind: "window";
  /** A fresh evaluator for each partition; asked for rows in order. */
  readonly start: (context: EvaluationContext) => (view: WindowView) => Datum;
}

export type ResolvedFunction = ResolvedScalar | ResolvedSet | ResolvedAggregate | ResolvedWindow;

export interface ResolvedOperator {
  readonly oid: Oid;
  readonly name: string;
  /** Null for a prefix operator. */
  readonly leftType: SqlType | null;
  readonly rightType: SqlType;
  readonly resultType: SqlType;
  readonly volatility: Volatility;
  readonly isStrict: boolean;
  readonly evaluator: Evaluator;
  /** The operator with its operands exchanged (`<` of `>`), and its negation; 0 when there is none. */
  readonly commutator: Oid;
  readonly negator: Oid;
  /** An equality that hash and merge joins may use. */
  readonly isEquality: boolean;
}

export type CastLevel = "implicit" | "assignment" | "explicit";

export interface ResolvedCast {
  /** `none`: values stay as they are. */
  readonly kind: "none" | "function" | "text" | "array";
  readonly target: SqlType;
  readonly volatility: Volatility;
  /** Never given NULL (which stays NULL). The modifier of the target is applied. */
  readonly convert: (value: Value, context: EvaluationContext) => Datum;
}

/** An argument as the binder knows it. An unknown literal or untyped parameter has the type `unknown`. */
export interface CallArgument {
  readonly type: Oid;
  readonly name?: string | undefined;
}

export interface CallShape {
  /** `schema.name` as given; null without a schema. */
  readonly schema: string | null;
  readonly name: string;
  readonly args: readonly CallArgument[];
  /** The last argument was given as VARIADIC array. */
  readonly isVariadic: boolean;
  /** WITHIN GROUP was given: the last `orderedCount` of `args` are its expressions. */
  readonly orderedCount: number;
  readonly position?: number | undefined;
}
