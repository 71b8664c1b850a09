/**
 * The shard actor: the single writer of its tenants' state on this node.
 *
 *   leading     requests ─▶ queue ─▶ decide + apply (speculative) ─▶ propose ─▶ replica: committed ─▶ publish, answer, wake readers
 *   following   replica: committed ─▶ apply from the log ─▶ publish, wake readers; requests are handed to the shard that leads
 *
 * While one prepare is on its way the next requests gather; there is no timer on this path. The state is the store's newest sealed
 * version plus what the open prepare has applied; readers see only published versions, and only what is committed is published.
 *
 * Start: open the store at the replica's newest checkpoint, then follow what the replica says is committed. Requests that come
 * earlier wait. A crash anywhere loses nothing but memory: the supervisor starts shard, replica, keeper and projections of this
 * shard anew, together.
 *
 * To lead, the shard first applies the whole log, committed or not: what it decides rests on that, and a prepare names its parent. When
 * leadership is lost, the state goes back to what is published, and whoever waits for an answer learns that the outcome is unknown.
 */
import type { Actor, ActorContext, ActorDefinition, Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { genesis, Kernel } from "../../runtime/kernel/kernel.js";
import { isMadeByShard, isWrite, requestKind } from "../../runtime/kernel/kinds.js";
import { prepareOperations } from "../../runtime/storage/frame.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { LogTail } from "../../runtime/storage/log-tail.js";
import type { Store } from "../../runtime/store/store.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { pipelineMax } from "../../runtime/vsr/ports.js";
import type { CommandMessage } from "../messages/commands.js";
import {
  decodeOp,
  decodeQuestion,
  decodeRelay,
  encodeAnswer,
  encodeOp,
  relayKinds,
  relayTopics,
} from "../messages/relay.js";
import { ReplyBatchWriter } from "../messages/reply-batch.js";
import { deadlinesFrom, RequestBatchReader, RequestBatchWriter } from "../messages/request-batch.js";
import type { LeadershipConfirmed, ReplicaOpened, ReplicaReport } from "../replica/messages.js";
import { QueryEngine } from "../sql/query-engine.js";
import { Checkpointer } from "./checkpointer.js";
import { Forwarder } from "./forwarder.js";
import { decodeOutcome, encodeOutcome, Handover, type HandoverSettled, notHandedOver } from "./handover.js";
import { type Machine, realMachine } from "./machine.js";
import type { ShardMessage, ShardReports } from "./messages.js";
import { type Answering, answeringOver, PeerPort } from "./peer-port.js";
import { Proposal } from "./proposal.js";
import { Proposer } from "./proposer.js";
import { type Answered, Questions } from "./questions.js";
import { Replay } from "./replay.js";
import { collectReports, decodeReport, encodeReport, type ShardReport } from "./report.js";
import { type QueuedRequest, RequestQueue } from "./request-queue.js";
import { SqlDecider } from "./sql/decider.js";
import { openState, setDamagedAside } from "./state-files.js";
import { VersionHeaderWriter } from "./version-header.js";

export interface ShardArgs {
  readonly shard: number;
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly replica: string;
  readonly keeper: string;
  /** Replicas of this shard, and which of them is here. */
  readonly replicas: number;
  /** How many of them vote: the first. The others stand by. */
  readonly voters: number;
  readonly self: number;
  readonly projections: readonly string[];
  /** One word a projection: 1 while it wants to be told of newer versions. */
  readonly interest: SharedArrayBuffer;
  /** Bound of the page cache. */
  readonly cacheBytes: number;
  /** Prepares under way at once: 1 where the replica shares this thread, 2 where it has its own. */
  readonly pipelineMax: number;
  /** Log bytes after which a checkpoint is taken, and the longest time between two while there are changes. */
  readonly checkpointBytes: number;
  readonly checkpointMs: number;
}

/** Requests that wait to be decided; beyond it the mailbox fills and senders are told. */
const queueBytesMax = 64 * 1024 * 1024;
const queueCountMax = 200_000;
const openLogMs = 60_000;
const retryFullMs = 500;
/** Share of the cache that waits for a checkpoint at which nothing more is decided until one is through. */
const pressureMax = 0.85;
/** Damage in the log is asked of the other replicas for half a minute. */
const damageRetryMs = 250;
const damageTriesMax = 120;

type Phase = "opening" | "following" | "leading";

interface Leadership {
  readonly view: number;
  /** The log that this shard leads on from. */
  readonly head: LogPosition;
}

interface OwnOperation {
  readonly operation: number;
  readonly body: Uint8Array;
  readonly settled: (op: number | null) => void;
}

interface ReadIndexWait {
  readonly envelope: Envelope;
  /** The published state has to hold this op. */
  readonly commit: number;
}

class Shard implements Actor<ShardMessage> {
  readonly #context: ActorContext;
  readonly #args: ShardArgs;
  readonly #machine: Machine;
  readonly #queue = new RequestQueue();
  readonly #batch = new RequestBatchReader();
  readonly #header = new VersionHeaderWriter();
  readonly #interest: Int32Array;
  readonly #inFlight: Proposal[] = [];
  readonly #spare: Proposal[] = [];
  /** Answers without a record that wait for a quorum to say that this replica leads: those of the round under way, and of the next. */
  #confirming: Proposal[] = [];
  #unconfirmed: Proposal[] = [];
  readonly #awaitingReady: Envelope[] = [];
  readonly #questions: Questions;
  readonly #forwarder: Forwarder;
  readonly #handover: Handover;
  /** Cluster time less this thread's monotonic clock, ms: it neither steps nor stops between two words of the replica. Null: none. */
  #clock: number | null = null;
  /** Of the protocol itself, to be proposed next. */
  readonly #operations: OwnOperation[] = [];
  /** Replicas to which a connection stands. */
  readonly #linked = new Set<number>();
  readonly #answering: Answering;
  /** By replica: the shard there, as one who asks. */
  readonly #peerPorts: PeerPort[];
  /** Those that vote and those that stand by. */
  #replicas: number;
  /** Linearizable reads that wait until what was committed is published here. */
  #readIndexes: ReadIndexWait[] = [];
  /** Wirings to projections that know where the state is: a port exists before its `wired` is heard, so both ways in may see it. */
  readonly #attached = new WeakSet<Port>();
  readonly #queued: QueuedRequest;
  #phase: Phase = "opening";
  #tail: LogTail | null = null;
  #store: Store | null = null;
  /** The log up to what is published. */
  #position: LogPosition | null = null;
  #proposer: Proposer | null = null;
  #sql: SqlDecider | null = null;
  #isSqlTimed = false;
  #checkpointer: Checkpointer | null = null;
  #replay: Replay | null = null;
  #kernel: Kernel | null = null;
  /** What the replica has told to be committed. */
  #committed: LogPosition | null = null;
  /** Told to lead; once the log is applied, the phase says so too. */
  #leadership: Leadership | null = null;
  /** A replica is known to lead, this one or another. */
  #hasLeader = false;
  #isApplying = false;
  /** How often in a row the replay has met damage in the log. */
  #damageMet = 0;
  #replayed = 0;
  /** Newest op proposed. */
  #lastOp = 0;
  #isFull = false;
  #isDraining = false;
  #isReady = false;
  #isWatchingQuestions = false;
  #commits = 0;
  #records = 0;

  constructor(context: ActorContext, args: ShardArgs, machine: Machine) {
    this.#context = context;
    this.#args = args;
    this.#machine = machine;
    this.#interest = new Int32Array(args.interest);
    const send = (to: number, bytes: Uint8Array): boolean => this.#relay(to, bytes);
    this.#questions = new Questions(send, () => context.monotonic());
    this.#forwarder = new Forwarder(context, send, this.#questions);
    this.#handover = new Handover({
      abdicate: () => this.#abdicate(),
      askReport: (replica, told) => this.#askReport(replica, told),
      after: (ms) => void context.after(ms, { kind: "handoverDue" }),
      now: () => context.monotonic(),
    });
    this.#answering = answeringOver(context, send);
    this.#replicas = args.replicas;
    this.#peerPorts = Array.from({ length: args.replicas }, (_, replica) => new PeerPort(replica, context.epoch));
    const none = new Uint8Array(0);
    this.#queued = {
      bytes: none,
      view: new DataView(none.buffer),
      port: null,
      envelope: null,
      correlation: 0,
      deadline: 0,
      kind: 0,
      principalFrom: 0,
      principalTo: 0,
      bodyFrom: 0,
      bodyTo: 0,
    };
  }

  // ------------------------------------------------------------------ start

  /** The directory beside the leading system shard is the one that changes things. */
  #tellDirectory(): void {
    if (this.#args.shard !== 0 || !this.#hasLeader) return;
    const port = this.#context.port("directory");
    if (port !== null) this.#context.tell(port, { kind: "systemShard", leads: this.#phase === "leading" });
  }

  wired(neighbour: string, port: Port): void {
    if (neighbour === "directory") this.#tellDirectory();
    if (this.#args.projections.includes(neighbour)) this.#attach(port);
    if (neighbour !== this.#args.replica || this.#phase !== "opening") return;
    this.#context.request<ReplicaOpened>(port, { kind: "openLog" }, { deadlineMs: openLogMs }, (outcome) => {
      if (outcome.ok) this.#opened(outcome.value);
      else this.#context.crash(outcome.error);
    });
  }

  #opened(opened: ReplicaOpened): void {
    assert(this.#phase === "opening", "a shard opens once");
    const { shard } = this.#args;
    const { store, from, rebuilt } = openState(this.#args, opened.checkpoint, this.#machine);
    if (rebuilt !== null) this.#context.log.warn("the state is rebuilt from the log", { shard, because: rebuilt });
    if (opened.recovery.length > 0)
      this.#context.log.warn("log recovery", { shard, found: opened.recovery.join("; ") });
    this.#store = store;
    this.#position = from;
    // The replica hears of its peers before it is asked for its log: what it has told by then stands.
    if (this.#committed === null || this.#committed.op < from.op) this.#committed = from;
    this.#lastOp = from.op;
    this.#tail = new LogTail(opened.tail);
    this.#kernel = new Kernel(store, { atWork: () => this.#context.working() });
    if (from.op === 0) {
      genesis(store);
      store.publish(store.seal(this.#header.encode(0, from.address, from.timestamp)));
    }
    this.#phase = "following";
    const namedOp = opened.checkpoint?.position.op ?? 0;
    this.#checkpointer = new Checkpointer(this.#context, this.#args, store, from.op, namedOp, () => this.#propose());
    this.#applyLater();
  }

  // ------------------------------------------------------------------ following

  #applyLater(): void {
    if (this.#isApplying || this.#phase !== "following") return;
    this.#isApplying = true;
    this.#context.after(this.#damageMet > 0 ? damageRetryMs : 0, { kind: "apply" });
  }

  /** A slice of the log that is committed, or that this shard is about to lead on from; then the next. */
  #applySome(): void {
    this.#isApplying = false;
    if (this.#phase !== "following") return;
    const { store, checkpointer } = this.#parts();
    const position = this.#positionNow();
    if (store.cachePressure > pressureMax) {
      // The changes of a long log do not fit the cache at once: checkpoint on the way.
      checkpointer.runNow(position);
      this.#isApplying = true;
      this.#context.after(checkpointPollMs, { kind: "apply" });
      return;
    }
    const committed = this.#committed;
    assert(committed !== null, "an open shard knows what is committed");
    if (position.op < committed.op) {
      this.#applyCommitted(committed);
      this.#applyLater();
      return;
    }
    if (this.#leadership !== null) {
      this.#prepareToLead(this.#leadership);
      return;
    }
    this.#becomeReady();
  }

  #replayTo(target: LogPosition): Replay {
    const { directory, clusterId } = this.#args;
    const { store } = this.#parts();
    assert(this.#kernel !== null, "an open shard has its kernel");
    const from = this.#positionNow();
    const replay = this.#replay ?? Replay.open(directory, clusterId, store, this.#kernel, from, target, this.#machine);
    replay.extend(target);
    this.#replay = replay;
    return replay;
  }

  /**
   * A slice of the replay. Damage in the log is asked of the other replicas, and the replay goes on when it is repaired: at the next start
   * it would be met again, since a replica looks only at what is newer than its checkpoint then.
   */
  #sliceOf(replay: Replay): LogPosition {
    try {
      const position = this.#guarded(() => replay.slice());
      this.#damageMet = 0;
      return position;
    } catch (error) {
      if (this.#isSingle || !isLogDamage(error)) throw error;
      this.#damageMet += 1;
      if (this.#damageMet > damageTriesMax) throw error;
      const port = this.#context.port(this.#args.replica);
      if (port !== null) this.#context.tell(port, { kind: "damaged", from: replay.position });
      if (this.#damageMet === 1) {
        const because = error instanceof Error ? error.message : String(error);
        this.#context.log.warn("damage in the log is asked of the other replicas", { because });
      }
      replay.readAgain();
      return replay.position;
    }
  }

  #applyCommitted(committed: LogPosition): void {
    const { store, checkpointer } = this.#parts();
    const replay = this.#replayTo(committed);
    const before = this.#positionNow();
    const position = this.#sliceOf(replay);
    this.#position = position;
    this.#lastOp = position.op;
    if (!replay.hasChanged) return;
    this.#replayed += position.op - before.op;
    store.publish(store.seal(this.#header.encode(position.op, position.address, position.timestamp)));
    checkpointer.logged(position.address - before.address, position);
    this.#wake();
    this.#answerReadIndexes();
  }

  /** The rest of the log, which nobody has told to be committed yet, as one version that is published when it is. */
  #prepareToLead(leadership: Leadership): void {
    const { store } = this.#parts();
    const position = this.#positionNow();
    const { head } = leadership;
    if (head.op > position.op) {
      const replay = this.#replayTo(head);
      const applied = this.#sliceOf(replay);
      if (!replay.isDone) {
        this.#applyLater();
        return;
      }
      const inherited = this.#spare.pop() ?? new Proposal();
      inherited.op = head.op;
      inherited.version = store.seal(this.#header.encode(applied.op, applied.address, applied.timestamp));
      this.#inFlight.push(inherited);
    }
    this.#replay?.close();
    this.#replay = null;
    this.#lastOp = head.op;
    assert(this.#tail !== null && this.#kernel !== null, "an open shard has its log's memory");
    this.#sql = new SqlDecider({
      engine: new QueryEngine(),
      state: store,
      answer: (request, body) => this.#answerOne(request, body),
      defect: (error) => this.#context.log.error("a statement met a defect", { error: error.stack }),
      working: () => this.#context.working(),
      now: () => this.#context.now(),
      monotonic: () => this.#context.monotonic(),
      random: () => this.#context.random(),
    });
    this.#proposer = new Proposer(
      this.#kernel,
      store,
      this.#tail,
      this.#machine.geometry,
      head.address,
      Math.max(head.timestamp, this.#proposer?.lastTime ?? 0),
      this.#sql,
    );
    this.#phase = "leading";
    this.#tellDirectory();
    this.#becomeReady();
    this.#forwarder.drainInto((from, envelope, bytes) => this.#enqueue(from, envelope, bytes));
    this.#propose();
  }

  /** The state is as far as anybody has told: it can be read, and written here or through the leader. */
  #becomeReady(): void {
    if (!this.#hasLeader) return;
    if (this.#isReady) return;
    this.#isReady = true;
    const { shard } = this.#args;
    this.#context.log.info("shard ready", { shard, op: this.#lastOp, replayed: this.#replayed, phase: this.#phase });
    for (const projection of this.#args.projections) {
      const port = this.#context.port(projection);
      if (port !== null) this.#attach(port);
    }
    for (const envelope of this.#awaitingReady) this.#context.reply(envelope, true);
    this.#awaitingReady.length = 0;
  }

  #follow(view: number, leader: number): void {
    const { self, replica } = this.#args;
    this.#hasLeader = true;
    this.#leadership = null;
    if (this.#phase !== "opening") this.#stepDown();
    const port = this.#context.port(replica);
    if (port !== null) this.#context.tell(port, { kind: "released", view });
    this.#context.log.info("shard follows", { shard: this.#args.shard, view, leader });
    this.#forwarder.follow(leader === self ? null : leader);
    this.#handover.followed(this.#forwarder.leader);
    this.#tellDirectory();
    this.#applyLater();
  }

  /** Nothing that was proposed and not told as committed stands here any more; whether it does elsewhere is not known. */
  #stepDown(): void {
    const { store } = this.#parts();
    if (this.#phase === "leading" || this.#replay !== null) {
      if (store.sealedVersion !== store.publishedVersion || this.#replay !== null) {
        store.rollbackTo(store.publishedVersion);
      }
      this.#replay?.close();
      this.#replay = null;
    }
    this.#phase = "following";
    this.#sql?.dropAll();
    this.#sql = null;
    const error = outcomeUnknown();
    const hasLost = this.#inFlight.length + this.#confirming.length + this.#unconfirmed.length > 0;
    this.#refuseUnconfirmed(error);
    for (const proposal of this.#inFlight) proposal.refuse(this.#answering, error);
    this.#inFlight.length = 0;
    for (const { settled } of this.#operations.splice(0)) settled(null);
    this.#lastOp = this.#positionNow().op;
    for (const { envelope } of this.#readIndexes) this.#context.fail(envelope, notConfirmed());
    this.#readIndexes = [];
    this.#forwardQueued(hasLost);
  }

  /**
   * Requests that were queued and not decided go to whoever leads now; but not when something before them was lost sight of, which they
   * would overtake.
   */
  #forwardQueued(hasLost: boolean): void {
    for (const waiting of this.#queue.drain()) {
      if (hasLost && waiting.port !== null) {
        const refusal = new ReplyBatchWriter();
        refusal.fail(waiting.correlation, notLeading());
        this.#answering.tell(waiting.port, { kind: "replies", bytes: refusal.take(), count: 1 });
      } else if (waiting.envelope !== null) {
        const message: CommandMessage = {
          kind: "command",
          requestKind: waiting.kind,
          tenant: tenantOf(waiting),
          principal: new TextDecoder().decode(waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo)),
          body: waiting.bytes.slice(waiting.bodyFrom, waiting.bodyTo),
        };
        this.#forwarder.command(message, waiting.envelope);
      } else if (waiting.port instanceof PeerPort) {
        // It was handed on once already: who sent it hears soon who leads.
        const refusal = new ReplyBatchWriter();
        refusal.fail(waiting.correlation, notLeading());
        this.#answering.tell(waiting.port, { kind: "replies", bytes: refusal.take(), count: 1 });
      } else if (waiting.port !== null) {
        const batch = new RequestBatchWriter();
        const principal = waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo);
        const { correlation, deadline, kind, bytes, bodyFrom, bodyTo } = waiting;
        batch.add(correlation, deadline, kind, principal, bytes, bodyFrom, bodyTo);
        this.#forwarder.take(waiting.port, batch.take(), 1);
      }
    }
  }

  /** Tells a projection where the state and the tail of the log can be read. */
  #attach(port: Port): void {
    if (!this.#isReady || this.#tail === null || this.#attached.has(port)) return;
    const { store } = this.#parts();
    this.#attached.add(port);
    this.#context.tell(port, { kind: "attach", store: store.handle, tail: this.#tail.handle });
  }

  #positionNow(): LogPosition {
    assert(this.#position !== null, "an open shard knows where its log is");
    return this.#position;
  }

  #parts(): { store: Store; checkpointer: Checkpointer } {
    const { store, checkpointer } = { store: this.#store, checkpointer: this.#checkpointer };
    assert(store !== null && checkpointer !== null, "a shard works once its store is open");
    return { store, checkpointer };
  }

  #proposing(): Proposer {
    assert(this.#proposer !== null && this.#phase === "leading", "only a shard that leads proposes");
    return this.#proposer;
  }

  // ------------------------------------------------------------------ messages

  receive(message: ShardMessage, envelope: Envelope | null): void {
    switch (message.kind) {
      case "requests":
        assert(envelope !== null, "requests come from a neighbour");
        this.#requests(message.bytes, message.count, envelope);
        return;
      case "relayed":
        this.#relayed(message.from, message.bytes);
        return;
      case "peerDown":
        this.#linked.delete(message.replica);
        this.#endPeer(message.replica);
        this.#questions.peerDown(message.replica);
        this.#forwarder.peerDown(message.replica);
        this.#sql?.dropClosed(this.#peerPorts[message.replica]);
        return;
      case "replicas":
        assert(message.count >= this.#args.voters, "those that vote stay");
        this.#replicas = message.count;
        for (let replica = this.#peerPorts.length; replica < message.count; replica++) {
          this.#peerPorts.push(new PeerPort(replica, this.#context.epoch));
        }
        return;
      case "peerUp":
        this.#linked.add(message.replica);
        this.#forwarder.peerUp(message.replica);
        return;
      case "command": {
        assert(envelope !== null, "a command is asked");
        if (this.#isDraining) {
          this.#context.fail(envelope, new KimberliteError("draining", "the shard is stopping"));
        } else if (this.#isFollowing) {
          this.#forwarder.command(message, envelope);
        } else {
          this.#queueCommand(message, envelope);
        }
        return;
      }
      case "committed":
        this.#wasCommitted(message.position);
        return;
      case "lead":
        this.#hasLeader = true;
        this.#leadership = { view: message.view, head: message.head };
        this.#handover.leads();
        this.#context.log.info("shard leads", { shard: this.#args.shard, view: message.view, op: message.head.op });
        this.#applyLater();
        return;
      case "follow":
        this.#follow(message.view, message.leader);
        return;
      case "clusterTime":
        this.#clock = message.now === null ? null : message.now / 1_000 - this.#context.monotonic();
        if (this.#clock !== null) this.#propose();
        return;
      case "upgrade":
        this.#upgrade(message.release);
        return;
      case "renewView":
        if (this.#phase !== "leading" || this.#isSingle) return;
        this.#context.log.info("the view is renewed for a replica that was replaced", { shard: this.#args.shard });
        this.#handover.begin(() => {});
        this.#handOn();
        return;
      case "refused":
        this.#refused(message.op, message.message);
        return;
      case "readIndex":
        assert(envelope !== null, "a read index is asked");
        this.#readIndex(envelope);
        return;
      case "askLeader":
        assert(envelope !== null, "the leader is asked on somebody's behalf");
        this.#askLeader(relayTopics.admin, message.call, adminMs, (body) => {
          if (body === null) this.#context.fail(envelope, notConfirmed());
          else this.#context.reply(envelope, body.slice());
        });
        return;
      case "reports":
        assert(envelope !== null, "reports are asked for");
        this.#reports((reports) => this.#context.reply(envelope, reports));
        return;
      case "handOver":
        assert(envelope !== null, "a handover is asked for");
        this.#handOver((outcome) => {
          if (outcome instanceof KimberliteError) this.#context.fail(envelope, outcome);
          else this.#context.reply(envelope, outcome);
        });
        return;
      case "barrier":
        assert(envelope !== null, "a barrier is asked for");
        this.#barrier((op) => {
          if (op === null) this.#context.fail(envelope, outcomeUnknown());
          else this.#context.reply(envelope, op);
        });
        return;
      case "questionsDue":
        this.#isWatchingQuestions = false;
        this.#questions.expire();
        this.#watchQuestions();
        return;
      case "handoverDue":
        this.#handover.timer();
        return;
      case "awaitReady":
        assert(envelope !== null, "readiness is asked for");
        if (this.#isReady) this.#context.reply(envelope, true);
        else this.#awaitingReady.push(envelope);
        return;
      case "apply":
        this.#applySome();
        return;
      case "pageDamaged":
        this.#damaged(message.because);
        return;
      case "sqlDue":
        this.#isSqlTimed = false;
        this.#sql?.timer();
        return;
      case "retryFull":
        this.#isFull = false;
        return;
      case "checkpointTimer":
        this.#checkpointer?.timer();
        return;
      case "checkpointRetry":
        // `flush` follows and tries again to propose, and so to begin a checkpoint.
        return;
      default:
        unreachable(message);
    }
  }

  /** Another replica is known to lead, or about to be. */
  get #isFollowing(): boolean {
    return !this.#isSingle && this.#phase !== "leading" && this.#leadership === null;
  }

  get #isSingle(): boolean {
    return this.#args.replicas === 1;
  }

  #requests(bytes: Uint8Array, count: number, envelope: Envelope): void {
    const port = this.#context.port(neighbourOf(envelope.sender));
    // What an earlier gateway asked is not answered to its successor, whose correlations are its own.
    if (port === null || port.epoch !== envelope.epoch) return;
    if (this.#isFollowing) this.#forwarder.take(port, bytes, count);
    else this.#enqueue(port, null, bytes);
  }

  // ------------------------------------------------------------------ other nodes

  #relay(to: number, bytes: Uint8Array): boolean {
    const port = this.#context.port(this.#args.replica);
    return port !== null && this.#context.tell(port, { kind: "relay", to, bytes }, { transfer: true }) === "accepted";
  }

  /** What this shard on another node says. */
  #relayed(from: number, bytes: Uint8Array): void {
    const { kind, body } = decodeRelay(bytes);
    switch (kind) {
      case relayKinds.requests:
      case relayKinds.commands:
        this.#requestsOfPeer(this.#peerPorts[from], body, kind === relayKinds.commands);
        return;
      case relayKinds.replies:
        this.#forwarder.replies(body);
        return;
      case relayKinds.question:
        this.#asked(from, body);
        return;
      case relayKinds.answer:
        this.#questions.answered(body);
        return;
      default:
        this.#context.log.warn("a relay of an unknown kind", { shard: this.#args.shard, from, kind });
    }
  }

  /**
   * Whoever comes next over the link to that node counts its requests and questions from the start: what the one before it asked is not
   * answered to it, or a client would get the answer to another's request.
   */
  #endPeer(replica: number): void {
    const port = this.#peerPorts[replica];
    if (port === undefined) return;
    port.isOpen = false;
    this.#peerPorts[replica] = new PeerPort(replica, this.#context.epoch);
  }

  #asked(from: number, bytes: Uint8Array): void {
    const { id, topic, body } = decodeQuestion(bytes);
    const asker = this.#peerPorts[from];
    const answer = (known: Uint8Array | null): void => {
      if (asker?.isOpen === true) this.#relay(from, encodeAnswer({ id, body: known }));
    };
    if (topic === relayTopics.report) {
      this.#report((report) => answer(report === null ? null : encodeReport(report)));
    } else if (this.#leadership === null) {
      answer(null);
    } else if (topic === relayTopics.commitIndex) {
      this.#confirm((commit) => answer(commit === null ? null : encodeOp(commit)));
    } else if (topic === relayTopics.admin) {
      this.#administer(body, answer);
    } else if (topic === relayTopics.barrier) {
      this.#barrier((op) => answer(op === null ? null : encodeOp(op)));
    } else if (topic === relayTopics.handOver) {
      this.#handOver((outcome) => answer(encodeOutcome(outcome)));
    } else {
      answer(null);
    }
  }

  /** A call of the administration that reached another node: the directory beside the leading system shard carries it out. */
  #administer(call: Uint8Array, answer: (result: Uint8Array | null) => void): void {
    const directory = this.#context.port("directory");
    if (directory === null) {
      answer(null);
      return;
    }
    const message = { kind: "adminRelayed", call: call.slice() };
    this.#context.request<Uint8Array>(directory, message, { deadlineMs: adminMs }, (outcome) => {
      answer(outcome.ok ? outcome.value : null);
    });
  }

  #askLeader(topic: number, body: Uint8Array, deadlineMs: number, answered: Answered): void {
    const { leader } = this.#forwarder;
    if (leader === null) answered(null);
    else this.#ask(leader, topic, body, deadlineMs, answered);
  }

  #ask(to: number, topic: number, body: Uint8Array, deadlineMs: number, answered: Answered): void {
    this.#questions.ask(to, topic, body, deadlineMs, answered);
    this.#watchQuestions();
  }

  #watchQuestions(): void {
    if (this.#isWatchingQuestions || this.#questions.size === 0) return;
    this.#isWatchingQuestions = true;
    this.#context.after(questionsDueMs, { kind: "questionsDue" });
  }

  /** How this replica stands; null while it is being restarted. */
  #report(told: (report: ShardReport | null) => void): void {
    const port = this.#context.port(this.#args.replica);
    if (port === null) {
      told(null);
      return;
    }
    this.#context.request<ReplicaReport>(port, { kind: "report" }, { deadlineMs: reportMs }, (outcome) => {
      if (!outcome.ok) {
        told(null);
        return;
      }
      const leads = this.#phase === "leading";
      const leader = leads ? this.#args.self : this.#forwarder.leader;
      const applied = this.#position?.op ?? 0;
      told({ ...outcome.value, applied, leads, leader, isDiskFull: this.#isFull, linked: [...this.#linked] });
    });
  }

  #askReport(replica: number, told: (report: ShardReport | null) => void): void {
    if (replica === this.#args.self) this.#report(told);
    else this.#ask(replica, relayTopics.report, noBytes, reportMs, (body) => told(body && decodeReport(body)));
  }

  #reports(told: (reports: ShardReports) => void): void {
    const { self } = this.#args;
    collectReports(
      this.#replicas,
      this.#forwarder.leader ?? self,
      (replica, said) => this.#askReport(replica, said),
      told,
    );
  }

  // ------------------------------------------------------------------ operations of the protocol

  /** Commits an operation that says nothing, wherever this shard leads. Tells its op; null when it may never be committed. */
  #barrier(settled: (op: number | null) => void): void {
    if (this.#phase === "leading") {
      this.#operations.push({ operation: prepareOperations.barrier, body: new Uint8Array(barrierBytes), settled });
      this.#propose();
      return;
    }
    this.#askLeader(relayTopics.barrier, noBytes, barrierMs, (body) => settled(body === null ? null : decodeOp(body)));
  }

  /** The log's next release begins behind everything that was decided under the one before. */
  #upgrade(release: number): void {
    const operation = prepareOperations.upgrade;
    if (this.#phase !== "leading" || this.#operations.some((own) => own.operation === operation)) return;
    const body = new Uint8Array(upgradeBytes);
    new DataView(body.buffer).setUint32(0, release, true);
    const settled = (op: number | null): void => {
      if (op !== null) this.#context.log.info("the log is upgraded", { shard: this.#args.shard, release, op });
    };
    this.#operations.push({ operation, body, settled });
    this.#propose();
  }

  // ------------------------------------------------------------------ handover

  /** Has another replica lead, wherever this shard leads now. */
  #handOver(settled: HandoverSettled): void {
    const { voters, self } = this.#args;
    if (this.#phase === "leading") {
      const successor = (self + 1) % voters;
      if (this.#isSingle) settled(notHandedOver("there is no other replica"));
      else if (!this.#linked.has(successor)) {
        settled(notHandedOver("the replica that would lead next is not connected", { successor }));
      } else {
        this.#handover.begin(settled);
        this.#handOn();
      }
      return;
    }
    this.#askLeader(relayTopics.handOver, noBytes, handoverMs, (body) => {
      settled((body && decodeOutcome(body)) ?? notHandedOver("no replica is known to lead"));
    });
  }

  /** What was under way when a handover began is committed: now. */
  #handOn(): void {
    if (this.#handover.isUnderWay && this.#inFlight.length === 0) this.#handover.drained();
  }

  #abdicate(): void {
    const port = this.#context.port(this.#args.replica);
    if (port !== null) this.#context.tell(port, { kind: "abdicate" });
  }

  /**
   * Handing on what was handed on could go in circles: when this shard does not lead either, the sender hears soon who does. One that is
   * about to lead keeps it; one that has just given up refuses it at once, before the sender loses sight of it.
   */
  #requestsOfPeer(port: PeerPort, bytes: Uint8Array, areCommands: boolean): void {
    const mayLead = this.#forwarder.leader === null && this.#phase === "following" && !this.#handover.isUnderWay;
    if (!this.#isFollowing || mayLead) {
      deadlinesFrom(bytes, this.#context.now());
      this.#enqueue(port, null, bytes, areCommands);
      return;
    }
    const refusals = new ReplyBatchWriter();
    const batch = this.#batch.open(bytes);
    while (batch.next()) refusals.fail(batch.correlation, notLeading());
    this.#answering.tell(port, { kind: "replies", bytes: refusals.take(), count: 1 });
  }

  #queueCommand(message: CommandMessage, envelope: Envelope): void {
    const principal = new TextEncoder().encode(message.principal);
    const bytes = new Uint8Array(principal.length + message.body.length);
    bytes.set(principal, 0);
    bytes.set(message.body, principal.length);
    this.#queue.push(message.tenant, {
      bytes,
      view: new DataView(bytes.buffer),
      port: null,
      envelope,
      correlation: 0,
      deadline: envelope.deadline,
      kind: message.requestKind,
      principalFrom: 0,
      principalTo: principal.length,
      bodyFrom: principal.length,
      bodyTo: bytes.length,
    });
  }

  /** @param areCommands of an actor of another node: they are this node's own, not a client's */
  #enqueue(port: Port | null, envelope: Envelope | null, bytes: Uint8Array, areCommands = envelope !== null): void {
    const batch = this.#batch.open(bytes);
    const queued = this.#queued;
    queued.bytes = bytes;
    queued.view = batch.view;
    queued.port = port;
    queued.envelope = envelope;
    let refusals: ReplyBatchWriter | null = null;
    while (batch.next()) {
      if (batch.kind === requestKind.cancel) {
        if (port !== null) this.#sql?.cancel(port, batch.correlation);
        continue;
      }
      const refusal = areCommands ? null : this.#admission(batch);
      if (refusal !== null) {
        refusals ??= new ReplyBatchWriter();
        refusals.fail(batch.correlation, refusal);
        continue;
      }
      queued.correlation = batch.correlation;
      queued.deadline = batch.deadline;
      queued.kind = batch.kind;
      queued.principalFrom = batch.principalFrom;
      queued.principalTo = batch.principalTo;
      queued.bodyFrom = batch.bodyFrom;
      queued.bodyTo = batch.bodyTo;
      this.#queue.push(tenantOf(queued), queued);
    }
    if (refusals === null || port === null) return;
    const count = refusals.count;
    this.#answering.tell(port, { kind: "replies", bytes: refusals.take(), count }, { transfer: true });
  }

  /** Why a request is not even queued, or null. */
  #admission(batch: RequestBatchReader): KimberliteError | null {
    const isTaken = batch.kind === requestKind.sql || (isWrite(batch.kind) && !isMadeByShard(batch.kind));
    if (!isTaken) return new KimberliteError("notSupported", `kind ${batch.kind} is not a write`);
    if (batch.bodyTo - batch.bodyFrom < 8) return new KimberliteError("frameInvalid", "the request names no tenant");
    if (this.#isDraining) return new KimberliteError("draining", "connect again once it is back");
    if (this.#isFull) return new KimberliteError("diskFull", "free space, and writes go on by themselves");
    if (this.#queue.count >= queueCountMax || this.#queue.bytes >= queueBytesMax) {
      return new KimberliteError(
        "mailboxFull",
        "the shard has more writes waiting than it holds; try again in a moment",
      );
    }
    return null;
  }

  /** Everything that had arrived is queued: form a prepare of it, unless enough are under way. */
  flush(): void {
    this.#sql?.requeueWoken(this.#queue);
    this.#propose();
    if (this.#sql?.hasTimers === true && !this.#isSqlTimed) {
      this.#isSqlTimed = true;
      this.#context.after(sqlDueMs, { kind: "sqlDue" });
    }
  }

  unwired(): void {
    this.#sql?.dropClosed();
  }

  #answerOne({ port, envelope, correlation }: Readonly<QueuedRequest>, body: Uint8Array): void {
    if (envelope !== null) this.#context.reply(envelope, { body });
    else if (port !== null) {
      const replies = new ReplyBatchWriter();
      replies.ok(correlation, body);
      this.#answering.tell(port, { kind: "replies", bytes: replies.take(), count: 1 }, { transfer: true });
    }
  }

  // ------------------------------------------------------------------ the write path

  /** What was inherited from another leader and is not committed yet is under way as well: a view change names no more than that. */
  get #hasRoom(): boolean {
    const uncommitted = this.#lastOp - this.#positionNow().op;
    const isFew = this.#inFlight.length < this.#args.pipelineMax && uncommitted < pipelineMax;
    return isFew && this.#proposing().hasRoom;
  }

  #propose(): void {
    const leadership = this.#leadership;
    if (this.#phase !== "leading" || leadership === null) return;
    const { store, checkpointer } = this.#parts();
    const proposer = this.#proposing();
    // Requests wait while nobody can say what time it is; a primary that stays so gives up its view.
    const stamp = this.#timeNow();
    if (stamp === null) return;
    const hasRoom = (): boolean => this.#hasRoom && !this.#handover.isUnderWay;
    while (this.#queue.count + this.#operations.length > 0 && hasRoom()) {
      if (store.cachePressure > pressureMax) {
        // No room for more changes until a checkpoint is through; it calls back.
        checkpointer.runNow(this.#positionNow());
        return;
      }
      const proposal = this.#spare.pop() ?? new Proposal();
      const own = this.#operations.shift();
      if (own === undefined) {
        this.#guarded(() => proposer.fill(this.#queue, proposal, this.#context.now(), stamp));
      } else {
        proposer.fillOperation(proposal, own.operation, own.body, stamp);
        proposal.settled = own.settled;
      }
      if (own === undefined && proposal.recordCount === 0) {
        this.#answerWithoutRecord(proposal);
        continue;
      }
      proposal.op = this.#lastOp + 1;
      this.#lastOp = proposal.op;
      proposal.version = store.seal(this.#header.encode(proposal.op, proposer.nextAddress, proposal.time));
      const port = this.#context.port(this.#args.replica);
      // Without its replica the shard is about to be restarted; what it applied dies with its memory.
      if (port === null) throw new KimberliteError("shardUnavailable", "the replica is gone");
      this.#inFlight.push(proposal);
      const { op, address, bodyBytes, recordCount, time, operation } = proposal;
      proposal.endAddress = proposer.nextAddress;
      const { view } = leadership;
      const propose = { kind: "propose", view, op, address, bodyBytes, recordCount, time, operation };
      const told = this.#context.tell(port, propose);
      assert(told === "accepted", "a replica has room for every prepare under way");
    }
  }

  /** What records are stamped with, ms; null while the replicas' clocks do not agree. */
  #timeNow(): number | null {
    if (this.#isSingle) return this.#context.now();
    return this.#clock === null ? null : this.#clock + this.#context.monotonic();
  }

  /** Damage of the page file costs time, not data: the log is whole, and the state is derived from it anew. */
  #guarded<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (isPageDamage(error)) this.#damaged(String(error));
      throw error;
    }
  }

  #damaged(because: string): void {
    setDamagedAside(this.#args.directory, this.#machine.disk);
    throw new KimberliteError("dataCorrupt", `${because}; the state is rebuilt from the log`);
  }

  /**
   * Answers that rest on state decided earlier wait for the newest prepare under way. With none that state is committed, but may be of
   * the past: another replica may lead without this one knowing. So a quorum is asked first, as for a linearizable read; else a refusal
   * could name an offset that was passed long ago, and a client would take a write for not committed that is committed elsewhere.
   */
  #answerWithoutRecord(proposal: Proposal): void {
    const newest = this.#inFlight.at(-1);
    if (newest !== undefined) {
      newest.follow(proposal);
    } else if (this.#isSingle) {
      this.#send(proposal);
    } else {
      this.#unconfirmed.push(proposal);
      this.#confirmAnswers();
    }
  }

  #send(proposal: Proposal): void {
    proposal.sendAll(this.#answering, (done) => {
      if (this.#spare.length < spareMax) this.#spare.push(done);
    });
  }

  /** One round at a time, each for what was decided before it began. */
  #confirmAnswers(): void {
    if (this.#confirming.length > 0 || this.#unconfirmed.length === 0) return;
    this.#confirming = this.#unconfirmed;
    this.#unconfirmed = [];
    const asked = this.#confirming;
    this.#confirm((commit) => {
      // A commit or the loss of leadership has answered them meanwhile.
      if (this.#confirming !== asked) return;
      if (commit === null) this.#refuseUnconfirmed(outcomeUnknown());
      else this.#sendConfirmed();
    });
  }

  #sendConfirmed(): void {
    const confirmed = this.#confirming;
    this.#confirming = [];
    for (const proposal of confirmed) this.#send(proposal);
    this.#confirmAnswers();
  }

  /** What is committed now was proposed behind them and says the same as a round: nobody else led meanwhile. */
  #sendUnconfirmed(): void {
    const proved = [...this.#confirming, ...this.#unconfirmed];
    this.#confirming = [];
    this.#unconfirmed = [];
    for (const proposal of proved) this.#send(proposal);
  }

  #refuseUnconfirmed(error: KimberliteError): void {
    const refused = [...this.#confirming, ...this.#unconfirmed];
    this.#confirming = [];
    this.#unconfirmed = [];
    for (const proposal of refused) proposal.refuse(this.#answering, error);
  }

  #wasCommitted(position: LogPosition): void {
    if (this.#committed === null || position.op > this.#committed.op) this.#committed = position;
    if (this.#phase !== "leading") {
      this.#applyLater();
      return;
    }
    const { store, checkpointer } = this.#parts();
    let bytes = 0;
    let version = 0;
    while (this.#inFlight.length > 0 && this.#inFlight[0].op <= position.op) {
      const proposal = this.#inFlight.shift();
      assert(proposal !== undefined, "what is taken from the pipeline was in it");
      bytes += proposal.bodyBytes;
      version = proposal.version;
      this.#commits += 1;
      this.#records += proposal.recordCount;
      if (proposal.op === position.op) this.#position = position;
      store.publish(version);
      this.#sendUnconfirmed();
      this.#send(proposal);
    }
    if (version === 0) return;
    assert(
      this.#positionNow().op === position.op,
      "order: prepares are committed in the order in which they were proposed",
    );
    this.#wake();
    this.#answerReadIndexes();
    checkpointer.logged(bytes, position);
    this.#handOn();
  }

  // ------------------------------------------------------------------ linearizable reads

  /** A projection asks how new its snapshot has to be: the leader says what is committed, and this state has to have published that. */
  #readIndex(envelope: Envelope): void {
    const told = (commit: number | null): void => {
      if (commit === null) this.#context.fail(envelope, notConfirmed());
      else this.#whenPublished(envelope, commit);
    };
    if (!this.#isReady) told(null);
    else if (this.#isFollowing) {
      const { commitIndex } = relayTopics;
      this.#askLeader(commitIndex, noBytes, confirmMs, (body) => told(body === null ? null : decodeOp(body)));
    } else this.#confirm(told);
  }

  /** Tells what is committed once a quorum has confirmed that this replica leads; null when it does not. */
  #confirm(told: (commit: number | null) => void): void {
    if (this.#isSingle && this.#phase === "leading") {
      // One replica leads as long as it runs, and publishes what is committed before anybody hears of it. What it found in its log at
      // start may have been answered before, and is not published yet (T21).
      told(Math.max(this.#positionNow().op, this.#leadership?.head.op ?? 0));
      return;
    }
    const port = this.#context.port(this.#args.replica);
    if (port === null) {
      told(null);
      return;
    }
    this.#context.request<LeadershipConfirmed>(port, { kind: "confirm" }, { deadlineMs: confirmMs }, (outcome) => {
      told(outcome.ok ? outcome.value.commit : null);
    });
  }

  #whenPublished(envelope: Envelope, commit: number): void {
    this.#readIndexes.push({ envelope, commit });
    this.#answerReadIndexes();
  }

  #answerReadIndexes(): void {
    if (this.#readIndexes.length === 0) return;
    const { op } = this.#positionNow();
    const { store } = this.#parts();
    const waiting: ReadIndexWait[] = [];
    for (const wait of this.#readIndexes) {
      if (wait.commit <= op) this.#context.reply(wait.envelope, store.publishedVersion);
      else waiting.push(wait);
    }
    this.#readIndexes = waiting;
  }

  /** Tells projections that wait for news, and only those: waking an idle thread costs 30 µs. */
  #wake(): void {
    const { projections } = this.#args;
    for (let i = 0; i < projections.length; i++) {
      if (Atomics.load(this.#interest, i) === 0) continue;
      Atomics.store(this.#interest, i, 0);
      const port = this.#context.port(projections[i]);
      if (port !== null) this.#context.tell(port, { kind: "advanced" });
    }
  }

  /** The disk was full: nothing of the prepare, or of those behind it, was written. The state goes back to the one before. */
  #refused(op: number, message: string): void {
    if (this.#phase !== "leading") return;
    const { store } = this.#parts();
    const proposer = this.#proposing();
    const first = this.#inFlight.findIndex((proposal) => proposal.op === op);
    assert(first >= 0, "order: only what was proposed is refused");
    const refused = this.#inFlight.splice(first);
    const last = this.#inFlight.at(-1);
    store.rollbackTo(last?.version ?? store.publishedVersion);
    const error = new KimberliteError("diskFull", `${message}; free space, and writes go on by themselves`);
    for (const proposal of refused) proposal.refuse(this.#answering, error);
    this.#sql?.dropAll();
    this.#lastOp = op - 1;
    proposer.nextAddress = last?.endAddress ?? this.#positionNow().address;
    this.#isFull = true;
    this.#context.after(retryFullMs, { kind: "retryFull" });
  }

  // ------------------------------------------------------------------ end

  /** Takes nothing new, finishes what is under way, and leaves a checkpoint so that the next start replays nothing. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const giveUp = this.#context.monotonic() + 10_000;
    const waits = (): boolean => this.#context.monotonic() < giveUp && this.#phase === "leading";
    while (waits() && (this.#queue.count > 0 || this.#inFlight.length > 0)) await pause();
    if (this.#phase === "opening") return;
    const { checkpointer } = this.#parts();
    // One under way may hold an older state: wait for it, then take the last.
    while (waits() && checkpointer.isBusy) await pause();
    checkpointer.runNow(this.#positionNow());
    while (waits() && checkpointer.isBusy) await pause();
  }

  stop(): void {
    this.#replay?.close();
    this.#store?.close();
  }

  inspect(): Record<string, string | number> {
    const store = this.#store;
    return {
      phase: this.#phase,
      op: this.#position?.op ?? 0,
      commits: this.#commits,
      records: this.#records,
      queued: this.#queue.count,
      knowsTime: this.#timeNow() === null ? 0 : 1,
      inFlight: this.#inFlight.length,
      queuedBytes: this.#queue.bytes,
      expired: this.#proposer?.expired ?? 0,
      sqlTransactions: this.#sql?.openTransactions ?? 0,
      sqlWaiting: this.#sql?.parked ?? 0,
      diskFull: this.#isFull ? 1 : 0,
      ...(store === null ? {} : storeNumbers(store)),
      ...(this.#checkpointer === null ? {} : this.#checkpointer.inspect()),
    };
  }
}

/** Proposals that are kept for the next use. */
const spareMax = 4;
const checkpointPollMs = 5;
const confirmMs = 5_000;
const adminMs = 60_000;
/** Twice in a row, since others are asked after the leader, and still within a person's patience. */
const reportMs = 700;
/** Longer than a handover takes at most where it happens. */
const handoverMs = 6_000;
const questionsDueMs = 50;
const sqlDueMs = 20;
const noBytes = new Uint8Array(0);
const barrierBytes = 8;
const upgradeBytes = 8;
const barrierMs = 5_000;

const outcomeUnknown = (): KimberliteError =>
  new KimberliteError("shardUnavailable", "another replica leads now; whether the write was committed is not known", {
    outcome: "unknown",
  });
const notLeading = (): KimberliteError =>
  new KimberliteError("shardUnavailable", "this replica does not lead the shard; try again in a moment");
const notConfirmed = (): KimberliteError =>
  new KimberliteError("shardUnavailable", "no replica is known to lead the shard; try again in a moment");

const tenantOf = ({ view, bodyFrom, bodyTo }: QueuedRequest): number =>
  bodyTo - bodyFrom < 8 ? 0 : view.getUint32(bodyFrom, true) + view.getUint32(bodyFrom + 4, true) * 2 ** 32;

function storeNumbers(store: Store): Record<string, number> {
  const { dirtyPages, freeFrames, frames, pageCount, freePages, loads, evictions, readers } = store.status();
  const version = store.publishedVersion;
  return {
    version,
    pages: pageCount,
    freePages,
    cachePages: frames - freeFrames,
    dirtyPages,
    loads,
    evictions,
    readers,
  };
}

/** Only what the store says of a page: a damaged log is no reason to throw the state away, since it could not be derived again. */
const isPageDamage = (error: unknown): boolean =>
  error instanceof KimberliteError && error.code === "dataCorrupt" && error.detail["page"] !== undefined;

/** A prepare of the log that does not verify, or cannot be read. */
const isLogDamage = (error: unknown): boolean =>
  error instanceof KimberliteError && error.code === "dataCorrupt" && error.detail["op"] !== undefined;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
/** The last part of a path is the id under which neighbours know an actor. */
const neighbourOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export const shardOn = (machine: Machine): ActorDefinition<ShardArgs, ShardMessage> => ({
  kind: "shard",
  mailbox: { countMax: 20_000, bytesMax: 128 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Shard(context, args, machine),
});

export const shardDefinition = shardOn(realMachine);
