/** INSERT, UPDATE and DELETE: a plan that yields what to write, and what must hold of it. */

import type { ColumnDefinition, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import { conjunctsOf } from "../plan/conjuncts.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanColumn, PlanNode } from "../plan/plan.js";
import { isImplied } from "../plan/usable-indexes.js";
import { columnsOf, expressionKey, isPlanVolatile, subplanOf } from "../plan/walk.js";
import type { Expression } from "../syntax/ast-expression.js";
import type { Assignment, DataStatement, Delete, Insert, OnConflict, Update } from "../syntax/ast-modify.js";
import type { Query, SelectItem, TableReference } from "../syntax/ast-query.js";
import { typeOid } from "../types/sql-type.js";
import { type Binder, plainQuery, positionOf } from "./binder.js";
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
import { plainContext } from "./context.js";
import { bindExpression, rowItems } from "./expression.js";
import { bindFromList } from "./from.js";
import { estimates } from "./from-item.js";
import { bindScan } from "./from-table.js";
import { columnNameOf } from "./names.js";
import { afterModifications, bindWith } from "./query.js";
import { findRelation, missingTable } from "./relation.js";
import { type CommonTables, joinNames, Scope, type ScopeRelation } from "./scope.js";
import { expandStar, filterOf, oneRow } from "./select.js";
import { assign, bindRules, defaultOf, liveColumns, tableRelation } from "./table-rules.js";

export function bindModification(
  binder: Binder,
  statement: Exclude<DataStatement, Query>,
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

function bindKind(
  binder: Binder,
  statement: Exclude<DataStatement, Query>,
  tables: CommonTables | null,
): BoundModification {
  switch (statement.kind) {
    case "insert":
      return bindInsert(statement, binder, tables);
    case "update":
      return bindUpdate(statement, binder, tables);
    case "delete":
      return bindDelete(statement, binder, tables);
  }
}

/** The table that is written. 42809 for what is none. */
function targetOf(reference: TableReference, binder: Binder, verb: string): { table: TableDefinition; schema: string } {
  const found = findRelation(reference.name, binder.environment);
  if (reference.time !== null)
    throw notSupported("FOR SYSTEM_TIME of a table that is written", positionOf(reference.time.location));
  if (found === null) throw missingTable(reference.name);
  const { relation } = found;
  if (found.isSystem) throw new SqlError("42501", `permission denied for table ${relation.name}`);
  if (relation.kind === "table") return { table: relation, schema: found.schema };
  if (relation.kind === "materializedView")
    throw new SqlError("42809", `cannot change materialized view "${relation.name}"`);
  if (relation.kind === "view") throw notSupported(`${verb} a view`, positionOf(reference.location));
  throw new SqlError("42809", `cannot open relation "${relation.name}"`, { position: positionOf(reference.location) });
}

function columnNamed(table: TableDefinition, name: string, location: number, steps: number): ColumnDefinition {
  const column = liveColumns(table).find((one) => one.name === name);
  if (column !== undefined && steps > 0) throw notSupported("assignment to a part of a column", positionOf(location));
  if (column !== undefined) return column;
  throw new SqlError("42703", `column "${name}" of relation "${table.name}" does not exist`, {
    position: positionOf(location),
  });
}

// ---- INSERT

function bindInsert(statement: Insert, binder: Binder, tables: CommonTables | null): BoundInsert {
  const { table, schema } = targetOf(statement.table, binder, "INSERT into");
  binder.authority.expect(table, statement.onConflict?.action === "update" ? "aw" : "a");
  const name = statement.table.alias?.name ?? table.name;
  const relation = tableRelation(table, name, statement.table.alias === null ? schema : null, binder);
  const rules = bindRules(table, relation, binder);
  const live = liveColumns(table);
  const seen = new Set<string>();
  const listed = statement.columns.map(({ name: column, location, steps }) => {
    if (seen.has(column)) {
      throw new SqlError("42701", `column "${column}" specified more than once`, { position: positionOf(location) });
    }
    seen.add(column);
    return columnNamed(table, column, location, steps);
  });
  const targets = statement.columns.length > 0 ? listed : live;
  const source = bindSource(statement, targets, live, binder, tables);
  const values = live.map((column, index): ColumnId | null =>
    column.generated === null ? (source.columns[index]?.id ?? null) : null,
  );
  const base = { kind: "insert" as const, table, rules, plan: source, values };
  const onConflict =
    statement.onConflict === null
      ? null
      : bindConflict(statement.onConflict, table, relation, rules, name, schema, binder, tables);
  const returning = bindReturning(statement.returning, new Scope(namesOf(relation), null, tables), binder);
  if (returning !== null) expectRead(table, relation, returning.expressions, binder);
  return { ...base, returning, onConflict };
}

const namesOf = (...relations: readonly ScopeRelation[]) => ({
  relations,
  columns: relations.flatMap(({ columns }) => columns),
});

/** Refuses a value where only the system may decide. */
function checkWritable(column: ColumnDefinition, overriding: Insert["overriding"], binder: Binder): void {
  const message = `cannot insert a non-DEFAULT value into column "${column.name}"`;
  if (column.generated !== null) {
    binder.refuse(new SqlError("428C9", message, { detail: `Column "${column.name}" is a generated column.` }));
  } else if (column.identity === "always" && overriding === "none") {
    const detail = `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`;
    binder.refuse(new SqlError("428C9", message, { detail, hint: "Use OVERRIDING SYSTEM VALUE to override." }));
  }
}

/** One column for each live column of the table; generated ones are NULL until they are computed. */
function bindSource(
  statement: Insert,
  targets: readonly ColumnDefinition[],
  live: readonly ColumnDefinition[],
  binder: Binder,
  tables: CommonTables | null,
): PlanNode {
  const { source } = statement;
  const nothing = (column: ColumnDefinition): BoundExpression =>
    column.generated === null
      ? defaultOf(column, binder)
      : { kind: "constant", value: null, type: column.type, location: -1 };
  const columns: PlanColumn[] = live.map(({ name, type }) => ({ id: binder.newId(), name, type }));
  /** The row of a source's values, in the order of the live columns. */
  const arrange = (values: readonly (BoundExpression | null)[]): readonly BoundExpression[] =>
    live.map((column) => {
      const index = targets.findIndex((target) => target.number === column.number);
      const value = index < 0 ? null : (values[index] ?? null);
      if (value === null || (column.identity !== null && statement.overriding === "user")) return nothing(column);
      checkWritable(column, statement.overriding, binder);
      return assign(value, column.type, column.name, binder);
    });
  if (source === null) return { kind: "values", items: [arrange([])], columns, ...estimates };
  if (isPlainValues(source)) {
    const context = plainContext(binder, new Scope(namesOf(), null, tables), "VALUES");
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
    return { kind: "values", items, columns, ...estimates };
  }
  const rows = binder.query(source, null, tables, { keepsUnknown: false, targets: targets.map(({ type }) => type) });
  checkWidth(rows.outputs.length, targets, statement, -1);
  const given = rows.outputs.map(
    ({ id, name, type }): BoundExpression => ({ kind: "column", id, name, type, location: -1 }),
  );
  return { kind: "project", input: rows.plan, expressions: arrange(given), columns, ...estimates };
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

function checkWidth(width: number, targets: readonly ColumnDefinition[], statement: Insert, location: number): void {
  if (width > targets.length) {
    throw new SqlError("42601", "INSERT has more expressions than target columns", { position: positionOf(location) });
  }
  if (statement.columns.length > 0 && width < targets.length) {
    throw new SqlError("42601", "INSERT has more target columns than expressions", {
      position: positionOf(statement.columns[width]?.location ?? -1),
    });
  }
}

function bindConflict(
  conflict: OnConflict,
  table: TableDefinition,
  inserted: ScopeRelation,
  rules: RowRules,
  name: string,
  schema: string,
  binder: Binder,
  tables: CommonTables | null,
): BoundInsert["onConflict"] {
  if (conflict.action === "update" && conflict.target === null) {
    throw new SqlError("42601", "ON CONFLICT DO UPDATE requires inference specification or constraint name", {
      position: positionOf(conflict.location),
      hint: "For example, ON CONFLICT (column_name).",
    });
  }
  // Finding out what is there already reads it.
  if (conflict.target !== null) binder.authority.expect(table, "r");
  const arbitrates = arbiterOf(conflict, table, inserted, rules, binder);
  const existing = tableRelation(table, name, schema, binder);
  const existingIds = existing.columns.map(({ id }) => id);
  if (conflict.action === "nothing") {
    const arbiters = arbitersOf(rules, arbitrates, binder);
    return { action: "nothing", arbiters, existingIds, assignments: [], where: null };
  }
  const excluded: ScopeRelation = { ...inserted, name: "excluded", schema: null };
  const scope = new Scope(joinNames(namesOf(excluded), namesOf(existing)), null, tables);
  const assignments = bindAssignments(conflict.assignments, table, scope, binder).map(({ column, value }) => ({
    column: column.number,
    value,
  }));
  const where =
    conflict.where === null
      ? null
      : coerceTo(binder, bindExpression(conflict.where, plainContext(binder, scope, "WHERE")), typeOid.bool, "WHERE");
  return { action: "update", arbiters: arbitersOf(rules, arbitrates, binder), existingIds, assignments, where };
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
  table: TableDefinition,
  inserted: ScopeRelation,
  rules: RowRules,
  binder: Binder,
): Arbitrates | null {
  const { target } = conflict;
  if (target === null) return null;
  if (target.kind === "constraint") {
    const constraint = table.constraints.find((one) => one.name === target.name);
    if (constraint === undefined) {
      throw new SqlError("42704", `constraint "${target.name}" for table "${table.name}" does not exist`, {
        position: positionOf(target.location),
      });
    }
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

interface BoundAssignment {
  readonly column: ColumnDefinition;
  readonly value: BoundExpression;
}

function bindAssignments(
  assignments: readonly Assignment[],
  table: TableDefinition,
  scope: Scope,
  binder: Binder,
): readonly BoundAssignment[] {
  const context = plainContext(binder, scope, "UPDATE");
  // All values before the first column is looked at, and all columns before any is refused.
  const values = assignments.map(({ value }) => {
    if (value.kind === "default" || (value.kind === "rowField" && isDefaultField(value))) return null;
    return value.kind === "rowField" ? bindRowField(value, scope, binder) : bindExpression(value, context);
  });
  const names = assignments.map(({ column }) => column);
  const twice = assignments.find(({ column }, index) => names.indexOf(column) < index);
  if (twice !== undefined) {
    const position = positionOf(twice.location);
    binder.refuse(new SqlError("42601", `multiple assignments to same column "${twice.column}"`, { position }));
  }
  return assignments.map((assignment, index) => {
    const column = columnNamed(table, assignment.column, assignment.location, assignment.steps);
    const value = values[index] ?? null;
    if (value === null) {
      if (column.generated === null) return { column, value: defaultOf(column, binder) };
      return { column, value: { kind: "constant", value: null, type: column.type, location: -1 } };
    }
    if (column.generated !== null || column.identity === "always") {
      const detail =
        column.generated === null
          ? `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`
          : `Column "${column.name}" is a generated column.`;
      binder.refuse(new SqlError("428C9", `column "${column.name}" can only be updated to DEFAULT`, { detail }));
    }
    return { column, value: assign(value, column.type, column.name, binder) };
  });
}

type RowField = Extract<Assignment["value"], { kind: "rowField" }>;

const isDefaultField = ({ row, index }: RowField): boolean =>
  row.kind === "row" && row.items[index]?.kind === "default";

/** One column of `(a, b) = (1, 2)` or `(a, b) = (SELECT …)`. */
function bindRowField({ row, index, count }: RowField, scope: Scope, binder: Binder): BoundExpression {
  const position = positionOf(row.location);
  const wrongCount = (): SqlError =>
    new SqlError("42601", "number of columns does not match number of values", { position });
  if (row.kind === "row") {
    const context = plainContext(binder, scope, "UPDATE");
    if (row.items.some((item) => item.kind === "columnName" && item.isStar)) {
      const items = row.items.flatMap((item) => rowItems(item, context));
      const found = items[index];
      if (items.length !== count || found === undefined) throw wrongCount();
      return found;
    }
    // Each value is looked at for its own column: one beside it may be DEFAULT.
    const item = row.items[index];
    if (row.items.length !== count || item === undefined) throw wrongCount();
    return bindExpression(item, context);
  }
  if (row.kind !== "subquery" || row.form !== "scalar") {
    throw new SqlError("0A000", "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression", {
      position,
    });
  }
  const rows = binder.query(row.query, scope, scope.commonTables, plainQuery);
  const output = rows.outputs[index];
  if (rows.outputs.length !== count || output === undefined) throw wrongCount();
  if (isPlanVolatile(rows.plan)) throw notSupported("a volatile sub-SELECT for several columns", position);
  return {
    kind: "subquery",
    subplan: subplanOf("scalar", rows.plan, [output.id], null, null),
    type: output.type,
    location: row.location,
  };
}

interface BoundTarget {
  readonly table: TableDefinition;
  readonly scope: Scope;
  readonly relation: ScopeRelation;
  readonly plan: PlanNode;
  readonly key: ColumnId;
}

/** The table that is changed, joined with FROM or USING, filtered by WHERE. */
function bindTarget(
  statement: Update | Delete,
  others: Update["from"],
  verb: string,
  binder: Binder,
  tables: CommonTables | null,
): BoundTarget {
  const { table, schema } = targetOf(statement.table, binder, verb);
  binder.authority.expect(table, statement.kind === "update" ? "w" : "d");
  const own = bindScan(table, schema, statement.table, binder, true);
  const from = bindFromList(others, binder, null, tables, own);
  const scope = new Scope(from.names, null, tables);
  const [relation] = own.names.relations;
  if (relation === undefined || relation.keyId === null)
    throw new SqlError("XX000", "a table that is changed has a row key");
  let plan = from.plan ?? oneRow();
  if (statement.where !== null) {
    const context = plainContext(binder, scope, "WHERE");
    const condition = coerceTo(binder, bindExpression(statement.where, context), typeOid.bool, "WHERE");
    expectRead(table, relation, [condition], binder);
    plan = filterOf(plan, condition);
  }
  return { table, scope, relation, plan, key: relation.keyId };
}

function bindUpdate(statement: Update, binder: Binder, tables: CommonTables | null): BoundUpdate {
  const target = bindTarget(statement, statement.from, "UPDATE", binder, tables);
  const { table, relation, scope, key } = target;
  const written = tableRelation(table, relation.name, relation.schema, binder);
  const returning = bindReturning(statement.returning, returningScope(scope, relation, written), binder);
  const bound = bindAssignments(statement.assignments, table, scope, binder).filter(
    ({ column }) => column.generated === null,
  );
  const columns = bound.map(({ column }): PlanColumn => ({ id: binder.newId(), name: column.name, type: column.type }));
  const rules = bindRules(table, written, binder);
  const plan: PlanNode = {
    kind: "project",
    input: target.plan,
    expressions: [...target.plan.columns.map(asExpression), ...bound.map(({ value }) => value)],
    columns: [...target.plan.columns, ...columns],
    ...estimates,
  };
  const assignments = bound.map(({ column }, index) => ({ column: column.number, id: columns[index]?.id ?? 0 }));
  const values = bound.map(({ value }) => value);
  expectRead(table, relation, values, binder);
  if (returning !== null) expectRead(table, written, returning.expressions, binder);
  return { kind: "update", table, rules, plan, key, old: relation.columns.map(({ id }) => id), assignments, returning };
}

/** Throws 42501 when expressions read what is in the table, and the user may only change it. */
function expectRead(
  table: TableDefinition,
  { columns, hidden }: ScopeRelation,
  expressions: readonly BoundExpression[],
  binder: Binder,
): void {
  const read = columnsOf(...expressions);
  if ([...columns, ...hidden].some(({ id }) => read.has(id))) binder.authority.expect(table, "r");
}

const asExpression = ({ id, name, type }: PlanColumn): BoundExpression => ({
  kind: "column",
  id,
  name,
  type,
  location: -1,
});

function bindDelete(statement: Delete, binder: Binder, tables: CommonTables | null): BoundDelete {
  const target = bindTarget(statement, statement.using, "DELETE from", binder, tables);
  const { table, relation, scope, key, plan } = target;
  const rules = bindRules(table, tableRelation(table, relation.name, relation.schema, binder), binder);
  // RETURNING shows the row as it was.
  const returning = bindReturning(statement.returning, scope, binder);
  if (returning !== null) expectRead(table, relation, returning.expressions, binder);
  return { kind: "delete", table, rules, plan, key, old: relation.columns.map(({ id }) => id), returning };
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
    if (isStar(expression)) for (const [column, bound] of expandStar(expression, scope)) add(column, bound);
    else add(name ?? columnNameOf(expression), bindExpression(expression, context));
  }
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
