/**
 * Expressions as PostgreSQL keeps them once they are analysed: every type known, every conversion a node of its own that says whether
 * somebody has written it, and the forms that stand for others (IN, BETWEEN, LIKE) replaced by what they stand for. The binder's trees
 * will not do: they have folded what is constant, and have lost how a call was written.
 */
import type { ColumnOrigin } from "../catalog/shown-expression.js";
import type { SqlType } from "../types/sql-type.js";
import type { Printer } from "./print.js";

interface Typed {
  readonly type: SqlType;
}

export type Analysed = Typed &
  (
    | { readonly kind: "constant" /** As the type's values are written; null is NULL. */; readonly text: string | null }
    /** A column, or whatever else is shown by its name alone: `VALUE`, `CURRENT_DATE`. */
    | {
        readonly kind: "name";
        readonly text: string;
        readonly isSpecial: boolean;
        /** Of a column of a query: its name alone. */
        readonly column?: string;
        /** The column of a table or view that it is. */
        readonly origin?: ColumnOrigin;
      }
    | { readonly kind: "operator"; readonly name: string; readonly left: Analysed | null; readonly right: Analysed }
    | {
        readonly kind: "call";
        /** As it is shown. */
        readonly name: string;
        readonly arguments: readonly Analysed[];
        readonly argumentNames: readonly (string | null)[];
        readonly isVariadic: boolean;
        /** The name of the function whose own grammar it was called by: `extract(year FROM x)`. */
        readonly syntax: string | null;
      }
    | Conversion
    | { readonly kind: "and" | "or"; readonly terms: readonly Analysed[] }
    | { readonly kind: "not"; readonly term: Analysed }
    | { readonly kind: "test"; readonly test: string; readonly isOfNull: boolean; readonly subject: Analysed }
    | { readonly kind: "distinctFrom"; readonly left: Analysed; readonly right: Analysed }
    | {
        readonly kind: "list";
        readonly word: "COALESCE" | "GREATEST" | "LEAST" | "NULLIF";
        readonly items: readonly Analysed[];
      }
    | {
        readonly kind: "case";
        readonly subject: Analysed | null;
        readonly branches: readonly { readonly condition: Analysed; readonly result: Analysed }[];
        readonly otherwise: Analysed;
      }
    /** `left = ANY (right)` */
    | {
        readonly kind: "quantified";
        readonly name: string;
        readonly quantifier: "ANY" | "ALL";
        readonly left: Analysed;
        readonly right: Analysed;
      }
    | { readonly kind: "array"; readonly items: readonly Analysed[] }
    | {
        readonly kind: "row";
        readonly items: readonly Analysed[];
        /** It is of a composite type because somebody has written a cast to it. */
        readonly isCast?: true;
      }
    | { readonly kind: "field"; readonly subject: Analysed; readonly name: string }
    | {
        readonly kind: "rowComparison";
        readonly name: string;
        readonly left: readonly Analysed[];
        readonly right: readonly Analysed[];
      }
    | {
        readonly kind: "subscript";
        readonly subject: Analysed;
        /** Null for an end of a slice that is left out. */
        readonly index: Analysed | { readonly from: Analysed | null; readonly to: Analysed | null };
        /** It stands behind another subscript of the same array. */
        readonly isNext?: true;
      }
    | { readonly kind: "collate"; readonly subject: Analysed; readonly name: string }
    /** What only a query has: it prints itself. */
    | {
        readonly kind: "written";
        readonly isCall: boolean;
        /** What it is made of, as far as that is of its own query. */
        readonly parts: readonly Analysed[];
        readonly print: (printer: Printer) => void;
      }
  );

export interface Conversion extends Typed {
  readonly kind: "conversion";
  readonly subject: Analysed;
  /** Somebody has written it. */
  readonly isExplicit: boolean;
  /** A function does it, or a domain's conditions are asked: else the value only gets another name or goes through its text. */
  readonly by: "function" | "nothing" | "domain";
}
