/** SELECT, from its clauses to a tree of operators. */
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import { type LockNode, lockNames, type PlanColumn, type PlanNode, type SortKey } from "../plan/plan.js";
import { expressionKey } from "../plan/walk.js";
import { type ColumnName, type Expression, isConstant, type SortItem } from "../syntax/ast-expression.js";
import type { FromItem, RowLock, SelectItem, SelectQuery } from "../syntax/ast-query.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { beginningOf } from "./beginning.js";
import {
  type Binder,
  type BoundRows,
  lockedQuery,
  type OutputColumn,
  plainQuery,
  positionOf,
  type QueryOptions,
} from "./binder.js";
import { asText, coerceTo, isUnknown } from "./coerce.js";
import { type CollectedWindow, Collector, type ExpressionContext, plainContext } from "./context.js";
import { expectEntries } from "./entries.js";
import { bindExpression } from "./expression.js";
import { fieldsOf } from "./field.js";
import { bindFromList } from "./from.js";
import { estimates } from "./from-item.js";
import { Grouping } from "./group.js";
import { addLimit, boundLimit } from "./limit.js";
import { missingRelation } from "./missing-relation.js";
import { columnNameOf } from "./names.js";
import { addSets, areSetsBehind, madeOf, postponedOf, projectEarly, projectLate } from "./postpone.js";
import { type CommonTables, type LockablePart, reference, Scope, type ScopeColumn } from "./scope.js";
import { usedCalls } from "./set-collector.js";
import { bindSort, expectEquality } from "./sort.js";
import { addWindows, bindWindows } from "./window.js";
import { windowSets } from "./window-sets.js";

interface Output {
  readonly id: ColumnId;
  readonly name: string;
  expression: BoundExpression;
  /** Only sorted by. */
  readonly isHidden: boolean;
}

