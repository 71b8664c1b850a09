/**
 * CREATE, ALTER, DROP and RENAME of roles, by PostgreSQL 15's rules. Roles are facts of the system shard, for all tenants, so these go to the
 * directory and not into the transaction of a tenant.
 */
import { SqlError } from "../../runtime/query/error.js";
import type { AlterRole, CreateRole, DropRole, GrantRole, RenameRole } from "../../runtime/query/syntax/ast-role.js";
import { hasCode, isKimberliteError } from "../../runtime/types/errors.js";
import { isPredefinedRole } from "../../runtime/types/predefined-roles.js";
import type { ErrorReport } from "./backend-writer.js";
import { notice } from "./reports.js";
import { expectKnown, expectMade, expectWithin, mayMakeRoles, type RoleActor } from "./role-authority.js";
import { circular, expectAdmin, type MemberChange, runGrantRole } from "./role-members.js";
import { clausesOf, type RoleWish } from "./role-options.js";

export interface Administration {
  /** Throws `KimberliteError`. @param principal who is recorded as having done it */
  call(method: string, params: Readonly<Record<string, unknown>>, principal: string): Promise<unknown>;
}

export interface RoleRun {
  /** With the roles of now. */
  readonly actor: RoleActor;
  readonly administration: Administration;
  /** Settings as the engine gets them. */
  readonly settings: readonly (readonly [string, string])[];
  /** µs since 2000. */
  readonly now: number;
  report(report: ErrorReport): void;
  /**
   * Before roles are dropped, once all is asked that can be: commits what hinders that no more. False: there was nothing to commit.
   * @param expectUnused asks others before something is committed, and throws
   */
  settle(expectUnused: () => Promise<void>): Promise<boolean>;
}

export type RoleStatement = CreateRole | AlterRole | DropRole | RenameRole | GrantRole;

const refused = (message: string): SqlError => new SqlError("42501", message);

function expectName(name: string): void {
  if (name === "public" || name === "none") throw new SqlError("42939", `role name "${name}" is reserved`);
  if (name.startsWith("pg_"))
    throw new SqlError("42939", `role name "${name}" is reserved`, {
      detail: 'Role names starting with "pg_" are reserved.',
    });
}

const inUse = (message: string, error: unknown): SqlError =>
  new SqlError("2BP01", message, { detail: isKimberliteError(error) ? String(error.detail["uses"] ?? "") : "" });

/** Memberships of a new role that are said a second time. */
function tellRepeated(changes: readonly MemberChange[], { report }: RoleRun): void {
  const known = new Set<string>();
  for (const { roles, members } of changes)
    for (const role of roles)
      for (const member of members) {
        const pair = JSON.stringify([role, member]);
        if (known.has(pair)) report(notice(`role "${member}" is already a member of role "${role}"`));
        known.add(pair);
      }
}

/** A directory of an earlier program knows of no grants that come with a role, and one beside such programs makes none. */
const isGranted = (made: unknown): boolean =>
  typeof made === "object" && made !== null && "granted" in made && made.granted === true;

/** Memberships in commands of their own, behind the role; one that cannot have them is taken back. */
async function grantBehind(
  name: string,
  grants: readonly (MemberChange & { readonly grantor: string })[],
  { actor, administration }: RoleRun,
): Promise<void> {
  try {
    for (const grant of grants) await administration.call("user.members", { ...grant }, actor.principal);
  } catch (error) {
    await administration.call("user.drop", { name, ifExists: true, tenant: actor.tenantName }, actor.principal);
    throw error;
  }
}

