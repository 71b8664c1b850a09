/** Extensions: all that there are are there without being made, and no others can be. */

import type { Oid } from "../../types/sql-type.js";
import { type Catalog, extensions, pgCatalogSchemaOid, publicSchemaOid } from "../model.js";
import { bootstrapRole } from "../role-set.js";
import type { CatalogWorld, SystemRow } from "./world.js";

/** Where what extensions bring is: in the schema of that name that there is, which may have been dropped and made anew. */
export const publicOidOf = (catalog: Catalog): Oid => catalog.schemaByName("public")?.oid ?? pgCatalogSchemaOid;

export function* extensionRows({ catalog }: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, name, version, schema } of extensions)
    yield {
      oid,
      extname: name,
      extowner: bootstrapRole,
      extnamespace: schema === publicSchemaOid ? publicOidOf(catalog) : schema,
      extrelocatable: name !== "kimberlite",
      extversion: version,
    };
}

export function* availableExtensionRows(): Iterable<SystemRow> {
  for (const { name, version, comment } of extensions)
    yield { name, default_version: version, installed_version: version, comment };
}

export function* availableVersionRows(): Iterable<SystemRow> {
  for (const { name, version, schema, comment } of extensions)
    yield {
      name,
      version,
      installed: true,
      superuser: true,
      trusted: true,
      relocatable: schema === publicSchemaOid,
      schema: schema === publicSchemaOid ? null : name,
      comment,
    };
}
