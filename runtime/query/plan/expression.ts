/**
 * Expressions after binding: every name is found, every type known, every conversion explicit. A column is a number that is unique within
 * the statement, so that an expression keeps its meaning wherever the planner moves it. A column that the input of an operator does not
 * have comes from a row further out (a correlated subquery, LATERAL): the executor keeps such rows in registers.
 */

import type { ResolvedCast, ResolvedScalar, SortOrder } from "../functions/registry.js";
import type { Datum } from "../types/datum.js";
import type { Oid, SqlType } from "../types/sql-type.js";
import type { PlanNode } from "./plan.js";

export type ColumnId = number;

/** A function or operator that was chosen for its arguments' types. */
export type Callee = Pick<ResolvedScalar, "name" | "oid" | "isStrict" | "volatility" | "evaluator">;

interface Typed {
  readonly type: SqlType;
  /** Byte in the statement's text; -1 for none. */
  readonly location: number;
}

export type BoundExpression =
  | (Typed & { readonly kind: "constant"; readonly value: Datum })
  /** Parameter `index` + 1. */
  | (Typed & { readonly kind: "parameter"; readonly index: number })
  | (Typed & { readonly kind: "column"; readonly id: ColumnId; readonly name: string })
  | (Typed & {
      readonly kind: "call";
      readonly callee: Callee;
      readonly arguments: readonly BoundExpression[];
      readonly form: "function" | "operator";
    })
  | (Typed & {
      readonly kind: "cast";
      readonly cast: ResolvedCast;
      readonly subject: BoundExpression;
      readonly isImplicit: boolean;
    })
  | (Typed & { readonly kind: "and" | "or"; readonly terms: readonly BoundExpression[] })
  | (Typed & { readonly kind: "not"; readonly term: BoundExpression })
  | (Typed & {
      readonly kind: "isTest";
      readonly test: "null" | "true" | "false" | "unknown";
      readonly isNegated: boolean;
      readonly subject: BoundExpression;
    })
  /** IS [NOT] DISTINCT FROM by the type's equality. */
  | (Typed & {
      readonly kind: "distinctFrom";
      readonly isNegated: boolean;
      readonly equality: Callee;
      readonly left: BoundExpression;
      readonly right: BoundExpression;
    })
  | (Typed & {
      readonly kind: "nullIf";
      readonly equality: Callee;
      readonly left: BoundExpression;
      readonly right: BoundExpression;
    })
  | (Typed & { readonly kind: "coalesce"; readonly items: readonly BoundExpression[] })
  | (Typed & {
      readonly kind: "greatest" | "least";
      readonly compare: SortOrder["compare"];
      readonly items: readonly BoundExpression[];
    })
  | (Typed & {
      readonly kind: "case";
      readonly branches: readonly { readonly condition: BoundExpression; readonly result: BoundExpression }[];
      readonly otherwise: BoundExpression;
    })
  /** `subject = item or …`, NULL where unknown. The items have the subject's type. */
  | (Typed & {
      readonly kind: "inList";
      readonly isNegated: boolean;
      readonly comparison: Callee;
      readonly subject: BoundExpression;
      readonly items: readonly BoundExpression[];
    })
  | (Typed & {
      readonly kind: "quantified";
      readonly quantifier: "any" | "all";
      readonly comparison: Callee;
      readonly left: BoundExpression;
      readonly array: BoundExpression;
    })
  | (Typed & {
      readonly kind: "arrayOf";
      readonly elementType: Oid;
      readonly items: readonly BoundExpression[];
      /** The items are arrays themselves, whose dimensions stand below its own. */
      readonly isNested?: true;
    })
  | (Typed & {
      readonly kind: "rowOf";
      readonly names: readonly string[];
      readonly items: readonly BoundExpression[];
      /** NULL where there is no row, in the empty half of an outer join. Absent: there is one. */
      readonly present?: BoundExpression;
    })
  | (Typed & {
      readonly kind: "element";
      readonly array: BoundExpression;
      readonly indexes: readonly BoundExpression[];
    })
  | (Typed & {
      readonly kind: "slice";
      readonly array: BoundExpression;
      readonly bounds: readonly { readonly from: BoundExpression | null; readonly to: BoundExpression | null }[];
    })
  | (Typed & { readonly kind: "field"; readonly record: BoundExpression; readonly index: number })
  | (Typed & { readonly kind: "subquery"; readonly subplan: Subplan })
  /** GROUPING(…): bits looked up by the number of the grouping set, which the aggregation puts out as a column. */
  | (Typed & { readonly kind: "grouping"; readonly setId: ColumnId; readonly bitsOfSet: readonly number[] });

export interface Subplan {
  readonly form: "scalar" | "exists" | "array" | "any" | "all";
  readonly plan: PlanNode;
  /** The plan's columns that matter: one for scalar and array, as many as `test` compares for any and all. */
  readonly columns: readonly ColumnId[];
  /** For any and all: the comparison with one row of the plan, over columns of the plan and of the row outside. */
  readonly test: BoundExpression | null;
  /** For `x = ANY` and `x <> ALL`: the sides of the comparison, so that it can be looked up in a hash table. Null if it is another operator. */
  readonly equalities: readonly { readonly outer: BoundExpression; readonly inner: ColumnId }[] | null;
  /** Columns of rows outside that it uses. Empty: it runs once for a statement. */
  readonly outer: readonly ColumnId[];
  /** Those that the plan itself uses, and not only the comparison with its rows. */
  readonly planOuter: readonly ColumnId[];
  readonly isVolatile: boolean;
  /** The same for all rows outside at once; absent where the planner knows no such plan. */
  readonly byKey?: SubplanByKey;
}

/** A plan that uses no row outside, and of whose rows those are a correlated subquery's whose keys are equal. */
export interface SubplanByKey {
  readonly plan: PlanNode;
  /** `inner` is one of the plan's columns. */
  readonly keys: readonly { readonly outer: BoundExpression; readonly inner: ColumnId }[];
  /** Of the plan's columns, and of the row outside; null for EXISTS. */
  readonly value: BoundExpression | null;
  /** Aggregates: one row for a key, and a value also where there is none. */
  readonly isGrouped: boolean;
}
