/** GRANT and REVOKE on tables, views, sequences and schemas, and ALTER … OWNER TO. Who exists is for the caller to know: users are the node's. */

import { isRelation, type MaterializedViewDefinition, type ViewDefinition } from "../../catalog/model.js";
import {
  type Acl,
  type Actor,
  aclOf,
  allOf,
  common,
  expectPrivilege,
  type Guarded,
  grantableBy,
  isOwner,
  kindName,
  lettersOf,
  privilegeNames,
  privilegesOf,
  without,
} from "../../catalog/privileges.js";
import { notSupported, SqlError } from "../../error.js";
import type { Grant, SetOwner } from "../../syntax/ast-definition.js";
import { type AclChange, granted, revoked } from "./acl-change.js";
import { expectOwnerOf, expectUsage } from "./authority.js";
import { placeOf, shownName } from "./draft.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

/** Entries of one object's list. */
const aclItemsMax = 1_000;
const lettersByName = new Map(Object.entries(privilegeNames).map(([letter, name]) => [name, letter]));

const nameOf = (parts: readonly string[]) => ({
  database: null,
  schema: parts.at(-2) ?? null,
  name: parts.at(-1) ?? "",
  location: -1,
});

function relationNamed(ports: DefinitionPorts, parts: readonly string[], objectType: string): Guarded {
  const name = nameOf(parts);
  expectUsage(name, ports);
  const found = ports.draft.find(name);
  if (found === null) throw new SqlError("42P01", `relation "${shownName(name)}" does not exist`);
  if (found.kind === "index") throw new SqlError("42809", `"${found.name}" is an index`);
  if (objectType === "sequence" && found.kind !== "sequence") {
    throw new SqlError("42809", `"${found.name}" is not a sequence`);
  }
  return found;
}

function objectsOf({ objectType, isAllInSchema, objects, location }: Grant, ports: DefinitionPorts): Guarded[] {
  const { draft } = ports;
  if (objectType === "schema") return objects.map(([name = ""]) => draft.schema(name));
  if (objectType !== "table" && objectType !== "sequence") {
    throw notSupported(`privileges on a ${objectType}`, placeOf(location));
  }
  if (!isAllInSchema) return objects.map((parts) => relationNamed(ports, parts, objectType));
  const schemas = new Set(
    objects.map(([name = ""]) => {
      const schema = draft.schema(name);
      expectPrivilege(schema, ports.actor, "U");
      return schema.oid;
    }),
  );
  const found: Guarded[] = [];
  for (const object of draft.catalog.objects()) {
    if (!isRelation(object) || object.kind === "index" || !schemas.has(object.schema)) continue;
    if ((object.kind === "sequence") === (objectType === "sequence")) found.push(object);
  }
  return found;
}

/** Letters of the privileges that were named. Throws 42601, 0LP01. */
function wantedOf({ privileges, objectType }: Grant, object: Guarded): string {
  const all = allOf(object);
  if (privileges.length === 0) return all;
  const letters = privileges.map((name) => {
    const letter = lettersByName.get(name.toUpperCase());
    if (letter === undefined) throw new SqlError("42601", `unrecognized privilege type "${name}"`);
    // A sequence may be named as a table, as in old programs; then what sequences do not have is passed over.
    const isOdd = !all.includes(letter);
    if (isOdd && (object.kind !== "sequence" || objectType !== "table" || letter === "C")) {
      throw new SqlError("0LP01", `invalid privilege type ${name.toUpperCase()} for ${typeWord(object)}`);
    }
    return isOdd ? "" : letter;
  });
  return lettersOf(letters.join(""));
}

const typeWord = ({ kind }: Guarded): string => (kind === "sequence" || kind === "schema" ? kind : "relation");

/**
 * The grantor, and what it may hand on of what is wanted: the owner for superusers and for its members; else the nearest of one's roles that
 * may grant all of it, or the most.
 */
function grantorOf(object: Guarded, acl: Acl, actor: Actor, wanted: string): { grantor: string; may: string } {
  const all = allOf(object);
  const { owner } = object;
  if (isOwner(object, actor)) return { grantor: owner, may: all };
  let best = { grantor: actor.name, may: "" };
  for (const grantor of actor.rights) {
    const may = common(wanted, grantableBy(acl, owner, all, new Set([grantor])));
    if (may.length > best.may.length) best = { grantor, may };
  }
  return best;
}

export function grant(statement: Grant, ports: DefinitionPorts): DefinitionResult {
  const { draft, actor } = ports;
  const tag = statement.isGrant ? "GRANT" : "REVOKE";
  for (const object of objectsOf(statement, ports)) {
    const before = aclOf(object);
    const wanted = wantedOf(statement, object);
    const { grantor, may } = grantorOf(object, before, actor, wanted);
    const privileges = common(wanted, may);
    if (privileges === "" && privilegesOf(object, actor) === "") {
      // PostgreSQL calls whatever has columns a table here.
      const kind = "columns" in object ? "table" : kindName(object);
      throw new SqlError("42501", `permission denied for ${kind} ${object.name}`);
    }
    if (!statement.isGrant) expectColumns(object, wanted, before, actor);
    warn(statement, ports, object.name, wanted, privileges);
    let acl = before;
    for (const role of statement.roles) {
      const change: AclChange = {
        owner: object.owner,
        all: allOf(object),
        grantee: granteeOf(role, ports),
        grantor,
        privileges,
        rightsOf: ports.rightsOf,
        isOfOption: statement.withGrantOption,
      };
      acl = statement.isGrant
        ? granted(acl, change)
        : revoked(acl, change, statement.isCascade ? "cascade" : "restrict");
    }
    if (acl.length > aclItemsMax) throw new SqlError("54000", `too many privileges are granted on ${object.name}`);
    draft.put({ ...object, acl });
  }
  return { tag };
}

