/**
 * `pg_cancel_backend` and `pg_terminate_backend`: whether they may is known where they are called, what they do is done by the gateway, which
 * has the sessions.
 */

import { signalBackendRole } from "../../../types/predefined-roles.js";
import { encodeSignal, type Signal, sessionsOf, signalSetting } from "../../catalog/session-facts.js";
import { blockersOf } from "../../catalog/system/lock-rows.js";
import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import { typeOid } from "../../types/sql-type.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";

const refusals: Readonly<Record<Signal, { readonly superuser: string; readonly member: string }>> = {
  cancel: {
    superuser: "must be a superuser to cancel superuser query",
    member: "must be a member of the role whose query is being canceled or member of pg_signal_backend",
  },
  terminate: {
    superuser: "must be a superuser to terminate superuser process",
    member: "must be a member of the role whose process is being terminated or member of pg_signal_backend",
  },
};

/** False, with a warning, for a number that is no session's. Throws 42501. */
function send(signal: Signal, pid: number, context: EvaluationContext): boolean {
  const { session, roles, currentUser, isSuperuser } = context;
  const target = sessionsOf((name) => session.setting(name)).find((each) => each.pid === pid);
  if (target === undefined) {
    session.notice("WARNING", "01000", `PID ${pid} is not a PostgreSQL backend process`);
    return false;
  }
  const refused = refusals[signal];
  if (!isSuperuser && roles.find(target.user)?.isSuperuser === true) throw new SqlError("42501", refused.superuser);
  const rights = roles.rightsOf(currentUser);
  if (!isSuperuser && !rights.has(target.user) && !rights.has(signalBackendRole))
    throw new SqlError("42501", refused.member);
  session.setSetting(signalSetting, encodeSignal(signal, pid), false);
  return true;
}

export const signals: readonly Implementation[] = strictly({
  "pg_cancel_backend(int4)": (pid, context) => send("cancel", pid, context),
  "pg_blocking_pids(int4)": (pid, context) => new SqlArray(typeOid.int4, blockersOf(pid, context)),
  // A session that is told to end has ended: there is nothing to be waited for.
  "pg_terminate_backend(int4,int8)": (pid, timeout, context) => {
    if (Number(timeout) < 0) throw new SqlError("22003", '"timeout" must not be negative');
    return send("terminate", pid, context);
  },
});
