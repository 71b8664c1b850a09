/**
 * MERGE: the source's rows, each with the row of the table that belongs to it if there is one. The plan says for each which clause is its
 * own, the first whose condition holds, and computes the values of that one alone.
 */
import { SqlError } from "../error.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanColumn, PlanNode } from "../plan/plan.js";
import type { Merge, MergeClause } from "../syntax/ast-modify.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import type { Binder } from "./binder.js";
import type { BoundMerge, MergeAction } from "./bound.js";
import { coerceTo } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { bindFromList, joinPlans } from "./from.js";
import { estimates } from "./from-item.js";
import { bindScan } from "./from-table.js";
import { asExpression, bindAssignments, checkWidth, insertTargets, rowArranger, targetOf } from "./modify-parts.js";
import { operation } from "./operator.js";
import { type CommonTables, joinNames, Scope, type ScopeRelation } from "./scope.js";
import { oneRow } from "./select.js";
import { bindRules, liveColumns, tableRelation } from "./table-rules.js";
import type { WriteTarget } from "./view-target.js";

/** Values that a clause's rows need, and the action once their columns are known by numbers. */
interface BoundClause {
  /** Columns of the table that it gives values to. */
  readonly given: readonly number[];
  readonly values: readonly BoundExpression[];
  readonly action: (ids: readonly ColumnId[]) => MergeAction;
}

export function bindMerge(statement: Merge, binder: Binder, tables: CommonTables | null): BoundMerge {
  const { clauses } = statement;
  expectReachable(clauses);
  const written = targetOf(statement.table, binder, "merge");
  const { table, schema } = written;
  for (const { kind } of clauses) {
    if (kind === "delete") binder.authority.expect(table, "d");
    else if (kind !== "nothing") binder.authority.expectColumns(table, kind === "insert" ? "a" : "w");
  }
  const target = bindScan(table, schema, statement.table, binder, true);
  const [relation] = target.names.relations;
  if (relation === undefined || relation.keyId === null)
    throw new SqlError("XX000", "a table that is changed has a row key");
  const names = relation.columns.map(({ name }) => name);
  binder.write({ name: relation.name, table: statement.table.name.name, columns: names });
  const source = bindFromList([statement.source], binder, null, tables);
  if (source.names.relations.some(({ name }) => name === relation.name))
    throw new SqlError("42712", `name "${relation.name}" specified more than once`, {
      detail: "The name is used both as MERGE target table and data source.",
    });
  const sourceScope = new Scope(source.names, null, tables);
  const scope = new Scope(joinNames(target.names, source.names), null, tables);
  const onContext = plainContext(binder, scope, "JOIN conditions");
  const on = coerceTo(binder, bindExpression(statement.condition, onContext), typeOid.bool, "JOIN/ON");
  const conditions: (BoundExpression | null)[] = [];
  const bound: BoundClause[] = [];
  // A clause with its condition after the other: of several errors the first is told.
  for (const clause of clauses) {
    const own = clause.isMatched ? scope : sourceScope;
    const context = plainContext(binder, own, "MERGE WHEN conditions");
    const { condition } = clause;
    conditions.push(
      condition === null ? null : coerceTo(binder, bindExpression(condition, context), typeOid.bool, "WHEN"),
    );
    bound.push(bindClause(clause, written, relation, own, binder));
  }
  const needsAll = clauses.some(({ isMatched }) => !isMatched);
  const joined = joinPlans(needsAll ? "left" : "inner", source.plan ?? oneRow(), target.plan, on);
  const key: BoundExpression = {
    kind: "column",
    id: relation.keyId,
    name: "",
    type: sqlType(typeOid.bytea),
    location: -1,
  };
  const action: PlanColumn = { id: binder.newId(), name: "action", type: sqlType(typeOid.int4) };
  const chosen = project(joined, [action], [choiceOf(clauses, conditions, key)]);
  const ids = bound.map(({ values }) => values.map(() => binder.newId()));
  const plan = project(
    chosen,
    bound.flatMap(({ values }, clause) =>
      values.map(({ type }, index) => ({ id: ids[clause]?.[index] ?? 0, name: "", type })),
    ),
    bound.flatMap(({ values }, clause) => values.map((value) => onlyFor(clause, asExpression(action), value, binder))),
  );
  const rules = bindRules(table, tableRelation(table, relation.name, relation.schema, binder), binder);
  const actions = bound.map((clause, index) => clause.action(ids[index] ?? []));
  const old = relation.columns.map(({ id }) => id);
  const given = bound.flatMap((clause) => clause.given);
  const base = { kind: "merge" as const, table, rules, given, checkOptions: [], plan, returning: null };
  return { ...base, key: relation.keyId, old, action: action.id, actions };
}

