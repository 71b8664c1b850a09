/** Operator classes of B-trees, one a type, by PostgreSQL's numbers. */
import { type Oid, typeOid } from "../../types/sql-type.js";
import { elementTypeOf } from "../../types/type-table.js";
import { pgCatalogSchemaOid } from "../model.js";
import { bootstrapRole } from "../role-set.js";
import type { SystemRow } from "./world.js";

const tree = 403;

/** oid, name, type, family, whether it is the type's own. */
const classes: readonly (readonly [oid: Oid, name: string, type: Oid, family: Oid, isDefault: boolean])[] = [
  [1978, "int4_ops", typeOid.int4, 1976, true],
  [1979, "int2_ops", typeOid.int2, 1976, true],
  [3124, "int8_ops", typeOid.int8, 1976, true],
  [1981, "oid_ops", typeOid.oid, 1989, true],
  [3122, "date_ops", typeOid.date, 434, true],
  [3127, "timestamptz_ops", typeOid.timestamptz, 434, true],
  [3128, "timestamp_ops", typeOid.timestamp, 434, true],
  [3123, "float8_ops", typeOid.float8, 1970, true],
  [10012, "float4_ops", typeOid.float4, 1970, true],
  [3125, "numeric_ops", typeOid.numeric, 1988, true],
  [3126, "text_ops", typeOid.text, 1994, true],
  [10044, "varchar_ops", typeOid.text, 1994, false],
  [10028, "name_ops", typeOid.name, 1994, true],
  [10004, "bpchar_ops", typeOid.bpchar, 426, true],
  [10000, "array_ops", typeOid.anyarray, 397, true],
  [10003, "bool_ops", typeOid.bool, 424, true],
  [10006, "bytea_ops", typeOid.bytea, 428, true],
  [10007, "char_ops", typeOid.char, 429, true],
  [10022, "interval_ops", typeOid.interval, 1982, true],
  [10034, "record_ops", typeOid.record, 2994, true],
  [10038, "time_ops", typeOid.time, 1996, true],
  [10065, "uuid_ops", typeOid.uuid, 2968, true],
  [10088, "jsonb_ops", typeOid.jsonb, 4033, true],
];

const families: readonly (readonly [oid: Oid, name: string])[] = [
  [1976, "integer_ops"],
  [1989, "oid_ops"],
  [434, "datetime_ops"],
  [1970, "float_ops"],
  [1988, "numeric_ops"],
  [1994, "text_ops"],
  [426, "bpchar_ops"],
  [397, "array_ops"],
  [424, "bool_ops"],
  [428, "bytea_ops"],
  [429, "char_ops"],
  [1982, "interval_ops"],
  [2994, "record_ops"],
  [1996, "time_ops"],
  [2968, "uuid_ops"],
  [4033, "jsonb_ops"],
];

/** The class an index column of this type has. */
export function operatorClassOf(type: Oid): Oid {
  const sought = type === typeOid.varchar ? typeOid.text : elementTypeOf(type) === 0 ? type : typeOid.anyarray;
  return classes.find(([, , of, , isDefault]) => of === sought && isDefault)?.[0] ?? 0;
}

export const operatorClassRows = (): readonly SystemRow[] =>
  classes.map(([oid, name, type, family, isDefault]) => ({
    oid,
    opcmethod: tree,
    opcname: name,
    opcnamespace: pgCatalogSchemaOid,
    opcowner: bootstrapRole,
    opcfamily: family,
    opcintype: type,
    opcdefault: isDefault,
  }));

export const operatorFamilyRows = (): readonly SystemRow[] =>
  families.map(([oid, name]) => ({
    oid,
    opfmethod: tree,
    opfname: name,
    opfnamespace: pgCatalogSchemaOid,
    opfowner: bootstrapRole,
  }));
