/** What DROP DATABASE does about the sessions of the database: it waits a moment for them to end, or has them end (FORCE). */
import { SqlError } from "../../runtime/query/error.js";
import { signalBackendRole } from "../../runtime/types/predefined-roles.js";
import type { RoleActor } from "./role-authority.js";
import type { Peers } from "./session/peers.js";

/** As long as PostgreSQL waits: who has just said that it ends is not in the way. */
const waitMs = 5_000;
const lookEveryMs = 100;

export interface DatabaseSessions {
  /** Sessions that one gateway knows. */
  readonly peers: Peers;
  /** Resolves when so much time has passed. */
  readonly pause: (delayMs: number) => Promise<void>;
}

/** Throws 42501 for sessions that are not the actor's to end. */
function expectToEnd(users: readonly string[], { isSuperuser, roles, user }: RoleActor): void {
  if (isSuperuser) return;
  const rights = roles.rightsOf(user);
  for (const each of users) {
    const isTheirs = roles.find(each)?.isSuperuser === true;
    if (isTheirs) throw new SqlError("42501", "must be a superuser to terminate superuser process");
    if (rights.has(each) || rights.has(signalBackendRole)) continue;
    const message = "must be a member of the role whose process is being terminated or member of pg_signal_backend";
    throw new SqlError("42501", message);
  }
}

/** Resolves when no session of this gateway is in the database. Throws 55006 when some stay, 42501 for FORCE by who may not. */
export async function expectUnused(
  { name, isForced }: { readonly name: string; readonly isForced: boolean },
  tenant: number,
  actor: RoleActor,
  { peers, pause }: DatabaseSessions,
): Promise<void> {
  if (isForced) {
    const sessions = peers.sessions(tenant);
    expectToEnd(
      sessions.map(({ user }) => user),
      actor,
    );
    for (const { pid } of sessions) peers.signal(tenant, pid, "terminate");
  }
  for (let waitedMs = 0; peers.sessions(tenant).length > 0; waitedMs += lookEveryMs) {
    if (waitedMs < waitMs) {
      await pause(lookEveryMs);
      continue;
    }
    const count = peers.sessions(tenant).length;
    const sessions = count === 1 ? "is 1 other session" : `are ${count} other sessions`;
    throw new SqlError("55006", `database "${name}" is being accessed by other users`, {
      detail: `There ${sessions} using the database.`,
    });
  }
}
