/**
 * `has_…_privilege` and `pg_has_role`: what a user may do with an object. What the system brings along (functions, types, languages) everybody
 * may use; of the kinds of objects that there are not, any question is answered with yes, as there is nothing to keep anybody from.
 */

import { actorOf } from "../../bind/authority.js";
import { databaseOf } from "../../catalog/database.js";
import { isRelation, type SequenceDefinition } from "../../catalog/model.js";
import {
  type Actor,
  aclOf,
  allOf,
  columnPrivilegesOf,
  columnsOf,
  expectPrivilege,
  type Guarded,
  type GuardedColumn,
  grantableBy,
  lettersByName,
  mayUse,
  privilegesOf,
} from "../../catalog/privileges.js";
import { roleOidOf } from "../../catalog/role-set.js";
import { databasesOf } from "../../catalog/session-facts.js";
import { rolesIn } from "../../catalog/system/roles.js";
import { CatalogWorld } from "../../catalog/system/world.js";
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import { readQualifiedName } from "../../types/quote.js";
import { typeFactsOf } from "../../types/type-table.js";
import type { EvaluationContext } from "../context.js";
import type { Implementation } from "../define.js";
import { allProcedures } from "../procedures.js";

/** An argument that is a name or a text. */
const textOf = (value: Datum | undefined): string => (typeof value === "string" ? value : "");

interface Asked {
  readonly letter: string;
  readonly isOfOption: boolean;
}

/** `SELECT, INSERT WITH GRANT OPTION`: any of them. Throws 22023 for what the kind of object does not have. */
function askedOf(text: string, known: string): readonly Asked[] {
  return text.split(",").map((part) => {
    const [, name = "", option] = /^\s*(.*?)(\s+with\s+grant\s+option)?\s*$/isu.exec(part) ?? [];
    const letter = lettersByName.get(name.toUpperCase());
    if (letter === undefined || !known.includes(letter)) {
      throw new SqlError("22023", `unrecognized privilege type: "${name}"`);
    }
    return { letter, isOfOption: option !== undefined };
  });
}

function actorNamed(who: Datum, context: EvaluationContext): Actor {
  const roles = rolesIn(context.catalog, context.roles);
  const found = roles.find(({ name }) => (typeof who === "number" ? roleOidOf(name) === who : name === who));
  if (found !== undefined) return context.roles.actor(found.name);
  if (textOf(who) === context.currentUser) return actorOf(context);
  throw new SqlError(
    "42704",
    `role ${typeof who === "number" ? `with OID ${who}` : `"${textOf(who)}"`} does not exist`,
  );
}

function hasAny(
  object: Guarded,
  actor: Actor,
  asked: readonly Asked[],
  columns: readonly GuardedColumn[] = [],
): boolean {
  if (actor.isSuperuser) return true;
  const had = [privilegesOf(object, actor), ...columns.map((column) => columnPrivilegesOf(object, column, actor))].join(
    "",
  );
  const acl = [...aclOf(object), ...columns.flatMap((column) => column.acl ?? [])];
  // An owner may grant everything on, also what it has taken from itself.
  const grantable = grantableBy(acl, object.owner, allOf(object), actor.rights);
  return asked.some(({ letter, isOfOption }) => (isOfOption ? grantable : had).includes(letter));
}

/**
 * The column that is asked about; undefined for a number of none, about which NULL is answered, null for a system column. Throws 42703 for a
 * name of none.
 */
function columnOf(object: Guarded, which: Datum): GuardedColumn | null | undefined {
  const isNumber = typeof which === "number";
  const found = columnsOf(object).find(({ number, name }) => (isNumber ? number === which : name === which));
  if (found !== undefined) return found;
  if (isNumber) return which < 0 ? null : undefined;
  if (which === "tableoid" && object.kind !== "view") return null;
  throw new SqlError("42703", `column "${textOf(which)}" of relation "${object.name}" does not exist`);
}

/** Undefined for an oid of nothing, about which NULL is answered; null for what the system brings along. */
function relationOf(which: Datum, context: EvaluationContext): Guarded | null | undefined {
  const world = new CatalogWorld(context);
  if (typeof which === "number") {
    const object = context.catalog.objectByOid(which);
    if (object !== null && isRelation(object) && object.kind !== "index") return object;
    return world.relation(which) === null ? undefined : null;
  }
  const names = readQualifiedName(textOf(which));
  const schema = names.length > 1 ? context.catalog.schemaByName(names.at(-2) ?? "") : null;
  if (schema !== null) expectPrivilege(schema, actorOf(context), "U");
  const found = world.relationNamed(names);
  if (found === null) throw new SqlError("42P01", `relation "${textOf(which)}" does not exist`);
  const object = context.catalog.objectByOid(found.oid);
  return object === null || !isRelation(object) || object.kind === "index" ? null : object;
}

function schemaOf(which: Datum, context: EvaluationContext): Guarded | null | undefined {
  if (typeof which === "number") {
    const object = context.catalog.objectByOid(which);
    if (object?.kind === "schema") return object;
    return new CatalogWorld(context).schemaName(which) === "" ? undefined : null;
  }
  const name = textOf(which);
  if (new CatalogWorld(context).schemaOid(name) === null)
    throw new SqlError("3F000", `schema "${name}" does not exist`);
  return context.catalog.schemaByName(name);
}

type Find = (which: Datum, context: EvaluationContext) => Guarded | null | undefined;

