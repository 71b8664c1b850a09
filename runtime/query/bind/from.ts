/** FROM: tables, views, subqueries, functions, WITH queries and joins, into plans and the names they make visible. */

import type { Relation, TableDefinition, ViewDefinition } from "../catalog/model.js";
import { hasPast, isAuditTable } from "../catalog/system/audit.js";
import { sequenceTable } from "../catalog/system/sequence-table.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { FunctionScanNode, JoinType, PlanColumn, PlanNode, PlanTime } from "../plan/plan.js";
import { rowKeyColumn } from "../plan/plan.js";
import { columnsOf, outerColumnsOf } from "../plan/walk.js";
import type {
  Alias,
  FromItem,
  FunctionReference,
  JoinReference,
  SystemTime,
  TableReference,
  TimePoint,
} from "../syntax/ast-query.js";
import { fromPositionColumn, toPositionColumn } from "../table/access.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { auditQuery } from "./audit-functions.js";
import { type Binder, plainQuery, positionOf } from "./binder.js";
import { bindTableCall } from "./call.js";
import { coerce, coerceTo, unify } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { comparison } from "./operator.js";
import { findRelation, missingTable } from "./relation.js";
import {
  type CommonTables,
  type FromNames,
  findCommonTable,
  joinNames,
  noNames,
  Scope,
  type ScopeColumn,
  type ScopeRelation,
} from "./scope.js";
import { bindTypeName } from "./type-name.js";

export interface BoundFrom {
  /** Null: no FROM; one row of nothing. */
  readonly plan: PlanNode | null;
  readonly names: FromNames;
}

export const estimates = { rows: -1, cost: -1 } as const;

/** Items of a FROM list, side by side. */
export function bindFromList(
  items: readonly FromItem[],
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
  before: BoundFrom = { plan: null, names: noNames },
): BoundFrom {
  let { plan, names } = before;
  for (const item of items) {
    const right = bindFromItem(item, names, binder, parent, commonTables);
    names = joinNames(names, right.names);
    plan = plan === null ? right.plan : joinPlans("inner", plan, right.plan, null);
  }
  return { plan, names };
}

interface BoundItem {
  readonly plan: PlanNode;
  readonly names: FromNames;
}

/** A join; lateral when the right side uses columns of the left. */
export function joinPlans(
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  condition: BoundExpression | null,
): PlanNode {
  const outer = outerColumnsOf(right);
  const isLateral = left.columns.some(({ id }) => outer.has(id));
  const columns = type === "semi" || type === "anti" ? left.columns : [...left.columns, ...right.columns];
  return {
    kind: "join",
    type,
    left,
    right,
    condition,
    isLateral,
    method: { kind: "nestedLoop" },
    columns,
    ...estimates,
  };
}

function bindFromItem(
  item: FromItem,
  left: FromNames,
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
): BoundItem {
  switch (item.kind) {
    case "table":
      return bindTable(item, binder, commonTables);
    case "subqueryReference": {
      const scope = item.isLateral ? new Scope(left, parent, commonTables) : parent;
      const rows = binder.query(item.query, scope, commonTables, plainQuery);
      const columns = rows.outputs.map((output) => ({ ...output, expression: null }));
      return namedItem(rows.plan, columns, item.alias, item.alias?.name ?? "", item.location);
    }
    case "functionReference":
      return bindFunction(item, left, binder, parent, commonTables);
    case "join":
      return binder.within(-1, () => bindJoin(item, left, binder, parent, commonTables));
  }
}

/** An item under its alias, whose column names take the place of its own. */
function namedItem(
  plan: PlanNode,
  columns: readonly ScopeColumn[],
  alias: Alias | null,
  name: string,
  location: number,
  more: Partial<ScopeRelation> = {},
): BoundItem {
  if (alias !== null && alias.columns.length > columns.length) {
    throw new SqlError(
      "42P10",
      `table "${name}" has ${columns.length} columns available but ${alias.columns.length} columns specified`,
    );
  }
  const renamed = columns.map((column, index) => ({ ...column, name: alias?.columns[index] ?? column.name }));
  const relation: ScopeRelation = {
    name,
    schema: null,
    columns: renamed,
    hidden: [],
    table: null,
    isScalarFunction: false,
    location,
    keyId: null,
    ...more,
  };
  return { plan, names: { relations: [relation], columns: renamed } };
}

