/** Calls of functions: the function that is meant, its arguments as it takes them. */
import { notSupported } from "../error.js";
import { findFunction } from "../functions/resolve.js";
import type { Expression, FunctionCall } from "../syntax/ast-expression.js";
import { quoteIdentifier } from "../types/quote.js";
import { sqlType } from "../types/sql-type.js";
import { typeFactsByName } from "../types/type-table.js";
import type { Analysed } from "./analysed.js";
import type { Conversions } from "./conversion.js";

interface Analysing {
  readonly conversions: Conversions;
  analyse(syntax: Expression): Analysed;
}

export function analyseCall(call: FunctionCall, analysis: Analysing): Analysed {
  const name = call.name.at(-1) ?? "";
  const schema = call.name.length > 1 ? (call.name.at(-2) ?? null) : null;
  const args = call.arguments.map((argument) => analysis.analyse(argument));
  if (
    call.isStar ||
    call.isDistinct ||
    call.isWithinGroup ||
    call.order.length > 0 ||
    call.filter !== null ||
    call.over !== null
  )
    throw notSupported("showing an aggregate");
  const callee = findFunction({
    schema,
    name,
    args: args.map(({ type: { oid: type } }, index) => {
      const argumentName = call.argumentNames[index] ?? null;
      return argumentName === null ? { type } : { type, name: argumentName };
    }),
    isVariadic: call.isVariadic,
    orderedCount: 0,
  });
  if (callee === null) {
    const [only] = args;
    const type = typeFactsByName(name);
    if (type === null || only === undefined || args.length > 1) throw notSupported(`showing ${name}`);
    return analysis.conversions.convert(only, sqlType(type.oid), "explicit");
  }
  if (callee.kind === "aggregate" || callee.kind === "window") throw notSupported("showing an aggregate");
  const isOwn = schema === null || schema === "pg_catalog" || schema === "public";
  return {
    kind: "call",
    name: isOwn ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
    arguments: args.map((argument, index) =>
      analysis.conversions.convert(argument, callee.argumentTypes[index] ?? argument.type, "implicit"),
    ),
    argumentNames: call.argumentNames,
    isVariadic: call.isVariadic,
    syntax: call.isSqlSyntax ? name : null,
    type: callee.resultType,
  };
}
