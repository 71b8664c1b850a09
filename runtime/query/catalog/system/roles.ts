/**
 * Users as a tenant's catalog shows them: the one that asks, the first superuser, and all that own or were granted something. Users are kept by
 * the node for all tenants, so there are no rows of them here to number: a user's oid follows from its name.
 */
import type { RoleFacts } from "../../functions/context.js";
import type { Oid } from "../../types/sql-type.js";
import type { Catalog } from "../model.js";

/** PostgreSQL's first user: who owns what is built in. */
export const bootstrapRole: Oid = 10;
export const bootstrapName = "admin";
const firstRoleOid = 1_000_000_000;
const roleOids = 1_000_000_000;

/** FNV-1a of the name, above all oids that objects get. */
export function roleOidOf(name: string): Oid {
  if (name === bootstrapName) return bootstrapRole;
  let hash = 2_166_136_261;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  return firstRoleOid + (hash % roleOids);
}

const remembered = new WeakMap<Catalog, ReadonlySet<string>>();

/** Names of all that own something or were granted something. */
function namesIn(catalog: Catalog): ReadonlySet<string> {
  const known = remembered.get(catalog);
  if (known !== undefined) return known;
  const names = new Set<string>();
  for (const object of catalog.objects()) {
    if (object.kind === "index") continue;
    names.add(object.owner);
    for (const { grantee, grantor } of object.acl ?? []) names.add(grantee).add(grantor);
  }
  names.delete("");
  remembered.set(catalog, names);
  return names;
}

/** Those that are known to the session first. */
export function rolesIn(catalog: Catalog, known: readonly RoleFacts[]): readonly RoleFacts[] {
  const found = [...known];
  for (const name of namesIn(catalog)) {
    if (found.some((role) => role.name === name)) continue;
    found.push({ oid: roleOidOf(name), name, isSuperuser: false, canLogin: true });
  }
  return found;
}
