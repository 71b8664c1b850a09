/**
 * Runs and stories that some mistakes need: coincidences that chance brings once in a week. Canaries are looked for with them, and a share of all
 * seeds is told one of them beside what it draws, so that they are also run where nothing is broken.
 */

import { at } from "./event-at.js";
import { type FaultRates, healthyNetwork, noFaults, type SimulationOptions } from "./options.js";
import type { FaultEvent } from "./schedule.js";

/** Many changes of the view over a log that grows fast. */
export const views: Partial<SimulationOptions> = {
  replicas: 3,
  workload: "bytes",
  atlas: true,
  faultMs: 8_000,
  requestsMax: 2_000,
  requestMicros: 4_000,
  confirmShare: 1,
  bodyBytesMax: 64,
  pipeline: 8,
  writeMicros: 400,
  muteReplica: -1,
  network: {
    latencyMeanMicros: 2_000,
    loss: 0.05,
    duplicate: 0.1,
    replay: 0.02,
    flip: 0,
    reorder: 0.3,
    bytesMax: 0,
  },
  faults: { ...noFaults, kills: 4, powerCuts: 3, pauses: 3, partitions: 10, clogs: 4, handovers: 1 },
};

const comingAndGoing: FaultRates = {
  ...noFaults,
  reconfigurations: 12,
  kills: 4,
  powerCuts: 3,
  pauses: 3,
  partitions: 10,
  clogs: 4,
  slowDisks: 2,
};

/** Voters that come and go, over a log that grows fast, while replicas fall over and are cut off. */
export const changes: Partial<SimulationOptions> = {
  ...views,
  standbys: 2,
  fresh: true,
  coreOnly: false,
  faults: comingAndGoing,
};

/** The same over disks that damage what they hold, those of standbys among them. */
export const damagedChanges: Partial<SimulationOptions> = {
  ...changes,
  requestsMax: 300,
  headerSlots: 16,
  faults: { ...comingAndGoing, kills: 6, latent: 14, lostWrites: 3, misdirected: 3, flippedWrites: 3 },
};

/** A cluster that is founded anew from one log, while replicas fall over, lose their power and are cut off. */
export const foundedAnew: Partial<SimulationOptions> = {
  ...views,
  standbys: 0,
  faultMs: 4_000,
  faults: { ...noFaults, rescues: 2, kills: 3, powerCuts: 3, blackouts: 1, partitions: 5, clogs: 2 },
};

/** Disks that damage what they hold, and restarts that have to live with it. */
export const disks: Partial<SimulationOptions> = {
  replicas: 3,
  workload: "bytes",
  atlas: true,
  faultMs: 4_000,
  requestsMax: 400,
  requestMicros: 4_000,
  headerSlots: 16,
  bodyBytesMax: 1_000,
  muteReplica: -1,
  faults: {
    ...noFaults,
    kills: 4,
    powerCuts: 4,
    blackouts: 1,
    partitions: 2,
    latent: 12,
    unreadable: 2,
    lostWrites: 2,
    misdirected: 4,
    flippedWrites: 3,
    writeErrors: 1,
  },
};

/** The same with few requests: what a cut off primary has alone is more than what the next one writes. */
export const slowViews: Partial<SimulationOptions> = { ...views, requestMicros: 80_000, faultMs: 12_000 };

/** Nothing but a story happens, to a log that grows slowly. */
export const told: Partial<SimulationOptions> = {
  ...views,
  faultMs: 5_000,
  requestMicros: 100_000,
  coreOnly: false,
  fresh: false,
  faultsAtOnce: false,
  linksBreak: false,
  network: { latencyMeanMicros: 2_000, loss: 0, duplicate: 0, replay: 0, flip: 0, reorder: 0, bytesMax: 0 },
  faults: noFaults,
};

/** Links between these and those, both ways. */
export const between = (left: readonly number[], right: readonly number[]): (readonly [number, number])[] =>
  left.flatMap((one) => right.flatMap((other) => [[one, other] as const, [other, one] as const]));

/**
 * Of five, the primary of view 1 is left with one backup, which acknowledges what nobody else has; the others go on. Everybody comes
 * together, leadership goes round to the former primary, and then that backup is gone and too few others are left.
 */
export const comesRound: readonly FaultEvent[] = [
  at(500, { kind: "partition", links: between([1, 3], [0, 2, 4]), forMs: 900 }),
  ...Array.from({ length: 16 }, (_, index) =>
    [2, 3, 4, 0].map((replica) => at(1_420 + index * 20, { kind: "handover", replica })),
  ).flat(),
  at(1_740, { kind: "kill", replica: 3, downMs: 2_000 }),
  at(1_740, { kind: "kill", replica: 4, downMs: 2_000 }),
  at(1_741, { kind: "partition", links: between([2], [0, 1]), forMs: 1_500 }),
];

/**
 * A primary that is cut off prepares alone as much as its pipeline takes, while the others commit less than that in a later view. Then the one that
 * leads those is gone, and of the two logs that are left the longer is the older.
 */
export const longerAndOlder: readonly FaultEvent[] = [
  at(500, { kind: "partition", links: between([1], [0, 2]), forMs: 1_200 }),
  at(1_700, { kind: "kill", replica: 2, downMs: 2_500 }),
];

