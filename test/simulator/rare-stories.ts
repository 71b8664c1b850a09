/**
 * What a share of all seeds is told beside what it draws: stories of `rare-runs.ts`, which canaries are looked for with, and others that reach
 * what chance does not. A story draws its details from the seed, so each of its runs is another one.
 */
import {
  allRot,
  farOps,
  fetchesBadly,
  forgets,
  heldBack,
  losesPairs,
  namedOps,
  namelessHead,
  namesOfOld,
  rots,
  rotsFar,
  rotsSingly,
} from "./disk-stories.js";
import { at } from "./event-at.js";
import { drawOptions, healthyNetwork, noFaults, type SimulationOptions } from "./options.js";
import {
  comesRound,
  damagedVoters,
  goesRound,
  littleLog,
  longerAndOlder,
  misdirectedPrepares,
  namedAndGone,
  oldHead,
  roundOps,
  told,
  twoAnswers,
} from "./rare-runs.js";
import { drawSchedule, type FaultEvent } from "./schedule.js";
import { Stream } from "./streams.js";
import { aloneInView, asksInVain, leftoversAtEnd } from "./view-stories.js";

interface RareStory {
  readonly over: Partial<SimulationOptions>;
  readonly tell: (random: Stream) => readonly FaultEvent[];
}

const calmly: Partial<SimulationOptions> = { ...told, replicas: 3, standbys: 0, muteReplica: -1, faults: noFaults };

/** One replica's disk is set back to what it was a while ago, and what has been said since is remembered by the others only. */
function putBack(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const copied = random.between(300, 1_500);
  return [
    at(copied, { kind: "copyDisk", replica }),
    at(copied + random.between(50, 2_000), { kind: "putBack", replica, downMs: random.pick([1, 50, 500]) }),
  ];
}

/** A disk is lost and its replica recovered; then somebody finds the old disk and puts it back into its place. */
function foundAgain(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  return [
    at(400, { kind: "copyDisk", replica }),
    at(random.between(500, 900), { kind: "wipe", replica, downMs: 50 }),
    at(random.between(2_000, 4_000), { kind: "putBack", replica, downMs: random.pick([1, 100]) }),
  ];
}

/** Each node in turn is started with a program that knows the next release; one goes back to the program before, before and after. */
function upgrades(random: Stream): FaultEvent[] {
  const first = random.below(3);
  const steps = [0, 1, 2].map((index) => (first + index) % 3);
  return [
    ...steps.map((replica, index) => at(400 + index * 700, { kind: "release", replica, release: 2, downMs: 30 })),
    at(800, { kind: "release", replica: first, release: 1, downMs: 30 }),
    at(1_000, { kind: "release", replica: first, release: 2, downMs: 30 }),
    at(3_500, { kind: "release", replica: random.below(3), release: 1, downMs: 30 }),
  ];
}

const fast = { ...calmly, requestMicros: 8_000 };

