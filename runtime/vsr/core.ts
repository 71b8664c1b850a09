/**
 * What the parts of a replica share: who it is, where it stands, and the way out for effects. The parts (`normal-operation.ts`,
 * `view-change.ts`, `repair.ts`) each keep what is theirs alone.
 */

import { type PrepareHeader, prepareOperations } from "../storage/frame.js";
import type { LogGeometry } from "../storage/log-geometry.js";
import { configurationOf } from "../storage/views.js";
import { assert } from "../types/assert.js";
import { Journal } from "./journal.js";
import { mark } from "./marks.js";
import type { Message, ReplicaStatus } from "./messages.js";
import type { DurableState, Effect, HaltCause, RecoveredLog, Standing, StoredHeader } from "./ports.js";
import { primaryOf, type Quorums, quorumsOf, reconfigurableMin, replicasMax, standbysMax } from "./quorums.js";
import { Random } from "./random.js";

/** That of an empty log. */
export const oldestRelease = 1;

export const heldBytesMaxDefault = 48 * 1024 * 1024;

export interface ReplicaConfig {
  /** This replica's number: 0 … replicaCount - 1 for one that votes, from replicaCount on for a standby. */
  readonly replica: number;
  /** Those that acknowledge and vote, in the configuration of the state's view. */
  readonly replicaCount: number;
  /** Standbys beside them; left out: none. */
  readonly standbys?: number;
  /** Which replica leads view 0, and by that every other one; left out: 0. */
  readonly rotation?: number;
  readonly clusterId: Uint8Array;
  /** How often the cluster was founded anew, which its prepares state; left out: 0. */
  readonly epoch?: number;
  readonly geometry: LogGeometry;
  /** The newest release that this program can run. */
  readonly release: number;
  /** Bodies that a backup keeps in memory for what it cannot write yet, in bytes; left out: 48 MiB. */
  readonly heldBytesMax?: number;
  /** Seed of what is drawn by lot: jitter, which peer to ask, nonces. */
  readonly seed: number;
}

export class Core {
  readonly config: ReplicaConfig;
  quorums: Quorums;
  /** Those that vote, and behind them those that stand by. */
  #replicas: number;
  readonly journal: Journal;
  readonly random: Random;
  /** Filled during a step. */
  effects: Effect[] = [];
  status: ReplicaStatus = "normal";
  view: number;
  /** The last view in which this replica's log was that view's log: where it was normal, or fixed the head as the next primary. */
  logView: number;
  commitMax: number;
  /** Newest operation of which `committed` was told. */
  commitMin = 0;
  /** The log's end as it was last stored with the view: the headers that every doViewChange of that view names. */
  suffix: readonly StoredHeader[];
  standing: Standing;
  /** Ids of the replicas by number; see `acquaintance.ts`. */
  members: readonly Uint8Array[];
  /** This replica will not lead its present view: it restarted in it, or gave it up. */
  hasAbdicated = false;
  isHalted = false;
  ticks = 0;
  monotonic = 0;
  wall = 0;
  #lastId = 0;
  #lastToken = 0;
  /** The write that makes the present view and logView durable; 0 when they are. */
  #stateWrite = 0;
  #durableView: number;

  constructor(config: ReplicaConfig, state: DurableState, log: RecoveredLog) {
    this.config = config;
    this.quorums = quorumsOf(config.replicaCount);
    this.#replicas = 0;
    this.setReplicas(config.replicaCount + (config.standbys ?? 0));
    assert(state.view >= state.logView, "order: no log is of a later view than its replica");
    this.random = new Random(config.seed);
    this.view = state.view;
    this.#durableView = state.view;
    this.logView = state.logView;
    this.suffix = state.suffix;
    this.standing = state.standing ?? "member";
    this.members = state.members ?? [];
    this.journal = new Journal(config.clusterId, config.geometry, state, log, config.replicaCount, () => this.nextId());
    this.commitMax = statedCommit(state, log);
  }

  get self(): number {
    return this.config.replica;
  }

  /** The release that the log is of: what its head states. Nothing else keeps it, so that it is taken back with the head. */
  get logRelease(): number {
    return this.journal.header(this.journal.head)?.release ?? oldestRelease;
  }

  /** False, and this replica stops, when a header is of a release that this program does not know. */
  knowsRelease({ op, release }: PrepareHeader): boolean {
    if (release <= this.config.release) return true;
    this.halt(
      `op ${op} is of release ${release}, and this program knows releases up to ${this.config.release}: start the newer program again`,
      "release",
    );
    return false;
  }

  /** It keeps the log and says nothing that counts: it neither acknowledges nor doubts nor votes. Of the log it gives what it is asked for. */
  get isStandby(): boolean {
    return this.self >= this.quorums.replicas;
  }

  get isSingle(): boolean {
    return this.quorums.replicas === 1;
  }

  /** How many stand by. */
  get standbys(): number {
    return this.#replicas - this.quorums.replicas;
  }

  /** Number of the configuration that this replica works in. */
  get configuration(): number {
    return configurationOf(this.view);
  }

  /** The log ends with the last operation of this configuration: nothing is proposed behind it before the next one begins. */
  get isClosed(): boolean {
    const head = this.journal.header(this.journal.head);
    return head !== null && configurationBehind(head) > this.configuration;
  }

  get primary(): number {
    return this.primaryOf(this.view);
  }

  primaryOf(view: number): number {
    return primaryOf(view, this.quorums.replicas, this.config.rotation ?? 0);
  }

  /** This replica serves as the primary of its view. */
  get isLeading(): boolean {
    return this.status === "normal" && this.primary === this.self && !this.hasAbdicated && this.isStateDurable;
  }

