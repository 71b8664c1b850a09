/** Queries as they were written: what yields rows. */

import type { Expression, FunctionCall, Located, SortItem, TypeName, WindowDefinition } from "./ast-expression.js";
import type { DataStatement } from "./ast-modify.js";

/** A name of a table, view, sequence, index, type or function, with the schema if one was written. */
export interface RelationName extends Located {
  readonly database: string | null;
  readonly schema: string | null;
  readonly name: string;
}

/** A point of `FOR SYSTEM_TIME`: a position (an integer) or a moment. Either is a literal or a parameter. */
export interface TimePoint extends Located {
  readonly kind: "position" | "timestamp";
  readonly value: Expression;
}

export type SystemTime = Located &
  (
    | { readonly kind: "asOf"; readonly point: TimePoint }
    | { readonly kind: "between"; readonly from: TimePoint; readonly to: TimePoint }
    | { readonly kind: "all" }
  );

export interface Alias {
  readonly name: string;
  readonly columns: readonly string[];
  /** Nobody wrote it: the name that the relation had when the query was stored, by which its columns are called there. */
  readonly isOwn?: true;
}

export interface TableReference extends Located {
  readonly kind: "table";
  readonly name: RelationName;
  readonly alias: Alias | null;
  readonly time: SystemTime | null;
  /** False for `ONLY`. */
  readonly isInherited: boolean;
  /** In COPY … TO, which takes rows of tables only. */
  readonly isOfCopy?: boolean;
}

export interface SubqueryReference extends Located {
  readonly kind: "subqueryReference";
  readonly query: Query;
  readonly alias: Alias | null;
  readonly isLateral: boolean;
}

/** A column of `AS t(a int, b text)`. */
export interface DefinedColumn extends Located {
  readonly name: string;
  readonly type: TypeName;
}

export interface FunctionReference extends Located {
  readonly kind: "functionReference";
  /** Several for `ROWS FROM (…)`. */
  readonly functions: readonly {
    readonly call: FunctionCall | Expression;
    readonly definitions: readonly DefinedColumn[];
  }[];
  readonly isRowsFrom: boolean;
  readonly alias: Alias | null;
  /** The column list of `AS t(a int, b text)`. */
  readonly definitions: readonly DefinedColumn[];
  readonly hasOrdinality: boolean;
  readonly isLateral: boolean;
}

export interface JoinReference extends Located {
  readonly kind: "join";
  readonly type: "inner" | "left" | "right" | "full" | "cross";
  readonly isNatural: boolean;
  readonly left: FromItem;
  readonly right: FromItem;
  readonly using: readonly string[] | null;
  /** Alias of the merged columns: `USING (a) AS u`. */
  readonly usingAlias: string | null;
  readonly condition: Expression | null;
  readonly alias: Alias | null;
}

export type FromItem = TableReference | SubqueryReference | FunctionReference | JoinReference;

/** One output column: `expression AS name`. */
export interface SelectItem extends Located {
  readonly expression: Expression;
  readonly name: string | null;
}

export interface CommonTable extends Located {
  readonly name: string;
  readonly columns: readonly string[];
  readonly materialized: "default" | "always" | "never";
  readonly statement: DataStatement;
  /** Absent as null is, in queries that were stored before there was such a thing. */
  readonly search?: SearchClause | null;
  readonly cycle?: CycleClause | null;
}

/** `SEARCH DEPTH FIRST BY a, b SET s` of a recursive WITH query. */
export interface SearchClause extends Located {
  readonly order: "depth" | "breadth";
  readonly columns: readonly string[];
  readonly sequence: string;
}

/** `CYCLE a, b SET m TO value DEFAULT otherwise USING p` of a recursive WITH query. */
export interface CycleClause extends Located {
  readonly columns: readonly string[];
  readonly mark: string;
  readonly value: Expression;
  readonly otherwise: Expression;
  readonly path: string;
}

export interface WithClause extends Located {
  readonly isRecursive: boolean;
  readonly tables: readonly CommonTable[];
}

export type GroupItem = Located &
  (
    | { readonly kind: "expression"; readonly expression: Expression }
    | { readonly kind: "empty" }
    | { readonly kind: "rollup" | "cube" | "sets"; readonly items: readonly GroupItem[] }
    | { readonly kind: "list"; readonly items: readonly Expression[] }
  );

export interface RowLock extends Located {
  readonly strength: "update" | "noKeyUpdate" | "share" | "keyShare";
  /** Empty: every table of FROM. */
  readonly tables: readonly RelationName[];
  readonly wait: "block" | "skip" | "error";
}

interface QueryTail extends Located {
  readonly with: WithClause | null;
  readonly order: readonly SortItem[];
  readonly limit: Expression | null;
  readonly offset: Expression | null;
  /** FETCH FIRST … WITH TIES. */
  readonly isWithTies: boolean;
  readonly locks: readonly RowLock[];
  /** What DECLARE declares: where it can, the keys of its rows come with them. */
  readonly isOfCursor?: boolean;
}

export interface SelectQuery extends QueryTail {
  readonly kind: "select";
  /** Null: all rows. Empty: DISTINCT. Else DISTINCT ON. */
  readonly distinct: readonly Expression[] | null;
  readonly items: readonly SelectItem[];
  readonly into: RelationName | null;
  readonly from: readonly FromItem[];
  readonly where: Expression | null;
  readonly group: readonly GroupItem[];
  readonly isGroupDistinct: boolean;
  readonly having: Expression | null;
  readonly windows: readonly WindowDefinition[];
}

export interface ValuesQuery extends QueryTail {
  readonly kind: "values";
  readonly rows: readonly (readonly Expression[])[];
}

export interface SetOperationQuery extends QueryTail {
  readonly kind: "setOperation";
  readonly operation: "union" | "intersect" | "except";
  readonly isAll: boolean;
  readonly left: Query;
  readonly right: Query;
}

export type Query = SelectQuery | ValuesQuery | SetOperationQuery;