/** Throws 42601 for a clause behind one that takes all. */
function expectReachable(clauses: readonly MergeClause[]): void {
  for (const isMatched of [true, false]) {
    const own = clauses.filter((clause) => clause.isMatched === isMatched);
    const all = own.findIndex(({ condition }) => condition === null);
    if (all >= 0 && all < own.length - 1)
      throw new SqlError("42601", "unreachable WHEN clause specified after unconditional WHEN clause");
  }
}

function bindClause(
  clause: MergeClause,
  target: WriteTarget,
  rows: ScopeRelation,
  scope: Scope,
  binder: Binder,
): BoundClause {
  const { table } = target;
  switch (clause.kind) {
    case "nothing":
    case "delete": {
      const { kind } = clause;
      return { given: [], values: [], action: () => ({ kind }) };
    }
    case "update": {
      const all = bindAssignments(clause.assignments, target, rows, scope, binder);
      const given = all.map(({ column }) => column.number);
      binder.authority.expectColumns(table, "w", given);
      const assigned = all.filter(({ column }) => column.generated === null);
      const action = (ids: readonly ColumnId[]): MergeAction => ({
        kind: "update",
        assignments: assigned.map(({ column }, index) => ({ column: column.number, id: ids[index] ?? 0 })),
      });
      return { given, values: assigned.map(({ value }) => value), action };
    }
    case "insert": {
      const live = liveColumns(table);
      const targets = insertTargets(target, clause.columns);
      const context = plainContext(binder, scope, "VALUES");
      const items = (clause.values ?? []).map((item) =>
        item.kind === "default" ? null : bindExpression(item, context),
      );
      if (clause.values !== null)
        checkWidth(items.length, targets, clause, clause.values[targets.length]?.location ?? -1);
      const given = targets.slice(0, items.length).map(({ number }) => number);
      binder.authority.expectColumns(table, "a", given);
      const values = rowArranger(target, targets, live, clause.overriding, binder)(items);
      const action = (ids: readonly ColumnId[]): MergeAction => ({
        kind: "insert",
        values: live.map(({ generated }, index) => (generated === null ? (ids[index] ?? null) : null)),
      });
      return { given, values, action };
    }
  }
}

const nothing: BoundExpression = { kind: "constant", value: null, type: sqlType(typeOid.int4), location: -1 };
const integer = (value: number): BoundExpression => ({ ...nothing, kind: "constant", value });
const bool = sqlType(typeOid.bool);

/** The number of the clause that a row is for: of those for rows with a key, or of those for rows without. */
function choiceOf(
  clauses: readonly MergeClause[],
  conditions: readonly (BoundExpression | null)[],
  key: BoundExpression,
): BoundExpression {
  const among = (isMatched: boolean): BoundExpression => {
    const own = clauses.flatMap((clause, index) => (clause.isMatched === isMatched ? [index] : []));
    const branches = own.flatMap((index) => {
      const condition = conditions[index] ?? null;
      return condition === null ? [] : [{ condition, result: integer(index) }];
    });
    const all = own.find((index) => (conditions[index] ?? null) === null);
    const otherwise = all === undefined ? nothing : integer(all);
    return branches.length === 0 ? otherwise : { kind: "case", branches, otherwise, type: nothing.type, location: -1 };
  };
  const isMissing = { kind: "isTest", test: "null", isNegated: false, subject: key, type: bool, location: -1 } as const;
  return {
    kind: "case",
    branches: [{ condition: isMissing, result: among(false) }],
    otherwise: among(true),
    type: nothing.type,
    location: -1,
  };
}

/** A value that is computed for the rows of one clause. */
function onlyFor(clause: number, action: BoundExpression, value: BoundExpression, binder: Binder): BoundExpression {
  const condition = operation(binder, "=", action, integer(clause), -1);
  const otherwise: BoundExpression = { kind: "constant", value: null, type: value.type, location: -1 };
  return { kind: "case", branches: [{ condition, result: value }], otherwise, type: value.type, location: -1 };
}

const project = (
  input: PlanNode,
  columns: readonly PlanColumn[],
  expressions: readonly BoundExpression[],
): PlanNode => ({
  kind: "project",
  input,
  expressions: [...input.columns.map(asExpression), ...expressions],
  columns: [...input.columns, ...columns],
  ...estimates,
});
