/**
 * The parser's JSON of a whole text into our statements. What the grammar knows and this system does not is either refused here, by name
 * and place, or (whole statements) kept as `unsupported`, so that the statements before it still run.
 */
import { SqlError } from "../error.js";
import type { ParsedStatement, Statement } from "./ast.js";
import type { Query } from "./ast-query.js";
import { Conversion } from "./conversion.js";
import { convertTableAs, definitionConverters } from "./convert-definition.js";
import { selectInto } from "./convert-execute.js";
import { convertData } from "./convert-modify.js";
import { convertSelect } from "./convert-query.js";
import { sessionConverters } from "./convert-session.js";
import type { SystemTimeClause } from "./system-time.js";
import { type Fields, fieldsOf, listOf, numberOf, unwrap } from "./tree.js";

const dataStatements: ReadonlySet<string> = new Set([
  "SelectStmt",
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
]);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * All statements of `text`, whose tree the parser gave (of the text with `times` blanked). Throws `SqlError` with the place in the
 * whole text.
 */
export function convertStatements(
  tree: Fields,
  text: string,
  times: readonly SystemTimeClause[],
): readonly ParsedStatement[] {
  const nodes = listOf(tree, "stmts");
  const [only] = nodes;
  if (nodes.length === 1 && only !== undefined && numberOf(fieldsOf(only, "RawStmt"), "stmt_len") === 0) {
    const fields = fieldsOf(only, "RawStmt");
    if (numberOf(fields, "stmt_location") === 0) return [convertOne(fields["stmt"], text, 0, times)];
  }
  const bytes = encoder.encode(text);
  return nodes.map((node) => {
    const fields = fieldsOf(node, "RawStmt");
    const begin = numberOf(fields, "stmt_location");
    const length = numberOf(fields, "stmt_len");
    const end = length === 0 ? bytes.length : begin + length;
    let start = begin;
    while (start < end && isSpace(bytes[start])) start += 1;
    const within = times.filter((clause) => clause.start >= start && clause.start < end);
    return convertOne(fields["stmt"], decoder.decode(bytes.subarray(start, end)), start, within);
  });
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13);

function convertOne(node: unknown, text: string, offset: number, times: readonly SystemTimeClause[]): ParsedStatement {
  const conversion = new Conversion(text, offset, times, convertQuery);
  try {
    const statement = convertStatement(node, conversion);
    const unused = conversion.unusedTime();
    if (unused !== null) {
      throw new SqlError("42601", "FOR SYSTEM_TIME must follow a table", { position: unused.start - offset });
    }
    const cursors = conversion.settleCursors();
    return { text, offset, statement: freeze(statement), parameterCount: conversion.parameterCount, cursors };
  } catch (error) {
    if (!(error instanceof SqlError) || error.fields.position === undefined) throw error;
    throw new SqlError(error.sqlState, error.message, { ...error.fields, position: error.fields.position + offset });
  }
}

function convertQuery(node: unknown, conversion: Conversion): Query {
  return convertSelect(node, conversion, convertData);
}

function convertStatement(node: unknown, conversion: Conversion): Statement {
  const [kind, fields] = unwrap(node);
  const into = selectInto(kind, fields);
  if (into !== null) return convertTableAs(into, conversion);
  if (dataStatements.has(kind)) return convertData(node, conversion);
  const convert = definitionConverters[kind] ?? sessionConverters[kind];
  if (convert === undefined) return { kind: "unsupported", what: statementName(kind), location: 0 };
  return convert(fields, conversion);
}

/** What people call the statements whose nodes the grammar calls otherwise. */
const statementNames: Readonly<Record<string, string>> = {
  CreateTrigStmt: "CREATE TRIGGER",
  CreateRangeStmt: "CREATE TYPE of ranges",
  DefineStmt: "CREATE AGGREGATE, OPERATOR, TYPE or COLLATION",
  AlterTypeStmt: "ALTER TYPE",
  AlterDatabaseSetStmt: "ALTER DATABASE",
  CreatePLangStmt: "CREATE LANGUAGE",
  CreateSubscriptionStmt: "CREATE SUBSCRIPTION",
  RuleStmt: "CREATE RULE",
  CreateStatsStmt: "CREATE STATISTICS",
  SecLabelStmt: "SECURITY LABEL",
  CreateAmStmt: "CREATE ACCESS METHOD",
  CreateOpClassStmt: "CREATE OPERATOR CLASS",
  CreateOpFamilyStmt: "CREATE OPERATOR FAMILY",
  CreateFdwStmt: "CREATE FOREIGN DATA WRAPPER",
};

/** `CreateFunctionStmt` as people call it: CREATE FUNCTION. */
const statementName = (kind: string): string =>
  statementNames[kind] ??
  kind
    .replace(/Stmt$/, "")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toUpperCase();

/** Freezes a tree to its leaves. */
function freeze<T extends object>(root: T): T {
  const pending: object[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    Object.freeze(node);
    for (const value of Object.values(node)) {
      if (typeof value === "object" && value !== null && !Object.isFrozen(value)) pending.push(value as object);
    }
  }
  return root;
}
