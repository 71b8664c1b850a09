/** Operators and functions of jsonb: reaching in, asking, changing, and casting its scalars. */

import { SqlError } from "../../error.js";
import type { SqlArray } from "../../types/array.js";
import { int64 } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import { coefficientAt, compareDecimals, Decimal } from "../../types/decimal.js";
import { toNumber } from "../../types/decimal-arithmetic.js";
import { float4OfDecimal } from "../../types/float.js";
import { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from "../../types/integer.js";
import { outOfRange } from "../../types/invalid.js";
import { quoteJson } from "../../types/json-parse.js";
import {
  isArrayNode,
  isObjectNode,
  Jsonb,
  type JsonbNode,
  nodeKind,
  nodePlainText,
  nodeText,
  objectNode,
} from "../../types/jsonb.js";
import { textOf } from "../../types/text.js";
import { type Implementation, nullably, strictly } from "../define.js";

const integerPattern = /^[ \t-\r]*[+-]?\d+[ \t-\r]*$/u;

/** An element of an array by its place from 0, from the end when negative. */
function elementAt(node: JsonbNode, index: number): JsonbNode | undefined {
  if (!isArrayNode(node)) return undefined;
  return node[index < 0 ? node.length + index : index];
}

/** `->` takes a bare scalar for an array of one, as PostgreSQL does. */
const elementOrScalar = (node: JsonbNode, index: number): JsonbNode | undefined =>
  isContainer(node) ? elementAt(node, index) : index === 0 || index === -1 ? node : undefined;

/** One step of a path: a key of an object, a place in an array. */
function step(node: JsonbNode, key: string): JsonbNode | undefined {
  if (isObjectNode(node)) return node.get(key);
  if (!isArrayNode(node) || !integerPattern.test(key)) return undefined;
  return elementAt(node, Number(key));
}

export function follow(node: JsonbNode, path: SqlArray): JsonbNode | undefined {
  let current: JsonbNode | undefined = node;
  for (const key of path.items) {
    if (current === undefined || key === null) return undefined;
    current = step(current, textOf(key));
  }
  return current;
}

const boxed = (node: JsonbNode | undefined): Datum => (node === undefined ? null : new Jsonb(node));
const asText = (node: JsonbNode | undefined): Datum =>
  node === undefined || node === null ? null : nodePlainText(node);

function equalScalars(a: JsonbNode, b: JsonbNode): boolean {
  if (a instanceof Decimal && b instanceof Decimal) return compareDecimals(a, b) === 0;
  return a === b;
}

const isContainer = (node: JsonbNode): boolean => isArrayNode(node) || isObjectNode(node);

/** `@>`. At the top an array contains a bare scalar that is among its elements. */
function contains(whole: JsonbNode, part: JsonbNode, isTop = true): boolean {
  if (isObjectNode(whole) && isObjectNode(part)) {
    for (const [key, value] of part) {
      const have = whole.get(key);
      if (have === undefined || !contains(have, value, false)) return false;
    }
    return true;
  }
  if (isArrayNode(whole)) {
    if (isArrayNode(part)) return part.every((item) => whole.some((have) => contains(have, item, false)));
    return isTop && !isContainer(part) && whole.some((have) => equalScalars(have, part));
  }
  return !isContainer(whole) && !isContainer(part) && equalScalars(whole, part);
}

/** `?`: a key of an object, a string of an array, or the string itself. */
function exists(node: JsonbNode, key: string): boolean {
  if (isObjectNode(node)) return node.has(key);
  if (isArrayNode(node)) return node.includes(key);
  return node === key;
}

function concat(a: JsonbNode, b: JsonbNode): JsonbNode {
  if (isObjectNode(a) && isObjectNode(b)) return objectNode([...a, ...b]);
  const items = (node: JsonbNode): readonly JsonbNode[] => (isArrayNode(node) ? node : [node]);
  return [...items(a), ...items(b)];
}

function withoutKeys(node: JsonbNode, keys: ReadonlySet<string>): JsonbNode {
  if (isObjectNode(node)) return new Map([...node].filter(([key]) => !keys.has(key)));
  if (isArrayNode(node)) return node.filter((item) => typeof item !== "string" || !keys.has(item));
  throw new SqlError("22023", "cannot delete from scalar");
}

function withoutElement(node: JsonbNode, index: number): JsonbNode {
  if (isObjectNode(node)) throw new SqlError("22023", "cannot delete from object using integer index");
  if (!isArrayNode(node)) throw new SqlError("22023", "cannot delete from scalar");
  const place = index < 0 ? node.length + index : index;
  return node.filter((_, at) => at !== place);
}

interface Change {
  readonly path: readonly (string | null)[];
  readonly value: JsonbNode;
  readonly kind: "set" | "insertBefore" | "insertAfter" | "delete";
  readonly creates: boolean;
}

const pathOf = (path: SqlArray): readonly (string | null)[] =>
  path.items.map((key) => (key === null ? null : textOf(key)));

/** The value with what stands at the path changed; the value itself where the path leads nowhere. */
function change(node: JsonbNode, depth: number, plan: Change): JsonbNode {
  const key = plan.path[depth];
  if (key === undefined) return node;
  if (key === null) throw new SqlError("22004", `path element at position ${depth + 1} is null`);
  if (isObjectNode(node)) return changeObject(node, key, depth, plan);
  if (isArrayNode(node)) return changeArray(node, key, depth, plan);
  return node;
}

function changeObject(node: ReadonlyMap<string, JsonbNode>, key: string, depth: number, plan: Change): JsonbNode {
  const isLast = depth === plan.path.length - 1;
  const have = node.get(key);
  if (!isLast) return have === undefined ? node : objectNode([...node, [key, change(have, depth + 1, plan)]]);
  if (plan.kind === "delete") return new Map([...node].filter(([other]) => other !== key));
  if (have === undefined) return plan.creates ? objectNode([...node, [key, plan.value]]) : node;
  if (plan.kind !== "set")
    throw new SqlError("22023", "cannot replace existing key", {
      hint: "Try using the function jsonb_set to replace key value.",
    });
  return objectNode([...node, [key, plan.value]]);
}

function changeArray(node: readonly JsonbNode[], key: string, depth: number, plan: Change): JsonbNode {
  if (!integerPattern.test(key) || Math.abs(Number(key)) > int4Max)
    throw new SqlError("22P02", `path element at position ${depth + 1} is not an integer: "${key}"`);
  const given = Number(key);
  const index = given < 0 ? node.length + given : given;
  const isInside = index >= 0 && index < node.length;
  if (depth < plan.path.length - 1) {
    const have = node[index];
    return have === undefined ? node : node.with(index, change(have, depth + 1, plan));
  }
  switch (plan.kind) {
    case "delete":
      return isInside ? node.toSpliced(index, 1) : node;
    case "set":
      if (isInside) return node.with(index, plan.value);
      break;
    case "insertBefore":
      if (isInside) return node.toSpliced(index, 0, plan.value);
      break;
    case "insertAfter":
      if (isInside) return node.toSpliced(index + 1, 0, plan.value);
      break;
  }
  if (!plan.creates) return node;
  return index < 0 ? [plan.value, ...node] : [...node, plan.value];
}

function requireContainer(node: JsonbNode, what: string): void {
  if (!isContainer(node)) throw new SqlError("22023", `cannot ${what} in scalar`);
}

const isEmpty = (node: JsonbNode): boolean =>
  isArrayNode(node) ? node.length === 0 : isObjectNode(node) && node.size === 0;

function set(node: JsonbNode, path: SqlArray, value: JsonbNode, creates: boolean): JsonbNode {
  requireContainer(node, "set path");
  if (!creates && isEmpty(node)) return node;
  return change(node, 0, { path: pathOf(path), value, kind: "set", creates });
}

function insert(node: JsonbNode, path: SqlArray, value: JsonbNode, isAfter: boolean): JsonbNode {
  requireContainer(node, "set path");
  return change(node, 0, { path: pathOf(path), value, kind: isAfter ? "insertAfter" : "insertBefore", creates: true });
}

function withoutPath(node: JsonbNode, path: SqlArray): JsonbNode {
  requireContainer(node, "delete path");
  if (isEmpty(node)) return node;
  return change(node, 0, { path: pathOf(path), value: null, kind: "delete", creates: false });
}

export function withoutNulls(node: JsonbNode): JsonbNode {
  if (isArrayNode(node)) return node.map(withoutNulls);
  if (!isObjectNode(node)) return node;
  return new Map([...node].filter(([, value]) => value !== null).map(([key, value]) => [key, withoutNulls(value)]));
}

function pretty(node: JsonbNode, depth: number): string {
  const indent = "    ".repeat(depth + 1);
  const end = "    ".repeat(depth);
  if (isArrayNode(node)) {
    if (node.length === 0) return "[\n" + end + "]";
    return `[\n${node.map((item) => indent + pretty(item, depth + 1)).join(",\n")}\n${end}]`;
  }
  if (isObjectNode(node)) {
    if (node.size === 0) return "{\n" + end + "}";
    const fields = [...node].map(([key, value]) => `${indent}${quoteJson(key)}: ${pretty(value, depth + 1)}`);
    return `{\n${fields.join(",\n")}\n${end}}`;
  }
  return nodeText(node);
}

const articles = {
  array: "array",
  object: "object",
  string: "string",
  number: "numeric",
  boolean: "boolean",
  null: "null",
} as const;

function scalar(node: JsonbNode, label: string): Decimal {
  if (node instanceof Decimal) return node;
  throw new SqlError("22023", `cannot cast jsonb ${articles[nodeKind(node)]} to type ${label}`);
}

function toInteger(node: JsonbNode, minimum: bigint, maximum: bigint, label: string): Datum {
  const value = coefficientAt(scalar(node, label), 0);
  if (value < minimum || value > maximum) throw outOfRange(label);
  return int64(value);
}

export function arrayLength(node: JsonbNode): number {
  if (isArrayNode(node)) return node.length;
  throw new SqlError("22023", `cannot get array length of a ${isObjectNode(node) ? "non-array" : "scalar"}`);
}

const keysOf = (keys: SqlArray): string[] => keys.items.flatMap((key) => (key === null ? [] : [textOf(key)]));

function setLax(
  node: JsonbNode,
  path: SqlArray,
  value: Jsonb | null,
  creates: boolean,
  treatment: string | null,
): Datum {
  if (value !== null && treatment !== null) return new Jsonb(set(node, path, value.node, creates));
  switch (treatment) {
    case "raise_exception":
      throw new SqlError("22004", "JSON value must not be null", {
        detail: 'Exception was raised because null_value_treatment is "raise_exception".',
        hint: "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.",
      });
    case "use_json_null":
      return new Jsonb(set(node, path, null, creates));
    case "delete_key":
      return new Jsonb(withoutPath(node, path));
    case "return_target":
      return new Jsonb(node);
    default:
      throw new SqlError(
        "22023",
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
      );
  }
}

const lax = nullably({
  "jsonb_set_lax(jsonb,_text,jsonb,bool,text)": (json, path, value, creates, treatment) =>
    json === null || path === null || creates === null ? null : setLax(json.node, path, value, creates, treatment),
});

const strict = strictly({
  "jsonb_object_field(jsonb,text)": (json, key) => (isObjectNode(json.node) ? boxed(json.node.get(key)) : null),
  "jsonb_object_field_text(jsonb,text)": (json, key) => (isObjectNode(json.node) ? asText(json.node.get(key)) : null),
  "jsonb_array_element(jsonb,int4)": (json, index) => boxed(elementOrScalar(json.node, index)),
  "jsonb_array_element_text(jsonb,int4)": (json, index) => asText(elementOrScalar(json.node, index)),
  "jsonb_extract_path(jsonb,_text)": (json, path) => boxed(follow(json.node, path)),
  "jsonb_extract_path_text(jsonb,_text)": (json, path) => asText(follow(json.node, path)),
  "jsonb_contains(jsonb,jsonb)": (a, b) => contains(a.node, b.node),
  "jsonb_contained(jsonb,jsonb)": (a, b) => contains(b.node, a.node),
  "jsonb_exists(jsonb,text)": (json, key) => exists(json.node, key),
  "jsonb_exists_any(jsonb,_text)": (json, keys) => keysOf(keys).some((key) => exists(json.node, key)),
  "jsonb_exists_all(jsonb,_text)": (json, keys) => keysOf(keys).every((key) => exists(json.node, key)),
  "jsonb_concat(jsonb,jsonb)": (a, b) => new Jsonb(concat(a.node, b.node)),
  "jsonb_delete(jsonb,text)": (json, key) => new Jsonb(withoutKeys(json.node, new Set([key]))),
  "jsonb_delete(jsonb,_text)": (json, keys) => new Jsonb(withoutKeys(json.node, new Set(keysOf(keys)))),
  "jsonb_delete(jsonb,int4)": (json, index) => new Jsonb(withoutElement(json.node, index)),
  "jsonb_delete_path(jsonb,_text)": (json, path) => new Jsonb(withoutPath(json.node, path)),
  "jsonb_set(jsonb,_text,jsonb,bool)": (json, path, value, creates) =>
    new Jsonb(set(json.node, path, value.node, creates)),
  "jsonb_insert(jsonb,_text,jsonb,bool)": (json, path, value, isAfter) =>
    new Jsonb(insert(json.node, path, value.node, isAfter)),
  "jsonb_typeof(jsonb)": (json) => nodeKind(json.node),
  "jsonb_array_length(jsonb)": (json) => arrayLength(json.node),
  "jsonb_strip_nulls(jsonb)": (json) => new Jsonb(withoutNulls(json.node)),
  "jsonb_pretty(jsonb)": (json) => pretty(json.node, 0),
  "bool(jsonb)": (json) => {
    if (typeof json.node === "boolean") return json.node;
    throw new SqlError("22023", `cannot cast jsonb ${articles[nodeKind(json.node)]} to type boolean`);
  },
  "numeric(jsonb)": (json) => scalar(json.node, "numeric"),
  "int2(jsonb)": (json) => toInteger(json.node, BigInt(int2Min), BigInt(int2Max), "smallint"),
  "int4(jsonb)": (json) => toInteger(json.node, BigInt(int4Min), BigInt(int4Max), "integer"),
  "int8(jsonb)": (json) => toInteger(json.node, int8Min, int8Max, "bigint"),
  "float4(jsonb)": (json) => float4OfDecimal(scalar(json.node, "real")),
  "float8(jsonb)": (json) => toNumber(scalar(json.node, "double precision")),
});

export const jsonbs: readonly Implementation[] = [...strict, ...lax];
