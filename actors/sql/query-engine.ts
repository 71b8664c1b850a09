/** The query engine as the actors use it. */
import { Binder } from "../../runtime/query/bind/binder.js";
import type { BoundExplain, BoundStatement, RowRules } from "../../runtime/query/bind/bound.js";
import { plainContext } from "../../runtime/query/bind/context.js";
import { domainRules, expectDefault } from "../../runtime/query/bind/domain.js";
import type { BindEnvironment } from "../../runtime/query/bind/environment.js";
import { bindExpression } from "../../runtime/query/bind/expression.js";
import { bindModification } from "../../runtime/query/bind/modify.js";
import { bindQuery } from "../../runtime/query/bind/query.js";
import { bindStatement } from "../../runtime/query/bind/statement.js";
import { assign, bindRules, defaultOf, scopeOf, tableRelation } from "../../runtime/query/bind/table-rules.js";
import type {
  Catalog,
  DomainDefinition,
  MaterializedViewDefinition,
  StoredQuery,
  TableDefinition,
  ViewBinding,
} from "../../runtime/query/catalog/model.js";
import { objectNames } from "../../runtime/query/catalog/system/names.js";
import { systemRows } from "../../runtime/query/catalog/system/rows.js";
import { isTemporaryName } from "../../runtime/query/catalog/temporary.js";
import type { QueryEnvironment, RowStream } from "../../runtime/query/engine.js";
import { SqlError } from "../../runtime/query/error.js";
import { runExplain } from "../../runtime/query/execute/explain.js";
import { compileRow, runPlan } from "../../runtime/query/execute/run.js";
import { columnsRead } from "../../runtime/query/plan/columns-read.js";
import type { BoundExpression, ColumnId } from "../../runtime/query/plan/expression.js";
import type { PlanNode } from "../../runtime/query/plan/plan.js";
import { planBound } from "../../runtime/query/plan/planner.js";
import type { Expression } from "../../runtime/query/syntax/ast-expression.js";
import type { Query } from "../../runtime/query/syntax/ast-query.js";
import { printExpression, printQuery } from "../../runtime/query/syntax/print.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import type { Oid } from "../../runtime/query/types/sql-type.js";
import type { ObjectNames } from "../../runtime/query/types/text-context.js";
import { compileView, type DescribedView, describeView } from "../../runtime/query/view/compile.js";
import type { ViewProgram } from "../../runtime/query/view/program.js";
import type { RowExpression } from "../../runtime/query/write/ports.js";
import { assert } from "../../runtime/types/assert.js";
import { builtInTables } from "./audit-source.js";
import type { Around, BindRequest, Engine, NamingUser } from "./engine.js";

const environmentOf = ({ catalog, context }: Around, rest: Partial<BindEnvironment> = {}): BindEnvironment => ({
  catalog,
  context,
  systemTables: builtInTables,
  parameterTypes: [],
  asOf: null,
  ...rest,
});

/** `kimberlite.as_of`: a position, or a moment. */
function asOfOf(setting: string | null): BindEnvironment["asOf"] {
  const text = setting?.trim() ?? "";
  if (text === "") return null;
  if (/^\d+$/.test(text)) return { kind: "position", position: Number(text) };
  return { kind: "timestamp", text };
}

const binderFor = (around: Around): Binder =>
  new Binder(environmentOf(around, { tellsPlaces: around.tellsPlaces === true }), bindQuery, bindModification);

export class QueryEngine implements Engine {
  bind({ statement, catalog, parameterTypes, context, statistics }: BindRequest): BoundStatement {
    const asOf = asOfOf(context.session.setting("kimberlite.as_of"));
    const bound = bindStatement(statement, environmentOf({ catalog, context }, { parameterTypes, asOf }));
    return planBound(bound, statistics, catalog, context, (table) => this.rulesOf(table, { catalog, context }));
  }

  run(plan: PlanNode, outputs: readonly ColumnId[], environment: QueryEnvironment): RowStream {
    return runPlan(plan, outputs, environment);
  }

  compile(expression: BoundExpression, ids: readonly ColumnId[], environment: QueryEnvironment): RowExpression {
    const compute = compileRow([expression], ids, environment);
    return (row) => compute(row)[0] ?? null;
  }

  rulesOf(table: TableDefinition, around: Around): RowRules {
    const binder = binderFor(around);
    return bindRules(table, tableRelation(table, table.name, null, binder), binder);
  }

  validateDomain(domain: DomainDefinition, around: Around): void {
    const binder = binderFor(around);
    const value = { kind: "column", id: binder.newId(), name: "value", type: domain.base, location: -1 } as const;
    domainRules(domain, value, binder, bindExpression);
    expectDefault(domain, binder, bindExpression);
  }

  defaultOf(table: TableDefinition, column: number, around: Around): BoundExpression | null {
    const definition = table.columns[column - 1];
    assert(definition !== undefined, "a default is of a column of the table");
    return defaultOf(definition, binderFor(around));
  }

  overRow(
    table: TableDefinition,
    { expression, clause, target }: Parameters<Engine["overRow"]>[1],
    around: Around,
  ): { readonly ids: readonly ColumnId[]; readonly expression: BoundExpression } {
    const binder = binderFor(around);
    const relation = tableRelation(table, table.name, null, binder);
    const ids = relation.columns.map(({ id }) => id);
    const bound = bindExpression(expression, plainContext(binder, scopeOf(relation), clause));
    return { ids, expression: target === null ? bound : assign(bound, target, table.name, binder) };
  }

  columnsRead(query: Query, around: Around): ReadonlyMap<Oid, ReadonlySet<number>> {
    try {
      const { body } = bindStatement(query, environmentOf(around, { isTrusted: true }));
      return body.kind === "query" ? columnsRead(body) : new Map();
    } catch (error) {
      if (error instanceof SqlError) return new Map();
      throw error;
    }
  }

  explain(explain: BoundExplain, environment: QueryEnvironment): Iterable<string> {
    return runExplain(explain, environment);
  }

  systemRows(table: TableDefinition, { context }: Around): Iterable<readonly Datum[]> {
    return systemRows(table, context);
  }

  print(syntax: Expression | Query): string {
    const isQuery = syntax.kind === "select" || syntax.kind === "values" || syntax.kind === "setOperation";
    return isQuery ? printQuery(syntax) : printExpression(syntax);
  }

  describeView(
    query: StoredQuery,
    binding: ViewBinding,
    around: Around,
    statistics: BindRequest["statistics"],
  ): DescribedView {
    return describeView(query, binding, environmentOf(around), statistics);
  }

  compileView(view: MaterializedViewDefinition, around: Around, statistics: BindRequest["statistics"]): ViewProgram {
    return compileView(view, environmentOf(around), statistics);
  }

  names(catalog: Catalog, searchPath: readonly string[], user: NamingUser): ObjectNames {
    const { roles, currentUser, isSuperuser, database } = user;
    const temporarySchema = searchPath.find(isTemporaryName) ?? null;
    return objectNames({ catalog, searchPath, temporarySchema, roles, currentUser, isSuperuser }, database);
  }
}