export function bindSelect(
  query: SelectQuery,
  binder: Binder,
  parent: Scope | null,
  commonTables: CommonTables | null,
  options: QueryOptions,
): BoundRows {
  if (query.into !== null) throw notSupported("SELECT INTO", positionOf(query.into.location));
  const keepsKeys = options.keepsKeys || query.locks.length > 0;
  const inner = keepsKeys ? lockedQuery : plainQuery;
  const from = bindFromList(query.from, binder, parent, commonTables, undefined, inner);
  const scope = new Scope(from.names, parent, commonTables);
  const collector = new Collector();
  const context: ExpressionContext = {
    ...plainContext(binder, scope, "SELECT"),
    collector,
    windows: query.windows,
    allowsWindows: true,
    sets: collector.sets,
  };
  let plan: PlanNode = from.plan ?? oneRow();
  // In PostgreSQL's order, so that of several errors the same one is told.
  const outputs = bindItems(query.items, context);
  if (query.where !== null) {
    const condition = coerceTo(
      binder,
      bindExpression(query.where, plainContext(binder, scope, "WHERE")),
      typeOid.bool,
      "WHERE",
    );
    plan = filterOf(plan, condition);
  }
  const having =
    query.having === null
      ? null
      : coerceTo(
          binder,
          bindExpression(query.having, { ...context, clause: "HAVING", allowsWindows: false, sets: null }),
          typeOid.bool,
          "HAVING",
        );
  const order = query.order.map((item) => bindOrder(item, outputs, context, "ORDER BY"));
  const grouping = query.group.length === 0 ? null : new Grouping(query, outputs, collector, scope, binder);
  const distinctOn =
    query.distinct === null || query.distinct.length === 0
      ? []
      : query.distinct.map((expression) => bindOrder(sortItem(expression), outputs, context, "DISTINCT ON"));
  expectEntries(outputs.length);
  const limits = boundLimit(query, binder, scope);
  let windows = bindWindows(collector, context, bindExpression);
  const isGrouped =
    query.group.length > 0 || having !== null || collector.aggregates.length > 0 || collector.groupings.length > 0;
  let sets = collector.sets.calls;
  if (isGrouped) {
    const groups = grouping ?? new Grouping(query, outputs, collector, scope, binder);
    const finish = (expression: BoundExpression): BoundExpression => groups.finish(expression);
    for (const output of outputs) output.expression = finish(output.expression);
    windows = windows.map((window) => finishWindow(window, finish));
    // What is grouped by has its rows already.
    const later = usedCalls(sets, [...outputs.map(({ expression }) => expression), ...windows.flatMap(windowKeys)]);
    sets = later.map((set) => ({ ...set, arguments: set.arguments.map(finish) }));
    const finishedHaving = having === null ? null : finish(having);
    // HAVING alone makes one group of whatever there is: PostgreSQL does not even look at it.
    const isOneGroup =
      query.group.length === 0 && collector.aggregates.length === 0 && collector.groupings.length === 0;
    plan = isOneGroup ? oneRow() : groups.plan(plan);
    if (finishedHaving !== null) plan = filterOf(plan, finishedHaving);
  }
  // What is compared with others of its column is text when nothing else is known of it.
  const isCompared = query.distinct !== null && query.distinct.length === 0;
  if (isCompared || !options.keepsUnknown)
    for (const output of outputs) output.expression = asText(binder, output.expression);
  const made = sets.length === 0 ? null : windowSets(plan, windows, sets, binder);
  if (made !== null) {
    ({ plan, windows } = made);
    for (const output of outputs) output.expression = made.replace(output.expression);
    const replaced = sets.map((set) => ({ ...set, arguments: set.arguments.map(made.replace) }));
    sets = usedCalls(
      replaced,
      outputs.map(({ expression }) => expression),
    );
  }
  plan = addWindows(plan, windows);
  const keys = order.map((key) => toOutput(key, outputs));
  if (keys.length > 0 && distinctOn.length > 0 && areSetsBehind(sets, outputs, [...order, ...distinctOn])) {
    const late = madeOf(sets, outputs);
    const early = projectEarly(
      plan,
      outputs,
      late,
      sets.flatMap((set) => set.arguments),
    );
    const rows = addSets(addDistinct(binder, early, query, outputs, keys, distinctOn), sets);
    const final = outputs.map((output) => ({ ...output, id: binder.newId() }));
    const finalKeys = order.map((key) => toOutput({ ...key, outputId: idIn(key, outputs, final) }, final));
    plan = addLimit(projectLate(rows, outputs, late, final), query, finalKeys, limits);
    return { plan, outputs: final.filter(({ isHidden }) => !isHidden).map((output) => outputColumn(output, scope)) };
  }
  if (sets.length > 0) plan = addSets(plan, sets);
  const computed = isGrouped ? "aggregate functions" : windows.length > 0 ? "window functions" : null;
  const locks = query.locks.length > 0 ? bindLocks(query, scope, computed, binder) : [];
  const parts =
    options.keepsKeys && computed === null && query.distinct === null && sets.length === 0
      ? partsOf(query, scope)
      : null;
  const isPicked = keys.length > 0 || query.limit !== null;
  if (isPicked && query.distinct === null && locks.length === 0 && parts === null && sets.length === 0) {
    const postponed = postponedOf(outputs, keys);
    if (postponed.size > 0) {
      const early = projectEarly(plan, outputs, postponed);
      const first = addLimit(keys.length > 0 ? sortOf(early, keys) : early, query, keys, limits);
      const final = outputs.map((output) => ({ ...output, id: binder.newId() }));
      plan = projectLate(first, outputs, postponed, final);
      return { plan, outputs: final.filter(({ isHidden }) => !isHidden).map((output) => outputColumn(output, scope)) };
    }
  }
  plan = projectOf(plan, outputs, new Set([...locks, ...(parts ?? [])].map(({ keyId }) => keyId)));
  if (query.distinct !== null) plan = addDistinct(binder, plan, query, outputs, keys, distinctOn);
  if (keys.length > 0 && (query.distinct === null || query.distinct.length === 0)) plan = sortOf(plan, keys);
  if (locks.length > 0) {
    binder.locks = true;
    plan = { kind: "lock", input: plan, locks, columns: plan.columns, ...estimates };
  }
  plan = addLimit(plan, query, keys, limits);
  const visible = outputs.filter(({ isHidden }) => !isHidden);
  return { plan, outputs: visible.map((output) => outputColumn(output, scope)), parts, locks };
}

/** What rows are told apart and sorted by. */
const windowKeys = ({ partition, order }: CollectedWindow): readonly BoundExpression[] => [
  ...partition,
  ...order.map(({ expression }) => expression),
];

const sortItem = (expression: Expression): SortItem => ({
  expression,
  isDescending: false,
  nullsFirst: null,
  using: null,
  location: expression.location,
});

/** A row of no columns: what a SELECT without FROM reads. */
export const oneRow = (): PlanNode => ({ kind: "values", items: [[]], columns: [], ...estimates });