const stories: Readonly<Record<string, RareStory>> = {
  comesRound: { over: { ...told, replicas: 5 }, tell: () => comesRound },
  damagedVoters: { over: { ...fast, faultMs: 8_500, segmentBytes: 1024 * 1024 }, tell: () => damagedVoters },
  longerAndOlder: { over: { ...calmly, requestMicros: 60_000 }, tell: () => longerAndOlder },
  twoAnswers: { over: { ...told, replicas: 5 }, tell: () => twoAnswers },
  namedAndGone: { over: { ...told, replicas: 5, requestMicros: 10_000 }, tell: () => namedAndGone },
  misdirectedPrepares: { over: { ...calmly, ...littleLog, atlas: false }, tell: () => misdirectedPrepares },
  oldHead: { over: { ...calmly, ...littleLog }, tell: () => oldHead },
  putBack: { over: { ...fast, fresh: true, coreOnly: false }, tell: putBack },
  foundAgain: { over: { ...fast, fresh: true, coreOnly: false }, tell: foundAgain },
  rots: { over: { ...fast, ...littleLog, segmentBytes: 64 * 1024, atlas: false }, tell: rots },
  allRot: { over: { ...fast, atlas: false }, tell: allRot },
  fetchesBadly: {
    over: { ...fast, requestsMax: 500, requestMicros: 16_000, bodyBytesMax: 6_000, segmentBytes: 32 * 1024 },
    tell: fetchesBadly,
  },
  upgrades: { over: fast, tell: upgrades },
  goesRound: { over: { ...calmly, ...littleLog, requestsMax: roundOps }, tell: () => goesRound },
  heldBack: {
    over: { ...calmly, ...littleLog, requestMicros: 3_000, requestsMax: 400, atlas: false, faultMs: 2_500 },
    tell: heldBack,
  },
  rotsSingly: {
    over: {
      ...fast,
      requestMicros: 16_000,
      bodyBytesMax: 14_000,
      segmentBytes: 32 * 1024,
      atlas: false,
      faultMs: 3_200,
    },
    tell: rotsSingly,
  },
  rotsFar: {
    over: {
      ...{ ...calmly, ...littleLog, requestsMax: farOps, segmentBytes: 32 * 1024, atlas: false, faultMs: 3_500 },
      network: { ...healthyNetwork, loss: 0.2 },
    },
    tell: rotsFar,
  },
  forgets: {
    over: { ...fast, ...littleLog, headerSlots: 64, requestMicros: 10_000, pipeline: 1, atlas: false, faultMs: 2_000 },
    tell: forgets,
  },
  namesOfOld: {
    over: { ...fast, ...littleLog, headerSlots: 128, requestMicros: 10_000, atlas: false, faultMs: 2_400 },
    tell: namesOfOld,
  },
  namelessHead: {
    over: { ...calmly, ...littleLog, checkpointEvery: 3, requestsMax: namedOps, atlas: false, faultMs: 2_000 },
    tell: namelessHead,
  },
  losesPairs: {
    over: { ...calmly, ...littleLog, requestsMax: namedOps, atlas: false, faultMs: 2_000 },
    tell: losesPairs,
  },
  aloneInView: { over: { ...calmly, ...littleLog, atlas: false, faultMs: 3_600 }, tell: aloneInView },
  asksInVain: {
    over: {
      ...{ ...calmly, ...littleLog, requestsMax: 300, atlas: false, faultMs: 2_000 },
      network: { ...healthyNetwork, latencyMeanMicros: 20_000 },
    },
    tell: asksInVain,
  },
  leftoversAtEnd: {
    over: {
      ...{ ...calmly, requestMicros: 10_000, bodyBytesMax: 20_000, segmentBytes: 32 * 1024, faultMs: 6_300 },
      network: { ...healthyNetwork, bytesMax: 40 * 1024 },
    },
    tell: leftoversAtEnd,
  },
};

const names = Object.keys(stories);

/** The options of a seed that is told a story. */
export const storyRun = (seed: number, story: string): SimulationOptions =>
  drawOptions(seed, { ...stories[story]?.over, story });

/** `drawn`: whatever the seed gives. `sql`: runs whose clients speak SQL. */
export type Runs = "drawn" | "sql";

/** The options of a seed, with its story if it has one: one seed of sixteen. */
export function drawRun(seed: number, runs: Runs = "drawn"): SimulationOptions {
  if (runs === "sql") {
    const sqlClients = new Stream(seed, "sql clients asked for").between(1, 3);
    return drawOptions(seed, { workload: "kernel", sqlClients });
  }
  const random = new Stream(seed, "story");
  return random.chance(1 / 16) ? storyRun(seed, random.pick(names)) : drawOptions(seed);
}

/** The faults of a run: those that are drawn, and its story's. */
export function scheduleOf(options: SimulationOptions): FaultEvent[] {
  const drawn = drawSchedule(options);
  const story = options.story === null ? undefined : stories[options.story];
  if (story === undefined) return drawn;
  const events = [...drawn, ...story.tell(new Stream(options.seed, "told"))];
  return events.sort((left, right) => left.at - right.at);
}
