/** What INSERT, UPDATE, DELETE and MERGE have in common: the table that is written, lists of columns, values for them. */
import type { ColumnDefinition, TableDefinition } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { PlanColumn } from "../plan/plan.js";
import { isPlanVolatile, subplanOf } from "../plan/walk.js";
import type { Assignment, Insert, InsertColumn } from "../syntax/ast-modify.js";
import type { TableReference } from "../syntax/ast-query.js";
import { type Binder, positionOf } from "./binder.js";
import { plainContext } from "./context.js";
import { bindExpression, rowItems } from "./expression.js";
import { findRelation, missingTable } from "./relation.js";
import { guarded, type Scope, type ScopeRelation } from "./scope.js";
import { assign, defaultOf, defaultValue } from "./table-rules.js";
import { refuseFixed, type TargetColumn, type Verb, type WriteTarget, writeTarget } from "./view-target.js";

/** What is written: a table, or a view over one. 42809 for what is none. */
export function targetOf(reference: TableReference, binder: Binder, verb: Verb): WriteTarget {
  const found = findRelation(reference.name, binder.environment);
  if (reference.time !== null)
    throw notSupported("FOR SYSTEM_TIME of a table that is written", positionOf(reference.time.location));
  if (found === null) throw missingTable(reference.name);
  const { relation } = found;
  if (found.isSystem) throw new SqlError("42501", `permission denied for table ${relation.name}`);
  if (relation.kind === "materializedView")
    throw new SqlError("42809", `cannot change materialized view "${relation.name}"`);
  if (relation.kind === "view" && verb === "merge") {
    throw new SqlError("0A000", `cannot execute MERGE on relation "${relation.name}"`, {
      position: positionOf(reference.location),
      detail: "This operation is not supported for views.",
    });
  }
  if (relation.kind === "table" || relation.kind === "view") return writeTarget(relation, found.schema, verb, binder);
  throw new SqlError("42809", `cannot open relation "${relation.name}"`, { position: positionOf(reference.location) });
}

function columnNamed({ columns, relation }: WriteTarget, name: string, location: number, steps: number): TargetColumn {
  const column = columns.find((one) => one.name === name);
  if (column !== undefined && steps > 0) throw notSupported("assignment to a part of a column", positionOf(location));
  if (column !== undefined) return column;
  throw new SqlError("42703", `column "${name}" of relation "${relation.name}" does not exist`, {
    position: positionOf(location),
  });
}

