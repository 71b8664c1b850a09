/** How fresh a read must be, as users say it and as the wire does. */
import { consistency as wireConsistency } from "../../runtime/kernel/codecs/read-requests.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { wireNumber } from "./numbers.js";
import { parseToken, type SessionMemory } from "./position-token.js";

/**
 *   "session"        at least what this client has seen of the tenant (default): reads its own writes, never goes back
 *   "linearizable"   all that was acknowledged to anyone before the read began
 *   "stale"          whatever is at hand; the reply says which position that is
 *   { atPosition }   exactly the state after that position, today and in ten years
 *   { atTimestamp }  the state at that time: a Date, or µs since 1970
 */
export type Consistency =
  | "session"
  | "linearizable"
  | "stale"
  | { readonly atPosition: bigint | number }
  | { readonly atTimestamp: Date | bigint | number };

export interface ReadOptions {
  readonly consistency?: Consistency | undefined;
  /** A position token that a session read must reach as well. */
  readonly token?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WireHead {
  readonly tenant: number;
  readonly consistency: number;
  readonly argument: number;
}

function timeMicros(raw: Date | bigint | number): number {
  return wireNumber(raw instanceof Date ? raw.getTime() * 1000 : raw, "atTimestamp");
}

/** Throws `invalidArgument`. */
export function readHead(tenant: number, memory: SessionMemory, options: ReadOptions): WireHead {
  const { consistency = "session", token } = options;
  if (token !== undefined && consistency !== "session") {
    throw new KimberliteError("invalidArgument", "a position token goes with session consistency only");
  }
  if (consistency === "session") {
    const seen = token === undefined ? 0 : parseToken(token, tenant);
    return { tenant, consistency: wireConsistency.session, argument: Math.max(seen, memory.seen) };
  }
  if (consistency === "linearizable") return { tenant, consistency: wireConsistency.linearizable, argument: 0 };
  if (consistency === "stale") return { tenant, consistency: wireConsistency.stale, argument: 0 };
  if (typeof consistency === "object" && consistency !== null && "atPosition" in consistency) {
    const argument = wireNumber(consistency.atPosition, "atPosition");
    return { tenant, consistency: wireConsistency.atPosition, argument };
  }
  if (typeof consistency === "object" && consistency !== null && "atTimestamp" in consistency) {
    return { tenant, consistency: wireConsistency.atTimestamp, argument: timeMicros(consistency.atTimestamp) };
  }
  throw new KimberliteError("invalidArgument", "no such consistency", { detail: { given: String(consistency) } });
}
