/** Stored expressions as the catalogs show them: what is asked of `deparse/`, which stands above the functions that ask. */
import type { EvaluationContext } from "../functions/context.js";
import type { Oid, SqlType } from "../types/sql-type.js";
import type {
  DomainDefinition,
  MaterializedViewDefinition,
  StoredExpression,
  TableDefinition,
  ViewDefinition,
} from "./model.js";

/** What names mean in it, and the type that its value becomes; null: it keeps its own. */
export interface ExpressionPlace {
  readonly of: TableDefinition | DomainDefinition | null;
  readonly type: SqlType | null;
}

/**
 * `pretty`: parentheses only where they are needed, CASE on several lines. `plain`: parentheses around every operator, CASE on several
 * lines. `line`: as plain, on one line.
 */
export type ExpressionStyle = "pretty" | "plain" | "line";

export interface ShownExpression {
  readonly text: string;
  /** It is written like a call of a function: as the key of an index it needs no parentheses. */
  readonly isCall: boolean;
}

export type ShowExpression = (
  stored: StoredExpression,
  place: ExpressionPlace,
  style: ExpressionStyle,
  context: EvaluationContext,
) => ShownExpression;

/** A view's query, with the semicolon behind it. */
export type ShowView = (
  view: ViewDefinition | MaterializedViewDefinition,
  style: Exclude<ExpressionStyle, "line">,
  context: EvaluationContext,
) => string;

/** A column of a table or of a view, by its number. */
export interface ColumnOrigin {
  readonly relation: Oid;
  readonly column: number;
}

export interface ViewReads {
  /** By table or view that its query reads, the numbers of the columns that it names. */
  readonly columns: ReadonlyMap<Oid, ReadonlySet<number>>;
  /** For each of its columns the one of a table or view that it is; null for what is computed. */
  readonly origins: readonly (ColumnOrigin | null)[];
}

/** What a view's query reads, one by one; null where its columns are not known (a row as a value, a list of columns of a function). */
export type ReadsOfView = (
  view: ViewDefinition | MaterializedViewDefinition,
  context: EvaluationContext,
) => ViewReads | null;
