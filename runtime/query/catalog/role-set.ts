/**
 * The roles that a tenant knows, as of one moment, and who is a member of whom: what its statements are judged by. They are the node's facts
 * (runtime/kernel/user-rows.ts) and come with each statement's request, as a text that is the same as long as the facts are.
 *
 *   member of   whom a role may become (SET ROLE), directly or through others; superusers are members of all
 *   rights of   whose privileges and objects it has without that: the same, but not through roles that do not inherit
 */
import { assert } from "../../types/assert.js";
import { databaseOwnerRole, predefinedRoles } from "../../types/predefined-roles.js";
import { SqlError } from "../error.js";
import type { Oid } from "../types/sql-type.js";
import type { Actor } from "./privileges.js";

export interface RoleMembership {
  readonly role: string;
  /** It may let others into the role, and out. */
  readonly isAdmin: boolean;
  /** Empty: somebody who is not there any more. */
  readonly grantor: string;
}

/** A role, as catalogs and privilege functions show it. */
export interface Role {
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly canLogin: boolean;
  readonly inherits: boolean;
  readonly canCreateRole: boolean;
  readonly canCreateDatabase: boolean;
  /** -1: as many as there are. */
  readonly connectionLimit: number;
  /** µs since 1970; null: for ever. */
  readonly validUntil: number | null;
  readonly memberOf: readonly RoleMembership[];
}

/** The setting `role` of a session that has become nobody else. */
export const noRole = "none";

/** PostgreSQL's first user: who owns what is built in. */
export const bootstrapRole: Oid = 10;
export const bootstrapName = "admin";
const firstRoleOid = 1_000_000_000;
const roleOids = 1_000_000_000;

const predefinedOids: ReadonlyMap<string, Oid> = new Map(predefinedRoles.map(({ name, oid }) => [name, oid]));

/** A role's oid follows from its name. FNV-1a, above all oids that objects get. */
export function roleOidOf(name: string): Oid {
  if (name === bootstrapName) return bootstrapRole;
  const predefined = predefinedOids.get(name);
  if (predefined !== undefined) return predefined;
  let hash = 2_166_136_261;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  return firstRoleOid + (hash % roleOids);
}

/** A role of which nothing is known but its name. */
export const plainRole = (name: string, isSuperuser = false): Role => ({
  name,
  isSuperuser,
  canLogin: true,
  inherits: true,
  canCreateRole: isSuperuser,
  canCreateDatabase: isSuperuser,
  connectionLimit: -1,
  validUntil: null,
  memberOf: [],
});

const builtIn: ReadonlyMap<string, Role> = new Map(
  predefinedRoles.map(({ name, memberOf }) => [
    name,
    {
      ...plainRole(name),
      canLogin: false,
      memberOf: memberOf.map((role) => ({ role, isAdmin: false, grantor: bootstrapName })),
    },
  ]),
);

let nextId = 1;

export class RoleSet {
  /** Another number for other roles: plans are kept by it. */
  readonly id: number = nextId++;
  /** Those that were made, in that order. */
  readonly all: readonly Role[];
  /** Whose the tenant is. */
  readonly databaseOwner: string;
  readonly #byName: ReadonlyMap<string, Role>;
  readonly #rights = new Map<string, ReadonlySet<string>>();
  readonly #memberships = new Map<string, ReadonlySet<string>>();

  constructor(all: readonly Role[], databaseOwner: string = bootstrapName) {
    this.all = all;
    this.databaseOwner = databaseOwner;
    this.#byName = new Map(all.map((role) => [role.name, role]));
    assert(this.#byName.size === all.length, "a role is known once");
  }

  find(name: string): Role | null {
    return this.#byName.get(name) ?? builtIn.get(name) ?? null;
  }

  /** All, with those that nobody has made. */
  get shown(): readonly Role[] {
    return [...this.all, ...builtIn.values()];
  }

  /** Direct memberships in a role, of those who have them. */
  membersOf(role: string): readonly { readonly member: Role; readonly membership: RoleMembership }[] {
    return this.shown.flatMap((member) =>
      member.memberOf.filter((each) => each.role === role).map((membership) => ({ member, membership })),
    );
  }

  /** The role and all that can be reached from it, nearest first. */
  #reach(name: string, passes: (role: Role) => boolean): ReadonlySet<string> {
    const found = new Set([name]);
    for (const each of found) {
      const role = this.find(each);
      if (role === null || !passes(role)) continue;
      for (const membership of this.#inOrder(role.memberOf)) found.add(membership);
      if (each === this.databaseOwner) found.add(databaseOwnerRole);
    }
    return found;
  }

  /** As PostgreSQL walks them: older roles first. */
  #inOrder(memberOf: readonly RoleMembership[]): readonly string[] {
    const names = new Set(memberOf.map(({ role }) => role));
    return names.size < 2 ? [...names] : this.shown.filter(({ name }) => names.has(name)).map(({ name }) => name);
  }

