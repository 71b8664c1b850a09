/** Extensions: all that there are are there without being made, and no others can be. */

import { extensions, publicSchemaOid } from "../model.js";
import { bootstrapRole } from "../role-set.js";
import type { SystemRow } from "./world.js";

export function* extensionRows(): Iterable<SystemRow> {
  for (const { oid, name, version, schema } of extensions)
    yield {
      oid,
      extname: name,
      extowner: bootstrapRole,
      extnamespace: schema,
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