export const filterOf = (input: PlanNode, condition: BoundExpression): PlanNode => ({
  kind: "filter",
  input,
  condition,
  columns: input.columns,
  ...estimates,
});

export const sortOf = (input: PlanNode, keys: readonly SortKey[]): PlanNode => ({
  kind: "sort",
  input,
  keys,
  presorted: 0,
  top: null,
  columns: input.columns,
  ...estimates,
});

function bindItems(items: readonly SelectItem[], context: ExpressionContext): Output[] {
  const { binder, scope } = context;
  const outputs: Output[] = [];
  const add = (name: string, expression: BoundExpression): void => {
    outputs.push({ id: binder.newId(), name, expression, isHidden: false });
  };
  for (const item of items) {
    const { expression } = item;
    if (expression.kind === "columnName" && expression.isStar) {
      for (const [name, column] of expandStar(expression, scope, binder)) add(name, column);
      const names = starNames(expression, scope);
      if (names !== null) binder.stars.set(expression, names);
    } else if (expression.kind === "indirection" && expression.step.kind === "star") {
      const row = bindExpression(expression.subject, context);
      const fields = fieldsOf(row, expression, binder);
      for (const [name, field] of fields) add(name, field);
      const { subject, location } = expression;
      const steps = fields.map(([name]) => ({ kind: "field", name }) as const);
      binder.stars.set(
        expression,
        steps.map((step) => ({ kind: "indirection", subject, step, location })),
      );
    } else {
      const bound = bindExpression(expression, context);
      if (expression.kind === "columnName" && expression.isOfCopy === true) expectGiven(bound, scope);
      add(item.name ?? columnNameOf(expression), bound);
    }
  }
  return outputs;
}

/** Columns of `*` or `t.*` with their names. */
export function expandStar(
  star: Extract<Expression, { kind: "columnName" }>,
  scope: Scope,
  binder: Binder,
): readonly (readonly [name: string, expression: BoundExpression])[] {
  const { parts, location } = star;
  const all = (columns: readonly ScopeColumn[], prefix: string) =>
    columns
      .filter(isExpanded)
      .map((column) => [column.name, reference(column, location, `${prefix}${column.name}`)] as const);
  if (parts.length === 0) {
    if (scope.names.relations.length === 0) {
      throw new SqlError("42601", "SELECT * with no tables specified is not valid", { position: positionOf(location) });
    }
    const shown = star.isOfCopy === true ? scope.names.columns.filter(isGiven(scope)) : scope.names.columns;
    return shown.filter(isExpanded).map((column) => {
      const owner = scope.names.relations.find(({ columns }) => columns.includes(column));
      return [
        column.name,
        reference(column, location, owner === undefined ? column.name : `${owner.name}.${column.name}`),
      ] as const;
    });
  }
  const name = parts.at(-1) ?? "";
  const relation = scope.relation(parts.at(-2) ?? null, name, location);
  if (relation === null) throw missingRelation(name, location, binder, scope);
  return all(relation.columns, `${name}.`);
}

const isExpanded = ({ isUnexpanded }: ScopeColumn): boolean => isUnexpanded !== true;

/** Whether a column of one of the tables is not computed from others. */
const isGiven =
  ({ names }: Scope) =>
  ({ table, column }: ScopeColumn): boolean =>
    (names.relations.find((relation) => relation.table?.oid === table)?.table?.columns[column - 1]?.generated ??
      null) === null;

/** Throws 42P10 for a column of a COPY that is computed from others. */
function expectGiven(expression: BoundExpression, scope: Scope): void {
  const column = scope.names.columns.find(({ id }) => expression.kind === "column" && id === expression.id);
  if (column === undefined || isGiven(scope)(column)) return;
  throw new SqlError("42P10", `column "${column.name}" is a generated column`, {
    detail: "Generated columns cannot be used in COPY.",
  });
}

/** The columns of `*` or `t.*` by their names; null where a name would not be enough. */
function starNames({ parts, location }: ColumnName, scope: Scope): readonly ColumnName[] | null {
  const given = parts.length === 0 ? null : scope.relation(parts.at(-2) ?? null, parts.at(-1) ?? "", location);
  const names = (given?.columns ?? scope.names.columns).filter(isExpanded).map((column): ColumnName => {
    const owner = given ?? scope.names.relations.find(({ columns }) => columns.includes(column));
    const qualifier = owner === undefined || owner.name === "" ? [] : [owner.name];
    return { kind: "columnName", parts: [...qualifier, column.name], isStar: false, location };
  });
  const isOnce = new Set(names.map((name) => name.parts.join("\0"))).size === names.length;
  return isOnce ? names : null;
}

