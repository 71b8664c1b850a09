/**
 * One replica of a shard: the protocol as a pure step function. Viewstamped Replication (Liskov and Cowling 2012), with durable view
 * and logView, protocol-aware recovery of damaged logs, and the log of this project, which is written once, in place, for ever.
 *
 * An input is worked through completely before the next; effects come out in the order in which they are to be begun. The rules that a
 * shell keeps are in `ports.ts`.
 */
import { configurationOf, isBaseView } from "../storage/views.js";
import { Acquaintance } from "./acquaintance.js";
import { ClusterClock } from "./cluster-clock.js";
import { Configurations } from "./configurations.js";
import { Core, type ReplicaConfig } from "./core.js";
import { isHeadCertain } from "./journal-recovery.js";
import { asksForLog, giveOfLog, givesLog, takeOfLog } from "./log-exchange.js";
import { mark } from "./marks.js";
import type { Message, PingMessage, PongMessage, Prepare, Remembered, ReplicaStatus } from "./messages.js";
import { NormalOperation } from "./normal-operation.js";
import type { DurableState, Effect, Input, RecoveredLog } from "./ports.js";
import { Repair } from "./repair.js";
import { abdicateTicks, pingTicks } from "./timing.js";
import { ViewChange } from "./view-change.js";

export type { ReplicaConfig } from "./core.js";

/** For status pages and tests. */
export interface ReplicaInspection {
  readonly status: ReplicaStatus;
  readonly view: number;
  readonly logView: number;
  readonly op: number;
  readonly commit: number;
  readonly contiguous: number;
  readonly isPrimary: boolean;
  readonly primary: number;
  /** Operation that stops a view change because nobody can give or deny it; 0 for none. */
  readonly stuckAt: number;
  /** The release that the log is of. */
  readonly logRelease: number;
  /** How often the number of voters was changed, and what it is. */
  readonly configuration: number;
  readonly voters: number;
}

export class Replica {
  readonly #core: Core;
  readonly #normal: NormalOperation;
  readonly #repair: Repair;
  readonly #configurations: Configurations;
  readonly #viewChange: ViewChange;
  readonly #acquaintance: Acquaintance;
  #headIsCertain: boolean;
  readonly #clock: ClusterClock;
  #knewTimeAt = 0;
  #isStarted = false;

