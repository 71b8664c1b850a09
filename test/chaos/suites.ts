/** The suites of faults: what strikes which cluster, and the slice of them that every change passes. */
import type { FaultName } from "./faults.js";
import { mayMakeNamespaces } from "./namespace-network.js";
import { mayMount } from "./node-files.js";
import type { StormOptions } from "./run-storm.js";

export interface Suite
  extends Partial<Pick<StormOptions, "nodes" | "everySeconds" | "diskBytes" | "payloadBytes" | "network">> {
  readonly faults: readonly FaultName[];
  /** What has to be there; else the suite is counted as not run. */
  readonly needs?: { readonly what: string; readonly isThere: () => boolean };
  /** A control: syncs do nothing, and the run has to be found wrong. */
  readonly isControl?: true;
  /** Share of the minutes, beside the others. */
  readonly weight?: number;
}

const mounts = { what: "the right to mount a file system", isThere: mayMount } as const;
const namespaces = { what: "the right to make network namespaces", isThere: mayMakeNamespaces } as const;
/** Large payloads: a segment that was made ready before has to be written full before a disk without space is met. */
const smallDisk = { diskBytes: 512 * 1024 * 1024, payloadBytes: 16_384, needs: mounts, everySeconds: 1 } as const;

const times = <Item>(count: number, item: Item): Item[] => Array.from({ length: count }, () => item);

export const suites = {
  smoke: { faults: ["kill-any", "kill-leader"] },
  power: { faults: ["power"], everySeconds: 1, weight: 3 },
  "power-control": { faults: ["power"], everySeconds: 2, isControl: true },
  partition: {
    faults: ["majorities-ring", "bridge", "one-way", "isolate-leader", "client-side", "slow-network"],
    nodes: 5,
    weight: 2,
  },
  "partition-3": { faults: ["isolate-leader", "one-way", "cut-link", "client-side", "slow-network"], weight: 2 },
  namespaces: {
    faults: ["isolate-leader", "one-way", "cut-link", "kill-leader"],
    network: "namespaces",
    needs: namespaces,
  },
  pause: { faults: ["pause-leader"] },
  corrupt: { faults: ["corrupt-minority", "corrupt-disjoint", "corrupt-same"], weight: 2 },
  "disk-full": { faults: ["full-follower", "full-leader", "full-majority", "full-all"], ...smallDisk, weight: 2 },
  lost: { faults: ["rollback", "lost-file", "lost-disk"], weight: 2 },
  clock: { faults: ["clock"] },
  worker: { faults: ["worker", "exhaust", "hang", "abort"], weight: 2 },
  upgrade: { faults: ["upgrade"] },
  membership: { faults: ["membership", "kill-leader", "membership", "kill-any"] },
  clients: { faults: ["client", "tenants"] },
  /**
   * The leader is killed every few seconds; in between a disk is lost and recovered, and a node is added, takes the place of another, which leaves.
   */
  shown: {
    faults: [
      ...[...times(3, "kill-leader" as const), "lost-disk" as const],
      ...[...times(3, "kill-leader" as const), "membership" as const, ...times(3, "kill-leader" as const)],
    ],
    everySeconds: 2,
  },
} as const satisfies Readonly<Record<string, Suite>>;

export type SuiteName = keyof typeof suites;
export const suiteNames = Object.keys(suites) as SuiteName[];
export const isSuiteName = (name: string): name is SuiteName => suiteNames.some((known) => known === name);

export interface SliceRun extends Suite {
  readonly name: string;
}

/** Every fault once or twice, on as few clusters as it takes: about four minutes on two cores. */
export const slice: readonly SliceRun[] = [
  {
    name: "one of each",
    everySeconds: 0.2,
    faults: [
      ...["kill-leader", "pause-leader", "isolate-leader", "one-way", "cut-link", "client-side", "clock"],
      ...["worker", "exhaust", "hang", "abort", "client", "tenants", "power", "power", "power", "kill-any"],
      // What damages files comes last: what is left of it is what the judges look at.
      ...[
        "membership",
        "rollback",
        "lost-file",
        "lost-disk",
        "upgrade",
        "corrupt-minority",
        "corrupt-disjoint",
        "corrupt-same",
      ],
    ] as readonly FaultName[],
  },
  { name: "disk-full", ...smallDisk, everySeconds: 0.2, faults: ["full-follower", "full-all"] },
  { name: "power-control", faults: ["power", "power"], everySeconds: 1, isControl: true },
];
