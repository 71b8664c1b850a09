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
import { isKimberliteError } from "../../runtime/types/errors.js";
import { commands } from "../../runtime/vsr/message-frame.js";
import { Atlas } from "./atlas.js";
import { waitingMax } from "./cell.js";
import { CommitOracle } from "./commit-oracle.js";
import { EventQueue } from "./event-queue.js";
import { expectedQuorums } from "./expected-quorums.js";
import { expect, SimulationFailure } from "./failure.js";
import { FaultInjector } from "./fault-injector.js";
import { Network } from "./network.js";
import { clusterId, SimNode } from "./node.js";
import { healthyNetwork, type SimulationOptions } from "./options.js";
import { PromiseOracle } from "./promise-oracle.js";
import { RollingHash } from "./rolling-hash.js";
import type { FaultEvent } from "./schedule.js";
import type { DiskImage } from "./sim-disk.js";
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
  readonly committed: number;
  readonly starts: number;
  readonly views: number;
  readonly recoveringHeads: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly network: Readonly<Record<string, number>>;
  /** Virtual ms from the heal to convergence; null where that was not asked for. */
  readonly healMs: number | null;
  /** Why the cluster could not come back, where that was proved. */
  readonly unrecoverable: string | null;
  readonly halts: number;
}

export type Trace = (line: string) => void;

