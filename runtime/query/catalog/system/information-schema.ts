/** Rows of `information_schema`: the same facts in the standard's words. */

import type { EvaluationContext } from "../../functions/context.js";
import { collationByOid } from "../../types/collations.js";
import type { Datum } from "../../types/datum.js";
import { noModifier, type Oid, type SqlType, typeOid } from "../../types/sql-type.js";
import { formatType, intervalLimits, numericLimits } from "../../types/type-name.js";
import { elementTypeOf, typeFactsOf } from "../../types/type-table.js";
import { isUserType } from "../../types/user-types.js";
import { collationOf } from "../collation.js";
import type { ColumnDefinition, Deferral, Relation, TableDefinition, ViewDefinition } from "../model.js";
import { isTemporary } from "../temporary.js";
import { eventsOf, updatableEvents } from "../updatable-view.js";
import { elementDomainIn } from "../user-types.js";
import { actionText, checkText, columnName, columnsIn, constraintsOf } from "./definitions.js";
import type { ExpressionWorld, ValuedColumn } from "./expression-world.js";
import { systemRelations } from "./relations.js";
import type { CatalogWorld, SystemRow } from "./world.js";

/** Bytes of a character at most. */
const bytesPerCharacter = 4;
const octetsMax = 1_073_741_824;

export const yesNo = (value: boolean): string => (value ? "YES" : "NO");

const binaryPrecision: ReadonlyMap<number, number> = new Map([
  [typeOid.int2, 16],
  [typeOid.int4, 32],
  [typeOid.int8, 64],
  [typeOid.float4, 24],
  [typeOid.float8, 53],
]);
const integers = new Set<number>([typeOid.int2, typeOid.int4, typeOid.int8]);
const characters = new Set<number>([typeOid.varchar, typeOid.bpchar]);
const times = new Set<number>([typeOid.time, typeOid.timetz, typeOid.timestamp, typeOid.timestamptz, typeOid.interval]);

function datetimePrecision({ oid, modifier }: SqlType): number | null {
  if (oid === typeOid.date) return 0;
  if (!times.has(oid)) return null;
  if (oid === typeOid.interval) return intervalLimits(modifier)?.precision ?? 6;
  return modifier < 0 ? 6 : modifier;
}

type CollatedType = Pick<ColumnDefinition, "type" | "collation">;

/** The columns that describe a type, as `columns`, `domains` and `routines` have them. */
function typeRow(column: CollatedType, database: string, world: CatalogWorld): SystemRow {
  const { type } = column;
  const { oid, modifier, domain = 0 } = type;
  const own = world.catalog.objectByOid(domain);
  // What is beneath a domain over another is no type of the standard's.
  if (own?.kind === "domain" && own.base.domain !== undefined)
    return {
      data_type: userDefined,
      ...typeNameRow(own.base.domain, database, world),
      ...domainNameRow(type, database, world),
      ...collationRow(column, database, world),
    };
  const ofDomainArray = elementDomainIn(world.catalog, domain) !== null;
  const isArray = elementTypeOf(oid) !== 0 && typeFactsOf(oid)?.category === "A";
  const isText = oid === typeOid.text || characters.has(oid);
  const isBits = oid === typeOid.bit || oid === typeOid.varbit;
  const length = modifier === noModifier ? null : isBits ? modifier : characters.has(oid) ? modifier - 4 : null;
  const limits = oid === typeOid.numeric ? numericLimits(modifier) : null;
  const precision = oid === typeOid.numeric ? (limits?.precision ?? null) : (binaryPrecision.get(oid) ?? null);
  return {
    data_type: isArray ? "ARRAY" : dataType(oid),
    character_maximum_length: length,
    character_octet_length: isText ? (length === null ? octetsMax : length * bytesPerCharacter) : null,
    numeric_precision: precision,
    numeric_precision_radix: oid === typeOid.numeric ? 10 : binaryPrecision.has(oid) ? 2 : null,
    numeric_scale: integers.has(oid) ? 0 : (limits?.scale ?? null),
    datetime_precision: datetimePrecision(type),
    ...typeNameRow(ofDomainArray ? domain : oid, database, world),
    ...domainNameRow(type, database, world),
    ...collationRow(column, database, world),
  };
}

