/** Rows of pg_class, pg_attribute, pg_index, pg_constraint and their kin: one tenant's tables and what belongs to them. */

import { indexColumnNames } from "../../bind/names.js";
import { SqlArray, vectorOf } from "../../types/array.js";
import { type Oid, sqlType, typeOid } from "../../types/sql-type.js";
import { elementTypeOf, typeFactsOf } from "../../types/type-table.js";
import { numberInOid } from "../../types/user-types.js";
import { collationOf, keyCollation } from "../collation.js";
import {
  type ColumnDefinition,
  type ForeignKeyAction,
  type IndexDefinition,
  primaryKeyOf,
  type Relation,
  rowsOfObject,
  type TableDefinition,
} from "../model.js";
import { bootstrapRole } from "../role-set.js";
import { isTemporary } from "../temporary.js";
import { aclArray } from "./acl-array.js";
import { columnName, columnsIn, constraintsOf, indexText } from "./definitions.js";
import { type ExpressionWorld, nodeTree, valueOf } from "./expression-world.js";
import { keyClassOf } from "./operator-classes.js";
import { systemRelations } from "./relations.js";
import { sequenceColumns } from "./sequence-table.js";
import { type CatalogWorld, defaultOid, type SystemRow } from "./world.js";

const heapAccess = 2;
const treeAccess = 403;

const int2s = (items: readonly number[]): SqlArray => new SqlArray(typeOid.int2, items);
const int2Vector = (items: readonly number[]): SqlArray => vectorOf(typeOid.int2, items);
const oidVector = (items: readonly Oid[]): SqlArray => vectorOf(typeOid.oid, items);

const relationKinds = { table: "r", index: "i", view: "v", materializedView: "m", sequence: "S" } as const;

function columnCount(relation: Relation): number {
  switch (relation.kind) {
    case "table":
      return relation.columns.length;
    case "index":
      return relation.keys.length + relation.included.length;
    case "sequence":
      return 3;
    default:
      return relation.columns.length;
  }
}

const replicaIdentities = { default: "d", full: "f", nothing: "n", index: "i" } as const;

const hasForeignKeys = (table: TableDefinition, world: CatalogWorld): boolean =>
  table.constraints.some(({ kind }) => kind === "foreignKey") || world.catalog.referencing(table.oid).length > 0;

function persistenceOf(relation: Relation, world: CatalogWorld): "t" | "u" | "p" {
  if (isTemporary(world.catalog, relation.schema)) return "t";
  const kept = relation.kind === "index" ? world.table(relation.table) : relation;
  return kept !== null && "isUnlogged" in kept ? "u" : "p";
}

export function* classRows(world: CatalogWorld): Iterable<SystemRow> {
  yield* compositeClassRows(world);
  for (const { definition, isView } of systemRelations)
    yield {
      oid: definition.oid,
      relname: definition.name,
      relnamespace: definition.schema,
      relowner: bootstrapRole,
      relam: isView ? 0 : heapAccess,
      reltuples: -1,
      relpersistence: "p",
      relkind: isView ? "v" : "r",
      relnatts: definition.columns.length,
      relispopulated: true,
      relreplident: "n",
    };
  for (const relation of world.relations()) {
    const isTable = relation.kind === "table";
    const owner = relation.kind === "index" ? (world.table(relation.table)?.owner ?? "") : relation.owner;
    yield {
      oid: relation.oid,
      relname: relation.name,
      relnamespace: relation.schema,
      // Tables have no types of their own; but whoever looks for columns passes over what has none.
      reltype: "columns" in relation ? relation.oid : 0,
      relowner: world.roleOid(owner),
      relacl: relation.kind === "index" ? null : aclArray(relation),
      relam: relation.kind === "index" ? treeAccess : isTable || relation.kind === "materializedView" ? heapAccess : 0,
      relfilenode: relation.oid,
      reltuples: -1,
      relhasindex: (rowsOfObject(relation)?.indexes.length ?? 0) > 0,
      relhasrules: relation.kind === "view" || relation.kind === "materializedView",
      relpersistence: persistenceOf(relation, world),
      relkind: relationKinds[relation.kind],
      relnatts: columnCount(relation),
      relchecks: isTable ? relation.constraints.filter(({ kind }) => kind === "check").length : 0,
      // Foreign keys are kept by triggers in PostgreSQL, and clients look for them only where there are some.
      relhastriggers: isTable && hasForeignKeys(relation, world),
      reloptions:
        relation.kind === "view" && relation.checkOption !== undefined
          ? new SqlArray(typeOid.text, [`check_option=${relation.checkOption}`])
          : null,
      relispopulated: relation.kind !== "materializedView" || relation.isPopulated,
      relreplident: isTable
        ? replicaIdentities[relation.replicaIdentity ?? "default"]
        : relation.kind === "materializedView"
          ? "d"
          : "n",
    };
  }
}

function* compositeClassRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, name, schema, owner, attributes } of world.composites())
    yield {
      oid: numberInOid(oid),
      relname: name,
      relnamespace: schema,
      reltype: oid,
      relowner: world.roleOid(owner),
      reltuples: -1,
      relpersistence: "p",
      relkind: "c",
      relnatts: Math.max(0, ...attributes.map(({ number }) => number)),
      relispopulated: true,
      relreplident: "n",
    };
}

function typeColumns(
  column: Pick<ColumnDefinition, "type" | "dimensions" | "collation">,
  { catalog }: CatalogWorld,
): SystemRow {
  const { type, dimensions = 1 } = column;
  const facts = typeFactsOf(type.oid);
  return {
    atttypid: type.domain ?? type.oid,
    atttypmod: type.domain === undefined ? type.modifier : -1,
    attlen: facts?.length ?? -1,
    attbyval: facts?.isByValue ?? false,
    attalign: facts?.alignment ?? "i",
    attstorage: facts?.storage ?? "x",
    attcollation: collationOf(column, catalog),
    attndims: elementTypeOf(type.oid) === 0 ? 0 : dimensions,
    attcacheoff: -1,
    attstattarget: -1,
    attislocal: true,
  };
}

function tableColumnRow(table: TableDefinition, column: ColumnDefinition, world: CatalogWorld): SystemRow {
  if (column.isDropped)
    return {
      attrelid: table.oid,
      attname: `........pg.dropped.${column.number}........`,
      attnum: column.number,
      attisdropped: true,
      ...typeColumns({ type: { oid: 0, modifier: -1 } }, world),
    };
  return {
    attrelid: table.oid,
    attname: column.name,
    attnum: column.number,
    attnotnull: column.isNotNull,
    atthasdef: valueOf(column) !== null,
    atthasmissing: column.missingValue !== null,
    attidentity: column.identity === "always" ? "a" : column.identity === "byDefault" ? "d" : "",
    attgenerated: column.generated === null ? "" : "s",
    attacl: aclArray(column),
    ...typeColumns(column, world),
  };
}

function* indexColumnRows(index: IndexDefinition, table: TableDefinition, world: CatalogWorld): Iterable<SystemRow> {
  const { keys, included } = index;
  const names = indexColumnNames([
    ...keys.map(({ expression, column }) => expression?.syntax ?? columnName(table, column)),
    ...included.map((number) => columnName(table, number)),
  ]);
  const columns = [
    ...keys.map((key) => ({ type: key.type, collation: keyCollation(key, table, world.catalog) })),
    ...included.map((number) => ({
      type: table.columns.find((column) => column.number === number)?.type ?? sqlType(0),
      // What is only carried along is not compared.
      collation: 0,
    })),
  ];
  for (const [place, column] of columns.entries())
    yield { attrelid: index.oid, attname: names[place] ?? "", attnum: place + 1, ...typeColumns(column, world) };
}

