/**
 * One run: a cluster of shipping replicas under virtual time, faults from a schedule, oracles that look at everything it does, and in the
 * end a time without faults in which it has to come back.
 *
 *   start     no faults until somebody leads (in one run of four they do not wait)
 *   safety    the schedule's faults, clients at work
 *   liveness  the network heals, replicas that are down are started (or a quorum of them only, the others being gone for ever): within
 *             a bounded virtual time all of them are in one view, hold one log, and commit new requests; or it is proved that nobody
 *             could
 */

import { isRelay } from "../../actors/messages/relay.js";
import { commandPrepare } from "../../runtime/storage/frame.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { Atlas } from "./atlas.js";
import { waitingMax } from "./cell.js";
import { CommitOracle, type Committed, configurationOf, numberInConfiguration } from "./commit-oracle.js";
import { EventQueue } from "./event-queue.js";
import { expect, SimulationFailure } from "./failure.js";
import { FaultInjector } from "./fault-injector.js";
import { commandOf, frameName, replicaName, saysNothing } from "./frame-names.js";
import { heal } from "./healing.js";
import { Network } from "./network.js";
import { clusterId, SimNode } from "./node.js";
import { isDamagedBeyond, mayHaveForgotten } from "./node-ends.js";
import { NodeLives } from "./node-lives.js";
import { healthyNetwork, type SimulationOptions } from "./options.js";
import { PromiseOracle } from "./promise-oracle.js";
import { RollingHash } from "./rolling-hash.js";
import type { FaultEvent } from "./schedule.js";
import type { SqlCounts } from "./sql-clients.js";
import { Stream } from "./streams.js";
import { WalOracle } from "./wal-oracle.js";
import { makeWorkload, type Workload } from "./workload.js";

export interface RunSummary {
  readonly seed: number;
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly requests: number;
  readonly answered: number;
  readonly sql: SqlCounts | null;
  readonly committed: number;
  readonly starts: number;
  /** Up to the newest one that somebody led, in each configuration. */
  readonly views: number;
  readonly recoveringHeads: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly network: Readonly<Record<string, number>>;
  /** Virtual ms from the heal to convergence; null where that was not asked for. */
  readonly healMs: number | null;
  /** Why the cluster could not come back, where that was proved. */
  readonly unrecoverable: string | null;
  readonly halts: number;
  /** Links that a replica ended since what came over them found no room. */
  readonly linksEnded: number;
  /** Messages that found a mailbox full. */
  readonly noRoom: number;
}

export type Trace = (line: string) => void;

const startMsMax = 10_000;
const lookMs = 20;
/** Longer than any latency: the end of a link is heard before the next one stands. */
const redialMs = 200;
/** A heartbeat, and no prepare with a body of its own. */
const muteBytes = 400;

export class Simulation {
  readonly options: SimulationOptions;
  readonly events = new EventQueue();
  readonly nodes: readonly SimNode[];
  readonly network: Network;
  readonly commits: CommitOracle;
  readonly promises: PromiseOracle;
  readonly wals: readonly WalOracle[];
  readonly hash = new RollingHash();
  readonly atlas: Atlas;
  readonly workload: Workload;
  readonly injector: FaultInjector;
  readonly lives: NodeLives;
  /** Faults of the disk may have taken what the replica promised. */
  readonly forgiven: boolean[];
  highestView = 0;
  linksEnded = 0;
  /** By configuration: the number of the newest view that somebody led. */
  readonly #newestViews = new Map<number, number>();
  readonly #trace: Trace | null;
  #failure: SimulationFailure | null = null;
  #recoveringHeads = 0;

