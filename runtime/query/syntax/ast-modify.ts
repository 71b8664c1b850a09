/** Statements that change rows, as they were written. */
import type { Expression, Indirection, Located } from "./ast-expression.js";
import type { FromItem, Query, RelationName, SelectItem, TableReference, WithClause } from "./ast-query.js";

/** `column = expression`, or one column of `(a, b) = …`. */
export interface Assignment extends Located {
  readonly column: string;
  /** Which part of the column it is for (`a[1]`); none: for all of it. */
  readonly steps: readonly Indirection["step"][];
  readonly value:
    | Expression
    | {
        /** Column `index` of a row that several assignments share. */
        readonly kind: "rowField";
        readonly row: Expression;
        readonly index: number;
        readonly count: number;
      };
}

export interface InsertColumn extends Located {
  readonly name: string;
  /** Which part of the column (`a[1]`); none: all of it. */
  readonly steps: readonly Indirection["step"][];
}

export interface OnConflict extends Located {
  readonly action: "nothing" | "update";
  /** Null: any unique index. */
  readonly target:
    | {
        readonly kind: "columns";
        readonly items: readonly { readonly column: string | null; readonly expression: Expression | null }[];
        readonly where: Expression | null;
        readonly location: number;
      }
    | { readonly kind: "constraint"; readonly name: string; readonly location: number }
    | null;
  readonly assignments: readonly Assignment[];
  readonly where: Expression | null;
}

export interface Insert extends Located {
  readonly kind: "insert";
  readonly with: WithClause | null;
  readonly table: TableReference;
  readonly columns: readonly InsertColumn[];
  /** Null for DEFAULT VALUES. */
  readonly source: Query | null;
  readonly overriding: "none" | "user" | "system";
  /** COPY's WHERE: which of its rows are stored. */
  readonly condition?: Expression | null;
  readonly onConflict: OnConflict | null;
  readonly returning: readonly SelectItem[];
}

export interface Update extends Located {
  readonly kind: "update";
  readonly with: WithClause | null;
  readonly table: TableReference;
  readonly assignments: readonly Assignment[];
  readonly from: readonly FromItem[];
  readonly where: Expression | null;
  readonly returning: readonly SelectItem[];
}

export interface Delete extends Located {
  readonly kind: "delete";
  readonly with: WithClause | null;
  readonly table: TableReference;
  readonly using: readonly FromItem[];
  readonly where: Expression | null;
  readonly returning: readonly SelectItem[];
}

export interface Truncate extends Located {
  readonly kind: "truncate";
  readonly tables: readonly RelationName[];
  readonly restartsSequences: boolean;
  readonly isCascade: boolean;
}

/** What becomes of a row of a MERGE, by the first clause whose condition holds. */
export type MergeClause = Located & {
  /** Whether it is for rows of the source that a row of the table belongs to, or for the others. */
  readonly isMatched: boolean;
  readonly condition: Expression | null;
} & (
    | { readonly kind: "nothing" | "delete" }
    | { readonly kind: "update"; readonly assignments: readonly Assignment[] }
    | {
        readonly kind: "insert";
        readonly columns: readonly InsertColumn[];
        /** Null for DEFAULT VALUES. */
        readonly values: readonly Expression[] | null;
        readonly overriding: Insert["overriding"];
      }
  );

export interface Merge extends Located {
  readonly kind: "merge";
  readonly with: WithClause | null;
  readonly table: TableReference;
  readonly source: FromItem;
  readonly condition: Expression;
  readonly clauses: readonly MergeClause[];
}

export type Modification = Insert | Update | Delete | Merge;

export const isModification = (statement: { readonly kind: string }): statement is Modification =>
  statement.kind === "insert" ||
  statement.kind === "update" ||
  statement.kind === "delete" ||
  statement.kind === "merge";

/** What may stand in a WITH, behind EXPLAIN, PREPARE and DECLARE, or alone. */
export type DataStatement = Query | Modification;
