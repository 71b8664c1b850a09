/**
 * The options of a run, drawn from its seed. Each can also be off, and constants are small: bugs live at boundaries. `lowered` lists what
 * shrinking tries, one at a time.
 */
import type { WriteMode } from "../../runtime/storage/disk.js";
import type { NetworkOptions } from "./network.js";
import { Stream } from "./streams.js";

/** `kernel`: the shipping shard with its state. `bytes`: prepares of any bytes, for more events a second. */
export type Workload = "kernel" | "bytes";

export interface FaultRates {
  /** Events of each kind in the time with faults. */
  readonly kills: number;
  readonly powerCuts: number;
  /** The power of all replicas goes at one instant. */
  readonly blackouts: number;
  /** Disks that are lost for good, each replica of which is recovered. */
  readonly wipes: number;
  /** Voters that are lost for good, in whose places standbys are promoted. */
  readonly promotes: number;
  /** Standbys that become voters, and voters that stand by from then on. */
  readonly reconfigurations: number;
  /** Times that the cluster is founded anew from one log. */
  readonly rescues: number;
  readonly pauses: number;
  readonly partitions: number;
  readonly clogs: number;
  readonly clockSteps: number;
  readonly handovers: number;
  /** Sectors that change while nobody looks. */
  readonly latent: number;
  readonly unreadable: number;
  readonly lostWrites: number;
  readonly misdirected: number;
  readonly flippedWrites: number;
  readonly writeErrors: number;
  readonly full: number;
  readonly slowDisks: number;
}

export interface SimulationOptions {
  readonly seed: number;
  /** Those that vote. */
  readonly replicas: number;
  /** Replicas beside them, with the numbers behind theirs. */
  readonly standbys: number;
  readonly workload: Workload;
  /** Clients of each tenant that speak SQL, beside those of streams. Only of the shipping shard. */
  readonly sqlClients: number;
  /** With it, faults are such that the cluster can recover, so it has to. Without it only safety is asked for. */
  readonly atlas: boolean;
  /** Virtual ms with faults, and at most that many afterwards to converge. */
  readonly faultMs: number;
  readonly healMsMax: number;
  readonly requestsMax: number;
  /** Mean µs between two requests of the clients. */
  readonly requestMicros: number;
  /** Questions of clients whether a replica leads, for each request. */
  readonly confirmShare: number;
  readonly bodyBytesMax: number;
  readonly pipeline: number;
  readonly headerSlots: number;
  readonly segmentBytes: number;
  readonly writeMode: WriteMode;
  readonly writeMicros: number;
  readonly checkpointEvery: number;
  /** What a keeper's scrubber reads a second. */
  readonly scrubBytes: number;
  readonly clockDriftPpm: number;
  readonly linksBreak: boolean;
  /** After the heal only a quorum is left. */
  readonly coreOnly: boolean;
  /** What that replica sends and is longer than a heartbeat never arrives, also after the heal; -1 for none. */
  readonly muteReplica: number;
  /** Replicas begin as a new cluster's do, with ids that nobody knows yet; else as members. */
  readonly fresh: boolean;
  /** Faults do not wait until somebody leads: they strike while a new cluster's replicas get to know one another. */
  readonly faultsAtOnce: boolean;
  readonly network: NetworkOptions;
  readonly faults: FaultRates;
  /** What is told beside what is drawn (`rare-stories.ts`); null for nothing. */
  readonly story: string | null;
  /** Bodies that a backup keeps in memory, in bytes; 0 for as many as in production. */
  readonly heldBytesMax: number;
  /** Messages of its replica that wait for a shard, beyond which it takes no more of them; 0 for no such limit. */
  readonly shardMailboxMax: number;
}

const calmNetwork: NetworkOptions = {
  latencyMeanMicros: 500,
  loss: 0,
  duplicate: 0,
  replay: 0,
  flip: 0,
  reorder: 0,
  bytesMax: 0,
};

export const noFaults: FaultRates = {
  kills: 0,
  powerCuts: 0,
  blackouts: 0,
  wipes: 0,
  promotes: 0,
  reconfigurations: 0,
  rescues: 0,
  pauses: 0,
  partitions: 0,
  clogs: 0,
  clockSteps: 0,
  handovers: 0,
  latent: 0,
  unreadable: 0,
  lostWrites: 0,
  misdirected: 0,
  flippedWrites: 0,
  writeErrors: 0,
  full: 0,
  slowDisks: 0,
};

export const healthyNetwork = calmNetwork;

/** By a lottery of their own, so that a seed draws all else as if there were none. */
function drawStandbys(seed: number, replicas: number): number {
  const random = new Stream(seed, "standbys");
  return replicas > 1 && random.chance(0.2) ? random.between(1, 2) : 0;
}

/** By a lottery of their own, as `drawStandbys`. A run with them takes as long as forty others: few have them, and some are asked for. */
function drawSqlClients(seed: number): number {
  const random = new Stream(seed, "sql clients");
  return random.chance(0.1) ? random.between(1, 3) : 0;
}

