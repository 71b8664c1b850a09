/**
 * The requests that reach a shard which does not lead: handed on to the shard of the node that does, answers carried back. Whoever sends
 * requests to a shard need not know who leads it.
 *
 *   gateway ─▶ shard here ─▶ replica ═ link ═ replica ─▶ leading shard ─▶ … ─▶ shard here ─▶ gateway
 *
 * While nobody is known to lead, requests wait here, in bounded memory. When the leader is lost, what was handed to it may or may not have
 * been committed: writes end as *unknown*, and a retry with the same idempotency key gets the first outcome. What was not handed on yet
 * goes to the next leader.
 */
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { assert } from "../../runtime/types/assert.js";
import { fromErrorRecord, KimberliteError } from "../../runtime/types/errors.js";
import type { CommandMessage } from "../messages/commands.js";
import { refusalsOf } from "../messages/refused-requests.js";
import { encodeRelay, relayBodyBytesMax, relayKinds, relayTopics, sourcesMax } from "../messages/relay.js";
import { decodeErrorBody, ReplyBatchReader, ReplyBatchWriter } from "../messages/reply-batch.js";
import { deadlinesLeft, RequestBatchWriter } from "../messages/request-batch.js";
import type { Answering, RelaySender } from "./peer-port.js";
import type { Questions } from "./questions.js";

interface Waiting {
  readonly port: Port | null;
  readonly envelope: Envelope | null;
  readonly kind: number;
  readonly bytes: Uint8Array;
}

interface HandedOn {
  readonly port: Port | null;
  readonly envelope: Envelope | null;
  readonly correlation: number;
}

const waitingBytesMax = 32 * 1024 * 1024;
const handedOnMax = 200_000;
const goneMs = 5_000;
const correlationAt = 4;
const kindAt = 16;

export class Forwarder {
  readonly #context: ActorContext;
  readonly #answering: Answering;
  readonly #incarnation: number;
  readonly #relays: RelaySender;
  /** What the leader knows the gateways of this node as. */
  readonly #sources = new Map<Port, number>();
  /** By our own correlation: whose request it is. */
  readonly #handedOn = new Map<number, HandedOn>();
  readonly #questions: Questions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #next = 0;
  /** The replica that leads; null while none is known, or when it is this one. */
  #leader: number | null = null;

  /** @param incarnation of this shard */
  constructor(
    context: ActorContext,
    answering: Answering,
    incarnation: number,
    relays: RelaySender,
    questions: Questions,
  ) {
    this.#context = context;
    this.#answering = answering;
    this.#incarnation = incarnation;
    this.#relays = relays;
    this.#questions = questions;
  }

  /** Requests handed on and not answered yet. */
  get pending(): number {
    return this.#handedOn.size;
  }

  get leader(): number | null {
    return this.#leader;
  }

  /** Who leads from now on. What was handed to another is lost sight of. */
  follow(leader: number | null): void {
    if (leader !== this.#leader) this.#loseSight("another replica leads now");
    this.#leader = leader;
    this.#flush();
  }

  /** The link to a replica's node broke. */
  peerDown(replica: number): void {
    if (replica === this.#leader) this.#loseSight("the link to the shard's leader broke");
  }

  /** It stands again. */
  peerUp(replica: number): void {
    if (replica === this.#leader) this.#flush();
  }

  #loseSight(because: string): void {
    this.#questions.leaderLost();
    if (this.#handedOn.size === 0) return;
    const error = new KimberliteError("shardUnavailable", `${because}; whether the write was committed is not known`, {
      outcome: "unknown",
    });
    const lost = [...this.#handedOn.values()];
    this.#handedOn.clear();
    const replies = new Map<Port, ReplyBatchWriter>();
    for (const request of lost) {
      if (request.envelope !== null) this.#context.fail(request.envelope, error);
      else if (request.port !== null) writerOf(replies, request.port).fail(request.correlation, error);
    }
    for (const [port, writer] of replies) this.#answer(port, writer);
    // What came behind is not to overtake it: nothing of it was handed on, and whoever sent it sends it again, in order.
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const each of waiting) this.#refuse(each, new KimberliteError("shardUnavailable", because));
  }

  #answer(port: Port, writer: ReplyBatchWriter): void {
    const { count } = writer;
    if (count > 0) this.#answering.tell(port, { kind: "replies", bytes: writer.take(), count }, { transfer: true });
  }

  /** Takes a batch of requests that came from `port`. */
  take(port: Port, bytes: Uint8Array, count: number): void {
    this.#wait({ port, envelope: null, kind: relayKinds.requests, bytes }, count);
  }

  /** Takes a single command of an actor of this node. */
  command(message: CommandMessage, envelope: Envelope): void {
    const batch = new RequestBatchWriter();
    const principal = new TextEncoder().encode(message.principal);
    const { requestKind, body } = message;
    batch.add(0, envelope.deadline, requestKind, principal, body, 0, body.length);
    this.#wait({ port: null, envelope, kind: relayKinds.commands, bytes: batch.take() }, 1);
  }

  #wait(waiting: Waiting, count: number): void {
    const { bytes } = waiting;
    const hasRoom = this.#waiting.length === 0 || this.#waitingBytes + bytes.length <= waitingBytesMax;
    if (!hasRoom || this.#handedOn.size + count > handedOnMax) {
      this.#refuse(waiting, new KimberliteError("mailboxFull", "too many writes wait for the shard's leader"));
      return;
    }
    this.#waiting.push(waiting);
    this.#waitingBytes += bytes.length;
    this.#flush();
  }

  #refuse({ port, envelope, bytes }: Waiting, error: KimberliteError): void {
    if (envelope !== null) this.#context.fail(envelope, error);
    if (port === null) return;
    this.#answer(port, refusalsOf(bytes, error));
  }

