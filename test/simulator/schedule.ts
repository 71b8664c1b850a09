/**
 * The faults of a run, drawn before it begins: what happens to whom, and when. A failing run is its options and this list; shrinking takes
 * events out of it one after the other, and a pinned scenario is a short one.
 */
import type { WriteFault } from "./armed-faults.js";
import type { Zone } from "./disk-zones.js";
import type { SimulationOptions } from "./options.js";
import { Stream } from "./streams.js";

export type FaultEvent = { readonly at: number } & (
  | { readonly kind: "kill"; readonly replica: number; readonly downMs: number }
  /** The power goes within the n-th operation of the disk from then on. */
  | { readonly kind: "powerCut"; readonly replica: number; readonly operation: number; readonly downMs: number }
  /** The disk is lost, and the replica recovered onto an empty one. */
  | { readonly kind: "wipe"; readonly replica: number; readonly downMs: number }
  /** A voter is lost for ever, and a standby promoted in its place once a majority without it is in order. */
  | { readonly kind: "promote"; readonly replica: number; readonly standby: number; readonly downMs: number }
  /** Whoever leads is asked to have one voter more, or one fewer. */
  | { readonly kind: "reconfigure"; readonly by: 1 | -1 }
  /** All nodes are stopped, and each is a founder of the next epoch with a copy of one's log. */
  | { readonly kind: "rescue"; readonly survivor: number; readonly downMs: number }
  /** What the disk holds now is kept, for `putBack`. */
  | { readonly kind: "copyDisk"; readonly replica: number }
  /** The disk is as it was when it was copied. */
  | { readonly kind: "putBack"; readonly replica: number; readonly downMs: number }
  /** The node is started again with a program that knows releases up to this one. */
  | { readonly kind: "release"; readonly replica: number; readonly release: number; readonly downMs: number }
  /** The host is lost for ever. */
  | { readonly kind: "lose"; readonly replica: number }
  | { readonly kind: "blackout"; readonly downMs: number }
  | { readonly kind: "pause"; readonly replica: number; readonly forMs: number }
  /** Links that carry nothing for a while, as pairs from and to. */
  | { readonly kind: "partition"; readonly links: readonly (readonly [number, number])[]; readonly forMs: number }
  | { readonly kind: "clog"; readonly from: number; readonly to: number; readonly forMs: number }
  /** A startView that was sent to the replica long ago arrives: `where` is 0 for the oldest one and near 1 for the newest. */
  | { readonly kind: "oldStartView"; readonly replica: number; readonly where: number }
  | { readonly kind: "clockStep"; readonly replica: number; readonly byMs: number }
  | { readonly kind: "handover"; readonly replica: number }
  /** A place of a zone, as a fraction of it. `where` near 1 is the log's end. */
  | {
      readonly kind: "latent";
      readonly replica: number;
      readonly zone: Zone;
      readonly where: number;
      readonly how: "flip" | "zero" | "random";
    }
  | { readonly kind: "unreadable"; readonly replica: number; readonly zone: Zone; readonly where: number }
  /** The next write of the zone goes wrong. */
  | { readonly kind: "write"; readonly replica: number; readonly zone: Zone; readonly fault: WriteFault }
  | { readonly kind: "full"; readonly replica: number; readonly forMs: number }
  | { readonly kind: "slowDisk"; readonly replica: number; readonly factor: number; readonly forMs: number }
);

const damageZones: readonly Zone[] = ["log", "log", "log", "headers", "headers", "superblock", "pages"];

