/**
 * Who may do what with an object of the catalog, as PostgreSQL has it. An object's list says for each grantee and each grantor which
 * privileges were granted, and which of them with the option to grant them on. While nothing was granted or revoked an object has no list,
 * and the one of its kind holds: everything for its owner, USAGE of types and of the schema `public` for everyone.
 *
 *   letter  privilege                       on
 *   a r w d INSERT SELECT UPDATE DELETE     tables and views; r and w of sequences
 *   D x t   TRUNCATE REFERENCES TRIGGER     tables and views
 *   U       USAGE                           sequences, schemas, types
 *   C       CREATE                          schemas
 *
 * Invariants
 *   1. An owner may grant everything on its object, whatever the list says; superusers may do everything.
 *   2. An entry without a privilege is not kept; no two entries have the same grantee and grantor.
 */
import { SqlError } from "../error.js";
import { quoteIdentifier } from "../types/quote.js";
import type {
  MaterializedViewDefinition,
  Owned,
  SchemaDefinition,
  SequenceDefinition,
  TableDefinition,
  TypeDefinition,
  ViewDefinition,
} from "./model.js";
import { publicSchemaOid } from "./model.js";

export type Guarded =
  | SchemaDefinition
  | TypeDefinition
  | TableDefinition
  | ViewDefinition
  | MaterializedViewDefinition
  | SequenceDefinition;

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

const privilegeLetters = "arwdDxtUC";
export const privilegeNames: Readonly<Record<string, string>> = {
  a: "INSERT",
  r: "SELECT",
  w: "UPDATE",
  d: "DELETE",
  D: "TRUNCATE",
  x: "REFERENCES",
  t: "TRIGGER",
  U: "USAGE",
  C: "CREATE",
};
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
      return "U";
    case "schema":
      return "UC";
  }
}

/** As errors and grants name a kind of object. */
export const kindName = ({ kind }: Pick<Guarded, "kind">): string =>
  kind === "materializedView" ? "materialized view" : kind === "enum" || kind === "domain" ? "type" : kind;

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

/** The list of an object, or the one that stands for none. */
export function aclOf(object: Guarded): Acl {
  if (object.acl !== undefined) return object.acl;
  const own: AclItem = { grantee: object.owner, grantor: object.owner, privileges: allOf(object), grantable: "" };
  if (object.oid !== publicSchemaOid && object.kind !== "enum" && object.kind !== "domain") return [own];
  return [own, { grantee: everyone, grantor: object.owner, privileges: "U", grantable: "" }];
}

/** Privileges that somebody has on an object, by its own name, a role's, or as one of everyone. */
export function privilegesOf(object: Guarded, { rights }: Pick<Actor, "rights">): string {
  let found = "";
  for (const { grantee, privileges } of aclOf(object)) {
    if (grantee === everyone || rights.has(grantee)) found += privileges;
  }
  return lettersOf(found);
}

/** Privileges that somebody may grant on. @param rights whose grants are its own */
export function grantableBy(acl: Acl, owner: string, all: string, rights: ReadonlySet<string>): string {
  if (rights.has(owner)) return all;
  return lettersOf(acl.flatMap(({ grantee, grantable }) => (rights.has(grantee) ? Array.from(grantable) : [])));
}

export const mayUse = (object: Guarded, actor: Actor, letters: string): boolean =>
  actor.isSuperuser || without(letters, privilegesOf(object, actor)) === "";

/** Throws 42501 in PostgreSQL's words. */
export function expectPrivilege(object: Guarded, actor: Actor, letters: string): void {
  if (mayUse(object, actor, letters)) return;
  throw new SqlError("42501", `permission denied for ${kindName(object)} ${object.name}`);
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
