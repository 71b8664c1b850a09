/**
 * The requests that reach a shard which does not lead: handed on to the shard of the node that does, answers carried back. Whoever sends
 * requests to a shard need not know who leads it.
 *
 *   gateway ─▶ shard here ─▶ replica ═ link ═ replica ─▶ leading shard ─▶ … ─▶ shard here ─▶ gateway
 *
 * While nobody is known to lead, or the link has no room, requests wait here, in bounded memory. Those of one session keep their order; sessions do
 * not wait for one another, and what is of none, as all of the native protocol, keeps its order by gateway. When the leader is lost, what was handed to it may or may not have
 * been committed: writes end as *unknown*, and a retry with the same idempotency key gets the first outcome. What was not handed on yet
 * goes to the next leader.
 */
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { fromErrorRecord, KimberliteError } from "../../runtime/types/errors.js";
import type { CommandMessage } from "../messages/commands.js";
import {
  encodeRelay,
  partBytesMax,
  relayBodyBytesMax,
  relayKinds,
  relayTopics,
  sourcesMax,
} from "../messages/relay.js";
import { decodeErrorBody, ReplyBatchReader, ReplyBatchWriter } from "../messages/reply-batch.js";
import { deadlinesLeft, RequestBatchReader, RequestBatchWriter } from "../messages/request-batch.js";
import { noSession, sessionOf } from "../messages/sql-head.js";
import type { Taken } from "./lanes.js";
import { joined } from "./packed-entries.js";
import { type Answering, laneOf, type RelaySender } from "./peer-port.js";
import type { Questions } from "./questions.js";
import { type WaitingRequest, WaitingRequests } from "./waiting-requests.js";

interface HandedOn {
  readonly port: Port | null;
  readonly envelope: Envelope | null;
  readonly correlation: number;
  readonly session: number;
}

