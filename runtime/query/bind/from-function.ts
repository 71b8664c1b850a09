/** Functions in FROM: of rows, of one value, side by side, and the audit's. */
import { notSupported, SqlError } from "../error.js";
import type { ResolvedSet } from "../functions/registry.js";
import type { BoundExpression } from "../plan/expression.js";
import type { FunctionScanNode, PlanNode } from "../plan/plan.js";
import type { FunctionReference } from "../syntax/ast-query.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { isComposite } from "../types/user-types.js";
import { auditQuery } from "./audit-functions.js";
import { type Binder, plainQuery, positionOf } from "./binder.js";
import { bindTableCall } from "./call.js";
import { functionsInFrom, plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { fieldsOf, fieldsOfType } from "./field.js";
import { type BoundItem, estimates, namedItem } from "./from-item.js";
import { type CommonTables, type FromNames, Scope } from "./scope.js";
import { bindTypeName, userTypesOf } from "./type-name.js";

/** `unnest(a, b)` in FROM is one function for each array, side by side. */
function unnested(one: FunctionReference["functions"][number]): readonly FunctionReference["functions"][number][] {
  const { call } = one;
  if (call.kind !== "functionCall" || call.name.at(-1) !== "unnest" || call.arguments.length < 2) return [one];
  return call.arguments.map((argument) => ({
    ...one,
    call: { ...call, arguments: [argument], argumentNames: [null] },
  }));
}

/** In FROM what answers values of a composite type has its fields for columns. */
function withFields(callee: ResolvedSet, { environment }: Binder): ResolvedSet {
  if (callee.isRecord || !isComposite(callee.resultType.oid)) return callee;
  return { ...callee, isRecord: true, columns: fieldsOfType(callee.resultType, environment) };
}

export function bindFunction(
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
  const context = plainContext(binder, scope, functionsInFrom);
  const functions: FunctionScanNode["functions"][number][] = [];
  const columns: { id: number; name: string; type: SqlType }[] = [];
  const scalars: BoundExpression[] = [];
  const [only] = item.functions;
  let functionName = "";
  let rowType: SqlType | null = null;
  const written = item.functions.flatMap(unnested);
  const isAlone = written.length === 1;
  for (const { call, definitions } of written) {
    const find = userTypesOf(binder.environment);
    const defined = [...definitions, ...item.definitions];
    const firstWritten = positionOf(defined[0]?.location ?? -1);
    const wanted = defined.map(({ name, type }) => ({
      name,
      type: bindTypeName(type, find),
    }));
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
          position: firstWritten,
        });
      }
      const fields = isComposite(bound.scalar.type.oid) ? fieldsOf(bound.scalar, item, binder) : null;
      if (fields !== null) rowType = bound.scalar.type;
      for (const [own, scalar] of fields ?? [[name, bound.scalar] as const]) {
        scalars.push(scalar);
        columns.push({ id: binder.newId(), name: own, type: scalar.type });
      }
      continue;
    }
    const callee = withFields(bound.callee, binder);
    const own = callee.columns;
    if (own === null && wanted.length === 0) {
      throw new SqlError("42601", 'a column definition list is required for functions returning "record"', {
        position: positionOf(item.location),
      });
    }
    if (own !== null && wanted.length > 0) {
      const isNamedRow = /^jsonb?_populate/u.test(callee.name) || callee !== bound.callee;
      const message = callee.isRecord
        ? `a column definition list is redundant for a function ${isNamedRow ? "returning a named composite type" : "with OUT parameters"}`
        : 'a column definition list is only allowed for functions returning "record"';
      throw new SqlError("42601", message, { position: firstWritten });
    }
    const produced = own ?? wanted;
    rowType = isAlone && isComposite(callee.resultType.oid) ? callee.resultType : null;
    functions.push({ callee, arguments: bound.args, width: produced.length, columns: produced });
    // A function of one plain column that has no name of its own gives it its alias, if there is one.
    const isNamed = produced.length === 1 && produced[0]?.name !== name;
    const isPlain = !callee.isRecord && produced.length === 1 && !isNamed;
    for (const column of produced) {
      const shown = isPlain && isAlone && item.alias !== null ? item.alias.name : column.name;
      columns.push({ id: binder.newId(), name: shown, type: column.type });
    }
  }
  if (scalars.length > 0 && rowType === null && item.alias !== null && columns[0] !== undefined)
    columns[0].name = item.alias.name;
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
    isScalarFunction: plain.length === 1 && rowType === null && !item.hasOrdinality,
    ...(rowType === null || item.hasOrdinality ? {} : { rowType }),
    lockless: "a function",
    parts: [],
  });
}
