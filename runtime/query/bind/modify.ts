/** INSERT, UPDATE and DELETE: a plan that yields what to write, and what must hold of it. */
import type { ColumnDefinition, IndexDefinition } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import { conjunctsOf } from "../plan/conjuncts.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanColumn, PlanNode } from "../plan/plan.js";
import { isImplied } from "../plan/usable-indexes.js";
import { columnsOf, expressionKey } from "../plan/walk.js";
import type { Expression } from "../syntax/ast-expression.js";
import type { Delete, Insert, Modification, OnConflict, Update } from "../syntax/ast-modify.js";
import type { Query, SelectItem } from "../syntax/ast-query.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { type Binder, outputOf, positionOf, untypedQuery } from "./binder.js";
import type {
  BoundDelete,
  BoundInsert,
  BoundModification,
  BoundUpdate,
  ResultColumn,
  Returning,
  RowRules,
} from "./bound.js";
import { asText, coerceTo } from "./coerce.js";
import { copyConditions, plainContext } from "./context.js";
import { bindCurrentOf } from "./current-of.js";
import { expectReturned } from "./entries.js";
import { bindExpression } from "./expression.js";
import { bindFromList } from "./from.js";
import { estimates } from "./from-item.js";
import { bindScan } from "./from-table.js";
import { bindMerge } from "./merge.js";
import {
  asExpression,
  asReadable,
  bindAssignments,
  checkWidth,
  defaulted,
  type InsertTarget,
  insertTargets,
  namesOf,
  refuseRepeated,
  rowArranger,
  targetOf,
} from "./modify-parts.js";
import { columnNameOf } from "./names.js";
import { addSets } from "./postpone.js";
import { afterModifications, bindWith } from "./query.js";
import { type CommonTables, joinNames, Scope, type ScopeColumn, type ScopeRelation } from "./scope.js";
import { expandStar, filterOf, oneRow } from "./select.js";
import { SetCollector } from "./set-collector.js";
import { withoutXmin } from "./system-columns.js";
import { bindRules, liveColumns, tableRelation } from "./table-rules.js";
import {
  checkOptionsOf,
  expectColumnsOn,
  expectOn,
  refuseFixed,
  targetRows,
  visibilityOf,
  type WriteTarget,
} from "./view-target.js";

export function bindModification(
  binder: Binder,
  statement: Modification,
  commonTables: CommonTables | null,
): BoundModification {
  if (binder.environment.asOf !== null) {
    throw new SqlError("25006", `cannot execute ${statement.kind.toUpperCase()} while kimberlite.as_of is set`);
  }
  binder.writes = true;
  const { tables, modifications } = bindWith(statement.with, binder, null, commonTables);
  const bound = bindKind(binder, statement, tables);
  return modifications.length === 0 ? bound : { ...bound, plan: afterModifications(bound.plan, modifications) };
}

function bindKind(binder: Binder, statement: Modification, tables: CommonTables | null): BoundModification {
  switch (statement.kind) {
    case "insert":
      return bindInsert(statement, binder, tables);
    case "update":
      return bindUpdate(statement, binder, tables);
    case "delete":
      return bindDelete(statement, binder, tables);
    case "merge":
      return bindMerge(statement, binder, tables);
  }
}

// ---- INSERT

