/** What of a catalog is a user's: what it owns, and what was granted to it or by it. While there is something, the user is not dropped. */
import { type Catalog, type DefaultPrivileges, publicSchemaOid } from "./model.js";
import { type AclItem, columnsOf, kindName } from "./privileges.js";

const defaultWords = { r: "relations", S: "sequences", f: "functions", T: "types", n: "schemas" } as const;

function defaultsLabel({ role, schema, objects }: DefaultPrivileges, catalog: Catalog): string {
  const found = catalog.objectByOid(schema);
  const place = found?.kind === "schema" ? ` in schema ${found.name}` : "";
  return `default privileges on new ${defaultWords[objects]} belonging to role ${role}${place}`;
}

/** In PostgreSQL's words, one for each object, in the order of their oids. */
export function roleUses(catalog: Catalog, role: string): string[] {
  const uses: string[] = [];
  const isOfRole = ({ grantee, grantor }: AclItem): boolean => grantee === role || grantor === role;
  for (const object of [...catalog.objects()].sort((a, b) => a.oid - b.oid)) {
    if (object.kind === "index") continue;
    const schema = object.kind === "schema" ? null : catalog.objectByOid(object.schema);
    const isPlain = schema === null || schema.oid === publicSchemaOid;
    const label = `${kindName(object)} ${isPlain ? "" : `${schema.name}.`}${object.name}`;
    // The schema `public` is everyone's first superuser's, whoever that is.
    const isBuiltIn = object.oid === publicSchemaOid && object.acl === undefined;
    if (object.owner === role && !isBuiltIn) uses.push(`owner of ${label}`);
    else if (object.acl?.some(isOfRole) === true) uses.push(`privileges for ${label}`);
    for (const { name, acl } of columnsOf(object))
      if (acl?.some(isOfRole) === true) uses.push(`privileges for column ${name} of ${label}`);
  }
  const { database, defaultPrivileges } = catalog;
  if (database?.owner !== role && database?.acl?.some(isOfRole) === true)
    uses.push(`privileges for database ${database.name}`);
  for (const each of defaultPrivileges) {
    const label = defaultsLabel(each, catalog);
    if (each.role === role) uses.push(`owner of ${label}`);
    else if (each.acl.some(isOfRole)) uses.push(`privileges for ${label}`);
  }
  return uses;
}
