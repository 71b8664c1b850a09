/** A name in FROM: a table, a view, a sequence, a system table or a WITH query, as of now or of a past moment. */
import type { MaterializedViewDefinition, Relation, TableDefinition, ViewDefinition } from "../catalog/model.js";
import { hasPast, isAuditTable } from "../catalog/system/audit.js";
import { sequenceTable } from "../catalog/system/sequence-table.js";
import { notSupported, SqlError } from "../error.js";
import type { PlanColumn, PlanNode, PlanTime } from "../plan/plan.js";
import { rowKeyColumn } from "../plan/plan.js";
import type { SystemTime, TableReference, TimePoint } from "../syntax/ast-query.js";
import { fromPositionColumn, toPositionColumn, writerColumn } from "../table/access.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { type Binder, positionOf, type QueryOptions } from "./binder.js";
import { coerceTo } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { type BoundItem, estimates, expectAliases, namedItem } from "./from-item.js";
import { findRelation, missingTable } from "./relation.js";
import {
  type CommonTables,
  findCommonTable,
  guarded,
  isLaterTable,
  type LockablePart,
  noNames,
  Scope,
  type ScopeColumn,
} from "./scope.js";
import { ctid, rowVersion, tableOid, xmin } from "./system-columns.js";

export function bindTable(
  item: TableReference,
  binder: Binder,
  commonTables: CommonTables | null,
  options: QueryOptions,
): BoundItem {
  const { name, location } = item;
  if (name.schema === null) {
    const common = findCommonTable(commonTables, name.name);
    if (common !== null) {
      if (item.time !== null) throw notSupported("FOR SYSTEM_TIME of a WITH query", positionOf(item.time.location));
      const columns = common.columns.map(({ name: columnName, type }) => ({
        id: binder.newId(),
        name: columnName,
        type,
      }));
      const base = { name: common.name, number: common.number, columns, ...estimates };
      const plan: PlanNode =
        common.source === null
          ? { kind: "workingTable", ...base }
          : { kind: "commonTable", source: common.source, sourceColumns: common.columns.map(({ id }) => id), ...base };
      const own = columns.length - (common.added ?? 0);
      expectAliases(item.alias, own, item.alias?.name ?? name.name);
      const isDeeper = commonTables?.tables.includes(common) !== true;
      const expanded = isDeeper ? own : columns.length;
      const scoped = columns.map((column, index) => ({
        ...column,
        table: 0,
        column: 0,
        expression: null,
        ...(index < expanded ? {} : { isUnexpanded: true as const }),
      }));
      return namedItem(plan, scoped, item.alias, item.alias?.name ?? name.name, location, {
        lockless: "a WITH query",
        parts: [],
      });
    }
  }
  const relation = findRelation(name, binder.environment);
  if (relation === null) throw missingTable(name, name.schema === null && isLaterTable(commonTables, name.name));
  if (name.schema === null) binder.tableSchemas.set(name, relation.schema);
  return bindRelation(relation, item, binder, options);
}

/** COPY of a name is of a table's rows. */
function notCopied({ kind, name }: Exclude<Relation, TableDefinition>): SqlError {
  const label = kind === "materializedView" ? "materialized view" : kind;
  const isQueried = kind === "view" || kind === "materializedView";
  return new SqlError("42809", `cannot copy from ${kind === "index" ? "non-table relation" : label} "${name}"`, {
    ...(isQueried ? { hint: "Try the COPY (SELECT ...) TO variant." } : {}),
  });
}

function bindRelation(
  found: { readonly relation: Relation; readonly isSystem: boolean; readonly schema: string },
  item: TableReference,
  binder: Binder,
  options: QueryOptions,
): BoundItem {
  const { relation } = found;
  if (!found.isSystem) binder.authority.expectColumns(relation, "r");
  if (item.isOfCopy === true && relation.kind !== "table") throw notCopied(relation);
  switch (relation.kind) {
    case "table":
      return found.isSystem
        ? bindSystemTable(relation, item, binder)
        : bindScan(relation, found.schema, item, binder, false);
    case "view":
      return bindView(relation, found.schema, item, binder, options);
    case "materializedView":
      return bindScan(relation.rows, found.schema, item, binder, false, relation);
    case "sequence":
      // Sequences have no past.
      if (binder.environment.asOf !== null)
        throw notSupported("reading a sequence in the past", positionOf(item.location));
      return bindSystemTable(sequenceTable(relation), item, binder);
    case "index":
      throw new SqlError("42809", `cannot open relation "${relation.name}"`, {
        position: positionOf(item.location),
        detail: "This operation is not supported for indexes.",
      });
  }
}

/**
 * A table's rows. With `withKey` the row key too: what an update, a delete or a lock names.
 *
 * @param of what the table holds the rows of, if it is another: of its columns only those are anybody's to see
 */