/**
 * Virtual ms with faults: in three of four runs not much longer than the clients write, since what strikes an idle cluster finds little. By a
 * lottery of its own.
 */
function busyMs(seed: number, drawnMs: number, requestsMax: number, requestMicros: number): number {
  if (new Stream(seed, "idle").chance(0.25)) return drawnMs;
  return Math.min(drawnMs, Math.max(1_000, 500 + (2 * requestsMax * requestMicros) / 1_000));
}

/** What a seed draws. `over` overrides some of it. */
export function drawOptions(seed: number, over: Partial<SimulationOptions> = {}): SimulationOptions {
  const random = new Stream(seed, "options");
  /** Off in half of the runs. */
  const some = (max: number): number => (random.chance(0.5) ? 0 : random.between(1, max));
  const rate = (max: number): number => (random.chance(0.5) ? 0 : random.fraction() * max);
  const replicas = random.pick([3, 3, 3, 3, 3, 3, 1, 2, 4, 5, 5, 6]);
  const atlas = random.chance(0.75);
  const isAlone = replicas === 1;
  const network: NetworkOptions = {
    latencyMeanMicros: random.pick([100, 500, 2_000, 20_000]),
    loss: rate(0.3),
    duplicate: rate(0.3),
    replay: rate(0.1),
    flip: rate(0.05),
    reorder: random.chance(0.5) ? 0 : random.fraction(),
    bytesMax: 0,
  };
  const muteReplica = replicas >= 3 && random.chance(0.06) ? random.below(replicas) : -1;
  // What one replica cannot say and another cannot read, nobody can give to a third.
  const isWiped = replicas >= 3 && muteReplica < 0 && random.chance(0.08);
  const mayDamage = (!isAlone || !atlas) && muteReplica < 0 && !isWiped;
  const damage = (max: number): number => {
    const drawn = some(max);
    return mayDamage ? drawn : 0;
  };
  const faults: FaultRates = {
    kills: some(4),
    powerCuts: some(4),
    blackouts: random.chance(0.2) ? random.between(1, 2) : 0,
    wipes: isWiped ? 1 : 0,
    promotes: 0,
    reconfigurations: 0,
    rescues: 0,
    pauses: some(3),
    partitions: some(4),
    clogs: some(3),
    clockSteps: some(2),
    handovers: some(2),
    latent: damage(6),
    unreadable: damage(2),
    lostWrites: damage(2),
    misdirected: damage(2),
    flippedWrites: damage(2),
    writeErrors: random.chance(0.2) ? 1 : 0,
    full: random.chance(0.15) ? 1 : 0,
    slowDisks: some(2),
  };
  const drawn: SimulationOptions = {
    seed,
    replicas,
    standbys: drawStandbys(seed, replicas),
    workload: random.chance(0.15) ? "kernel" : "bytes",
    sqlClients: 0,
    atlas,
    faultMs: random.pick([1_000, 2_000, 2_000, 4_000, 8_000]),
    healMsMax: 30_000,
    requestsMax: random.pick([30, 100, 300]),
    requestMicros: random.pick([2_000, 10_000, 40_000]),
    confirmShare: random.pick([0.05, 0.3, 1]),
    // What a mute replica proposes is nearly always too long: else it leads well enough to keep a third from ever joining.
    bodyBytesMax: muteReplica >= 0 ? 14_000 : random.pick([64, 1_000, 6_000, 14_000]),
    pipeline: random.pick([1, 2, 4, 8]),
    headerSlots: random.pick([16, 16, 32, 64]),
    segmentBytes: random.pick([32, 64, 64, 128]) * 1024,
    writeMode: random.pick(["direct", "direct", "dsync", "fdatasync"]),
    writeMicros: random.pick([20, 100, 400, 3_000]),
    checkpointEvery: random.pick([0, 3, 10, 40]),
    clockDriftPpm: random.chance(0.5) ? 0 : random.between(1, 500),
    linksBreak: random.chance(0.5),
    coreOnly: random.chance(0.4),
    muteReplica,
    fresh: replicas > 1 && (isWiped || random.chance(0.5)),
    faultsAtOnce: random.chance(0.25),
    scrubBytes: random.pick([16_384, 16_384, 262_144]),
    network,
    faults,
    story: null,
    heldBytesMax: new Stream(seed, "held bytes").chance(0.2) ? 2 * 1024 : 0,
    shardMailboxMax: drawShardMailbox(seed),
  };
  const { faultMs, requestsMax, requestMicros } = drawn;
  // Clients of the kernel remember what was answered: theirs are not founded anew, whoever asks for them.
  const workload = over.workload ?? drawn.workload;
  return {
    ...withRescue(withReconfigurations(withPromotion({ ...drawn, workload }))),
    faultMs: busyMs(seed, faultMs, requestsMax, requestMicros),
    sqlClients: workload === "kernel" ? drawSqlClients(seed) : 0,
    ...over,
  };
}

function drawShardMailbox(seed: number): number {
  const random = new Stream(seed, "shard mailbox");
  return random.chance(0.2) ? random.between(1, 4) : 0;
}

