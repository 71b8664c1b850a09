/**
 * ALTER ROLE … SET and ALTER DATABASE … SET: what sessions begin with. They are kept with the role or the database in the system shard, checked
 * here as SET checks them, and hold for sessions that begin later: a database's own, then a role's, then those of a role in a database.
 */
import { type KeptSetting, settingsIn } from "../../runtime/kernel/kept-settings.js";
import { SqlError } from "../../runtime/query/error.js";
import type { AlterDefault } from "../../runtime/query/syntax/ast-role.js";
import { hasCode } from "../../runtime/types/errors.js";
import type { ErrorReport } from "./backend-writer.js";
import { expectDatabaseOwner } from "./databases.js";
import { warning } from "./reports.js";
import { expectKnown, expectMade, expectWithin, mayMakeRoles, type RoleActor } from "./role-authority.js";
import type { Administration } from "./roles.js";
import type { SettingCommands } from "./session-commands.js";
import type { SessionSettings } from "./settings.js";

interface DefaultRun {
  /** With the roles of now. */
  readonly actor: RoleActor;
  readonly administration: Administration;
  readonly commands: Pick<SettingCommands, "kept">;
}

/** Throws 42501. */
function expectMayAlter(role: string, actor: RoleActor): void {
  const { isSuperuser, roles, user } = actor;
  if (isSuperuser) return;
  if (roles.find(role)?.isSuperuser === true) throw new SqlError("42501", "must be superuser to alter superusers");
  if (role === user) return;
  if (!mayMakeRoles(actor)) throw new SqlError("42501", "permission denied");
  expectWithin(role, actor);
}

/** Returns the command tag. Throws 42704 and 3D000 for what is not there, 42501 for who may not, and what SET of the value would. */
export async function runAlterDefault(
  statement: AlterDefault,
  { actor, administration, commands }: DefaultRun,
): Promise<string> {
  const { database, change } = statement;
  const role = statement.role === null ? null : actor.named(statement.role);
  if (role !== null) {
    expectKnown(role, actor);
    expectMade(role);
    expectMayAlter(role, actor);
  }
  if (role === null && database === null)
    throw actor.isSuperuser
      ? new SqlError("0A000", "ALTER ROLE ALL SET without IN DATABASE is not supported")
      : new SqlError("42501", "must be superuser to alter settings globally");
  if (role === null && database !== null) await expectDatabaseOwner(database, actor, administration);
  try {
    await administration.call("user.setting", { role, tenant: database, ...wishOf(change, commands) }, actor.principal);
  } catch (error) {
    throw hasCode(error, "tenantUnknown") ? new SqlError("3D000", `database "${database}" does not exist`) : error;
  }
  return statement.of === "role" ? "ALTER ROLE" : "ALTER DATABASE";
}

function wishOf(change: AlterDefault["change"], commands: DefaultRun["commands"]): Readonly<Record<string, string>> {
  switch (change.kind) {
    case "set":
      return { action: "set", ...commands.kept(change.name, change.values) };
    case "setFromCurrent":
      return { action: "set", ...commands.kept(change.name, null) };
    case "reset": {
      const { name } = commands.kept(change.name, null);
      return { action: "reset", name };
    }
    case "resetAll":
      return { action: "resetAll" };
  }
}

/** Begins a session with what is kept. A value that is none any more is passed over, with a warning. */
export function beginWith(
  settings: SessionSettings,
  tenant: number,
  ofTenant: readonly KeptSetting[],
  ofRole: readonly KeptSetting[],
  report: (report: ErrorReport) => void,
): void {
  const own = ofRole.filter((kept) => kept.tenant === 0);
  const both = ofRole.filter((kept) => kept.tenant === tenant);
  for (const { name, value } of settingsIn([...ofTenant, ...own, ...both])) {
    try {
      settings.startup(name, value);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      report(warning(error.sqlState, error.message));
    }
  }
}
