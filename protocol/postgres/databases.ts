/**
 * CREATE and DROP DATABASE. A database is a tenant, with a shard of its own choosing and its own part of the log; the directory makes and
 * drops them, beside every transaction. What PostgreSQL lets one choose and a tenant has not got is taken where it says what is so anyhow.
 */

import { bootstrapName } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";
import type { CreateDatabase, DropDatabase, SetOwner } from "../../runtime/query/syntax/ast-definition.js";
import { hasCode } from "../../runtime/types/errors.js";
import type { ErrorReport } from "./backend-writer.js";
import { notice } from "./reports.js";
import { mayMakeDatabases, type RoleActor } from "./role-authority.js";
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

function expectOptions({ options }: CreateDatabase, { user }: RoleActor): void {
  for (const { name, value } of options) {
    // DEFAULT is what is so.
    if (value === null) continue;
    const lower = name.toLowerCase();
    if (lower === "owner" && value === user) continue;
    if (takes[lower]?.(value.toLowerCase()) === true) continue;
    throw new SqlError("0A000", `CREATE DATABASE with ${name} ${value} is not supported`);
  }
}

/**
 * Returns the command tag. Throws 42501 for who may not, 42P04 for a database that is there, 3D000 for one that is not, 55006 for the
 * session's own.
 */
export async function runDatabaseStatement(
  statement: CreateDatabase | DropDatabase,
  actor: RoleActor,
  administration: Administration,
  report: (report: ErrorReport) => void,
): Promise<string> {
  const { name } = statement;
  if (statement.kind === "createDatabase") {
    if (!mayMakeDatabases(actor)) throw new SqlError("42501", "permission denied to create database");
    expectOptions(statement, actor);
    try {
      await administration.call("tenant.create", { name }, actor.principal);
    } catch (error) {
      if (hasCode(error, "tenantExists")) throw new SqlError("42P04", `database "${name}" already exists`);
      throw error;
    }
    return "CREATE DATABASE";
  }
  if (!actor.isSuperuser) throw new SqlError("42501", `must be owner of database ${name}`);
  if (name === actor.tenantName) throw new SqlError("55006", "cannot drop the currently open database");
  try {
    await administration.call("tenant.drop", { name }, actor.principal);
  } catch (error) {
    if (!hasCode(error, "tenantUnknown")) throw error;
    if (!statement.ifExists) throw new SqlError("3D000", `database "${name}" does not exist`);
    report(notice(`database "${name}" does not exist, skipping`));
  }
  return "DROP DATABASE";
}

/**
 * ALTER DATABASE … OWNER TO, as dumps have it: a database belongs to the first user, whoever made it, and stays there. Returns the command tag.
 * Throws 42501, 3D000, and 0A000 for another owner.
 */
export async function keepDatabaseOwner(
  { name, owner }: SetOwner,
  actor: RoleActor,
  administration: Administration,
): Promise<string> {
  const database = name.at(-1) ?? "";
  try {
    await administration.call("tenant.get", { name: database }, actor.principal);
  } catch (error) {
    if (hasCode(error, "tenantUnknown")) throw new SqlError("3D000", `database "${database}" does not exist`);
    throw error;
  }
  if (!actor.isSuperuser && actor.user !== bootstrapName)
    throw new SqlError("42501", `must be owner of database ${database}`);
  if (actor.named(owner) !== bootstrapName)
    throw new SqlError("0A000", `another owner of a database than "${bootstrapName}" is not supported`);
  return "ALTER DATABASE";
}
