/**
 * CREATE, ALTER and DROP DATABASE. A database is a tenant, with a shard of its own choosing and its own part of the log; the directory makes and
 * drops them, beside every transaction. What PostgreSQL lets one choose and a tenant has not got is taken where it says what is so anyhow.
 */

import { bootstrapName } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";
import type { SetOwner } from "../../runtime/query/syntax/ast-definition.js";
import type { AlterDatabase, CreateDatabase, DropDatabase } from "../../runtime/query/syntax/ast-role.js";
import { hasCode } from "../../runtime/types/errors.js";
import type { ErrorReport } from "./backend-writer.js";
import { type DatabaseSessions, expectUnused } from "./database-sessions.js";
import { notice, warning } from "./reports.js";
import { expectKnown, mayMakeDatabases, type RoleActor } from "./role-authority.js";
import type { Administration } from "./roles.js";

const isTrue = (value: string): boolean => ["true", "1", "on"].includes(value);
const isC = (value: string): boolean => ["c", "posix", "c.utf-8", "c.utf8"].includes(value);

/** What each option may say, in small letters. */
const takes: Readonly<Record<string, (value: string) => boolean>> = {
  template: (value) => value === "template0" || value === "template1",
  encoding: (value) => value === "utf8" || value === "utf-8" || value === "unicode" || value === "6",
  locale: isC,
  lc_collate: isC,
  lc_ctype: isC,
  locale_provider: (value) => value === "libc",
  tablespace: (value) => value === "pg_default",
  connection_limit: (value) => value === "-1",
  allow_connections: isTrue,
  is_template: (value) => !isTrue(value),
};

function expectOptions(
  { options }: Pick<CreateDatabase, "options">,
  command: "CREATE DATABASE" | "ALTER DATABASE",
): void {
  for (const { name, value } of options) {
    // DEFAULT is what is so.
    if (value === null || (name === "owner" && command === "CREATE DATABASE")) continue;
    if (takes[name]?.(value.toLowerCase()) === true) continue;
    throw new SqlError("0A000", `${command} with ${name} ${value} is not supported`);
  }
}

const unknownDatabase = (name: string): SqlError => new SqlError("3D000", `database "${name}" does not exist`);

interface Database {
  /** The tenant's number. */
  readonly id: number;
  readonly owner: string;
}

/** Throws 3D000. */
async function databaseOf(name: string, actor: RoleActor, administration: Administration): Promise<Database> {
  try {
    const tenant = await administration.call("tenant.get", { name }, actor.principal);
    const { id, owner = bootstrapName } = tenant as { readonly id: number; readonly owner?: string };
    return { id, owner };
  } catch (error) {
    throw hasCode(error, "tenantUnknown") ? unknownDatabase(name) : error;
  }
}

/** Its number. Throws 3D000, and 42501 for who does not own it. */
export async function expectDatabaseOwner(
  name: string,
  actor: RoleActor,
  administration: Administration,
): Promise<number> {
  const { id, owner } = await databaseOf(name, actor, administration);
  if (actor.isSuperuser || actor.roles.rightsOf(actor.user).has(owner)) return id;
  throw new SqlError("42501", `must be owner of database ${name}`);
}

function expectMember(role: string, { isSuperuser, roles, user }: RoleActor): void {
  if (isSuperuser || roles.isMember(user, role)) return;
  throw new SqlError("42501", `must be member of role "${role}"`);
}

async function create(
  statement: CreateDatabase,
  actor: RoleActor,
  administration: Administration,
  report: (report: ErrorReport) => void,
): Promise<string> {
  const { name, options } = statement;
  const wish = options.find((option) => option.name === "owner")?.value ?? null;
  expectOptions(statement, "CREATE DATABASE");
  if (!mayMakeDatabases(actor)) throw new SqlError("42501", "permission denied to create database");
  const owner = wish === null ? actor.user : actor.named(wish);
  if (wish !== null) {
    expectKnown(owner, actor);
    expectMember(owner, actor);
  }
  // The node's own process is nobody whose a database could be.
  const isSomebody = actor.roles.find(owner) !== null;
  try {
    const wanted = isSomebody ? { owner, mustOwn: wish !== null } : {};
    const made = await administration.call("tenant.create", { name, ...wanted }, actor.principal);
    const { owner: whose = bootstrapName } = made as { readonly owner?: string };
    if (isSomebody && whose !== owner)
      report(warning("01000", `database "${name}" is owned by "${whose}" until all nodes know of owners`));
  } catch (error) {
    if (hasCode(error, "tenantExists")) throw new SqlError("42P04", `database "${name}" already exists`);
    throw error;
  }
  return "CREATE DATABASE";
}

/**
 * Returns the command tag. Throws 42501 for who may not, 42P04 for a database that is there, 3D000 for one that is not, 55006 for the
 * session's own, and for one that others use.
 */
export async function runDatabaseStatement(
  statement: CreateDatabase | AlterDatabase | DropDatabase,
  actor: RoleActor,
  administration: Administration,
  report: (report: ErrorReport) => void,
  sessions: DatabaseSessions,
): Promise<string> {
  const { name } = statement;
  if (statement.kind === "createDatabase") return create(statement, actor, administration, report);
  let tenant: number;
  try {
    tenant = await expectDatabaseOwner(name, actor, administration);
  } catch (error) {
    const isGone = error instanceof SqlError && error.sqlState === "3D000";
    if (!isGone || statement.kind !== "dropDatabase" || !statement.ifExists) throw error;
    report(notice(`database "${name}" does not exist, skipping`));
    return "DROP DATABASE";
  }
  if (statement.kind === "alterDatabase") {
    expectOptions(statement, "ALTER DATABASE");
    return "ALTER DATABASE";
  }
  if (name === actor.tenantName) throw new SqlError("55006", "cannot drop the currently open database");
  await expectUnused(statement, tenant, actor, sessions);
  try {
    await administration.call("tenant.drop", { name }, actor.principal);
  } catch (error) {
    throw hasCode(error, "tenantUnknown") ? unknownDatabase(name) : error;
  }
  return "DROP DATABASE";
}

/** ALTER DATABASE … OWNER TO. Returns the command tag. Throws 42501, 3D000. */
export async function setDatabaseOwner(
  { name, owner: wish }: SetOwner,
  actor: RoleActor,
  administration: Administration,
): Promise<string> {
  const database = name.at(-1) ?? "";
  const owner = actor.named(wish);
  if ((await databaseOf(database, actor, administration)).owner === owner) return "ALTER DATABASE";
  await expectDatabaseOwner(database, actor, administration);
  expectMember(owner, actor);
  if (!mayMakeDatabases(actor)) throw new SqlError("42501", "permission denied to change owner of database");
  await administration.call("tenant.setOwner", { name: database, owner }, actor.principal);
  return "ALTER DATABASE";
}
