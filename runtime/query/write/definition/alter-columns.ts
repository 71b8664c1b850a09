/** ALTER TABLE … ADD COLUMN, ALTER COLUMN … TYPE, and identities of columns. */
import { assert } from "../../../types/assert.js";
import { keptCollation } from "../../catalog/collation.js";
import type { ColumnDefinition, SequenceDefinition } from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import { findCast } from "../../functions/coercion.js";
import { domainViolated } from "../../functions/domain-check.js";
import type { AlterTableAction } from "../../syntax/ast-definition.js";
import { typeLabel } from "../../types/type-name.js";
import { addMade, expectReferencesFit } from "./alter-constraints.js";
import { Alteration } from "./alteration.js";
import { expectCollatable, expectCollation, expectIdentityType } from "./column-maker.js";
import { columnNamed, expectIndexable } from "./constraints.js";
import { definitionOf } from "./create-table.js";
import { placeOf } from "./draft.js";
import { dropRelation } from "./drop.js";
import { computedFrom } from "./drop-column.js";
import type { DefinitionPorts } from "./ports.js";
import { changeSequence, noOptions } from "./sequences.js";
import { checkDomain, hasRows, rewrite, updateRows } from "./table-rows.js";
import { columnTypeOf, dimensionsOf } from "./types.js";
import { columnReadersOf } from "./view-sources.js";
import { expectNoView } from "./views.js";

export function addColumn(
  alteration: Alteration,
  { column: syntax, ifNotExists, location }: Extract<AlterTableAction, { kind: "addColumn" }>,
): void {
  const ports = alteration.ports;
  const { name } = alteration.table;
  if (columnNamed(alteration.table.columns, syntax.name) !== null) {
    const message = `column "${syntax.name}" of relation "${name}" already exists`;
    if (!ifNotExists) throw new SqlError("42701", message, { position: placeOf(location) });
    ports.notice("NOTICE", "42701", `${message}, skipping`);
    return;
  }
  const parts = alteration.parts();
  const { columns, constraints } = alteration.makers(parts);
  const added = columns.add(syntax);
  columns.expectOthersRead();
  const wantsNotNull = added.isNotNull;
  // Until the rows that are there have their values, NULL must do.
  parts.columns[added.number - 1] = { ...added, isNotNull: false };
  ports.draft.put(...columns.sequences);
  const table = alteration.put(definitionOf(parts, alteration.table));
  const constant = added.generated === null ? ports.constantDefault(ports.draft.catalog, table, added.number) : null;
  let next = table;
  if (constant !== null) {
    next = alteration.put({
      ...table,
      columns: table.columns.map((each) =>
        each.number === added.number ? { ...each, missingValue: constant.value } : each,
      ),
    });
    if (wantsNotNull && constant.value === null && hasRows(ports, next)) {
      throw new SqlError("23502", `column "${added.name}" of relation "${name}" contains null values`, {
        schema: ports.write(ports.draft.catalog).schemaName(next),
        table: name,
        column: added.name,
      });
    }
  } else {
    updateRows(ports, table, (values) => {
      if (added.generated === null) {
        values[added.number - 1] = ports.write(ports.draft.catalog).defaultOf(table, added.number);
      }
    });
  }
  if (wantsNotNull) {
    next = alteration.put({
      ...next,
      columns: next.columns.map((each) => (each.number === added.number ? { ...each, isNotNull: true } : each)),
    });
  }
  if (added.type.domain !== undefined) checkDomain(ports, next, added.number, () => true, domainViolated);
  if (columns.constraints.length === 0) return;
  const then = new Alteration(ports, next.oid);
  for (const { constraint, column } of columns.constraints) addMade(then, constraint, column);
  assert(constraints !== null, "constraints of a column are added behind it");
}

