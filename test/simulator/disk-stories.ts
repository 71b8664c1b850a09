/**
 * Stories of disks that damage what they hold, in two places at once or in the right order: what it takes for the rows of the recovery table,
 * for repair in place and for decisions that cannot be made. Each draws its details from the seed.
 */
import { at } from "./event-at.js";
import { between } from "./rare-runs.js";
import type { FaultEvent } from "./schedule.js";
import type { Stream } from "./streams.js";

/** Prepares of the log of `namelessHead`: a whole number of checkpoints. Its ring has the slots of `littleLog`. */
export const namedOps = 30;
const headerSlots = 16;

/** Prepares of the log of `rotsFar`, of one sector each. */
export const farOps = 120;

/** One disk rots near the end of its log, in both copies of the headers and in prepares, forgets writes and puts them elsewhere; restarts in between. */
export function rots(random: Stream): FaultEvent[] {
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
export function allRot(random: Stream): FaultEvent[] {
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
export function fetchesBadly(random: Stream): FaultEvent[] {
  const events: FaultEvent[] = [at(300, { kind: "full", replica: 2, forMs: random.between(2_300, 2_900) })];
  for (let ms = 2_600; ms < 4_200; ms += 50) {
    if (random.chance(0.3)) events.push(at(ms, { kind: "write", replica: 2, zone: "fetch", fault: "flipped" }));
  }
  return events;
}

/**
 * The primary and one backup hold what the third has not heard of, and nobody knows whether it was committed; then the backup's first of those
 * is damaged and the primary is gone. Only the primary can say what it was; if it is damaged there as well, nobody can.
 */
export function heldBack(random: Stream): FaultEvent[] {
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
export function namelessHead(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const where = ((namedOps % headerSlots) + 0.5) / headerSlots;
  return [
    at(1_200, { kind: "latent", replica, zone: "headers", where, how: "zero" }),
    at(1_201, { kind: "kill", replica, downMs: 10 }),
    at(1_400, { kind: "handover", replica: random.below(3) }),
  ];
}

/** Single prepares of one disk rot, again and again: those with which a segment begins among them, behind the rest of the one before. */
export function rotsSingly(random: Stream): FaultEvent[] {
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
export function rotsFar(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const first = random.between(9, 33);
  return [
    ...Array.from({ length: 32 }, (_, index) =>
      at(1_500, { kind: "latent", replica, zone: "log", where: (first + index - 0.5) / (farOps + 1), how: "random" }),
    ),
    at(1_501, { kind: "kill", replica, downMs: 5 }),
  ];
}

/**
 * A disk forgets many writes of header copies in turn, and later damages prepares that they name: neither copy says what was there. Or it
 * forgets prepares, and later damages the header copies that name those.
 */
export function forgets(random: Stream): FaultEvent[] {
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
export function namesOfOld(random: Stream): FaultEvent[] {
  const rejoined = 1_700;
  const lost: FaultEvent = at(rejoined - 50, { kind: "write", replica: 1, zone: "headers", fault: "lost" });
  const rots = Array.from({ length: random.chance(0.6) ? 32 : 0 }, (_, index) =>
    at(rejoined + 150, { kind: "latent", replica: 1, zone: "log", where: 0.36 + index / 110, how: "random" }),
  );
  return [
    at(500, { kind: "partition", links: between([1], [0, 2]), forMs: rejoined - 500 }),
    ...Array.from({ length: random.between(12, 30) }, () => lost),
    ...rots,
    at(rejoined + 151, { kind: "kill", replica: 1, downMs: 10 }),
  ];
}

/**
 * The two header copies in one sector of a disk are lost, and the later one's prepare as well: whether the earlier prepare is what was acknowledged
 * nothing says, since its child has no name either.
 */
export function losesPairs(random: Stream): FaultEvent[] {
  const replica = random.below(3);
  const pairs = [4, 8].map((back) => namedOps - back - 2 * random.below(2));
  const rots = (zone: "headers" | "log", where: number): FaultEvent =>
    at(1_200, { kind: "latent", replica, zone, where, how: "random" });
  return [
    ...pairs.map((op) => rots("headers", ((op % headerSlots) + 0.5) / headerSlots)),
    ...pairs.map((op) => rots("log", (op + 0.2) / (namedOps + 1))),
    at(1_201, { kind: "kill", replica, downMs: random.pick([1, 10, 100]) }),
  ];
}
