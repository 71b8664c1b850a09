/**
 * Reads the parser's JSON. A node is an object of fields; where a field may hold several types it is wrapped in an object whose only key
 * is the type's name. Fields that are zero, false, empty or absent are left out.
 */
import { assert } from "../../types/assert.js";

export type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Type name and fields of a wrapped node. */
export function unwrap(value: unknown): readonly [kind: string, fields: Fields] {
  assert(isFields(value), "a node of the parser is an object");
  for (const kind in value) {
    const fields = value[kind];
    assert(isFields(fields), "a node of the parser holds fields");
    return [kind, fields];
  }
  return ["", {}];
}

/** Fields of a node that is known to be of one type, wrapped or not. */
export function fieldsOf(value: unknown, kind: string): Fields {
  assert(isFields(value), "a node of the parser is an object");
  const inner = value[kind];
  return isFields(inner) ? inner : value;
}

export const has = (fields: Fields, key: string): boolean => fields[key] !== undefined;

export const listOf = (fields: Fields, key: string): readonly unknown[] => {
  const value = fields[key];
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
};

export const textOf = (fields: Fields, key: string): string => {
  const value = fields[key];
  return typeof value === "string" ? value : "";
};

export const textOrNull = (fields: Fields, key: string): string | null => {
  const value = fields[key];
  return typeof value === "string" ? value : null;
};

export const numberOf = (fields: Fields, key: string): number => {
  const value = fields[key];
  return typeof value === "number" ? value : 0;
};

export const flagOf = (fields: Fields, key: string): boolean => fields[key] === true;

/** The text of a `String` node. */
export const stringNode = (value: unknown): string => textOf(fieldsOf(value, "String"), "sval");

/** The texts of a list of `String` nodes. */
export const stringsOf = (fields: Fields, key: string): readonly string[] => listOf(fields, key).map(stringNode);

/** The items of a `List` node. */
export const itemsOf = (value: unknown): readonly unknown[] => listOf(fieldsOf(value, "List"), "items");
