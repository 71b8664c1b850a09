/**
 * Expressions as they were written: names are not looked up, types not known. Nodes are plain frozen data, so that a statement travels
 * between threads as it is. `location` is the byte where the construct's error would point to, in the statement's own text; -1 if none.
 */
import type { Query } from "./ast-query.js";

export type Located = { readonly location: number };

/** `a`, `t.a`, `s.t.a`, `t.*`. */
export interface ColumnName extends Located {
  readonly kind: "columnName";
  /** As COPY means it: `*` leaves out columns that are computed from others, and none of these may be named. */
  readonly isOfCopy?: boolean;
  readonly parts: readonly string[];
  /** True for `*` after the parts. */
  readonly isStar: boolean;
}

/** Constants keep their text: `99999999999` is an integer too, `1.50` has a scale. */
export type Literal = Located &
  (
    | { readonly kind: "integerLiteral"; readonly value: number }
    | { readonly kind: "numberLiteral"; readonly text: string }
    | { readonly kind: "stringLiteral"; readonly text: string }
    /** `B'101'`, `X'1F'`: the letter, small, and what stands between the quotes. */
    | { readonly kind: "bitLiteral"; readonly text: string }
    | { readonly kind: "booleanLiteral"; readonly value: boolean }
    | { readonly kind: "nullLiteral" }
  );

/** A constant that is neither a whole number nor NULL: what stands for no column. */
export const isConstant = ({ kind }: Expression): boolean =>
  kind === "stringLiteral" || kind === "numberLiteral" || kind === "booleanLiteral" || kind === "bitLiteral";

/** `$1`. */
export interface ParameterName extends Located {
  readonly kind: "parameterName";
  readonly number: number;
}

/** A type as written: `numeric(10,2)[]`, `pg_catalog.int4`, `SETOF t`. */
export interface TypeName extends Located {
  readonly names: readonly string[];
  readonly modifiers: readonly Expression[];
  readonly arrayDimensions: number;
  readonly isSetOf: boolean;
  /** Of a type that somebody has made, in what is stored: the type (of its elements, for an array), whatever it is called by now. Of what
   *  has no name: the type. */
  readonly oid?: number;
}

export interface OperatorCall extends Located {
  readonly kind: "operator";
  /** `+`; the schema of `OPERATOR(pg_catalog.+)` stands apart. */
  readonly name: string;
  readonly schema: string | null;
  /** Null for a prefix operator. */
  readonly left: Expression | null;
  readonly right: Expression;
}

/** `x = ANY (array or subquery)`. */
export interface QuantifiedCall extends Located {
  readonly kind: "quantified";
  readonly quantifier: "any" | "all";
  readonly name: string;
  readonly schema: string | null;
  readonly left: Expression;
  readonly right: Expression;
}

export interface InList extends Located {
  readonly kind: "inList";
  readonly isNegated: boolean;
  readonly subject: Expression;
  readonly items: readonly Expression[];
}

export interface Between extends Located {
  readonly kind: "between";
  readonly isNegated: boolean;
  readonly isSymmetric: boolean;
  readonly subject: Expression;
  readonly low: Expression;
  readonly high: Expression;
}

/** LIKE, ILIKE and SIMILAR TO; an ESCAPE is already a call around the pattern. */
export interface PatternMatch extends Located {
  readonly kind: "pattern";
  readonly operator: string;
  readonly isSimilar: boolean;
  readonly subject: Expression;
  readonly pattern: Expression;
}

export interface DistinctFrom extends Located {
  readonly kind: "distinctFrom";
  readonly isNegated: boolean;
  readonly left: Expression;
  readonly right: Expression;
}

export interface LogicalCall extends Located {
  readonly kind: "and" | "or";
  readonly terms: readonly Expression[];
}

export interface Negation extends Located {
  readonly kind: "not";
  readonly term: Expression;
}

/** `x IS [NOT] NULL | TRUE | FALSE | UNKNOWN`. */
export interface IsTest extends Located {
  readonly kind: "isTest";
  readonly test: "null" | "true" | "false" | "unknown";
  readonly isNegated: boolean;
  readonly subject: Expression;
}

export interface NullIf extends Located {
  readonly kind: "nullIf";
  readonly left: Expression;
  readonly right: Expression;
}

export interface Coalesce extends Located {
  readonly kind: "coalesce" | "greatest" | "least";
  readonly items: readonly Expression[];
}

export interface CaseExpression extends Located {
  readonly kind: "case";
  readonly subject: Expression | null;
  readonly branches: readonly {
    readonly condition: Expression;
    readonly result: Expression;
    readonly location: number;
  }[];
  readonly otherwise: Expression | null;
}