function bindTable(item: TableReference, binder: Binder, commonTables: CommonTables | null): BoundItem {
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
      const scoped = columns.map((column) => ({ ...column, table: 0, column: 0, expression: null }));
      return namedItem(plan, scoped, item.alias, item.alias?.name ?? name.name, location);
    }
  }
  const relation = findRelation(name, binder.environment);
  if (relation === null) throw missingTable(name);
  if (name.schema === null) binder.tableSchemas.set(name, relation.schema);
  return bindRelation(relation, item, binder);
}

function bindRelation(
  found: { readonly relation: Relation; readonly isSystem: boolean; readonly schema: string },
  item: TableReference,
  binder: Binder,
): BoundItem {
  const { relation } = found;
  if (!found.isSystem) binder.authority.expect(relation, "r");
  switch (relation.kind) {
    case "table":
      return found.isSystem
        ? bindSystemTable(relation, item, binder)
        : bindScan(relation, found.schema, item, binder, false);
    case "view":
      return bindView(relation, found.schema, item, binder);
    case "materializedView":
      return bindScan(relation.rows, found.schema, item, binder, false, relation.columns.length);
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
 * @param shown columns with higher numbers are nobody's to see
 */
export function bindScan(
  table: TableDefinition,
  schema: string,
  item: TableReference,
  binder: Binder,
  withKey: boolean,
  shown = table.columns.length,
): BoundItem {
  const alias = item.alias?.name ?? table.name;
  const live = table.columns.filter(({ isDropped, number }) => !isDropped && number <= shown);
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
  hidden.push(tableOid(table, key, item.location));
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
  return namedItem(plan, scoped, item.alias, alias, item.location, {
    schema: item.alias === null ? schema : null,
    table,
    hidden,
    keyId: key.id,
  });
}

/** `tableoid`: the table's own oid where `present`, a column that is never null in its rows, is there: not in the empty half of an outer join. */
function tableOid(table: TableDefinition, present: PlanColumn, location: number): ScopeColumn {
  const type = sqlType(typeOid.oid);
  const subject: BoundExpression = { kind: "column", ...present, location };
  const condition: BoundExpression = {
    kind: "isTest",
    test: "null",
    isNegated: true,
    subject,
    type: sqlType(typeOid.bool),
    location,
  };
  const result: BoundExpression = { kind: "constant", value: table.oid, type, location };
  const otherwise: BoundExpression = { kind: "constant", value: null, type, location };
  const expression: BoundExpression = { kind: "case", branches: [{ condition, result }], otherwise, type, location };
  return { id: present.id, name: "tableoid", type, table: 0, column: 0, expression };
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
    hidden: certain === undefined ? [] : [tableOid(table, certain, item.location)],
  });
}

function bindView(view: ViewDefinition, schema: string, item: TableReference, binder: Binder): BoundItem {
  if (item.time !== null) throw notSupported("FOR SYSTEM_TIME of a view", positionOf(item.time.location));
  const rows = binder.authority.asOwnerOf(view, () => binder.query(view.query.syntax, null, null, plainQuery));
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
  return namedItem(rows.plan, columns, item.alias, alias, item.location, {
    schema: item.alias === null ? schema : null,
  });
}

/** `unnest(a, b)` in FROM is one function for each array, side by side. */
function unnested(one: FunctionReference["functions"][number]): readonly FunctionReference["functions"][number][] {
  const { call } = one;
  if (call.kind !== "functionCall" || call.name.at(-1) !== "unnest" || call.arguments.length < 2) return [one];
  return call.arguments.map((argument) => ({
    ...one,
    call: { ...call, arguments: [argument], argumentNames: [null] },
  }));
}