async function create(statement: CreateRole, run: RoleRun): Promise<string> {
  const { actor, administration } = run;
  const { name } = statement;
  const { wish, inRoles, members, admins } = await clausesOf(statement.options, run.settings, run.now);
  if (wish.superuser === true && !actor.isSuperuser) throw refused("must be superuser to create superusers");
  if (!mayMakeRoles(actor)) throw refused("permission denied to create role");
  expectName(name);
  const exists = new SqlError("42710", `role "${name}" already exists`);
  if (actor.roles.find(name) !== null) throw exists;
  for (const role of inRoles) expectKnown(role, actor);
  for (const role of inRoles) expectAdmin(role, actor);
  const others = [...members, ...admins].map((role) => actor.named(role));
  for (const member of others) {
    expectKnown(member, actor);
    const circle = inRoles.find((role) => actor.roles.membershipsOf(role).has(member));
    if (circle !== undefined) throw new SqlError("0LP01", `role "${name}" is a member of role "${member}"`);
  }
  const isWithout = wish.verifier === undefined ? { noPassword: true } : {};
  const confined = actor.isSuperuser ? {} : { tenantsOf: actor.principal };
  const whole = { login: statement.isUser, ...isWithout, ...wish, ...confined, name };
  const named = (roles: readonly string[]): readonly string[] => roles.map((role) => actor.named(role));
  const changes: readonly MemberChange[] = [
    { action: "grant", roles: inRoles, members: [name] },
    { action: "grantAdmin", roles: [name], members: named(admins) },
    { action: "grant", roles: [name], members: named(members) },
  ];
  tellRepeated(changes, run);
  const grants = changes
    .filter((change) => change.roles.length > 0 && change.members.length > 0)
    .map((change) => ({ ...change, grantor: actor.user }));
  try {
    const params = { ...whole, grants, tenant: actor.tenantName };
    const made = await administration.call("user.create", params, actor.principal);
    if (grants.length > 0 && !isGranted(made)) await grantBehind(name, grants, run);
  } catch (error) {
    if (hasCode(error, "userExists")) throw exists;
    if (hasCode(error, "userInUse"))
      throw inUse(`role "${name}" cannot be created because objects of a dropped role of that name are left`, error);
    throw circular(error) ?? error;
  }
  return "CREATE ROLE";
}

const onlyPassword = (wish: RoleWish): boolean =>
  Object.keys(wish).every((key) => key === "verifier" || key === "noPassword") && Object.keys(wish).length > 0;

async function alter(statement: AlterRole, { actor, administration, settings, now }: RoleRun): Promise<string> {
  const name = actor.named(statement.name);
  const { wish, members, admins } = await clausesOf(statement.options, settings, now);
  if (members.length + admins.length > 0) throw new SqlError("0A000", "ALTER GROUP is not supported");
  expectKnown(name, actor);
  expectMade(name);
  if (!actor.isSuperuser) {
    if (wish.superuser !== undefined || actor.roles.find(name)?.isSuperuser === true)
      throw refused("must be superuser to alter superuser roles or change superuser attribute");
    const isOwn = name === actor.user && onlyPassword(wish);
    if (!mayMakeRoles(actor) && !isOwn) throw refused("permission denied");
    if (!isOwn) expectWithin(name, actor);
  }
  if (Object.keys(wish).length > 0) await administration.call("user.alter", { ...wish, name }, actor.principal);
  return "ALTER ROLE";
}

/** Throws 55006 for who asks, 42704 for a name that nobody has. */
function expectMayDrop(name: string, ifExists: boolean, actor: RoleActor): void {
  const role = actor.roles.find(name);
  if (role === null && name !== actor.sessionUser) {
    if (!ifExists) throw new SqlError("42704", `role "${name}" does not exist`);
    return;
  }
  if (name === actor.user) throw new SqlError("55006", "current user cannot be dropped");
  if (name === actor.sessionUser) throw new SqlError("55006", "session user cannot be dropped");
  if (role?.isSuperuser === true && !actor.isSuperuser) throw refused("must be superuser to drop superusers");
  expectWithin(name, actor);
}

const hindered = (name: string, error: unknown): SqlError =>
  inUse(`role "${name}" cannot be dropped because some objects depend on it`, error);