function drawLinks(random: Stream, replicas: number): [number, number][] {
  const links: [number, number][] = [];
  const style = random.pick(["isolate", "split", "oneWayOut", "oneWayIn", "single", "bridge"]);
  const one = random.below(replicas);
  const half = Array.from({ length: replicas }, () => random.chance(0.5));
  for (let from = 0; from < replicas; from++) {
    for (let to = 0; to < replicas; to++) {
      if (from === to) continue;
      const isCut =
        (style === "isolate" && (from === one || to === one)) ||
        (style === "split" && half[from] !== half[to]) ||
        (style === "oneWayOut" && from === one) ||
        (style === "oneWayIn" && to === one) ||
        (style === "single" && from === one && to === (one + 1) % replicas) ||
        (style === "bridge" && from !== one && to !== one && (from + to) % 2 === 1);
      if (isCut) links.push([from, to]);
    }
  }
  return links;
}

/** Standbys fall over and are cut off as others are, by a lottery of their own. Their disks are sound: nobody could give them back. */
function drawForStandbys({ seed, replicas, standbys, faultMs, faults }: SimulationOptions): FaultEvent[] {
  const random = new Stream(seed, "standby schedule");
  const at = (): number => random.below(faultMs * 1000);
  const standby = (): number => replicas + random.below(standbys);
  const downMs = (): number => random.pick([1, 100, 600, 2_000]);
  const events: FaultEvent[] = [];
  for (let left = random.below(4); left > 0; left--) {
    events.push({ at: at(), kind: "kill", replica: standby(), downMs: downMs() });
  }
  for (let left = random.below(4); left > 0; left--) {
    const operation = random.pick([1, 1, 2, 3, 4, 5, 6, 8, 12, 20]);
    events.push({ at: at(), kind: "powerCut", replica: standby(), operation, downMs: downMs() });
  }
  for (let left = random.below(3); left > 0; left--) {
    const one = standby();
    const links: [number, number][] = Array.from({ length: replicas }, (_, other) => [other, one]);
    events.push({ at: at(), kind: "partition", links, forMs: random.pick([50, 500, 1_500, 3_000]) });
  }
  for (let left = random.below(3); left > 0; left--) {
    events.push({ at: at(), kind: "pause", replica: standby(), forMs: random.pick([20, 300, 1_200, 3_000]) });
  }
  for (let left = faults.promotes; left > 0; left--) {
    const replica = random.below(replicas);
    events.push({ at: at(), kind: "promote", replica, standby: standby(), downMs: random.pick([1, 50, 1_000]) });
  }
  return events;
}

/** By a lottery of their own; more that ask for one more than for one fewer, since clusters begin with room to grow. */
function drawReconfigurations({ seed, faultMs, faults }: SimulationOptions): FaultEvent[] {
  const random = new Stream(seed, "reconfiguration schedule");
  return Array.from({ length: faults.reconfigurations }, (): FaultEvent => {
    return { at: random.below(faultMs * 1000), kind: "reconfigure", by: random.chance(0.6) ? 1 : -1 };
  });
}

function drawRescues({ seed, replicas, faultMs, faults }: SimulationOptions): FaultEvent[] {
  const random = new Stream(seed, "rescue schedule");
  return Array.from({ length: faults.rescues }, (): FaultEvent => {
    const downMs = random.pick([1, 50, 500]);
    return { at: random.below(faultMs * 1000), kind: "rescue", survivor: random.below(replicas), downMs };
  });
}

/** Old startViews come when they do the most harm: while a replica that has just started may not know its head. By a lottery of their own. */
function drawOldStartViews({ seed }: SimulationOptions, events: readonly FaultEvent[]): FaultEvent[] {
  const random = new Stream(seed, "old startViews");
  if (!random.chance(0.3)) return [];
  return events.flatMap((event): FaultEvent[] => {
    if (event.kind !== "kill" && event.kind !== "powerCut") return [];
    const at = event.at + (event.downMs + random.below(40)) * 1000;
    return random.chance(0.5) ? [] : [{ at, kind: "oldStartView", replica: event.replica, where: random.fraction() }];
  });
}

