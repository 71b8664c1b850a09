/** The sessions beside each other in one gateway: what one may know of the others of its tenant, and do to them. */
import { decodeSignal, type SessionFact, type Signal } from "../../../runtime/query/catalog/session-facts.js";
import { SqlError } from "../../../runtime/query/error.js";
import { FatalError } from "../reports.js";

export interface Peers {
  sessions(tenant: number): readonly SessionFact[];
  /** Does nothing where the tenant has no session of that number any more. */
  signal(tenant: number, pid: number, signal: Signal): void;
}

interface Own {
  readonly tenant: number;
  readonly process: number;
}

/** Does what a statement has asked for that may. Throws what the session that asks has asked for itself. */
export function deliver(text: string, { tenant, process }: Own, peers: Peers): void {
  const { signal, pid } = decodeSignal(text);
  if (pid !== process) peers.signal(tenant, pid, signal);
  else if (signal === "cancel") throw new SqlError("57014", "canceling statement due to user request");
  else throw new FatalError("57P01", "terminating connection due to administrator command");
}
