/** Syntax that nobody has written: the forms that queries of `audit-functions.ts` are made of. */
import type { Expression, FunctionCall, WindowDefinition } from "../syntax/ast-expression.js";
import type { FromItem, JoinReference, Query, SelectItem } from "../syntax/ast-query.js";

const location = -1;

export const columnOf = (table: string, name: string): Expression => ({
  kind: "columnName",
  parts: [table, name],
  isStar: false,
  location,
});

export const text = (value: string): Expression => ({ kind: "stringLiteral", text: value, location });
export const nullValue: Expression = { kind: "nullLiteral", location };

export const compare = (name: string, left: Expression, right: Expression): Expression => ({
  kind: "operator",
  name,
  schema: "pg_catalog",
  left,
  right,
  location,
});

const logical = (kind: "and" | "or", terms: readonly Expression[]): Expression | null => {
  const [only] = terms;
  return only === undefined || terms.length === 1 ? (only ?? null) : { kind, terms, location };
};

/** Null: no condition at all. */
export const allOf = (terms: readonly Expression[]): Expression | null => logical("and", terms);
export const anyOf = (terms: readonly Expression[]): Expression | null => logical("or", terms);

export const isNull = (subject: Expression): Expression => ({
  kind: "isTest",
  test: "null",
  isNegated: false,
  subject,
  location,
});

export const caseOf = (condition: Expression, result: Expression, otherwise: Expression): Expression => ({
  kind: "case",
  subject: null,
  branches: [{ condition, result, location }],
  otherwise,
  location,
});

export const castTo = (type: string, subject: Expression): Expression => ({
  kind: "cast",
  subject,
  type: { names: ["pg_catalog", type], modifiers: [], arrayDimensions: 0, isSetOf: false, location },
  location,
});

export const callOf = (name: string, ...items: readonly Expression[]): FunctionCall => ({
  kind: "functionCall",
  name: ["pg_catalog", name],
  arguments: items,
  argumentNames: items.map(() => null),
  isVariadic: false,
  isStar: false,
  isDistinct: false,
  order: [],
  isWithinGroup: false,
  filter: null,
  over: null,
  isSqlSyntax: false,
  location,
});

/** A window function over the rows of one partition, in order. */
export function over(call: FunctionCall, partition: Expression, order: Expression): Expression {
  const window: WindowDefinition = {
    name: null,
    base: null,
    partition: [partition],
    order: [{ expression: order, isDescending: false, nullsFirst: null, using: null, location }],
    frame: {
      mode: "range",
      from: { kind: "unboundedPreceding" },
      to: { kind: "currentRow" },
      exclude: "noOthers",
      isDefault: true,
    },
    location,
  };
  return { ...call, over: window };
}

export const itemOf = (name: string, expression: Expression): SelectItem => ({ expression, name, location });

const tail = { with: null, order: [], limit: null, offset: null, isWithTies: false, locks: [], location } as const;

/** @param newest by which the first row of all is taken */
export const queryOf = (
  items: readonly SelectItem[],
  from: FromItem,
  where: Expression | null,
  newest: { readonly expression: Expression; readonly isDescending: boolean } | null = null,
): Query => ({
  ...tail,
  kind: "select",
  distinct: null,
  items,
  into: null,
  from: [from],
  where,
  group: [],
  isGroupDistinct: false,
  having: null,
  windows: [],
  order: newest === null ? [] : [{ ...newest, nullsFirst: null, using: null, location }],
  limit: newest === null ? null : { kind: "integerLiteral", value: 1, location },
});

export const joinOf = (
  type: JoinReference["type"],
  left: FromItem,
  right: FromItem,
  condition: Expression | null,
): FromItem => ({
  kind: "join",
  type,
  isNatural: false,
  left,
  right,
  using: null,
  usingAlias: null,
  condition,
  alias: null,
  location,
});

/** One row of values, which may use what stands to the left of the query. */
export const valuesAs = (name: string, columns: readonly string[], values: readonly Expression[]): FromItem => ({
  kind: "subqueryReference",
  query: { ...tail, kind: "values", rows: [values] },
  alias: { name, columns },
  isLateral: false,
  location,
});

export const commitsAs = (name: string): FromItem => ({
  kind: "table",
  name: { database: null, schema: "kimberlite", name: "commits", location },
  alias: { name, columns: [] },
  time: null,
  isInherited: true,
  location,
});
