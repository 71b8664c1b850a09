/** GRANT and REVOKE on tables, views, sequences and schemas. Who exists is for the caller to know: users are the node's. */

import { databaseOf } from "../../catalog/database.js";
import { isRelation } from "../../catalog/model.js";
import {
  aclOf,
  allOf,
  expectPrivilege,
  type Guarded,
  type GuardedObject,
  kindName,
  lettersOf,
  privilegesOf,
} from "../../catalog/privileges.js";
import { notSupported, SqlError } from "../../error.js";
import type { Grant } from "../../syntax/ast-role.js";
import { expectUsage } from "./authority.js";
import { placeOf, shownName } from "./draft.js";
import { withColumnGrants } from "./grant-columns.js";
import { changedAcl, granteeOf, letterOf } from "./grant-target.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

const nameOf = (parts: readonly string[]) => ({
  database: null,
  schema: parts.at(-2) ?? null,
  name: parts.at(-1) ?? "",
  location: -1,
});

export function relationNamed(ports: DefinitionPorts, parts: readonly string[], objectType: string): GuardedObject {
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
  if (objectType === "database") return objects.map(([name = ""]) => databaseNamed(name, ports));
  if (objectType === "type" || objectType === "domain") return objects.map((name) => typeNamed(name, ports));
  const isRelations = objectType === "table" || objectType === "sequence";
  // There are none in any schema, but those of the system.
  const isOfFunctions = ["function", "procedure", "routine"].includes(objectType) && isAllInSchema;
  if (!isRelations && !isOfFunctions) throw notSupported(`privileges on a ${objectType}`, placeOf(location));
  if (!isAllInSchema) return objects.map((parts) => relationNamed(ports, parts, objectType));
  const schemas = new Set(
    objects.map(([name = ""]) => {
      const schema = draft.schema(name);
      expectPrivilege(schema, ports.actor, "U");
      return schema.oid;
    }),
  );
  const found: Guarded[] = [];
  if (isOfFunctions) return found;
  for (const object of draft.catalog.objects()) {
    if (!isRelation(object) || object.kind === "index" || !schemas.has(object.schema)) continue;
    if ((object.kind === "sequence") === (objectType === "sequence")) found.push(object);
  }
  return found;
}

/** The session's own: PostgreSQL would find others, too. */
function databaseNamed(name: string, { draft, database, databaseOwner }: DefinitionPorts): Guarded {
  if (name === database) return databaseOf(draft.catalog, name, databaseOwner);
  throw new SqlError("0A000", `privileges on another database than "${database}" are not supported`, {
    hint: "Connect to it first.",
  });
}

export function typeNamed(parts: readonly string[], ports: DefinitionPorts): GuardedObject {
  const found = ports.draft.type(nameOf(parts));
  if (found === null && parts.at(-2) === "pg_catalog") throw notSupported("privileges on a type of the system");
  if (found === null) throw new SqlError("42704", `type "${parts.join(".")}" does not exist`);
  return found;
}

/** Letters of the privileges that were named. Throws 42601, 0LP01. */
function wantedOf({ privileges, objectType }: Grant, object: Guarded): string {
  const all = allOf(object);
  if (privileges === "all") return all;
  const letters = privileges.map((name) => {
    const letter = letterOf(name);
    // A sequence may be named as a table, as in old programs; then what sequences do not have is passed over.
    const isOdd = !all.includes(letter);
    if (isOdd && (object.kind !== "sequence" || objectType !== "table" || letter === "C")) {
      throw new SqlError("0LP01", `invalid privilege type ${name.toUpperCase()} for ${typeWord(objectType, object)}`);
    }
    return isOdd ? "" : letter;
  });
  return lettersOf(letters.join(""));
}

/** As errors about privileges name what they are on. */
const typeWord = (objectType: string, { kind }: Guarded): string =>
  objectType === "table" && kind !== "sequence" ? "relation" : objectType === "table" ? "sequence" : objectType;

export function grant(statement: Grant, ports: DefinitionPorts): DefinitionResult {
  if (statement.grantor !== null && granteeOf(statement.grantor, ports) !== ports.user)
    throw new SqlError("0A000", "grantor must be current user");
  if (statement.columnPrivileges.length > 0 && statement.objectType !== "table")
    throw new SqlError("0LP01", "column privileges are only valid for relations");
  for (const object of objectsOf(statement, ports)) {
    const wanted = wantedOf(statement, object);
    const { owner, name } = object;
    if (statement.objectType === "domain" && object.kind !== "domain")
      throw new SqlError("42809", `"${name}" is not a domain`);
    const before = aclOf(object);
    const target = {
      owner,
      acl: before,
      options: before,
      all: allOf(object),
      had: privilegesOf(object, ports.actor),
      // PostgreSQL calls whatever has columns a table here.
      label: `${"columns" in object ? "table" : kindName(object)} ${name}`,
      shown: `"${name}"`,
      isAll: statement.privileges === "all",
    };
    const changed = wanted === "" ? object : { ...object, acl: changedAcl(statement, target, wanted, ports) };
    ports.draft.put(withColumnGrants(statement, changed, before, wanted, ports));
  }
  return { tag: statement.isGrant ? "GRANT" : "REVOKE" };
}
