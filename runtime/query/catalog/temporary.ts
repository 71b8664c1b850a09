/**
 * Temporary tables lie in a schema of their session's, which is looked into before all others and goes with the session. Its name says
 * whose it is (docs/decisions/0018-temporary-tables-are-facts.md).
 */
import type { Catalog, SchemaDefinition } from "./model.js";

/** The setting that tells whoever runs a statement the session's schema; empty while it has none. */
export const temporarySchemaSetting = "kimberlite.temporary_schema";

/** What a session calls its own schema. */
export const ownTemporarySchema = "pg_temp";

/** The schema of a session, by the session's number. */
export const temporarySchemaName = (session: number): string => `${ownTemporarySchema}_${session}`;

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
