/**
 * Temporary tables lie in a schema of their session's, which is looked into before all others and goes with the session. Its name says
 * whose it is (docs/decisions/0018-temporary-tables-are-facts.md).
 */
import { assert } from "../../types/assert.js";
import type { Catalog, SchemaDefinition } from "./model.js";

/** The setting that tells whoever runs a statement the session's schema; empty while it has none. */
export const temporarySchemaSetting = "kimberlite.temporary_schema";

/**
 * The setting that says that the session's schema is there, as the shard has told; empty while it is not. Whoever finds no such schema then knows
 * that it was cleared away, with all that lay in it: the session's names are not to mean others' tables.
 */
export const temporaryMadeSetting = "kimberlite.temporary_made";

/** What a session calls its own schema. */
export const ownTemporarySchema = "pg_temp";

/** The schema of a session, by the session's number. */
export const temporarySchemaName = (session: number): string => `${ownTemporarySchema}_${session}`;

/** The number of the session that has a schema of that name. */
export function sessionOfTemporary(schema: string): number {
  assert(isTemporaryName(schema), "a schema of temporary tables has its session's number");
  return Number(schema.slice(ownTemporarySchema.length + 1));
}

export const isTemporaryName = (schema: string): boolean => /^pg_temp_\d+$/.test(schema);

/** Whether a relation of this schema is temporary. */
export function isTemporary(catalog: Catalog, schema: number): boolean {
  const found = catalog.objectByOid(schema);
  return found?.kind === "schema" && isTemporaryName(found.name);
}

/** Schemas of sessions, in no order. */
export function* temporarySchemas(catalog: Catalog): Iterable<SchemaDefinition> {
  for (const object of catalog.objects()) if (object.kind === "schema" && isTemporaryName(object.name)) yield object;
}

/** Where names without a schema are looked for. */
export interface NamePath {
  readonly searchPath: readonly string[];
  /** The session's schema of temporary tables; null while it has none. */
  readonly temporarySchema: string | null;
}

/** Names of schemas in which relations are looked for: the session's own where the path names it, or else first. */
export function schemasOf({ searchPath, temporarySchema }: NamePath): readonly string[] {
  if (temporarySchema === null) return searchPath;
  const isNamed = searchPath.includes(ownTemporarySchema) || searchPath.includes(temporarySchema);
  if (!isNamed) return [temporarySchema, ...searchPath];
  return searchPath.map((schema) => (schema === ownTemporarySchema ? temporarySchema : schema));
}

/** A schema as it was named: `pg_temp` is the session's own. */
export const schemaNamed = (name: string, { temporarySchema }: Pick<NamePath, "temporarySchema">): string =>
  name === ownTemporarySchema ? (temporarySchema ?? name) : name;
