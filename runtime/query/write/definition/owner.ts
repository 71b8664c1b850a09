/** Whose an object is: ALTER … OWNER TO, and what REASSIGN OWNED does with each. */
import { databaseOf } from "../../catalog/database.js";
import { expectPrivilege, type GuardedObject, handedOn, withAcls } from "../../catalog/privileges.js";
import { notSupported, SqlError } from "../../error.js";
import type { SetOwner } from "../../syntax/ast-definition.js";
import { expectOwnerOf } from "./authority.js";
import { relationNamed, typeNamed } from "./grant.js";
import { granteeOf } from "./grant-target.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

const relations: ReadonlySet<string> = new Set(["table", "sequence", "view", "matview", "index"]);

function ownedNamed(ports: DefinitionPorts, name: readonly string[], objectType: string): GuardedObject {
  const { draft } = ports;
  if (objectType === "schema") return draft.schema(name.at(-1) ?? "");
  if (objectType === "type" || objectType === "domain") return typeNamed(name, ports);
  if (relations.has(objectType)) return relationNamed(ports, name, objectType);
  throw notSupported(`ALTER ${objectType.replaceAll("_", " ").toUpperCase()} … OWNER TO`);
}

export function setOwner(statement: SetOwner, ports: DefinitionPorts): DefinitionResult {
  const { objectType, name } = statement;
  alterOwner(ownedNamed(ports, name, objectType), statement.owner, ports);
  return { tag: `ALTER ${(objectType === "matview" ? "materialized view" : objectType).toUpperCase()}` };
}

/** Throws 42501 for what is not one's own, or is to be somebody's whom one is not, or who could not make it where it is. */
function expectNewOwner(object: GuardedObject, owner: string, ports: DefinitionPorts): void {
  const { draft, actor } = ports;
  expectOwnerOf(object, ports);
  if (actor.isSuperuser || owner === object.owner) return;
  if (!ports.isMember(owner)) throw new SqlError("42501", `must be member of role "${owner}"`);
  if (object.kind === "schema")
    return expectPrivilege(databaseOf(draft.catalog, ports.database, ports.databaseOwner), actor, "C");
  const schema = draft.catalog.objectByOid(object.schema);
  if (schema?.kind === "schema") expectPrivilege(schema, ports.actorNamed(owner), "C");
}

/** @param wish a role's name, or a word for who asks */
export function alterOwner(object: GuardedObject, wish: string, ports: DefinitionPorts): void {
  const owner = granteeOf(wish, ports);
  if (owner === "") throw new SqlError("42704", 'role "public" does not exist');
  expectNewOwner(object, owner, ports);
  changeOwner(object, owner, ports);
}

export function changeOwner(object: GuardedObject, owner: string, ports: DefinitionPorts): void {
  const { draft } = ports;
  const changed = withAcls(object, (acl) => handedOn(acl, object.owner, owner));
  const isOwnerSuperuser = ports.actorNamed(owner).isSuperuser;
  if (changed.kind === "view") draft.put({ ...changed, owner, isOwnerSuperuser });
  else if (changed.kind !== "materializedView") draft.put({ ...changed, owner });
  // Its rows are a table of the same owner.
  else draft.put({ ...changed, owner, isOwnerSuperuser, rows: { ...changed.rows, owner } });
  // What belongs to a table's columns goes with it.
  for (const part of [...draft.catalog.objects()]) {
    const isPart = object.kind === "table" && part.kind === "sequence" && part.ownerTable === object.oid;
    if (isPart) draft.put({ ...part, owner });
  }
}
