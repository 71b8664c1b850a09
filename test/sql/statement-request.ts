/** A statement as a gateway sends it to a shard, and the rows of its answer. */
import type { SqlRequest, WireValue } from "../../actors/messages/sql.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A statement's text and its encoded syntax. */
export interface Parsed {
  readonly text: string;
  readonly syntax: Uint8Array;
}

/** What ends a transaction or marks a place in it has no syntax; a savepoint's text is its name. */
export const withoutSyntax = (text = ""): Parsed => ({ text, syntax: new Uint8Array(0) });

/** @param values as texts, of the types that the statement gives them */
export const textValues = (values: readonly (string | null)[]): WireValue[] =>
  values.map((value) => ({ format: 0, bytes: value === null ? null : encoder.encode(value) }));

/** A statement that is a transaction of its own. @param startedAt µs since 1970 */
export const standingAlone = (startedAt: number): SqlRequest["transaction"] => ({
  isOpen: false,
  isolation: "readCommitted",
  isReadOnly: false,
  requests: 0,
  snapshot: -1,
  startedAt,
});

type Chosen = "kind" | "tenant" | "session" | "user" | "text" | "syntax" | "parameters" | "transaction";

/** All that is asked for of the first rows, in the text formats. */
export const requestOf = (
  chosen: Pick<SqlRequest, Chosen> & Partial<Pick<SqlRequest, "roles" | "settings">>,
): SqlRequest => ({
  database: "main",
  parameterTypes: [],
  resultFormats: [],
  columns: null,
  rowsMax: 0,
  cursor: 0,
  atLeast: -1,
  isLinearizable: false,
  roles: "",
  settings: [],
  ...chosen,
});

/** Rows of DataRow messages, as text. */
export function readRows(bytes: Uint8Array): (string | null)[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows: (string | null)[][] = [];
  for (let at = 0; at < bytes.length; at += 1 + view.getInt32(at + 1)) {
    const row: (string | null)[] = [];
    let from = at + 7;
    for (let column = view.getInt16(at + 5); column > 0; column -= 1) {
      const length = view.getInt32(from);
      row.push(length < 0 ? null : decoder.decode(bytes.subarray(from + 4, from + 4 + length)));
      from += 4 + Math.max(0, length);
    }
    rows.push(row);
  }
  return rows;
}
