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

/** Types of which some texts are surely read. */
export const isReadSurely = (type: Oid): boolean => sure.has(type);

const sure: ReadonlySet<Oid> = new Set([
  typeOid.text,
  typeOid.varchar,
  typeOid.bpchar,
  typeOid.bool,
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.numeric,
  typeOid.float4,
  typeOid.float8,
  typeOid.date,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.time,
  typeOid.uuid,
  typeOid.bytea,
  typeOid.json,
  typeOid.jsonb,
]);

export function isSurelyRead(text: string, type: Oid): boolean {
  switch (type) {
    case typeOid.text:
    case typeOid.varchar:
    case typeOid.bpchar:
      return true;
    case typeOid.bool:
      return text === "t" || text === "f" || text === "true" || text === "false";
    case typeOid.int2:
      return isWithin(text, BigInt(int2Min), BigInt(int2Max));
    case typeOid.int4:
      return isWithin(text, BigInt(int4Min), BigInt(int4Max));
    case typeOid.int8:
      return isWithin(text, int8Min, int8Max);
    case typeOid.numeric:
      return decimalNumber.test(text);
    case typeOid.float4:
    case typeOid.float8:
      return shortDecimal.test(text);
    case typeOid.date:
      return isDay(text);
    case typeOid.timestamp:
    case typeOid.timestamptz:
      return isDay(text) || isMoment(text);
    case typeOid.time:
      return isHour(hour.exec(text));
    case typeOid.uuid:
      return uuid.test(text);
    case typeOid.bytea:
      return hexBytes.test(text);
    case typeOid.json:
    case typeOid.jsonb:
      return isJson(text);
    default:
      return false;
  }
}

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
