/**
 * Who may do what with an object of the catalog, as PostgreSQL has it. An object's list says for each grantee and each grantor which
 * privileges were granted, and which of them with the option to grant them on. While nothing was granted or revoked an object has no list,
 * and the one of its kind holds: everything for its owner, USAGE of types and of the schema `public` for everyone.
 *
 *   letter  privilege                       on
 *   a r w d INSERT SELECT UPDATE DELETE     tables and views; r and w of sequences
 *   D x t   TRUNCATE REFERENCES TRIGGER     tables and views
 *   U       USAGE                           sequences, schemas, types
 *   C       CREATE                          schemas, the database
 *   T c     TEMPORARY CONNECT               the database
 *   X       EXECUTE                         functions, of which there are none but the system's
 *
 * Columns of tables and views have lists of their own, of the letters a, r, w and x: what is granted of a column is had of it beside what is
 * granted of the whole. They begin empty.
 *
 * Invariants
 *   1. An owner may grant everything on its object, whatever the list says; superusers may do everything.
 *   2. An entry without a privilege is not kept; no two entries have the same grantee and grantor.
 */
import { readAllDataRole, writeAllDataRole } from "../../types/predefined-roles.js";
import { SqlError } from "../error.js";
import type { EvaluationContext } from "../functions/context.js";
import { quoteIdentifier } from "../types/quote.js";
import type {
  CatalogEntry,
  DatabaseDefinition,
  MaterializedViewDefinition,
  Owned,
  SchemaDefinition,
  SequenceDefinition,
  TableDefinition,
  TypeDefinition,
  ViewDefinition,
} from "./model.js";
import { isTypeKind, publicSchemaOid } from "./model.js";

export type Guarded =
  | DatabaseDefinition
  | SchemaDefinition
  | TypeDefinition
  | TableDefinition
  | ViewDefinition
  | MaterializedViewDefinition
  | SequenceDefinition;

/** Of those what the catalog's objects are. */
export type GuardedObject = Exclude<Guarded, DatabaseDefinition>;

export interface AclItem {
  /** Empty: PUBLIC, which is everyone. */
  readonly grantee: string;
  readonly grantor: string;
  /** Letters, in the order of `privilegeLetters`. */
  readonly privileges: string;
  /** Those of them that the grantee may grant on. */
  readonly grantable: string;
}
export type Acl = readonly AclItem[];

/** Who asks. */
export interface Actor {
  readonly name: string;
  readonly isSuperuser: boolean;
  /** Whose privileges and objects it has: its own first, then those of the roles that it is a member of and inherits from, nearest first. */
  readonly rights: ReadonlySet<string>;
}

const privilegeLetters = "arwdDxtXUCTc";
/** Privileges that columns have, too. */
export const columnLetters = "arwx";
export const privilegeNames: Readonly<Record<string, string>> = {
  a: "INSERT",
  r: "SELECT",
  w: "UPDATE",
  d: "DELETE",
  D: "TRUNCATE",
  x: "REFERENCES",
  t: "TRIGGER",
  X: "EXECUTE",
  U: "USAGE",
  C: "CREATE",
  T: "TEMPORARY",
  c: "CONNECT",
};
export const lettersByName: ReadonlyMap<string, string> = new Map(
  [...Object.entries(privilegeNames), ["T", "TEMP"] as const].map(([letter, name]) => [name, letter]),
);
const everyone = "";

/** All privileges that a kind of object has. */
export function allOf({ kind }: Pick<Guarded, "kind">): string {
  switch (kind) {
    case "table":
    case "view":
    case "materializedView":
      return "arwdDxt";
    case "sequence":
      return "rwU";
    case "enum":
    case "domain":
    case "composite":
      return "U";
    case "schema":
      return "UC";
    case "database":
      return "CTc";
  }
}

/** What has a list of privileges. */
export const isGuarded = (object: CatalogEntry): object is Guarded =>
  object.kind !== "index" &&
  object.kind !== "defaultPrivileges" &&
  !(object.kind === "schema" && object.isDropped === true);

/** As errors and grants name a kind of object. */
export const kindName = ({ kind }: Pick<Guarded, "kind">): string =>
  kind === "materializedView" ? "materialized view" : isTypeKind(kind) ? "type" : kind;

