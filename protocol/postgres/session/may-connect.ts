/** Whether a tenant lets a user in: the privilege CONNECT, asked of its catalog when a session begins. */
import { assert } from "../../../runtime/types/assert.js";
import { EngineRuns, type SessionIdentity } from "../engine-runs.js";
import { FatalError } from "../reports.js";
import { SessionRoles } from "../session-roles.js";
import { SessionSettings } from "../settings.js";
import { Transaction } from "../transaction.js";
import type { SessionHost } from "./exchange.js";

const question = "SELECT 1 WHERE pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CONNECT')";

/** Throws `FatalError`: 42501, and what keeps the catalog from being read. With none of the client's settings: they could ask a past one. */
export async function expectConnect(host: SessionHost, identity: SessionIdentity): Promise<void> {
  if (identity.isSuperuser) return;
  const settings = new SessionSettings();
  settings.fix("session_authorization", identity.user);
  const roles = new SessionRoles(host, identity, settings);
  const runs = new EngineRuns(host, identity, settings, roles, new Transaction(settings));
  const [statement] = host.statements.statements(question);
  assert(statement !== undefined && statement.refused === null, "the question is one statement that reads");
  await roles.whenFresh();
  const { rowCount } = await runs.rows({ kind: "execute", text: question, syntax: statement.syntax() }, "projection");
  if (rowCount > 0) return;
  throw new FatalError(
    "42501",
    `permission denied for database "${identity.tenantName}"`,
    "User does not have CONNECT privilege.",
  );
}
