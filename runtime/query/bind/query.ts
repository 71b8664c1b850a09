/** Queries of every form: SELECT, VALUES, set operations, and the WITH before them. */
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import { type CommonTableNode, lockNames, type PlanColumn, type PlanNode, type SortKey } from "../plan/plan.js";
import type { Expression } from "../syntax/ast-expression.js";
import { isModification } from "../syntax/ast-modify.js";
import type { CommonTable, Query, SetOperationQuery, ValuesQuery, WithClause } from "../syntax/ast-query.js";
import { namedOid, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { formatType, typeLabel } from "../types/type-name.js";
import { beginningOf } from "./beginning.js";
import {
  type Binder,
  type BoundRows,
  type OutputColumn,
  outputOf,
  plainQuery,
  positionOf,
  type QueryOptions,
  untypedQuery,
} from "./binder.js";
import { coerce, commonOf } from "./coerce.js";
import { plainContext } from "./context.js";
import { expectEntries } from "./entries.js";
import { bindExpression } from "./expression.js";
import { estimates } from "./from-item.js";
import { addLimit, boundLimit } from "./limit.js";
import { checkRecursiveTerm, mentions, referencesTo } from "./recursive-term.js";
import { type CommonTableBinding, type CommonTables, noNames, Scope } from "./scope.js";
import { addedColumns, addedCount } from "./search-cycle.js";
import { bindSelect, sortOf } from "./select.js";
import { bindSort, expectEquality } from "./sort.js";
import { inOrder } from "./with-order.js";

export function bindQuery(
  binder: Binder,
  query: Query,
  parent: Scope | null,
  outerTables: CommonTables | null,
  options: QueryOptions,
): BoundRows {
  const bound = bindWith(query.with, binder, parent, outerTables);
  const rows = bindBody(query, binder, parent, bound.tables, options);
  return bound.modifications.length === 0
    ? rows
    : { ...rows, plan: afterModifications(rows.plan, bound.modifications) };
}

export const afterModifications = (input: PlanNode, modifications: readonly CommonTableNode[]): PlanNode => ({
  kind: "withModifications",
  input,
  modifications,
  columns: input.columns,
  ...estimates,
});

function bindBody(
  query: Query,
  binder: Binder,
  parent: Scope | null,
  tables: CommonTables | null,
  options: QueryOptions,
): BoundRows {
  switch (query.kind) {
    case "select":
      return bindSelect(query, binder, parent, tables, options);
    case "values":
      return bindValues(query, binder, parent, tables);
    case "setOperation":
      return bindSetOperation(query, binder, parent, tables);
  }
}

export interface BoundWith {
  readonly tables: CommonTables | null;
  readonly modifications: readonly CommonTableNode[];
}

/** The queries of a WITH, each visible to those after it (to all, itself too, when RECURSIVE). */
export function bindWith(
  clause: WithClause | null,
  binder: Binder,
  parent: Scope | null,
  outerTables: CommonTables | null,
): BoundWith {
  // Queries of a WITH further out are told from its own.
  if (clause === null)
    return { tables: outerTables === null ? null : { tables: [], parent: outerTables }, modifications: [] };
  const bound: CommonTableBinding[] = [];
  const modifications: CommonTableNode[] = [];
  for (const { statement, location } of clause.tables)
    if (statement.kind === "merge")
      throw new SqlError("0A000", "MERGE not supported in WITH query", { position: positionOf(location) });
  const ordered = inOrder(clause);
  for (const [index, table] of ordered.entries()) {
    const later = ordered.slice(index).map(({ name }) => name);
    const tables: CommonTables = { tables: bound.slice(), parent: outerTables, later };
    const { statement } = table;
    const number = binder.newId();
    if (isModification(statement)) {
      binder.writes = true;
      const modification = binder.modification(statement, tables);
      if (!binder.isTopLevel)
        throw new SqlError("0A000", "WITH clause containing a data-modifying statement must be at the top level", {
          position: positionOf(table.location),
        });
      const returned = modification.returning?.columns ?? [];
      const columns = returned.map(({ name, type }) => ({ id: binder.newId(), name, type }));
      const plan: PlanNode = { kind: "modification", modification, columns, ...estimates };
      const named = nameColumns(columns, table);
      bound.push({ name: table.name, number, columns: named, source: plan });
      const sourceColumns = columns.map(({ id }) => id);
      modifications.push({
        kind: "commonTable",
        name: table.name,
        number,
        sourceColumns,
        source: plan,
        columns,
        ...estimates,
      });
      continue;
    }
    const recursive =
      clause.isRecursive && mentions(statement, table.name)
        ? bindRecursive(statement, table, number, binder, parent, tables)
        : null;
    const rows = recursive ?? binder.query(statement, parent, tables, plainQuery);
    const added = addedCount(table);
    if (recursive === null && added > 0)
      throw new SqlError("42601", "WITH query is not recursive", { position: positionOf(table.location) });
    const columns = nameColumns(
      rows.outputs.map(({ id, name, type }) => ({ id, name, type })),
      table,
    );
    bound.push({ name: table.name, number, columns, source: rows.plan, added });
  }
  return { tables: { tables: bound, parent: outerTables }, modifications };
}

function nameColumns(
  columns: readonly PlanColumn[],
  { name: table, columns: names, location }: CommonTable,
): readonly PlanColumn[] {
  if (names.length > columns.length) {
    throw new SqlError(
      "42P10",
      `WITH query "${table}" has ${columns.length} columns available but ${names.length} columns specified`,
      { position: positionOf(location) },
    );
  }
  return columns.map((column, index) => ({ ...column, name: names[index] ?? column.name }));
}

function bindRecursive(
  query: Query,
  table: CommonTable,
  number: number,
  binder: Binder,
  parent: Scope | null,
  outerTables: CommonTables,
): BoundRows {
  const { name } = table;
  if (query.kind !== "setOperation" || query.operation !== "union") {
    throw new SqlError(
      "42P19",
      `recursive query "${name}" does not have the form non-recursive-term UNION [ALL] recursive-term`,
      { position: positionOf(table.location) },
    );
  }
  const refuse = (clause: string, syntax?: Expression | null): SqlError =>
    new SqlError("0A000", `${clause} in a recursive query is not implemented`, {
      position: positionOf(syntax === null || syntax === undefined ? -1 : beginningOf(syntax)),
    });
  if (query.order.length > 0) throw refuse("ORDER BY", query.order[0]?.expression);
  if (query.offset !== null) throw refuse("OFFSET", query.offset);
  if (query.limit !== null) throw refuse("LIMIT", query.limit);
  if (query.locks.length > 0) throw refuse("FOR UPDATE/SHARE");
  const inner = binder.statement(() => bindWith(query.with, binder, parent, outerTables));
  const [early] = referencesTo(query.left, name);
  if (early !== undefined)
    throw new SqlError(
      "42P19",
      `recursive reference to query "${name}" must not appear within its non-recursive term`,
      {
        position: positionOf(early.location),
      },
    );
  checkRecursiveTerm(query.right, name);
  const start = binder.query(query.left, parent, inner.tables, untypedQuery);
  const columns = nameColumns(
    start.outputs.map(({ name: own, type, untyped }) => ({
      id: binder.newId(),
      name: own,
      type: untyped === null ? type : sqlType(typeOid.text),
    })),
    table,
  );
  const additions = addedColumns(table, columns, binder);
  const all = [...columns, ...additions.columns];
  const working: CommonTableBinding = { name, number, columns: all, source: null, added: additions.columns.length };
  const tables: CommonTables = { tables: [working], parent: inner.tables };
  const problem = additions.problem(query);
  const right = problem === null ? additions.stepOf(query.right) : query.right;
  const step = binder.query(right, parent, tables, untypedQuery);
  const own = step.outputs.length - (problem === null ? additions.columns.length : 0);
  const [first, second, types] = united(start, { ...step, outputs: step.outputs.slice(0, own) }, "UNION", binder);
  for (const [index, type] of types.entries()) {
    const before = columns[index]?.type ?? type;
    if (namedOid(type) === namedOid(before) && type.modifier === before.modifier) continue;
    const labelOf = (one: SqlType): string =>
      one.domain === undefined ? formatType(one.oid, one.modifier) : binder.labelOf(one);
    throw new SqlError(
      "42804",
      `recursive query "${name}" column ${index + 1} has type ${labelOf(before)} in non-recursive term but type ${labelOf(type)} overall`,
      {
        position: positionOf(first[index]?.location ?? -1),
        hint: "Cast the output of the non-recursive term to the correct type.",
      },
    );
  }
  if (!query.isAll)
    for (const [index, type] of types.entries()) expectEquality(binder, type, first[index]?.location ?? -1);
  if (problem !== null) throw problem;
  const carried = step.outputs.slice(own).map(outputOf);
  const plan: PlanNode = {
    kind: "recursive",
    name,
    number,
    isAll: query.isAll,
    start: additions.atStart(projected(start, first, binder)),
    step: additions.atStep(projected(step, [...second, ...carried], binder)),
    columns: all,
    ...estimates,
  };
  return { plan, outputs: all.map((column) => outputColumn(column, -1)) };
}

/** A column that is none of a table's. */
const outputColumn = (column: PlanColumn, location: number): OutputColumn => ({
  ...column,
  table: 0,
  column: 0,
  location,
  untyped: null,
});

/** Both queries' columns as values of the types that they have in common: one column after the other, so that of several errors the first is told. */
function united(
  left: BoundRows,
  right: BoundRows,
  what: string,
  binder: Binder,
): readonly [left: readonly BoundExpression[], right: readonly BoundExpression[], types: readonly SqlType[]] {
  if (left.outputs.length !== right.outputs.length)
    throw new SqlError("42601", `each ${what} query must have the same number of columns`, {
      position: positionOf(right.outputs[0]?.location ?? -1),
    });
  const lefts: BoundExpression[] = [];
  const rights: BoundExpression[] = [];
  const types: SqlType[] = [];
  for (const [index, output] of left.outputs.entries()) {
    const first = outputOf(output);
    const second = outputOf(right.outputs[index] ?? output);
    const type = commonOf([first, second], what);
    types.push(type);
    lefts.push(coerceToCommon(first, type, what, binder));
    rights.push(coerceToCommon(second, type, what, binder));
  }
  return [lefts, rights, types];
}

function coerceToCommon(value: BoundExpression, type: SqlType, what: string, binder: Binder): BoundExpression {
  const coerced = coerce(binder, value, type, "implicit");
  if (coerced !== null) return coerced;
  const message = `${what} could not convert type ${typeLabel(value.type.oid)} to ${typeLabel(type.oid)}`;
  throw new SqlError("42846", message, { position: positionOf(value.location) });
}

/** The query's rows as exactly these values, and nothing beside them. */
function projected({ plan, outputs }: BoundRows, expressions: readonly BoundExpression[], binder: Binder): PlanNode {
  const isSame =
    plan.columns.length === expressions.length &&
    expressions.every((expression, index) => expression.kind === "column" && expression.id === plan.columns[index]?.id);
  if (isSame) return plan;
  const columns = expressions.map(({ type }, index) => ({
    id: binder.newId(),
    name: outputs[index]?.name ?? "",
    type,
  }));
  return { kind: "project", input: plan, expressions, columns, ...estimates };
}

function bindSetOperation(
  query: SetOperationQuery,
  binder: Binder,
  parent: Scope | null,
  tables: CommonTables | null,
): BoundRows {
  const what = query.operation.toUpperCase();
  if (query.locks.length > 0) {
    const strength = lockNames[query.locks[0]?.strength ?? "update"];
    throw new SqlError("0A000", `${strength} is not allowed with UNION/INTERSECT/EXCEPT`);
  }
  const left = binder.query(query.left, parent, tables, untypedQuery);
  const right = binder.query(query.right, parent, tables, untypedQuery);
  const [first, second, types] = united(left, right, what, binder);
  if (!(query.operation === "union" && query.isAll))
    for (const [index, type] of types.entries()) expectEquality(binder, type, first[index]?.location ?? -1);
  const columns = types.map((type, index) => ({ id: binder.newId(), name: left.outputs[index]?.name ?? "", type }));
  const plan: PlanNode = {
    kind: "setOperation",
    operation: query.operation,
    isAll: query.isAll,
    left: projected(left, first, binder),
    right: projected(right, second, binder),
    columns,
    ...estimates,
  };
  return withTail(
    query,
    { plan, outputs: columns.map((column, index) => outputColumn(column, first[index]?.location ?? -1)) },
    binder,
    parent,
    tables,
  );
}

function bindValues(query: ValuesQuery, binder: Binder, parent: Scope | null, tables: CommonTables | null): BoundRows {
  const scope = new Scope(noNames, parent, tables);
  const context = plainContext(binder, scope, "VALUES");
  const width = query.rows[0]?.length ?? 0;
  const rows = query.rows.map((row) => {
    if (row.length !== width) {
      throw new SqlError("42601", "VALUES lists must all be the same length", {
        position: positionOf(row[0]?.location ?? -1),
      });
    }
    return row.map((item) => bindExpression(item, context));
  });
  expectEntries(width);
  const types = Array.from({ length: width }, (_, index) => {
    const column = rows.flatMap((row) => row.slice(index, index + 1));
    return commonOf(column, "VALUES");
  });
  const items = rows.map((row) =>
    row.map((item, index) => coerceToCommon(item, types[index] ?? item.type, "VALUES", binder)),
  );
  const [firstRow = []] = items;
  const columns = firstRow.map(({ type }, index) => ({
    id: binder.newId(),
    name: `column${index + 1}`,
    type: types[index] ?? type,
  }));
  const plan: PlanNode = { kind: "values", items, columns, ...estimates };
  return withTail(
    query,
    { plan, outputs: columns.map((column) => outputColumn(column, -1)), parts: [] },
    binder,
    parent,
    tables,
  );
}

/** ORDER BY, LIMIT and OFFSET of a query that has only output columns to sort by. */
function withTail(
  query: SetOperationQuery | ValuesQuery,
  rows: BoundRows,
  binder: Binder,
  parent: Scope | null,
  tables: CommonTables | null,
): BoundRows {
  if (query.kind === "values" && query.locks.length > 0)
    throw new SqlError("0A000", "FOR UPDATE cannot be applied to VALUES");
  const keys: SortKey[] = query.order.map((item) => {
    const { expression } = item;
    const position = positionOf(item.location);
    let output: OutputColumn | undefined;
    if (expression.kind === "integerLiteral") {
      output = rows.outputs[expression.value - 1];
      if (output === undefined) {
        throw new SqlError("42P10", `ORDER BY position ${expression.value} is not in select list`, { position });
      }
    } else if (expression.kind === "columnName" && expression.parts.length === 1) {
      const [name = ""] = expression.parts;
      output = rows.outputs.find((one) => one.name === name);
      if (output === undefined) throw new SqlError("42703", `column "${name}" does not exist`, { position });
    } else if (query.kind === "setOperation") {
      throw new SqlError("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause", {
        position,
        detail: "Only result column names can be used, not expressions or functions.",
        hint: "Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
      });
    } else throw notSupported("ORDER BY of VALUES by an expression", position);
    return bindSort(binder, item, outputOf(output), position);
  });
  const sorted = keys.length > 0 ? sortOf(rows.plan, keys) : rows.plan;
  const limits = boundLimit(query, binder, new Scope(noNames, parent, tables));
  return { ...rows, plan: addLimit(sorted, query, keys, limits) };
}
