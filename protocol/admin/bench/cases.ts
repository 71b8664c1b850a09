/** The benchmark's workloads, and the cases that each stands for. */
import type { CaseSettings } from "./report.js";

export const workloads = ["single", "batch", "read", "fanout", "mixed", "tenants"] as const;
export type Workload = (typeof workloads)[number];

export interface CaseWishes {
  readonly connections: readonly number[] | null;
  readonly inFlight: readonly number[] | null;
  readonly batches: readonly number[] | null;
  readonly tenants: readonly number[] | null;
  readonly eventBytes: number;
}

/** The cases of a workload, as the product of what was wished for or of the standard values. */
export function casesOf(workload: Workload, wishes: CaseWishes): CaseSettings[] {
  const standard = {
    single: { connections: [1, 16, 64, 256], inFlight: [1, 16], batches: [1], tenants: [1] },
    batch: { connections: [1, 4], inFlight: [1], batches: [10, 100, 1000], tenants: [1] },
    read: { connections: [1, 16, 64], inFlight: [1], batches: [1, 1000], tenants: [1] },
    fanout: { connections: [1, 16, 64], inFlight: [16], batches: [10], tenants: [1] },
    mixed: { connections: [16, 64], inFlight: [4], batches: [1], tenants: [1] },
    tenants: { connections: [64], inFlight: [16], batches: [1], tenants: [1, 1000] },
  }[workload];
  const cases: CaseSettings[] = [];
  const writesAnywhere = workload === "single" || workload === "batch" || workload === "tenants";
  for (const tenants of (writesAnywhere ? wishes.tenants : null) ?? standard.tenants) {
    for (const batch of wishes.batches ?? standard.batches) {
      for (const inFlight of wishes.inFlight ?? standard.inFlight) {
        for (const connections of wishes.connections ?? standard.connections) {
          cases.push({ workload, connections, inFlight, batch, eventBytes: wishes.eventBytes, tenants });
        }
      }
    }
  }
  return cases;
}