/** Nothing is said of the database's own collation. */
function collationRow(column: CollatedType, database: string, { catalog }: CatalogWorld): SystemRow {
  const found = collationByOid(collationOf(column, catalog));
  if (found === null || found.provider === "d") return {};
  return { collation_catalog: database, collation_schema: "pg_catalog", collation_name: found.name };
}

function domainNameRow({ domain }: SqlType, database: string, world: CatalogWorld): SystemRow {
  const found = domain === undefined || isUserType(domain) ? null : world.userType(domain);
  if (found === null) return {};
  return {
    domain_catalog: database,
    domain_schema: world.schemaName(found.type.schema),
    domain_name: found.name,
  };
}

export function* domainRows(world: ExpressionWorld, database: string): Iterable<SystemRow> {
  for (const domain of world.domains())
    yield {
      ...typeRow({ type: { ...domain.base, domain: domain.oid } }, database, world),
      // Arrays are called by their elements here.
      ...(domain.base.domain === undefined ? { data_type: dataType(domain.base.oid) } : {}),
      domain_default: world.domainDefault(domain),
      dtd_identifier: "1",
    };
}

export function* domainConstraintRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const domain of world.domains())
    for (const { name } of domain.checks)
      yield {
        constraint_catalog: database,
        constraint_schema: world.schemaName(domain.schema),
        constraint_name: name,
        ...domainNameRow({ ...domain.base, domain: domain.oid }, database, world),
        is_deferrable: "NO",
        initially_deferred: "NO",
      };
}

/** A type as the standard calls it, which knows the built-in ones only. */
const dataType = (oid: Oid): string => (isUserType(oid) ? userDefined : formatType(oid, null));
const userDefined = "USER-DEFINED";

function typeNameRow(oid: Oid, database: string, world: CatalogWorld): SystemRow {
  const own = world.userType(oid);
  return {
    udt_catalog: database,
    udt_schema: own === null ? "pg_catalog" : world.schemaName(own.type.schema),
    udt_name: own === null ? (typeFactsOf(oid)?.name ?? "") : own.name,
  };
}

interface ListedColumn {
  readonly relation: Relation;
  readonly name: string;
  readonly number: number;
  readonly type: SqlType;
  readonly collation?: Oid | undefined;
  readonly definition: ColumnDefinition | null;
  /** Of a column that may have a default. */
  readonly valued: ValuedColumn | null;
}

function* listedColumns(world: CatalogWorld): Iterable<ListedColumn> {
  for (const { definition } of systemRelations)
    for (const { name, number, type } of definition.columns)
      yield { relation: definition, name, number, type, definition: null, valued: null };
  for (const table of world.tables())
    for (const column of table.columns) {
      if (column.isDropped) continue;
      const { name, number, type, collation } = column;
      yield { relation: table, name, number, type, collation, definition: column, valued: column };
    }
  for (const view of world.views())
    for (const [index, column] of view.columns.entries()) {
      const { name, type, collation } = column;
      yield { relation: view, name, number: index + 1, type, collation, definition: null, valued: column };
    }
}

function identityRow(column: ColumnDefinition | null, world: CatalogWorld): SystemRow {
  if (column === null || column.identity === null) return { is_identity: "NO", identity_cycle: "NO" };
  const sequence = world.catalog.objectByOid(column.sequence);
  const bounds: SystemRow =
    sequence?.kind === "sequence"
      ? {
          identity_start: String(sequence.start),
          identity_increment: String(sequence.increment),
          identity_maximum: String(sequence.maximum),
          identity_minimum: String(sequence.minimum),
          identity_cycle: yesNo(sequence.cycles),
        }
      : { identity_cycle: "NO" };
  return { is_identity: "YES", identity_generation: column.identity === "always" ? "ALWAYS" : "BY DEFAULT", ...bounds };
}

/** Whether a domain says that its values are not NULL; what the domains beneath it say does not count. */
function isNeverNull({ domain }: SqlType, { catalog }: ExpressionWorld): boolean {
  const found = domain === undefined ? null : catalog.objectByOid(domain);
  return found?.kind === "domain" && found.isNotNull;
}

