/** What a table's definition says about its rows, bound: defaults, generated columns, checks, index keys. */

import type { ColumnDefinition, StoredExpression, TableDefinition } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import { resolveFunction } from "../functions/resolve.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { compareText } from "../types/text.js";
import type { Binder } from "./binder.js";
import type { RowRules } from "./bound.js";
import { coerce, coerceTo } from "./coerce.js";
import { plainContext } from "./context.js";
import { asDomainValue, columnRules, domainOf } from "./domain.js";
import { bindExpression } from "./expression.js";
import { noNames, Scope, type ScopeRelation } from "./scope.js";
import { bindStored } from "./stored.js";
import { writtenCtid, writtenXmin } from "./system-columns.js";

export const liveColumns = (table: TableDefinition): readonly ColumnDefinition[] =>
  table.columns.filter(({ isDropped }) => !isDropped);

/** The table's live columns under a name, each with a new column id. */
export function tableRelation(
  table: TableDefinition,
  name: string,
  schema: string | null,
  binder: Binder,
): ScopeRelation {
  return {
    name,
    schema,
    columns: liveColumns(table).map((column) => ({
      name: column.name,
      id: binder.newId(),
      type: column.type,
      table: table.oid,
      column: column.number,
      expression: null,
    })),
    hidden: [
      {
        id: binder.newId(),
        name: "tableoid",
        type: sqlType(typeOid.oid),
        table: 0,
        column: 0,
        expression: { kind: "constant", value: table.oid, type: sqlType(typeOid.oid), location: -1 },
      },
      writtenCtid,
      writtenXmin(binder.newId()),
    ],
    table,
    isScalarFunction: false,
    location: -1,
    keyId: null,
  };
}

export const scopeOf = (...relations: readonly ScopeRelation[]): Scope =>
  new Scope({ relations, columns: relations.flatMap(({ columns }) => columns) }, null, null);

/** What a column holds when nothing is said: its identity, its default, or NULL. */
export function defaultOf(column: ColumnDefinition, binder: Binder): BoundExpression {
  if (column.identity !== null) return nextValue(column);
  if (column.default !== null) return defaultValue(column.default, column.type, column.name, binder);
  const domain = domainOf(column.type, binder);
  const own = domain?.default ?? null;
  if (domain === null || own === null) return { kind: "constant", value: null, type: column.type, location: -1 };
  const { base, defaultType = base } = domain;
  if (defaultType.domain === undefined) return defaultValue(own, column.type, column.name, binder);
  // It is a value of the domain beneath before it is one of the column's.
  const first = defaultValue(own, defaultType, column.name, binder);
  const beneath = asDomainValue(first, defaultType, binder, bindExpression);
  // What is wrong with a constant is found with its row: numbers of sequences have been drawn by then.
  const asked: BoundExpression =
    beneath.kind === "call" ? { ...beneath, callee: { ...beneath.callee, volatility: "stable" } } : beneath;
  return assign(asked, column.type, column.name, binder, "default expression");
}

/** A stored default as a value for its column. */
export function defaultValue(own: StoredExpression, type: SqlType, column: string, binder: Binder): BoundExpression {
  const bound = stored(own, new Scope(noNames, null, null), "DEFAULT expressions", binder);
  return assign(bound, type, column, binder, "default expression");
}

function nextValue(column: ColumnDefinition): BoundExpression {
  if (column.sequence === 0) throw notSupported(`the identity column ${column.name} without a sequence`);
  const callee = resolveFunction({
    schema: "pg_catalog",
    name: "nextval",
    args: [{ type: typeOid.regclass }],
    isVariadic: false,
    orderedCount: 0,
  });
  if (callee.kind !== "scalar") throw notSupported("nextval");
  const sequence: BoundExpression = {
    kind: "constant",
    value: column.sequence,
    type: sqlType(typeOid.regclass),
    location: -1,
  };
  return { kind: "call", callee, arguments: [sequence], form: "function", type: callee.resultType, location: -1 };
}

const stored = (expression: StoredExpression, scope: Scope, clause: string, binder: Binder): BoundExpression =>
  bindStored(expression, plainContext(binder, scope, clause), bindExpression);

/**
 * The value as one of the column's type, or 42804.
 *
 * @param what a default's error, that of a generated column too, does not tell its place
 */
export function assign(
  expression: BoundExpression,
  type: SqlType,
  column: string,
  binder: Binder,
  what: "expression" | "default expression" = "expression",
): BoundExpression {
  const coerced = coerce(binder, expression, type, "assignment");
  if (coerced !== null) return coerced;
  const [wanted, given] = [binder.labelOf(type), binder.labelOf(expression.type)];
  throw new SqlError("42804", `column "${column}" is of type ${wanted} but ${what} is of type ${given}`, {
    position: what === "expression" && expression.location >= 0 ? expression.location : undefined,
    hint: "You will need to rewrite or cast the expression.",
  });
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => compareText(a.name, b.name);

/** Rules over `relation`, whose columns stand for the written row. */
export function bindRules(table: TableDefinition, relation: ScopeRelation, binder: Binder): RowRules {
  const scope = scopeOf(relation);
  const columns = liveColumns(table);
  const column = (number: number): BoundExpression => {
    const found = relation.columns.find((one) => one.column === number);
    if (found === undefined) throw new SqlError("XX000", `table ${table.name} has no column ${number}`);
    return { kind: "column", id: found.id, name: found.name, type: found.type, location: -1 };
  };
  return {
    rowIds: relation.columns.map(({ id }): ColumnId => id),
    xmin: relation.hidden.find(({ name }) => name === "xmin")?.id ?? 0,
    generated: columns.flatMap(({ generated, number, type, name }) =>
      generated === null
        ? []
        : [
            {
              column: number,
              expression: assign(
                stored(generated, scope, "column generation expressions", binder),
                type,
                name,
                binder,
                "default expression",
              ),
            },
          ],
    ),
    checks: [
      ...columns.flatMap(({ number, type }) =>
        columnRules(type, column(number), binder, bindExpression).map(({ rule, expression }) => ({
          name: rule.constraint ?? "",
          expression,
          domain: { ...rule, column: number },
        })),
      ),
      // Of several that a row breaks, the first by name is told.
      ...[...table.constraints].sort(byName).flatMap((constraint) =>
        constraint.kind === "check"
          ? [
              {
                name: constraint.name,
                domain: null,
                expression: coerceTo(
                  binder,
                  stored(constraint.expression, scope, "check constraints", binder),
                  typeOid.bool,
                  "CHECK",
                ),
              },
            ]
          : [],
      ),
    ],
    indexes: binder.environment.catalog.indexesOf(table).map((index) => ({
      index,
      keys: index.keys.map((key) =>
        key.expression === null
          ? column(key.column)
          : coerceKey(stored(key.expression, scope, "index expressions", binder), key.type, binder),
      ),
      predicate:
        index.predicate === null
          ? null
          : coerceTo(binder, stored(index.predicate, scope, "index predicates", binder), typeOid.bool, "WHERE"),
    })),
  };
}

const coerceKey = (expression: BoundExpression, type: SqlType, binder: Binder): BoundExpression =>
  coerce(binder, expression, type, "assignment") ?? expression;