/** The letters of a set, each once, in order. */
export const lettersOf = (letters: Iterable<string>): string => {
  const set = new Set(letters);
  return Array.from(privilegeLetters)
    .filter((letter) => set.has(letter))
    .join("");
};
export const union = (a: string, b: string): string => lettersOf(a + b);
export const without = (a: string, b: string): string =>
  lettersOf(Array.from(a).filter((letter) => !b.includes(letter)));
export const common = (a: string, b: string): string => lettersOf(Array.from(a).filter((letter) => b.includes(letter)));

const itemOf = (grantee: string, grantor: string, privileges: string): AclItem => ({
  grantee,
  grantor,
  privileges,
  grantable: "",
});

/** What everyone may do with a new object. */
const openedTo: Readonly<Partial<Record<Guarded["kind"], string>>> = { enum: "U", domain: "U", database: "Tc" };

/** The list that an object begins with. @param opened what of it is everyone's */
export const initialAcl = (owner: string, all: string, opened: string): Acl => [
  ...(opened === "" ? [] : [itemOf(everyone, owner, opened)]),
  itemOf(owner, owner, all),
];

/** The list of an object, or the one that stands for none. */
export function aclOf(object: Guarded): Acl {
  if (object.acl !== undefined) return object.acl;
  const { owner } = object;
  const initial = initialAcl(owner, allOf(object), openedTo[object.kind] ?? "");
  return object.oid === publicSchemaOid ? [...initial, itemOf(everyone, owner, "U")] : initial;
}

/** Privileges that somebody has on an object, by its own name, a role's, or as one of everyone. */
export const privilegesOf = (object: Guarded, { rights }: Pick<Actor, "rights">): string =>
  union(privilegesIn(aclOf(object), rights), ofPredefined(object, rights));

/** What members of PostgreSQL's own roles may do, whatever lists say. */
function ofPredefined({ kind }: Guarded, rights: ReadonlySet<string>): string {
  const [reads, writes] = [rights.has(readAllDataRole), rights.has(writeAllDataRole)];
  if (!reads && !writes) return "";
  if (kind === "schema") return "U";
  if (kind === "database" || kind === "enum" || kind === "domain") return "";
  return (reads ? "r" : "") + (writes ? (kind === "sequence" ? "w" : "awd") : "");
}

function privilegesIn(acl: Acl, rights: ReadonlySet<string>): string {
  let found = "";
  for (const { grantee, privileges } of acl) {
    if (grantee === everyone || rights.has(grantee)) found += privileges;
  }
  return lettersOf(found);
}

/** A column that may have a list of its own. */
export interface GuardedColumn {
  readonly number: number;
  readonly name: string;
  readonly acl?: Acl;
}

/** Columns of a table or view, without those that were dropped; none of other kinds. */
export function columnsOf(object: Guarded): readonly GuardedColumn[] {
  switch (object.kind) {
    case "table":
      return object.columns.filter(({ isDropped }) => !isDropped);
    case "view":
    case "materializedView":
      return object.columns.map((column, index) => ({ ...column, number: index + 1 }));
    default:
      return [];
  }
}

/** The object with other lists of some columns, by their numbers. */
export function withColumnAcls(object: Guarded, acls: ReadonlyMap<number, Acl>): Guarded {
  const changed = <Column extends { readonly acl?: Acl }>(column: Column, number: number): Column => {
    const acl = acls.get(number);
    if (acl === undefined) return column;
    const { acl: _before, ...rest } = column;
    return acl.length === 0 ? (rest as Column) : { ...column, acl };
  };
  switch (object.kind) {
    case "table":
      return { ...object, columns: object.columns.map((column) => changed(column, column.number)) };
    case "view":
    case "materializedView":
      return { ...object, columns: object.columns.map((column, index) => changed(column, index + 1)) };
    default:
      return object;
  }
}

/** The object with its list and those of its columns changed, where it has any. */
export function withAcls(object: Guarded, change: (acl: Acl) => Acl): Guarded {
  const columns = columnsOf(object).flatMap(({ number, acl }) =>
    acl === undefined ? [] : [[number, change(acl)] as const],
  );
  return withColumnAcls(object.acl === undefined ? object : { ...object, acl: change(object.acl) }, new Map(columns));
}

/** Entries of an object's list and of those of its columns, where they differ from what they begin with. */
export const grantsOn = (object: Guarded): Acl => [
  ...(object.acl ?? []),
  ...columnsOf(object).flatMap(({ acl }) => acl ?? []),
];

