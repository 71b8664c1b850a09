/**
 * This shard on the other nodes: what travels between them over the replicas' links, the questions that they ask one another, and how each
 * of them stands.
 */
import type { Port } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";
import { rolesLeaseMs } from "../directory/messages.js";
import { type CancelMessage, decodeCancel, encodeCancel } from "../messages/cancel.js";
import {
  decodeForms,
  decodeOp,
  decodeQuestion,
  decodeRelay,
  encodeAnswer,
  encodeForms,
  encodeOp,
  formsKnown,
  incarnationSpan,
  PartAssembler,
  recordForms,
  relayKinds,
  relayTopics,
} from "../messages/relay.js";
import type { ReplicaReport } from "../replica/messages.js";
import type { AnswerRoom } from "./backlog.js";
import type { ShardCore } from "./core.js";
import { Forwarder } from "./forwarder.js";
import { encodeOutcome, type HandoverSettled } from "./handover.js";
import { HeldAnswers } from "./held-answers.js";
import type { ShardReports } from "./messages.js";
import { PeerAnswers } from "./peer-answers.js";
import { PeerAskers } from "./peer-askers.js";
import { type Answering, answeringOver, PeerPort } from "./peer-port.js";
import { type Answered, Questions } from "./questions.js";
import { Relays } from "./relays.js";
import { collectReports, decodeReport, encodeReport, type ShardReport } from "./report.js";

/** What others may ask of this shard. */
export interface OtherNodesHost {
  requestsOfPeer(port: PeerPort, bytes: Uint8Array, areCommands: boolean): void;
  barrier(settled: (op: number | null) => void): void;
  reconfigure(voters: number, settled: (op: number | null) => void): void;
  handOver(settled: HandoverSettled): void;
  cancel(message: CancelMessage): void;
}

export const adminMs = 60_000;
/** Twice in a row, since others are asked after the leader, and still within a person's patience. */
const reportMs = 700;
const confirmMs = 5_000;
const cancelMs = 1_000;
const formsMs = 2_000;
const questionsDueMs = 50;
const resendMs = 5;
/** Who has not taken what came before by then has lost it, or is asked again behind more. */
const takenMs = 30_000;
/** While more waits for the gateways of this node, nothing that came from another counts as taken. */
const untakenBytes: number = 8 * miB;
export const noBytes = new Uint8Array(0);

export class OtherNodes {
  readonly forwarder: Forwarder;
  readonly answering: Answering;
  /** What gateways of this node have no room for. */
  readonly held: HeldAnswers;
  /** What is for gateways of others. */
  readonly peers: PeerAnswers;
  readonly relays: Relays;
  /** Replicas to which a connection stands. */
  readonly linked = new Set<number>();
  readonly #core: ShardCore;
  readonly #host: OtherNodesHost;
  /** Tells what this shard asks from what the one before it in this place has asked. */
  readonly #incarnation: number;
  readonly #questions: Questions;
  readonly #askers: PeerAskers;
  /** By replica: what its shard sends in parts. */
  readonly #parts = new Map<number, PartAssembler>();
  /** Shards that wait to hear that what they sent is taken. */
  #untaken: (() => void)[] = [];
  /** Those that vote and those that stand by. */
  #replicas: number;
  #isWatching = false;
  /** By replica: the forms of records that its program said it knows. */
  readonly #forms = new Map<number, number>();
  /** Those that could not be asked which forms they know. */
  readonly #formsDue = new Set<number>();

