/** Stored expressions as the catalogs show them: what is asked of `deparse/`, which stands above the functions that ask. */
import type { EvaluationContext } from "../functions/context.js";
import type { SqlType } from "../types/sql-type.js";
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
