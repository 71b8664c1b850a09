/** What the actors ask of the query engine, in one place. */
import type { BoundExplain, BoundStatement, RowRules } from "../../runtime/query/bind/bound.js";
import type {
  Catalog,
  DomainDefinition,
  MaterializedViewDefinition,
  StoredQuery,
  TableDefinition,
  ViewBinding,
} from "../../runtime/query/catalog/model.js";
import type { QueryEnvironment, RowStream } from "../../runtime/query/engine.js";
import { SqlError } from "../../runtime/query/error.js";
import type { EvaluationContext } from "../../runtime/query/functions/context.js";
import type { BoundExpression, ColumnId } from "../../runtime/query/plan/expression.js";
import type { PlanNode } from "../../runtime/query/plan/plan.js";
import type { Statistics } from "../../runtime/query/plan/plan-context.js";
import type { Statement } from "../../runtime/query/syntax/ast.js";
import type { Expression } from "../../runtime/query/syntax/ast-expression.js";
import type { Query } from "../../runtime/query/syntax/ast-query.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import type { Oid, SqlType } from "../../runtime/query/types/sql-type.js";
import type { ObjectNames } from "../../runtime/query/types/text-context.js";
import type { DescribedView } from "../../runtime/query/view/compile.js";
import type { ViewProgram } from "../../runtime/query/view/program.js";
import type { RowExpression } from "../../runtime/query/write/ports.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export interface BindRequest {
  readonly statement: Statement;
  readonly text: string;
  readonly catalog: Catalog;
  readonly parameterTypes: readonly Oid[];
  readonly context: EvaluationContext;
  /** How many rows tables have. */
  readonly statistics: Statistics;
}

/** Whose names they are: those of schemas that he may use. */
export type NamingUser = Pick<EvaluationContext, "roles" | "currentUser" | "isSuperuser" | "database">;

export interface Engine {
  bind(request: BindRequest): BoundStatement;
  run(plan: PlanNode, outputs: readonly ColumnId[], environment: QueryEnvironment): RowStream;
  compile(expression: BoundExpression, ids: readonly ColumnId[], environment: QueryEnvironment): RowExpression;
  /** What rows of a table must fulfil, outside of any statement. */
  rulesOf(table: TableDefinition, around: Around): RowRules;
  /** Binds what a domain's definition says of its values, for its errors. */
  validateDomain(domain: DomainDefinition, around: Around): void;
  /** A column's default, sequences' values included; null for none. */
  defaultOf(table: TableDefinition, column: number, around: Around): BoundExpression | null;
  /** An expression over a table's row, by ids of the live columns; converted to `target` by assignment. */
  overRow(
    table: TableDefinition,
    given: { readonly expression: Expression; readonly clause: string; readonly target: SqlType | null },
    around: Around,
  ): { readonly ids: readonly ColumnId[]; readonly expression: BoundExpression };
  /** Numbers of the columns that a query reads, by table; nothing when it cannot be bound. */
  columnsRead(query: Query, around: Around): ReadonlyMap<Oid, ReadonlySet<number>>;
  /** Lines of EXPLAIN. */
  explain(explain: BoundExplain, environment: QueryEnvironment): Iterable<string>;
  /** Rows of a table that the catalogs make up. */
  systemRows(table: TableDefinition, around: Around): Iterable<readonly Datum[]>;
  /** An expression or query as SQL text. */
  print(syntax: Expression | Query): string;
  names(catalog: Catalog, searchPath: readonly string[], user: NamingUser): ObjectNames;
  /** What is known of a materialized view's query before the view is made. */
  describeView(query: StoredQuery, binding: ViewBinding, around: Around, statistics: Statistics): DescribedView;
  /** What computes a materialized view. */
  compileView(view: MaterializedViewDefinition, around: Around, statistics: Statistics): ViewProgram;
}

/** `tellsPlaces`: what is stored was written in the statement itself. */
export type Around = Pick<BindRequest, "catalog" | "context"> & { readonly tellsPlaces?: boolean };

/**
 * An error of a statement as its client is told. What is no `SqlError` is a defect of the engine: the statement has changed nothing but its
 * own overlay, which is dropped, so it ends and nobody else does.
 */
export function statementError(error: unknown, log: (error: Error) => void): SqlError {
  if (error instanceof SqlError) return error;
  if (!(error instanceof Error) || error instanceof KimberliteError) throw error;
  log(error);
  return new SqlError("XX000", `internal error: ${error.message}`);
}