export const namesOf = (...relations: readonly ScopeRelation[]) => ({
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

/** Columns that an INSERT names; all of them when it names none. */
export function insertTargets(target: WriteTarget, columns: readonly InsertColumn[]): readonly TargetColumn[] {
  const seen = new Set<string>();
  const listed = columns.map(({ name, location, steps }) => {
    if (seen.has(name)) {
      throw new SqlError("42701", `column "${name}" specified more than once`, { position: positionOf(location) });
    }
    seen.add(name);
    return columnNamed(target, name, location, steps);
  });
  return columns.length > 0 ? listed : target.columns;
}

/** From the values for some columns, null for DEFAULT, to those of all live ones, in their order. */
export function rowArranger(
  target: Pick<WriteTarget, "columns">,
  targets: readonly TargetColumn[],
  live: readonly ColumnDefinition[],
  overriding: Insert["overriding"],
  binder: Binder,
): (values: readonly (BoundExpression | null)[]) => readonly BoundExpression[] {
  /** What columns hold that are not given: one expression for all rows. */
  const defaults = new Map<ColumnDefinition, BoundExpression>();
  const nothing = (column: ColumnDefinition): BoundExpression => {
    if (column.generated !== null) return { kind: "constant", value: null, type: column.type, location: -1 };
    const known = defaults.get(column);
    if (known !== undefined) return known;
    const bound = defaultOf(column, binder);
    defaults.set(column, bound);
    return bound;
  };
  /** What views give to a column that is not given. */
  const ofViews = new Map(
    target.columns.flatMap((named) => {
      const value = named.column === null ? null : viewDefault(named, binder);
      return value === null ? [] : [[named.column, value] as const];
    }),
  );
  return (values) => {
    // What is none of the table's is refused; what it is given must fit it all the same.
    for (const [index, { column, type, name }] of targets.entries()) {
      const value = values[index] ?? null;
      if (column === null && value !== null) assign(value, type, name, binder);
    }
    return live.map((column) => {
      const index = targets.findIndex((target) => target.column === column);
      const given = index < 0 ? null : (values[index] ?? null);
      const value = given ?? ofViews.get(column) ?? null;
      if (value === null || (column.identity !== null && overriding === "user")) return nothing(column);
      checkWritable(column, overriding, binder);
      return assign(value, column.type, targets[index]?.name ?? column.name, binder);
    });
  };
}

/** What a view says of a column that is not given; null for nothing. */
function viewDefault({ default: said, type, name }: TargetColumn, binder: Binder): BoundExpression | null {
  return said === null ? null : defaultValue(said.expression, type, name, binder);
}

/** Columns that a view gives values to though the statement does not. */
export const defaulted = (target: WriteTarget, given: readonly TargetColumn[]): readonly TargetColumn[] =>
  target.columns.filter((column) => column.default !== null && !given.includes(column));

export function checkWidth(
  width: number,
  targets: readonly TargetColumn[],
  statement: Pick<Insert, "columns">,
  location: number,
): void {
  if (width > targets.length) {
    throw new SqlError("42601", "INSERT has more expressions than target columns", { position: positionOf(location) });
  }
  if (statement.columns.length > 0 && width < targets.length) {
    throw new SqlError("42601", "INSERT has more target columns than expressions", {
      position: positionOf(statement.columns[width]?.location ?? -1),
    });
  }
}

interface BoundAssignment {
  readonly column: ColumnDefinition;
  /** Its number in what the statement names. */
  readonly number: number;
  readonly value: BoundExpression;
}

/** Columns of the table with their new values. What is none of the table's is refused, and left out. */
export function bindAssignments(
  assignments: readonly Assignment[],
  target: WriteTarget,
  scope: Scope,
  binder: Binder,
  verb: "insert" | "update" = "update",
): readonly BoundAssignment[] {
  const context = plainContext(binder, scope, "UPDATE");
  // All values before the first column is looked at.
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
  const written: TargetColumn[] = [];
  // A value is made the column's before the next column is looked for.
  const bound = assignments.flatMap((assignment, index): BoundAssignment[] => {
    const named = columnNamed(target, assignment.column, assignment.location, assignment.steps);
    written.push(named);
    const { column, number, type, name } = named;
    const value = values[index] ?? null;
    if (column === null) {
      if (value !== null) assign(value, type, name, binder);
      return [];
    }
    const none: BoundExpression = { kind: "constant", value: null, type: column.type, location: -1 };
    if (value === null && target.views.length === 0) {
      if (column.generated === null) return [{ column, number, value: defaultOf(column, binder) }];
      return [{ column, number, value: none }];
    }
    if (column.generated !== null || column.identity === "always") {
      const detail =
        column.generated === null
          ? `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`
          : `Column "${column.name}" is a generated column.`;
      binder.refuse(new SqlError("428C9", `column "${column.name}" can only be updated to DEFAULT`, { detail }));
    }
    if (value !== null) return [{ column, number, value: assign(value, column.type, name, binder) }];
    // DEFAULT is what the view itself says, or else NULL to it; an INSERT looks beneath.
    return [{ column, number, value: named.default?.depth === 0 ? (viewDefault(named, binder) ?? none) : none }];
  });
  refuseFixed(target, verb, written, binder);
  refuseRepeated(written, binder);
  return bound;
}

/** Several columns of a view may be the same of its table: one value is given to it. */
export function refuseRepeated(written: readonly TargetColumn[], binder: Binder): void {
  const columns = written.flatMap(({ column }) => (column === null ? [] : [column]));
  const twice = columns.find((column, index) => columns.indexOf(column) < index);
  if (twice !== undefined) binder.refuse(new SqlError("42601", `multiple assignments to same column "${twice.name}"`));
}

type RowField = Extract<Assignment["value"], { kind: "rowField" }>;

const isDefaultField = ({ row, index }: RowField): boolean =>
  row.kind === "row" && row.items[index]?.kind === "default";

/** One column of `(a, b) = (1, 2)` or `(a, b) = (SELECT …)`. */
function bindRowField({ row, index, count }: RowField, scope: Scope, binder: Binder): BoundExpression {
  const position = positionOf(row.location);
  const wrongCount = (): SqlError =>
    new SqlError("42601", "number of columns does not match number of values", { position });
  const context = plainContext(binder, scope, "UPDATE");
  if (row.kind === "row") {
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
  const rows = binder.subquery(row.query, context);
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

/** The relation for expressions of whoever asks: what may not be read of it cannot be named. */
export function asReadable(table: TableDefinition, relation: ScopeRelation, binder: Binder): ScopeRelation {
  const unreadable = binder.authority.unreadable(table);
  const { columns, hidden } = relation;
  return { ...relation, columns: guarded(columns, unreadable), hidden: guarded(hidden, unreadable) };
}

export const asExpression = ({ id, name, type }: PlanColumn): BoundExpression => ({
  kind: "column",
  id,
  name,
  type,
  location: -1,
});
