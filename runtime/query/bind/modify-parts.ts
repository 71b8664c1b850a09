/** What INSERT, UPDATE, DELETE and MERGE have in common: the table that is written, lists of columns, values for them. */
import type { ColumnDefinition, TableDefinition } from "../catalog/model.js";
import { isSystemColumn } from "../catalog/system-column-names.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { PlanColumn } from "../plan/plan.js";
import { isPlanVolatile, subplanOf } from "../plan/walk.js";
import type { Assignment, Insert, InsertColumn } from "../syntax/ast-modify.js";
import type { TableReference } from "../syntax/ast-query.js";
import { type Binder, positionOf } from "./binder.js";
import { plainContext } from "./context.js";
import { bindExpression, rowItems } from "./expression.js";
import { assignPart, type Part } from "./part-assignment.js";
import { findRelation, missingTable } from "./relation.js";
import { guarded, noNames, Scope, type ScopeRelation } from "./scope.js";
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

function columnNamed({ columns, relation }: WriteTarget, name: string, location: number): TargetColumn {
  const column = columns.find((one) => one.name === name);
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

/** A column that is given a value, or a part of one. */
export interface InsertTarget extends TargetColumn {
  readonly part: Part | null;
}

/** Columns that an INSERT names; all of them when it names none. Several parts of a column may be named, but not beside the whole. */
export function insertTargets(target: WriteTarget, columns: readonly InsertColumn[]): readonly InsertTarget[] {
  const seen = new Map<string, "whole" | "parts">();
  const listed = columns.map(({ name, location, steps }): InsertTarget => {
    const named = steps.length > 0 ? "parts" : "whole";
    if (seen.has(name) && (named === "whole" || seen.get(name) === "whole")) {
      throw new SqlError("42701", `column "${name}" specified more than once`, { position: positionOf(location) });
    }
    seen.set(name, named);
    const part = named === "parts" ? { column: name, steps, location } : null;
    return { ...columnNamed(target, name, location), part };
  });
  return columns.length > 0 ? listed : target.columns.map((column) => ({ ...column, part: null }));
}

/** From the values for some columns, null for DEFAULT, to those of all live ones, in their order. */
export function rowArranger(
  target: Pick<WriteTarget, "columns">,
  targets: readonly InsertTarget[],
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
      if (targets[index]?.part !== undefined && targets[index]?.part !== null) {
        checkWritable(column, overriding, binder);
        return inParts(column, targets, values, binder);
      }
      const given = index < 0 ? null : (values[index] ?? null);
      const value = given ?? ofViews.get(column) ?? null;
      if (value === null || (column.identity !== null && overriding === "user")) return nothing(column);
      checkWritable(column, overriding, binder);
      return assign(value, column.type, targets[index]?.name ?? column.name, binder);
    });
  };
}

/** A column of a new row that is given in parts: what is not given is not there, whatever the column's default. */
function inParts(
  column: ColumnDefinition,
  targets: readonly InsertTarget[],
  values: readonly (BoundExpression | null)[],
  binder: Binder,
): BoundExpression {
  const context = plainContext(binder, new Scope(noNames, null, null), "INSERT");
  let whole: BoundExpression = { kind: "constant", value: null, type: column.type, location: -1 };
  for (const [index, { column: own, part }] of targets.entries()) {
    if (own !== column || part === null || index >= values.length) continue;
    whole = assignPart(whole, values[index] ?? null, part, context);
  }
  return assign(whole, column.type, column.name, binder);
}

/** What a view says of a column that is not given; null for nothing. */
function viewDefault({ default: said, type, name }: TargetColumn, binder: Binder): BoundExpression | null {
  return said === null ? null : defaultValue(said.expression, type, name, binder);
}

/** Columns that a view gives values to though the statement does not. */
export const defaulted = (target: WriteTarget, given: readonly InsertTarget[]): readonly InsertTarget[] =>
  target.columns
    .filter(({ default: said, name }) => said !== null && !given.some((one) => one.name === name))
    .map((column) => ({ ...column, part: null }));

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

