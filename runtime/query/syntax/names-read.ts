/** What stored syntax names, for whoever asks what depends on what. */
import type { ColumnName, Expression } from "./ast-expression.js";
import type { RelationName } from "./ast-query.js";

type Fields = Readonly<Record<string, unknown>>;

/** Every node of a tree of syntax. */
function* nodesOf(root: unknown): Iterable<Fields> {
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const node = stack.pop();
    if (typeof node !== "object" || node === null) continue;
    if (Array.isArray(node)) {
      stack.push(...(node as unknown[]));
      continue;
    }
    if (ArrayBuffer.isView(node)) continue;
    const fields = node as Fields;
    yield fields;
    stack.push(...Object.values(fields));
  }
}

/** Numbers that stand anywhere in a definition or its syntax. */
export function* numbersIn(root: unknown): Iterable<number> {
  for (const node of nodesOf(root))
    for (const value of Object.values(node)) {
      if (typeof value === "number") yield value;
      else if (Array.isArray(value)) for (const each of value as unknown[]) if (typeof each === "number") yield each;
    }
}

/** Names of the tables and views that a query, or all that is stored of an object, reads, WITH queries of its own included: whoever asks looks whether there is such a table. */
export function* tablesRead(syntax: unknown): Iterable<RelationName> {
  for (const { kind, name } of nodesOf(syntax))
    if (kind === "table" && typeof name === "object" && name !== null) yield name as RelationName;
}

/** Names of the columns that syntax uses, without what qualifies them. */
export function* columnsNamed(syntax: unknown): Iterable<string> {
  for (const { kind, parts } of nodesOf(syntax)) {
    const last: unknown = kind === "columnName" && Array.isArray(parts) ? parts.at(-1) : undefined;
    if (typeof last === "string") yield last;
  }
}

/** Names of columns and rows in it, as they are written. */
export function* namesIn(syntax: unknown): Iterable<ColumnName> {
  for (const node of nodesOf(syntax)) if (node["kind"] === "columnName") yield node as unknown as ColumnName;
}

/** Types that somebody has made, by their numbers, which stored syntax has. */
export function* typesNamed(syntax: unknown): Iterable<number> {
  for (const { arrayDimensions, oid } of nodesOf(syntax))
    if (arrayDimensions !== undefined && typeof oid === "number") yield oid;
}

/** Names that may be those of fields of rows: `(t).a`, and columns where a function in FROM may answer rows. */
export function* fieldsNamed(syntax: unknown): Iterable<string> {
  let hasFunctions = false;
  for (const { kind, name } of nodesOf(syntax)) {
    if (kind === "field" && typeof name === "string") yield name;
    hasFunctions ||= kind === "functionReference";
  }
  if (hasFunctions) yield* columnsNamed(syntax);
}

/** Names of the functions that it calls, without their schemas. */
export function* functionsNamed(syntax: unknown): Iterable<string> {
  for (const { kind, name } of nodesOf(syntax)) {
    const last: unknown = kind === "functionCall" && Array.isArray(name) ? name.at(-1) : undefined;
    if (typeof last === "string") yield last;
  }
}

/** Texts of the string literals in it. */
export function* textsIn(syntax: unknown): Iterable<string> {
  for (const { kind, text } of nodesOf(syntax)) if (kind === "stringLiteral" && typeof text === "string") yield text;
}

/** Names, as they are written, of the sequences that it draws from: `nextval('a.b')`, also with a cast. */
export function* sequencesDrawn(syntax: unknown): Iterable<string> {
  for (const node of nodesOf(syntax)) {
    if (node["kind"] !== "functionCall") continue;
    const [...name] = node["name"] as readonly string[];
    let [argument] = node["arguments"] as readonly Expression[];
    while (argument?.kind === "cast") argument = argument.subject;
    if (name.at(-1) === "nextval" && argument?.kind === "stringLiteral") yield argument.text;
  }
}
