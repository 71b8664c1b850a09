/** Types of columns, as written. */
import { notSupported, SqlError } from "../../error.js";
import type { TypeName } from "../../syntax/ast-expression.js";
import { storageOf } from "../../table/value-bytes.js";
import { type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import { formatType, typeByName } from "../../types/type-name.js";
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
export function columnType(name: TypeName): SqlType {
  const position = placeOf(name.location);
  if (name.isSetOf) throw notSupported("SETOF", position);
  if (name.arrayDimensions > 1) throw notSupported("an array of more than one dimension", position);
  const modifiers = name.modifiers.map((modifier) => {
    if (modifier.kind === "integerLiteral") return modifier.value;
    throw new SqlError("42601", "type modifiers must be simple constants or identifiers", { position });
  });
  const type = typeByName(name.names, modifiers, name.arrayDimensions > 0, position);
  if (storageOf(type.oid) === null) throw notSupported(`a column of type ${formatType(type.oid)}`, position);
  return type;
}