const handedOnMax = 200_000;
const goneMs = 5_000;
/** Commands of actors come from no gateway. */
const commandsSource = 0;
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
  readonly #waiting = new WaitingRequests();
  readonly #batch = new RequestBatchReader();
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
    this.#refuse(this.#waiting.drain(), new KimberliteError("shardUnavailable", because));
  }

  #answer(port: Port, writer: ReplyBatchWriter): void {
    const { count } = writer;
    if (count > 0) this.#answering.tell(port, { kind: "replies", bytes: writer.take(), count }, { transfer: true });
  }

  /** Takes a batch of requests that came from `port`. */
  take(port: Port, bytes: Uint8Array, count: number): void {
    const isNext = this.#waiting.count === 0 && bytes.length <= partBytesMax && this.#hasPlace(count);
    if (isNext && this.#leader !== null && this.#relays.hasRoom(this.#leader, null, bytes.length)) {
      // As it is, in most cases; it is kept whole, since what is sent is changed.
      if (this.#handOn(this.#leader, null, { port, envelope: null, kind: relayKinds.requests }, bytes.slice())) return;
    }
    const refused: WaitingRequest[] = [];
    /** What comes behind a request that was refused does not overtake it. */
    const refusedLanes = new Set<number>();
    for (const batch = this.#batch.open(bytes); batch.next(); ) {
      const { correlation, entryFrom, bodyTo } = batch;
      const lane = this.#laneOf(port, batch);
      const isAlone = entryFrom === 0 && bodyTo === bytes.length;
      const entry = isAlone ? bytes : bytes.slice(entryFrom, bodyTo);
      const request = { port, envelope: null, kind: relayKinds.requests, correlation, bytes: entry };
      if (!refusedLanes.has(lane) && this.#wait(lane, request)) continue;
      refused.push(request);
      refusedLanes.add(lane);
    }
    this.#refuse(refused, tooMany());
    this.#flush();
  }

  /** Takes a single command of an actor of this node. */
  command(message: CommandMessage, envelope: Envelope): void {
    const batch = new RequestBatchWriter();
    const principal = new TextEncoder().encode(message.principal);
    const { requestKind, body } = message;
    batch.add(0, envelope.deadline, requestKind, principal, body, 0, body.length);
    const command = { port: null, envelope, kind: relayKinds.commands, correlation: 0, bytes: batch.take() };
    if (!this.#wait(laneOf(noSession, commandsSource), command)) this.#refuse([command], tooMany());
    this.#flush();
  }

  #hasPlace(count: number): boolean {
    return this.#handedOn.size + this.#waiting.count + count <= handedOnMax;
  }

  /** A cancel comes behind the request that it is about. */
  #laneOf(port: Port, request: RequestBatchReader): number {
    const { kind, correlation } = request;
    const source = this.#sourceOf(port);
    if (kind !== requestKind.cancel) return laneOf(sessionOf(request), source);
    const [, handedOn] = this.#handedOnOf(port, correlation);
    return this.#waiting.laneOf(port, correlation) ?? laneOf(handedOn?.session ?? noSession, source);
  }

  #wait(lane: number, request: WaitingRequest): boolean {
    if (!this.#waiting.hasRoom(request) || !this.#hasPlace(1)) return false;
    this.#waiting.push(lane, request);
    return true;
  }

  #refuse(requests: readonly WaitingRequest[], error: KimberliteError): void {
    const replies = new Map<Port, ReplyBatchWriter>();
    for (const { port, envelope, bytes, correlation } of requests) {
      if (envelope !== null) this.#context.fail(envelope, error);
      // Nobody hears of a cancel: it says nothing of what becomes of the request that it is about.
      else if (port !== null && !isCancel(bytes)) writerOf(replies, port).fail(correlation, error);
    }
    for (const [port, writer] of replies) this.#answer(port, writer);
  }

  /** Hands on what waits, when there is somebody to hand it to and room on the way. */
  #flush(): void {
    while (this.#leader !== null && this.#waiting.count > 0) {
      const taken = this.#takeFor(this.#leader);
      const [first] = taken;
      if (first === undefined) return;
      const bytes = joined(taken.map(({ item }) => item.bytes));
      // What is sent is changed, and this may have to be sent again.
      if (!this.#handOn(this.#leader, first.lane, first.item, taken.length > 1 ? bytes : bytes.slice())) {
        this.#waiting.putBack(taken);
        return;
      }
    }
  }

  /** What goes next: one request of any length, or several short ones of one gateway. */
  #takeFor(leader: number): readonly Taken<WaitingRequest>[] {
    const taken: Taken<WaitingRequest>[] = [];
    let length = 0;
    const isWanted = ({ port, envelope, bytes }: WaitingRequest, lane: number): boolean => {
      if (port?.isOpen === false || this.#relays.isTooLong(leader, bytes.length)) return true;
      const [first] = taken;
      const isWithFirst =
        first === undefined || (envelope === null && first.item.port === port && length + bytes.length <= partBytesMax);
      return isWithFirst && this.#relays.hasRoom(leader, lane, length + bytes.length);
    };
    while (length <= partBytesMax) {
      const next = this.#waiting.take(isWanted);
      if (next === null) break;
      const { port, bytes } = next.item;
      if (port?.isOpen === false) continue;
      if (this.#relays.isTooLong(leader, bytes.length)) {
        this.#refuse([next.item], tooLong(bytes.length));
        continue;
      }
      taken.push(next);
      length += bytes.length;
    }
    return taken;
  }

  /** Something waits although there is somebody to hand it to. */
  get isHeldUp(): boolean {
    if (this.#leader !== null && this.#waiting.count > 0) return true;
    for (const port of this.#sources.keys()) if (!port.isOpen) return true;
    return false;
  }

  /** There may be room again, or a gateway may be gone. */
  goOn(): void {
    // First: once others have begun to send something long, it waits for the end of that.
    this.#tellGone();
    this.#flush();
  }

  // ------------------------------------------------------------------ gateways

  /** Of a gateway that hands its first request on the number is a new one; of an actor that commands something, zero. */
  #sourceOf(port: Port | null): number {
    if (port === null) return commandsSource;
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
        // A request of it that came later would begin what nobody ends.
        if (!this.#relays.hasRoom(this.#leader, null, 0)) return;
        if (!this.#questions.tryAsk(this.#leader, gatewayGone, Uint8Array.of(source), goneMs, () => {})) return;
      }
      this.#sources.delete(port);
    }
  }

  /**
   * False when it is not on its way: it is tried again a moment later.
   * @param requests a batch, for which there is room and which is changed
   */
  #handOn(
    leader: number,
    lane: number | null,
    { port, envelope, kind }: Pick<WaitingRequest, "port" | "envelope" | "kind">,
    requests: Uint8Array,
  ): boolean {
    deadlinesLeft(requests, this.#context.now());
    const given: number[] = [];
    for (const batch = this.#batch.open(requests); batch.next(); ) {
      const { view, entryFrom, correlation } = batch;
      if (batch.kind === requestKind.cancel) {
        const [number] = this.#handedOnOf(port, correlation);
        view.setUint32(entryFrom + correlationAt, number, true);
        continue;
      }
      this.#next = (this.#next + 1) >>> 0 || 1;
      this.#handedOn.set(this.#next, { port, envelope, correlation, session: sessionOf(batch) });
      view.setUint32(entryFrom + correlationAt, this.#next, true);
      given.push(this.#next);
    }
    const relay = { kind, incarnation: this.#incarnation, source: this.#sourceOf(port), body: requests };
    if (this.#relays.send(leader, lane, encodeRelay(relay))) return true;
    for (const correlation of given) this.#handedOn.delete(correlation);
    return false;
  }

  /** What the leader knows a request as that was handed on; 0 for one that is over. */
  #handedOnOf(port: Port | null, correlation: number): readonly [number: number, request: HandedOn | null] {
    for (const [number, request] of this.#handedOn) {
      if (request.port === port && request.correlation === correlation) return [number, request];
    }
    return [0, null];
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
    for (const { port, envelope, bytes } of this.#waiting.drain()) take(port, envelope, bytes);
  }
}

const isCancel = (entry: Uint8Array): boolean => entry[kindAt] === requestKind.cancel;

const tooMany = (): KimberliteError =>
  new KimberliteError("mailboxFull", "too many writes wait for the shard's leader");

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