  /** It knows what it has said before, so that it may say more. */
  get takesPart(): boolean {
    return this.status === "normal" || this.status === "viewChange";
  }

  /**
   * It has fixed the log of its view as the next primary, or serves already. One that has lost sight of its head has not: its heartbeats
   * would keep the others in a view that nobody leads.
   */
  get hasInstalled(): boolean {
    const isOwn = this.primary === this.self && this.logView === this.view;
    return isOwn && !this.hasAbdicated && this.takesPart;
  }

  /** View and logView are on disk as they are in memory: only then may anything be said in the view's name. */
  get isStateDurable(): boolean {
    return this.#stateWrite === 0;
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  nextToken(): number {
    this.#lastToken += 1;
    return this.#lastToken;
  }

  /** Stores view, logView, commit and the log's end. Gives the write's id. */
  storeState(): number {
    this.#stateWrite = this.#writeState();
    return this.#stateWrite;
  }

  /** Stores what is known of the others; the view is as durable as before. Gives the write's id. */
  storeMembers(): number {
    return this.#writeState();
  }

  #writeState(): number {
    const { view, logView, commitMax, suffix, standing, members } = this;
    assert(view >= logView, "order: no log is of a later view than its replica");
    const id = this.nextId();
    const replicaCount = this.quorums.replicas;
    const state = { view, logView, commitMax, suffix, standing, members, replicaCount };
    this.effects.push({ kind: "writeState", id, state });
    return id;
  }

  stateWritten(id: number): boolean {
    if (id !== this.#stateWrite) return false;
    this.#stateWrite = 0;
    this.#durableView = this.view;
    return true;
  }

  /** The view that others may count on. */
  get durableView(): number {
    return this.#durableView;
  }

  /** The writes that whatever is said in the name of this view has to wait for. */
  get stateWrites(): number[] {
    return this.#stateWrite === 0 ? [] : [this.#stateWrite];
  }

  /** So many replicas there are from now on, standbys among them. */
  setReplicas(count: number): void {
    const voters = this.quorums.replicas;
    assert(
      Number.isInteger(count) && count >= voters && count <= replicasMax + standbysMax,
      "those that vote are among the replicas",
    );
    assert(count === voters || voters > 1, "who has no peers has no standbys either");
    assert(this.self >= 0 && this.self < count, "a replica's number is one of the cluster's");
    this.#replicas = count;
  }

  /** From now on so many vote. The view that says so is the caller's to set, in the same step. */
  setVoters(voters: number): void {
    assert(!this.isSingle && voters >= reconfigurableMin && voters <= replicasMax, "between two and six replicas vote");
    this.quorums = quorumsOf(voters);
    // One that this replica has not been told of yet.
    this.#replicas = Math.max(this.#replicas, voters);
    this.effects.push({ kind: "configured", configuration: this.configuration, voters });
  }

  send(to: number, message: Message, after: readonly number[] = []): void {
    assert(to !== this.self && to >= 0 && to < replicasMax + standbysMax, "a message goes to another replica");
    // One that asked and has left since.
    if (to >= this.#replicas) return;
    this.effects.push({ kind: "send", to, message, after });
  }

  /** To all that vote. */
  broadcast(message: Message, after: readonly number[] = []): void {
    for (let to = 0; to < this.quorums.replicas; to++) if (to !== this.self) this.send(to, message, after);
  }

  /** To those that only listen. A standby tells other standbys nothing. */
  inform(message: Message, after: readonly number[] = []): void {
    if (this.isStandby) return;
    const { replicas } = this.quorums;
    for (let to = replicas; to < replicas + this.standbys; to++) this.send(to, message, after);
  }

  /** To each other replica, those that stand by among them. */
  everyone(tell: (to: number) => void): void {
    for (let to = 0; to < this.#replicas; to++) if (to !== this.self) tell(to);
  }

  /** Another replica that votes, by lot. */
  anyPeer(): number {
    if (this.isStandby) return this.random.below(this.quorums.replicas);
    const drawn = this.random.below(this.quorums.replicas - 1);
    return drawn >= this.self ? drawn + 1 : drawn;
  }

  /** One that stands by, by lot. */
  anyStandby(): number {
    assert(this.standbys > 0, "one is drawn where there is one");
    return this.quorums.replicas + this.random.below(this.standbys);
  }

  halt(reason: string, because: HaltCause = "broken"): void {
    if (this.isHalted) return;
    mark("halted");
    this.isHalted = true;
    this.effects.push({ kind: "halt", because, reason });
  }

  /** Learns that everything up to `op` is committed. */
  learnCommit(op: number): void {
    if (op > this.commitMax) this.commitMax = op;
  }

  /** Tells the shard what is committed and durable here. */
  publishCommits(): void {
    const op = Math.min(this.commitMax, this.journal.durableOp);
    if (op <= this.commitMin) return;
    this.commitMin = op;
    this.effects.push({ kind: "committed", position: this.journal.positionOf(op) });
    this.journal.release(op);
  }
}

/** The configuration in which the prepare behind this one is proposed. */
export const configurationBehind = ({ view, operation }: PrepareHeader): number =>
  configurationOf(view) + (operation === prepareOperations.reconfiguration ? 1 : 0);

/**
 * Newest operation that anything on this disk states as committed. A header behind damage may not hang together with what is sound here;
 * that what it states is committed in the cluster's log is true all the same, and bounds how far back a view change has to look.
 */
function statedCommit(state: DurableState, log: RecoveredLog): number {
  let commit = Math.max(state.commitMax, log.commit);
  for (const { header } of log.beyond) if (header !== null) commit = Math.max(commit, header.commit);
  for (const { header } of state.suffix) commit = Math.max(commit, header.commit);
  return commit;
}
