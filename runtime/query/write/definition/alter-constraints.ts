/** ALTER TABLE … ADD and DROP CONSTRAINT. */
import { assert } from "../../../types/assert.js";
import type {
  Catalog,
  ConstraintDefinition,
  MaterializedViewDefinition,
  TableDefinition,
  ViewDefinition,
} from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { AlterTableAction } from "../../syntax/ast-definition.js";
import { sameColumns } from "../referenced-rows.js";
import { Alteration } from "./alteration.js";
import { type ConstraintPart, deferralOf, expectComparable } from "./constraints.js";
import { definitionOf } from "./create-table.js";
import { placeOf } from "./draft.js";
import { allDependentsOf, dropRelation, labelOf, readsRelation } from "./drop.js";
import { buildIndex } from "./index-build.js";
import { checkNotNull, checkRows } from "./table-rows.js";

export function addConstraint(
  alteration: Alteration,
  { constraint, location }: Extract<AlterTableAction, { kind: "addConstraint" }>,
): void {
  switch (constraint.kind) {
    case "primaryKey":
    case "unique":
    case "check":
    case "foreignKey":
      return addMade(alteration, constraint, null);
    default:
      throw notSupported("this kind of constraint", placeOf(location));
  }
}

/** @param own the column that the constraint was written at */
export function addMade(alteration: Alteration, constraint: ConstraintPart, own: string | null): void {
  const ports = alteration.ports;
  const parts = alteration.parts();
  const before = parts.indexes.length;
  const { constraints } = alteration.makers(parts);
  const made = constraints.add(constraint, own);
  const [added] = parts.indexes.slice(before);
  const next = definitionOf(parts, alteration.table);
  if (made.kind === "primaryKey") {
    for (const number of made.columns) checkNotNull(ports, alteration.table, number);
    if (added?.isPrimary === true) {
      alteration.rekey(next, added);
      return;
    }
  }
  const put = alteration.put(next, ...(added === undefined ? [] : [added]));
  if (added !== undefined) buildIndex(ports, put, added);
  else if (!constraint.isNotValid) checkRows(ports, put, made);
}

/** From here on all rows fulfil a constraint that was added NOT VALID. */
export function validateConstraint(alteration: Alteration, name: string): void {
  const { table, ports } = alteration;
  const constraint = table.constraints.find((each) => each.name === name);
  const label = `constraint "${name}" of relation "${table.name}"`;
  if (constraint === undefined) throw new SqlError("42704", `${label} does not exist`);
  if (constraint.kind !== "foreignKey" && constraint.kind !== "check")
    throw new SqlError("42809", `${label} is not a foreign key or check constraint`);
  if (constraint.isNotValid !== true) return;
  checkRows(ports, table, constraint);
  const { isNotValid: _before, ...valid } = constraint;
  alteration.put({ ...table, constraints: table.constraints.map((each) => (each === constraint ? valid : each)) });
}

/** When a foreign key is looked at from now on. */
export function alterConstraint(
  alteration: Alteration,
  action: Extract<AlterTableAction, { kind: "alterConstraint" }>,
): void {
  const { table } = alteration;
  const constraint = table.constraints.find(({ name }) => name === action.name);
  const label = `constraint "${action.name}" of relation "${table.name}"`;
  if (constraint === undefined) throw new SqlError("42704", `${label} does not exist`);
  if (constraint.kind !== "foreignKey") throw new SqlError("42809", `${label} is not a foreign key constraint`);
  const { deferral: _before, ...plain } = constraint;
  const deferral = deferralOf(action);
  const next = deferral === undefined ? plain : { ...plain, deferral };
  const constraints = table.constraints.map((each) => (each === constraint ? next : each));
  alteration.put({ ...table, constraints });
}