export function bindScan(
  table: TableDefinition,
  schema: string,
  item: TableReference,
  binder: Binder,
  withKey: boolean,
  of: TableDefinition | MaterializedViewDefinition = table,
): BoundItem {
  const alias = item.alias?.name ?? table.name;
  const live = table.columns.filter(({ isDropped, number }) => !isDropped && number <= of.columns.length);
  const unreadable = binder.authority.unreadable(of);
  const columns = live.map(({ name, type }) => ({ id: binder.newId(), name, type }));
  const numbers = live.map(({ number }) => number);
  const scoped: ScopeColumn[] = columns.map((column, index) => ({
    ...column,
    table: table.oid,
    column: numbers[index] ?? 0,
    expression: null,
  }));
  const time = item.time === null ? (withKey ? null : sessionTime(binder)) : bindTime(item.time, binder);
  const planColumns: PlanColumn[] = [...columns];
  const planNumbers = [...numbers];
  const hidden: ScopeColumn[] = [];
  if (item.time !== null) {
    for (const [number, name] of [
      [fromPositionColumn, "from_position"],
      [toPositionColumn, "to_position"],
    ] as const) {
      const column = { id: binder.newId(), name, type: sqlType(typeOid.int8) };
      planColumns.push(column);
      planNumbers.push(number);
      hidden.push({ ...column, table: 0, column: 0, expression: null });
    }
  }
  // Kept out of what is read unless something asks for it: the planner drops columns that nobody uses.
  const key = { id: binder.newId(), name: "row_key", type: sqlType(typeOid.bytea) };
  planColumns.push(key);
  planNumbers.push(rowKeyColumn);
  if (item.time !== null) hidden.push({ ...key, table: 0, column: 0, expression: null });
  const writer = { id: binder.newId(), name: "row_writer", type: sqlType(typeOid.int8) };
  planColumns.push(writer);
  planNumbers.push(writerColumn);
  hidden.push(tableOid(table, key, item.location), ctid(of, key), xmin(writer));
  const plan: PlanNode = {
    kind: "scan",
    table,
    alias,
    index: null,
    ranges: [{ from: null, to: null }],
    isBackward: false,
    numbers: planNumbers,
    time,
    filter: null,
    columns: planColumns,
    ...estimates,
  };
  return namedItem(plan, guarded(scoped, unreadable), item.alias, alias, item.location, {
    schema: item.alias === null ? schema : null,
    table,
    hidden: guarded(hidden, unreadable),
    keyId: key.id,
    parts:
      item.time === null
        ? [{ table, keyId: key.id, expectLockable: () => binder.authority.expectColumns(of, "w") }]
        : null,
  });
}

/** The session's `kimberlite.as_of`. */
function sessionTime(binder: Binder): PlanTime | null {
  const { asOf } = binder.environment;
  if (asOf === null) return null;
  const value: TimePoint["value"] =
    asOf.kind === "position"
      ? { kind: "numberLiteral", text: String(asOf.position), location: -1 }
      : { kind: "stringLiteral", text: asOf.text, location: -1 };
  return bindTime({ kind: "asOf", point: { kind: asOf.kind, value, location: -1 }, location: -1 }, binder);
}

function bindTime(time: SystemTime, binder: Binder): PlanTime {
  const point = (at: TimePoint) => {
    const context = plainContext(binder, new Scope(noNames, null, null), "FOR SYSTEM_TIME");
    const oid = at.kind === "position" ? typeOid.int8 : typeOid.timestamptz;
    const value = coerceTo(binder, bindExpression(at.value, context), oid, "FOR SYSTEM_TIME");
    return { kind: at.kind, value };
  };
  switch (time.kind) {
    case "asOf":
      return { kind: "asOf", point: point(time.point) };
    case "between":
      return { kind: "between", from: point(time.from), to: point(time.to) };
    case "all":
      return { kind: "all" };
  }
}

function bindSystemTable(table: TableDefinition, item: TableReference, binder: Binder): BoundItem {
  if (item.time !== null && (item.time.kind !== "asOf" || !isAuditTable(table) || !hasPast(table)))
    throw notSupported("FOR SYSTEM_TIME of a system table", positionOf(item.time.location));
  const time = item.time === null ? null : bindTime(item.time, binder);
  const columns = table.columns.map(({ name, type }) => ({ id: binder.newId(), name, type }));
  const scoped = columns.map((column, index) => ({ ...column, table: table.oid, column: index + 1, expression: null }));
  const alias = item.alias?.name ?? table.name;
  const numbers = table.columns.map(({ number }) => number);
  const base = { table, alias, numbers, filter: null, columns, ...estimates };
  const plan: PlanNode = isAuditTable(table)
    ? { kind: "scan", index: null, ranges: [{ from: null, to: null }], isBackward: false, time, ...base }
    : { kind: "systemScan", ...base };
  const certain = columns[table.columns.findIndex(({ isNotNull }) => isNotNull)];
  return namedItem(plan, scoped, item.alias, alias, item.location, {
    schema: item.alias === null ? (item.name.schema ?? "pg_catalog") : null,
    table,
    hidden: certain === undefined ? [] : [tableOid(table, certain, item.location), rowVersion(certain)],
  });
}

function bindView(
  view: ViewDefinition,
  schema: string,
  item: TableReference,
  binder: Binder,
  options: QueryOptions,
): BoundItem {
  if (item.time !== null) throw notSupported("FOR SYSTEM_TIME of a view", positionOf(item.time.location));
  const { authority } = binder;
  const rows = binder.withinView(view, () =>
    authority.asOwnerOf(view, () => binder.query(view.query.syntax, null, null, options)),
  );
  const columns = view.columns.map((column, index): ScopeColumn => {
    const output = rows.outputs[index];
    if (output === undefined || output.type.oid !== column.type.oid) {
      throw new SqlError("0A000", `view "${view.name}" does not fit the tables that it reads any more`);
    }
    return {
      id: output.id,
      name: column.name,
      type: output.type,
      table: view.oid,
      column: index + 1,
      expression: null,
    };
  });
  const alias = item.alias?.name ?? view.name;
  const readable = guarded(columns, authority.unreadable(view));
  const parts =
    rows.parts?.map(
      (part): LockablePart => ({
        ...part,
        expectLockable: () => {
          authority.expectColumns(view, "w");
          authority.below(() => authority.asOwnerOf(view, part.expectLockable));
        },
      }),
    ) ?? null;
  return namedItem(rows.plan, readable, item.alias, alias, item.location, {
    schema: item.alias === null ? schema : null,
    parts,
  });
}
