/** All faults by name. */

import { power } from "./disk-faults.js";
import {
  cutLink,
  endWorker,
  isolateLeader,
  killAny,
  killLeader,
  oneWay,
  pauseLeader,
  slowNetwork,
  stepClock,
  upgrade,
} from "./process-faults.js";
import type { Scene } from "./scene.js";

type Strike = (scene: Scene) => Promise<void>;

export const faults = {
  "kill-leader": killLeader,
  "kill-any": killAny,
  "pause-leader": pauseLeader,
  "isolate-leader": isolateLeader,
  "one-way": oneWay,
  "cut-link": cutLink,
  "slow-network": slowNetwork,
  clock: stepClock,
  worker: endWorker,
  upgrade,
  power,
} as const satisfies Readonly<Record<string, Strike>>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];

/** What `mix` draws from. */
export const mixed: readonly FaultName[] = faultNames;