/** By the middle of the function's name: how its object is found, and which privileges may be asked for. */
const kinds: Readonly<Record<string, { readonly find: Find; readonly letters: string }>> = {
  table: { find: relationOf, letters: "arwdDxt" },
  any_column: { find: relationOf, letters: "arwx" },
  column: { find: relationOf, letters: "arwx" },
  sequence: { find: relationOf, letters: "Urw" },
  schema: { find: schemaOf, letters: "UC" },
  database: { find: databaseNamed, letters: "CTc" },
  type: { find: typeOf, letters: "U" },
};

function answer(kind: string, args: readonly Datum[], context: EvaluationContext): Datum {
  const known = kinds[kind];
  if (known === undefined) return true;
  const count = kind === "column" ? 3 : 2;
  const actor = args.length > count ? actorNamed(args[0] ?? null, context) : actorOf(context);
  const [which = null, ...rest] = args.slice(-count);
  const asked = askedOf(textOf(rest.at(-1)), known.letters);
  const object = known.find(which, context);
  if (object === undefined) return null;
  if (object !== null && kind === "any_column") return hasAny(object, actor, asked, columnsOf(object));
  if (object !== null && kind === "column" && columnsOf(object).length > 0) {
    const column = columnOf(object, rest[0] ?? null);
    return column === undefined ? null : hasAny(object, actor, asked, column === null ? [] : [column]);
  }
  if (kind === "column" && typeof which === "string") expectSystemColumn(which, rest[0] ?? null, context);
  // The system's own tables and schemas may be read and used by everyone.
  return object === null
    ? actor.isSuperuser || asked.some(({ letter }) => "rU".includes(letter))
    : hasAny(object, actor, asked);
}

/** Throws 42703 for a column that a relation of the system does not have. */
function expectSystemColumn(of: string, column: Datum, context: EvaluationContext): void {
  const relation = new CatalogWorld(context).relationNamed(readQualifiedName(of));
  if (relation?.kind !== "table" || typeof column !== "string") return;
  const isThere = /^(?:ctid|xmin|xmax|cmin|cmax|tableoid)$/u.test(column);
  if (!isThere && !relation.columns.some(({ name }) => name === column))
    throw new SqlError("42703", `column "${column}" of relation "${relation.name}" does not exist`);
}

/** The session's own database; what may be done with others is not known here. */
function databaseNamed(which: Datum, context: EvaluationContext): Guarded | undefined {
  const { database, databaseOid, catalog, roles } = context;
  if (which === database || which === databaseOid) return databaseOf(catalog, database, roles.databaseOwner);
  if (typeof which === "number") return undefined;
  if (databasesOf((of) => context.session.setting(of)).some(({ name }) => name === which)) return undefined;
  throw new SqlError("3D000", `database "${textOf(which)}" does not exist`);
}

/** Null for what the system brings along. Throws 42704. */
function typeOf(which: Datum, context: EvaluationContext): Guarded | null | undefined {
  const oid = typeof which === "number" ? which : context.names.oidOf("regtype", textOf(which));
  const own = new CatalogWorld(context).userType(oid);
  if (own !== null) return own.type;
  return typeFactsOf(oid) === null ? undefined : null;
}

/** What may be asked of a role: to have its privileges, to be let become it, to let others in. */
const roleQuestions = /^(usage|member)(\s+with\s+(?:grant|admin)\s+option)?$/iu;

function hasRole(args: readonly Datum[], context: EvaluationContext): Datum {
  const actor = args.length > 2 ? actorNamed(args[0] ?? null, context) : actorOf(context);
  const role = actorNamed(args.at(-2) ?? null, context).name;
  const asked = textOf(args.at(-1))
    .split(",")
    .map((part) => {
      const [, name, option] = roleQuestions.exec(part.trim()) ?? [];
      if (name === undefined) throw new SqlError("22023", `unrecognized privilege type: "${part.trim()}"`);
      return option === undefined ? name.toLowerCase() : "admin";
    });
  const { roles } = context;
  const isSo = (question: string): boolean => {
    if (question === "admin") return roles.isAdminOf(actor.name, role);
    return question === "usage" ? actor.rights.has(role) : roles.isMember(actor.name, role);
  };
  return actor.isSuperuser || asked.some(isSo);
}

export function privilegeImplementations(): Implementation[] {
  const found: Implementation[] = [];
  for (const { name, signature, argumentTypes } of allProcedures) {
    const kind = /^has_(\w+)_privilege$/u.exec(name)?.[1];
    if (kind === undefined && name !== "pg_has_role") continue;
    found.push({
      kind: "scalar",
      signature,
      isStrict: true,
      call: (...all: readonly unknown[]) => {
        const args = all.slice(0, argumentTypes.length) as readonly Datum[];
        const context = all[argumentTypes.length] as EvaluationContext;
        return kind === undefined ? hasRole(args, context) : answer(kind, args, context);
      },
    });
  }
  return found;
}

/** Throws 42501 unless the user has one of these, or the sequence is of an identity column whose table it may insert into. */
export function expectSequence(sequence: SequenceDefinition, context: EvaluationContext, letters: string): void {
  const actor = actorOf(context);
  if (Array.from(letters).some((letter) => mayUse(sequence, actor, letter))) return;
  const table = context.catalog.objectByOid(sequence.ownerTable);
  const column = table?.kind === "table" ? table.columns[sequence.ownerColumn - 1] : undefined;
  const isIdentity = column !== undefined && column.identity !== null;
  if (table?.kind === "table" && isIdentity && letters.includes("U") && mayUse(table, actor, "a")) return;
  expectPrivilege(sequence, actor, letters[0] ?? "U");
}