function bindInsert(statement: Insert, binder: Binder, tables: CommonTables | null): BoundInsert {
  const target = targetOf(statement.table, binder, "insert");
  const { table } = target;
  expectColumnsOn(target, "a", binder);
  if (statement.onConflict?.action === "update") expectColumnsOn(target, "w", binder);
  const relation = tableRelation(table, table.name, null, binder);
  const rules = bindRules(table, relation, binder);
  const live = liveColumns(table);
  const targets = insertTargets(target, statement.columns);
  const alias = statement.table.alias?.name ?? null;
  const own = { name: alias ?? statement.table.name.name, columns: target.columns.map(({ name }) => name) };
  binder.write({ ...own, table: statement.table.name.name });
  const { plan: source, width } = bindSource(statement, target, targets, live, binder, tables);
  const given = targets.slice(0, width);
  const written = [...given, ...defaulted(target, given)];
  refuseFixed(target, "insert", written, binder);
  refuseRepeated(written, binder);
  expectColumnsOn(
    target,
    "a",
    binder,
    given.map(({ number }) => number),
  );
  const values = live.map((column, index): ColumnId | null =>
    column.generated === null ? (source.columns[index]?.id ?? null) : null,
  );
  const inserted = targetRows(target, alias, () => asReadable(table, relation, binder), binder);
  const checkOptions = checkOptionsOf(inserted, target);
  const onConflict =
    statement.onConflict === null
      ? null
      : bindConflict(statement.onConflict, target, inserted.relation, rules, alias, binder, tables);
  const { relation: shown } = inserted;
  const xmax = xmaxOf(onConflict?.action === "update" ? onConflict.xmax : null);
  const returned = namesOf(target.views.length > 0 ? shown : { ...shown, hidden: [...shown.hidden, xmax] });
  const returning = bindReturning(statement.returning, new Scope(returned, null, tables), binder);
  const numbers = given.flatMap(({ column }) => (column === null ? [] : [column.number]));
  const updated = (onConflict?.assignments ?? []).map(({ column }) => column);
  const base = { kind: "insert" as const, table, rules, given: [...numbers, ...updated], checkOptions };
  return {
    ...base,
    plan: source,
    values,
    condition: bindCopyWhere(statement, target, source, binder),
    returning,
    onConflict,
  };
}

/** COPY's WHERE sees a row as it would be stored, before its generated columns are computed: those it may not name. */
function bindCopyWhere(
  { condition }: Insert,
  { table, views }: WriteTarget,
  { columns }: PlanNode,
  binder: Binder,
): BoundExpression | null {
  if (condition === undefined || condition === null) return null;
  if (views.length > 0) throw notSupported("COPY FROM with WHERE into a view");
  const row = tableRelation(table, table.name, null, binder);
  const given = row.columns.map((column, index) => ({ ...column, id: columns[index]?.id ?? column.id }));
  const scope = new Scope(namesOf({ ...row, columns: given, hidden: [] }), null, null);
  const context = plainContext(binder, scope, copyConditions);
  const bound = coerceTo(binder, bindExpression(condition, context), typeOid.bool, "WHERE");
  const generated = given.find(
    ({ id, column }) => columnsOf(bound).has(id) && (table.columns[column - 1]?.generated ?? null) !== null,
  );
  if (generated === undefined) return bound;
  throw new SqlError("42P10", "generated columns are not supported in COPY FROM WHERE conditions", {
    detail: `Column "${generated.name}" is a generated column.`,
  });
}

/**
 * One column for each live column of the table; generated ones are NULL until they are computed. `width`: for how many of the targets values
 * are given.
 */
function bindSource(
  statement: Insert,
  target: WriteTarget,
  targets: readonly InsertTarget[],
  live: readonly ColumnDefinition[],
  binder: Binder,
  tables: CommonTables | null,
): { readonly plan: PlanNode; readonly width: number } {
  const { source } = statement;
  const columns: PlanColumn[] = live.map(({ name, type }) => ({ id: binder.newId(), name, type }));
  const arrange = rowArranger(target, targets, live, statement.overriding, binder);
  if (source === null) return { plan: { kind: "values", items: [arrange([])], columns, ...estimates }, width: 0 };
  if (isPlainValues(source)) {
    // One row alone is a SELECT to PostgreSQL, and may have functions that make several of it.
    const sets = source.rows.length === 1 ? new SetCollector() : null;
    const context = { ...plainContext(binder, new Scope(namesOf(), null, tables), "VALUES"), sets };
    const width = source.rows[0]?.length ?? 0;
    const items = source.rows.map((row) => {
      if (row.length !== width) {
        throw new SqlError("42601", "VALUES lists must all be the same length", {
          position: positionOf(row[0]?.location ?? -1),
        });
      }
      const bound = row.map((item) => (item.kind === "default" ? null : bindExpression(item, context)));
      checkWidth(row.length, targets, statement, row[targets.length]?.location ?? -1);
      return arrange(bound);
    });
    const [row = []] = items;
    const made = sets === null || sets.calls.length === 0 ? null : addSets(oneRow(), sets.calls);
    const plan: PlanNode =
      made === null
        ? { kind: "values", items, columns, ...estimates }
        : { kind: "project", input: made, expressions: row, columns, ...estimates };
    return { plan, width };
  }
  const rows = binder.query(source, null, tables, untypedQuery);
  checkWidth(rows.outputs.length, targets, statement, rows.outputs[targets.length]?.location ?? -1);
  const given = rows.outputs.map(outputOf);
  const plan: PlanNode = { kind: "project", input: rows.plan, expressions: arrange(given), columns, ...estimates };
  return { plan, width: given.length };
}