interface OrderKey extends SortKey {
  readonly outputId: ColumnId;
}

/** An ORDER BY item: an output by number or name, else an expression, which becomes a hidden output. */
function bindOrder(item: SortItem, outputs: Output[], context: ExpressionContext, clause: string): OrderKey {
  const { binder } = context;
  const output =
    findOutput(item.expression, outputs, clause) ?? hiddenOutput(item.expression, outputs, context, clause);
  output.expression = asText(binder, output.expression);
  if (clause === "DISTINCT ON") expectEquality(binder, output.expression.type, beginningOf(item.expression));
  return { ...bindSort(binder, item, output.expression, positionOf(item.location)), outputId: output.id };
}

function findOutput(syntax: Expression, outputs: readonly Output[], clause: string): Output | null {
  const visible = outputs.filter(({ isHidden }) => !isHidden);
  if (syntax.kind === "integerLiteral") {
    const output = visible[syntax.value - 1];
    if (output !== undefined) return output;
    throw new SqlError("42P10", `${clause} position ${syntax.value} is not in select list`, {
      position: positionOf(syntax.location),
    });
  }
  if (isConstant(syntax)) {
    throw new SqlError("42601", `non-integer constant in ${clause}`, { position: positionOf(syntax.location) });
  }
  if (syntax.kind !== "columnName" || syntax.parts.length !== 1 || syntax.isStar) return null;
  const named = visible.filter(({ name }) => name === syntax.parts[0]);
  const [first] = named;
  if (first === undefined) return null;
  const key = expressionKey(first.expression);
  if (named.some(({ expression }) => key === null || expressionKey(expression) !== key) && named.length > 1) {
    throw new SqlError("42702", `${clause} "${syntax.parts[0] ?? ""}" is ambiguous`, {
      position: positionOf(syntax.location),
    });
  }
  return first;
}

function hiddenOutput(syntax: Expression, outputs: Output[], context: ExpressionContext, clause: string): Output {
  const expression = bindExpression(syntax, { ...context, clause });
  const key = expressionKey(expression);
  const same = key === null ? undefined : outputs.find((output) => expressionKey(output.expression) === key);
  if (same !== undefined) return same;
  const output: Output = { id: context.binder.newId(), name: "", expression, isHidden: true };
  outputs.push(output);
  return output;
}

/** The number of a key's output under which it comes out at last. */
const idIn = ({ outputId }: OrderKey, outputs: readonly Output[], final: readonly Output[]): ColumnId =>
  final[outputs.findIndex(({ id }) => id === outputId)]?.id ?? outputId;

/** A sort key over the projected columns. */
function toOutput(key: OrderKey, outputs: readonly Output[]): OrderKey {
  const output = outputs.find(({ id }) => id === key.outputId);
  const { type, location } = output?.expression ?? key.expression;
  return { ...key, expression: { kind: "column", id: key.outputId, name: output?.name ?? "", type, location } };
}

function projectOf(input: PlanNode, outputs: readonly Output[], keys: ReadonlySet<ColumnId>): PlanNode {
  const columns: PlanColumn[] = outputs.map(({ id, name, expression }) => ({ id, name, type: expression.type }));
  const expressions = outputs.map(({ expression }) => expression);
  for (const keyId of keys) {
    const type = sqlType(typeOid.bytea);
    columns.push({ id: keyId, name: "", type });
    expressions.push({ kind: "column", id: keyId, name: "", type, location: -1 });
  }
  return { kind: "project", input, expressions, columns, ...estimates };
}

function finishWindow(
  window: CollectedWindow,
  finish: (expression: BoundExpression) => BoundExpression,
): CollectedWindow {
  const { call } = window;
  return {
    ...window,
    call: {
      ...call,
      arguments: call.arguments.map(finish),
      filter: call.filter === null ? null : finish(call.filter),
    },
    partition: window.partition.map(finish),
    order: window.order.map((key) => ({ ...key, expression: finish(key.expression) })),
  };
}

