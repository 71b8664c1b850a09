/** The arguments of an EXECUTE as parameters of what was prepared: constants are taken as they are, expressions are computed by a query. */
import type { WireValue } from "../../actors/messages/sql.js";
import type { ParsedStatement } from "../../runtime/query/syntax/ast.js";
import type { Execute } from "../../runtime/query/syntax/ast-session.js";
import { assert } from "../../runtime/types/assert.js";
import type { RowsReply } from "./engine-runs.js";
import { type CachedStatement, cached, constantText } from "./statement.js";

const encoder = new TextEncoder();

export async function executeParameters(
  execute: Execute,
  rest: Omit<ParsedStatement, "statement">,
  outer: readonly WireValue[],
  run: (query: CachedStatement) => Promise<RowsReply>,
): Promise<readonly WireValue[]> {
  const constants = execute.arguments.map((argument): WireValue | null => {
    if (argument.kind === "parameterName") return outer[argument.number - 1] ?? null;
    const text = constantText(argument);
    if (text === undefined) return null;
    return { format: 0, bytes: text === null ? null : encoder.encode(text) };
  });
  const known = constants.filter((constant) => constant !== null);
  if (known.length === constants.length) return known;
  const query = cached({
    ...rest,
    // Its own text, as plans are kept by texts.
    text: `/* arguments */ ${rest.text}`,
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
      items: execute.arguments.map((expression) => ({ expression, name: null, location: -1 })),
      into: null,
      from: [],
      where: null,
      group: [],
      isGroupDistinct: false,
      having: null,
      windows: [],
    },
  });
  return valuesOfRow((await run(query)).rows, execute.arguments.length);
}

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