function isPlainValues(query: Query): query is Extract<Query, { kind: "values" }> {
  return (
    query.kind === "values" &&
    query.with === null &&
    query.order.length === 0 &&
    query.limit === null &&
    query.offset === null
  );
}

function bindConflict(
  conflict: OnConflict,
  target: WriteTarget,
  inserted: ScopeRelation,
  rules: RowRules,
  alias: string | null,
  binder: Binder,
  tables: CommonTables | null,
): BoundInsert["onConflict"] {
  if (conflict.action === "update" && conflict.target === null) {
    throw new SqlError("42601", "ON CONFLICT DO UPDATE requires inference specification or constraint name", {
      position: positionOf(conflict.location),
      hint: "For example, ON CONFLICT (column_name).",
    });
  }
  const { table } = target;
  if (conflict.action === "update")
    binder.write({ name: "excluded", table: null, columns: target.columns.map(({ name }) => name) });
  // Finding out what is there already reads it.
  if (conflict.target !== null) expectColumnsOn(target, "r", binder);
  const arbitrates = arbiterOf(conflict, target, inserted, rules, binder);
  const row = withoutXmin(tableRelation(table, table.name, null, binder));
  const seen = targetRows(target, alias, () => asReadable(table, row, binder), binder);
  const existingIds = row.columns.map(({ id }) => id);
  if (conflict.action === "nothing") {
    const arbiters = arbitersOf(rules, arbitrates, binder);
    return { action: "nothing", arbiters, existingIds, xmax: 0, visible: [], assignments: [], where: null };
  }
  const excluded: ScopeRelation = { ...inserted, name: "excluded", schema: null, hidden: [] };
  const scope = new Scope(joinNames(namesOf(excluded), namesOf(seen.relation)), null, tables);
  const bound = bindAssignments(conflict.assignments, target, row, scope, binder, "insert");
  const assignments = bound.map(({ column, value }) => ({ column: column.number, value }));
  expectColumnsOn(
    target,
    "w",
    binder,
    bound.map(({ number }) => number),
  );
  const where =
    conflict.where === null
      ? null
      : coerceTo(binder, bindExpression(conflict.where, plainContext(binder, scope, "WHERE")), typeOid.bool, "WHERE");
  const arbiters = arbitersOf(rules, arbitrates, binder);
  const visible = visibilityOf(seen, target);
  return { action: "update", arbiters, existingIds, xmax: binder.newId(), visible, assignments, where };
}

/** The system column as RETURNING of an INSERT sees it, by which one tells what was inserted from what ON CONFLICT has updated. */
function xmaxOf(id: ColumnId | null): ScopeColumn {
  const type = sqlType(typeOid.xid);
  const none: BoundExpression = { kind: "constant", value: 0, type, location: -1 };
  return { id: id ?? 0, name: "xmax", type, table: 0, column: 0, expression: id === null ? none : null };
}

type Arbitrates = (index: RowRules["indexes"][number]) => boolean;

/** The indexes whose conflicts are settled; none named is all of them. */
function arbitersOf(rules: RowRules, arbitrates: Arbitrates | null, binder: Binder): readonly IndexDefinition[] {
  if (arbitrates === null) return [];
  const found = rules.indexes.filter(arbitrates);
  if (found.length === 0) {
    const message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
    binder.refuse(new SqlError("42P10", message));
  }
  return found.map(({ index }) => index);
}

