/**
 * One run of the fault suite: a cluster under load, faults one after the other, and then the judgement:
 *
 *   streams      what each writer was promised is what each node serves, byte by byte
 *   logs         each node's files verify offline (checksums, hash chain, seals)
 *   log order    every answer of the auditors is the one that the replicas' logs give, which are one log
 *   search       every stream's history is linearizable, found without the log; both judges agree
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "../../protocol/sdk/index.js";
import { startLoad, sum } from "../faults/load.js";
import { checkStreams, type StreamCheck } from "../faults/stream-check.js";
import type { Writer } from "../faults/writer.js";
import { pause } from "../node/node-child.js";
import { Auditors } from "./auditors.js";
import { ClusterProcesses } from "./cluster.js";
import { type FaultName, faults } from "./faults.js";
import { describe, type Operation } from "./history.js";
import { checkLinearizable } from "./linearizability.js";
import { checkLogOrder } from "./log-order.js";
import { readReplicaLog } from "./replica-log.js";
import { nodeName, pick, type Scene } from "./scene.js";
import { Timeline } from "./timeline.js";

export interface StormOptions {
  readonly seconds: number;
  /** Struck in this order, again and again, or as chance has it; empty for none. */
  readonly faults: readonly FaultName[];
  readonly order: "given" | "random";
  readonly nodes: number;
  readonly shards: number;
  readonly layout: "shared" | "threads";
  readonly writers: number;
  readonly depth: number;
  /** Mean time between two faults. */
  readonly everySeconds: number;
  /** Ends the run after so many faults; Infinity for no bound. */
  readonly faultsMax: number;
  readonly seed: number;
  /** Syncs do nothing: a control, in which power cuts must lose something. */
  readonly liesAboutSync: boolean;
  /** See `ClusterOptions`. */
  readonly diskBytes: number | null;
  readonly network: "proxies" | "namespaces";
  readonly payloadBytes: number;
  readonly print: (line: string) => void;
}

export interface Judgement {
  readonly violations: readonly string[];
  readonly logOrder: readonly string[];
  /** Acknowledged appends of the auditors that are not at their place on every replica. */
  readonly acknowledgedLost: number;
  /** Streams whose history is not linearizable, in words. */
  readonly search: readonly string[];
  readonly streamsSearched: number;
  /** … of which the search was given up: too many calls without an outcome overlapped. The log-order judge has seen them all. */
  readonly streamsUndecided: number;
  readonly searchSteps: number;
  readonly eventsCompared: number;
  readonly prepares: number;
}

export interface StormReport extends Judgement {
  readonly seconds: number;
  readonly scene: Scene;
  readonly answers: Readonly<Record<string, number>>;
  readonly operations: number;
  readonly writers: Readonly<Record<string, number>>;
  readonly isRight: boolean;
}

const tenant = "main";
const warmUpMs = 1_500;
/** Of the streams whose search may be given up. */
const undecidedShareMax = 0.1;

