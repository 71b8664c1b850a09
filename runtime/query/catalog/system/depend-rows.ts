/**
 * Rows of pg_depend, as PostgreSQL has them of what is here: objects in their schemas, what columns are of, constraints and indexes with their
 * columns, what defaults draw from, what views read, and what extensions brought. `pg_dump` puts objects in order by them.
 */
import type { EvaluationContext } from "../../functions/context.js";
import { allProcedures } from "../../functions/procedures.js";
import { sequencesDrawn, tablesRead } from "../../syntax/names-read.js";
import { readQualifiedName } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import { numberInOid } from "../../types/user-types.js";
import {
  type ConstraintDefinition,
  extensions,
  type IndexDefinition,
  kimberliteSchemaOid,
  type MaterializedViewDefinition,
  type TableDefinition,
  type ViewDefinition,
} from "../model.js";
import { columnsIn, constraintsOf } from "./definitions.js";
import { valueOf } from "./expression-world.js";
import { referencedIndex } from "./relation-rows.js";
import { systemRelationByOid, systemRelations } from "./relations.js";
import { type CatalogWorld, defaultOid, ruleOid, type SystemRow } from "./world.js";

const classes = {
  relation: 1_259,
  namespace: 2_615,
  extension: 3_079,
  procedure: 1_255,
  type: 1_247,
  default: 2_604,
  constraint: 2_606,
  rule: 2_618,
} as const;

interface Part {
  readonly catalog: keyof typeof classes;
  readonly oid: Oid;
  /** Number of a column; 0 for the whole. */
  readonly column?: number;
}

/**
 * @param kind n: the other cannot be dropped without it, but by CASCADE; a: it goes along with the other; i: it is a part of the other;
 * e: it was brought by an extension
 */
const row = (of: Part, on: Part, kind: "n" | "a" | "i" | "e"): SystemRow => ({
  classid: classes[of.catalog],
  objid: of.oid,
  objsubid: of.column ?? 0,
  refclassid: classes[on.catalog],
  refobjid: on.oid,
  refobjsubid: on.column ?? 0,
  deptype: kind,
});

const relation = (oid: Oid, column = 0): Part => ({ catalog: "relation", oid, column });
const ofType = (oid: Oid): Part => ({ catalog: "type", oid });
const schemaPart = (oid: Oid): Part => ({ catalog: "namespace", oid });

function* schemaDependencies(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, schema, kind } of world.relations())
    if (kind !== "index") yield row(relation(oid), schemaPart(schema), "n");
  for (const { oid, schema } of world.types())
    if (world.catalog.objectByOid(oid) !== null) yield row(ofType(oid), schemaPart(schema), "n");
}

function* typeDependencies(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, base } of world.domains()) {
    const beneath = base.domain ?? base.oid;
    if (world.userType(beneath) !== null) yield row(ofType(oid), ofType(beneath), "n");
  }
  for (const { oid, attributes } of world.composites())
    for (const { number, type } of attributes)
      if (world.userType(type.oid) !== null)
        yield row(relation(numberInOid(oid), number), ofType(type.domain ?? type.oid), "n");
  for (const table of world.tables())
    for (const { number, type, isDropped } of table.columns) {
      const used = type.domain ?? type.oid;
      if (!isDropped && world.userType(used) !== null) yield row(relation(table.oid, number), ofType(used), "n");
    }
}

function* sequenceDependencies(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, ownerTable, ownerColumn } of world.sequences()) {
    if (ownerTable === 0) continue;
    const column = world.table(ownerTable)?.columns.find(({ number }) => number === ownerColumn);
    const isIdentity = column !== undefined && column.identity !== null;
    yield row(relation(oid), relation(ownerTable, ownerColumn), isIdentity ? "i" : "a");
    if (!isIdentity) yield row({ catalog: "default", oid: defaultOid(ownerTable, ownerColumn) }, relation(oid), "n");
  }
}

function* defaultDependencies(world: CatalogWorld): Iterable<SystemRow> {
  for (const table of world.tables())
    for (const column of table.columns) {
      if (valueOf(column) === null || column.isDropped) continue;
      const own: Part = { catalog: "default", oid: defaultOid(table.oid, column.number) };
      yield row(own, relation(table.oid, column.number), column.generated === null ? "a" : "i");
      if (column.generated !== null)
        for (const number of columnsIn(table, column.generated)) yield row(own, relation(table.oid, number), "n");
      if (column.default === null || column.sequence !== 0) continue;
      for (const name of sequencesDrawn(column.default.syntax)) {
        const found = /^\d+$/u.test(name) ? world.relation(Number(name)) : world.relationNamed(readQualifiedName(name));
        if (found?.kind === "sequence") yield row(own, relation(found.oid), "n");
      }
    }
}