/** Which indexes a conflict names; null when it names none. */
function arbiterOf(
  conflict: OnConflict,
  { relation, table, views }: WriteTarget,
  inserted: ScopeRelation,
  rules: RowRules,
  binder: Binder,
): Arbitrates | null {
  const { target } = conflict;
  if (target === null) return null;
  if (target.kind === "constraint") {
    const constraint = views.length > 0 ? undefined : table.constraints.find((one) => one.name === target.name);
    if (constraint === undefined) {
      throw new SqlError("42704", `constraint "${target.name}" for table "${relation.name}" does not exist`, {
        position: positionOf(target.location),
      });
    }
    if ("columns" in constraint) binder.authority.expectColumns(table, "r", constraint.columns);
    const isOf: Arbitrates = ({ index }) => "index" in constraint && index.oid === constraint.index;
    if (rules.indexes.some(isOf)) return isOf;
    throw new SqlError("42809", "constraint in ON CONFLICT clause has no associated index");
  }
  const context = plainContext(binder, new Scope(namesOf(inserted), null, null), "ON CONFLICT");
  const keys = new Set(
    target.items.map(({ column, expression }) => {
      if (expression !== null) return expressionKey(bindExpression(expression, context));
      return expressionKey(
        bindExpression(
          { kind: "columnName", parts: [column ?? ""], isStar: false, location: target.location },
          context,
        ),
      );
    }),
  );
  const known = conjunctsOf(target.where === null ? null : bindExpression(target.where, context));
  return ({ index, keys: own, predicate }) => {
    if (!index.isUnique) return false;
    // A partial index arbitrates where the condition says no less than its predicate.
    if (!conjunctsOf(predicate).every((term) => isImplied(term, known))) return false;
    const ownKeys = new Set(own.map(expressionKey));
    return ownKeys.size === keys.size && [...ownKeys].every((key) => key !== null && keys.has(key));
  };
}

// ---- UPDATE and DELETE

interface BoundTarget {
  readonly target: WriteTarget;
  readonly scope: Scope;
  /** What the statement names, and the table's row beneath. */
  readonly relation: ScopeRelation;
  readonly row: ScopeRelation;
  readonly plan: PlanNode;
  readonly key: ColumnId;
}

/** The table that is changed, joined with FROM or USING, filtered by WHERE. */
function bindTarget(
  statement: Update | Delete,
  others: Update["from"],
  binder: Binder,
  tables: CommonTables | null,
): BoundTarget {
  const target = targetOf(statement.table, binder, statement.kind);
  const { table, views, refusal } = target;
  if (statement.kind === "update") expectColumnsOn(target, "w", binder);
  else {
    if (refusal !== null) binder.refuse(refusal.error);
    expectOn(target, binder, (relation) => binder.authority.expect(relation, "d"));
  }
  const reference = views.at(-1)?.reference ?? statement.table;
  let own: PlanNode = oneRow();
  const scan = (): ScopeRelation => {
    const bound = bindScan(table, target.schema, reference, binder, true);
    own = bound.plan;
    const [rows] = bound.names.relations;
    if (rows === undefined) throw new SqlError("XX000", "a table that is scanned has names");
    return rows;
  };
  const { relation, rows: row, conditions } = targetRows(target, statement.table.alias?.name ?? null, scan, binder);
  if (row.keyId === null) throw new SqlError("XX000", "a table that is changed has a row key");
  for (const { condition } of conditions.toReversed()) own = filterOf(own, condition);
  const names = relation.columns.map(({ name }) => name);
  binder.write({ name: relation.name, table: statement.table.name.name, columns: names });
  const hidden = hiddenFromItems(relation);
  const from = bindFromList(others, binder, null, tables, { plan: own, names: namesOf(hidden) });
  const relations = from.names.relations.map((each) => (each === hidden ? relation : each));
  const columns = from.names.columns.map((each, index) => relation.columns[index] ?? each);
  const scope = new Scope({ relations, columns }, null, tables);
  let plan = from.plan ?? oneRow();
  if (statement.where?.kind === "currentOf") {
    if (views.length > 0) throw new SqlError("0A000", "WHERE CURRENT OF on a view is not implemented");
    plan = filterOf(plan, bindCurrentOf(statement.where, table, row.keyId, binder));
  } else if (statement.where !== null) {
    const context = plainContext(binder, scope, "WHERE");
    const condition = coerceTo(binder, bindExpression(statement.where, context), typeOid.bool, "WHERE");
    plan = filterOf(plan, condition);
  }
  return { target, scope, relation, row, plan, key: row.keyId };
}