/** Mulberry32: small, and the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { nodes, shards, layout, liesAboutSync, diskBytes, network, print } = options;
  const directory = mkdtempSync(join(tmpdir(), "kimberlite-chaos-"));
  const cluster = await ClusterProcesses.make({
    ...{ directory, nodes, shards, layout, liesAboutSync, diskBytes, network },
  });
  const timeline = new Timeline(nodes, print);
  const random = randomFrom(options.seed);
  const scene: Scene = {
    ...{ cluster, timeline, random, counts: {}, proofs: 0, records: [], violations: [], shard: 1 },
    ...{ isDamaged: false, latencies: () => [] },
  };
  let isRight = false;
  try {
    await cluster.startAll();
    timeline.say(`${nodes} nodes serve (seed ${options.seed}, ${directory})`);
    const report = await new Storm(options, scene).run();
    isRight = report.isRight;
    return report;
  } finally {
    await cluster.end();
    if (isRight) rmSync(directory, { recursive: true, force: true });
    else print(`kept: ${directory}`);
  }
}

class Storm {
  readonly #options: StormOptions;
  readonly #scene: Scene;
  #turn = 0;

  constructor(options: StormOptions, scene: Scene) {
    this.#options = options;
    this.#scene = scene;
  }

  async run(): Promise<StormReport> {
    const { cluster, timeline, random } = this.#scene;
    const writers = await startLoad(() => this.#port(), {
      tenant,
      writers: this.#options.writers,
      depth: this.#options.depth,
      payloadBytes: this.#options.payloadBytes,
      onAcknowledged: () => timeline.writes.add(),
      expectsOffset: true,
    });
    const auditors = new Auditors({
      nodes: this.#options.nodes,
      portOf: (node) => cluster.portOf(node),
      running: () => cluster.running,
      timeline,
      random,
      streams: 3,
      tenant,
    });
    await auditors.start();
    this.#scene.latencies = (from, to) => auditors.appendsBetween(from, to);
    await pause(warmUpMs);
    const began = timeline.seconds;
    const writesBefore = timeline.writes.count;
    let judgement: Judgement | null = null;
    try {
      await this.#strike();
      timeline.say(
        `clients stop; ${Math.round((timeline.writes.count - writesBefore) / (timeline.seconds - began))} writes/s`,
      );
      cluster.healNetwork();
      await Promise.all([auditors.stop(), ...writers.map((writer) => writer.settle())]);
      judgement = await this.#judge(writers, auditors);
    } catch (error) {
      this.#scene.violations.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
      for (const [index, member] of cluster.members.entries())
        timeline.say(`node ${index + 1} ${member?.isRunning === true ? "runs" : "is down"}: ${member?.lastWords()}`);
      await cluster.killAll();
      await Promise.all([auditors.stop(), ...writers.map((writer) => writer.abandon())]);
    }
    const nothing: Judgement = {
      violations: this.#scene.violations,
      logOrder: [],
      acknowledgedLost: 0,
      search: [],
      streamsSearched: 0,
      streamsUndecided: 0,
      searchSteps: 0,
      eventsCompared: 0,
      prepares: 0,
    };
    const final = judgement ?? nothing;
    return {
      ...final,
      seconds: Math.round(timeline.seconds),
      scene: this.#scene,
      answers: auditors.counts,
      operations: auditors.history.length,
      writers: {
        acknowledgedEvents: sum(writers, (writer) => writer.acknowledged),
        unknown: sum(writers, (writer) => writer.unknown),
        unknownCommitted: sum(writers, (writer) => writer.unknownCommitted),
        unknownNotCommitted: sum(writers, (writer) => writer.unknownLost),
        refused: sum(writers, (writer) => writer.refused),
      },
      isRight: judgement !== null && final.violations.length === 0,
    };
  }

  /** Writers go to any node that runs, and change when theirs is gone. */
  #port(): number {
    const { cluster } = this.#scene;
    const { running } = cluster;
    this.#turn += 1;
    return cluster.portOf(running[this.#turn % Math.max(1, running.length)] ?? 0);
  }

  async #strike(): Promise<void> {
    const { seconds, everySeconds, faultsMax, faults: chosen, order } = this.#options;
    const { timeline, random, violations } = this.#scene;
    for (let struck = 0; timeline.seconds < seconds && struck < faultsMax; struck++) {
      const name = order === "given" ? chosen[struck % chosen.length] : pick(this.#scene, chosen);
      if (name === undefined) {
        await pause(500);
        continue;
      }
      const { proofs } = this.#scene;
      await faults[name](this.#scene);
      // A fault that silently does nothing is the commonest defect of such suites.
      if (this.#scene.proofs === proofs) violations.push(`${name} left no proof that it happened`);
      await pause(everySeconds * 1_000 * (0.5 + random()));
    }
  }

  // ------------------------------------------------------------------ judgement

  async #judge(writers: readonly Writer[], auditors: Auditors): Promise<Judgement> {
    const { cluster, timeline, violations } = this.#scene;
    const { nodes } = this.#options;
    const { history } = auditors;
    await cluster.converged();
    const check: StreamCheck = { compared: 0, violations: [] };
    let tenantId = 0;
    for (let index = 0; index < nodes; index++) {
      const db = await connect(`127.0.0.1:${cluster.portOf(index)}`);
      try {
        tenantId = Number((await db.tenants.get(tenant)).id);
        await checkStreams(db, tenant, writers, check);
      } finally {
        await db.close();
      }
    }
    violations.push(...check.violations, ...auditors.violations);
    if (!(await cluster.stopAll())) violations.push("a node did not end with 0 on SIGTERM");
    const replicas = Array.from({ length: nodes }, (_, index) => readReplicaLog(cluster.dataOf(index), 1, tenantId));
    for (const { damage } of replicas) violations.push(...damage);
    violations.push(...this.#complaints());
    const { violations: logOrder, lost } = checkLogOrder(
      history,
      replicas.map(({ entries }) => entries),
    );
    const { bad, streams, undecided, steps } = search(history);
    if (undecided > Math.max(1, streams * undecidedShareMax))
      bad.push(`given up for ${undecided} of ${streams} streams: this search proves too little`);
    violations.push(...logOrder.map((what) => `log order: ${what}`), ...bad.map((what) => `search: ${what}`));
    timeline.say(`${history.length} operations judged: log order ${verdict(logOrder)}, search ${verdict(bad)}`);
    return {
      violations,
      logOrder,
      acknowledgedLost: lost,
      search: bad,
      streamsSearched: streams,
      streamsUndecided: undecided,
      searchSteps: steps,
      eventsCompared: check.compared,
      prepares: replicas.reduce((total, { prepares }) => total + prepares, 0),
    };
  }

  #complaints(): string[] {
    const { cluster, isDamaged } = this.#scene;
    return cluster.members.flatMap((_, index) => {
      const lines = (existsSync(cluster.logOf(index)) ? readFileSync(cluster.logOf(index), "utf8") : "").split("\n");
      const bad = lines.filter(
        (line) => (neverSaid.test(line) && !ofThreads.test(line)) || (!isDamaged && ofDamage.test(line)),
      );
      return bad.slice(0, 3).map((line) => `${nodeName(index)} said: ${line.slice(0, 400)}`);
    });
  }
}

/** What a node says of itself that nothing may bring about. */
const neverSaid = /"code":"(assertionFailed|internal|poisonMessage)"/;
/** … except of threads that a fault has ended. */
const ofThreads = /"kind":"\((exit|heapLimit|hang|terminated)\)"/;
/** … and what only damaged files may. */
const ofDamage = /the state is rebuilt from the log|damage on disk/;

const verdict = (violations: readonly string[]): string => (violations.length === 0 ? "accepts" : "REJECTS");

interface Found {
  readonly bad: string[];
  readonly streams: number;
  readonly undecided: number;
  readonly steps: number;
}

function search(history: readonly Operation[]): Found {
  const byStream = new Map<number, Operation[]>();
  for (const operation of history) {
    const operations = byStream.get(operation.stream) ?? [];
    operations.push(operation);
    byStream.set(operation.stream, operations);
  }
  const bad: string[] = [];
  let steps = 0;
  let undecided = 0;
  for (const [stream, operations] of byStream) {
    const found = checkLinearizable(operations);
    steps += found.steps;
    if (found.isLinearizable) continue;
    if (!found.isDecided) {
      undecided += 1;
      continue;
    }
    const culprit = found.culprit === null ? "" : describe(found.culprit);
    bad.push(`stream ${stream}: not linearizable, ${culprit}`);
  }
  return { bad, streams: byStream.size, undecided, steps };
}
