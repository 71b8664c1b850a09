/** Names of built-in types, for what a gateway has to know without a catalog: the parameter types of a PREPARE. */
import type { TypeName } from "../../runtime/query/syntax/ast-expression.js";
import { type Oid, typeOid } from "../../runtime/query/types/sql-type.js";

const oids: Readonly<Record<string, Oid>> = typeOid;

/** Null for a type that is not built in. */
export function builtInType({ names, arrayDimensions }: TypeName): Oid | null {
  const name = names.at(-1) ?? "";
  const oid = oids[arrayDimensions > 0 ? `${name}Array` : name];
  const isBuiltIn = names.length === 1 || names[0] === "pg_catalog";
  return oid !== undefined && isBuiltIn ? oid : null;
}
