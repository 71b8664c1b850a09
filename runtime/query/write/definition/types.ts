/** Types of columns, as written. */
import { bindTypeName } from "../../bind/type-name.js";
import { notSupported } from "../../error.js";
import type { TypeName } from "../../syntax/ast-expression.js";
import { storageOf } from "../../table/value-bytes.js";
import { type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import { type FindUserType, formatType } from "../../types/type-name.js";
import { placeOf } from "./draft.js";

const serialTypes: Readonly<Record<string, number>> = {
  serial: typeOid.int4,
  serial4: typeOid.int4,
  bigserial: typeOid.int8,
  serial8: typeOid.int8,
  smallserial: typeOid.int2,
  serial2: typeOid.int2,
};

/** The integer type of a serial column; null for any other. */
export function serialType({ names, arrayDimensions }: TypeName): SqlType | null {
  const [name] = names;
  if (names.length !== 1 || name === undefined || arrayDimensions > 0) return null;
  const oid = Object.hasOwn(serialTypes, name) ? serialTypes[name] : undefined;
  return oid === undefined ? null : sqlType(oid);
}

/** Throws 42704 for a type that there is not, 0A000 for one that is not stored. */
export function columnType(name: TypeName, find: FindUserType): SqlType {
  const type = bindTypeName(name, find);
  if (storageOf(type.oid) === null)
    throw notSupported(`a column of type ${formatType(type.oid)}`, placeOf(name.location));
  return type;
}
