/** Roles as a tenant's catalog shows them: those that it knows, and the names of others that own something or were granted something. */
import type { Catalog } from "../model.js";
import { grantsOn } from "../privileges.js";
import { plainRole, type Role, type RoleSet } from "../role-set.js";

const remembered = new WeakMap<Catalog, ReadonlySet<string>>();

/** Names of all that own something or were granted something. */
function namesIn(catalog: Catalog): ReadonlySet<string> {
  const known = remembered.get(catalog);
  if (known !== undefined) return known;
  const names = new Set<string>();
  for (const object of catalog.objects()) {
    if (object.kind === "index") continue;
    names.add(object.owner);
    for (const { grantee, grantor } of grantsOn(object)) names.add(grantee).add(grantor);
  }
  for (const { role, acl } of catalog.defaultPrivileges) {
    names.add(role);
    for (const { grantee } of acl) names.add(grantee);
  }
  for (const { grantee, grantor } of catalog.database?.acl ?? []) names.add(grantee).add(grantor);
  names.delete("");
  remembered.set(catalog, names);
  return names;
}

/** Those that are known first. */
export function rolesIn(catalog: Catalog, known: RoleSet): readonly Role[] {
  const found = [...known.shown];
  for (const name of namesIn(catalog)) if (known.find(name) === null) found.push(plainRole(name));
  return found;
}
