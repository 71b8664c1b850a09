/** What of a catalog is a user's: what it owns, and what was granted to it or by it. While there is something, the user is not dropped. */
import { type Catalog, publicSchemaOid } from "./model.js";
import { kindName } from "./privileges.js";

/** In PostgreSQL's words, one for each object, in the order of their oids. */
export function roleUses(catalog: Catalog, role: string): string[] {
  const uses: string[] = [];
  for (const object of [...catalog.objects()].sort((a, b) => a.oid - b.oid)) {
    if (object.kind === "index") continue;
    const schema = object.kind === "schema" ? null : catalog.objectByOid(object.schema);
    const isPlain = schema === null || schema.oid === publicSchemaOid;
    const label = `${kindName(object)} ${isPlain ? "" : `${schema.name}.`}${object.name}`;
    // The schema `public` is everyone's first superuser's, whoever that is.
    const isBuiltIn = object.oid === publicSchemaOid && object.acl === undefined;
    if (object.owner === role && !isBuiltIn) uses.push(`owner of ${label}`);
    else if (object.acl?.some(({ grantee, grantor }) => grantee === role || grantor === role) === true)
      uses.push(`privileges for ${label}`);
  }
  return uses;
}
