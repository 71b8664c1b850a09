/** Tables and views of the system, which no definition changes, not even a superuser's. */
import { systemRelation } from "../../catalog/system/relations.js";
import { SqlError } from "../../error.js";
import type { DefinitionStatement } from "../../syntax/ast-definition.js";
import type { Truncate } from "../../syntax/ast-modify.js";
import type { RelationName } from "../../syntax/ast-query.js";
import type { DefinitionPorts } from "./ports.js";

/** What a statement is about, beside what it makes. */
function relationsOf(statement: DefinitionStatement | Truncate): readonly RelationName[] {
  switch (statement.kind) {
    case "alterTable":
    case "setSchema":
      return [statement.name];
    case "rename":
      return statement.objectType === "schema" ? [] : [statement.name];
    case "createIndex":
      return [statement.table];
    case "drop":
      return statement.objectType === "schema" ? [] : statement.names;
    case "truncate":
      return statement.tables;
    default:
      return [];
  }
}

/** Throws 42501 for a relation of `pg_catalog`. */
export function expectNotOfSystem(statement: DefinitionStatement | Truncate, { draft }: DefinitionPorts): void {
  for (const name of relationsOf(statement)) {
    const schema = name.schema ?? "pg_catalog";
    if (schema !== "pg_catalog" || systemRelation(schema, name.name) === null || draft.find(name) !== null) continue;
    throw new SqlError("42501", `permission denied: "${name.name}" is a system catalog`);
  }
}
