/**
 * Writing through views. A statement that writes a simple view (catalog/updatable-view.ts) writes the table beneath: the view's columns stand
 * for the table's, its computed ones for their expressions, and its condition joins that of the statement. So what is planned and carried
 * out is what it would be for the table. Each view is asked of whoever stands above it: the statement's user, or the owner of the view above.
 */
import type {
  ColumnDefinition,
  Relation,
  StoredExpression,
  TableDefinition,
  ViewDefinition,
} from "../catalog/model.js";
import { systemTable } from "../catalog/system/table-definition.js";
import { noUpdatableColumns, type SimpleView, updatabilityOf } from "../catalog/updatable-view.js";
import { SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { SqlType } from "../types/sql-type.js";
import { typeOid } from "../types/sql-type.js";
import type { Binder } from "./binder.js";
import type { RowCheck } from "./bound.js";
import { asText, coerceTo } from "./coerce.js";
import { plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { Scope, type ScopeColumn, type ScopeRelation } from "./scope.js";
import { liveColumns } from "./table-rules.js";

export type Verb = "insert" | "update" | "delete" | "merge";

/** A column of what a statement writes. */
export interface TargetColumn {
  readonly name: string;
  /** Its number in the relation that the statement names. */
  readonly number: number;
  readonly type: SqlType;
  /** The table's column that it is; null where it is none, with the view that says so. */
  readonly column: ColumnDefinition | null;
  readonly fixed: Fixed | null;
  /** What views say of a value that is not given: the outermost that says something, and how many others stand above it. */
  readonly default: { readonly depth: number; readonly expression: StoredExpression } | null;
}

/** Why a column cannot be written: how many views stand above the one whose column is none of its base's. */
interface Fixed {
  readonly depth: number;
  readonly view: string;
  readonly name: string;
  readonly number: number;
  readonly reason: string;
}

export interface WriteTarget {
  /** As the statement names it. */
  readonly relation: TableDefinition | ViewDefinition;
  readonly schema: string;
  /** The table that is written. */
  readonly table: TableDefinition;
  /** Views between the two, outermost first. */
  readonly views: readonly SimpleView[];
  readonly columns: readonly TargetColumn[];
  /** A view among them that cannot be written, which is below this many others: told unless a column of those is. */
  readonly refusal: { readonly depth: number; readonly error: SqlError } | null;
}

/** The table beneath a relation. A view that cannot be written ends the way: its columns stand for a table's, and the statement is refused. */
export function writeTarget(
  relation: TableDefinition | ViewDefinition,
  schema: string,
  verb: Verb,
  binder: Binder,
): WriteTarget {
  const views: SimpleView[] = [];
  let beneath = relation;
  let refusal: WriteTarget["refusal"] = null;
  while (beneath.kind === "view") {
    const found = updatabilityOf(beneath, binder.environment.catalog);
    const depth = views.length;
    const hasNone = found.kind === "simple" && found.columns.every(({ kind }) => kind === "fixed");
    if (found.kind === "simple" && hasNone && verb !== "delete")
      refusal ??= { depth, error: notWritable(beneath, verb, noUpdatableColumns) };
    if (found.kind === "refused") {
      refusal ??= { depth, error: notWritable(beneath, verb, found.reason) };
      beneath = standIn(beneath);
    } else {
      views.push(found);
      beneath = found.base;
    }
  }
  return { relation, schema, table: beneath, views, refusal, columns: targetColumns(relation, beneath, views) };
}

const verbs = { insert: "inserting into", update: "updating", delete: "deleting from" } as const;

function notWritable({ name }: ViewDefinition, verb: Verb, detail: string): SqlError {
  const act = verb === "merge" ? "update" : verb;
  const place = { insert: "insert into", update: "update", delete: "delete from" }[act];
  const word = act.toUpperCase();
  return new SqlError("55000", `cannot ${place} view "${name}"`, {
    detail,
    hint: `To enable ${verbs[act]} the view, provide an INSTEAD OF ${word} trigger or an unconditional ON ${word} DO INSTEAD rule.`,
  });
}

/** A table with a view's columns: what else is wrong with a statement is told before it is refused. */
const standIn = ({ oid, name, schema, owner, columns }: ViewDefinition): TableDefinition =>
  systemTable(
    { oid, name, schema, owner },
    columns.map((column) => ({ name: column.name, type: column.type.oid, isNotNull: false })),
  );

function targetColumns(
  relation: TableDefinition | ViewDefinition,
  table: TableDefinition,
  views: readonly SimpleView[],
): readonly TargetColumn[] {
  if (views.length === 0) {
    return liveColumns(table).map((column) => {
      const { name, number, type } = column;
      return { name, number, type, column, fixed: null, default: null };
    });
  }
  return relation.columns.map(({ name, type }, index) => {
    let number = index + 1;
    let said: TargetColumn["default"] = null;
    for (const [depth, { view, columns }] of views.entries()) {
      const expression = view.columns[number - 1]?.default;
      if (expression !== undefined) said ??= { depth, expression };
      const found = columns[number - 1];
      const own = view.columns[number - 1]?.name ?? "";
      if (found === undefined || found.kind === "fixed") {
        const fixed: Fixed = { depth, view: view.name, name: own, number, reason: found?.reason ?? "" };
        return { name, number: index + 1, type, column: null, fixed, default: said };
      }
      ({ number } = found);
    }
    const column = table.columns[number - 1] ?? null;
    return { name, number: index + 1, type, column, fixed: null, default: said };
  });
}

/** Refuses (55000, 0A000) what cannot be written of a view: of several reasons, that of the outermost view. */
export function refuseFixed(
  { refusal }: WriteTarget,
  verb: "insert" | "update",
  written: readonly TargetColumn[],
  binder: Binder,
): void {
  const [first] = written
    .flatMap(({ fixed }) => (fixed === null ? [] : [fixed]))
    .toSorted((a, b) => a.depth - b.depth || a.number - b.number);
  if (refusal !== null && (first === undefined || refusal.depth <= first.depth)) binder.refuse(refusal.error);
  else if (first !== undefined) {
    const place = verb === "insert" ? "insert into" : "update";
    const message = `cannot ${place} column "${first.name}" of view "${first.view}"`;
    binder.refuse(new SqlError("0A000", message, { detail: first.reason }));
  }
}

/** Asks for rights on what the statement names with the user's, and beneath each view with its owner's. */
export function expectOn(
  { table, views }: WriteTarget,
  binder: Binder,
  expect: (relation: Relation, numbers: readonly number[]) => void,
  numbers: readonly number[] = [],
): void {
  const { authority } = binder;
  const ask = (depth: number, asked: readonly number[]): void => {
    const simple = views[depth];
    if (simple === undefined) {
      expect(table, asked);
      return;
    }
    expect(simple.view, asked);
    const beneath = asked.flatMap((number) => {
      const column = simple.columns[number - 1];
      return column?.kind === "column" ? [column.number] : [];
    });
    if (asked.length > 0 && beneath.length === 0) return;
    authority.below(() => authority.asOwnerOf(simple.view, () => ask(depth + 1, beneath)));
  };
  ask(0, numbers);
}

export const expectColumnsOn = (
  target: WriteTarget,
  letter: string,
  binder: Binder,
  numbers: readonly number[] = [],
): void =>
  expectOn(target, binder, (relation, asked) => binder.authority.expectColumns(relation, letter, asked), numbers);

/** What a statement names, over a row of the table, and which rows of the table are its rows. */
export interface TargetRows {
  readonly relation: ScopeRelation;
  /** The table's own, as it is read beneath all views. */
  readonly rows: ScopeRelation;
  /** Conditions of the views, outermost first. */
  readonly conditions: readonly { readonly view: ViewDefinition; readonly condition: BoundExpression }[];
}

/**
 * @param alias what the statement calls it, if not by its own name
 * @param readRows the table's rows for whoever reads them beneath all views, whose rights are those in force then
 */
export function targetRows(
  target: WriteTarget,
  alias: string | null,
  readRows: () => ScopeRelation,
  binder: Binder,
): TargetRows {
  const bound = beneathViews(target.views, 0, readRows, binder);
  const { relation, schema } = target;
  const name = alias ?? relation.name;
  return { ...bound, relation: { ...bound.relation, name, schema: alias === null ? schema : null } };
}

function beneathViews(
  views: readonly SimpleView[],
  depth: number,
  readRows: () => ScopeRelation,
  binder: Binder,
): TargetRows {
  const simple = views[depth];
  if (simple === undefined) {
    const rows = readRows();
    return { relation: rows, rows, conditions: [] };
  }
  const { view, query, reference } = simple;
  const { authority } = binder;
  const unreadable = authority.unreadable(view);
  /** What the view's owner may not read of what is beneath: told when something of the view is read. */
  const denied: (() => void)[] = [];
  const bound = authority.below(() =>
    authority.asOwnerOf(view, () => {
      const inner = beneathViews(views, depth + 1, readRows, binder);
      const named = namedBy(reference, inner.relation, denied);
      const scope = new Scope({ relations: [named], columns: named.columns }, null, null);
      const items = query.items.map(({ expression }) =>
        asText(binder, bindExpression(expression, plainContext(binder, scope, "SELECT"))),
      );
      const condition =
        query.where === null
          ? null
          : coerceTo(binder, bindExpression(query.where, plainContext(binder, scope, "WHERE")), typeOid.bool, "WHERE");
      return { inner, items, condition };
    }),
  );
  const columns = view.columns.map(({ name, type }, index): ScopeColumn => {
    const item = bound.items[index];
    if (item === undefined || item.type.oid !== type.oid)
      throw new SqlError("0A000", `view "${view.name}" does not fit the tables that it reads any more`);
    const isClosed = unreadable?.numbers.has(index + 1) === true;
    const onRead = (): void => {
      if (isClosed) unreadable?.onRead();
      for (const tell of denied) tell();
    };
    const own = { name, type: item.type, table: view.oid, column: index + 1 };
    const place = item.kind === "column" ? { id: item.id, expression: null } : { id: binder.newId(), expression: item };
    return { ...own, ...place, ...(isClosed || denied.length > 0 ? { onRead } : {}) };
  });
  const relation: ScopeRelation = { ...bound.inner.relation, name: view.name, columns, hidden: [], table: null };
  const { condition, inner } = bound;
  const conditions = condition === null ? inner.conditions : [{ view, condition }, ...inner.conditions];
  return { relation, rows: inner.rows, conditions };
}

/** A relation as a view's query calls it and its columns. What may not be read of it is noted where it is read. */
function namedBy(
  { alias, name }: SimpleView["reference"],
  relation: ScopeRelation,
  denied: (() => void)[],
): ScopeRelation {
  const noted = (column: ScopeColumn): ScopeColumn => {
    const { onRead } = column;
    return onRead === undefined ? column : { ...column, onRead: (location) => denied.push(() => onRead(location)) };
  };
  return {
    ...relation,
    name: alias?.name ?? name.name,
    schema: alias === null ? name.schema : null,
    columns: relation.columns.map((column, index) => noted({ ...column, name: alias?.columns[index] ?? column.name })),
    hidden: relation.hidden.map(noted),
  };
}

/** What WITH CHECK OPTION demands of a row that was written, that of the innermost view first. */
export function checkOptionsOf({ conditions }: TargetRows, { views }: WriteTarget): readonly RowCheck[] {
  const checks: RowCheck[] = [];
  let isCascaded = false;
  for (const { view } of views) {
    const own = conditions.find((one) => one.view === view);
    if ((isCascaded || view.checkOption !== undefined) && own !== undefined)
      checks.unshift({ view: view.name, expression: own.condition });
    if (view.checkOption === "cascaded") isCascaded = true;
  }
  return checks;
}

/** What a row has to fulfil to be seen through the views that are written through, the innermost first. */
export const visibilityOf = ({ conditions }: TargetRows, { views }: WriteTarget): readonly RowCheck[] =>
  views
    .flatMap(({ view }) => conditions.filter((one) => one.view === view))
    .map(({ view, condition }) => ({ view: view.name, expression: condition }))
    .reverse();