/** The target as LATERAL items of FROM and USING see it: it is there, and none of its columns can be read. */
function hiddenFromItems(relation: ScopeRelation): ScopeRelation {
  const { name } = relation;
  const onRead = (location: number): never => {
    throw new SqlError("42P10", `invalid reference to FROM-clause entry for table "${name}"`, {
      position: positionOf(location),
      hint: `There is an entry for table "${name}", but it cannot be referenced from this part of the query.`,
    });
  };
  const refused = (column: ScopeColumn): ScopeColumn => ({ ...column, onRead });
  return { ...relation, columns: relation.columns.map(refused), hidden: relation.hidden.map(refused) };
}

function bindUpdate(statement: Update, binder: Binder, tables: CommonTables | null): BoundUpdate {
  const { target, relation, row, scope, key, plan: input } = bindTarget(statement, statement.from, binder, tables);
  const { table } = target;
  const written = tableRelation(table, table.name, null, binder);
  const alias = statement.table.alias?.name ?? null;
  const after = targetRows(target, alias, () => asReadable(table, written, binder), binder);
  const shown = returningScope(scope, relation, after.relation);
  const returning = bindReturning(statement.returning, shown, binder);
  const all = bindAssignments(statement.assignments, target, row, scope, binder);
  expectColumnsOn(
    target,
    "w",
    binder,
    all.map(({ number }) => number),
  );
  const bound = all.filter(({ column }) => column.generated === null);
  const columns = bound.map(({ column }): PlanColumn => ({ id: binder.newId(), name: column.name, type: column.type }));
  const rules = bindRules(table, written, binder);
  const plan: PlanNode = {
    kind: "project",
    input,
    expressions: [...input.columns.map(asExpression), ...bound.map(({ value }) => value)],
    columns: [...input.columns, ...columns],
    ...estimates,
  };
  const assignments = bound.map(({ column }, index) => ({ column: column.number, id: columns[index]?.id ?? 0 }));
  const given = all.map(({ column }) => column.number);
  const base = { kind: "update" as const, table, rules, given, checkOptions: checkOptionsOf(after, target), plan };
  return { ...base, key, old: row.columns.map(({ id }) => id), assignments, returning };
}

function bindDelete(statement: Delete, binder: Binder, tables: CommonTables | null): BoundDelete {
  const { target, row, scope, key, plan } = bindTarget(statement, statement.using, binder, tables);
  const { table } = target;
  const rules = bindRules(table, tableRelation(table, table.name, null, binder), binder);
  // RETURNING shows the row as it was.
  const returning = bindReturning(statement.returning, scope, binder);
  const base = { kind: "delete" as const, table, rules, given: [], checkOptions: [] };
  return { ...base, plan, key, old: row.columns.map(({ id }) => id), returning };
}

/** In RETURNING of an UPDATE the table's columns are those of the row after it. */
function returningScope(scope: Scope, before: ScopeRelation, after: ScopeRelation): Scope {
  const columns = scope.names.columns.map((column) => {
    const index = before.columns.indexOf(column);
    return after.columns[index] ?? column;
  });
  const relations = scope.names.relations.map((relation) => (relation === before ? after : relation));
  return new Scope({ relations, columns }, scope.parent, scope.commonTables);
}

function bindReturning(items: readonly SelectItem[], scope: Scope, binder: Binder): Returning | null {
  if (items.length === 0) return null;
  const context = plainContext(binder, scope, "RETURNING");
  const expressions: BoundExpression[] = [];
  const columns: ResultColumn[] = [];
  const add = (name: string, raw: BoundExpression): void => {
    const expression = asText(binder, raw);
    const origin = originOf(expression, scope);
    expressions.push(expression);
    columns.push({ name, type: expression.type, ...origin });
  };
  for (const { expression, name } of items) {
    if (isStar(expression)) for (const [column, bound] of expandStar(expression, scope, binder)) add(column, bound);
    else add(name ?? columnNameOf(expression), bindExpression(expression, context));
  }
  expectReturned(columns.length);
  return { expressions, columns };
}

const isStar = (expression: Expression): expression is Extract<Expression, { kind: "columnName" }> =>
  expression.kind === "columnName" && expression.isStar;

function originOf(expression: BoundExpression, scope: Scope): { readonly table: number; readonly column: number } {
  if (expression.kind === "column") {
    for (const { columns } of scope.names.relations) {
      const found = columns.find(({ id }) => id === expression.id);
      if (found !== undefined) return { table: found.table, column: found.column };
    }
  }
  return { table: 0, column: 0 };
}
