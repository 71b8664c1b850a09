/** jsonb: a JSON value by its meaning. Keys stand once and in order, numbers are exact, white space is gone. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { fromUtf8, utf8 } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Value } from "./datum.js";
import { compareDecimals, Decimal, decimalFromText, decimalText } from "./decimal.js";
import { insufficientBinary } from "./invalid.js";
import { compareJsonKeys, type JsonTree, parseJson, quoteJson } from "./json-parse.js";
import { compareText, textOf } from "./text.js";

/** Keys of an object in PostgreSQL's order (length, then bytes), each once. */
export type JsonbNode = null | boolean | Decimal | string | readonly JsonbNode[] | ReadonlyMap<string, JsonbNode>;

/** A jsonb value. Boxed, so that a JSON null is no NULL. */
export class Jsonb {
  readonly node: JsonbNode;

  constructor(node: JsonbNode) {
    this.node = node;
  }
}

export function nodeOf(value: Value): JsonbNode {
  assert(value instanceof Jsonb, "a value of jsonb is a Jsonb");
  return value.node;
}

export const isArrayNode = (node: unknown): node is readonly JsonbNode[] => Array.isArray(node);
export const isObjectNode = (node: unknown): node is ReadonlyMap<string, JsonbNode> => node instanceof Map;

/** An object of these entries: the last of equal keys wins. */
export function objectNode(entries: Iterable<readonly [string, JsonbNode]>): ReadonlyMap<string, JsonbNode> {
  const unique = new Map(entries);
  return new Map([...unique].sort(([a], [b]) => compareJsonKeys(a, b)));
}

export function nodeFromTree(tree: JsonTree, text: string): JsonbNode {
  switch (tree.kind) {
    case "null":
      return null;
    case "boolean":
      return tree.value;
    case "string":
      return tree.value;
    case "number":
      return numberNode(text.slice(tree.from, tree.to));
    case "array":
      return tree.items.map((item) => nodeFromTree(item, text));
    case "object":
      return objectNode(tree.entries.map(([key, value]) => [key, nodeFromTree(value, text)]));
  }
}

function numberNode(text: string): Decimal {
  try {
    return decimalFromText(text);
  } catch (error) {
    // An exponent that is beyond all numbers.
    if (error instanceof SqlError && error.sqlState === "22P02")
      throw new SqlError("22003", "value overflows numeric format");
    throw error;
  }
}

export const jsonbFromText = (text: string): Jsonb => new Jsonb(nodeFromTree(parseJson(text, true), text));

export function nodeText(node: JsonbNode): string {
  if (node === null) return "null";
  if (typeof node === "boolean") return node ? "true" : "false";
  if (typeof node === "string") return quoteJson(node);
  if (node instanceof Decimal) return decimalText(node);
  if (isArrayNode(node)) return `[${node.map(nodeText).join(", ")}]`;
  return `{${[...node].map(([key, value]) => `${quoteJson(key)}: ${nodeText(value)}`).join(", ")}}`;
}

/** Text of a scalar as `->>` gives it: strings without quotes. */
export const nodePlainText = (node: JsonbNode): string => (typeof node === "string" ? node : nodeText(node));

export function nodeKind(node: JsonbNode): "null" | "string" | "number" | "boolean" | "array" | "object" {
  if (node === null) return "null";
  if (typeof node === "boolean") return "boolean";
  if (typeof node === "string") return "string";
  if (node instanceof Decimal) return "number";
  return isArrayNode(node) ? "array" : "object";
}

const kindRank = { null: 0, string: 1, number: 2, boolean: 3, array: 4, object: 5 } as const;

/** PostgreSQL's order: Object > Array > Boolean > Number > String > Null, larger containers above smaller ones; an empty array at the top is below all. */
export function compareNodes(a: JsonbNode, b: JsonbNode, isTop = true): number {
  if (isTop) {
    const isEmpty = (node: JsonbNode): boolean => isArrayNode(node) && node.length === 0;
    if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b) ? 0 : isEmpty(a) ? -1 : 1;
  }
  const ranks = kindRank[nodeKind(a)] - kindRank[nodeKind(b)];
  if (ranks !== 0) return Math.sign(ranks);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Decimal && b instanceof Decimal) return compareDecimals(a, b);
  if (a === null || b === null) return 0;
  if (isArrayNode(a) && isArrayNode(b)) {
    if (a.length !== b.length) return a.length < b.length ? -1 : 1;
    for (const [index, item] of a.entries()) {
      const order = compareNodes(item, b[index] ?? null, false);
      if (order !== 0) return order;
    }
    return 0;
  }
  return isObjectNode(a) && isObjectNode(b) ? compareObjects(a, b) : 0;
}

function compareObjects(a: ReadonlyMap<string, JsonbNode>, b: ReadonlyMap<string, JsonbNode>): number {
  if (a.size !== b.size) return a.size < b.size ? -1 : 1;
  const right = [...b];
  let index = 0;
  for (const [key, value] of a) {
    const entry = right[index];
    assert(entry !== undefined, "objects of one size have as many entries");
    const [otherKey, other] = entry;
    const order = compareText(key, otherKey) || compareNodes(value, other, false);
    if (order !== 0) return order;
    index += 1;
  }
  return 0;
}

export const jsonbCodec: TypeCodec = {
  input: jsonbFromText,
  output: (value) => nodeText(nodeOf(value)),
  receive: (bytes) => {
    if (bytes.length === 0) throw insufficientBinary();
    if (bytes[0] !== 1) throw new SqlError("XX000", `unsupported jsonb version number ${bytes[0] ?? 0}`);
    return jsonbFromText(fromUtf8(bytes.subarray(1)));
  },
  send: (value) => {
    const text = utf8(nodeText(nodeOf(value)));
    const bytes = new Uint8Array(text.length + 1);
    bytes[0] = 1;
    bytes.set(text, 1);
    return bytes;
  },
};

const asJson = (text: string): string => {
  parseJson(text, false);
  return text;
};

/** json keeps the text as it was written. */
export const jsonCodec: TypeCodec = {
  input: asJson,
  output: textOf,
  receive: (bytes) => asJson(fromUtf8(bytes)),
  send: (value) => utf8(textOf(value)),
};