/** The faults of a run, in the order of their time (µs from its begin with faults). */
export function drawSchedule(options: SimulationOptions): FaultEvent[] {
  const random = new Stream(options.seed, "schedule");
  const { replicas, faults } = options;
  const events: FaultEvent[] = [];
  const at = (): number => random.below(options.faultMs * 1000);
  const replica = (): number => random.below(replicas);
  // Where voters come and go each disk may be one that counted when something was committed.
  const disk = (): number => random.below(faults.reconfigurations > 0 ? replicas + options.standbys : replicas);
  const downMs = (): number => random.pick([1, 100, 600, 2_000]);
  const times = (count: number, make: () => FaultEvent): void => {
    for (let index = 0; index < count; index++) events.push(make());
  };
  times(faults.kills, () => ({ at: at(), kind: "kill", replica: replica(), downMs: downMs() }));
  times(faults.powerCuts, () => {
    const operation = random.pick([1, 1, 2, 3, 4, 5, 6, 8, 12, 20]);
    return { at: at(), kind: "powerCut", replica: replica(), operation, downMs: downMs() };
  });
  times(faults.blackouts, () => ({ at: at(), kind: "blackout", downMs: random.pick([1, 50, 500]) }));
  times(faults.wipes, () => ({ at: at(), kind: "wipe", replica: replica(), downMs: random.pick([50, 1_000]) }));
  times(faults.pauses, () => ({
    at: at(),
    kind: "pause",
    replica: replica(),
    forMs: random.pick([20, 300, 1_200, 3_000]),
  }));
  times(faults.partitions, () => {
    const links = drawLinks(random, replicas);
    return { at: at(), kind: "partition", links, forMs: random.pick([50, 500, 1_500, 3_000]) };
  });
  times(faults.clogs, () => {
    const from = replica();
    const to = (from + 1 + random.below(Math.max(replicas - 1, 1))) % replicas;
    return { at: at(), kind: "clog", from, to, forMs: random.pick([30, 300, 1_000]) };
  });
  times(faults.clockSteps, () => ({
    at: at(),
    kind: "clockStep",
    replica: replica(),
    byMs: random.pick([-3_600_000, -1_000, 1_000, 3_600_000]),
  }));
  times(faults.handovers, () => ({ at: at(), kind: "handover", replica: replica() }));
  const where = (): number => random.pick([random.fraction(), 1 - random.fraction() / 20, 1 - random.fraction() / 4]);
  times(faults.latent, () => ({
    at: at(),
    kind: "latent",
    replica: disk(),
    zone: random.pick(damageZones),
    where: where(),
    how: random.pick(["flip", "zero", "random"]),
  }));
  times(faults.unreadable, () => ({
    at: at(),
    kind: "unreadable",
    replica: disk(),
    zone: random.pick(["log", "headers"] as const),
    where: where(),
  }));
  const write = (fault: WriteFault, zone: Zone): FaultEvent => ({
    at: at(),
    kind: "write",
    replica: disk(),
    zone,
    fault,
  });
  times(faults.lostWrites, () => write("lost", random.pick(["log", "headers", "superblock"])));
  times(faults.misdirected, () => write("misdirected", random.pick(["log", "headers"])));
  times(faults.flippedWrites, () => write("flipped", random.pick(["log", "headers", "superblock"])));
  times(faults.writeErrors, () => {
    const zone = random.pick(["log", "headers", "superblock"] as const);
    return write(options.writeMode === "fdatasync" ? "syncError" : "error", zone);
  });
  times(faults.full, () => ({
    at: at(),
    kind: "full",
    replica: replica(),
    forMs: random.pick([200, 1_000, 3_000]),
  }));
  times(faults.slowDisks, () => ({
    at: at(),
    kind: "slowDisk",
    replica: replica(),
    factor: random.pick([5, 50]),
    forMs: random.pick([100, 1_000]),
  }));
  if (options.standbys > 0) events.push(...drawForStandbys(options));
  events.push(...drawReconfigurations(options), ...drawRescues(options));
  events.push(...drawOldStartViews(options, events));
  return events.sort((left, right) => left.at - right.at);
}
