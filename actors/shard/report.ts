/** How one replica of a shard stands, as it says itself; and its journey between nodes as JSON, since it is asked rarely and grows. */

import { assert } from "../../runtime/types/assert.js";
import type { ReplicaReport } from "../replica/messages.js";

export interface ShardReport extends ReplicaReport {
  /** Newest operation whose facts the state here holds. */
  readonly applied: number;
  /** The shard here decides and proposes: more than its replica being the primary of a view. */
  readonly leads: boolean;
  /** The replica that this one takes for the leader; null for none. */
  readonly leader: number | null;
  readonly isDiskFull: boolean;
  /** Replicas to which a connection stands. */
  readonly linked: readonly number[];
}

/**
 * Asks every replica. The leader first: what the others say later is then no older than what it had committed, and a replica that keeps
 * up is not taken for one that lags.
 */
export function collectReports(
  replicas: number,
  leader: number,
  ask: (replica: number, told: (report: ShardReport | null) => void) => void,
  told: (reports: (ShardReport | null)[]) => void,
): void {
  assert(leader >= 0 && leader < replicas, "a leader is one of the replicas");
  const reports = new Array<ShardReport | null>(replicas).fill(null);
  let missing = replicas;
  const note = (replica: number, report: ShardReport | null): void => {
    reports[replica] = report;
    missing -= 1;
    assert(missing >= 0, "a replica is asked once");
    if (missing === 0) told(reports);
  };
  ask(leader, (first) => {
    note(leader, first);
    for (let replica = 0; replica < replicas; replica++) {
      if (replica !== leader) ask(replica, (report) => note(replica, report));
    }
  });
}

export const encodeReport = (report: ShardReport): Uint8Array => new TextEncoder().encode(JSON.stringify(report));

/** Null for what another release may say and this one does not understand. */
export function decodeReport(bytes: Uint8Array): ShardReport | null {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  // A program of before knows no epoch, and is in none but the first.
  const report: unknown = typeof raw === "object" && raw !== null ? { epoch: 0, ...raw } : raw;
  return isReport(report) ? report : null;
}

const counts = [
  "replica",
  "view",
  "epoch",
  "configuration",
  "voters",
  "op",
  "commit",
  "durable",
  "stuckAt",
  "release",
  "applied",
] as const;

function isReport(raw: unknown): raw is ShardReport {
  if (typeof raw !== "object" || raw === null) return false;
  const fields = raw as Record<string, unknown>;
  const { status, leads, leader, isDiskFull, linked } = fields;
  return (
    counts.every((name) => Number.isSafeInteger(fields[name])) &&
    typeof status === "string" &&
    typeof leads === "boolean" &&
    (leader === null || Number.isSafeInteger(leader)) &&
    typeof isDiskFull === "boolean" &&
    Array.isArray(linked) &&
    linked.every((replica) => Number.isSafeInteger(replica))
  );
}
