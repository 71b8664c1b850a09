/**
 * CREATE SCHEMA with what is made in it: each is a statement of its own, run by the schema's owner, and the new schema stands first in its
 * search path. All are one change of the catalog. The parser has put them in PostgreSQL's order (convert-definition.ts), so that a view may
 * stand before its table.
 */
import { SqlError } from "../../../runtime/query/error.js";
import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import type { DefinitionStatement } from "../../../runtime/query/syntax/ast-definition.js";
import type { RelationName } from "../../../runtime/query/syntax/ast-query.js";
import { granteeOf } from "../../../runtime/query/write/definition/grant-target.js";

export interface SchemaElements {
  readonly statements: readonly DefinitionStatement[];
  /** The world in which they are run, but for the catalog. */
  readonly context: EvaluationContext;
}

/** Null for a schema in which nothing is made. Throws 42P15 for an element that names another schema. */
export function elementsOf(statement: DefinitionStatement, context: EvaluationContext): SchemaElements | null {
  if (statement.kind !== "createSchema" || statement.elements.length === 0) return null;
  const { currentUser, sessionUser, roles, searchPath } = context;
  const owner = granteeOf(statement.owner ?? currentUser, { user: currentUser, sessionUser });
  const schema = statement.name ?? owner;
  const isSuperuser = owner === currentUser ? context.isSuperuser : roles.actor(owner).isSuperuser;
  return {
    statements: statement.elements.map((element) => placed(element, schema)),
    context: { ...context, currentUser: owner, isSuperuser, searchPath: [schema, ...searchPath] },
  };
}

function placed(element: DefinitionStatement, schema: string): DefinitionStatement {
  switch (element.kind) {
    case "createTable":
    case "createSequence":
    case "createView":
      return { ...element, name: within(element.name, schema) };
    case "createIndex":
      return { ...element, table: within(element.table, schema) };
    default:
      return element;
  }
}

function within(name: RelationName, schema: string): RelationName {
  if (name.schema === null || name.schema === schema) return { ...name, schema };
  const message = `CREATE specifies a schema (${name.schema}) different from the one being created (${schema})`;
  throw new SqlError("42P15", message);
}
