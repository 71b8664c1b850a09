/** Types of columns, as written. */
import { bindTypeName } from "../../bind/type-name.js";
import { type ColumnDefinition, isType } from "../../catalog/model.js";
import { expectPrivilege } from "../../catalog/privileges.js";
import { notSupported, SqlError } from "../../error.js";
import type { TypeName } from "../../syntax/ast-expression.js";
import { storageOf } from "../../table/value-bytes.js";
import { type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import { type FindUserType, formatType } from "../../types/type-name.js";
import { elementTypeOf, typeFactsOf } from "../../types/type-table.js";
import { isOwnType, isUserType, numberInOid } from "../../types/user-types.js";
import { placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";

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

/** What a column notes of the brackets behind its type. */
export const dimensionsOf = ({ arrayDimensions }: TypeName): Pick<ColumnDefinition, "dimensions"> =>
  arrayDimensions > 1 ? { dimensions: arrayDimensions } : {};

/** Throws 42501 for a type of the tenant's, or of arrays of one, that whoever asks may not use for what it stores. */
export function expectTypeUsage(
  { oid, domain }: SqlType,
  { draft, actor }: Pick<DefinitionPorts, "draft" | "actor">,
): void {
  const own = isUserType(oid) && !isOwnType(oid) ? elementTypeOf(oid) : oid;
  const ofDomain = domain !== undefined && isUserType(domain) ? numberInOid(domain) : domain;
  const found = draft.catalog.objectByOid(ofDomain ?? own);
  if (found !== null && isType(found)) expectPrivilege(found, actor, "U");
}

/** Throws 42P16 for a type that is none of values. */
export function expectNoPseudoType(column: string, { oid }: SqlType): void {
  if (typeFactsOf(oid)?.kind === "p")
    throw new SqlError("42P16", `column "${column}" has pseudo-type ${formatType(oid)}`);
}

/**
 * Throws 42704 for a type that there is not, 42501 for one that may not be used, 42P16 for one that is none of values, 0A000 for one that is
 * not stored.
 */
export function columnTypeOf(name: TypeName, column: string, ports: Pick<DefinitionPorts, "draft" | "actor">): SqlType {
  expectNoPseudoType(column, bindTypeName(name, ports.draft.findType));
  const type = columnType(name, ports.draft.findType);
  expectTypeUsage(type, ports);
  return type;
}

/** Throws 42704 for a type that there is not, 0A000 for one that is not stored. */
export function columnType(name: TypeName, find: FindUserType): SqlType {
  const type = bindTypeName(name, find);
  if (storageOf(type.oid) === null)
    throw notSupported(`a column of type ${formatType(type.oid)}`, placeOf(name.location));
  return type;
}
