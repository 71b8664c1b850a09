/** Relations by name: along the search path, or in the schema that is named. */

import type { Relation } from "../catalog/model.js";
import { isTemporaryName, schemaNamed, schemasOf } from "../catalog/temporary.js";
import { typeNamed } from "../catalog/user-types.js";
import { notSupported, SqlError } from "../error.js";
import type { RelationName } from "../syntax/ast-query.js";
import { expectSearchable, isSearchable } from "./authority.js";
import { positionOf } from "./binder.js";
import type { BindEnvironment } from "./environment.js";

export interface FoundRelation {
  readonly relation: Relation;
  /** Made up by the catalogs. */
  readonly isSystem: boolean;
  readonly schema: string;
}

const systemSchemas: ReadonlySet<string> = new Set(["pg_catalog", "information_schema", "kimberlite"]);

/** Null when there is none. `pg_catalog` is searched first unless the path names it. */
export function findRelation(name: RelationName, environment: BindEnvironment): FoundRelation | null {
  if (name.database !== null && name.database !== environment.context.database) {
    throw notSupported(
      `cross-database reference "${name.database}.${name.schema ?? ""}.${name.name}"`,
      positionOf(name.location),
    );
  }
  const { searchPath, temporarySchema, currentUser } = environment.context;
  const path =
    name.schema !== null
      ? [schemaNamed(name.schema, environment.context)]
      : schemasOf({
          searchPath: [
            ...(searchPath.includes("pg_catalog") ? [] : ["pg_catalog"]),
            ...searchPath.map((schema) => (schema === "$user" ? currentUser : schema)),
          ],
          temporarySchema,
        });
  if (name.schema !== null && !systemSchemas.has(name.schema))
    expectSearchable(name.schema, environment, positionOf(name.location));
  const isOthers = name.schema !== null && isTemporaryName(name.schema) && name.schema !== temporarySchema;
  if (isOthers && environment.isTrusted !== true)
    throw new SqlError("0A000", "cannot access temporary tables of other sessions");
  for (const schema of path) {
    const found = findIn(schema, name.name, environment);
    if (found !== null && (found.isSystem || isSearchable(schema, environment))) return found;
  }
  expectNoComposite(name, environment);
  return null;
}

/** Throws 42809 for the name of a composite type, which stands among those of tables and has no rows. */
function expectNoComposite({ schema, name, location }: RelationName, { catalog, context }: BindEnvironment): void {
  if (typeNamed(schema === null ? [name] : [schema, name], catalog, context)?.kind !== "composite") return;
  throw new SqlError("42809", `"${name}" is a composite type`, { position: positionOf(location) });
}

function findIn(schema: string, name: string, environment: BindEnvironment): FoundRelation | null {
  if (systemSchemas.has(schema)) {
    const relation = environment.systemTables.find(schema, name);
    return relation === null ? null : { relation, isSystem: true, schema };
  }
  const found = environment.catalog.schemaByName(schema);
  const relation = found === null ? null : environment.catalog.relationByName(found.oid, name);
  return relation === null ? null : { relation, isSystem: false, schema };
}

/** @param isLater whether a WITH query has the name that cannot be seen from there */
export const missingTable = (name: RelationName, isLater = false): SqlError =>
  new SqlError("42P01", `relation "${name.schema === null ? "" : `${name.schema}.`}${name.name}" does not exist`, {
    position: positionOf(name.location),
    ...(isLater
      ? {
          detail: `There is a WITH item named "${name.name}", but it cannot be referenced from this part of the query.`,
          hint: "Use WITH RECURSIVE, or re-order the WITH items to remove forward references.",
        }
      : {}),
  });