/** A list when its object becomes somebody else's. */
export function handedOn(acl: Acl, from: string, to: string): Acl {
  if (from === to) return acl;
  const renamed = (role: string): string => (role === from ? to : role);
  return merged(acl.map((item) => ({ ...item, grantee: renamed(item.grantee), grantor: renamed(item.grantor) })));
}

/** Entries of the same grantee and grantor as one. */
export function merged(acl: Acl): Acl {
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

/** Whether two lists say the same, in whatever order. */
export const sameAcl = (a: Acl, b: Acl): boolean => {
  const texts = new Set(a.map(aclText));
  return a.length === b.length && b.every((item) => texts.has(aclText(item)));
};

/** Privileges that somebody has on one column, by the list of the whole or by the column's own. */
export function columnPrivilegesOf(
  object: Guarded,
  { acl = [] }: GuardedColumn,
  { rights }: Pick<Actor, "rights">,
): string {
  return union(privilegesOf(object, { rights }), privilegesIn(acl, rights));
}

/** Numbers of the columns with which somebody may not do something; null: the whole is open to it. */
export function closedColumns(object: Guarded, actor: Actor, letter: string): ReadonlySet<number> | null {
  if (mayUse(object, actor, letter)) return null;
  const closed = columnsOf(object).filter(({ acl = [] }) => !privilegesIn(acl, actor.rights).includes(letter));
  return new Set(closed.map(({ number }) => number));
}

/** Privileges that somebody may grant on. @param rights whose grants are its own */
export function grantableBy(acl: Acl, owner: string, all: string, rights: ReadonlySet<string>): string {
  if (rights.has(owner)) return all;
  return lettersOf(acl.flatMap(({ grantee, grantable }) => (rights.has(grantee) ? Array.from(grantable) : [])));
}

export const mayUse = (object: Guarded, actor: Actor, letters: string): boolean =>
  actor.isSuperuser || without(letters, privilegesOf(object, actor)) === "";

/** Who looks for names, and in which catalog. */
export type Searcher = Pick<EvaluationContext, "catalog" | "roles" | "temporarySchema" | "currentUser" | "isSuperuser">;

/** Whether names in a schema are found: along the search path those are passed over that may not be used. */
export function maySearch(schema: string, searcher: Searcher): boolean {
  const { catalog, roles, temporarySchema, currentUser, isSuperuser } = searcher;
  // Whoever the session acts as: its temporary tables are its own.
  if (schema === temporarySchema) return true;
  const found = catalog.schemaByName(schema);
  return found === null || mayUse(found, { name: currentUser, isSuperuser, rights: roles.rightsOf(currentUser) }, "U");
}

/** In PostgreSQL's words; it says no more of a column than of the whole. */
export const denial = (object: Guarded): SqlError =>
  new SqlError("42501", `permission denied for ${kindName(object)} ${object.name}`);

/** Throws 42501. */
export function expectPrivilege(object: Guarded, actor: Actor, letters: string): void {
  if (!mayUse(object, actor, letters)) throw denial(object);
}

/** Whether somebody has a privilege on the whole, or on each of these columns; of none: on any. */
export function mayUseColumns(object: Guarded, actor: Actor, letter: string, numbers: readonly number[]): boolean {
  const closed = closedColumns(object, actor, letter);
  if (closed === null) return true;
  return numbers.length === 0 ? closed.size < columnsOf(object).length : !numbers.some((each) => closed.has(each));
}

export const isOwner = ({ owner }: Owned, { rights, isSuperuser }: Actor): boolean => isSuperuser || rights.has(owner);

/** Throws 42501 in PostgreSQL's words. @param label as in "table t" */
export function expectOwner(object: Owned, actor: Actor, label: string): void {
  if (isOwner(object, actor)) return;
  throw new SqlError("42501", `must be owner of ${label}`);
}

/** The letters of a privilege with a star behind each that may be granted on: PostgreSQL's form of an entry. */
export function aclText({ grantee, grantor, privileges, grantable }: AclItem): string {
  const letters = Array.from(privileges)
    .map((letter) => (grantable.includes(letter) ? `${letter}*` : letter))
    .join("");
  const name = (role: string): string => (role === "" ? "" : quoteIdentifier(role));
  return `${name(grantee)}=${letters}/${name(grantor)}`;
}