const startMsMax = 10_000;
const lookMs = 20;
const startsMax = 60;
/** What `recover` adds to the highest view that the others know. */
const viewsBeyond = 2;
/** That a program of the simulation knows at most. */
const newestRelease = 2;
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
  readonly #trace: Trace | null;
  readonly #downMs: (number | null)[];
  readonly #isNew: boolean[];
  readonly #isReplaced: boolean[];
  /** Disks as they were once, and how many disks of that replica had been lost by then. */
  readonly #copies = new Map<number, { readonly image: DiskImage; readonly lives: number }>();
  readonly #lives: number[];
  /** Its disk is that of a former life, in whose place another one was put: it has to be turned away. */
  readonly #isOutlived: boolean[];
  /** Faults of the disk may have taken what the replica promised. */
  readonly forgiven: boolean[];
  #pendingStarts: Promise<void>[] = [];
  #failure: SimulationFailure | null = null;
  #highestView = 0;
  #recoveringHeads = 0;
  #halts = 0;
  #healedAt = 0;
  #isHealing = false;

  constructor(options: SimulationOptions, schedule: readonly FaultEvent[], trace: Trace | null = null) {
    this.options = options;
    this.#trace = trace;
    const { replicas, standbys, seed } = options;
    this.nodes = Array.from(
      { length: replicas + standbys },
      (_, replica) =>
        new SimNode(replica, this.events, options, {
          send: (from, to, bytes, leavingAt) => this.#send(from, to, bytes, leavingAt),
          told: (from, _sender, _to, message) => this.#told(from, message as { kind: string }),
          warned: (from, id, message, fields) => this.#warned(from, id, message, fields),
          failed: (from, id, error) => this.#nodeFailed(from, id, error),
        }),
    );
    this.network = new Network(this.events, streamFor(seed), replicas + standbys, healthyNetwork, (from, to, bytes) =>
      this.#arrived(from, to, bytes),
    );
    const holders = this.nodes.map((node) => ({ image: node.image }));
    this.workload = makeWorkload(this);
    this.commits = new CommitOracle(holders, replicas, clusterId, (committed) => {
      this.hash.add(committed.op);
      this.workload.committed(committed);
    });
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
    this.#downMs = this.nodes.map(() => null);
    this.#isNew = this.nodes.map(() => false);
    this.#isReplaced = this.nodes.map(() => false);
    this.#lives = this.nodes.map(() => 0);
    this.#isOutlived = this.nodes.map(() => false);
    this.forgiven = this.nodes.map(() => false);
    this.atlas = new Atlas(options);
    this.injector = new FaultInjector(this, schedule);
  }

  trace(line: () => string): void {
    if (this.#trace === null) return;
    this.#trace(`${(this.events.now / 1000).toFixed(2).padStart(9)}  ${line()}`);
  }

  // ------------------------------------------------------------------ running

  async run(): Promise<RunSummary> {
    for (const node of this.nodes) this.#start(node);
    this.#lookLater();
    const isLed = (): boolean => this.nodes.some((node) => node.numbers()?.isPrimary === true);
    if (!this.options.faultsAtOnce) {
      await this.#until(startMsMax * 1000, isLed);
      expect(isLed(), "liveness", () => "nobody leads a new cluster without faults");
    }
    const began = this.events.now;
    this.network.options = this.options.network;
    this.workload.begin();
    this.injector.begin(began);
    const faultsEnd = began + this.options.faultMs * 1000;
    await this.#until(faultsEnd, () => false);
    const unrecoverable = await this.#heal();
    for (const node of this.nodes) if (!this.#isDamagedBeyond(node)) this.commits.checkPromises(node.replica, false);
    this.workload.end();
    const { faults } = this.injector;
    return {
      seed: this.options.seed,
      hash: this.hash.text(),
      events: this.events.count,
      virtualMs: Math.round(this.events.now / 1000),
      requests: this.workload.requests,
      answered: this.workload.answered,
      committed: this.commits.newest,
      starts: this.nodes.reduce((sum, { starts }) => sum + starts, 0),
      views: this.#highestView,
      recoveringHeads: this.#recoveringHeads,
      faults,
      network: { ...this.network.counts },
      healMs: unrecoverable === null ? Math.round((this.events.now - this.#healedAt) / 1000) : null,
      unrecoverable,
      halts: this.#halts,
    };
  }

  /** Runs events up to a time or until something holds. */
  async #until(time: number, isDone: () => boolean): Promise<void> {
    let untilLook = 0;
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      if (this.#pendingStarts.length > 0) {
        const starts = this.#pendingStarts;
        this.#pendingStarts = [];
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

  // ------------------------------------------------------------------ life of nodes

  #start(node: SimNode): void {
    if (node.isAlive || node.isGone) return;
    const { replica } = node;
    if (node.starts > 0 && !this.#isReplaced[node.replica]) this.#beforeRestart(node);
    this.#isReplaced[node.replica] = false;
    this.trace(() => `${name(replica)} starts`);
    this.#isNew[replica] = true;
    this.hash.add(1_000 + replica);
    this.#pendingStarts.push(node.start((starting) => this.workload.makeShard(starting)));
  }

  #beforeRestart(node: SimNode): void {
    this.check(() => {
      const { replica } = node;
      const isTwiceDamaged = this.injector.hasStruck(replica, ["headers"]) && this.injector.hasStruck(replica, ["log"]);
      if (this.options.replicas > 1 && !isTwiceDamaged) this.wals[replica]?.examine();
      if (!this.forgiven[replica]) this.commits.checkPromises(replica, true);
    });
  }

  /** Ends a node and starts it again later. */
  crash(replica: number, downMs: number, isPowerCut: boolean): void {
    const node = this.nodes[replica];
    if (node === undefined || !node.isAlive) return;
    node.stop();
    if (isPowerCut) node.disk.restart();
    else node.disk.kill();
    this.#wentDown(node, downMs);
  }

  #wentDown(node: SimNode, downMs: number): void {
    this.hash.add(2_000 + node.replica);
    this.#linksOf(node.replica, false);
    this.events.at(this.events.now + downMs * 1000, () => this.check(() => this.#start(node)));
  }

  /** Its disk is lost, and it is recovered onto an empty one: it is asked for nothing that it promised before. */
  wipe(replica: number, downMs: number): void {
    const node = this.nodes[replica];
    if (node === undefined) return;
    const seen = Math.max(0, ...this.nodes.map((other) => other.numbers()?.view ?? 0), this.#highestView);
    node.stop();
    node.replaceDisk(seen + viewsBeyond);
    this.network.forget(replica);
    this.commits.replaced(replica);
    this.promises.replaced(replica);
    this.wals[replica]?.replaced();
    this.#isReplaced[replica] = true;
    this.#lives[replica] = this.#livesOf(replica) + 1;
    this.#wentDown(node, downMs);
  }

  /** Ends a node; nothing of this run starts it again before the heal. */
  retire(replica: number): void {
    const node = this.nodes[replica];
    if (node === undefined || !node.isAlive) return;
    node.stop();
    node.disk.kill();
    this.hash.add(2_000 + replica);
    this.#linksOf(replica, false);
  }

  /**
   * A voter is lost for good and a standby takes its place, with its log. False, and nothing happens, while the others have no leader or are
   * not a sound majority without it.
   */
  promote(replica: number, standby: number, downMs: number): boolean {
    const [node, from] = [this.nodes[replica], this.nodes[standby]];
    if (node === undefined || from === undefined || from.disk.isCut || from.disk.isCutPlanned) return false;
    const others = this.nodes.slice(0, this.options.replicas).filter((other) => other !== node);
    const numbers = others.map((other) => (other.isPaused ? null : other.numbers()));
    const sound = numbers.filter((one) => one?.status === "normal");
    if (!sound.some((one) => one?.isPrimary === true)) return false;
    const { replication, viewChange } = expectedQuorums(this.options.replicas);
    if (sound.length < Math.max(replication, viewChange)) return false;
    const seen = Math.max(...numbers.map((one) => one?.view ?? 0), this.#highestView);
    for (const stopped of [node, from]) {
      stopped.stop();
      this.network.forget(stopped.replica);
      this.commits.replaced(stopped.replica);
      this.promises.replaced(stopped.replica);
      this.#isReplaced[stopped.replica] = true;
    }
    const [wal, walFrom] = [this.wals[replica], this.wals[standby]];
    if (wal !== undefined && walFrom !== undefined) wal.takes(walFrom);
    from.disk.kill();
    node.takeDisk(from, seen + viewsBeyond);
    for (const stopped of [node, from]) this.#wentDown(stopped, downMs);
    return true;
  }

  copyDisk(replica: number): void {
    const node = this.nodes[replica];
    if (node !== undefined) this.#copies.set(replica, { image: node.disk.image(), lives: this.#livesOf(replica) });
  }

  #livesOf(replica: number): number {
    return this.#lives[replica] ?? 0;
  }

  /** Its disk is what it was when it was copied: what it promised since only the others know. False when there is no copy. */
  putBack(replica: number, downMs: number): boolean {
    const node = this.nodes[replica];
    const copy = this.#copies.get(replica);
    if (node === undefined || copy === undefined || node.isGone) return false;
    node.stop();
    node.disk.putBack(copy.image);
    this.network.forget(replica);
    this.commits.replaced(replica);
    this.promises.replaced(replica);
    this.wals[replica]?.putBack();
    this.#isReplaced[replica] = true;
    this.#isOutlived[replica] = copy.lives < this.#livesOf(replica);
    this.#wentDown(node, downMs);
    return true;
  }

  planPowerCut(replica: number, operation: number, downMs: number): void {
    const node = this.nodes[replica];
    if (node === undefined || !node.isAlive || node.disk.isCutPlanned) return;
    node.disk.cutPowerIn(operation);
    this.#downMs[replica] = downMs;
    // A disk that stands still for long loses its power too.
    this.events.at(this.events.now + 300_000, () => {
      if (node.isAlive && node.disk.isCutPlanned) this.crash(replica, downMs, true);
    });
  }

  #nodeFailed(replica: number, id: string, error: unknown): void {
    const node = this.nodes[replica];
    if (node === undefined) return;
    if (error instanceof SimulationFailure) {
      this.fail(error);
      return;
    }
    if (node.disk.isCut) {
      this.trace(() => `${name(replica)} loses its power in the middle of ${id}`);
      node.disk.restart();
      this.#wentDown(node, this.#downMs[replica] ?? 100);
      return;
    }
    const text = error instanceof Error ? error.message : String(error);
    this.trace(() => `${name(replica)} ends in ${id}: ${text}`);
    node.disk.kill();
    const isFault =
      isKimberliteError(error) &&
      (error.code === "storageFailed" || error.code === "diskFull" || error.code === "dataMissing");
    if (isFault && this.injector.hasStruck(replica, ["writeError", "full", "unreadable"])) {
      if (node.starts < startsMax) this.#wentDown(node, 500);
      return;
    }
    if (this.#isOutlived[replica] && isKimberliteError(error) && error.code === "dataMissing") {
      this.#halts += 1;
      node.isGone = true;
      return;
    }
    // The log is of a release that its program does not know: the newer one is started again.
    if (node.release < newestRelease && isKimberliteError(error) && error.code === "formatUnsupported") {
      this.#halts += 1;
      node.release = newestRelease;
      this.#wentDown(node, 200);
      return;
    }
    // A copy of the superblock that the disk did not write again looks like another node's: the next start writes it.
    const isStale = isKimberliteError(error) && error.code === "directoryLocked";
    if (isStale && this.injector.hasStruck(replica, ["superblock"]) && node.starts < startsMax) {
      this.#wentDown(node, 200);
      return;
    }
    // Damaged pages: the state is derived again. Damage in the log is asked of the others, and ends the shard where nobody has it.
    const isMet = id === "shard-1" && isKimberliteError(error) && error.code === "dataCorrupt";
    if (isMet && this.injector.hasStruck(replica, ["log", "pages"]) && node.starts < startsMax) {
      this.#wentDown(node, 200);
      return;
    }
    const isUntouched = id === "shard-1" && isKimberliteError(error) && error.code === "dataCorrupt";
    if (isUntouched && !this.injector.hasDamaged) {
      this.fail(
        new SimulationFailure("storage", `no fault has touched what replica ${replica} stores: ${text}`, error),
      );
      return;
    }
    this.#halts += 1;
    const isLost =
      this.#isDamagedBeyond(node) && isKimberliteError(error) && error.code === "dataCorrupt" && id === "start";
    if (isLost) {
      this.trace(() => `${name(replica)} is lost: ${text}`);
      node.isGone = true;
      return;
    }
    if (this.options.atlas || !this.injector.hasDamaged) {
      this.fail(new SimulationFailure("assertion", `replica ${replica}, ${id}: ${text}`, error));
      return;
    }
    // Without the atlas more may be damaged than the protocol claims to survive: to stop is right, to lie is not.
    if (node.starts < 12) this.#wentDown(node, 1_000);
    else node.isGone = true;
  }

  /** Its superblock or, alone, its log was damaged: it may refuse to start. */
  #isDamagedBeyond(node: SimNode): boolean {
    return this.injector.hasStruck(node.replica, ["superblock"]) || (!this.options.atlas && this.injector.hasDamaged);
  }

  #linksOf(replica: number, isUp: boolean): void {
    // The end of a process is the end of its connections, whatever the network does.
    for (const other of this.nodes) if (other.replica !== replica) other.linkChanged(replica, isUp);
  }

  // ------------------------------------------------------------------ what nodes do

  #send(from: number, to: number, bytes: Uint8Array, leavingAt: number): boolean {
    this.hash.add(bytes[98] ?? 0);
    this.trace(() => `  ${name(from)} → ${name(to)} ${commandName(bytes)}`);
    if (isRelay(bytes)) {
      const [sender, receiver] = [this.nodes[from], this.nodes[to]];
      const [sent, received] = [sender?.starts, receiver?.starts];
      // A connection ends with its process: behind its end nothing more comes out of it.
      const isConnected = (): boolean =>
        sender?.isAlive === true && sender.starts === sent && receiver?.starts === received;
      this.network.sendConnected(from, to, bytes, leavingAt, isConnected);
    } else {
      this.check(() => this.promises.sent(from, bytes));
      if (from >= this.options.replicas) this.check(() => saysNothing(from, bytes));
      if (from === this.options.muteReplica && bytes.length > muteBytes) return true;
      this.network.send(from, to, bytes, leavingAt);
    }
    return true;
  }

  #arrived(from: number, to: number, bytes: Uint8Array): void {
    this.hash.add((this.events.now % 2 ** 31) + from * 8 + to + (bytes[98] === commandPrepare ? 64 : 0));
    this.nodes[to]?.arrived(from, bytes);
  }

  #told(replica: number, message: { readonly kind: string }): void {
    if (message.kind === "committed") {
      const { position } = message as unknown as { position: LogPosition };
      this.trace(() => `${name(replica)} commits up to op ${position.op}`);
      this.check(() => this.commits.committed(replica, position));
    } else if (message.kind === "lead") {
      const { view, head } = message as unknown as { view: number; head: LogPosition };
      this.#highestView = Math.max(this.#highestView, view);
      this.trace(() => `${name(replica)} leads view ${view} from op ${head.op}`);
    } else if (message.kind === "follow") {
      this.trace(() => `${name(replica)} follows: ${JSON.stringify(message)}`);
    }
  }

  #warned(replica: number, id: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.trace(() => `${name(replica)} ${id} warns: ${message} ${JSON.stringify(fields)}`);
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
      if (this.#isNew[replica]) {
        this.#isNew[replica] = false;
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

  // ------------------------------------------------------------------ liveness

  async #heal(): Promise<string | null> {
    this.#isHealing = true;
    this.injector.end();
    this.network.options = healthyNetwork;
    this.network.heal();
    this.#healedAt = this.events.now;
    for (const node of this.nodes) {
      node.disk.isFull = false;
      // Two clocks an hour apart agree on nothing, and a quorum of two would wait for ever: as it must.
      node.clockOffsetMs = 0;
      if (node.isPaused) node.resume();
    }
    const core = this.#chooseCore();
    this.trace(() => `heals: replicas ${core.map(name).join(" ")} are left`);
    for (const node of this.nodes) {
      if (core.includes(node.replica)) continue;
      node.isGone = true;
      if (node.isAlive) node.stop();
    }
    for (const replica of core) {
      this.#linksOf(replica, true);
      const node = this.nodes[replica];
      if (node !== undefined && !node.isAlive && !node.isGone) this.#start(node);
    }
    await this.#until(this.events.now + 1_000, () => false);
    this.workload.settle(core);
    // A power cut that was planned before the heal may show only now that a disk is beyond repair: the others go on without it.
    const left = (): number[] => core.filter((replica) => this.nodes[replica]?.isGone !== true);
    const isDone = (): boolean => this.#hasConverged(left()) && this.workload.isSettled(left());
    await this.#until(this.#healedAt + this.options.healMsMax * 1000, isDone);
    if (isDone()) return null;
    const proof = this.#proof(core);
    if (proof !== null) return proof;
    const standing = core.map((replica) => `${name(replica)} ${JSON.stringify(this.nodes[replica]?.numbers())}`);
    throw new SimulationFailure(
      "liveness",
      `${this.options.healMsMax} ms after the last fault ${core.map(name).join(" ")} do not work together: ${standing.join("; ")}; ${this.workload.standing()}`,
    );
  }

  get isHealing(): boolean {
    return this.#isHealing;
  }

  /** All replicas, or a quorum of those that are not lost: with damaged disks all, since what one lacks another gives. */
  #chooseCore(): number[] {
    const left = this.nodes.filter(({ isGone }) => !isGone).map(({ replica }) => replica);
    const able = left.filter((replica) => !this.#isStandby(replica));
    const standbys = left.filter((replica) => this.#isStandby(replica));
    const { viewChange } = expectedQuorums(this.options.replicas);
    const { coreOnly, muteReplica, faults } = this.options;
    const needsAll = !coreOnly || this.injector.hasDamaged || muteReplica >= 0 || faults.wipes + faults.promotes > 0;
    // One that no majority of the others has vouched for yet needs them: it is no member that a quorum could count on.
    const voters = this.nodes.slice(0, this.options.replicas);
    const isFresh = voters.some((node) => (node.numbers()?.status ?? "fresh") === "fresh") && this.options.fresh;
    if (needsAll || isFresh || able.length <= viewChange) return left;
    const random = streamFor(this.options.seed ^ 0x5a5a);
    while (able.length > viewChange) able.splice(random.below(able.length), 1);
    return [...able, ...standbys];
  }

  #isStandby(replica: number): boolean {
    return replica >= this.options.replicas;
  }

  #hasConverged(core: readonly number[]): boolean {
    const all = core.map((replica) => this.nodes[replica]?.numbers() ?? null);
    const first = all[0];
    if (first === undefined || first === null || first.op !== this.commits.newest) return false;
    return (
      all.some((numbers) => numbers?.isPrimary === true) &&
      all.every(
        (numbers) =>
          numbers !== null &&
          numbers.status === "normal" &&
          numbers.view === first.view &&
          numbers.op === first.op &&
          numbers.commit === first.op &&
          numbers.contiguous === first.op,
      )
    );
  }

  /** Why nobody could get this cluster to work again, or null where somebody could. */
  #proof(all: readonly number[]): string | null {
    const core = all.filter((replica) => !this.#isStandby(replica));
    const { viewChange } = expectedQuorums(this.options.replicas);
    const running = core.filter((replica) => this.nodes[replica]?.isAlive === true);
    if (running.length < viewChange && this.injector.hasDamaged)
      return `${running.length} replicas can start; ${viewChange} are needed`;
    // Those whose ids a majority of the others has never had on disk: with too few others left, it never will.
    const strangers = running.filter((replica) => this.nodes[replica]?.numbers()?.status === "fresh");
    const mayVouch = Math.floor((this.options.replicas - 1) / 2) + 1;
    if (running.length - 1 < mayVouch && running.length - strangers.length < viewChange)
      return `${strangers.length} replicas never became members, and too few are left that could vouch for them`;
    for (let op = 1; op <= this.commits.newest; op++) {
      if (this.injector.hasDamaged && this.commits.soundCopies(op, core) === 0)
        return `no sound copy of op ${op} is left`;
    }
    const numbers = running.map((replica) => this.nodes[replica]?.numbers() ?? null);
    const uncertain = running.filter(
      (replica, index) => numbers[index]?.status === "recoveringHead" && this.forgiven[replica] === true,
    );
    if (running.length - uncertain.length < viewChange)
      return `${uncertain.length} replicas do not know their heads; ${viewChange} have to`;
    const stuck = numbers.find((one) => (one?.stuckAt ?? 0) > 0);
    if (stuck && this.injector.hasDamaged && stuck.stuckAt > this.commits.newest)
      return `op ${stuck.stuckAt} can neither be read nor denied by anybody`;
    if (!this.options.atlas && this.injector.hasDamaged) return "more is damaged than the protocol claims to survive";
    return null;
  }
}

/** Of what a replica can say this is what others count. */
const counted: ReadonlySet<number> = new Set([
  commands.prepareOk,
  commands.commitOk,
  commands.commit,
  commands.startViewChange,
  commands.doViewChange,
  commands.startView,
]);

/** A standby asks and answers; it has no word in what is committed or who leads. */
function saysNothing(replica: number, bytes: Uint8Array): void {
  expect(
    !counted.has(bytes[98] ?? 0),
    "promises",
    () => `replica ${replica} stands by and sends ${commandName(bytes)}`,
  );
}

const name = (replica: number): string => `r${replica}`;

function commandName(bytes: Uint8Array): string {
  if (isRelay(bytes)) return "relay";
  const command = Object.entries(commands).find(([, number]) => number === bytes[98])?.[0] ?? "?";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `${command} view ${view.getUint32(88, true)} (${bytes.length} bytes)`;
}

const streamFor = (seed: number): Stream => new Stream(seed, "network");
