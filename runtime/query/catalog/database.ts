/** The tenant as its catalog has it: while nothing was granted or revoked, everyone may connect and make temporary tables. */
import { type Catalog, type DatabaseDefinition, databaseObjectOid } from "./model.js";
import { handedOn } from "./privileges.js";

/**
 * @param name the tenant's
 * @param owner whose it is now: the list is of whose it was when something was granted last
 */
export function databaseOf(catalog: Catalog, name: string, owner: string): DatabaseDefinition {
  const kept = catalog.database;
  const begun: DatabaseDefinition = { kind: "database", oid: databaseObjectOid, name, owner };
  if (kept === null || kept.acl === undefined) return { ...begun, ...kept, owner };
  return { ...begun, ...kept, owner, acl: handedOn(kept.acl, kept.owner, owner) };
}
