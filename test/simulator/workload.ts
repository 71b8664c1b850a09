/** What clients do in a run. Two workloads, one interface: prepares of any bytes, and the shipping shard with its state. */

import { ByteWorkload } from "./byte-workload.js";
import type { Committed } from "./commit-oracle.js";
import { KernelWorkload } from "./kernel-workload.js";
import type { SimNode } from "./node.js";
import type { Simulation } from "./simulation.js";
import type { SqlCounts } from "./sql-clients.js";

export interface Workload {
  readonly requests: number;
  readonly answered: number;
  /** What its SQL clients came to; null without any. */
  readonly sql: SqlCounts | null;
  /** Makes the shard's cell of a node that starts, and gives the ids of its neighbours beyond replica and keeper. */
  makeShard(node: SimNode): Promise<readonly string[]> | readonly string[];
  begin(): void;
  committed(committed: Committed): void;
  /** False when that replica does not lead. */
  handOver(replica: number): boolean;
  /** Has whoever leads propose one voter more or fewer, where there is one to take or to let go; calls `proposed` for each that is known to do so. */
  reconfigure(by: number, proposed: () => void): void;
  /** The cluster was founded anew from a log which has up to there what was committed. */
  refounded(newest: number): void;
  warned(replica: number, message: string): void;
  /** The faults are over: from now on only what has to succeed is asked. */
  settle(core: readonly number[]): void;
  isSettled(core: readonly number[]): boolean;
  /** How it stands, for a failure's text. */
  standing(): string;
  /** The last checks. */
  end(): void;
}

export const makeWorkload = (simulation: Simulation): Workload =>
  simulation.options.workload === "kernel" ? new KernelWorkload(simulation) : new ByteWorkload(simulation);
