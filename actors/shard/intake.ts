/**
 * Requests on their way into the queue: from gateways and actors of this node, and from shards of other nodes; and back out of it, when
 * another shard leads that has to decide them.
 */
import type { Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { isMadeByShard, isWrite, requestKind } from "../../runtime/kernel/kinds.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { CommandMessage } from "../messages/commands.js";
import { refusalsOf } from "../messages/refused-requests.js";
import { ReplyBatchWriter } from "../messages/reply-batch.js";
import { deadlinesFrom, RequestBatchReader, RequestBatchWriter } from "../messages/request-batch.js";
import type { SqlRequest } from "../messages/sql.js";
import { encodeSqlRequest } from "../messages/sql-codec.js";
import { sessionOf } from "../messages/sql-head.js";
import type { ShardCore } from "./core.js";
import type { Forwarder } from "./forwarder.js";
import type { HeldRequests } from "./held-requests.js";
import { notLeading } from "./outcomes.js";
import { type Answering, PeerPort } from "./peer-port.js";
import { type QueuedRequest, RequestQueue } from "./request-queue.js";

/** Requests that wait to be decided; beyond it the mailbox fills and senders are told. */
const queueBytesMax = 64 * 1024 * 1024;
const queueCountMax = 200_000;

export class Intake {
  readonly queue = new RequestQueue();
  readonly held: HeldRequests;
  readonly #core: ShardCore;
  readonly #answering: Answering;
  readonly #forwarder: Forwarder;
  readonly #batch = new RequestBatchReader();
  readonly #queued: QueuedRequest;
  /** Answers that rest on nothing that is under way, by who asked. */
  readonly #answers = new Map<Port, ReplyBatchWriter>();

  /** @param held takes requests of sessions that have no room for answers */
  constructor(core: ShardCore, answering: Answering, forwarder: Forwarder, held: HeldRequests) {
    this.held = held;
    this.#core = core;
    this.#answering = answering;
    this.#forwarder = forwarder;
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

  /** Something is still to be decided. */
  get isWaitedFor(): boolean {
    return this.queue.count + this.held.count > 0;
  }

  /** A batch of a gateway of this node. */
  requests(port: Port, bytes: Uint8Array, count: number): void {
    if (this.#core.isFollowing) this.#forwarder.take(port, bytes, count);
    else this.enqueue(port, null, bytes);
  }

  /** A single command of an actor of this node. */
  command(message: CommandMessage, envelope: Envelope): void {
    const core = this.#core;
    if (core.isDraining) {
      core.context.fail(envelope, new KimberliteError("draining", "the shard is stopping"));
    } else if (core.isFollowing) {
      this.#forwarder.command(message, envelope);
    } else {
      this.#queueCommand(message, envelope);
    }
  }

  /** A batch that another node's shard hands on and that may be decided here. */
  requestsOfPeer(port: PeerPort, bytes: Uint8Array, areCommands: boolean): void {
    deadlinesFrom(bytes, this.#core.context.now());
    this.enqueue(port, null, bytes, areCommands);
  }

  /** What this shard asks of itself; nobody hears what comes of it. */
  own(requests: readonly SqlRequest[]): void {
    const batch = new RequestBatchWriter();
    for (const [index, request] of requests.entries()) {
      const body = encodeSqlRequest(request);
      batch.add(index, 0, requestKind.sql, new TextEncoder().encode(request.user), body, 0, body.length);
    }
    if (batch.count > 0) this.enqueue(null, null, batch.take());
  }

  /** One that may not be: whoever sent it hears soon who leads. */
  refusePeer(port: PeerPort, bytes: Uint8Array): void {
    const refusals = refusalsOf(bytes, notLeading());
    const { count } = refusals;
    if (count > 0) this.#answering.tell(port, { kind: "replies", bytes: refusals.take(), count });
  }

  #queueCommand(message: CommandMessage, envelope: Envelope): void {
    const principal = new TextEncoder().encode(message.principal);
    const bytes = new Uint8Array(principal.length + message.body.length);
    bytes.set(principal, 0);
    bytes.set(message.body, principal.length);
    this.queue.push(message.tenant, {
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
  enqueue(port: Port | null, envelope: Envelope | null, bytes: Uint8Array, areCommands = envelope !== null): void {
    const batch = this.#batch.open(bytes);
    const queued = this.#queued;
    queued.bytes = bytes;
    queued.view = batch.view;
    queued.port = port;
    queued.envelope = envelope;
    let refusals: ReplyBatchWriter | null = null;
    while (batch.next()) {
      if (batch.kind === requestKind.cancel) {
        if (port !== null) this.#core.sql?.cancel(port, batch.correlation);
        continue;
      }
      if (port instanceof PeerPort) port.asked(batch.correlation, sessionOf(batch));
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
      this.queue.push(tenantOf(queued), queued);
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
    if (this.#core.isDraining) return new KimberliteError("draining", "connect again once it is back");
    if (this.#core.isFull) return new KimberliteError("diskFull", "free space, and writes go on by themselves");
    const { queue, held } = this;
    if (queue.count + held.count >= queueCountMax || queue.bytes + held.bytes >= queueBytesMax) {
      return new KimberliteError(
        "mailboxFull",
        "the shard has more writes waiting than it holds; try again in a moment",
      );
    }
    return null;
  }

  /**
   * Requests that were queued and not decided go to whoever leads now; but not when something before them was lost sight of, which they
   * would overtake.
   */
  forwardQueued(hasLost: boolean): void {
    this.held.requeueAll(this.queue);
    for (const waiting of this.queue.drain()) {
      if (hasLost && waiting.port !== null) {
        this.#refuse(waiting.port, waiting.correlation);
      } else if (waiting.envelope !== null) {
        const message: CommandMessage = {
          kind: "command",
          requestKind: waiting.kind,
          tenant: tenantOf(waiting),
          principal: new TextDecoder("utf-8", { ignoreBOM: true }).decode(
            waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo),
          ),
          body: waiting.bytes.slice(waiting.bodyFrom, waiting.bodyTo),
        };
        this.#forwarder.command(message, waiting.envelope);
      } else if (waiting.port instanceof PeerPort) {
        // It was handed on once already: who sent it hears soon who leads.
        this.#refuse(waiting.port, waiting.correlation);
      } else if (waiting.port !== null) {
        const batch = new RequestBatchWriter();
        const principal = waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo);
        const { correlation, deadline, kind, bytes, bodyFrom, bodyTo } = waiting;
        batch.add(correlation, deadline, kind, principal, bytes, bodyFrom, bodyTo);
        this.#forwarder.take(waiting.port, batch.take(), 1);
      }
    }
  }

  #refuse(port: Port, correlation: number): void {
    const refusal = new ReplyBatchWriter();
    refusal.fail(correlation, notLeading());
    this.#answering.tell(port, { kind: "replies", bytes: refusal.take(), count: 1 });
  }

  /** Bytes of answers that were taken and are not sent yet. */
  answeredBytes = 0;

  /** Takes an answer, to be sent with others. */
  answerOne(request: Readonly<QueuedRequest>, body: Uint8Array): void {
    const { port, envelope, correlation } = request;
    this.held.answered(request, body.length);
    if (envelope !== null) this.#core.context.reply(envelope, { body: body.slice() });
    else if (port !== null) {
      const replies = this.#answers.get(port) ?? new ReplyBatchWriter();
      this.#answers.set(port, replies);
      replies.ok(correlation, body);
      this.answeredBytes += body.length;
    }
  }

  /** Sends the answers that were taken. */
  sendAnswers(): void {
    this.answeredBytes = 0;
    for (const [port, replies] of this.#answers) {
      const { count } = replies;
      if (count > 0) this.#answering.tell(port, { kind: "replies", bytes: replies.take(), count }, { transfer: true });
      if (!port.isOpen) this.#answers.delete(port);
    }
  }
}

const tenantOf = ({ view, bodyFrom, bodyTo }: QueuedRequest): number =>
  bodyTo - bodyFrom < 8 ? 0 : view.getUint32(bodyFrom, true) + view.getUint32(bodyFrom + 4, true) * 2 ** 32;