function bindFunction(
  item: FunctionReference,
  left: FromNames,
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
): BoundItem {
  const scope = new Scope(left, parent, commonTables);
  const audit = auditQuery(item, binder);
  if (audit !== null) {
    const [, own = ""] = item.functions[0]?.call.kind === "functionCall" ? item.functions[0].call.name : [];
    const rows = binder.query(audit, scope, commonTables, plainQuery);
    const outputs = rows.outputs.map((output) => ({ ...output, expression: null }));
    return namedItem(rows.plan, outputs, item.alias, item.alias?.name ?? own, item.location);
  }
  const context = plainContext(binder, scope, "functions in FROM");
  const functions: FunctionScanNode["functions"][number][] = [];
  const columns: { id: number; name: string; type: SqlType }[] = [];
  const scalars: BoundExpression[] = [];
  const [only] = item.functions;
  let functionName = "";
  for (const { call, definitions } of item.functions.flatMap(unnested)) {
    const wanted = [...definitions, ...item.definitions].map(({ name, type }) => ({ name, type: bindTypeName(type) }));
    const bound =
      call.kind === "functionCall"
        ? bindTableCall(call, context, bindExpression)
        : { scalar: bindExpression(call, context) };
    const name =
      call.kind === "functionCall" ? (call.name.at(-1) ?? "") : call.kind === "specialValue" ? call.name : "coalesce";
    functionName = name;
    if ("scalar" in bound) {
      if (item.functions.length > 1) throw notSupported("ROWS FROM of a plain function", positionOf(item.location));
      if (wanted.length > 0) {
        throw new SqlError("42601", 'a column definition list is only allowed for functions returning "record"', {
          position: positionOf(item.location),
        });
      }
      scalars.push(bound.scalar);
      columns.push({ id: binder.newId(), name, type: bound.scalar.type });
      continue;
    }
    const own = bound.callee.columns;
    if (own === null && wanted.length === 0) {
      throw new SqlError("42601", 'a column definition list is required for functions returning "record"', {
        position: positionOf(item.location),
      });
    }
    if (own !== null && wanted.length > 0) {
      throw new SqlError("42601", 'a column definition list is only allowed for functions returning "record"', {
        position: positionOf(item.location),
      });
    }
    const produced = own ?? wanted;
    functions.push({ callee: bound.callee, arguments: bound.args, width: produced.length, columns: produced });
    // A function of one plain column that has no name of its own gives it its alias, if there is one.
    const isNamed = produced.length === 1 && produced[0]?.name !== name;
    const isPlain = !bound.callee.isRecord && produced.length === 1 && !isNamed;
    for (const column of produced) {
      const shown = isPlain && item.functions.length === 1 && item.alias !== null ? item.alias.name : column.name;
      columns.push({ id: binder.newId(), name: shown, type: column.type });
    }
  }
  if (scalars.length > 0 && item.alias !== null && columns[0] !== undefined) columns[0].name = item.alias.name;
  const plain = columns.slice();
  if (item.hasOrdinality) columns.push({ id: binder.newId(), name: "ordinality", type: sqlType(typeOid.int8) });
  const alias = item.alias?.name ?? functionName;
  let plan: PlanNode;
  if (scalars.length > 0) {
    const one: BoundExpression = { kind: "constant", value: 1, type: sqlType(typeOid.int8), location: -1 };
    const row = item.hasOrdinality ? [...scalars, one] : scalars;
    plan = { kind: "values", items: [row], columns, ...estimates };
  } else {
    plan = { kind: "functionScan", alias, functions, hasOrdinality: item.hasOrdinality, columns, ...estimates };
  }
  if (only !== undefined && item.definitions.length > 0 && item.functions.length > 1) {
    throw notSupported("a column definition list of several functions", positionOf(item.location));
  }
  const scoped = columns.map((column) => ({ ...column, table: 0, column: 0, expression: null }));
  return namedItem(plan, scoped, item.alias, alias, item.location, {
    isScalarFunction: plain.length === 1 && !item.hasOrdinality,
  });
}

function bindJoin(
  join: JoinReference,
  outer: FromNames,
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
): BoundItem {
  const left = bindFromItem(join.left, outer, binder, parent, commonTables);
  const right = bindFromItem(join.right, joinNames(outer, left.names), binder, parent, commonTables);
  const type = join.type === "cross" ? "inner" : join.type;
  const using = join.isNatural ? sharedNames(left.names, right.names) : join.using;
  if (join.isNatural && using !== null) binder.naturals.set(join, using);
  let condition: BoundExpression | null = null;
  let names: FromNames;
  if (using === null) {
    names = joinNames(left.names, right.names);
    if (join.condition !== null) {
      const scope = new Scope(names, lateralParent(outer, parent, commonTables), commonTables);
      const context = plainContext(binder, scope, "JOIN conditions");
      condition = coerceTo(binder, bindExpression(join.condition, context), typeOid.bool, "JOIN/ON");
    }
  } else {
    const merged = bindUsing(using, left.names, right.names, type, binder);
    condition = merged.condition;
    const isUsed = ({ name }: ScopeColumn): boolean => using.includes(name);
    names = joinNames(left.names, right.names, [
      ...merged.columns,
      ...left.names.columns.filter((column) => !isUsed(column)),
      ...right.names.columns.filter((column) => !isUsed(column)),
    ]);
    if (join.usingAlias !== null)
      names = { ...names, relations: [...names.relations, relationOf(join.usingAlias, merged.columns)] };
  }
  const plan = joinPlans(type, left.plan, right.plan, condition);
  if (plan.kind === "join" && plan.isLateral && (type === "right" || type === "full")) {
    throw new SqlError("42P10", "invalid reference to FROM-clause entry", {
      detail: "The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
    });
  }
  if (join.alias === null) return { plan, names };
  return namedItem(plan, names.columns, join.alias, join.alias.name, join.location);
}

