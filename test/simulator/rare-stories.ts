/**
 * What a share of all seeds is told beside what it draws: stories of `rare-runs.ts`, which canaries are looked for with, and others that reach
 * what chance does not. A story draws its details from the seed, so each of its runs is another one.
 */
import { at } from "./event-at.js";
import { drawOptions, healthyNetwork, noFaults, type SimulationOptions } from "./options.js";
import {
  between,
  comesRound,
  damagedVoters,
  goesRound,
  littleLog,
  misdirectedPrepares,
  namedAndGone,
  oldHead,
  roundOps,
  told,
  twoAnswers,
} from "./rare-runs.js";
import { drawSchedule, type FaultEvent } from "./schedule.js";
import { Stream } from "./streams.js";

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

/** One disk rots near the end of its log, in both copies of the headers and in prepares, forgets writes and puts them elsewhere; restarts in between. */
function rots(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const events: FaultEvent[] = [];
  for (let ms = 400; ms < 4_500; ms += random.between(300, 900)) {
    for (let left = random.between(1, 4); left > 0; left--) {
      const zone = random.pick(["log", "log", "headers"] as const);
      const kind = random.pick(["latent", "latent", "lost", "misdirected", "flipped"] as const);
      if (kind === "latent") {
        const where = zone === "log" ? 1 - random.fraction() / 12 : random.fraction();
        events.push(at(ms, { kind, replica, zone, where, how: random.pick(["flip", "zero", "random"]) }));
      } else events.push(at(ms - random.below(60), { kind: "write", replica, zone, fault: kind }));
    }
    if (random.chance(0.4)) events.push(at(ms - 100, { kind: "handover", replica: random.below(3) }));
    events.push(at(ms + 1, { kind: "kill", replica, downMs: random.pick([1, 20, 200]) }));
  }
  return events;
}

/** The ends of several logs rot, and the power of all goes. */
function allRot(random: Stream): FaultEvent[] {
  const events: FaultEvent[] = [];
  for (const ms of [800, 2_000, 3_200]) {
    for (let replica = 0; replica < 3; replica++) {
      if (random.chance(0.4)) continue;
      const where = 1 - random.fraction() / 20;
      events.push(at(ms, { kind: "latent", replica, zone: "log", where, how: "random" }));
      if (random.chance(0.3))
        events.push(at(ms, { kind: "latent", replica, zone: "headers", where: random.fraction(), how: "zero" }));
    }
    events.push(at(ms + 1, { kind: "blackout", downMs: 20 }));
  }
  return events;
}

