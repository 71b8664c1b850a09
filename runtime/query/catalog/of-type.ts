/** Which columns and types are of a type that somebody has made. */
import type { Oid, SqlType } from "../types/sql-type.js";
import { arrayTypeOf } from "../types/type-table.js";
import { isOwnType, isUserType, numberInOid } from "../types/user-types.js";
import type { Catalog, ColumnDefinition, TypeDefinition } from "./model.js";

const isArrayOfDomain = ({ domain }: SqlType, oid: Oid): boolean =>
  domain !== undefined && isUserType(domain) && numberInOid(domain) === oid;

/** Whether it is the type of arrays of the other. */
export const isArrayOf = (type: SqlType, oid: Oid): boolean =>
  isArrayOfDomain(type, oid) || (isOwnType(oid) && type.oid === arrayTypeOf(oid));

/** Whether a column is of the type or of its arrays. */
export const isOfType = ({ type }: Pick<ColumnDefinition, "type">, oid: Oid): boolean =>
  type.domain === oid || type.oid === oid || isArrayOf(type, oid);

/** The same, but not of a type that only a domain over it, or over arrays of it, is of: what hangs on the domain does not hang on that. */
export const isItselfOfType = ({ type }: Pick<ColumnDefinition, "type">, oid: Oid): boolean =>
  type.domain === undefined ? isOfType({ type }, oid) : type.domain === oid || isArrayOfDomain(type, oid);

/** A type, and all composite ones that have a field of it, or of its arrays, at any depth. */
export function typesWith(type: TypeDefinition, catalog: Catalog): readonly TypeDefinition[] {
  const found: TypeDefinition[] = [type];
  const all = [...catalog.objects()].filter((object) => object.kind === "composite");
  for (const one of found)
    for (const other of all)
      if (!found.includes(other) && other.attributes.some((each) => isOfType(each, one.oid))) found.push(other);
  return found;
}
