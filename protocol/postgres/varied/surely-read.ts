/**
 * Texts that a type's input function reads whatever the settings are. An error of a constant names its place in the statement, so that only
 * what can have none may come as a parameter: all else is refused here, be it right or wrong, and goes the way of a constant.
 */
import { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from "../../../runtime/query/types/integer.js";
import { type Oid, typeOid } from "../../../runtime/query/types/sql-type.js";

const wholeNumber = /^-?\d{1,19}$/;
const decimalNumber = /^-?\d{1,100}(?:\.\d{1,100})?$/;
const shortDecimal = /^-?\d{1,15}(?:\.\d{1,15})?$/;
const day = /^(\d{4})-(\d\d)-(\d\d)$/;
const moment = /^(\d{4}-\d\d-\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,6})?)?(?:[+-](?:0\d|1[0-4])(?::?[0-5]\d)?|Z)?$/;
const hour = /^(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,6})?)?$/;
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const hexBytes = /^\\x(?:[\dA-Fa-f]{2})*$/;
/** What JSON of PostgreSQL takes and JavaScript's does not agree about: escapes by number, exponents. */
const doubtfulJson = /\\u|\d[eE]/;

const anyText = (): boolean => true;
const isTimestamp = (text: string): boolean => isDay(text) || isMoment(text);

/** By type, what it surely reads. */
const readers: ReadonlyMap<Oid, (text: string) => boolean> = new Map([
  [typeOid.text, anyText],
  [typeOid.varchar, anyText],
  [typeOid.bpchar, anyText],
  [typeOid.bool, (text) => text === "t" || text === "f" || text === "true" || text === "false"],
  [typeOid.int2, (text) => isWithin(text, BigInt(int2Min), BigInt(int2Max))],
  [typeOid.int4, (text) => isWithin(text, BigInt(int4Min), BigInt(int4Max))],
  [typeOid.int8, (text) => isWithin(text, int8Min, int8Max)],
  [typeOid.numeric, (text) => decimalNumber.test(text)],
  [typeOid.float4, (text) => shortDecimal.test(text)],
  [typeOid.float8, (text) => shortDecimal.test(text)],
  [typeOid.date, (text) => isDay(text)],
  [typeOid.timestamp, isTimestamp],
  [typeOid.timestamptz, isTimestamp],
  [typeOid.time, (text) => isHour(hour.exec(text))],
  [typeOid.uuid, (text) => uuid.test(text)],
  [typeOid.bytea, (text) => hexBytes.test(text)],
  [typeOid.json, (text) => isJson(text)],
  [typeOid.jsonb, (text) => isJson(text)],
]);

/** Whether some texts are surely read by the type. */
export const isReadSurely = (type: Oid): boolean => readers.has(type);

export const isSurelyRead = (text: string, type: Oid): boolean => readers.get(type)?.(text) ?? false;

function isWithin(text: string, least: bigint, greatest: bigint): boolean {
  if (!wholeNumber.test(text)) return false;
  const value = BigInt(text);
  return value >= least && value <= greatest;
}

function isDay(text: string): boolean {
  const [, years = "", months = "", days = ""] = day.exec(text) ?? [];
  if (years === "" || Number(years) < 1 || Number(months) < 1 || Number(months) > 12) return false;
  return (
    Number(days) >= 1 &&
    Number(days) <= new Date(Date.UTC(2000 + (Number(years) % 400), Number(months), 0)).getUTCDate()
  );
}

function isMoment(text: string): boolean {
  const parts = moment.exec(text);
  return parts !== null && isDay(parts[1] ?? "") && isHour([text, parts[2] ?? "", parts[3] ?? "", parts[4] ?? "0"]);
}

const isHour = (parts: readonly (string | undefined)[] | null): boolean =>
  parts !== null && Number(parts[1]) <= 23 && Number(parts[2]) <= 59 && Number(parts[3] ?? 0) <= 59;

function isJson(text: string): boolean {
  if (doubtfulJson.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