export interface SortItem extends Located {
  readonly expression: Expression;
  readonly isDescending: boolean;
  /** Null: last when ascending, first when descending. */
  readonly nullsFirst: boolean | null;
  /** `USING >` */
  readonly using: string | null;
}

export type FrameBound =
  | { readonly kind: "unboundedPreceding" | "currentRow" | "unboundedFollowing" }
  | { readonly kind: "preceding" | "following"; readonly offset: Expression };

export interface WindowDefinition extends Located {
  /** Its name in WINDOW; behind OVER the window that is meant, and nothing else is given. */
  readonly name: string | null;
  /** The window that it begins from. */
  readonly base: string | null;
  readonly partition: readonly Expression[];
  readonly order: readonly SortItem[];
  readonly frame: {
    readonly mode: "rows" | "range" | "groups";
    readonly from: FrameBound;
    readonly to: FrameBound;
    readonly exclude: "noOthers" | "currentRow" | "group" | "ties";
    /** It was written without BETWEEN: only where it begins. */
    readonly isShort?: true;
    /** True when nothing was written about frames. */
    readonly isDefault: boolean;
  };
}

export interface FunctionCall extends Located {
  readonly kind: "functionCall";
  /** `name` or `schema, name`. */
  readonly name: readonly string[];
  readonly arguments: readonly Expression[];
  /** Names of `name => value`, one each; null for those by place. */
  readonly argumentNames: readonly (string | null)[];
  readonly isVariadic: boolean;
  /** `count(*)`. */
  readonly isStar: boolean;
  readonly isDistinct: boolean;
  readonly order: readonly SortItem[];
  /** True for `WITHIN GROUP (ORDER BY …)`, whose order is in `order`. */
  readonly isWithinGroup: boolean;
  readonly filter: Expression | null;
  readonly over: WindowDefinition | null;
  /** True for forms with a grammar of their own, such as `extract(year FROM x)`. */
  readonly isSqlSyntax: boolean;
}

export interface Cast extends Located {
  readonly kind: "cast";
  readonly subject: Expression;
  readonly type: TypeName;
  /** Of an argument of EXECUTE, which nobody has written as a cast: the parameter that it is for. It is converted as an assignment would. */
  readonly parameter?: number;
}

export interface Subquery extends Located {
  readonly kind: "subquery";
  readonly form: "scalar" | "exists" | "array" | "any" | "all";
  readonly query: Query;
  /** For any and all: what is compared, and by which operator. */
  readonly subject: Expression | null;
  readonly operator: string;
}

export interface ArrayConstructor extends Located {
  readonly kind: "array";
  readonly items: readonly Expression[];
}

export interface RowConstructor extends Located {
  readonly kind: "row";
  readonly items: readonly Expression[];
  /** True for `ROW(…)`, false for `(…, …)`. */
  readonly isExplicit: boolean;
}

/** `(x).field`, `x[1]`, `x[1:2]`, `(x).*`, one step. */
export interface Indirection extends Located {
  readonly kind: "indirection";
  readonly subject: Expression;
  readonly step:
    | { readonly kind: "field"; readonly name: string }
    | { readonly kind: "star" }
    | { readonly kind: "index"; readonly index: Expression }
    | { readonly kind: "slice"; readonly from: Expression | null; readonly to: Expression | null };
}

/** `CURRENT_TIMESTAMP`, `CURRENT_USER`, …: functions without parentheses, by their lower-case names. */
export interface SpecialValue extends Located {
  readonly kind: "specialValue";
  readonly name: string;
  /** Precision, or -1. */
  readonly modifier: number;
}

export interface Collate extends Located {
  readonly kind: "collate";
  readonly subject: Expression;
  readonly name: readonly string[];
}

export interface GroupingCall extends Located {
  readonly kind: "grouping";
  readonly items: readonly Expression[];
}

/** DEFAULT in VALUES or SET. */
export interface DefaultMarker extends Located {
  readonly kind: "default";
}

/** `WHERE CURRENT OF cursor`. */
export interface CurrentOf extends Located {
  readonly kind: "currentOf";
  readonly cursor: string;
  /** Which parameter, behind those that the text names, says where the cursor stands (cursor-row.ts). */
  readonly parameter: number;
}

export type Expression =
  | ColumnName
  | Literal
  | ParameterName
  | OperatorCall
  | QuantifiedCall
  | InList
  | Between
  | PatternMatch
  | DistinctFrom
  | LogicalCall
  | Negation
  | IsTest
  | NullIf
  | Coalesce
  | CaseExpression
  | FunctionCall
  | Cast
  | Subquery
  | ArrayConstructor
  | RowConstructor
  | Indirection
  | SpecialValue
  | Collate
  | GroupingCall
  | DefaultMarker
  | CurrentOf;