export function* attributeRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, attributes } of world.composites())
    for (const attribute of attributes)
      yield {
        attrelid: numberInOid(oid),
        attname: attribute.name,
        attnum: attribute.number,
        ...typeColumns(attribute, world),
      };
  for (const { definition } of systemRelations)
    for (const column of definition.columns) yield tableColumnRow(definition, column, world);
  for (const relation of world.relations())
    switch (relation.kind) {
      case "table":
        for (const column of relation.columns) yield tableColumnRow(relation, column, world);
        break;
      case "index": {
        const table = world.table(relation.table);
        if (table !== null) yield* indexColumnRows(relation, table, world);
        break;
      }
      case "sequence":
        for (const [place, [name, type]] of sequenceColumns.entries())
          yield {
            attrelid: relation.oid,
            attname: name,
            attnum: place + 1,
            attnotnull: true,
            ...typeColumns({ type: { oid: type, modifier: -1 } }, world),
          };
        break;
      default:
        for (const [place, column] of relation.columns.entries())
          yield {
            attrelid: relation.oid,
            attname: column.name,
            attnum: place + 1,
            atthasdef: column.default !== undefined,
            attacl: aclArray(column),
            ...typeColumns(column, world),
          };
    }
}

export function* defaultRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const table of world.tables())
    for (const column of table.columns) {
      if (valueOf(column) === null || column.isDropped) continue;
      yield {
        oid: defaultOid(table.oid, column.number),
        adrelid: table.oid,
        adnum: column.number,
        adbin: nodeTree("default", table.oid, column.number),
      };
    }
  for (const view of world.relations()) {
    if (view.kind !== "view") continue;
    for (const [index, { default: expression }] of view.columns.entries()) {
      if (expression === undefined) continue;
      const number = index + 1;
      const oid = defaultOid(view.oid, number);
      yield { oid, adrelid: view.oid, adnum: number, adbin: nodeTree("default", view.oid, number) };
    }
  }
}

export function* indexRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const index of world.indexes()) {
    const table = world.table(index.table);
    if (table === null) continue;
    const hasExpressions = index.keys.some((key) => key.expression !== null);
    yield {
      indexrelid: index.oid,
      indrelid: index.table,
      indnatts: index.keys.length + index.included.length,
      indnkeyatts: index.keys.length,
      indisunique: index.isUnique,
      indnullsnotdistinct: index.nullsAreEqual === true,
      indisprimary: primaryKeyOf(table)?.index === index.oid,
      indimmediate: index.isDeferrable !== true,
      indisclustered: index.isClustered === true,
      indisreplident: index.isReplicaIdentity === true,
      indisvalid: true,
      indisready: true,
      indislive: true,
      indkey: int2Vector([...index.keys.map((key) => key.column), ...index.included]),
      indcollation: oidVector(index.keys.map((key) => keyCollation(key, table, world.catalog))),
      indclass: oidVector(index.keys.map(keyClassOf)),
      indoption: int2Vector(index.keys.map((key) => (key.isDescending ? 1 : 0) + (key.nullsFirst ? 2 : 0))),
      indexprs: hasExpressions ? nodeTree("keys", index.oid) : null,
      indpred: index.predicate === null ? null : nodeTree("predicate", index.oid),
    };
  }
}

const constraintKinds = { primaryKey: "p", unique: "u", check: "c", foreignKey: "f" } as const;
const actionKinds: Readonly<Record<ForeignKeyAction, string>> = {
  noAction: "a",
  restrict: "r",
  cascade: "c",
  setNull: "n",
  setDefault: "d",
};

function* domainConstraintRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid: contypid, schema: connamespace, checks } of world.domains())
    for (const { oid, name, isNotValid } of checks)
      yield {
        oid,
        conname: name,
        connamespace,
        contype: "c",
        convalidated: isNotValid !== true,
        contypid,
        conbin: nodeTree("check", oid),
        conislocal: true,
        confupdtype: " ",
        confdeltype: " ",
        confmatchtype: " ",
      };
}