/**
 * Columns of the table with their new values. What is none of the table's is refused, and left out.
 *
 * @param rows the table's row as it is, of which a part may be assigned
 */
export function bindAssignments(
  assignments: readonly Assignment[],
  target: WriteTarget,
  rows: ScopeRelation,
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
  const twice = assignments.find(({ column, steps }, index) =>
    assignments
      .slice(0, index)
      .some((other) => other.column === column && (steps.length === 0 || other.steps.length === 0)),
  );
  if (twice !== undefined)
    binder.refuse(new SqlError("42601", `multiple assignments to same column "${twice.column}"`));
  const written: InsertTarget[] = [];
  /** Columns with their parts, as far as those are bound. */
  const inPart = new Map<ColumnDefinition, BoundExpression>();
  // A value is made the column's before the next column is looked for.
  const bound = assignments.flatMap((assignment, index): BoundAssignment[] => {
    const isListed = target.columns.some(({ name }) => name === assignment.column);
    if (!isListed && isSystemColumn(assignment.column)) {
      throw new SqlError("0A000", `cannot assign to system column "${assignment.column}"`, {
        position: positionOf(assignment.location),
      });
    }
    const named = columnNamed(target, assignment.column, assignment.location);
    const part = assignment.steps.length > 0 ? assignment : null;
    written.push({ ...named, part });
    const { column, number, type, name } = named;
    const value = values[index] ?? null;
    if (column !== null && part !== null) {
      if (column.generated !== null || column.identity === "always") refuseGiven(column, binder);
      const whole = inPart.get(column) ?? ownColumn(column, rows, part.location);
      const changed = assign(assignPart(whole, value, part, context), column.type, name, binder);
      inPart.set(column, changed);
      return [{ column, number, value: changed }];
    }
    if (column === null) {
      if (value !== null) assign(value, type, name, binder);
      return [];
    }
    const none: BoundExpression = { kind: "constant", value: null, type: column.type, location: -1 };
    if (value === null && target.views.length === 0) {
      if (column.generated === null) return [{ column, number, value: defaultOf(column, binder) }];
      return [{ column, number, value: none }];
    }
    if (column.generated !== null || column.identity === "always") refuseGiven(column, binder);
    if (value !== null) return [{ column, number, value: assign(value, column.type, name, binder) }];
    // DEFAULT is what the view itself says, or else NULL to it; an INSERT looks beneath.
    return [{ column, number, value: named.default?.depth === 0 ? (viewDefault(named, binder) ?? none) : none }];
  });
  refuseFixed(target, verb, written, binder);
  refuseRepeated(written, binder);
  return bound.filter(({ column }, index) => bound.findLastIndex((other) => other.column === column) === index);
}

/** A column of a row as it is, whoever may read it. */
function ownColumn(column: ColumnDefinition, { columns }: ScopeRelation, location: number): BoundExpression {
  const found = columns.find((one) => one.column === column.number);
  if (found === undefined) throw new SqlError("XX000", `a row that is changed has no column ${column.name}`);
  return { kind: "column", id: found.id, name: found.name, type: column.type, location };
}

function refuseGiven({ name, generated }: ColumnDefinition, binder: Binder): void {
  const detail =
    generated === null
      ? `Column "${name}" is an identity column defined as GENERATED ALWAYS.`
      : `Column "${name}" is a generated column.`;
  binder.refuse(new SqlError("428C9", `column "${name}" can only be updated to DEFAULT`, { detail }));
}

/** Several columns of a view may be the same of its table: one value is given to it, or several to parts of it. */
export function refuseRepeated(written: readonly InsertTarget[], binder: Binder): void {
  const whole = written.flatMap(({ column, part }) => (column === null || part !== null ? [] : [column]));
  const parts = written.flatMap(({ column, part }) => (column === null || part === null ? [] : [column]));
  const twice =
    whole.find((column, index) => whole.indexOf(column) < index) ?? parts.find((column) => whole.includes(column));
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
