/**
 * SEARCH and CYCLE of a recursive WITH query: columns that each round makes of the row and of what the round before has put there, as
 * PostgreSQL's rewriter does. With the query `start UNION step` over columns a, b:
 *
 *     SEARCH DEPTH FIRST BY a     s   start: ARRAY[ROW(a)]   step: s || ARRAY[ROW(a)]
 *     SEARCH BREADTH FIRST BY a   s   start: ROW(0, a)       step: ROW(s."*DEPTH*" + 1, a)
 *     CYCLE a SET m USING p       m   start: FALSE           step: CASE WHEN ROW(a) = ANY (p) THEN TRUE ELSE FALSE END
 *                                 p   start: ARRAY[ROW(a)]   step: p || ARRAY[ROW(a)]
 *
 * The step reads no row that is marked, and carries what was added to the row that it comes from.
 */
import { assert } from "../../types/assert.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { PlanColumn, PlanNode } from "../plan/plan.js";
import type { Expression } from "../syntax/ast-expression.js";
import type { CommonTable, FromItem, Query, SelectItem, SelectQuery, SetOperationQuery } from "../syntax/ast-query.js";
import { recordType, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { arrayTypeOf } from "../types/type-table.js";
import { type Binder, positionOf } from "./binder.js";
import { allOf, callOf, caseOf, columnOf, compare } from "./build-syntax.js";
import { coerce, commonOf } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { estimates } from "./from-item.js";
import { noNames, Scope } from "./scope.js";
import { expectEquality } from "./sort.js";

/** How many columns they add. */
export const addedCount = ({ search, cycle }: CommonTable): number =>
  ((search ?? null) === null ? 0 : 1) + ((cycle ?? null) === null ? 0 : 2);

export interface AddedColumns {
  readonly columns: readonly PlanColumn[];
  /** Why they cannot be added to this query, to be told once all else of it is known to be right; null for nothing. */
  problem(query: SetOperationQuery): SqlError | null;
  /** The step as it carries them, behind its own columns. */
  stepOf(query: Query): Query;
  /** @param plan of the query's own columns */
  atStart(plan: PlanNode): PlanNode;
  /** @param plan of the query's own columns, and behind them those that it carries */
  atStep(plan: PlanNode): PlanNode;
}

/** The columns of one row that were named, as one value. */
type RowOf = (columns: readonly string[]) => BoundExpression;

interface Added {
  readonly name: string;
  readonly type: SqlType;
  readonly start: (row: RowOf) => BoundExpression;
  readonly step: (row: RowOf, carried: (name: string) => BoundExpression) => BoundExpression;
}

const int8 = sqlType(typeOid.int8);
const path: SqlType = { ...sqlType(arrayTypeOf(typeOid.record)), isOfSearch: true };
const depthName = "*DEPTH*";

/** @param columns those of the query itself */
export function addedColumns(table: CommonTable, columns: readonly PlanColumn[], binder: Binder): AddedColumns {
  const added = [...searchColumns(table, columns, binder), ...cycleColumns(table, binder)];
  const own = columns.length;
  const rowOver =
    (plan: PlanNode): RowOf =>
    (names) =>
      rowOf(names, columns, plan.columns);
  const extend = (plan: PlanNode, values: readonly BoundExpression[]): PlanNode => {
    if (added.length === 0) return plan;
    const expressions = [...plan.columns.slice(0, own).map(valueOf), ...values];
    const named = expressions.map(({ type }, index) => ({
      id: binder.newId(),
      name: columns[index]?.name ?? added[index - own]?.name ?? "",
      type,
    }));
    return { kind: "project", input: plan, expressions, columns: named, ...estimates };
  };
  return {
    columns: added.map(({ name, type }) => ({ id: binder.newId(), name, type })),
    problem: (query) => (added.length === 0 ? null : problemOf(table, columns, query)),
    stepOf: (query) => (added.length === 0 ? query : stepOf(query, table, added)),
    atStart: (plan) =>
      extend(
        plan,
        added.map(({ start }) => start(rowOver(plan))),
      ),
    atStep: (plan) => {
      const carried = (name: string): BoundExpression => {
        const column = plan.columns[own + added.findIndex((one) => one.name === name)];
        assert(column !== undefined, "the step carries what was added");
        return valueOf(column);
      };
      return extend(
        plan,
        added.map(({ step }) => step(rowOver(plan), carried)),
      );
    },
  };
}

function searchColumns(
  { search = null }: CommonTable,
  columns: readonly PlanColumn[],
  binder: Binder,
): readonly Added[] {
  if (search === null) return [];
  const { sequence: name, columns: by } = search;
  if (search.order === "depth") return [pathColumn(name, by, binder)];
  const types = by.flatMap((each) => columns.filter((column) => column.name === each).slice(0, 1));
  const type: SqlType = { ...recordType([{ name: depthName, type: int8 }, ...types]), isOfSearch: true };
  const at = (depth: BoundExpression, row: BoundExpression): BoundExpression => {
    assert(row.kind === "rowOf", "a row is made of its columns");
    const names = [depthName, ...row.names];
    return { kind: "rowOf", names, items: [depth, ...row.items], type, location: -1 };
  };
  const zero: BoundExpression = { kind: "constant", value: 0n, type: int8, location: -1 };
  return [
    {
      name,
      type,
      start: (row) => at(zero, row(by)),
      step: (row, carried) => {
        const depth: BoundExpression = { kind: "field", record: carried(name), index: 0, type: int8, location: -1 };
        return at(computed(callOf("int8inc", columnOf("", "depth")), { depth }, binder), row(by));
      },
    },
  ];
}

function cycleColumns({ cycle = null }: CommonTable, binder: Binder): readonly Added[] {
  if (cycle === null) return [];
  const { mark, path: pathName, columns: by } = cycle;
  const context = plainContext(binder, new Scope(noNames, null, null), "CYCLE");
  const [value, otherwise] = [bindExpression(cycle.value, context), bindExpression(cycle.otherwise, context)];
  const type = commonOf([value, otherwise], "CYCLE");
  const as = (given: BoundExpression, what: string): BoundExpression => {
    const converted = coerce(binder, given, type, "implicit");
    if (converted !== null) return converted;
    const message = `${what} could not convert type ${typeLabel(given.type.oid)} to ${typeLabel(type.oid)}`;
    throw new SqlError("42846", message, { position: positionOf(given.location) });
  };
  const marked = as(value, "CYCLE/SET/TO");
  const unmarked = as(otherwise, "CYCLE/SET/DEFAULT");
  expectEquality(binder, type, -1);
  const isSeen: Expression = {
    kind: "quantified",
    name: "=",
    schema: "pg_catalog",
    quantifier: "any",
    left: columnOf("", "row"),
    right: columnOf("", "path"),
    location: -1,
  };
  const marking = caseOf(isSeen, columnOf("", "marked"), columnOf("", "unmarked"));
  return [
    {
      name: mark,
      type,
      start: () => unmarked,
      step: (row, carried) => computed(marking, { row: row(by), path: carried(pathName), marked, unmarked }, binder),
    },
    pathColumn(pathName, by, binder),
  ];
}

function pathColumn(name: string, by: readonly string[], binder: Binder): Added {
  const one: Expression = { kind: "array", items: [columnOf("", "row")], location: -1 };
  const longer = callOf("array_cat", columnOf("", "path"), one);
  return {
    name,
    type: path,
    start: (row) => computed(one, { row: row(by) }, binder),
    step: (row, carried) => computed(longer, { row: row(by), path: carried(name) }, binder),
  };
}

/** Syntax whose names stand for values. */
function computed(
  syntax: Expression,
  values: Readonly<Record<string, BoundExpression>>,
  binder: Binder,
): BoundExpression {
  const columns = Object.entries(values).map(([name, expression]) => ({
    name,
    id: 0,
    type: expression.type,
    table: 0,
    column: 0,
    expression,
  }));
  const names = {
    relations: [
      {
        name: "",
        schema: null,
        columns,
        hidden: [],
        table: null,
        isScalarFunction: false,
        location: -1,
        keyId: null,
      },
    ],
    columns,
  };
  return bindExpression(syntax, plainContext(binder, new Scope(names, null, null), "SELECT"));
}

const valueOf = ({ id, name, type }: PlanColumn): BoundExpression => ({ kind: "column", id, name, type, location: -1 });

/** The first column of each name. */
function rowOf(
  names: readonly string[],
  columns: readonly PlanColumn[],
  values: readonly PlanColumn[],
): BoundExpression {
  const items = names.map((name) => {
    const value = values[columns.findIndex((column) => column.name === name)];
    assert(value !== undefined, "a column that is searched by is one of the query's");
    return valueOf(value);
  });
  const fields = items.map(({ type }, index) => ({ name: names[index] ?? "", type }));
  return { kind: "rowOf", names, items, type: recordType(fields), location: -1 };
}

// ------------------------------------------------------------------ what cannot be done

const isSelect = (query: Query): boolean =>
  query.kind !== "setOperation" ||
  query.with !== null ||
  query.order.length > 0 ||
  query.limit !== null ||
  query.offset !== null ||
  query.locks.length > 0;

function problemOf(
  table: CommonTable,
  columns: readonly PlanColumn[],
  { left, right }: SetOperationQuery,
): SqlError | null {
  const { name, search = null, cycle = null } = table;
  const side = (which: string): SqlError =>
    new SqlError("0A000", `with a SEARCH or CYCLE clause, the ${which} side of the UNION must be a SELECT`);
  if (!isSelect(left)) return side("left");
  if (!isSelect(right)) return side("right");
  const wrong = namesProblem(table, new Set(columns.map((column) => column.name)));
  if (wrong !== null) return wrong;
  const named = right.kind === "select" ? referenceIn(right, name) : null;
  if (named === null)
    return new SqlError(
      "0A000",
      `with a SEARCH or CYCLE clause, the recursive reference to WITH query "${name}" must be at the top level of its right-hand SELECT`,
    );
  const isGrouped =
    right.kind === "select" && (right.distinct !== null || right.group.length > 0 || right.having !== null);
  const { location } = search ?? cycle ?? table;
  return isGrouped ? notSupported("SEARCH or CYCLE of rows that are grouped", positionOf(location)) : null;
}

function namesProblem({ search = null, cycle = null }: CommonTable, taken: ReadonlySet<string>): SqlError | null {
  const at = (location: number, sqlState: string, message: string): SqlError =>
    new SqlError(sqlState, message, { position: positionOf(location) });
  const listProblem = (word: string, names: readonly string[], location: number): SqlError | null => {
    const seen = new Set<string>();
    for (const name of names) {
      if (!taken.has(name)) return at(location, "42601", `${word} column "${name}" not in WITH query column list`);
      if (seen.has(name)) return at(location, "42701", `${word} column "${name}" specified more than once`);
      seen.add(name);
    }
    return null;
  };
  const takenProblem = (what: string, name: string, location: number): SqlError | null =>
    taken.has(name)
      ? at(location, "42601", `${what} column name "${name}" already used in WITH query column list`)
      : null;
  const sameProblem = (first: string, second: string, location: number): SqlError =>
    at(location, "42601", `${first} column name and ${second} column name are the same`);
  if (search !== null) {
    const { columns, sequence, location } = search;
    const wrong = listProblem("search", columns, location) ?? takenProblem("search sequence", sequence, location);
    if (wrong !== null) return wrong;
  }
  if (cycle === null) return null;
  const { columns, mark, path: pathName, location } = cycle;
  const wrong =
    listProblem("cycle", columns, location) ??
    takenProblem("cycle mark", mark, location) ??
    takenProblem("cycle path", pathName, location);
  if (wrong !== null) return wrong;
  if (mark === pathName) return sameProblem("cycle mark", "cycle path", location);
  if (search === null) return null;
  if (search.sequence === mark) return sameProblem("search sequence", "cycle mark", search.location);
  return search.sequence === pathName ? sameProblem("search sequence", "cycle path", search.location) : null;
}

// ------------------------------------------------------------------ the step

/** Where a SELECT reads the rows of the round before, among the items of its FROM; null where it reads them further within. */
function referenceIn({ with: own, from }: SelectQuery, name: string): Extract<FromItem, { kind: "table" }> | null {
  if (own?.tables.some((table) => table.name === name) === true) return null;
  const pending = [...from];
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (item.kind === "join" && item.alias === null) pending.push(item.left, item.right);
    if (item.kind === "table" && item.name.schema === null && item.name.name === name) return item;
  }
  return null;
}

function stepOf(query: Query, { name, cycle = null }: CommonTable, added: readonly Added[]): Query {
  assert(query.kind === "select", "only a SELECT carries what was added");
  const reference = referenceIn(query, name);
  assert(reference !== null, "the step reads the rows of the round before");
  const carried = (index: number): Expression => columnOf(reference.alias?.name ?? name, added[index]?.name ?? "");
  const items = added.map((_, index): SelectItem => ({ expression: carried(index), name: null, location: -1 }));
  const isMark = added.findIndex((one) => one.name === cycle?.mark);
  const unmarked = cycle === null ? [] : [compare("<>", carried(isMark), cycle.value)];
  const conditions = query.where === null ? unmarked : [query.where, ...unmarked];
  return { ...query, items: [...query.items, ...items], where: allOf(conditions) };
}
