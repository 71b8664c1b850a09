/** REASSIGN OWNED and DROP OWNED: all that users own in this tenant, and in it alone. */
import { type CatalogObject, type DefaultPrivileges, isType } from "../../catalog/model.js";
import { publicSchema } from "../../catalog/over-trees.js";
import { allOf, type Guarded, type GuardedObject, grantsOn, isGuarded, withAcls } from "../../catalog/privileges.js";
import { roleUses } from "../../catalog/role-uses.js";
import { SqlError } from "../../error.js";
import type { DropOwned, DropRole, ReassignOwned } from "../../syntax/ast-role.js";
import { revoked } from "./acl-change.js";
import { dropRelation } from "./drop.js";
import { dropSchema } from "./drop-statement.js";
import { dropType } from "./drop-type.js";
import { granteeOf } from "./grant-target.js";
import { changeOwner } from "./owner.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

/** Throws 42501 for who may not speak for one of the users. */
function rolesOf(
  { roles }: DropOwned | ReassignOwned,
  ports: DefinitionPorts,
  what: "drop" | "reassign",
): readonly string[] {
  const { actor } = ports;
  const named = roles.map((role) => granteeOf(role, ports));
  if (!actor.isSuperuser && named.some((role) => !actor.rights.has(role)))
    throw new SqlError("42501", `permission denied to ${what} objects`);
  return named;
}

/** The schema `public` is nobody's to give away while nothing was said of it. */
const isOwned = (object: CatalogObject, roles: readonly string[]): object is GuardedObject =>
  object.kind !== "index" && object !== publicSchema && roles.includes(object.owner);

export function reassignOwned(statement: ReassignOwned, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const newOwner = granteeOf(statement.newOwner, ports);
  const roles = rolesOf({ ...statement, roles: [...statement.roles, newOwner] }, ports, "reassign").slice(0, -1);
  const oids = [...draft.catalog.objects()].filter((object) => isOwned(object, roles)).map(({ oid }) => oid);
  for (const oid of oids) {
    // What belongs to a table has gone with it.
    const object = draft.catalog.objectByOid(oid);
    if (object !== null && isOwned(object, roles)) changeOwner(object, newOwner, ports);
  }
  return { tag: "REASSIGN OWNED" };
}

/** Readers come before what they read, newer ones before older ones, and schemas when they are empty. */
const order = [
  "view",
  "materializedView",
  "table",
  "sequence",
  "composite",
  "domain",
  "enum",
  "schema",
] as const satisfies readonly GuardedObject["kind"][];

/** DROP ROLE as far as it is a tenant's affair: nothing of a role is left, as the transaction has it. Throws 2BP01. */
export function expectNoneOf({ names }: DropRole, { draft }: DefinitionPorts): DefinitionResult {
  for (const name of names) {
    const uses = roleUses(draft.catalog, name);
    if (uses.length > 0)
      throw new SqlError("2BP01", `role "${name}" cannot be dropped because some objects depend on it`, {
        detail: uses.join("\n"),
      });
  }
  return { tag: "DROP ROLE" };
}

export function dropOwned(statement: DropOwned, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const roles = rolesOf(statement, ports, "drop");
  for (const kind of order) {
    const owned = [...draft.catalog.objects()].filter((object) => object.kind === kind && isOwned(object, roles));
    for (const { oid } of owned.sort((a, b) => b.oid - a.oid)) {
      const object = draft.catalog.objectByOid(oid);
      if (object !== null && isOwned(object, roles)) dropOne(object, statement.isCascade, ports);
    }
  }
  for (const object of [...draft.catalog.entries()]) {
    if (object.kind === "defaultPrivileges") dropDefaults(object, roles, ports);
    if (!isGuarded(object)) continue;
    const changed = withoutRoles(object, roles, ports);
    if (grantsOn(changed).length < grantsOn(object).length) draft.put(changed);
  }
  return { tag: "DROP OWNED" };
}

function dropOne(object: GuardedObject, isCascade: boolean, ports: DefinitionPorts): void {
  try {
    if (object.kind === "schema") dropSchema(ports, object.name, isCascade);
    else if (isType(object)) dropType(ports, object, isCascade);
    else dropRelation(ports, object, isCascade);
  } catch (error) {
    if (!(error instanceof SqlError) || error.sqlState !== "2BP01") throw error;
    throw new SqlError("2BP01", "cannot drop desired object(s) because other objects depend on them", error.fields);
  }
}

/** What a user has said of its later objects goes, and of others' what it was granted. */
function dropDefaults(defaults: DefaultPrivileges, roles: readonly string[], { draft }: DefinitionPorts): void {
  const { role: owner, acl, oid } = defaults;
  if (roles.includes(owner)) return draft.remove(oid);
  const rest = acl.filter(({ grantee }) => !roles.includes(grantee));
  if (rest.length < acl.length) draft.put({ ...defaults, acl: rest });
}

/** An object, its lists without what was granted to users, and without what they have granted on. */
function withoutRoles(object: Guarded, roles: readonly string[], { rightsOf }: DefinitionPorts): Guarded {
  const { owner } = object;
  return withAcls(object, (before) => {
    let acl = before;
    for (const { grantee, grantor, privileges } of before) {
      if (!roles.includes(grantee) || grantee === owner) continue;
      const change = { owner, all: allOf(object), grantee, grantor, privileges, rightsOf, isOfOption: false };
      acl = revoked(acl, change, "cascade");
    }
    return acl;
  });
}