  constructor(options: SimulationOptions, schedule: readonly FaultEvent[], trace: Trace | null = null) {
    this.options = options;
    this.#trace = trace;
    const { replicas, standbys, seed } = options;
    this.nodes = Array.from(
      { length: replicas + standbys },
      (_, replica) =>
        new SimNode(replica, this.events, options, {
          send: (from, to, bytes, leavingAt) => this.#send(from, to, bytes, leavingAt),
          disconnect: (from, to) => this.#disconnect(from, to),
          told: (from, _sender, _to, message) => this.#told(from, message as { kind: string }),
          warned: (from, id, message, fields) => this.#warned(from, id, message, fields),
          failed: (from, id, error) => this.lives.failed(from, id, error),
        }),
    );
    this.network = new Network(
      this.events,
      new Stream(seed, "network"),
      replicas + standbys,
      healthyNetwork,
      (from, to, bytes) => this.#arrived(from, to, bytes),
    );
    const holders = this.nodes.map((node) => ({ image: node.image }));
    this.workload = makeWorkload(this);
    const firstCommitted = (committed: Committed): void => {
      this.hash.add(committed.op);
      this.workload.committed(committed);
    };
    const mayForget = (): boolean => this.nodes.some(({ replica }) => mayHaveForgotten(this, replica));
    this.commits = new CommitOracle(holders, replicas, clusterId, firstCommitted, mayForget);
    this.promises = new PromiseOracle(
      this.nodes,
      clusterId,
      (replica, op, identity) => this.commits.acknowledged(replica, op, identity),
      options.atlas,
    );
    this.wals = this.nodes.map((node) => new WalOracle(node));
    this.nodes.forEach((node, index) => {
      node.disk.watcher = this.wals[index] ?? null;
    });
    this.forgiven = this.nodes.map(() => false);
    this.lives = new NodeLives(this);
    this.atlas = new Atlas(options);
    this.injector = new FaultInjector(this, schedule);
  }

  trace(line: () => string): void {
    if (this.#trace === null) return;
    this.#trace(`${(this.events.now / 1000).toFixed(2).padStart(9)}  ${line()}`);
  }

  // ------------------------------------------------------------------ running

  async run(): Promise<RunSummary> {
    for (const node of this.nodes) this.lives.start(node);
    this.#lookLater();
    const isLed = (): boolean => this.nodes.some((node) => node.numbers()?.isPrimary === true);
    if (!this.options.faultsAtOnce) {
      await this.until(startMsMax * 1000, isLed);
      expect(isLed(), "liveness", () => "nobody leads a new cluster without faults");
    }
    const began = this.events.now;
    this.network.options = this.options.network;
    this.workload.begin();
    this.injector.begin(began);
    const faultsEnd = began + this.options.faultMs * 1000;
    await this.until(faultsEnd, () => false);
    const { healMs, unrecoverable } = await heal(this);
    for (const { replica } of this.nodes) {
      // Where the cluster stays down, what was damaged may have been taken off the disk and not be there again (seed 90121542).
      const isMending = unrecoverable !== null && this.forgiven[replica] === true;
      if (!isMending && !isDamagedBeyond(this, replica)) this.commits.checkPromises(replica, false);
    }
    this.workload.end();
    const { faults } = this.injector;
    return {
      seed: this.options.seed,
      hash: this.hash.text(),
      events: this.events.count,
      virtualMs: Math.round(this.events.now / 1000),
      requests: this.workload.requests,
      answered: this.workload.answered,
      sql: this.workload.sql,
      committed: this.commits.newest,
      starts: this.nodes.reduce((sum, { starts }) => sum + starts, 0),
      views: [...this.#newestViews.values()].reduce((sum, number) => sum + number, 0),
      recoveringHeads: this.#recoveringHeads,
      faults,
      network: { ...this.network.counts },
      healMs,
      unrecoverable,
      halts: this.lives.halts,
      linksEnded: this.linksEnded,
      noRoom: this.nodes.reduce((sum, { noRoom }) => sum + noRoom, 0),
    };
  }

  /** Runs events up to a time or until something holds. */
  async until(time: number, isDone: () => boolean): Promise<void> {
    let untilLook = 0;
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const starts = this.lives.takePendingStarts();
      if (starts.length > 0) {
        for (const start of starts) await start;
        continue;
      }
      untilLook -= 1;
      if (untilLook <= 0) {
        untilLook = 64;
        if (isDone()) return;
      }
      if (!this.events.step(time)) return;
    }
  }

  /** Remembers the first failure: it is thrown where no product code can catch it. */
  fail(error: unknown): void {
    this.#failure ??=
      error instanceof SimulationFailure ? error : new SimulationFailure("assertion", String(error), error);
  }

  /** Runs an oracle's check; what it says ends the run. */
  check(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  // ------------------------------------------------------------------ what nodes do

  #send(from: number, to: number, bytes: Uint8Array, leavingAt: number): boolean {
    this.hash.add(commandOf(bytes));
    this.trace(() => `  ${replicaName(from)} → ${replicaName(to)} ${frameName(bytes)}`);
    if (isRelay(bytes)) {
      const [sender, receiver] = [this.nodes[from], this.nodes[to]];
      const [sent, received] = [sender?.starts, receiver?.starts];
      // A connection ends with its process: behind its end nothing more comes out of it.
      const connection = receiver?.connectionWith(from);
      const isConnected = (): boolean =>
        sender?.isAlive === true &&
        sender.starts === sent &&
        receiver?.starts === received &&
        receiver.connectionWith(from) === connection;
      this.network.sendConnected(from, to, bytes, leavingAt, isConnected);
    } else {
      this.check(() => this.promises.sent(from, bytes));
      // What the oracle cannot see committed it does not know to have begun.
      if (!this.commits.isBlind) this.check(() => saysNothing(from, bytes, (which) => this.commits.votersOf(which)));
      if (from === this.options.muteReplica && bytes.length > muteBytes) return true;
      this.network.send(from, to, bytes, leavingAt);
    }
    return true;
  }

  /** One of the two ends their link, the other hears of it, and it is made anew. */
  #disconnect(from: number, to: number): void {
    const [node, other] = [this.nodes[from], this.nodes[to]];
    if (node === undefined || other === undefined) return;
    this.trace(() => `  ${replicaName(from)} ends its link to ${replicaName(to)}`);
    this.linksEnded += 1;
    node.connectionEnded(to);
    other.connectionEnded(from);
    const { now } = this.events;
    this.events.at(now + this.options.network.latencyMeanMicros, () => other.linkChanged(from, false));
    this.events.at(now + redialMs * 1000, () => {
      const isCut = this.network.isCut(from, to) || this.network.isCut(to, from);
      if (!node.isAlive || !other.isAlive || (isCut && this.options.linksBreak)) return;
      node.linkChanged(to, true);
      other.linkChanged(from, true);
    });
  }