  constructor(config: ReplicaConfig, state: DurableState, log: RecoveredLog) {
    this.#core = new Core(config, state, log);
    this.#repair = new Repair(this.#core);
    this.#acquaintance = new Acquaintance(this.#core, {
      ping: (to) => this.#core.send(to, this.#ping()),
      pong: (to, echoed, remembered, after) => this.#core.send(to, this.#pong(echoed, remembered), after),
      begin: () => this.#viewChange.start(this.#headIsCertain),
      withdraw: () => this.#viewChange.withdraw(),
    });
    this.#normal = new NormalOperation(this.#core, this.#acquaintance);
    this.#configurations = new Configurations(this.#core, this.#normal, this.#repair, this.#acquaintance, () =>
      this.#viewChange.leaveView(),
    );
    this.#viewChange = new ViewChange(this.#core, this.#normal, this.#repair, this.#acquaintance, this.#configurations);
    this.#headIsCertain = isHeadCertain(state, log);
    this.#clock = new ClusterClock(config.replicaCount, config.replica);
  }

  /** Works one input through; what is to be done comes behind `effects`. The first tick starts the replica. */
  step(input: Input, effects: Effect[]): void {
    const core = this.#core;
    if (core.isHalted) return;
    core.effects = effects;
    if (!this.#isStarted) {
      this.#isStarted = true;
      const head = core.journal.header(core.journal.head);
      if (head !== null && !core.knowsRelease(head)) return;
      this.#viewChange.start(this.#headIsCertain);
      core.publishCommits();
      this.#pingOthers();
    }
    this.#dispatch(input);
    if (!core.isHalted) this.#configurations.followLog();
    this.#clock.setReplicas(core.quorums.replicas);
    this.#normal.flush();
  }

  #dispatch(input: Input): void {
    const core = this.#core;
    switch (input.kind) {
      case "tick":
        core.ticks += 1;
        core.monotonic = input.monotonic;
        core.wall = input.wall;
        this.#tick();
        return;
      case "message":
        this.#receive(input.from, input.message);
        return;
      case "disconnected":
        this.#normal.disconnected(input.peer);
        return;
      case "written":
        this.#written(input.id);
        return;
      case "prepareRead":
        this.#repair.prepareRead(input.token, input.prepare);
        return;
      case "runRead":
        this.#repair.runRead(input.token, input.prepares);
        return;
      case "sealsRead":
        this.#repair.sealsRead(input.token, input.segment, input.seals);
        return;
      case "segmentPartRead":
        this.#repair.segmentPartRead(input.token, input.bytes);
        return;
      case "partStored":
        this.#repair.sync.partStored(input.segment, input.offset, input.isKept);
        return;
      case "segmentFetched":
        if (input.fetched.headers.every(({ header }) => core.knowsRelease(header))) {
          this.#repair.segmentFetched(input.fetched);
        }
        return;
      case "propose":
        this.#normal.propose(input);
        return;
      case "confirm":
        this.#normal.confirm(input.token);
        return;
      case "damaged":
        core.journal.damage(input.op);
        return;
      case "damagedBehind":
        this.#repair.damagedBehind(input.from);
        return;
      case "abdicate":
        this.#viewChange.abdicate();
        return;
      case "replicas":
        core.setReplicas(input.count);
        return;
    }
  }

  #tick(): void {
    const core = this.#core;
    if (this.#normal.tick() || (core.isLeading && !core.isSingle && this.#repair.isDeaf)) {
      mark("primaryAbdicates");
      this.#viewChange.abdicate();
    }
    this.#watchClock();
    this.#acquaintance.upgrade();
    this.#viewChange.tick();
    this.#repair.tick();
    if (core.ticks % pingTicks === 0) this.#pingOthers();
  }

  #pingOthers(): void {
    const core = this.#core;
    if (core.isSingle) return;
    const ping = this.#ping();
    core.broadcast(ping);
    core.inform(ping);
  }

  /** A primary that does not know what time it is leaves the lead to one who may. */
  #watchClock(): void {
    const core = this.#core;
    if (core.isSingle || !core.isLeading || this.clusterTime !== null) {
      this.#knewTimeAt = core.ticks;
      return;
    }
    if (core.ticks - this.#knewTimeAt <= abdicateTicks) return;
    mark("clockDisagrees");
    this.#knewTimeAt = core.ticks;
    this.#viewChange.abdicate();
  }

  /** What a majority of the clocks agrees on, µs, as of the newest tick; null while none does: then nothing is to be stamped. */
  get clusterTime(): number | null {
    const { monotonic, wall } = this.#core;
    return this.#clock.time(monotonic, wall);
  }

  #written(id: number): void {
    const core = this.#core;
    if (core.stateWritten(id)) {
      this.#viewChange.stateWritten();
      this.#normal.acknowledgeOwn();
      return;
    }
    if (!core.journal.written(id)) return;
    core.publishCommits();
    this.#repair.sync.written(id);
    core.journal.advance(core.effects);
    this.#viewChange.completeInstall();
    this.#normal.acknowledgeOwn();
    this.#normal.acknowledge();
  }

  #ping(): PingMessage {
    const { status, commitMax, config, monotonic, durableView } = this.#core;
    return {
      kind: "ping",
      view: durableView,
      status,
      commit: commitMax,
      release: config.release,
      monotonic,
      member: this.#acquaintance.memberOf(this.#core.self),
    };
  }

  #pong(echoed: number, remembered: Remembered): PongMessage {
    const { status, commitMax: commit, config, wall, durableView: view } = this.#core;
    const { release } = config;
    return { kind: "pong", view, status, commit, release, echoed, wall, remembered };
  }

  #acquaint(from: number, message: PingMessage | PongMessage): void {
    this.#repair.peerCommit[from] = message.commit;
    this.#acquaintance.advertised(from, message.release);
    if (message.status !== "fresh" && message.status !== "replaced") this.#viewChange.learnView(from, message);
  }

  /** What this program does not know is neither stored nor acknowledged. */
  #knowsReleases(message: Message): boolean {
    const core = this.#core;
    if (message.kind === "prepare") return core.knowsRelease(message.prepare.header);
    // Releases grow along a log: the newest of several headers has the highest.
    const newest =
      message.kind === "run" ? message.prepares.at(-1) : message.kind === "startView" ? message.suffix[0] : undefined;
    return newest === undefined || core.knowsRelease(newest.header);
  }

  #receive(from: number, message: Message): void {
    const core = this.#core;
    if (from === core.self || from < 0 || from >= core.quorums.replicas + core.standbys) {
      mark("messageOfStranger");
      return;
    }
    if (this.#isOfOtherConfiguration(from, message)) return;
    if (from >= core.quorums.replicas) {
      this.#receiveOfStandby(from, message);
      return;
    }
    this.#repair.heard(from);
    if (message.kind === "ping") this.#acquaintance.ping(from, message);
    else if (message.kind === "pong") this.#acquaintance.pong(from, message);
    else if (!this.#acquaintance.isKnown(from)) {
      mark("messageOfStranger");
      return;
    }
    if (core.isHalted || !this.#knowsReleases(message)) return;
    if (asksForLog(message)) {
      giveOfLog(this.#repair, from, message);
      return;
    }
    if (givesLog(message)) {
      takeOfLog(this.#repair, from, message);
      return;
    }
    switch (message.kind) {
      case "prepare":
        if (!core.takesPart) return;
        this.#normal.prepare(from, message.prepare);
        this.#repair.prepareCame();
        return;
      case "prepareOk":
        this.#acquaintance.sighted(from, message.view, message.op);
        this.#normal.prepareOk(from, message);
        return;
      case "commit":
        // What a later view commits may lie where this view's log has something else: it counts once that view's log is taken.
        if (message.view <= core.view) this.#repair.learn(message.commit);
        if (core.takesPart) this.#normal.commit(from, message);
        return;
      case "commitOk":
        this.#normal.commitOk(from, message);
        return;
      case "startViewChange":
        this.#viewChange.startViewChange(from, message);
        return;
      case "doViewChange":
        this.#acquaintance.sighted(from, message.view, 0);
        this.#viewChange.doViewChange(from, message);
        return;
      case "startView":
        this.#viewChange.startView(from, message);
        return;
      case "getView":
        this.#viewChange.getView(from, message);
        return;
      case "ping":
        this.#acquaint(from, message);
        return;
      case "pong":
        this.#clock.sampled(from, message.echoed, core.monotonic, message.wall);
        this.#acquaint(from, message);
        return;
    }
  }

  /**
   * What is said in the name of a view of another configuration is not looked at: the two sets of quorums know nothing of each other. Who is behind
   * is told; who is ahead is asked. A ping or pong is looked at all the same, for who the other is.
   */
  #isOfOtherConfiguration(from: number, message: Message): boolean {
    const core = this.#core;
    if (core.isSingle) return false;
    const view =
      message.kind === "prepare" ? message.prepare.header.view : "view" in message ? message.view : core.view;
    const isTold = message.kind === "startView" && isBaseView(message.view);
    if (isTold) {
      this.#configurations.hear(message);
      // Its log ends with what is committed, and so does what is known of it.
      this.#headIsCertain ||= core.view === message.view;
      return true;
    }
    const theirs = configurationOf(view);
    if (theirs === core.configuration) return false;
    const isAcquaintance = message.kind === "ping" || message.kind === "pong";
    if (theirs > core.configuration) this.#configurations.ask(from);
    // A prepare is of the view that it was proposed in, whoever hands it on and whenever.
    else if (message.kind !== "prepare" && message.kind !== "getPrepare") this.#configurations.tell(from);
    else return false;
    return !isAcquaintance;
  }

  /**
   * What a standby may ask, and parts of the log that it gives. Whatever else it says does not count: what comes of it is looked at like what lies on
   * the own disk, and never taken for a word on what is committed, acknowledged or was never seen.
   */
  #receiveOfStandby(from: number, message: Message): void {
    const core = this.#core;
    if (core.isStandby) return;
    this.#repair.heard(from);
    if (message.kind === "ping") {
      this.#repair.peerCommit[from] = message.commit;
      this.#acquaintance.answerStandby(from, message);
    } else if (message.kind === "getView") this.#viewChange.tellStandby(from, message.nonce);
    else if (asksForLog(message)) giveOfLog(this.#repair, from, message);
    else if (message.kind === "prepare") this.#filledByStandby(message.prepare);
    else if (!givesLog(message)) mark("standbyIgnored");
    else if (this.#knowsReleases(message)) takeOfLog(this.#repair, from, message);
  }

  /** Of a log that is known here, by name: so no newer release than that log's. */
  #filledByStandby(prepare: Prepare): void {
    if (!this.#core.takesPart || !this.#normal.fills(prepare)) return;
    mark("standbyFills");
    this.#repair.prepareCame();
  }

  /** Whole segments are on their way: the log's end moves by segments, not by prepares. */
  get isFetchingSegments(): boolean {
    return this.#repair.sync.isFetching;
  }

  inspect(): ReplicaInspection {
    const core = this.#core;
    return {
      status: core.status,
      view: core.view,
      logView: core.logView,
      op: core.journal.head,
      commit: core.commitMax,
      contiguous: core.journal.durableOp,
      // Before its first step a replica is nothing yet.
      isPrimary: this.#isStarted && core.isLeading,
      primary: core.primary,
      stuckAt: this.#viewChange.inspect()["stuckAt"] ?? 0,
      logRelease: core.logRelease,
      configuration: core.configuration,
      voters: core.quorums.replicas,
    };
  }
}