/** Throws 2BP01 while something of the role is left. */
async function dropOne(name: string, ifExists: boolean, { actor, administration, report }: RoleRun): Promise<void> {
  if (actor.roles.find(name) === null) return report(notice(`role "${name}" does not exist, skipping`));
  try {
    await administration.call("user.drop", { name, ifExists, tenant: actor.tenantName }, actor.principal);
  } catch (error) {
    throw hasCode(error, "userInUse") ? hindered(name, error) : error;
  }
}

/** Throws 2BP01 while another tenant than the session's has something of a role. */
async function expectUnusedElsewhere(name: string, { actor, administration }: RoleRun): Promise<void> {
  const uses = await administration.call("user.uses", { name, beside: actor.tenantName }, actor.principal);
  if (!Array.isArray(uses) || uses.length === 0) return;
  throw new SqlError("2BP01", `role "${name}" cannot be dropped because some objects depend on it`, {
    detail: uses.join("\n"),
  });
}

async function drop(statement: DropRole, run: RoleRun): Promise<string> {
  const { actor } = run;
  if (!mayMakeRoles(actor)) throw refused("permission denied to drop role");
  const names = statement.names.map((name) => actor.named(name));
  // All or none, as far as it can be told before.
  for (const name of names) {
    if (isPredefinedRole(name))
      throw new SqlError("2BP01", `cannot drop role ${name} because it is required by the database system`);
    expectMayDrop(name, statement.ifExists, actor);
  }
  const isBehind = await run.settle(async () => {
    for (const name of names) await expectUnusedElsewhere(name, run);
  });
  try {
    for (const name of names) await dropOne(name, statement.ifExists, run);
  } catch (error) {
    if (!isBehind || !(error instanceof SqlError)) throw error;
    const hint = "What the query has done before is committed.";
    throw new SqlError(error.sqlState, error.message, { ...error.fields, hint });
  }
  return "DROP ROLE";
}

async function rename({ name, newName }: RenameRole, { actor, administration }: RoleRun): Promise<string> {
  expectKnown(name, actor);
  if (name === actor.sessionUser) throw new SqlError("0A000", "session user cannot be renamed");
  if (name === actor.user) throw new SqlError("0A000", "current user cannot be renamed");
  expectName(name);
  expectName(newName);
  if (actor.roles.find(newName) !== null) throw new SqlError("42710", `role "${newName}" already exists`);
  if (actor.roles.find(name)?.isSuperuser === true && !actor.isSuperuser)
    throw refused("must be superuser to rename superusers");
  if (!mayMakeRoles(actor)) throw refused("permission denied to rename role");
  expectWithin(name, actor);
  try {
    await administration.call("user.rename", { name, newName, tenant: actor.tenantName }, actor.principal);
  } catch (error) {
    if (hasCode(error, "userExists")) throw new SqlError("42710", `role "${newName}" already exists`);
    if (!hasCode(error, "userInUse")) throw error;
    throw new SqlError("0A000", "renaming a role that objects or privileges depend on is not supported", {
      detail: isKimberliteError(error) ? String(error.detail["uses"] ?? "") : "",
    });
  }
  return "ALTER ROLE";
}

/** Whether tenants have something of a role that is not there any more. Only superusers may know. */
export async function hasLeft(
  name: string,
  { isSuperuser, principal }: RoleActor,
  administration: Administration,
): Promise<boolean> {
  if (!isSuperuser) return false;
  const uses = await administration.call("user.uses", { name }, principal);
  return Array.isArray(uses) && uses.length > 0;
}

/** Returns the command tag. */
export function runRoleStatement(statement: RoleStatement, run: RoleRun): Promise<string> {
  switch (statement.kind) {
    case "createRole":
      return create(statement, run);
    case "alterRole":
      return alter(statement, run);
    case "dropRole":
      return drop(statement, run);
    case "renameRole":
      return rename(statement, run);
    case "grantRole":
      return runGrantRole(statement, run.actor, run.administration, run.report);
  }
}