  /** Whose privileges a role has: its own first, then those of the nearest. */
  rightsOf(name: string): ReadonlySet<string> {
    let found = this.#rights.get(name);
    if (found === undefined) {
      found = this.#reach(name, ({ inherits }) => inherits);
      this.#rights.set(name, found);
    }
    return found;
  }

  /** Whom a role is, and may become, whether it is a superuser or not. */
  membershipsOf(name: string): ReadonlySet<string> {
    let found = this.#memberships.get(name);
    if (found === undefined) {
      found = this.#reach(name, () => true);
      this.#memberships.set(name, found);
    }
    return found;
  }

  isMember(name: string, role: string): boolean {
    return this.find(name)?.isSuperuser === true || this.membershipsOf(name).has(role);
  }

  /** Whether it may let others into a role. */
  isAdminOf(name: string, role: string): boolean {
    if (this.find(name)?.isSuperuser === true) return true;
    for (const each of this.membershipsOf(name)) {
      const membership = this.find(each)?.memberOf.find((one) => one.role === role);
      if (membership?.isAdmin === true) return true;
    }
    return false;
  }

  /**
   * Whether a session may become a role (`none`: its user again). Throws 22023 for one that nobody has, 42501 for one that the session's user
   * is no member of.
   */
  expectBecome(role: string, sessionUser: string, isSuperuser: boolean): void {
    if (role === noRole || role === sessionUser) return;
    if (this.find(role) === null) throw new SqlError("22023", `role "${role}" does not exist`);
    if (isSuperuser || this.isMember(sessionUser, role)) return;
    throw new SqlError("42501", `permission denied to set role "${role}"`);
  }

  /** @param isSuperuser what is believed of a role that is not known here */
  actor(name: string, isSuperuser = false): Actor {
    return { name, isSuperuser: this.find(name)?.isSuperuser ?? isSuperuser, rights: this.rightsOf(name) };
  }
}

const flags = { superuser: 1, noLogin: 2, noInherit: 4, createRole: 8, createDatabase: 16 } as const;

const flagsOf = (role: Role): number =>
  (role.isSuperuser ? flags.superuser : 0) |
  (role.canLogin ? 0 : flags.noLogin) |
  (role.inherits ? 0 : flags.noInherit) |
  (role.canCreateRole ? flags.createRole : 0) |
  (role.canCreateDatabase ? flags.createDatabase : 0);

/** Roles as the text that requests carry: a list, and behind them the owner of the tenant where that is not the first user. */
export const encodeRoles = (roles: readonly Role[], databaseOwner: string = bootstrapName): string =>
  JSON.stringify([
    ...roles.map((role) => [
      role.name,
      flagsOf(role),
      role.connectionLimit,
      role.validUntil,
      role.memberOf.map(({ role: name, isAdmin, grantor }) => [name, isAdmin, grantor]),
    ]),
    ...(databaseOwner === bootstrapName ? [] : [databaseOwner]),
  ]);

const malformed = (): SqlError => new SqlError("08P01", "the roles of a request are not what they should be");

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed();
  return value;
}

function textIn(value: unknown): string {
  if (typeof value !== "string") throw malformed();
  return value;
}

function numberIn(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw malformed();
  return value;
}

function readRole(value: unknown): Role {
  const [name, given, limit, until, memberOf] = listOf(value);
  const bits = numberIn(given);
  return {
    name: textIn(name),
    isSuperuser: (bits & flags.superuser) !== 0,
    canLogin: (bits & flags.noLogin) === 0,
    inherits: (bits & flags.noInherit) === 0,
    canCreateRole: (bits & flags.createRole) !== 0,
    canCreateDatabase: (bits & flags.createDatabase) !== 0,
    connectionLimit: numberIn(limit),
    validUntil: until === null ? null : numberIn(until),
    memberOf: listOf(memberOf).map((each) => {
      const [role, isAdmin, grantor] = listOf(each);
      return { role: textIn(role), isAdmin: isAdmin === true, grantor: textIn(grantor) };
    }),
  };
}

/** Throws 08P01 for what `encodeRoles` does not write. */
export function decodeRoles(text: string): RoleSet {
  try {
    const list = listOf(JSON.parse(text));
    const last = list.at(-1);
    return typeof last === "string"
      ? new RoleSet(list.slice(0, -1).map(readRole), last)
      : new RoleSet(list.map(readRole));
  } catch (error) {
    throw error instanceof SqlError ? error : malformed();
  }
}