/** Privileges that columns have, too. */
const columnLetters = "arwx";

/** What is revoked of a table is revoked of its columns as well, for which PostgreSQL asks once more whether there is anything to revoke. */
function expectColumns(object: Guarded, wanted: string, acl: Acl, actor: Actor): void {
  const letters = object.kind === "schema" ? "" : common(wanted, columnLetters);
  if (letters === "" || common(letters, grantorOf(object, acl, actor, letters).may) !== "") return;
  if (common(columnLetters, privilegesOf(object, actor)) !== "") return;
  const column = isView(object) ? (object.columns[0]?.name ?? "") : "tableoid";
  throw new SqlError("42501", `permission denied for column "${column}" of relation "${object.name}"`);
}

/** A user by name, or by a word for who asks; empty for everyone. */
export function granteeOf(role: string, { user, sessionUser }: DefinitionPorts): string {
  if (role === "public") return "";
  if (role === "session_user") return sessionUser;
  return role === "current_user" || role === "current_role" ? user : role;
}

function warn(
  { isGrant, privileges: named }: Grant,
  ports: DefinitionPorts,
  name: string,
  wanted: string,
  done: string,
): void {
  const [state, verb] = isGrant ? ["01007", "were granted"] : ["01006", "could be revoked"];
  if (done === "" && wanted !== "") ports.notice("WARNING", state, `no privileges ${verb} for "${name}"`);
  else if (named.length > 0 && without(wanted, done) !== "") {
    ports.notice("WARNING", state, `not all privileges ${verb} for "${name}"`);
  }
}

function ownedNamed(ports: DefinitionPorts, name: readonly string[], objectType: string): Guarded {
  const { draft } = ports;
  if (objectType === "schema") return draft.schema(name.at(-1) ?? "");
  if (objectType !== "type" && objectType !== "domain") return relationNamed(ports, name, objectType);
  const found = draft.type({ database: null, schema: name.at(-2) ?? null, name: name.at(-1) ?? "", location: -1 });
  if (found === null) throw new SqlError("42704", `type "${name.join(".")}" does not exist`);
  return found;
}

export function setOwner(statement: SetOwner, ports: DefinitionPorts): DefinitionResult {
  const { objectType, name } = statement;
  alterOwner(ownedNamed(ports, name, objectType), statement.owner, ports);
  return { tag: `ALTER ${(objectType === "matview" ? "materialized view" : objectType).toUpperCase()}` };
}

/** Throws 42501 for what is not one's own, or is to be somebody's whom one is not, or who could not make it where it is. */
function expectNewOwner(object: Guarded, owner: string, ports: DefinitionPorts): void {
  const { draft, actor } = ports;
  expectOwnerOf(object, ports);
  if (actor.isSuperuser || owner === object.owner) return;
  if (!ports.isMember(owner)) throw new SqlError("42501", `must be member of role "${owner}"`);
  if (object.kind === "schema") throw new SqlError("42501", `permission denied for database ${ports.database}`);
  const schema = draft.catalog.objectByOid(object.schema);
  if (schema?.kind === "schema") expectPrivilege(schema, ports.actorNamed(owner), "C");
}

/** @param wish a role's name, or a word for who asks */
export function alterOwner(object: Guarded, wish: string, ports: DefinitionPorts): void {
  const owner = granteeOf(wish, ports);
  if (owner === "") throw new SqlError("42704", 'role "public" does not exist');
  expectNewOwner(object, owner, ports);
  changeOwner(object, owner, ports);
}

export function changeOwner(object: Guarded, owner: string, ports: DefinitionPorts): void {
  const { draft } = ports;
  const renamed = (role: string): string => (role === object.owner ? owner : role);
  const acl = object.acl?.map((item) => ({ ...item, grantee: renamed(item.grantee), grantor: renamed(item.grantor) }));
  const change = { owner, ...(acl === undefined ? {} : { acl: merged(acl) }) };
  const isOwnerSuperuser = ports.actorNamed(owner).isSuperuser;
  if (object.kind === "view") draft.put({ ...object, ...change, isOwnerSuperuser });
  else if (object.kind !== "materializedView") draft.put({ ...object, ...change });
  // Its rows are a table of the same owner.
  else draft.put({ ...object, ...change, isOwnerSuperuser, rows: { ...object.rows, owner } });
  // What belongs to a table's columns goes with it.
  for (const part of [...draft.catalog.objects()]) {
    const isPart = object.kind === "table" && part.kind === "sequence" && part.ownerTable === object.oid;
    if (isPart) draft.put({ ...part, owner });
  }
}

const isView = (object: Guarded): object is ViewDefinition | MaterializedViewDefinition =>
  object.kind === "view" || object.kind === "materializedView";

/** Entries that have become of the same grantee and grantor are one. */
function merged(acl: Acl): Acl {
  let list: Acl = [];
  for (const item of acl) {
    const same = list.find(({ grantee, grantor }) => grantee === item.grantee && grantor === item.grantor);
    if (same === undefined) list = [...list, item];
    else {
      const privileges = lettersOf(same.privileges + item.privileges);
      const grantable = lettersOf(same.grantable + item.grantable);
      list = list.map((each) => (each === same ? { ...same, privileges, grantable } : each));
    }
  }
  return list;
}