export function setType(
  alteration: Alteration,
  { column: name, type: syntax, collation, using, location }: Extract<AlterTableAction, { kind: "setType" }>,
): void {
  const ports = alteration.ports;
  const position = placeOf(location);
  const column = alteration.column(name, position);
  const type = columnTypeOf(syntax, name, ports);
  expectCollation(collation);
  expectCollatable(collation, type, position);
  if (column.identity !== null) expectIdentityType(type);
  if (column.generated !== null && using !== null) {
    throw new SqlError("42611", "cannot specify USING when altering type of generated column", {
      position,
      detail: `Column "${name}" is a generated column.`,
    });
  }
  const change = ports.conversion(alteration.catalog, alteration.table, column.number, type, using);
  if (column.default !== null && findCast(column.type, type, "assignment") === null) {
    throw new SqlError(
      "42804",
      `default for column "${name}" cannot be cast automatically to type ${typeLabel(type.oid)}`,
    );
  }
  const [reader] = columnReadersOf(ports, alteration.table.oid, column.number);
  if (reader !== undefined) {
    throw new SqlError("0A000", "cannot alter type of a column used by a view or rule", {
      position,
      detail: `materialized view ${reader.name} depends on column "${name}"`,
    });
  }
  const [computed] = computedFrom(alteration.table, name);
  if (computed !== undefined) {
    throw new SqlError("0A000", "cannot alter type of a column used by a generated column", {
      position,
      detail: `Column "${name}" is used by generated column "${computed.name}".`,
    });
  }
  expectNoView(ports, alteration.table, column, location);
  const { oid, modifier, domain } = column.type;
  const kept = keptCollation(collation, type);
  if (using === null && oid === type.oid && modifier === type.modifier && domain === type.domain) {
    // Rows and indexes stay: every collation has the same order.
    const { collation: before, ...plain } = column;
    if (before !== kept.collation) alteration.changeColumn(name, position, () => ({ ...plain, ...kept }));
    return;
  }
  for (const { keys } of ports.draft.catalog.indexesOf(alteration.table))
    if (keys.some((key) => key.column === column.number)) expectIndexable({ type });
  const next = alteration.restored((each) => {
    if (each.number !== column.number) return each;
    const { dimensions: _dimensions, collation: _collation, ...plain } = each;
    return { ...plain, type, missingValue: null, ...dimensionsOf(syntax), ...kept };
  });
  const indexes = ports.draft.catalog.indexesOf(next).map((index) => ({
    ...index,
    keys: index.keys.map((key) => (key.column === column.number ? { ...key, type } : key)),
  }));
  const put = alteration.put(next, ...indexes);
  if (column.identity !== null) changeSequence(identitySequence(column, ports), noOptions, ports, type);
  expectReferencesFit(ports.draft.catalog, put, position);
  rewrite(ports, alteration.table, alteration.catalog, put, change);
}

export function addIdentity(
  alteration: Alteration,
  { column: name, constraint, location }: Extract<AlterTableAction, { kind: "addIdentity" }>,
): void {
  const position = placeOf(location);
  const column = alteration.column(name, position);
  if (constraint.kind !== "identity") throw notSupported("ALTER COLUMN … ADD", position);
  expectIdentityType(column.type);
  const label = `column "${name}" of relation "${alteration.table.name}"`;
  const refuse = (why: string): SqlError => new SqlError("55000", `${label} ${why}`);
  if (!column.isNotNull) throw refuse("must be declared NOT NULL before identity can be added");
  if (column.identity !== null) throw refuse("is already an identity column");
  if (column.default !== null || column.generated !== null) throw refuse("already has a default value");
  const parts = alteration.parts();
  const { columns } = alteration.makers(parts);
  const changed = columns.identity(column, constraint);
  alteration.ports.draft.put(...columns.sequences);
  alteration.changeColumn(name, position, () => changed);
}

export function setIdentity(
  alteration: Alteration,
  { column: name, when, options, location }: Extract<AlterTableAction, { kind: "setIdentity" }>,
): void {
  const position = placeOf(location);
  const column = alteration.column(name, position);
  if (column.identity === null) {
    const label = `column "${name}" of relation "${alteration.table.name}"`;
    throw new SqlError("55000", `${label} is not an identity column`);
  }
  if (when !== null) alteration.changeColumn(name, position, (each) => ({ ...each, identity: when }));
  const { ports } = alteration;
  const sequence = identitySequence(column, ports);
  if (options.type !== null || options.ownedBy !== null)
    throw notSupported("this option of an identity column", placeOf(options.location));
  changeSequence(sequence, options, ports);
}

function identitySequence(column: ColumnDefinition, { draft }: DefinitionPorts): SequenceDefinition {
  const sequence = draft.catalog.objectByOid(column.sequence);
  assert(sequence?.kind === "sequence", "an identity column has its sequence");
  return sequence;
}

export function dropIdentity(
  alteration: Alteration,
  name: string,
  ifExists: boolean,
  position: number | undefined,
): void {
  const column = alteration.column(name, position);
  if (column.identity === null) {
    const message = `column "${name}" of relation "${alteration.table.name}" is not an identity column`;
    if (!ifExists) throw new SqlError("55000", message);
    alteration.ports.notice("NOTICE", "00000", `${message}, skipping`);
    return;
  }
  alteration.changeColumn(name, position, (each) => ({ ...each, identity: null, sequence: 0 }));
  const sequence = alteration.ports.draft.catalog.objectByOid(column.sequence);
  assert(sequence?.kind === "sequence", "a column's numbers come of a sequence");
  dropRelation(alteration.ports, sequence, false);
}
