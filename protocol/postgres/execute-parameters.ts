/**
 * The arguments of an EXECUTE as parameters of what was prepared: constants are taken as they are, all else is computed by a query, and
 * becomes of its parameter's type there as a value that is assigned would (1.6 is 2 of an integer, TRUE is `true` of a text).
 */
import type { WireValue } from "../../actors/messages/sql.js";
import type { ParsedStatement } from "../../runtime/query/syntax/ast.js";
import type { Expression } from "../../runtime/query/syntax/ast-expression.js";
import type { Execute } from "../../runtime/query/syntax/ast-session.js";
import { type Oid, typeOid } from "../../runtime/query/types/sql-type.js";
import { assert } from "../../runtime/types/assert.js";
import type { RowsReply } from "./engine-runs.js";
import { type CachedStatement, cached, constantText } from "./statement.js";
import { isSurelyRead } from "./varied/surely-read.js";

const encoder = new TextEncoder();

/** What was prepared, and the engine. */
export interface ExecuteHost {
  /** Types of the parameters as far as they are known; 0 and absent ones are not. */
  readonly known: readonly Oid[];
  types(): Promise<readonly Oid[]>;
  run(query: CachedStatement): Promise<RowsReply>;
}

export async function executeParameters(
  execute: Execute,
  rest: Omit<ParsedStatement, "statement">,
  outer: readonly WireValue[],
  host: ExecuteHost,
): Promise<readonly WireValue[]> {
  const constants = execute.arguments.map((argument, index): WireValue | null => {
    if (argument.kind === "parameterName") return outer[argument.number - 1] ?? null;
    const text = isText(argument, host.known[index] ?? 0) ? constantText(argument) : undefined;
    if (text === undefined) return null;
    return { format: 0, bytes: text === null ? null : encoder.encode(text) };
  });
  const plain = constants.filter((constant) => constant !== null);
  if (plain.length === constants.length) return plain;
  const types = await host.types();
  const query = cached({
    ...rest,
    // Its own text, as plans are kept by texts.
    text: `/* arguments of ${types.join(" ")} */ ${rest.text}`,
    statement: {
      kind: "select",
      location: -1,
      with: null,
      order: [],
      limit: null,
      offset: null,
      isWithTies: false,
      locks: [],
      distinct: null,
      items: execute.arguments.map((argument, index) => ({
        expression: converted(argument, index + 1, types[index] ?? 0),
        name: null,
        location: -1,
      })),
      into: null,
      from: [],
      where: null,
      group: [],
      isGroupDistinct: false,
      having: null,
      windows: [],
    },
  });
  return valuesOfRow((await host.run(query)).rows, execute.arguments.length);
}

const fractions: ReadonlySet<Oid> = new Set([typeOid.numeric, typeOid.float4, typeOid.float8]);
/** Types that integers are assigned to. Most parameters that nobody has told the type of are of one, and are not asked about for this. */
const takesIntegers: ReadonlySet<Oid> = new Set([
  0,
  typeOid.int4,
  typeOid.int8,
  typeOid.oid,
  typeOid.text,
  ...fractions,
]);

/** Whether a constant is what a parameter of the type reads its text as, whatever it says: an error would have its place in the EXECUTE. */
function isText(argument: Expression, type: Oid): boolean {
  switch (argument.kind) {
    case "booleanLiteral":
      return type === typeOid.bool;
    case "integerLiteral":
      return takesIntegers.has(type);
    case "numberLiteral":
      return fractions.has(type);
    case "bitLiteral":
      return false;
    case "stringLiteral":
      return isSurelyRead(argument.text, type);
    default:
      return true;
  }
}

const converted = (subject: Expression, parameter: number, oid: Oid): Expression => ({
  kind: "cast",
  subject,
  type: { names: [], modifiers: [], arrayDimensions: 0, isSetOf: false, oid, location: -1 },
  parameter,
  location: subject.location,
});

/** The values of a DataRow message in text form. */
export function valuesOfRow(row: Uint8Array, count: number): WireValue[] {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  assert(row[0] === 0x44 && view.getInt16(5) === count, "a row has the values that were asked for");
  let at = 7;
  return Array.from({ length: count }, (): WireValue => {
    const length = view.getInt32(at);
    at += 4;
    if (length < 0) return { format: 0, bytes: null };
    at += length;
    return { format: 0, bytes: row.slice(at - length, at) };
  });
}