export function dropConstraint(alteration: Alteration, name: string, ifExists: boolean, isCascade: boolean): void {
  const { draft } = alteration.ports;
  const constraint = alteration.table.constraints.find((each) => each.name === name);
  if (constraint === undefined) {
    const message = `constraint "${name}" of relation "${alteration.table.name}" does not exist`;
    if (!ifExists) throw new SqlError("42704", message);
    alteration.ports.notice("NOTICE", "00000", `${message}, skipping`);
    return;
  }
  const constraints = alteration.table.constraints.filter((each) => each !== constraint);
  if (constraint.kind === "check" || constraint.kind === "foreignKey") {
    if (constraint.kind === "foreignKey") {
      const parent = draft.catalog.objectByOid(constraint.referencedTable);
      if (parent?.kind === "table") alteration.ports.lockTable(parent);
    }
    alteration.put({ ...alteration.table, constraints });
    return;
  }
  // What refers to the columns of the primary key leads to that, whatever other key they have.
  const isSpare = constraints.some(
    (each) => each.kind === "primaryKey" && sameColumns(each.columns, constraint.columns),
  );
  const isReferenced = (numbers: readonly number[]): boolean => !isSpare && sameColumns(numbers, constraint.columns);
  const referencing = draft.catalog
    .referencing(alteration.table.oid)
    .filter(({ constraint: each }) => each.kind === "foreignKey" && isReferenced(each.referencedColumns));
  const grouped = constraint.kind === "primaryKey" ? viewsGroupedBy(alteration, constraints) : [];
  if (referencing.length + grouped.length > 0 && !isCascade) {
    const label = `constraint ${name} on table ${draft.shown(alteration.table)}`;
    const dependents = referencing.map(
      ({ table, constraint: each }) => `constraint ${each.name} on table ${table.name} depends on index ${name}`,
    );
    for (const view of grouped) {
      dependents.push(`${labelOf(view)} ${draft.shown(view)} depends on ${label}`);
      dependents.push(...allDependentsOf(alteration.ports, view).map(({ description }) => description));
    }
    throw new SqlError("2BP01", `cannot drop ${label} because other objects depend on it`, {
      detail: dependents.join("\n"),
      hint: "Use DROP ... CASCADE to drop the dependent objects too.",
    });
  }
  for (const { oid } of grouped) {
    const view = draft.catalog.objectByOid(oid);
    if (view?.kind !== "view" && view?.kind !== "materializedView") continue;
    alteration.ports.cascades.note({ description: `${labelOf(view)} ${draft.shown(view)}`, partOf: null });
    dropRelation(alteration.ports, view, true);
  }
  for (const { table, constraint: each } of referencing) {
    const description = `constraint ${each.name} on table ${draft.shown(table)}`;
    alteration.ports.cascades.note({ description, partOf: table.oid });
    dropConstraint(new Alteration(alteration.ports, table.oid), each.name, true, true);
  }
  const now = draft.catalog.objectByOid(alteration.table.oid);
  assert(now?.kind === "table", "a table that is altered is there");
  const isOfRows = constraint.kind === "primaryKey" && now.keyColumns.length > 0;
  const next: TableDefinition = {
    ...now,
    constraints: now.constraints.filter(({ oid }) => oid !== constraint.oid),
    indexes: now.indexes.filter((oid) => oid !== constraint.index),
    keyColumns: isOfRows ? [] : now.keyColumns,
  };
  if (isOfRows) alteration.rekey(next, undefined);
  else alteration.put(next);
  draft.remove(constraint.index);
}

/** Views that take columns beside the primary key that they group by: they can be read with the key and not without it. */
function viewsGroupedBy(
  { ports, table }: Alteration,
  constraints: readonly ConstraintDefinition[],
): readonly (ViewDefinition | MaterializedViewDefinition)[] {
  const { draft } = ports;
  const without = draft.catalogWith({ ...table, constraints, keyColumns: [] });
  const isRead = (catalog: Catalog, { query }: ViewDefinition | MaterializedViewDefinition): boolean =>
    ports.columnsRead(catalog, query).has(table.oid);
  return [...draft.catalog.objects()].filter(
    (object): object is ViewDefinition | MaterializedViewDefinition =>
      (object.kind === "view" || object.kind === "materializedView") &&
      readsRelation(object.query.syntax, draft, table.oid) &&
      isRead(draft.catalog, object) &&
      !isRead(without, object),
  );
}

/** Both sides of every foreign key of a table, and to it, are still of types that go together. */
export function expectReferencesFit(catalog: Catalog, table: TableDefinition, position: number | undefined): void {
  const own = table.constraints.map((constraint) => ({ table, constraint }));
  for (const { table: child, constraint } of [...own, ...catalog.referencing(table.oid)]) {
    if (constraint.kind !== "foreignKey") continue;
    const parent = catalog.objectByOid(constraint.referencedTable);
    assert(parent?.kind === "table", "what a foreign key references is a table");
    for (const [index, number] of constraint.columns.entries()) {
      const column = child.columns[number - 1];
      assert(column !== undefined, "a foreign key is of its table's columns");
      const referenced = parent.columns[(constraint.referencedColumns[index] ?? 0) - 1];
      expectComparable(constraint.name, column, referenced, constraint.onUpdate, position);
    }
  }
}