type View = ViewDefinition | MaterializedViewDefinition;

/** What a view reads, each with the columns that it names; none of a view whose columns are not known one by one. */
function readBy(
  view: View,
  world: CatalogWorld,
  context: EvaluationContext,
): Iterable<readonly [Oid, Iterable<number>]> {
  const reads = context.readsOfView(view, context);
  if (reads !== null) return reads.columns;
  const found = [...tablesRead(view.query.syntax)].map(
    ({ schema, name }) => world.relationNamed(schema === null ? [name] : [schema, name])?.oid,
  );
  return [...new Set(found)].flatMap((oid) => (oid === undefined ? [] : [[oid, []] as const]));
}

/** The query of a view is its rule: the rule is a part of the view, and what it reads is read by the rule. */
function* viewDependencies(world: CatalogWorld, context: EvaluationContext): Iterable<SystemRow> {
  for (const view of [...world.views(), ...world.materializedViews()]) {
    const rule: Part = { catalog: "rule", oid: ruleOid(view.oid) };
    yield row(rule, relation(view.oid), "i");
    yield row(rule, relation(view.oid), "n");
    for (const [oid, numbers] of readBy(view, world, context)) {
      if (systemRelationByOid(oid) !== null) continue;
      const columns = [...numbers];
      for (const number of columns.length === 0 ? [0] : columns) yield row(rule, relation(oid, number), "n");
    }
  }
}

function* extensionDependencies(): Iterable<SystemRow> {
  const [kimberlite, uuids, cryptography] = extensions;
  const brought = (part: Part, oid: Oid): SystemRow => row(part, { catalog: "extension", oid }, "e");
  for (const { oid, name, schema } of allProcedures)
    if (schema === "public")
      yield brought({ catalog: "procedure", oid }, name.startsWith("uuid_") ? uuids.oid : cryptography.oid);
  yield brought(schemaPart(kimberliteSchemaOid), kimberlite.oid);
  for (const { schema, definition } of systemRelations)
    if (schema === "kimberlite") yield brought(relation(definition.oid), kimberlite.oid);
}

function columnsOf(constraint: ConstraintDefinition, table: TableDefinition): readonly number[] {
  return constraint.kind === "check" ? columnsIn(table, constraint.expression) : constraint.columns;
}

function* constraintDependencies(world: CatalogWorld): Iterable<SystemRow> {
  for (const { table, constraint } of constraintsOf(world)) {
    const own: Part = { catalog: "constraint", oid: constraint.oid };
    if (constraint.kind === "primaryKey" || constraint.kind === "unique")
      yield row(relation(constraint.index), own, "i");
    const columns = columnsOf(constraint, table);
    for (const number of columns.length === 0 ? [0] : columns) yield row(own, relation(table.oid, number), "a");
    if (constraint.kind === "check") for (const number of columns) yield row(own, relation(table.oid, number), "n");
    if (constraint.kind !== "foreignKey") continue;
    const { referencedTable, referencedColumns } = constraint;
    for (const number of referencedColumns) yield row(own, relation(referencedTable, number), "n");
    const index = referencedIndex(world, referencedTable, referencedColumns);
    if (index !== 0) yield row(own, relation(index), "n");
  }
  for (const { oid, checks } of world.domains())
    for (const check of checks) yield row({ catalog: "constraint", oid: check.oid }, ofType(oid), "a");
}

/** Numbers of the columns that an index looks at, each once. */
function columnsOfIndex({ keys, included, predicate }: IndexDefinition, table: TableDefinition): ReadonlySet<number> {
  const expressions = [...keys.map(({ expression }) => expression), predicate];
  return new Set([
    ...keys.map(({ column }) => column).filter((column) => column !== 0),
    ...included,
    ...expressions.flatMap((expression) => (expression === null ? [] : columnsIn(table, expression))),
  ]);
}

/** Indexes of no constraint: those are parts of theirs. */
function* indexDependencies(world: CatalogWorld): Iterable<SystemRow> {
  for (const index of world.indexes()) {
    const table = world.table(index.table);
    if (table === null || table.constraints.some((each) => "index" in each && each.index === index.oid)) continue;
    const columns = columnsOfIndex(index, table);
    for (const number of columns.size === 0 ? [0] : columns)
      yield row(relation(index.oid), relation(index.table, number), "a");
  }
}

export function* dependRows(world: CatalogWorld, context: EvaluationContext): Iterable<SystemRow> {
  yield* schemaDependencies(world);
  yield* typeDependencies(world);
  yield* sequenceDependencies(world);
  yield* defaultDependencies(world);
  yield* viewDependencies(world, context);
  yield* constraintDependencies(world);
  yield* indexDependencies(world);
  yield* extensionDependencies();
}
