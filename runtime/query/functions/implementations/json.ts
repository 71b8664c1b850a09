/** Operators and functions of json, which keep the text as it was written; building JSON of either kind; JSON as rows. */

import { SqlError } from "../../error.js";
import type { SqlArray } from "../../types/array.js";
import { codecOf } from "../../types/codecs.js";
import type { Datum } from "../../types/datum.js";
import { type JsonTree, parseJson, quoteJson } from "../../types/json-parse.js";
import {
  isArrayNode,
  isObjectNode,
  Jsonb,
  type JsonbNode,
  nodeFromTree,
  nodePlainText,
  nodeText,
  objectNode,
} from "../../types/jsonb.js";
import { compositeOf, SqlRecord } from "../../types/record.js";
import { type Oid, sqlType, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import { elementTypeOf, isArray } from "../../types/type-table.js";
import { isComposite } from "../../types/user-types.js";
import type { EvaluationContext } from "../context.js";
import { type CallTypes, type Implementation, sets, setsOfAny, strictly, variadics } from "../define.js";
import type { ResultColumn } from "../registry.js";
import { arrayLiteralOf, type ItemText } from "./json-arrays.js";
import { jsonbNode, jsonText, keyText } from "./json-output.js";

const integerPattern = /^[ \t-\r]*[+-]?\d+[ \t-\r]*$/u;

const sourceOf = (tree: JsonTree, text: string): string => text.slice(tree.from, tree.to);

function fieldOf(tree: JsonTree, key: string): JsonTree | undefined {
  // The last of equal keys is meant.
  return tree.kind === "object" ? tree.entries.findLast(([name]) => name === key)?.[1] : undefined;
}

function elementOf(tree: JsonTree, index: number): JsonTree | undefined {
  if (tree.kind !== "array") return undefined;
  return tree.items[index < 0 ? tree.items.length + index : index];
}

function follow(tree: JsonTree, path: SqlArray): JsonTree | undefined {
  let current: JsonTree | undefined = tree;
  for (const key of path.items) {
    if (current === undefined || key === null) return undefined;
    const name = textOf(key);
    current =
      current.kind === "object"
        ? fieldOf(current, name)
        : integerPattern.test(name)
          ? elementOf(current, Number(name))
          : undefined;
  }
  return current;
}

const asJson = (tree: JsonTree | undefined, text: string): Datum => (tree === undefined ? null : sourceOf(tree, text));

function asText(tree: JsonTree | undefined, text: string): Datum {
  if (tree === undefined || tree.kind === "null") return null;
  return tree.kind === "string" ? tree.value : sourceOf(tree, text);
}

const read = (text: string): JsonTree => parseJson(text, true);

function stripNulls(tree: JsonTree, text: string): string {
  switch (tree.kind) {
    case "object":
      return `{${tree.entries
        .filter(([, value]) => value.kind !== "null")
        .map(([key, value]) => `${quoteJson(key)}:${stripNulls(value, text)}`)
        .join(",")}}`;
    case "array":
      return `[${tree.items.map((item) => stripNulls(item, text)).join(",")}]`;
    case "string":
      return quoteJson(tree.value);
    default:
      return sourceOf(tree, text);
  }
}

const oddArguments = (name: string): SqlError =>
  new SqlError("22023", "argument list must have even number of elements", {
    hint: `The arguments of ${name}() must consist of alternating keys and values.`,
  });

function keyAt(
  args: readonly Datum[],
  index: number,
  types: CallTypes,
  context: EvaluationContext,
  isJsonb: boolean,
): string {
  const key = args[index] ?? null;
  if (key === null)
    throw isJsonb
      ? new SqlError("22023", `argument ${index + 1}: key must not be null`)
      : new SqlError("22023", `argument ${index + 1} cannot be null`, { hint: "Object keys should be text." });
  return keyText(key, types.args[index] ?? typeOid.text, context);
}

function buildObject(args: readonly Datum[], context: EvaluationContext, types: CallTypes): string {
  if (args.length % 2 !== 0) throw oddArguments("json_build_object");
  const fields: string[] = [];
  for (let index = 0; index < args.length; index += 2) {
    const key = keyAt(args, index, types, context, false);
    fields.push(
      `${quoteJson(key)} : ${jsonText(args[index + 1] ?? null, types.args[index + 1] ?? typeOid.text, context)}`,
    );
  }
  return `{${fields.join(", ")}}`;
}

function buildJsonbObject(args: readonly Datum[], context: EvaluationContext, types: CallTypes): Jsonb {
  if (args.length % 2 !== 0) throw oddArguments("jsonb_build_object");
  const entries: (readonly [string, JsonbNode])[] = [];
  for (let index = 0; index < args.length; index += 2)
    entries.push([
      keyAt(args, index, types, context, true),
      jsonbNode(args[index + 1] ?? null, types.args[index + 1] ?? typeOid.text, context),
    ]);
  return new Jsonb(objectNode(entries));
}

/** Pairs of an array of text, or of one of keys and one of values. */
function pairsOf(keys: SqlArray, values: SqlArray | null): (readonly [key: string, value: Datum])[] {
  const depth = Math.max(keys.dimensions.length, values?.dimensions.length ?? 0);
  if (depth > (values === null ? 2 : 1)) throw new SqlError("2202E", "wrong number of array subscripts");
  if (depth === 2 && keys.dimensions[1]?.length !== 2) throw new SqlError("2202E", "array must have two columns");
  if (values === null && keys.items.length % 2 !== 0)
    throw new SqlError("2202E", "array must have even number of elements");
  if (values !== null && (keys.items.length === 0) !== (values.items.length === 0))
    throw new SqlError("2202E", "wrong number of array subscripts");
  if (values !== null && keys.items.length !== values.items.length)
    throw new SqlError("2202E", "mismatched array dimensions");
  const count = values === null ? keys.items.length / 2 : keys.items.length;
  return Array.from({ length: count }, (_, index) => {
    const key = keys.items[values === null ? index * 2 : index] ?? null;
    const value = (values === null ? keys.items[index * 2 + 1] : values.items[index]) ?? null;
    if (key === null) throw new SqlError("22004", "null value not allowed for object key");
    return [textOf(key), value];
  });
}

function objectOfTexts(keys: SqlArray, values: SqlArray | null): string {
  const fields = pairsOf(keys, values).map(
    ([key, value]) => `${quoteJson(key)} : ${value === null ? "null" : quoteJson(textOf(value))}`,
  );
  return `{${fields.join(", ")}}`;
}

function jsonbOfTexts(keys: SqlArray, values: SqlArray | null): Jsonb {
  return new Jsonb(
    objectNode(pairsOf(keys, values).map(([key, value]) => [key, value === null ? null : textOf(value)])),
  );
}

const built = variadics({
  "json_build_array(any)": (args, context, types) =>
    `[${args.map((value, index) => jsonText(value, types.args[index] ?? typeOid.text, context)).join(", ")}]`,
  "json_build_object(any)": buildObject,
  "jsonb_build_array(any)": (args, context, types) =>
    new Jsonb(args.map((value, index) => jsonbNode(value, types.args[index] ?? typeOid.text, context))),
  "jsonb_build_object(any)": buildJsonbObject,
});

const strict = strictly({
  "json_object_field(json,text)": (text, key) => asJson(fieldOf(read(text), key), text),
  "json_object_field_text(json,text)": (text, key) => asText(fieldOf(read(text), key), text),
  "json_array_element(json,int4)": (text, index) => asJson(elementOf(read(text), index), text),
  "json_array_element_text(json,int4)": (text, index) => asText(elementOf(read(text), index), text),
  "json_extract_path(json,_text)": (text, path) => asJson(follow(read(text), path), text),
  "json_extract_path_text(json,_text)": (text, path) => asText(follow(read(text), path), text),
  "json_array_length(json)": (text) => {
    const tree = read(text);
    if (tree.kind === "array") return tree.items.length;
    throw new SqlError("22023", `cannot get array length of a ${tree.kind === "object" ? "non-array" : "scalar"}`);
  },
  "json_typeof(json)": (text) => read(text).kind,
  "json_strip_nulls(json)": (text) => stripNulls(read(text), text),
  "json_object(_text)": (pairs) => objectOfTexts(pairs, null),
  "json_object(_text,_text)": (keys, values) => objectOfTexts(keys, values),
  "jsonb_object(_text)": (pairs) => jsonbOfTexts(pairs, null),
  "jsonb_object(_text,_text)": (keys, values) => jsonbOfTexts(keys, values),
  "to_json(anyelement)": (value, context, types) => jsonText(value, types.args[0] ?? 0, context),
  "to_jsonb(anyelement)": (value, context, types) => new Jsonb(jsonbNode(value, types.args[0] ?? 0, context)),
  "row_to_json(record)": (row, context) => jsonText(row, typeOid.record, context),
  "row_to_json(record,bool)": (row, isPretty, context) =>
    jsonText(row, typeOid.record, context, isPretty ? ",\n " : ","),
  "array_to_json(anyarray)": (array, context, types) => jsonText(array, types.args[0] ?? 0, context),
  "array_to_json(anyarray,bool)": (array, isPretty, context, types) =>
    jsonText(array, types.args[0] ?? 0, context, isPretty ? ",\n " : ","),
});

const emptyOnes = [
  ...variadicsOfNone("json_build_array()", "[]"),
  ...variadicsOfNone("json_build_object()", "{}"),
  ...variadicsOfNone("jsonb_build_array()", new Jsonb([])),
  ...variadicsOfNone("jsonb_build_object()", new Jsonb(new Map())),
];

function variadicsOfNone(signature: string, value: Datum): Implementation[] {
  return [{ kind: "scalar", signature, isStrict: false, call: () => value }];
}

const keyColumns = [sqlType(typeOid.text), sqlType(typeOid.jsonb)];
const jsonColumns = [sqlType(typeOid.text), sqlType(typeOid.json)];
const textColumns = [sqlType(typeOid.text), sqlType(typeOid.text)];
const pair = (types: typeof keyColumns, key: string, value: Datum): SqlRecord =>
  new SqlRecord(types, [key, value], ["key", "value"]);

function entriesOf(tree: JsonTree): readonly (readonly [string, JsonTree])[] {
  if (tree.kind === "object") return tree.entries;
  throw new SqlError(
    "22023",
    tree.kind === "array" ? "cannot deconstruct an array as an object" : "cannot deconstruct a scalar",
  );
}

function itemsOf(tree: JsonTree, name: string): readonly JsonTree[] {
  if (tree.kind === "array") return tree.items;
  throw new SqlError(
    "22023",
    tree.kind === "object" ? `cannot call ${name} on a non-array` : `cannot call ${name} on a scalar`,
  );
}

function jsonbEntries(node: JsonbNode, name: string): ReadonlyMap<string, JsonbNode> {
  if (isObjectNode(node)) return node;
  throw new SqlError("22023", `cannot call ${name} on a non-object`);
}

function jsonbItems(node: JsonbNode): readonly JsonbNode[] {
  if (isArrayNode(node)) return node;
  throw new SqlError(
    "22023",
    isObjectNode(node) ? "cannot extract elements from an object" : "cannot extract elements from a scalar",
  );
}

const plainOrNull = (node: JsonbNode): Datum => (node === null ? null : nodePlainText(node));

/** What a column of a record is made of: the value of its name as a tree, and the text that stands for it, as written where it is `json`. */
export interface RecordField {
  readonly node: JsonbNode;
  readonly text: string;
  /** Of an array. */
  readonly items: () => readonly RecordField[];
  /** Of an object; null of all else. */
  readonly fields: () => RecordFields | null;
}

/** The field of a name; null where there is none. */
export type RecordFields = (name: string) => RecordField | null;

/** A record of these columns: each from the key of its name, or from another record where there is no such key. */
export function recordOf(
  fieldOf: RecordFields,
  columns: readonly ResultColumn[],
  context: EvaluationContext,
  base: SqlRecord | null = null,
): SqlRecord {
  const values = columns.map(({ name, type }, at): Datum => {
    const field = fieldOf(name);
    if (field === null) return base?.values[at] ?? null;
    if (field.node === null) return null;
    if (type.oid === typeOid.jsonb) return new Jsonb(field.node);
    if (type.oid === typeOid.json) return field.text;
    if (isComposite(type.oid) && typeof field.node !== "string")
      return compositeFrom(field, type.oid, context, base?.values[at] ?? null);
    if (!isArray(type.oid) || typeof field.node === "string")
      return codecOf(type.oid).input(plainTextOf(field), type.modifier, context);
    const element = elementTypeOf(type.oid);
    const itemText = isComposite(element) ? compositeText(element, context) : plainTextOf;
    return codecOf(type.oid).input(arrayLiteralOf(field, name, itemText), type.modifier, context);
  });
  return new SqlRecord(
    columns.map(({ type }) => type),
    values,
    columns.map(({ name }) => name),
  );
}

const plainTextOf = ({ node, text }: RecordField): string => (typeof node === "string" ? node : text);

/** A row of a composite type of an object. Throws 22023 for what is none. @param base of whose fields it has those that the object lacks */
function compositeFrom(field: RecordField, type: Oid, context: EvaluationContext, base: Datum): SqlRecord {
  const fields = field.fields();
  if (fields === null) throw noObject(field.node);
  const columns = context.names.fieldsOf(type) ?? [];
  const { values } = recordOf(fields, columns, context, base instanceof SqlRecord ? base : null);
  return compositeOf(type, columns, values);
}

const compositeText =
  (type: Oid, context: EvaluationContext): ItemText =>
  (item) =>
    typeof item.node === "string" ? item.node : codecOf(type).output(compositeFrom(item, type, context, null), context);

/** What a row is to be made of, and is no object. */
export function noObject(node: JsonbNode): SqlError {
  const what = isArrayNode(node) ? "an array" : "a scalar";
  return new SqlError("22023", `cannot call populate_composite on ${what}`);
}

const fieldFromNode = (node: JsonbNode): RecordField => ({
  node,
  text: nodeText(node),
  items: () => (isArrayNode(node) ? node.map(fieldFromNode) : []),
  fields: () => jsonbFields(node),
});

const fieldFromTree = (tree: JsonTree, text: string): RecordField => ({
  node: nodeFromTree(tree, text),
  text: sourceOf(tree, text),
  items: () => (tree.kind === "array" ? tree.items.map((item) => fieldFromTree(item, text)) : []),
  fields: () => jsonFields(tree, text),
});

/** Null for what is no object. */
export function jsonbFields(node: JsonbNode): RecordFields | null {
  if (!isObjectNode(node)) return null;
  return (name) => {
    const value = node.get(name);
    return value === undefined ? null : fieldFromNode(value);
  };
}

/** Null for what is no object. @param text what the tree was read from */
export function jsonFields(tree: JsonTree, text: string): RecordFields | null {
  if (tree.kind !== "object") return null;
  return (name) => {
    const value = fieldOf(tree, name);
    return value === undefined ? null : fieldFromTree(value, text);
  };
}

function namedRecord(
  fields: RecordFields | null,
  columns: readonly ResultColumn[],
  context: EvaluationContext,
): SqlRecord {
  if (fields === null) throw new SqlError("22023", "cannot call json_to_record on a non-object");
  return recordOf(fields, columns, context);
}

const rows = sets({
  "json_each(json)": (text) => entriesOf(read(text)).map(([key, tree]) => pair(jsonColumns, key, sourceOf(tree, text))),
  "json_each_text(json)": (text) =>
    entriesOf(read(text)).map(([key, tree]) => pair(textColumns, key, asText(tree, text))),
  "json_object_keys(json)": (text) => {
    const tree = read(text);
    if (tree.kind !== "object")
      throw new SqlError("22023", `cannot call json_object_keys on ${tree.kind === "array" ? "an array" : "a scalar"}`);
    return tree.entries.map(([key]) => key);
  },
  "json_array_elements(json)": (text) => itemsOf(read(text), "json_array_elements").map((tree) => sourceOf(tree, text)),
  "json_array_elements_text(json)": (text) =>
    itemsOf(read(text), "json_array_elements_text").map((tree) => asText(tree, text)),
  "jsonb_each(jsonb)": (json) =>
    [...jsonbEntries(json.node, "jsonb_each")].map(([key, node]) => pair(keyColumns, key, new Jsonb(node))),
  "jsonb_each_text(jsonb)": (json) =>
    [...jsonbEntries(json.node, "jsonb_each_text")].map(([key, node]) => pair(textColumns, key, plainOrNull(node))),
  "jsonb_object_keys(jsonb)": (json) => {
    if (!isObjectNode(json.node))
      throw new SqlError(
        "22023",
        `cannot call jsonb_object_keys on ${isArrayNode(json.node) ? "an array" : "a scalar"}`,
      );
    return [...json.node.keys()];
  },
  "jsonb_array_elements(jsonb)": (json) => jsonbItems(json.node).map((node) => new Jsonb(node)),
  "jsonb_array_elements_text(jsonb)": (json) => jsonbItems(json.node).map(plainOrNull),
  "json_to_record(json)": (text, context, _types, columns) => [
    namedRecord(jsonFields(read(text), text), columns, context),
  ],
  "jsonb_to_record(jsonb)": (json, context, _types, columns) => [namedRecord(jsonbFields(json.node), columns, context)],
});

const openRows = setsOfAny({
  "json_to_recordset(json)": (text, context, _types, columns) =>
    text === null
      ? []
      : itemsOf(read(text), "json_to_recordset").map((tree) => namedRecord(jsonFields(tree, text), columns, context)),
  "jsonb_to_recordset(jsonb)": (json, context, _types, columns) =>
    json === null ? [] : jsonbItems(json.node).map((node) => namedRecord(jsonbFields(node), columns, context)),
});

export const jsons: readonly Implementation[] = [...built, ...emptyOnes, ...strict, ...rows, ...openRows];
