/** Whether a history is what an isolation level promises. */
import { type Cycle, type CycleClass, findCycles, realtimeDependencies } from "./cycles.js";
import type { Transaction } from "./history.js";
import { type Anomaly, ListAppendInference } from "./list-append.js";

export type IsolationLevel = "readCommitted" | "repeatableRead" | "serializable";

/** Classes of cycles that a level forbids. A snapshot allows a write skew (G2), and committed reads also a read skew. */
const forbidden: Readonly<Record<IsolationLevel, readonly CycleClass[]>> = {
  readCommitted: ["G0", "G1c"],
  repeatableRead: ["G0", "G1c", "G-single"],
  serializable: ["G0", "G1c", "G-single", "G2"],
};

export interface IsolationVerdict {
  readonly isKept: boolean;
  readonly anomalies: readonly Anomaly[];
  /** All cycles that were found, also those that the level allows. */
  readonly cycles: readonly Cycle[];
  readonly violations: readonly Cycle[];
  readonly transactions: number;
  readonly committed: number;
  readonly dependencies: number;
  readonly readsSeen: number;
}

/**
 * @param options.isStrict real time counts too: what had ended comes before what began later
 */
export function judge(
  history: readonly Transaction[],
  level: IsolationLevel,
  options: { readonly isStrict: boolean },
): IsolationVerdict {
  const { anomalies, dependencies, readsSeen } = new ListAppendInference(history).infer();
  const all = options.isStrict ? [...dependencies, ...realtimeDependencies(history)] : dependencies;
  const cycles = findCycles(all);
  const violations = cycles.filter((cycle) => forbidden[level].includes(cycle.class));
  return {
    isKept: anomalies.length === 0 && violations.length === 0,
    anomalies,
    cycles,
    violations,
    transactions: history.length,
    committed: history.filter(({ outcome }) => outcome === "committed").length,
    dependencies: dependencies.length,
    readsSeen,
  };
}

/** A cycle as one line: `T1 rw→ T2 wr→ T1`. */
export const showCycle = ({ dependencies }: Cycle): string =>
  dependencies.map(({ from, kind }) => `T${from} ${kind}→ `).join("") + `T${dependencies[0]?.from ?? "?"}`;
