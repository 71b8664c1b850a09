/** What a value of any type is in JSON: for `to_json`, `row_to_json`, `json_agg` and their kin. */

import { SqlError } from "../../error.js";
import { arrayOf, type SqlArray } from "../../types/array.js";
import { nested } from "../../types/array-shape.js";
import { codecOf } from "../../types/codecs.js";
import { int64Of, isFiniteTime } from "../../types/date-time/calendar.js";
import type { Datum, Value } from "../../types/datum.js";
import { decimalFromText } from "../../types/decimal.js";
import { parseJson, quoteJson } from "../../types/json-parse.js";
import { type JsonbNode, nodeFromTree, nodeOf, objectNode } from "../../types/jsonb.js";
import { recordOf, type SqlRecord } from "../../types/record.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import type { TextContext } from "../../types/text-context.js";
import { elementTypeOf, isRowType } from "../../types/type-table.js";

const numberTypes = new Set<Oid>([
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.float4,
  typeOid.float8,
  typeOid.numeric,
]);
const timeTypes = new Set<Oid>([typeOid.date, typeOid.timestamp, typeOid.timestamptz]);

/** Dates are ISO 8601 whatever the session's style. */
const isoContext = (context: TextContext): TextContext => ({ ...context, dateStyle: { format: "ISO", order: "YMD" } });

function timeText(value: Value, type: Oid, context: TextContext): string {
  const text = codecOf(type).output(value, isoContext(context));
  if (type === typeOid.date || !isFiniteTime(int64Of(value))) return text;
  // `2020-01-01T00:00:00+02:00`: the offset has minutes.
  return text.replace(" ", "T").replace(/([+-]\d{2})(?= BC|$)/u, type === typeOid.timestamptz ? "$1:00" : "$1");
}

export const fieldNames = (record: SqlRecord, { names }: TextContext): readonly string[] =>
  record.names ??
  names.fieldsOf(record.type)?.map(({ name }) => name) ??
  record.values.map((_, index) => `f${index + 1}`);

/** Text of a scalar without quotes, and whether it stands in JSON as it is. */
function scalarText(
  value: Value,
  type: Oid,
  context: TextContext,
): { readonly text: string; readonly isBare: boolean } {
  if (type === typeOid.bool) return { text: value === true ? "true" : "false", isBare: true };
  if (timeTypes.has(type)) return { text: timeText(value, type, context), isBare: false };
  const text = codecOf(type).output(value, context);
  return { text, isBare: numberTypes.has(type) && /^-?\d/u.test(text) };
}

function arrayText({ items, dimensions }: SqlArray, element: Oid, context: TextContext, separator: string): string {
  const texts = items.map((item) => jsonText(item, element, context));
  return nested(texts, dimensions, (level, isOutermost) => `[${level.join(isOutermost ? separator : ",")}]`);
}

/** `separator` stands between the elements of the outermost array: a line feed for the `pretty` forms. */
export function jsonText(value: Datum, type: Oid, context: TextContext, separator = ","): string {
  if (value === null) return "null";
  if (type === typeOid.json || type === typeOid.jsonb) return codecOf(type).output(value, context);
  const element = elementTypeOf(type);
  if (element !== 0) return arrayText(arrayOf(value), element, context, separator);
  if (isRowType(type)) {
    const record = recordOf(value);
    const names = fieldNames(record, context);
    const fields = record.values.map(
      (field, index) => `${quoteJson(names[index] ?? "")}:${jsonText(field, record.types[index]?.oid ?? 0, context)}`,
    );
    return `{${fields.join(separator)}}`;
  }
  const { text, isBare } = scalarText(value, type, context);
  return isBare ? text : quoteJson(text);
}

export function jsonbNode(value: Datum, type: Oid, context: TextContext): JsonbNode {
  if (value === null) return null;
  if (type === typeOid.jsonb) return nodeOf(value);
  if (type === typeOid.json) {
    const text = textOf(value);
    return nodeFromTree(parseJson(text, true), text);
  }
  const element = elementTypeOf(type);
  if (element !== 0) {
    const { items, dimensions } = arrayOf(value);
    return nested<JsonbNode>(
      items.map((item) => jsonbNode(item, element, context)),
      dimensions,
      (level) => level,
    );
  }
  if (isRowType(type)) {
    const record = recordOf(value);
    const names = fieldNames(record, context);
    return objectNode(
      record.values.map((field, index) => [
        names[index] ?? "",
        jsonbNode(field, record.types[index]?.oid ?? 0, context),
      ]),
    );
  }
  const { text, isBare } = scalarText(value, type, context);
  if (!isBare) return text;
  return type === typeOid.bool ? value === true : decimalFromText(text);
}

/** A key of an object: the value's plain text. */
export function keyText(value: Value, type: Oid, context: TextContext): string {
  const isStructured = isRowType(type) || type === typeOid.json || type === typeOid.jsonb || elementTypeOf(type) !== 0;
  if (isStructured && type !== typeOid.name)
    throw new SqlError("22023", "key value must be scalar, not array, composite, or json");
  if (typeof value === "boolean") return value ? "true" : "false";
  return timeTypes.has(type) ? timeText(value, type, context) : codecOf(type).output(value, context);
}
