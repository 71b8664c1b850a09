/**
 * The shard actor: the single writer of its tenants' state on this node.
 *
 *   leading     requests ─▶ queue ─▶ decide + apply (speculative) ─▶ propose ─▶ replica: committed ─▶ publish, answer, wake readers
 *   following   replica: committed ─▶ apply from the log ─▶ publish, wake readers; requests are handed to the shard that leads
 *
 * The state is the store's newest sealed version plus what the open prepare has applied; readers see only published versions, and only what is
 * committed is published.
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
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { LogTail } from "../../runtime/storage/log-tail.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { relayTopics } from "../messages/relay.js";
import { senderPort } from "../messages/sender.js";
import type { ReplicaOpened } from "../replica/messages.js";
import { AnswerShares } from "./answer-shares.js";
import { Applier } from "./applier.js";
import type { ShardArgs } from "./args.js";
import { Checkpointer } from "./checkpointer.js";
import { ShardCore } from "./core.js";
import { Handover } from "./handover.js";
import { HeldRequests } from "./held-requests.js";
import { Intake } from "./intake.js";
import { type Machine, realMachine } from "./machine.js";
import type { ShardMessage } from "./messages.js";
import { Operations } from "./operations.js";
import { adminMs, OtherNodes } from "./other-nodes.js";
import { notConfirmed, outcomeUnknown } from "./outcomes.js";
import type { PeerPort } from "./peer-port.js";
import { Pipeline } from "./pipeline.js";
import { Readers } from "./readers.js";
import { openState } from "./state-files.js";

const openLogMs = 60_000;
const sqlDueMs = 20;
const sessionsDueMs = 1_000;
const drainMsMax = 10_000;

class Shard implements Actor<ShardMessage> {
  readonly #core: ShardCore;
  readonly #nodes: OtherNodes;
  readonly #handover: Handover;
  readonly #intake: Intake;
  readonly #pipeline: Pipeline;
  readonly #applier: Applier;
  readonly #readers: Readers;
  readonly #operations: Operations;
  #isSqlTimed = false;
  #isLookingAfter = false;
  #isGoingOn = false;

  constructor(context: ActorContext, args: ShardArgs, machine: Machine) {
    const core = new ShardCore(context, args, machine);
    this.#core = core;
    const published = (): void => this.#readers.published();
    this.#nodes = new OtherNodes(core, {
      requestsOfPeer: (port, bytes, areCommands) => this.#requestsOfPeer(port, bytes, areCommands),
      barrier: (settled) => this.#operations.barrier(settled),
      reconfigure: (voters, settled) => this.#operations.reconfigure(voters, settled),
      handOver: (settled) => this.#operations.handOver(settled),
      cancel: (message) => this.#readers.cancel(message),
    });
    this.#handover = new Handover({
      abdicate: () => this.#abdicate(),
      askReport: (replica, told) => this.#nodes.askReport(replica, told),
      after: (ms) => void context.after(ms, { kind: "handoverDue" }),
      now: () => context.monotonic(),
    });
    const { answering, forwarder } = this.#nodes;
    const shares = new AnswerShares((port) => this.#nodes.roomOf(port));
    this.#intake = new Intake(core, answering, forwarder, new HeldRequests(shares));
    this.#pipeline = new Pipeline(core, this.#intake, answering, this.#handover, {
      published,
      answerOne: (request, body) => this.#intake.answerOne(request, body),
      answeredBytes: () => this.#intake.answeredBytes,
      goOnLater: () => this.#goOnLater(),
      sendAnswers: () => this.#intake.sendAnswers(),
    });
    this.#operations = new Operations(core, this.#nodes, this.#pipeline, this.#handover);
    this.#readers = new Readers(
      core,
      (told) => this.#nodes.askCommit(told),
      () => this.#applier.applyLater(),
    );
    this.#applier = new Applier(core, {
      published,
      isAwaited: () => this.#readers.isAwaited,
      caughtUp: () => this.#readers.becomeReady(this.#applier.replayed),
      lead: (leadership, inherited) => {
        this.#pipeline.lead(leadership, inherited);
        core.tellDirectory();
        this.#readers.becomeReady(this.#applier.replayed);
        this.#pipeline.propose();
      },
    });
  }

  // ------------------------------------------------------------------ start

  wired(neighbour: string, port: Port): void {
    const { context, args, phase } = this.#core;
    if (neighbour === "directory") this.#core.tellDirectory();
    if (args.projections.includes(neighbour)) this.#readers.attach(port);
    if (neighbour !== args.replica || phase !== "opening") return;
    context.request<ReplicaOpened>(port, { kind: "openLog" }, { deadlineMs: openLogMs }, (outcome) => {
      if (outcome.ok) this.#opened(outcome.value);
      else context.crash(outcome.error);
    });
  }

  unwired(neighbour: string): void {
    this.#readers.left(neighbour);
    this.#nodes.forwarder.goOn();
    this.#core.sql?.dropClosed();
  }

  #opened(opened: ReplicaOpened): void {
    const core = this.#core;
    const { context, args } = core;
    assert(core.phase === "opening", "a shard opens once");
    const { shard } = args;
    const { store, from, rebuilt, hasLongKeys } = openState(args, opened.checkpoint, core.machine);
    if (rebuilt !== null) context.log.warn("the state is rebuilt from the log", { shard, because: rebuilt });
    if (opened.recovery.length > 0) context.log.warn("log recovery", { shard, found: opened.recovery.join("; ") });
    core.store = store;
    core.position = from;
    // The replica hears of its peers before it is asked for its log: what it has told by then stands.
    if (core.committed === null || core.committed.op < from.op) core.committed = from;
    core.lastOp = from.op;
    core.tail = new LogTail(opened.tail);
    if (hasLongKeys) core.longKeysMet();
    core.kernel = new Kernel(store, { atWork: () => context.working(), longKey: () => core.longKeysMet() });
    core.beganEmpty = from.op === 0;
    if (core.beganEmpty) {
      genesis(store);
      store.publish(store.seal(core.header.encode(0, from.address, from.timestamp)));
    }
    core.phase = "following";
    const namedOp = opened.checkpoint?.position.op ?? 0;
    core.checkpointer = new Checkpointer(context, args, store, from.op, namedOp, () => this.#pipeline.propose());
    this.#applier.applyLater();
  }

  // ------------------------------------------------------------------ messages

  receive(message: ShardMessage, envelope: Envelope | null): void {
    const core = this.#core;
    switch (message.kind) {
      case "requests":
        assert(envelope !== null, "requests come from a neighbour");
        this.#requests(message.bytes, message.count, envelope);
        return;
      case "relayed":
        this.#nodes.relayed(message.from, message.bytes);
        return;
      case "peerDown":
        this.#nodes.down(message.replica);
        return;
      case "replicas":
        this.#nodes.resize(message.count);
        return;
      case "peerUp":
        this.#nodes.up(message.replica);
        if (message.replica === this.#nodes.forwarder.leader) this.#readers.leaderChanged();
        return;
      case "command":
        assert(envelope !== null, "a command is asked");
        this.#intake.command(message, envelope);
        return;
      case "committed":
        this.#committed(message.position);
        return;
      case "lead":
        core.hasLeader = true;
        core.leadership = { view: message.view, head: message.head };
        // At once: what comes while the log is applied is queued, and is not to overtake what waited for a leader.
        this.#nodes.forwarder.drainInto((from, asked, bytes) => this.#intake.enqueue(from, asked, bytes));
        this.#handover.leads();
        this.#readers.leaderChanged();
        core.context.log.info("shard leads", { shard: core.args.shard, view: message.view, op: message.head.op });
        this.#applier.applyLater();
        return;
      case "follow":
        this.#follow(message.view, message.leader);
        return;
      case "clusterTime":
        core.clock = message.now === null ? null : message.now / 1_000 - core.context.monotonic();
        if (core.clock !== null) this.#pipeline.propose();
        return;
      case "configured":
        core.voters = message.voters;
        core.configuration = message.configuration;
        return;
      case "upgrade":
        this.#operations.upgrade(message.release);
        return;
      case "renewView":
        this.#operations.renewView();
        return;
      case "refused":
        this.#pipeline.refused(message.op, message.message);
        return;
      case "readState": {
        const port = envelope === null ? null : senderPort(core.context, envelope);
        if (port !== null) this.#readers.admit(port, message.owner);
        return;
      }
      case "cancelElsewhere":
        this.#nodes.cancel(message.cancel);
        return;
      case "readIndex":
        assert(envelope !== null, "a read index is asked");
        this.#readers.readIndex(envelope);
        return;
      case "askLeader":
        assert(envelope !== null, "the leader is asked on somebody's behalf");
        this.#nodes.askLeader(relayTopics.admin, message.call, adminMs, (body) => {
          if (body === null) core.context.fail(envelope, notConfirmed());
          else core.context.reply(envelope, body.slice());
        });
        return;
      case "rolesChanged":
        assert(envelope !== null, "whoever changed roles waits for what others say");
        this.#nodes.tellRolesChanged((areTold) => core.context.reply(envelope, areTold));
        return;
      case "formsKnown":
        assert(envelope !== null, "whoever is to write a record waits for what others say");
        this.#nodes.askForms(message.forms, (areKnown) => core.context.reply(envelope, areKnown));
        return;
      case "reports":
        assert(envelope !== null, "reports are asked for");
        this.#nodes.reports((reports) => core.context.reply(envelope, reports));
        return;
      case "handOver":
        assert(envelope !== null, "a handover is asked for");
        this.#operations.handOver((outcome) => {
          if (outcome instanceof KimberliteError) core.context.fail(envelope, outcome);
          else core.context.reply(envelope, outcome);
        });
        return;
      case "barrier":
        assert(envelope !== null, "a barrier is asked for");
        this.#operations.barrier(this.#toldOp(envelope));
        return;
      case "reconfigure":
        assert(envelope !== null, "a reconfiguration is asked for");
        this.#operations.reconfigure(message.voters, this.#toldOp(envelope));
        return;
      case "questionsDue":
        this.#nodes.questionsDue();
        return;
      case "handoverDue":
        this.#handover.timer();
        return;
      case "awaitReady":
        assert(envelope !== null, "readiness is asked for");
        this.#readers.awaitReady(envelope);
        return;
      case "apply":
        this.#applier.applySome();
        return;
      case "pageDamaged":
        core.damaged(message.because);
        return;
      case "sqlDue":
        this.#isSqlTimed = false;
        core.sql?.timer();
        return;
      case "sessionsDue":
        this.#isLookingAfter = false;
        if (core.sql !== null) this.#intake.own(core.sql.endsOfSilent());
        return;
      case "resendAnswers":
        // `flush` follows, and decides what was held up.
        this.#nodes.resend();
        return;
      case "goOn":
        // `flush` follows, and goes on deciding.
        this.#isGoingOn = false;
        return;
      case "retryFull":
        core.isFull = false;
        return;
      case "checkpointTimer":
        core.checkpointer?.timer();
        return;
      case "checkpointRetry":
        // `flush` follows and tries again to propose, and so to begin a checkpoint.
        return;
      default:
        unreachable(message);
    }
  }

  #requests(bytes: Uint8Array, count: number, envelope: Envelope): void {
    const port = senderPort(this.#core.context, envelope);
    if (port !== null) this.#intake.requests(port, bytes, count);
  }

  /**
   * Handing on what was handed on could go in circles: when this shard does not lead either, the sender hears soon who does. One that is
   * about to lead keeps it; one that has just given up refuses it at once, before the sender loses sight of it.
   */
  #requestsOfPeer(port: PeerPort, bytes: Uint8Array, areCommands: boolean): void {
    const core = this.#core;
    const isNobodyKnown = this.#nodes.forwarder.leader === null;
    const mayLead = isNobodyKnown && core.phase === "following" && !this.#handover.isUnderWay;
    if (!core.isFollowing || mayLead) this.#intake.requestsOfPeer(port, bytes, areCommands);
    else this.#intake.refusePeer(port, bytes);
  }

  #goOnLater(): void {
    if (this.#isGoingOn) return;
    this.#isGoingOn = true;
    this.#core.context.after(0, { kind: "goOn" });
  }

  /** Everything that had arrived is queued: form a prepare of it, unless enough are under way. */
  flush(): void {
    const { sql, context } = this.#core;
    this.#intake.held.requeue(this.#intake.queue);
    sql?.requeueWoken(this.#intake.queue);
    this.#pipeline.propose();
    this.#intake.sendAnswers();
    if (this.#core.sql?.hasTimers === true && !this.#isSqlTimed) {
      this.#isSqlTimed = true;
      context.after(sqlDueMs, { kind: "sqlDue" });
    }
    if (this.#core.sql?.looksAfterSessions === true && !this.#isLookingAfter) {
      this.#isLookingAfter = true;
      context.after(sessionsDueMs, { kind: "sessionsDue" });
    }
  }

  // ------------------------------------------------------------------ what the replica says

  #committed(position: LogPosition): void {
    const core = this.#core;
    if (core.committed === null || position.op > core.committed.op) core.committed = position;
    if (core.phase === "leading") this.#pipeline.committed(position);
    else this.#applier.applyLater();
  }

  /** Answers with an operation's number once it is committed. */
  #toldOp(envelope: Envelope): (op: number | null) => void {
    const { context } = this.#core;
    return (op) => {
      if (op === null) context.fail(envelope, outcomeUnknown());
      else context.reply(envelope, op);
    };
  }

  #follow(view: number, leader: number): void {
    const core = this.#core;
    const { self, replica, shard } = core.args;
    const { forwarder } = this.#nodes;
    core.hasLeader = true;
    core.leadership = null;
    if (core.phase !== "opening") this.#stepDown();
    const port = core.context.port(replica);
    if (port !== null) core.context.tell(port, { kind: "released", view });
    core.context.log.info("shard follows", { shard, view, leader });
    const before = forwarder.leader;
    forwarder.follow(leader === self ? null : leader);
    if (forwarder.leader !== null && forwarder.leader !== before) this.#readers.leaderChanged();
    this.#handover.followed(forwarder.leader);
    core.tellDirectory();
    this.#applier.applyLater();
  }

  /** Nothing that was proposed and not told as committed stands here any more; whether it does elsewhere is not known. */
  #stepDown(): void {
    this.#applier.giveUp();
    const hasLost = this.#pipeline.giveUp();
    this.#readers.refuseReadIndexes();
    this.#intake.forwardQueued(hasLost);
  }

  #abdicate(): void {
    const { context, args } = this.#core;
    const port = context.port(args.replica);
    if (port !== null) context.tell(port, { kind: "abdicate" });
  }

  // ------------------------------------------------------------------ end

  /** Takes nothing new, finishes what is under way, and leaves a checkpoint so that the next start replays nothing. */
  async drain(): Promise<void> {
    const core = this.#core;
    core.isDraining = true;
    const giveUp = core.context.monotonic() + drainMsMax;
    const waits = (): boolean => core.context.monotonic() < giveUp && core.phase === "leading";
    while (waits() && (this.#intake.isWaitedFor || !this.#pipeline.isEmpty)) await pause();
    if (core.phase === "opening") return;
    const { checkpointer } = core.parts();
    // One under way may hold an older state: wait for it, then take the last.
    while (waits() && checkpointer.isBusy) await pause();
    checkpointer.runNow(core.positionNow());
    while (waits() && checkpointer.isBusy) await pause();
  }

  stop(): void {
    this.#applier.close();
    this.#core.store?.close();
  }

  inspect(): Record<string, string | number> {
    const { sql } = this.#core;
    const { queue, held } = this.#intake;
    const { held: answers, peers } = this.#nodes;
    return {
      ...this.#core.inspect(),
      ...this.#pipeline.inspect(),
      queued: queue.count + held.count,
      queuedBytes: queue.bytes + held.bytes,
      answerBytesHeld: answers.bytes + peers.bytes,
      answerBytesHeldMost: answers.most + peers.most,
      answersHeld: answers.waited + peers.waited,
      requestsHeld: held.waited,
      relaysRefused: this.#nodes.relays.refused,
      sqlTransactions: sql?.openTransactions ?? 0,
      sqlWaiting: sql?.parked ?? 0,
    };
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

export const shardOn = (machine: Machine): ActorDefinition<ShardArgs, ShardMessage> => ({
  kind: "shard",
  mailbox: { countMax: 20_000, bytesMax: 128 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Shard(context, args, machine),
});

export const shardDefinition = shardOn(realMachine);
