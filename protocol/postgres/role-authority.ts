/**
 * Who changes roles, and which. Beyond PostgreSQL's rules: a user that is confined to some tenants changes only roles that are confined to
 * them, too, whatever its attributes; others are not its affair.
 */
import type { RoleSet } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";
import { isPredefinedRole } from "../../runtime/types/predefined-roles.js";

export interface RoleActor {
  /** The current user. */
  readonly user: string;
  readonly sessionUser: string;
  readonly isSuperuser: boolean;
  /** Who has logged in: what changes are recorded under. */
  readonly principal: string;
  readonly tenantName: string;
  readonly roles: RoleSet;
  /** Tenants that a role may use; null: all. */
  tenantsOf(role: string): readonly number[] | null;
  /** A role by its name, or by a word for who asks. */
  named(word: string): string;
}

/** Throws 42704. */
export function expectKnown(role: string, { roles, user }: RoleActor): void {
  if (roles.find(role) === null && role !== user) throw new SqlError("42704", `role "${role}" does not exist`);
}

/** Throws 42939 for one of PostgreSQL's own. */
export function expectMade(role: string): void {
  if (!isPredefinedRole(role)) return;
  throw new SqlError("42939", `role name "${role}" is reserved`, { detail: "Cannot alter reserved roles." });
}

/** Throws 42501 for a role of tenants that are not one's own. */
export function expectWithin(role: string, { principal, isSuperuser, tenantsOf }: RoleActor): void {
  // Not those of a role that it has become: a role of all tenants would be a way out.
  const own = tenantsOf(principal);
  if (isSuperuser || own === null) return;
  const theirs = tenantsOf(role);
  if (theirs?.every((tenant) => own.includes(tenant)) === true) return;
  throw new SqlError("42501", "permission denied", { detail: `Role "${role}" is not confined to databases of yours.` });
}

export const mayMakeRoles = ({ isSuperuser, roles, user }: RoleActor): boolean =>
  isSuperuser || roles.find(user)?.canCreateRole === true;

export const mayMakeDatabases = ({ isSuperuser, roles, user }: RoleActor): boolean =>
  isSuperuser || roles.find(user)?.canCreateDatabase === true;
