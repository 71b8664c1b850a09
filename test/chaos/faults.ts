/** All faults by name. */

import { killClients, noisyTenant } from "./client-faults.js";
import { corruptDisjoint, corruptMinority, corruptSame, loseDisk, loseFile, rollback } from "./damage-faults.js";
import { changeMembership } from "./membership-fault.js";
import { bridge, clientSide, cutLink, isolateLeader, majoritiesRing, oneWay, slowNetwork } from "./network-faults.js";
import { power } from "./power-faults.js";
import { killAny, killLeader, pauseLeader, stepClock, upgrade } from "./process-faults.js";
import type { Scene } from "./scene.js";
import { fullAll, fullFollower, fullLeader, fullMajority } from "./space-faults.js";
import { abortNode, endWorker, exhaustWorker, hangWorker } from "./thread-faults.js";

type Strike = (scene: Scene) => Promise<void>;

export const faults = {
  "kill-leader": killLeader,
  "kill-any": killAny,
  abort: abortNode,
  "pause-leader": pauseLeader,
  "isolate-leader": isolateLeader,
  "one-way": oneWay,
  "cut-link": cutLink,
  bridge,
  "majorities-ring": majoritiesRing,
  "client-side": clientSide,
  "slow-network": slowNetwork,
  clock: stepClock,
  worker: endWorker,
  exhaust: exhaustWorker,
  hang: hangWorker,
  upgrade,
  power,
  "corrupt-minority": corruptMinority,
  "corrupt-disjoint": corruptDisjoint,
  "corrupt-same": corruptSame,
  rollback,
  "lost-file": loseFile,
  "lost-disk": loseDisk,
  membership: changeMembership,
  "full-follower": fullFollower,
  "full-leader": fullLeader,
  "full-majority": fullMajority,
  "full-all": fullAll,
  client: killClients,
  tenants: noisyTenant,
} as const satisfies Readonly<Record<string, Strike>>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];
export const isFaultName = (name: string): name is FaultName => faultNames.some((known) => known === name);

/** What `mix` draws from: what three nodes on one disk can suffer. */
export const mixed: readonly FaultName[] = faultNames.filter(
  (name) => name !== "majorities-ring" && name !== "membership" && !name.startsWith("full-"),
);
