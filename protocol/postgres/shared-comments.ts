/** COMMENT ON ROLE and ON DATABASE: what is said of them is a fact of the system shard, as they are, and no other object's. */
import { commentName } from "../../runtime/kernel/kept-settings.js";
import { SqlError } from "../../runtime/query/error.js";
import type { CommentOn } from "../../runtime/query/syntax/ast-definition.js";
import { kiB } from "../../runtime/types/limits.js";
import { isPredefinedRole } from "../../runtime/types/predefined-roles.js";
import type { ErrorReport } from "./backend-writer.js";
import { expectDatabaseOwner } from "./databases.js";
import { warning } from "./reports.js";
import { expectKnown, expectWithin, mayMakeRoles, type RoleActor } from "./role-authority.js";
import type { Administration } from "./roles.js";

/** It is kept in one row with the settings of the role or the database. */
const commentBytesMax: number = 8 * kiB;

/** Throws 42704, 42501, and 0A000 for a role of PostgreSQL's own. */
function expectMayComment(role: string, actor: RoleActor): void {
  expectKnown(role, actor);
  if (isPredefinedRole(role)) throw new SqlError("0A000", "COMMENT ON a predefined role is not supported");
  if (!actor.isSuperuser && actor.roles.find(role)?.isSuperuser === true)
    throw new SqlError("42501", "must be superuser");
  if (!mayMakeRoles(actor)) throw new SqlError("42501", "must have CREATEROLE privilege");
  expectWithin(role, actor);
}

/** Returns the command tag. A database that is not there is a warning. Throws 42704, 42501, and 54000 for a comment that is too long. */
export async function commentOnShared(
  { objectType, name: parts, text }: CommentOn,
  actor: RoleActor,
  administration: Administration,
  report: (report: ErrorReport) => void,
): Promise<string> {
  const [first = ""] = parts;
  const isRole = objectType === "role";
  const name = isRole ? actor.named(first) : first;
  if (isRole) expectMayComment(name, actor);
  else {
    try {
      await expectDatabaseOwner(name, actor, administration);
    } catch (error) {
      if (!(error instanceof SqlError) || error.sqlState !== "3D000") throw error;
      report(warning(error.sqlState, error.message));
      return "COMMENT";
    }
  }
  const value = text ?? "";
  if (Buffer.byteLength(value) > commentBytesMax)
    throw new SqlError("54000", `a comment on a ${objectType} takes ${commentBytesMax} bytes at most`);
  const change = value === "" ? { action: "reset" } : { action: "set", value };
  const of = isRole ? { role: name, tenant: null } : { role: null, tenant: name };
  await administration.call("user.setting", { ...of, name: commentName, ...change }, actor.principal);
  return "COMMENT";
}
