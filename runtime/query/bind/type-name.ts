/** Types as written, in expressions and column definitions. */
import { notSupported, SqlError } from "../error.js";
import type { TypeName } from "../syntax/ast-expression.js";
import type { SqlType } from "../types/sql-type.js";
import { typeByName } from "../types/type-name.js";
import { positionOf } from "./binder.js";

/** Throws 42704 for a type that there is not, 22023 for a modifier that it does not take. */
export function bindTypeName(name: TypeName): SqlType {
  const position = positionOf(name.location);
  if (name.isSetOf) throw notSupported("SETOF", position);
  if (name.arrayDimensions > 1) throw notSupported("an array of more than one dimension", position);
  const modifiers = name.modifiers.map((modifier) => {
    if (modifier.kind === "integerLiteral") return modifier.value;
    throw new SqlError("42601", "type modifiers must be simple constants or identifiers", { position });
  });
  return typeByName(name.names, modifiers, name.arrayDimensions > 0, position);
}
