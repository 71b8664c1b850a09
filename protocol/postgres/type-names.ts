/** Names of built-in types, for what a gateway has to know without a catalog: the parameter types of a PREPARE. */
import { SqlError } from "../../runtime/query/error.js";
import type { TypeName } from "../../runtime/query/syntax/ast-expression.js";
import { type Oid, typeOid } from "../../runtime/query/types/sql-type.js";

const oids: Readonly<Record<string, Oid>> = typeOid;

/** Throws `0A000` for a type that is not built in. */
export function builtInType({ names, arrayDimensions, location }: TypeName): Oid {
  const name = names.at(-1) ?? "";
  const oid = oids[arrayDimensions > 0 ? `${name}Array` : name];
  const isBuiltIn = names.length === 1 || names[0] === "pg_catalog";
  if (oid !== undefined && isBuiltIn) return oid;
  throw new SqlError("42704", `type "${names.join(".")}" does not exist`, { position: location });
}
