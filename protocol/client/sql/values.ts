/**
 * Values of SQL as values of JavaScript, both ways:
 *
 *   smallint, integer, real, double precision, oid   number           bigint                      bigint
 *   boolean                                          boolean          numeric                     string, exact
 *   json, jsonb                                      what it holds    bytea                       Uint8Array
 *   timestamp with time zone                         Date (ms)        arrays of these             array
 *   all else                                         string, as PostgreSQL writes it
 */
import { KimberliteError } from "../../../runtime/types/errors.js";

export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | readonly SqlValue[]
  | { readonly [name: string]: unknown };
/** What a statement takes as a parameter. */
export type SqlParameter = SqlValue | undefined;

type Decode = (text: string) => SqlValue;

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.slice(2), "hex"));
const toDate: Decode = (text) => (text === "infinity" || text === "-infinity" ? text : new Date(isoOf(text)));

/** `2026-11-28 09:00:00.123456+01` as Date reads it. */
function isoOf(text: string): string {
  const match = /^(\d{4,})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([-+]\d\d)(?::?(\d\d))?( BC)?$/.exec(text);
  if (match === null) return text;
  const [, year = "", month = "", day = "", time = "", hours = "", minutes = "00", era] = match;
  const shown = era === undefined ? year : `-${String(Number(year) - 1).padStart(6, "0")}`;
  return `${shown.length > 4 && era === undefined ? `+${shown.padStart(6, "0")}` : shown}-${month}-${day}T${time}${hours}:${minutes}`;
}

const decoders = new Map<number, Decode>([
  [16, (text) => text === "t"],
  [17, fromHex],
  [20, BigInt],
  [21, Number],
  [23, Number],
  [26, Number],
  [114, (text) => JSON.parse(text) as SqlValue],
  [700, Number],
  [701, Number],
  [1184, toDate],
  [3802, (text) => JSON.parse(text) as SqlValue],
]);

/** Array types and the types of their elements. */
const elements = new Map([
  [651, 650],
  [775, 774],
  [791, 790],
  [1000, 16],
  [1001, 17],
  [1005, 21],
  [1007, 23],
  [1009, 25],
  [1014, 1042],
  [1015, 1043],
  [1016, 20],
  [1021, 700],
  [1022, 701],
  [1028, 26],
  [1040, 829],
  [1041, 869],
  [1115, 1114],
  [1182, 1082],
  [1183, 1083],
  [1185, 1184],
  [1187, 1186],
  [1231, 1700],
  [1270, 1266],
  [1561, 1560],
  [1563, 1562],
  [199, 114],
  [2951, 2950],
  [3807, 3802],
]);

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

export function decodeValue(type: number, bytes: Uint8Array | null): SqlValue {
  if (bytes === null) return null;
  const text = decoder.decode(bytes);
  const element = elements.get(type);
  if (element !== undefined) return arrayOf(text, decoders.get(element));
  return decoders.get(type)?.(text) ?? text;
}

/** `{1,NULL,"a b"}`: one dimension; what has more stays a text. */
function arrayOf(text: string, decode: Decode | undefined): SqlValue {
  if (!text.startsWith("{") || text.startsWith("{{")) return text;
  const values: SqlValue[] = [];
  let at = 1;
  while (at < text.length && text[at] !== "}") {
    let item = "";
    const isQuoted = text[at] === '"';
    if (isQuoted) {
      at += 1;
      while (at < text.length && text[at] !== '"') {
        if (text[at] === "\\") at += 1;
        item += text[at++] ?? "";
      }
      at += 1;
    } else while (at < text.length && text[at] !== "," && text[at] !== "}") item += text[at++] ?? "";
    values.push(!isQuoted && item === "NULL" ? null : (decode?.(item) ?? item));
    if (text[at] === ",") at += 1;
  }
  return values;
}

/** A parameter as text; null is NULL. Throws `invalidArgument`. */
export function encodeParameter(value: SqlParameter): Uint8Array | null {
  const text = textOf(value);
  return text === null ? null : encoder.encode(text);
}

function textOf(value: SqlParameter): string | null {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case "string":
      if (value.includes("\0")) throw new KimberliteError("invalidArgument", "a text cannot hold a zero byte");
      return value;
    case "number":
    case "bigint":
      return String(value);
    case "boolean":
      return value ? "t" : "f";
    default:
      break;
  }
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return `{${value.map(elementText).join(",")}}`;
  return JSON.stringify(value);
}

function elementText(value: SqlParameter): string {
  const text = textOf(value);
  if (text === null) return "NULL";
  return Array.isArray(value) ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