export function* columnRows(world: ExpressionWorld, database: string): Iterable<SystemRow> {
  for (const { relation, name, number, type, collation, definition, valued } of listedColumns(world)) {
    const isGenerated = definition !== null && definition.generated !== null;
    const value = valued === null ? null : world.columnValue(valued, world.table(relation.oid));
    yield {
      table_catalog: database,
      table_schema: world.schemaName(relation.schema),
      table_name: relation.name,
      column_name: name,
      ordinal_position: number,
      column_default: isGenerated ? null : value,
      is_nullable: yesNo(definition?.isNotNull !== true && !isNeverNull(type, world)),
      ...typeRow({ type, ...(collation === undefined ? {} : { collation }) }, database, world),
      dtd_identifier: String(number),
      is_self_referencing: "NO",
      ...identityRow(definition, world),
      is_generated: isGenerated ? "ALWAYS" : "NEVER",
      generation_expression: isGenerated ? value : null,
      is_updatable: yesNo(
        definition !== null || (relation.kind === "view" && canChange(relation, world, new Set([number]))),
      ),
    };
  }
}

export function* tableRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  const row = (schema: string, name: string, type: string, isInsertable: boolean): SystemRow => ({
    table_catalog: database,
    table_schema: schema,
    table_name: name,
    table_type: type,
    is_insertable_into: yesNo(isInsertable),
    is_typed: "NO",
  });
  for (const { definition, isView, schema } of systemRelations)
    yield row(schema, definition.name, isView ? "VIEW" : "BASE TABLE", !isView && schema !== "kimberlite");
  for (const table of world.tables()) {
    const type = isTemporary(world.catalog, table.schema) ? "LOCAL TEMPORARY" : "BASE TABLE";
    yield row(world.schemaName(table.schema), table.name, type, true);
  }
  for (const view of world.views()) yield row(world.schemaName(view.schema), view.name, "VIEW", canInsert(view, world));
}

/** Whether rows can be both changed and deleted through a view. @param only columns that are to be changed, by their numbers; null: any */
function canChange(view: ViewDefinition, { catalog }: CatalogWorld, only: ReadonlySet<number> | null): boolean {
  const both = updatableEvents.update | updatableEvents.delete;
  return (eventsOf(view, catalog, only) & both) === both;
}

const canInsert = (view: ViewDefinition, { catalog }: CatalogWorld): boolean =>
  (eventsOf(view, catalog) & updatableEvents.insert) !== 0;

export function* viewRows(world: ExpressionWorld, database: string): Iterable<SystemRow> {
  for (const view of world.views())
    yield {
      table_catalog: database,
      table_schema: world.schemaName(view.schema),
      table_name: view.name,
      view_definition: world.viewText(view),
      check_option: (view.checkOption ?? "none").toUpperCase(),
      is_updatable: yesNo(canChange(view, world, null)),
      is_insertable_into: yesNo(canInsert(view, world)),
      is_trigger_updatable: "NO",
      is_trigger_deletable: "NO",
      is_trigger_insertable_into: "NO",
    };
}

export function* schemataRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const schema of world.schemas())
    yield { catalog_name: database, schema_name: schema.name, schema_owner: world.ownerName(schema.owner) };
}

const constraintTypes = {
  primaryKey: "PRIMARY KEY",
  unique: "UNIQUE",
  check: "CHECK",
  foreignKey: "FOREIGN KEY",
} as const;

const constraintName = (world: CatalogWorld, table: TableDefinition, name: string, database: string): SystemRow => ({
  constraint_catalog: database,
  constraint_schema: world.schemaName(table.schema),
  constraint_name: name,
});
const tableName = (world: CatalogWorld, table: TableDefinition, database: string): SystemRow => ({
  table_catalog: database,
  table_schema: world.schemaName(table.schema),
  table_name: table.name,
});

/** The standard lists NOT NULL as a check; its name is made of numbers. */
const notNullName = (table: TableDefinition, column: ColumnDefinition): string =>
  `${table.schema}_${table.oid}_${column.number}_not_null`;