/** Items to the left of a join are seen by LATERAL items within it, and not by its ON: PostgreSQL sees neither more nor less. */
const lateralParent = (_outer: FromNames, parent: Scope | null, _commonTables: CommonTables | null): Scope | null =>
  parent;

const relationOf = (name: string, columns: readonly ScopeColumn[]): ScopeRelation => ({
  name,
  schema: null,
  columns,
  hidden: [],
  table: null,
  isScalarFunction: false,
  location: -1,
  keyId: null,
});

const sharedNames = (left: FromNames, right: FromNames): readonly string[] => {
  const shared: string[] = [];
  for (const { name } of left.columns) {
    if (right.columns.some((column) => column.name === name) && !shared.includes(name)) shared.push(name);
  }
  return shared;
};

/** USING: the equalities, and the merged columns: the left's, the right's for RIGHT, the first that is there for FULL. */
function bindUsing(
  using: readonly string[],
  left: FromNames,
  right: FromNames,
  type: JoinType,
  binder: Binder,
): { readonly condition: BoundExpression | null; readonly columns: readonly ScopeColumn[] } {
  const terms: BoundExpression[] = [];
  const columns: ScopeColumn[] = [];
  const find = (names: FromNames, name: string, side: string): ScopeColumn => {
    const found = names.columns.filter((column) => column.name === name);
    if (found.length > 1)
      throw new SqlError("42702", `common column name "${name}" appears more than once in ${side} table`);
    const [only] = found;
    if (only !== undefined) return only;
    throw new SqlError("42703", `column "${name}" specified in USING clause does not exist in ${side} table`);
  };
  const expressionOf = (column: ScopeColumn): BoundExpression =>
    column.expression ?? { kind: "column", id: column.id, name: column.name, type: column.type, location: -1 };
  for (const name of using) {
    const a = find(left, name, "left");
    const b = find(right, name, "right");
    const { operator, left: first, right: second } = comparison(binder, "=", expressionOf(a), expressionOf(b), -1);
    if (operator.resultType.oid !== typeOid.bool) throw notSupported("USING without an equality");
    terms.push({
      kind: "call",
      callee: operator,
      arguments: [first, second],
      form: "operator",
      type: operator.resultType,
      location: -1,
    });
    const { items, type: common } = unify(binder, [expressionOf(a), expressionOf(b)], "JOIN/USING", -1);
    const [fromLeft = expressionOf(a), fromRight = expressionOf(b)] = items;
    if (type === "full") {
      const both: BoundExpression = { kind: "coalesce", items: [fromLeft, fromRight], type: common, location: -1 };
      columns.push({ name, id: binder.newId(), type: common, table: 0, column: 0, expression: both });
    } else {
      const chosen = type === "right" ? fromRight : fromLeft;
      const source = type === "right" ? b : a;
      columns.push({ ...source, type: common, expression: chosen.kind === "column" ? source.expression : chosen });
    }
  }
  const [only] = terms;
  const condition: BoundExpression | null =
    terms.length === 0
      ? null
      : terms.length === 1 && only !== undefined
        ? only
        : { kind: "and", terms, type: sqlType(typeOid.bool), location: -1 };
  return { condition, columns };
}

/** An expression that uses no column, as LIMIT and OFFSET must be. */
export function bindLimit(
  syntax: Parameters<typeof bindExpression>[0] | null,
  what: "LIMIT" | "OFFSET",
  binder: Binder,
  scope: Scope,
): BoundExpression | null {
  if (syntax === null || syntax.kind === "nullLiteral") return null;
  const own = new Scope(noNames, scope, scope.commonTables);
  const bound = bindExpression(syntax, plainContext(binder, own, what));
  for (const id of columnsOf(bound)) {
    if (scope.owns(id)) {
      throw new SqlError("42P10", `argument of ${what} must not contain variables`, {
        position: positionOf(bound.location),
      });
    }
  }
  const coerced = coerce(binder, bound, sqlType(typeOid.int8), "assignment");
  if (coerced !== null) return coerced;
  throw new SqlError("42804", `argument of ${what} must be type bigint, not type ${typeLabel(bound.type.oid)}`, {
    position: positionOf(bound.location),
  });
}
