/** Operator classes of B-trees, one a type, by PostgreSQL's numbers. */
import { type Oid, typeOid } from "../../types/sql-type.js";
import { elementTypeOf } from "../../types/type-table.js";
import { isEnum } from "../../types/user-types.js";
import { type IndexKey, pgCatalogSchemaOid } from "../model.js";
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
  [4217, "text_pattern_ops", typeOid.text, 2095, false],
  [4218, "varchar_pattern_ops", typeOid.text, 2095, false],
  [10028, "name_ops", typeOid.name, 1994, true],
  [10004, "bpchar_ops", typeOid.bpchar, 426, true],
  [4219, "bpchar_pattern_ops", typeOid.bpchar, 2097, false],
  [10000, "array_ops", typeOid.anyarray, 397, true],
  [10003, "bool_ops", typeOid.bool, 424, true],
  [10006, "bytea_ops", typeOid.bytea, 428, true],
  [10007, "char_ops", typeOid.char, 429, true],
  [10022, "interval_ops", typeOid.interval, 1982, true],
  [10034, "record_ops", typeOid.record, 2994, true],
  [10038, "time_ops", typeOid.time, 1996, true],
  [10041, "timetz_ops", typeOid.timetz, 2000, true],
  [10065, "uuid_ops", typeOid.uuid, 2968, true],
  [10047, "money_ops", typeOid.money, 2099, true],
  [10024, "macaddr_ops", typeOid.macaddr, 1984, true],
  [10026, "macaddr8_ops", typeOid.macaddr8, 3371, true],
  [10002, "bit_ops", typeOid.bit, 423, true],
  [10043, "varbit_ops", typeOid.varbit, 2002, true],
  [10015, "inet_ops", typeOid.inet, 1974, true],
  [10009, "cidr_ops", typeOid.inet, 1974, false],
  [10088, "jsonb_ops", typeOid.jsonb, 4033, true],
  [10069, "enum_ops", typeOid.anyenum, 3522, true],
];

const families: readonly (readonly [oid: Oid, name: string])[] = [
  [1976, "integer_ops"],
  [1989, "oid_ops"],
  [434, "datetime_ops"],
  [1970, "float_ops"],
  [1988, "numeric_ops"],
  [1994, "text_ops"],
  [2095, "text_pattern_ops"],
  [426, "bpchar_ops"],
  [2097, "bpchar_pattern_ops"],
  [397, "array_ops"],
  [424, "bool_ops"],
  [428, "bytea_ops"],
  [429, "char_ops"],
  [1982, "interval_ops"],
  [2994, "record_ops"],
  [1996, "time_ops"],
  [2000, "timetz_ops"],
  [2968, "uuid_ops"],
  [2099, "money_ops"],
  [1984, "macaddr_ops"],
  [3371, "macaddr8_ops"],
  [423, "bit_ops"],
  [2002, "varbit_ops"],
  [1974, "network_ops"],
  [4033, "jsonb_ops"],
  [3522, "enum_ops"],
];

/** The type that classes for this type are of. */
function classType(type: Oid): Oid {
  if (type === typeOid.varchar) return typeOid.text;
  if (type === typeOid.cidr) return typeOid.inet;
  if (isEnum(type)) return typeOid.anyenum;
  return elementTypeOf(type) === 0 ? type : typeOid.anyarray;
}

/** The class that an index column of this type has when none was asked for. */
export function operatorClassOf(type: Oid): Oid {
  const sought = classType(type);
  return classes.find(([, , of, , isDefault]) => of === sought && isDefault)?.[0] ?? 0;
}

/** One by its name, and whether it can be had for a type; null for none of this name. */
export function operatorClassNamed(
  name: string,
  type: Oid,
): { readonly oid: Oid; readonly isOfType: boolean; readonly isDefault: boolean } | null {
  const found = classes.find(([, each]) => each === name);
  if (found === undefined) return null;
  const [oid, , of, , isDefault] = found;
  return { oid, isOfType: of === classType(type), isDefault };
}

/** Of a key, by the name that was asked for. */
export const keyClassOf = ({ type, operatorClass }: Pick<IndexKey, "type" | "operatorClass">): Oid =>
  (operatorClass === undefined ? null : operatorClassNamed(operatorClass, type.oid)?.oid) ?? operatorClassOf(type.oid);

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
