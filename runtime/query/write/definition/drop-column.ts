/** ALTER TABLE … DROP COLUMN, with what depends on the column. */
import { assert } from "../../../types/assert.js";
import type { ColumnDefinition, ConstraintDefinition, TableDefinition } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { AlterTableAction } from "../../syntax/ast-definition.js";
import { columnsNamed } from "../../syntax/names-read.js";
import { dropConstraint } from "./alter-constraints.js";
import { Alteration } from "./alteration.js";
import { columnNamed } from "./constraints.js";
import { allDependentsOf, drawersOfOwned, dropRelation, labelOf, noteAll, readsRelation, sequencesOf } from "./drop.js";
import { columnReadersOf } from "./view-sources.js";
import { followDroppedColumn, viewsReading } from "./views.js";

export function dropColumn(
  alteration: Alteration,
  { column: name, ifExists, isCascade }: Extract<AlterTableAction, { kind: "dropColumn" }>,
): void {
  const { draft } = alteration.ports;
  const column = columnNamed(alteration.table.columns, name);
  if (column === null) {
    const message = `column "${name}" of relation "${alteration.table.name}" does not exist`;
    if (!ifExists) throw new SqlError("42703", message);
    alteration.ports.notice("NOTICE", "00000", `${message}, skipping`);
    return;
  }
  const { number } = column;
  const usesColumn = (constraint: ConstraintDefinition): boolean =>
    constraint.kind === "check" ? mentions(constraint.expression.syntax, name) : constraint.columns.includes(number);
  const referencing = draft.catalog
    .referencing(alteration.table.oid)
    .filter(({ constraint }) => constraint.kind === "foreignKey" && constraint.referencedColumns.includes(number));
  const computed = computedFrom(alteration.table, name);
  const views = viewsReading(alteration.ports, alteration.table, column);
  const kept = columnReadersOf(alteration.ports, alteration.table.oid, number);
  const drawers = drawersOfOwned(alteration.ports, alteration.table, number);
  if (referencing.length + computed.length + views.length + kept.length + drawers.length > 0 && !isCascade) {
    const self = `table ${draft.shown(alteration.table)}`;
    const dependents = [
      ...computed.map((each) => `column ${each.name} of ${self}`),
      ...referencing.map(({ table, constraint }) => `constraint ${constraint.name} on table ${draft.shown(table)}`),
    ].map((each) => `${each} depends on column ${name} of ${self}`);
    // Views of the table itself, each followed by what hangs on it.
    const told = new Set<string>();
    for (const view of [...views, ...kept]) {
      if (!readsRelation(view.query.syntax, draft, alteration.table.oid)) continue;
      const own = `${labelOf(view)} ${draft.shown(view)} depends on column ${name} of ${self}`;
      for (const line of [own, ...allDependentsOf(alteration.ports, view).map(({ description }) => description)]) {
        const [subject = ""] = line.split(" depends on ");
        if (!told.has(subject)) dependents.push(line);
        told.add(subject);
      }
    }
    dependents.push(...drawers.map(({ description }) => description));
    throw new SqlError("2BP01", `cannot drop column ${name} of ${self} because other objects depend on it`, {
      detail: dependents.join("\n"),
      hint: "Use DROP ... CASCADE to drop the dependent objects too.",
    });
  }
  for (const each of computed) {
    const description = `column ${each.name} of table ${draft.shown(alteration.table)}`;
    alteration.ports.cascades.note({ description, partOf: null });
    dropColumn(new Alteration(alteration.ports, alteration.table.oid), {
      kind: "dropColumn",
      column: each.name,
      ifExists: false,
      isCascade: true,
      location: -1,
    });
  }
  for (const { oid } of kept) {
    const view = draft.catalog.objectByOid(oid);
    if (view?.kind !== "materializedView") continue;
    alteration.ports.cascades.note({ description: `materialized view ${draft.shown(view)}`, partOf: null });
    dropRelation(alteration.ports, view, true);
  }
  for (const view of views) {
    if (draft.catalog.objectByOid(view.oid) === null) continue;
    alteration.ports.cascades.note({ description: `view ${draft.shown(view)}`, partOf: null });
    dropRelation(alteration.ports, view, true);
  }
  noteAll(alteration.ports, drawers);
  for (const drawer of drawers) drawer.drop();
  followDroppedColumn(alteration.ports, alteration.table, column);
  for (const { table, constraint } of referencing) {
    const description = `constraint ${constraint.name} on table ${draft.shown(table)}`;
    if (table.oid !== alteration.table.oid) alteration.ports.cascades.note({ description, partOf: table.oid });
    dropConstraint(new Alteration(alteration.ports, table.oid), constraint.name, true, true);
  }
  const left = draft.catalog.objectByOid(alteration.table.oid);
  assert(left?.kind === "table", "a table that is altered is there");
  for (const constraint of left.constraints) {
    if (usesColumn(constraint))
      dropConstraint(new Alteration(alteration.ports, alteration.table.oid), constraint.name, true, true);
  }
  const now = draft.catalog.objectByOid(alteration.table.oid);
  assert(now?.kind === "table", "a table that is altered is there");
  const gone = draft.catalog
    .indexesOf(now)
    .filter(
      (index) =>
        index.keys.some((key) => key.column === number || mentions(key.expression?.syntax, name)) ||
        index.included.includes(number) ||
        mentions(index.predicate?.syntax, name),
    );
  const columns = now.columns.map((each) =>
    each.number === number
      ? {
          ...each,
          name: `........pg.dropped.${number}........`,
          isDropped: true,
          isNotNull: false,
          default: null,
          identity: null,
          generated: null,
          sequence: 0,
        }
      : each,
  );
  draft.put({
    ...now,
    columns,
    indexes: now.indexes.filter((oid) => !gone.some((index) => index.oid === oid)),
    version: now.version + 1,
  });
  for (const index of gone) draft.remove(index.oid);
  for (const { oid } of sequencesOf(draft, now.oid, number)) draft.remove(oid);
}

/** Generated columns whose expression names the column. */
export function computedFrom(table: TableDefinition, name: string): readonly ColumnDefinition[] {
  return table.columns.filter(({ isDropped, generated }) => !isDropped && mentions(generated?.syntax, name));
}

/** Whether an expression names a column. */
const mentions = (syntax: unknown, name: string): boolean => [...columnsNamed(syntax)].includes(name);
