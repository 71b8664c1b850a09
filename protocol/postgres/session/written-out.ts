/**
 * Statements around an EXECUTE as they would be with the prepared query in its place, the arguments as constants in it: EXPLAIN EXECUTE, CREATE
 * TABLE … AS EXECUTE, and one within the other.
 */
import type { WireValue } from "../../../actors/messages/sql.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { Statement } from "../../../runtime/query/syntax/ast.js";
import type { CreateTableAs } from "../../../runtime/query/syntax/ast-definition.js";
import type { Expression } from "../../../runtime/query/syntax/ast-expression.js";
import { type DataStatement, isModification } from "../../../runtime/query/syntax/ast-modify.js";
import type { CreateTableAsExecute, Execute, Explain } from "../../../runtime/query/syntax/ast-session.js";
import type { Oid } from "../../../runtime/query/types/sql-type.js";
import { assert } from "../../../runtime/types/assert.js";
import { type CachedStatement, cached } from "../statement.js";

type Around = (Explain & { readonly statement: Execute | CreateTableAsExecute }) | CreateTableAsExecute;

/** The statement, when it has an EXECUTE within; else null. */
export function aroundExecute(statement: Statement): Around | null {
  if (statement.kind === "createTableAsExecute") return statement;
  if (statement.kind !== "explain") return null;
  const { statement: inner } = statement;
  if (inner.kind === "execute" || inner.kind === "createTableAsExecute") return { ...statement, statement: inner };
  return null;
}

export function executeIn(around: Around): Execute {
  if (around.kind === "createTableAsExecute") return around.execute;
  return around.statement.kind === "execute" ? around.statement : around.statement.execute;
}

/** @param values of the prepared statement's parameters, whose types are `types` */
export function writtenOut(
  around: Around,
  rest: Omit<CachedStatement, "statement">,
  prepared: CachedStatement,
  values: readonly WireValue[],
  types: readonly Oid[],
): CachedStatement {
  const decoder = new TextDecoder();
  const constants = values.map(({ format, bytes }, index): Expression => {
    assert(format === 0, "arguments of an EXECUTE are texts");
    const subject: Expression =
      bytes === null
        ? { kind: "nullLiteral", location: -1 }
        : { kind: "stringLiteral", text: decoder.decode(bytes), location: -1 };
    const oid = types[index] ?? 0;
    const type = { names: [], modifiers: [], arrayDimensions: 0, isSetOf: false, oid, location: -1 };
    return oid === 0 ? subject : { kind: "cast", subject, type, location: -1 };
  });
  const query = withConstants(prepared.statement, constants) as DataStatement;
  const texts = values.map(({ bytes }) => (bytes === null ? null : decoder.decode(bytes)));
  return cached({
    ...rest,
    // Its own text, as plans are kept by texts.
    text: `/* ${JSON.stringify([prepared.text, types, texts]).replaceAll("*/", "* /")} */ ${rest.text}`,
    statement: statementOf(around, query),
    parameterCount: 0,
    cursors: prepared.cursors,
  });
}

function statementOf(around: Around, query: DataStatement): Statement {
  if (around.kind === "createTableAsExecute") return tableAs(around, query);
  const { statement } = around;
  return { ...around, statement: statement.kind === "execute" ? query : tableAs(statement, query) };
}

function tableAs({ table }: CreateTableAsExecute, query: DataStatement): CreateTableAs {
  if (isModification(query)) throw new SqlError("42809", "prepared statement is not a SELECT");
  return { ...table, isOfExecute: true, query };
}

function withConstants(node: unknown, constants: readonly Expression[]): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => withConstants(item, constants));
  if (typeof node !== "object" || node === null) return node;
  if ("kind" in node && node.kind === "parameterName" && "number" in node)
    return constants[Number(node.number) - 1] ?? node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withConstants(value, constants)]));
}