function addDistinct(
  binder: Binder,
  input: PlanNode,
  query: SelectQuery,
  outputs: readonly Output[],
  order: readonly OrderKey[],
  distinctOn: readonly OrderKey[],
): PlanNode {
  const columnOf = ({ id, name, expression }: Output): BoundExpression => ({
    kind: "column",
    id,
    name,
    type: expression.type,
    location: expression.location,
  });
  if (distinctOn.length === 0) {
    if (order.some(({ outputId }) => outputs.find(({ id }) => id === outputId)?.isHidden === true)) {
      throw new SqlError("42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list", {
        position: positionOf(query.order[0]?.location ?? -1),
      });
    }
    const shown = outputs.filter(({ isHidden }) => !isHidden);
    for (const { expression } of shown) expectEquality(binder, expression.type, expression.location);
    const keys = shown.map(columnOf);
    const distinct: PlanNode = { kind: "distinct", isSorted: false, input, keys, columns: input.columns, ...estimates };
    return order.length > 0 ? sortOf(distinct, order) : distinct;
  }
  const ids = new Set(distinctOn.map(({ outputId }) => outputId));
  for (const key of order.slice(0, ids.size)) {
    if (!ids.has(key.outputId)) {
      throw new SqlError("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", {
        position: positionOf(query.distinct?.[0]?.location ?? -1),
      });
    }
  }
  const on = distinctOn.map((key) => toOutput(key, outputs));
  const missing = on.filter(({ outputId }) => !order.some((key) => key.outputId === outputId));
  const sorted = sortOf(input, [...order, ...missing]);
  return {
    kind: "distinct",
    isSorted: true,
    input: sorted,
    keys: on.map(({ expression }) => expression),
    columns: input.columns,
    ...estimates,
  };
}

/** @param computed what makes rows that are no table's */
function bindLocks(query: SelectQuery, scope: Scope, computed: string | null, binder: Binder): LockNode["locks"] {
  const name = lockNames[query.locks[0]?.strength ?? "update"];
  if (binder.environment.asOf !== null)
    throw new SqlError("25006", `cannot execute SELECT ${name} while kimberlite.as_of is set`);
  const refuse = (what: string): SqlError => new SqlError("0A000", `${name} is not allowed with ${what}`);
  if (query.distinct !== null) throw refuse("DISTINCT clause");
  if (query.group.length > 0) throw refuse("GROUP BY clause");
  if (query.having !== null) throw refuse("HAVING clause");
  if (computed !== null) throw refuse(computed);
  return query.locks.flatMap((lock: RowLock) => {
    const { strength, wait } = lock;
    const wanted =
      lock.tables.length === 0
        ? scope.names.relations
        : lock.tables.map((table) => {
            const found = scope.names.relations.find((relation) => relation.name === table.name);
            if (found?.lockless !== undefined) {
              const message = `${name} cannot be applied to ${found.lockless}`;
              throw new SqlError("0A000", message, { position: positionOf(table.location) });
            }
            if (found !== undefined) return found;
            throw new SqlError("42P01", `relation "${table.name}" in ${name} clause not found in FROM clause`, {
              position: positionOf(table.location),
            });
          });
    return wanted.flatMap(({ parts = null, location }) => {
      if (parts === null) throw notSupported(`${name} of what is not made of rows of tables`, positionOf(location));
      return parts.map(({ table, keyId, expectLockable }) => {
        if (binder.environment.catalog.objectByOid(table.oid)?.kind === "materializedView")
          throw new SqlError("42809", `cannot lock rows in materialized view "${table.name}"`);
        expectLockable();
        return { table, keyId, strength, wait };
      });
    });
  });
}

/** Whose rows those of a query are made of, one each; null where rows may be of none, as those of an outer join, or nobody can say. */
function partsOf(query: SelectQuery, { names }: Scope): readonly LockablePart[] | null {
  const isInner = (item: FromItem): boolean =>
    item.kind !== "join" ||
    ((item.type === "inner" || item.type === "cross") && isInner(item.left) && isInner(item.right));
  if (!query.from.every(isInner)) return null;
  const parts: LockablePart[] = [];
  for (const relation of names.relations) {
    if (relation.parts === undefined || relation.parts === null) return null;
    parts.push(...relation.parts);
  }
  return parts;
}

function outputColumn({ id, name, expression }: Output, scope: Scope): OutputColumn {
  const { type, location } = expression;
  const untyped = isUnknown(expression) ? expression : null;
  if (expression.kind === "column") {
    for (const { columns } of scope.names.relations) {
      const origin = columns.find((column) => column.id === expression.id);
      if (origin !== undefined) {
        const { table, column } = origin;
        return { id, name, type, table, column, location, untyped };
      }
    }
  }
  return { id, name, type, table: 0, column: 0, location, untyped };
}
