/**
 * CREATE, ALTER and DROP ROLE: users live in the system shard, for all tenants, so these go to the directory and not into the transaction
 * of a tenant. A password is turned into a verifier here; it goes no further.
 */
import { SqlError } from "../../runtime/query/error.js";
import type { DropRole, RoleStatement } from "../../runtime/query/syntax/ast-definition.js";
import { hasCode, isKimberliteError } from "../../runtime/types/errors.js";
import { formatVerifier, parseVerifier, scramVerifier } from "../wire/scram-verifier.js";
import type { ErrorReport } from "./backend-writer.js";
import { notice } from "./reports.js";

export interface Administration {
  /** Throws `KimberliteError`. */
  /** @param principal who is recorded as having done it */
  call(method: string, params: Readonly<Record<string, unknown>>, principal: string): Promise<unknown>;
  hasUser(name: string): Promise<boolean>;
}

export interface Actor {
  readonly user: string;
  readonly isSuperuser: boolean;
}

interface RoleWish {
  readonly verifier: string | undefined;
  readonly isSuperuser: boolean | undefined;
  readonly canLogin: boolean | undefined;
}

const truthy = (value: string | null): boolean =>
  value === null || ["true", "t", "1", "on"].includes(value.toLowerCase());

/** Attributes whose only meaning here is that they are not given. */
const refusedWhenTrue = ["createdb", "createrole", "isreplication", "bypassrls"];

async function verifierOf(password: string): Promise<string> {
  if (password.startsWith("SCRAM-SHA-256$")) {
    if (parseVerifier(password) !== null) return password;
    throw new SqlError("22023", "invalid SCRAM verifier");
  }
  if (/^md5[0-9a-f]{32}$/.test(password)) throw new SqlError("0A000", "passwords hashed with MD5 are not supported");
  return formatVerifier(await scramVerifier(password));
}

async function wishOf(statement: RoleStatement): Promise<RoleWish> {
  let [verifier, isSuperuser, canLogin]: [string | undefined, boolean | undefined, boolean | undefined] = [
    undefined,
    undefined,
    statement.kind === "createRole" ? statement.isUser : undefined,
  ];
  for (const { name, value } of statement.options) {
    const lower = name.toLowerCase();
    if (lower === "password") {
      if (value === null) throw new SqlError("0A000", "users without a password are not supported");
      verifier = await verifierOf(value);
    } else if (lower === "superuser") isSuperuser = truthy(value);
    else if (lower === "canlogin") canLogin = truthy(value);
    else if (lower === "inherit") continue;
    else if (refusedWhenTrue.includes(lower) && !truthy(value)) continue;
    else throw new SqlError("0A000", `role option ${name} is not supported`);
  }
  return { verifier, isSuperuser, canLogin };
}

const denied = (what: string): SqlError => new SqlError("42501", `permission denied to ${what} role`);

/** Throws 55006 for who asks, 42704 for a name that nobody has, 2BP01 while something of the user is left. */
async function dropRole(
  name: string,
  ifExists: boolean,
  { user, tenantName }: Actor & { readonly tenantName: string },
  administration: Administration,
  report: (report: ErrorReport) => void,
): Promise<void> {
  if (name === user) throw new SqlError("55006", "current user cannot be dropped");
  if (!(await administration.hasUser(name))) {
    const message = `role "${name}" does not exist`;
    if (!ifExists) throw new SqlError("42704", message);
    report(notice(`${message}, skipping`));
    return;
  }
  try {
    await administration.call("user.drop", { name, ifExists, tenant: tenantName }, user);
  } catch (error) {
    throw hasCode(error, "userInUse")
      ? inUse(`role "${name}" cannot be dropped because some objects depend on it`, error)
      : error;
  }
}

/** Whether tenants have something of a user who is not there any more. Only superusers may know. */
export async function hasLeft(name: string, actor: Actor, administration: Administration): Promise<boolean> {
  if (!actor.isSuperuser) return false;
  const uses = await administration.call("user.uses", { name }, actor.user);
  return Array.isArray(uses) && uses.length > 0;
}

const inUse = (message: string, error: unknown): SqlError =>
  new SqlError("2BP01", message, { detail: isKimberliteError(error) ? String(error.detail["uses"] ?? "") : "" });

/** Returns the command tag. */
export async function runRoleStatement(
  statement: RoleStatement | DropRole,
  actor: Actor & { readonly tenantName: string },
  administration: Administration,
  report: (report: ErrorReport) => void,
): Promise<string> {
  if (statement.kind === "dropRole") {
    if (!actor.isSuperuser) throw denied("drop");
    for (const name of statement.names) await dropRole(name, statement.ifExists, actor, administration, report);
    return "DROP ROLE";
  }
  const isOwn = statement.kind === "alterRole" && statement.name === actor.user;
  const wish = await wishOf(statement);
  const onlyPassword = wish.isSuperuser === undefined && wish.canLogin === undefined;
  if (!actor.isSuperuser && !(isOwn && onlyPassword))
    throw denied(statement.kind === "createRole" ? "create" : "alter");
  if (wish.canLogin === false) throw new SqlError("0A000", "roles that cannot log in are not supported");
  const { verifier, isSuperuser } = wish;
  if (statement.kind === "createRole") {
    if (wish.canLogin !== true)
      throw new SqlError("0A000", "roles that cannot log in are not supported", {
        hint: "Use CREATE USER, or the option LOGIN.",
      });
    if (verifier === undefined) throw new SqlError("0A000", "users without a password are not supported");
    const { name } = statement;
    try {
      const wish = { name, verifier, superuser: isSuperuser ?? false, tenant: actor.tenantName };
      await administration.call("user.create", wish, actor.user);
    } catch (error) {
      if (hasCode(error, "userExists")) throw new SqlError("42710", `role "${name}" already exists`);
      if (hasCode(error, "userInUse"))
        throw inUse(`role "${name}" cannot be created because objects of a dropped role of that name are left`, error);
      throw error;
    }
    return "CREATE ROLE";
  }
  await administration.call("user.alter", { name: statement.name, verifier, superuser: isSuperuser }, actor.user);
  return "ALTER ROLE";
}
