/** GRANT and REVOKE of roles, by PostgreSQL 15's rules. */
import { SqlError } from "../../runtime/query/error.js";
import type { GrantRole } from "../../runtime/query/syntax/ast-role.js";
import { assert } from "../../runtime/types/assert.js";
import { isKimberliteError } from "../../runtime/types/errors.js";
import { databaseOwnerRole, isPredefinedRole } from "../../runtime/types/predefined-roles.js";
import type { ErrorReport } from "./backend-writer.js";
import { notice, warning } from "./reports.js";
import { expectKnown, expectWithin, type RoleActor } from "./role-authority.js";
import type { Administration } from "./roles.js";

export interface MemberChange {
  readonly action: "grant" | "grantAdmin" | "revoke" | "revokeAdmin";
  readonly roles: readonly string[];
  readonly members: readonly string[];
}

/** Who may let others into a role, and out: those with its admin option, and who may make roles. Throws 42501. */
export function expectAdmin(role: string, actor: RoleActor): void {
  const { roles, user } = actor;
  if (actor.isSuperuser) return;
  if (roles.find(role)?.isSuperuser === true) throw new SqlError("42501", "must be superuser to alter superusers");
  if (roles.find(user)?.canCreateRole === true) expectWithin(role, actor);
  else if (!roles.isAdminOf(user, role)) throw new SqlError("42501", `must have admin option on role "${role}"`);
}

/** Says what a change will not do. */
function report(change: MemberChange, { roles }: RoleActor, tell: (report: ErrorReport) => void): void {
  const isGrant = change.action === "grant" || change.action === "grantAdmin";
  for (const role of change.roles) {
    for (const member of change.members) {
      const known = roles.find(member)?.memberOf.find((each) => each.role === role);
      const isOld = known !== undefined && (known.isAdmin || change.action === "grant");
      if (isGrant && isOld) tell(notice(`role "${member}" is already a member of role "${role}"`));
      else if (!isGrant && known === undefined)
        tell(warning("01000", `role "${member}" is not a member of role "${role}"`));
    }
  }
}

/** Throws 0LP01 for a circle. @param actor whose roles are those of now */
async function changeMembers(
  change: MemberChange,
  actor: RoleActor,
  administration: Administration,
  tell: (report: ErrorReport) => void,
): Promise<void> {
  assert(change.roles.length > 0 && change.members.length > 0, "a grant of roles names both sides");
  report(change, actor, tell);
  try {
    await administration.call("user.members", { ...change, grantor: actor.user }, actor.principal);
  } catch (error) {
    throw circular(error) ?? error;
  }
}

/** The error of a circle of memberships; null for any other. */
export const circular = (error: unknown): SqlError | null =>
  isKimberliteError(error) && error.code === "roleCircular"
    ? new SqlError("0LP01", error.message.slice(error.message.indexOf('role "')))
    : null;

/** Who owns a database is said by that alone; and what is PostgreSQL's own is no member of what is not. Throws 0LP01. */
function expectGrantable(granted: readonly string[], members: readonly string[]): void {
  if (granted.includes(databaseOwnerRole))
    throw new SqlError("0LP01", `role "${databaseOwnerRole}" cannot have explicit members`);
  const member = members.find(isPredefinedRole);
  if (member === databaseOwnerRole) throw new SqlError("0LP01", `role "${member}" cannot be a member of any role`);
  if (member !== undefined) throw new SqlError("0A000", `memberships of "${member}" are not supported`);
}

export async function runGrantRole(
  statement: GrantRole,
  actor: RoleActor,
  administration: Administration,
  tell: (report: ErrorReport) => void,
): Promise<string> {
  const { isGrant, isAdmin, grantor } = statement;
  const members = statement.roles.map((role) => actor.named(role));
  for (const role of statement.granted) expectKnown(role, actor);
  for (const member of members) expectKnown(member, actor);
  if (grantor !== null && actor.named(grantor) !== actor.user) {
    expectKnown(actor.named(grantor), actor);
    throw new SqlError("0A000", "GRANTED BY another role is not supported");
  }
  for (const role of statement.granted) expectAdmin(role, actor);
  if (isGrant) expectGrantable(statement.granted, members);
  const action = isGrant ? (isAdmin ? "grantAdmin" : "grant") : isAdmin ? "revokeAdmin" : "revoke";
  await changeMembers({ action, roles: statement.granted, members }, actor, administration, tell);
  return isGrant ? "GRANT ROLE" : "REVOKE ROLE";
}