  /** Hands on what waits, when there is somebody to hand it to. */
  #flush(): void {
    while (this.#leader !== null && this.#waiting.length > 0) {
      const next = this.#waiting[0];
      if (!this.#handOn(this.#leader, next)) return;
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes.length;
    }
    assert(this.#waitingBytes >= 0, "no fewer than zero bytes wait for a leader");
  }

  /** Something waits although there is somebody to hand it to. */
  get isHeldUp(): boolean {
    if (this.#leader !== null && this.#waiting.length > 0) return true;
    for (const port of this.#sources.keys()) if (!port.isOpen) return true;
    return false;
  }

  /** There may be room again, or a gateway may be gone. */
  goOn(): void {
    this.#flush();
    this.#tellGone();
  }

  // ------------------------------------------------------------------ gateways

  /** Of a gateway that hands its first request on the number is a new one; of an actor that commands something, zero. */
  #sourceOf(port: Port | null): number {
    if (port === null) return 0;
    const known = this.#sources.get(port);
    if (known !== undefined) return known;
    const taken = new Set(this.#sources.values());
    let source = 1;
    while (taken.has(source) && source < sourcesMax) source += 1;
    this.#sources.set(port, source);
    return source;
  }

  /** The leader keeps transactions and locks for the clients of a gateway until it hears that it is gone. */
  #tellGone(): void {
    for (const [port, source] of this.#sources) {
      if (port.isOpen) continue;
      if (this.#leader !== null) {
        const { gatewayGone } = relayTopics;
        if (!this.#questions.tryAsk(this.#leader, gatewayGone, Uint8Array.of(source), goneMs, () => {})) return;
      }
      this.#sources.delete(port);
    }
  }

  /** False when there is no room for it: it is tried again a moment later. */
  #handOn(leader: number, waiting: Waiting): boolean {
    const { port, envelope, kind } = waiting;
    if (port !== null && !port.isOpen) return true;
    if (this.#relays.isTooLong(leader, waiting.bytes.length)) {
      this.#refuse(waiting, tooLong(waiting.bytes.length));
      return true;
    }
    if (!this.#relays.hasRoom(leader, waiting.bytes.length)) return false;
    const bytes = waiting.bytes.slice();
    deadlinesLeft(bytes, this.#context.now());
    const view = new DataView(bytes.buffer);
    const given: number[] = [];
    for (let at = 0; at < bytes.length; at += 4 + view.getUint32(at, true)) {
      const correlation = view.getUint32(at + correlationAt, true);
      if (view.getUint8(at + kindAt) === requestKind.cancel) {
        view.setUint32(at + correlationAt, this.#numberOf(port, correlation), true);
        continue;
      }
      this.#next = (this.#next + 1) >>> 0 || 1;
      this.#handedOn.set(this.#next, { port, envelope, correlation });
      view.setUint32(at + correlationAt, this.#next, true);
      given.push(this.#next);
    }
    const relay = { kind, incarnation: this.#incarnation, source: this.#sourceOf(port), body: bytes };
    if (this.#relays.send(leader, encodeRelay(relay))) return true;
    for (const correlation of given) this.#handedOn.delete(correlation);
    return false;
  }

  /** What the leader knows a request as that was handed on; 0 for one that is over. */
  #numberOf(port: Port | null, correlation: number): number {
    for (const [number, request] of this.#handedOn) {
      if (request.port === port && request.correlation === correlation) return number;
    }
    return 0;
  }

  /** Answers from the leader on their way back. */
  replies(bytes: Uint8Array): void {
    const replies = new Map<Port, ReplyBatchWriter>();
    const batch = new ReplyBatchReader().open(bytes);
    while (batch.next()) {
      const request = this.#handedOn.get(batch.correlation);
      if (request === undefined) continue;
      this.#handedOn.delete(batch.correlation);
      const { port, envelope, correlation } = request;
      if (port !== null) {
        writerOf(replies, port).relay(correlation, batch.status, batch.bytes, batch.bodyFrom, batch.bodyTo);
      } else if (envelope !== null && batch.status === 0) {
        this.#context.reply(envelope, { body: batch.body().slice() });
      } else if (envelope !== null) {
        this.#context.fail(envelope, fromErrorRecord(decodeErrorBody(batch.status, batch.body())));
      }
    }
    for (const [port, writer] of replies) this.#answer(port, writer);
  }

  /** This shard is to lead: what waited is its own work, before all that comes from now on. */
  drainInto(take: (port: Port | null, envelope: Envelope | null, bytes: Uint8Array) => void): void {
    this.#loseSight("this node leads now");
    this.#leader = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { port, envelope, bytes } of waiting) take(port, envelope, bytes);
  }
}

const tooLong = (bytes: number): KimberliteError =>
  new KimberliteError(
    "notSupported",
    `a request of ${bytes} bytes to a leader of an earlier release, which takes ${relayBodyBytesMax} from another node: upgrade its node, or ask that node itself`,
    { outcome: "notCommitted" },
  );

function writerOf(replies: Map<Port, ReplyBatchWriter>, port: Port): ReplyBatchWriter {
  let writer = replies.get(port);
  if (writer === undefined) {
    writer = new ReplyBatchWriter();
    replies.set(port, writer);
  }
  return writer;
}
