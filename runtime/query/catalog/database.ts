/** The tenant as its catalog has it: while nothing was granted or revoked, everyone may connect and make temporary tables. */
import { type Catalog, type DatabaseDefinition, databaseObjectOid } from "./model.js";
import { bootstrapName } from "./role-set.js";

/** @param name the tenant's */
export function databaseOf(catalog: Catalog, name: string): DatabaseDefinition {
  const begun: DatabaseDefinition = { kind: "database", oid: databaseObjectOid, name, owner: bootstrapName };
  return { ...begun, ...catalog.database };
}
