/** `CURRENT_DATE`, `CURRENT_USER` and their kin: what they are the values of, and how they are shown. */
import { notSupported } from "../error.js";
import type { SpecialValue } from "../syntax/ast-expression.js";
import { type Oid, sqlType, typeOid } from "../types/sql-type.js";
import type { Analysed } from "./analysed.js";

const types: Readonly<Record<string, Oid>> = {
  current_date: typeOid.date,
  current_time: typeOid.timetz,
  current_timestamp: typeOid.timestamptz,
  localtime: typeOid.time,
  localtimestamp: typeOid.timestamp,
  current_role: typeOid.name,
  current_user: typeOid.name,
  user: typeOid.name,
  session_user: typeOid.name,
  current_catalog: typeOid.name,
  current_schema: typeOid.name,
};

export function specialValue({ name, modifier }: SpecialValue): Analysed {
  const oid = types[name];
  if (oid === undefined) throw notSupported(`showing ${name}`);
  const precision = modifier < 0 ? "" : `(${modifier})`;
  return { kind: "name", text: `${name.toUpperCase()}${precision}`, isSpecial: true, type: sqlType(oid, modifier) };
}