export function* tableConstraintRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  const row = (table: TableDefinition, name: string, type: string, deferral?: Deferral, index?: Oid): SystemRow => ({
    ...constraintName(world, table, name, database),
    ...tableName(world, table, database),
    constraint_type: type,
    is_deferrable: deferral === undefined ? "NO" : "YES",
    initially_deferred: deferral === "initiallyDeferred" ? "YES" : "NO",
    enforced: "YES",
    nulls_distinct: type !== "UNIQUE" ? null : world.indexByOid(index ?? 0)?.nullsAreEqual === true ? "NO" : "YES",
  });
  for (const { table, constraint } of constraintsOf(world))
    yield row(
      table,
      constraint.name,
      constraintTypes[constraint.kind],
      constraint.kind === "check" ? undefined : constraint.deferral,
      constraint.kind === "unique" ? constraint.index : undefined,
    );
  for (const table of world.tables())
    for (const column of table.columns)
      if (column.isNotNull && !column.isDropped) yield row(table, notNullName(table, column), "CHECK");
}

export function* keyColumnRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const { table, constraint } of constraintsOf(world)) {
    if (constraint.kind === "check") continue;
    for (const [index, column] of constraint.columns.entries())
      yield {
        ...constraintName(world, table, constraint.name, database),
        ...tableName(world, table, database),
        column_name: columnName(table, column),
        ordinal_position: index + 1,
        position_in_unique_constraint:
          constraint.kind === "foreignKey" ? referencedPlace(world, constraint, index) : null,
      };
  }
}

type ForeignKey = Extract<TableDefinition["constraints"][number], { readonly kind: "foreignKey" }>;

function referencedConstraint(world: CatalogWorld, key: ForeignKey) {
  const table = world.table(key.referencedTable);
  const constraint = table?.constraints.find(
    (other) =>
      (other.kind === "primaryKey" || other.kind === "unique") &&
      other.columns.length === key.referencedColumns.length &&
      other.columns.every((column) => key.referencedColumns.includes(column)),
  );
  return table === null || constraint === undefined || constraint.kind === "check" ? null : { table, constraint };
}

function referencedPlace(world: CatalogWorld, key: ForeignKey, index: number): Datum {
  const found = referencedConstraint(world, key);
  const place = found?.constraint.columns.indexOf(key.referencedColumns[index] ?? 0) ?? -1;
  return place < 0 ? null : place + 1;
}

export function* referentialRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const { table, constraint } of constraintsOf(world)) {
    if (constraint.kind !== "foreignKey") continue;
    const referenced = referencedConstraint(world, constraint);
    yield {
      ...constraintName(world, table, constraint.name, database),
      unique_constraint_catalog: referenced === null ? null : database,
      unique_constraint_schema: referenced === null ? null : world.schemaName(referenced.table.schema),
      unique_constraint_name: referenced?.constraint.name ?? null,
      match_option: constraint.match === "full" ? "FULL" : "NONE",
      update_rule: actionText(constraint.onUpdate),
      delete_rule: actionText(constraint.onDelete),
    };
  }
}

export function* constraintColumnRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const { table, constraint } of constraintsOf(world)) {
    const target = constraint.kind === "foreignKey" ? world.table(constraint.referencedTable) : table;
    if (target === null) continue;
    const columns =
      constraint.kind === "foreignKey"
        ? constraint.referencedColumns
        : constraint.kind === "check"
          ? columnsIn(target, constraint.expression)
          : constraint.columns;
    for (const column of columns)
      yield {
        ...tableName(world, target, database),
        column_name: columnName(target, column),
        ...constraintName(world, table, constraint.name, database),
      };
  }
}

export function* constraintTableRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const { table, constraint } of constraintsOf(world)) {
    const target = constraint.kind === "foreignKey" ? world.table(constraint.referencedTable) : table;
    if (target === null || constraint.kind === "check") continue;
    yield { ...tableName(world, target, database), ...constraintName(world, table, constraint.name, database) };
  }
}

export function* checkRows(world: ExpressionWorld, database: string): Iterable<SystemRow> {
  for (const { table, constraint } of constraintsOf(world))
    if (constraint.kind === "check")
      yield {
        ...constraintName(world, table, constraint.name, database),
        check_clause: checkText(constraint, table, world, false).slice("CHECK ".length),
      };
  for (const domain of world.domains())
    for (const check of domain.checks)
      yield {
        constraint_catalog: database,
        constraint_schema: world.schemaName(domain.schema),
        constraint_name: check.name,
        check_clause: checkText(check, domain, world, false).slice("CHECK ".length),
      };
  for (const table of world.tables())
    for (const column of table.columns)
      if (column.isNotNull && !column.isDropped)
        yield {
          ...constraintName(world, table, notNullName(table, column), database),
          check_clause: `${column.name} IS NOT NULL`,
        };
}

