/** Types as written, in expressions and column definitions. */
import { findTypeIn } from "../catalog/user-types.js";
import { notSupported, SqlError } from "../error.js";
import type { TypeName } from "../syntax/ast-expression.js";
import { type SqlType, sqlType } from "../types/sql-type.js";
import { type FindUserType, typeByName } from "../types/type-name.js";
import { arrayOfType, typeFactsOf } from "../types/type-table.js";
import { positionOf } from "./binder.js";
import type { BindEnvironment } from "./environment.js";

/** Finds types that somebody has made, along the session's search path. */
export const userTypesOf = ({ catalog, context }: Pick<BindEnvironment, "catalog" | "context">): FindUserType =>
  findTypeIn(catalog, context);

/** Throws 42704 for a type that there is not, 22023 for a modifier that it does not take. */
export function bindTypeName(name: TypeName, find: FindUserType): SqlType {
  const position = positionOf(name.location);
  if (name.isSetOf) throw notSupported("SETOF", position);
  // A stored tree knows the type by its number, whatever it is called by now.
  const stored = name.oid === undefined ? null : find(name.oid);
  if (name.oid !== undefined && name.names.length === 0) return stored ?? builtIn(name.oid, position);
  if (stored !== null && name.arrayDimensions === 0) return stored;
  if (stored !== null) {
    const array = arrayOfType(stored);
    if (array === null) throw notSupported("an array of a domain of arrays", position);
    return array;
  }
  const modifiers = name.modifiers.map((modifier) => {
    if (modifier.kind === "integerLiteral") return modifier.value;
    throw new SqlError("42601", "type modifiers must be simple constants or identifiers", { position });
  });
  return typeByName(name.names, modifiers, name.arrayDimensions > 0, find, position);
}

function builtIn(oid: number, position: number | undefined): SqlType {
  if (typeFactsOf(oid) !== null) return sqlType(oid);
  throw new SqlError("42704", `type with OID ${oid} does not exist`, { position });
}