/** A replica that stood still while its disk was full fetches whole segments, and gets them wrong on its disk, or has no room again. */
function fetchesBadly(random: Stream): FaultEvent[] {
  const events: FaultEvent[] = [at(300, { kind: "full", replica: 2, forMs: random.between(2_300, 2_900) })];
  for (let ms = 2_600; ms < 4_200; ms += 50) {
    if (random.chance(0.3)) events.push(at(ms, { kind: "write", replica: 2, zone: "fetch", fault: "flipped" }));
  }
  return events;
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

/**
 * The primary and one backup hold what the third has not heard of, and nobody knows whether it was committed; then the backup's first of those
 * is damaged and the primary is gone. Only the primary can say what it was; if it is damaged there as well, nobody can.
 */
function heldBack(random: Stream): FaultEvent[] {
  const ms = random.between(500, 900);
  const rots = (replica: number): FaultEvent =>
    at(ms + 40, { kind: "latent", replica, zone: "log", where: 0.9999, how: "random" });
  return [
    at(ms, { kind: "partition", links: between([0], [1, 2]), forMs: 60 }),
    at(ms + 10, { kind: "clog", from: 2, to: 1, forMs: 60 }),
    rots(2),
    ...(random.chance(0.5) ? [rots(1)] : []),
    at(ms + 41, { kind: "kill", replica: 2, downMs: 5 }),
    at(ms + 41, { kind: "kill", replica: 1, downMs: random.pick([400, 1_500]) }),
  ];
}

/** The name of what a checkpoint holds last is gone from the ring: its replica learns it from the log of a view. */
function namelessHead(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const where = ((namedOps % headerSlots) + 0.5) / headerSlots;
  return [
    at(1_200, { kind: "latent", replica, zone: "headers", where, how: "zero" }),
    at(1_201, { kind: "kill", replica, downMs: 10 }),
    at(1_400, { kind: "handover", replica: random.below(3) }),
  ];
}

/** Of `namelessHead`: a whole number of checkpoints, and the slots of `littleLog`. */
const namedOps = 30;
const headerSlots = 16;

/** Single prepares of one disk rot, again and again: those with which a segment begins among them, behind the rest of the one before. */
function rotsSingly(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  return Array.from(
    { length: 12 },
    (_, round) =>
      [
        at(600 + round * 200, {
          kind: "latent",
          replica,
          zone: "log",
          where: 0.3 + 0.7 * random.fraction(),
          how: "random",
        }),
        at(601 + round * 200, { kind: "kill", replica, downMs: 5 }),
      ] as const,
  ).flat();
}

/** A long stretch of one disk rots and what follows it is sound: whole segments are fetched and put before that, while frames are lost. */
function rotsFar(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const first = random.between(9, 33);
  return [
    ...Array.from({ length: 32 }, (_, index) =>
      at(1_500, { kind: "latent", replica, zone: "log", where: (first + index - 0.5) / (farOps + 1), how: "random" }),
    ),
    at(1_501, { kind: "kill", replica, downMs: 5 }),
  ];
}

/** Prepares of the log of `rotsFar`, of one sector each. */
const farOps = 120;

/**
 * A disk forgets many writes of header copies in turn, and later damages prepares that they name: neither copy says what was there. Or it
 * forgets prepares, and later damages the header copies that name those.
 */
function forgets(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const [forgotten, rotten] = random.pick([
    ["headers", "log"],
    ["log", "headers"],
  ] as const);
  const count = forgotten === "headers" ? random.between(10, 20) : 2;
  const lost: FaultEvent = at(700, { kind: "write", replica, zone: forgotten, fault: "lost" });
  const places = Array.from({ length: 16 }, () =>
    rotten === "log" ? 0.5 + 0.3 * random.fraction() : random.fraction(),
  );
  return [
    ...Array.from({ length: count }, () => lost),
    ...places.map((where) => at(1_200, { kind: "latent", replica, zone: rotten, where, how: "random" })),
    at(1_201, { kind: "kill", replica, downMs: 10 }),
  ];
}

/**
 * What a primary prepared while it was cut off is replaced by what the others committed meanwhile, and its disk forgets to write the header
 * copies of that: they name prepares of the former view. With the log damaged there as well, two of them contradict each other.
 */
function namesOfOld(random: Stream): FaultEvent[] {
  const rejoined = 1_700;
  const lost: FaultEvent = at(rejoined - 50, { kind: "write", replica: 1, zone: "headers", fault: "lost" });
  const rots = Array.from({ length: random.chance(0.6) ? 32 : 0 }, (_, index) =>
    at(rejoined + 300, { kind: "latent", replica: 1, zone: "log", where: 0.32 + index / 110, how: "random" }),
  );
  return [
    at(500, { kind: "partition", links: between([1], [0, 2]), forMs: rejoined - 500 }),
    ...Array.from({ length: random.between(12, 30) }, () => lost),
    ...rots,
    at(rejoined + 301, { kind: "kill", replica: 1, downMs: 10 }),
  ];
}

const fast = { ...calmly, requestMicros: 8_000 };

const stories: Readonly<Record<string, RareStory>> = {
  comesRound: { over: { ...told, replicas: 5 }, tell: () => comesRound },
  damagedVoters: { over: { ...fast, faultMs: 8_500, segmentBytes: 1024 * 1024 }, tell: () => damagedVoters },
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
    over: { ...fast, ...littleLog, headerSlots: 64, requestMicros: 10_000, atlas: false, faultMs: 2_800 },
    tell: namesOfOld,
  },
  namelessHead: {
    over: { ...calmly, ...littleLog, checkpointEvery: 3, requestsMax: namedOps, atlas: false, faultMs: 2_000 },
    tell: namelessHead,
  },
};

const names = Object.keys(stories);

/** The options of a seed that is told a story. */
export const storyRun = (seed: number, story: string): SimulationOptions =>
  drawOptions(seed, { ...stories[story]?.over, story });

/** The options of a seed, with its story if it has one: one seed of sixteen. */
export function drawRun(seed: number): SimulationOptions {
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