  #arrived(from: number, to: number, bytes: Uint8Array): void {
    this.hash.add((this.events.now % 2 ** 31) + from * 8 + to + (commandOf(bytes) === commandPrepare ? 64 : 0));
    this.nodes[to]?.arrived(from, bytes);
  }

  #told(replica: number, message: { readonly kind: string }): void {
    if (message.kind === "committed") {
      const { position } = message as unknown as { position: LogPosition };
      this.trace(() => `${replicaName(replica)} commits up to op ${position.op}`);
      this.check(() => this.commits.committed(replica, position));
    } else if (message.kind === "lead") {
      const { view, head } = message as unknown as { view: number; head: LogPosition };
      this.highestView = Math.max(this.highestView, view);
      const configuration = configurationOf(view);
      const number = Math.max(this.#newestViews.get(configuration) ?? 0, numberInConfiguration(view));
      this.#newestViews.set(configuration, number);
      this.trace(() => `${replicaName(replica)} leads view ${view} from op ${head.op}`);
    } else if (message.kind === "follow") {
      this.trace(() => `${replicaName(replica)} follows: ${JSON.stringify(message)}`);
    }
  }

  #warned(replica: number, id: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.trace(() => `${replicaName(replica)} ${id} warns: ${message} ${JSON.stringify(fields)}`);
    this.check(() => this.workload.warned(replica, message));
  }

  // ------------------------------------------------------------------ looking

  #lookLater(): void {
    this.events.at(this.events.now + lookMs * 1000, () => {
      this.check(() => this.#look());
      this.#lookLater();
    });
  }

  #look(): void {
    for (const node of this.nodes) {
      const numbers = node.numbers();
      if (numbers === null) continue;
      const { replica } = node;
      if (this.lives.takeNew(replica)) {
        if (numbers.status === "recoveringHead") this.#recoveringHeads += 1;
        this.promises.restarted(replica, numbers);
      }
      this.promises.look(replica, numbers, this.forgiven[replica] ?? false);
      for (const id of ["replica-1", "shard-1", "keeper-1"]) {
        const waiting = node.cell(id)?.waiting ?? 0;
        expect(waiting < waitingMax, "resources", () => `${waiting} messages wait at ${id} of replica ${replica}`);
      }
    }
  }
}