export function* constraintRows(world: CatalogWorld): Iterable<SystemRow> {
  yield* domainConstraintRows(world);
  for (const { table, constraint } of constraintsOf(world)) {
    const shared = {
      oid: constraint.oid,
      conname: constraint.name,
      connamespace: table.schema,
      contype: constraintKinds[constraint.kind],
      convalidated: !("isNotValid" in constraint),
      condeferrable: constraint.kind !== "check" && constraint.deferral !== undefined,
      condeferred: constraint.kind !== "check" && constraint.deferral === "initiallyDeferred",
      conrelid: table.oid,
      conislocal: true,
      connoinherit: constraint.kind !== "check",
      confupdtype: " ",
      confdeltype: " ",
      confmatchtype: " ",
    };
    switch (constraint.kind) {
      case "check":
        yield {
          ...shared,
          conbin: nodeTree("check", constraint.oid),
          conkey: int2s(columnsIn(table, constraint.expression)),
        };
        break;
      case "foreignKey":
        yield {
          ...shared,
          conkey: int2s(constraint.columns),
          confkey: int2s(constraint.referencedColumns),
          confrelid: constraint.referencedTable,
          confupdtype: actionKinds[constraint.onUpdate],
          confdeltype: actionKinds[constraint.onDelete],
          confmatchtype: constraint.match === "full" ? "f" : "s",
          confdelsetcols: constraint.deleteColumns === undefined ? null : int2s(constraint.deleteColumns),
          conindid: referencedIndex(world, constraint.referencedTable, constraint.referencedColumns),
        };
        break;
      default:
        yield { ...shared, conkey: int2s(constraint.columns), conindid: constraint.index };
    }
  }
}

export function referencedIndex(world: CatalogWorld, oid: Oid, columns: readonly number[]): Oid {
  const table = world.table(oid);
  if (table === null) return 0;
  for (const constraint of table.constraints)
    if (
      (constraint.kind === "primaryKey" || constraint.kind === "unique") &&
      constraint.columns.length === columns.length &&
      constraint.columns.every((column) => columns.includes(column))
    )
      return constraint.index;
  return 0;
}

export function* tableViewRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { definition, isView, schema } of systemRelations)
    if (!isView)
      yield {
        schemaname: schema,
        tablename: definition.name,
        tableowner: world.ownerName(""),
        hasindexes: false,
        hasrules: false,
        hastriggers: false,
        rowsecurity: false,
      };
  for (const table of world.tables())
    yield {
      schemaname: world.schemaName(table.schema),
      tablename: table.name,
      tableowner: world.ownerName(table.owner),
      hasindexes: table.indexes.length > 0,
      hasrules: false,
      hastriggers: false,
      rowsecurity: false,
    };
}

export function* viewViewRows(world: ExpressionWorld): Iterable<SystemRow> {
  for (const view of world.views())
    yield {
      schemaname: world.schemaName(view.schema),
      viewname: view.name,
      viewowner: world.ownerName(view.owner),
      definition: world.viewText(view),
    };
}

export function* materializedViewRows(world: ExpressionWorld): Iterable<SystemRow> {
  for (const view of world.materializedViews())
    yield {
      schemaname: world.schemaName(view.schema),
      matviewname: view.name,
      matviewowner: world.ownerName(view.owner),
      hasindexes: view.rows.indexes.length > 0,
      ispopulated: view.isPopulated,
      definition: world.viewText(view),
    };
}

export function* indexViewRows(world: ExpressionWorld): Iterable<SystemRow> {
  for (const index of world.indexes()) {
    const table = world.table(index.table);
    if (table === null) continue;
    yield {
      schemaname: world.schemaName(table.schema),
      tablename: table.name,
      indexname: index.name,
      indexdef: indexText(index, table, world, false),
    };
  }
}