  constructor(core: ShardCore, host: OtherNodesHost) {
    this.#core = core;
    this.#host = host;
    const { context, args } = core;
    const tell = (to: number, bytes: Uint8Array): boolean => this.#relay(to, bytes);
    this.#incarnation = Math.floor(context.random() * incarnationSpan);
    this.#questions = new Questions(this.#incarnation, tell, () => context.monotonic());
    this.relays = new Relays({
      tell: (to, bytes) => tell(to, bytes) || this.#tryLater(),
      askTaken: (to, taken) => this.#askTaken(to, taken),
      roomAgain: () => this.#roomAgain(),
    });
    this.held = new HeldAnswers(
      (port, message, options) => context.tell(port, message, options),
      () => void context.after(resendMs, { kind: "resendAnswers" }),
    );
    this.peers = new PeerAnswers(this.relays, () => this.#watch());
    this.answering = answeringOver(context, this.held, this.peers);
    this.forwarder = new Forwarder(context, this.answering, this.#incarnation, this.relays, this.#questions);
    this.#askers = new PeerAskers(context.epoch, () => this.#core.sql?.dropClosed());
    this.#replicas = args.replicas;
  }

  // ------------------------------------------------------------------ links

  #relay(to: number, bytes: Uint8Array): boolean {
    const { context, args } = this.#core;
    const port = context.port(args.replica);
    return port !== null && context.tell(port, { kind: "relay", to, bytes }, { transfer: true }) === "accepted";
  }

  /** The replica's mailbox is full: what is for others waits. */
  #tryLater(): boolean {
    this.#lookLater();
    return false;
  }