const soundDisks = { latent: 0, unreadable: 0, lostWrites: 0, misdirected: 0, flippedWrites: 0 };

/**
 * In some runs with standbys one is promoted in the place of a voter that is lost. What the lost disk alone held sound nobody could give, so
 * disks are not damaged there.
 */
function withPromotion(options: SimulationOptions): SimulationOptions {
  const { seed, replicas, standbys, muteReplica, faults } = options;
  const random = new Stream(seed, "promotion");
  if (!random.chance(0.6) || standbys === 0 || replicas < 3 || muteReplica >= 0 || faults.wipes > 0) return options;
  return { ...options, fresh: true, faults: { ...faults, ...soundDisks, promotes: 1 } };
}

/**
 * In some runs voters come and go. Those that come have ids that the others can get to know. The one sound copy of what was committed last may be
 * that of a voter which is none any more.
 */
function withReconfigurations(options: SimulationOptions): SimulationOptions {
  const { seed, replicas, standbys, muteReplica, faults } = options;
  const random = new Stream(seed, "reconfigurations");
  const isFitting = replicas > 1 && muteReplica < 0 && faults.wipes === 0 && faults.promotes === 0;
  if (!random.chance(0.25) || !isFitting) return options;
  const most = Math.max(standbys, random.between(1, 3));
  return {
    ...options,
    fresh: true,
    coreOnly: false,
    standbys: most,
    faults: { ...faults, reconfigurations: random.between(1, 6) },
  };
}

/**
 * In some runs a cluster is founded anew. What the survivor's log holds is kept, which is asked for where its disk is sound; and who was lost before
 * and comes back later is another story.
 */
function withRescue(options: SimulationOptions): SimulationOptions {
  const { seed, replicas, standbys, workload, muteReplica, faults } = options;
  const random = new Stream(seed, "rescue");
  const isFitting = replicas > 1 && standbys === 0 && workload === "bytes" && muteReplica < 0 && faults.wipes === 0;
  if (!random.chance(0.08) || !isFitting) return options;
  return { ...options, faults: { ...faults, ...soundDisks, rescues: random.between(1, 2) } };
}

export interface LoweredOption {
  readonly name: string;
  readonly lower: (options: SimulationOptions) => SimulationOptions;
}

const network = (change: Partial<NetworkOptions>) => (options: SimulationOptions) => ({
  ...options,
  network: { ...options.network, ...change },
});

/** What shrinking tries to turn off, from the loudest on. */
export const lowered: readonly LoweredOption[] = [
  { name: "the story", lower: (options) => ({ ...options, story: null }) },
  { name: "the clients that speak SQL", lower: (options) => ({ ...options, sqlClients: 0 }) },
  {
    name: "the standbys",
    lower: (options) => ({ ...options, standbys: 0, faults: { ...options.faults, promotes: 0, reconfigurations: 0 } }),
  },
  {
    name: "a fresh start",
    lower: (options) => ({
      ...options,
      fresh: options.faults.wipes + options.faults.promotes + options.faults.reconfigurations > 0,
    }),
  },
  { name: "faults from the first moment", lower: (options) => ({ ...options, faultsAtOnce: false }) },
  { name: "the mute replica", lower: (options) => ({ ...options, muteReplica: -1 }) },
  { name: "replay of old frames", lower: network({ replay: 0 }) },
  { name: "duplicates", lower: network({ duplicate: 0 }) },
  { name: "flipped bits", lower: network({ flip: 0 }) },
  { name: "reordering", lower: network({ reorder: 0 }) },
  { name: "loss", lower: network({ loss: 0 }) },
  { name: "latency", lower: network({ latencyMeanMicros: 500 }) },
  { name: "drift of clocks", lower: (options) => ({ ...options, clockDriftPpm: 0 }) },
  { name: "broken links", lower: (options) => ({ ...options, linksBreak: false }) },
  { name: "slow writes", lower: (options) => ({ ...options, writeMicros: 100 }) },
  { name: "checkpoints", lower: (options) => ({ ...options, checkpointEvery: 0 }) },
  { name: "write mode", lower: (options) => ({ ...options, writeMode: "direct" }) },
  { name: "large bodies", lower: (options) => ({ ...options, bodyBytesMax: 64 }) },
  { name: "pipeline", lower: (options) => ({ ...options, pipeline: 1 }) },
  { name: "the shard's small mailbox", lower: (options) => ({ ...options, shardMailboxMax: 0 }) },
  { name: "small ring", lower: (options) => ({ ...options, headerSlots: 64 }) },
  { name: "small segments", lower: (options) => ({ ...options, segmentBytes: 128 * 1024 }) },
  { name: "the quorum alone", lower: (options) => ({ ...options, coreOnly: false }) },
  {
    name: "half of the requests",
    lower: (options) => ({ ...options, requestsMax: Math.ceil(options.requestsMax / 2) }),
  },
  { name: "half of the time", lower: (options) => ({ ...options, faultMs: Math.ceil(options.faultMs / 2) }) },
];

export const quiet = (options: SimulationOptions): SimulationOptions => ({
  ...options,
  network: calmNetwork,
  faults: noFaults,
});