/** Near the end of its log a backup is damaged and restarts, while another is down: the view changes at once, and it votes. */
export const damagedVoters: readonly FaultEvent[] = [0, 1, 2, 0, 1, 2].flatMap((replica, round) => [
  at(400 + round * 1_300, { kind: "latent", replica, zone: "log", where: 0.97, how: "random" }),
  at(400 + round * 1_300, { kind: "latent", replica, zone: "log", where: 0.94, how: "random" }),
  at(401 + round * 1_300, { kind: "kill", replica, downMs: 5 }),
  at(401 + round * 1_300, { kind: "kill", replica: (replica + 1) % 3, downMs: 1_000 }),
]);

/** Of five, one prepares alone what the others have otherwise; one that was away asks all of them for what it lacks. */
export const twoAnswers: readonly FaultEvent[] = [
  at(250, { kind: "kill", replica: 4, downMs: 1_260 }),
  at(300, { kind: "partition", links: between([1], [0, 2, 3, 4]), forMs: 1_200 }),
  at(1_501, {
    kind: "partition",
    links: [
      [0, 1],
      [2, 1],
      [3, 1],
    ],
    forMs: 1_500,
  }),
];

/** Prepares of one sector each, in segments that hold many: places in the log follow from their number. */
export const littleLog: Partial<SimulationOptions> = {
  replicas: 3,
  requestMicros: 8_000,
  bodyBytesMax: 64,
  headerSlots: 16,
  segmentBytes: 1024 * 1024,
  checkpointEvery: 0,
};

/** Prepares of a log of `littleLog` that the next story tells of. */
export const roundOps = 40;
const whereOf = (op: number): number => (op - 0.8) / (roundOps + 1);

/**
 * Prepares a turn of the ring before the newest are damaged and written again from another replica, by which nothing of the ring may be taken
 * back. Then the newest is damaged: that it was there only its name in the ring can tell.
 */
export const goesRound: readonly FaultEvent[] = [0, 1, 2].flatMap((replica) => [
  ...[17, 16, 15].map((before) =>
    at(1_500, { kind: "latent", replica, zone: "log", where: whereOf(roundOps - before), how: "random" }),
  ),
  at(1_501 + replica * 600, { kind: "kill", replica, downMs: 5 }),
  at(3_500, { kind: "latent", replica, zone: "log", where: whereOf(roundOps), how: "random" }),
  at(3_501 + replica * 600, { kind: "kill", replica, downMs: 5 }),
]);

/** A write of the log lands elsewhere in its file, and its replica is restarted, again and again. */
export const misdirectedPrepares: readonly FaultEvent[] = Array.from({ length: 12 }, (_, round) => [
  at(1_000 + round * 300, { kind: "write", replica: round % 3, zone: "log", fault: "misdirected" }),
  at(1_150 + round * 300, { kind: "kill", replica: round % 3, downMs: 20 }),
]).flat();

/**
 * A backup restarts and is told where its view stands. Later its newest entries are damaged and it restarts again, out of reach of the primary;
 * then what it was told the first time comes again.
 */
export const oldHead: readonly FaultEvent[] = [0, 2].flatMap((replica, round) => [
  at(500 + round * 2_000, { kind: "kill", replica, downMs: 1 }),
  ...[0.97, 0.974, 0.978, 0.982, 0.986, 0.99].map((where) =>
    at(1_200 + round * 2_000, { kind: "latent", replica, zone: "log", where, how: "random" }),
  ),
  at(1_201 + round * 2_000, { kind: "partition", links: between([replica], [1]), forMs: 300 }),
  at(1_201 + round * 2_000, { kind: "kill", replica, downMs: 5 }),
  ...[10, 20, 30, 60].map((later) => at(1_206 + round * 2_000 + later, { kind: "oldStartView", replica, where: 0.9 })),
]);

/**
 * Of five, three commit what the other two have not heard of, and the primary is gone before it has said so. The next one names it in its
 * startView, which reaches one of those two alone: that stores the name and falls over before it has the body, and the new primary is gone as
 * well. The three that are left hold one copy, one name, and no more: it must stay.
 */
export const namedAndGone: readonly FaultEvent[] = [
  at(980, { kind: "partition", links: between([0, 4], [1, 2, 3]), forMs: 25 }),
  at(990, { kind: "slowDisk", replica: 0, factor: 50, forMs: 500 }),
  at(1_000, { kind: "kill", replica: 1, downMs: 3_000 }),
  at(1_006, { kind: "clog", from: 2, to: 3, forMs: 3_000 }),
  at(1_006, { kind: "clog", from: 2, to: 4, forMs: 3_000 }),
  at(1_050, { kind: "kill", replica: 2, downMs: 3_000 }),
  at(1_050, { kind: "kill", replica: 0, downMs: 5 }),
];

export const kernel: Partial<SimulationOptions> = {
  workload: "kernel",
  sqlClients: 0,
  replicas: 3,
  requestMicros: 4_000,
  requestsMax: 300,
};

/** Clients that speak SQL, many of them at the same rows. */
export const sql: Partial<SimulationOptions> = {
  workload: "kernel",
  sqlClients: 3,
  replicas: 3,
  requestMicros: 4_000,
  requestsMax: 100,
};

/** Leaders that end while transactions are open. */
export const sqlLeaders: Partial<SimulationOptions> = {
  ...sql,
  faultMs: 4_000,
  muteReplica: -1,
  network: healthyNetwork,
  faults: { ...noFaults, handovers: 30, pauses: 2 },
};

export const kernelCuts: Partial<SimulationOptions> = {
  ...kernel,
  checkpointEvery: 3,
  muteReplica: -1,
  faults: { ...noFaults, powerCuts: 12, kills: 2, pauses: 1 },
};