  #askTaken(to: number, taken: (isKnown: boolean | null) => void): boolean {
    const told: Answered = (body, how) => taken(how === "ended" ? null : body !== null);
    const isAsked = this.#questions.tryAsk(to, relayTopics.taken, noBytes, takenMs, told);
    this.#watch();
    return isAsked;
  }

  #roomAgain(): void {
    this.forwarder.goOn();
    this.peers.resend();
  }

  /** For answers to a gateway, of this node or another. */
  roomOf(port: Port): AnswerRoom {
    return port instanceof PeerPort ? this.peers.roomOf(port) : this.held.roomOf(port);
  }

  /** What had no room may have some now. */
  resend(): void {
    this.held.due();
    if (this.held.bytes > untakenBytes) return;
    for (const taken of this.#untaken.splice(0)) taken();
  }

  up(replica: number): void {
    this.linked.add(replica);
    this.forwarder.peerUp(replica);
    this.#learnForms(replica);
  }

  down(replica: number): void {
    this.linked.delete(replica);
    this.#formsDue.delete(replica);
    this.#parts.delete(replica);
    this.relays.down(replica);
    this.peers.down(replica);
    this.#askers.end(replica);
    this.#questions.peerDown(replica);
    this.forwarder.peerDown(replica);
  }

  /** Those that vote and those that stand by. */
  get replicas(): number {
    return this.#replicas;
  }

  /** So many replicas there are from now on, those that stand by among them. */
  resize(count: number): void {
    assert(count >= this.#core.voters, "those that vote stay");
    this.#replicas = count;
  }

  /** What this shard on another node says. */
  relayed(from: number, bytes: Uint8Array): void {
    const { kind, incarnation, source, body } = decodeRelay(bytes);
    switch (kind) {
      case relayKinds.requests:
      case relayKinds.commands: {
        const asker = this.#askers.asker(from, incarnation, source);
        this.#host.requestsOfPeer(asker, body, kind === relayKinds.commands);
        return;
      }
      case relayKinds.replies:
        if (incarnation === this.#incarnation) this.forwarder.replies(body);
        return;
      case relayKinds.question:
        this.#asked(this.#askers.asker(from, incarnation, 0), body);
        return;
      case relayKinds.answer:
        if (incarnation === this.#incarnation) this.#questions.answered(body);
        return;
      case relayKinds.part: {
        const whole = this.#partsOf(from).add(body);
        if (whole !== null) this.relayed(from, whole);
        return;
      }
      default:
        this.#core.context.log.warn("a relay of an unknown kind", { shard: this.#core.args.shard, from, kind });
    }
  }

  #partsOf(replica: number): PartAssembler {
    const parts = this.#parts.get(replica) ?? new PartAssembler();
    this.#parts.set(replica, parts);
    return parts;
  }

  // ------------------------------------------------------------------ questions

  #asked(asker: PeerPort, bytes: Uint8Array): void {
    const { id, topic, body } = decodeQuestion(bytes);
    const answer = (known: Uint8Array | null): void => {
      if (asker.isOpen) this.#relay(asker.replica, encodeAnswer(asker.incarnation, { id, body: known }));
    };
    if (topic === relayTopics.taken) {
      if (this.held.bytes > untakenBytes) this.#untaken.push(() => answer(noBytes));
      else answer(noBytes);
    } else if (topic === relayTopics.gatewayGone) {
      this.#askers.gone(asker, body[0] ?? 0);
      answer(noBytes);
    } else if (topic === relayTopics.forms) {
      answer(encodeForms(formsKnown));
    } else if (topic === relayTopics.cancel) {
      const cancel = decodeCancel(body);
      if (cancel !== null) this.#host.cancel(cancel);
      answer(noBytes);
    } else if (topic === relayTopics.report) {
      this.#report((report) => answer(report === null ? null : encodeReport(report)));
    } else if (topic === relayTopics.rolesChanged) {
      this.#askDirectory({ kind: "rolesChangedElsewhere" }, (said) => answer(said === null ? null : noBytes));
    } else if (this.#core.leadership === null) {
      answer(null);
    } else if (topic === relayTopics.commitIndex) {
      this.#core.confirm((commit) => answer(commit === null ? null : encodeOp(commit)));
    } else if (topic === relayTopics.admin) {
      this.#administer(body, answer);
    } else if (topic === relayTopics.barrier) {
      this.#host.barrier((op) => answer(op === null ? null : encodeOp(op)));
    } else if (topic === relayTopics.reconfiguration && body.length >= 4) {
      const voters = new DataView(body.buffer, body.byteOffset, 4).getUint32(0, true);
      this.#host.reconfigure(voters, (op) => answer(op === null ? null : encodeOp(op)));
    } else if (topic === relayTopics.handOver) {
      this.#host.handOver((outcome) => answer(encodeOutcome(outcome)));
    } else {
      answer(null);
    }
  }

  /** A call of the administration that reached another node: the directory beside the leading system shard carries it out. */
  #administer(call: Uint8Array, answer: (result: Uint8Array | null) => void): void {
    this.#askDirectory({ kind: "adminRelayed", call: call.slice() }, answer);
  }

  #askDirectory(message: OutgoingMessage, answer: (result: Uint8Array | null) => void): void {
    const { context } = this.#core;
    const directory = context.port("directory");
    if (directory === null) {
      answer(null);
      return;
    }
    context.request<Uint8Array>(directory, message, { deadlineMs: adminMs }, (outcome) => {
      answer(outcome.ok ? outcome.value : null);
    });
  }

  /** Tells all others; who has the session, and whether the secret is right, is theirs to know, and nobody hears of it. */
  cancel(message: CancelMessage): void {
    const body = encodeCancel(message);
    for (const replica of this.linked) this.#ask(replica, relayTopics.cancel, body, cancelMs, () => {});
  }

  /** Has the directories of all other nodes hear that roles are others now. Tells whether each has said that its gateways have. */
  tellRolesChanged(told: (areTold: boolean) => void): void {
    const others = this.#others;
    let waiting = others.length;
    let areTold = true;
    if (waiting === 0) told(true);
    for (const replica of others) {
      this.#ask(replica, relayTopics.rolesChanged, noBytes, rolesLeaseMs, (body) => {
        assert(waiting > 0, "each of the other nodes answers once");
        waiting -= 1;
        areTold &&= body !== null;
        if (waiting === 0) told(areTold);
      });
    }
  }

  /** Tells whether the programs of all other nodes know these forms of records; one that cannot be asked may not. */
  askForms(forms: number, told: (areKnown: boolean) => void): void {
    const others = this.#others;
    let waiting = others.length;
    let areKnown = true;
    if (waiting === 0) told(true);
    for (const replica of others) {
      const heard: Answered = (body) => {
        areKnown &&= (decodeForms(body) & forms) === forms;
        waiting -= 1;
        if (waiting === 0) told(areKnown);
      };
      if (this.linked.has(replica)) this.#ask(replica, relayTopics.forms, noBytes, formsMs, heard);
      else heard(null, "ended");
    }
  }

  /** Asks a replica which forms its program knows, as long as that matters: each shard, so that one that comes to lead knows it. */
  #learnForms(replica: number): void {
    const core = this.#core;
    if (core.areLongKeysKnown) return;
    this.#ask(replica, relayTopics.forms, noBytes, formsMs, (body, how) => {
      if (how === "ended") {
        if (this.linked.has(replica)) this.#formsDue.add(replica);
        this.#watch();
        return;
      }
      this.#forms.set(replica, decodeForms(body));
      const isKnown = (other: number): boolean => ((this.#forms.get(other) ?? 0) & recordForms.longKeys) !== 0;
      core.areLongKeysKnown ||= this.#others.every((other) => other >= core.voters || isKnown(other));
    });
  }

  get #others(): readonly number[] {
    const { self } = this.#core.args;
    return Array.from({ length: this.#replicas }, (_, replica) => replica).filter((replica) => replica !== self);
  }

  askLeader(topic: number, body: Uint8Array, deadlineMs: number, answered: Answered): void {
    const { leader } = this.forwarder;
    if (leader === null) answered(null, "ended");
    else this.#ask(leader, topic, body, deadlineMs, answered);
  }

  /** Asks the shard that leads what is committed. */
  askCommit(told: (commit: number | null) => void): void {
    const { commitIndex } = relayTopics;
    this.askLeader(commitIndex, noBytes, confirmMs, (body) => told(body === null ? null : decodeOp(body)));
  }

  #ask(to: number, topic: number, body: Uint8Array, deadlineMs: number, answered: Answered): void {
    this.#questions.ask(to, topic, body, deadlineMs, answered);
    this.#watch();
  }

  #watch(): void {
    const isNeeded =
      this.#formsDue.size > 0 ||
      this.#questions.size > 0 ||
      this.forwarder.isHeldUp ||
      this.relays.isDue ||
      !this.peers.isEmpty;
    if (isNeeded) this.#lookLater();
  }

  #lookLater(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#core.context.after(questionsDueMs, { kind: "questionsDue" });
  }

  questionsDue(): void {
    this.#isWatching = false;
    this.#questions.expire();
    const due = [...this.#formsDue];
    this.#formsDue.clear();
    for (const replica of due) this.#learnForms(replica);
    this.relays.goOn();
    this.#roomAgain();
    this.#watch();
  }

  // ------------------------------------------------------------------ reports

  /** How this replica stands; null while it is being restarted. */
  #report(told: (report: ShardReport | null) => void): void {
    const core = this.#core;
    const port = core.context.port(core.args.replica);
    if (port === null) {
      told(null);
      return;
    }
    core.context.request<ReplicaReport>(port, { kind: "report" }, { deadlineMs: reportMs }, (outcome) => {
      if (!outcome.ok) {
        told(null);
        return;
      }
      const leads = core.phase === "leading";
      const leader = leads ? core.args.self : this.forwarder.leader;
      const applied = core.position?.op ?? 0;
      told({ ...outcome.value, applied, leads, leader, isDiskFull: core.isFull, linked: [...this.linked] });
    });
  }

  askReport(replica: number, told: (report: ShardReport | null) => void): void {
    if (replica === this.#core.args.self) this.#report(told);
    else this.#ask(replica, relayTopics.report, noBytes, reportMs, (body) => told(body && decodeReport(body)));
  }

  reports(told: (reports: ShardReports) => void): void {
    const leader = this.forwarder.leader ?? this.#core.args.self;
    collectReports(this.#replicas, leader, (replica, said) => this.askReport(replica, said), told);
  }
}