export function* sequenceInformationRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const sequence of world.sequences()) {
    const owner = world.table(sequence.ownerTable)?.columns.find(({ number }) => number === sequence.ownerColumn);
    // Those behind identity columns are no sequences of the standard's.
    if (owner !== undefined && owner.identity !== null) continue;
    yield {
      sequence_catalog: database,
      sequence_schema: world.schemaName(sequence.schema),
      sequence_name: sequence.name,
      data_type: formatType(sequence.type.oid, null),
      numeric_precision: binaryPrecision.get(sequence.type.oid) ?? null,
      numeric_precision_radix: 2,
      numeric_scale: 0,
      start_value: String(sequence.start),
      minimum_value: String(sequence.minimum),
      maximum_value: String(sequence.maximum),
      increment: String(sequence.increment),
      cycle_option: yesNo(sequence.cycles),
    };
  }
}

export function* userDefinedTypeRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const { schema, name } of world.composites())
    yield {
      user_defined_type_catalog: database,
      user_defined_type_schema: world.schemaName(schema),
      user_defined_type_name: name,
      user_defined_type_category: "STRUCTURED",
      is_instantiable: "YES",
    };
}

export function* attributeRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const { schema, name: type, attributes } of world.composites())
    for (const attribute of attributes) {
      const { udt_schema, udt_name, ...described } = typeRow(attribute, database, world);
      yield {
        ...described,
        udt_catalog: database,
        udt_schema: world.schemaName(schema),
        udt_name: type,
        attribute_name: attribute.name,
        ordinal_position: attribute.number,
        is_nullable: "YES",
        attribute_udt_catalog: database,
        attribute_udt_schema: udt_schema ?? null,
        attribute_udt_name: udt_name ?? null,
        dtd_identifier: String(attribute.number),
        is_derived_reference_attribute: "NO",
      };
    }
}

export function* elementTypeRows(world: CatalogWorld, database: string): Iterable<SystemRow> {
  for (const { schema, name, attributes } of world.composites())
    for (const { type, number } of attributes) {
      const element = elementTypeOf(type.oid);
      if (element === 0 || typeFactsOf(type.oid)?.category !== "A") continue;
      yield {
        object_catalog: database,
        object_schema: world.schemaName(schema),
        object_name: name,
        object_type: "USER-DEFINED TYPE",
        collection_type_identifier: String(number),
        data_type: dataType(element),
        ...typeNameRow(element, database, world),
        dtd_identifier: `a${number}`,
      };
    }
  for (const { relation, number, type } of listedColumns(world)) {
    const element = elementTypeOf(type.oid);
    if (element === 0 || typeFactsOf(type.oid)?.category !== "A") continue;
    const ofDomain = elementDomainIn(world.catalog, type.domain ?? 0);
    yield {
      object_catalog: database,
      object_schema: world.schemaName(relation.schema),
      object_name: relation.name,
      object_type: "TABLE",
      collection_type_identifier: String(number),
      data_type: ofDomain === null ? dataType(element) : userDefined,
      ...typeNameRow(ofDomain?.oid ?? element, database, world),
      dtd_identifier: `a${number}`,
    };
  }
}

/** Whose privileges the user has. */
export const enabledRoleRows = ({ currentUser, roles, isSuperuser }: EvaluationContext): Iterable<SystemRow> =>
  (isSuperuser ? roles.shown.map(({ name }) => name) : [...roles.rightsOf(currentUser)]).map((name) => ({
    role_name: name,
  }));

/** Memberships of the user, and of the roles that it has the privileges of. */
export function* applicableRoleRows({ currentUser, roles, isSuperuser }: EvaluationContext): Iterable<SystemRow> {
  const rights = roles.rightsOf(currentUser);
  for (const { name, memberOf } of roles.shown)
    for (const { role, isAdmin } of memberOf)
      if (isSuperuser || rights.has(name)) yield { grantee: name, role_name: role, is_grantable: yesNo(isAdmin) };
}

export function* administrableRoleRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const row of applicableRoleRows(context)) if (row["is_grantable"] === "YES") yield row;
}
