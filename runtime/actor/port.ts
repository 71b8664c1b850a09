/**
 * One end of a wiring between two actors: turns what an actor says into packets, and packets into letters of its mailbox. It keeps
 * what is unfinished between the two (asks that wait, streams that run) and ends each of them exactly once:
 *
 *   an ask     leaves `#asks` at its reply, its failure, its deadline or the end of the port, whichever is first
 *   a stream   leaves `#receiving` / `#sending` at its end, failure, cancellation or the end of the port
 *
 * Nothing here runs the actor's code directly. Whatever concerns the actor becomes a letter and so a turn of its own; the end of
 * the port is a letter too, behind everything that arrived before it.
 */
import { assert } from "../types/assert.js";
import { type ErrorRecord, fromErrorRecord, KimberliteError, toErrorRecord } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import type { Clock } from "./clock.js";
import type { DeadLetterReason } from "./dead-letters.js";
import type { AskOptions, Outcome, Port, TellOptions, TellResult, TimerHandle } from "./definition.js";
import {
  type Down,
  type MessageBase,
  type OutgoingMessage,
  type Packet,
  type PacketType,
  packetTypes,
} from "./envelope.js";
import { envelopeBytes, messageBytes, transferables } from "./exact-bytes.js";
import { Letter } from "./letter.js";
import type { ReceivingEnd, SendingEnd } from "./stream.js";
import type { CloseReason, PacketSink, Transport } from "./transport.js";
import type { ActorVitals } from "./vitals.js";

/** What a port needs of the actor whose end it is. */
export interface PortOwner {
  readonly path: string;
  readonly clock: Clock;
  readonly vitals: ActorVitals;
  /** Puts a letter whose room is reserved or added. */
  deliver(letter: Letter): void;
  /** Runs something as a turn, behind what has arrived. */
  deliverCall(run: () => void): void;
  portEnded(port: ActorPort, down: Down): void;
  recordDead(kind: string, sender: string, target: string, reason: DeadLetterReason): void;
}

interface WaitingAsk {
  readonly kind: string;
  readonly settle: (outcome: Outcome<unknown>) => void;
  readonly timer: TimerHandle;
}

/** What an end says about itself before it closes. */
export interface Farewell {
  readonly reason: "stopped" | "crashed" | "replaced";
  readonly error: ErrorRecord | null;
}

const nothingToTransfer: readonly ArrayBuffer[] = [];

export class ActorPort implements Port, PacketSink {
  readonly neighbour: string;
  /** Path of the actor at the other end. */
  readonly peer: string;
  readonly epoch: Epoch;
  readonly #owner: PortOwner;
  readonly #transport: Transport;
  readonly #asks = new Map<number, WaitingAsk>();
  readonly #receiving = new Map<number, ReceivingEnd>();
  readonly #sending = new Map<number, SendingEnd>();
  #correlation = 0;
  #open = true;
  #farewell: Farewell | null = null;

  constructor(owner: PortOwner, neighbour: string, peer: string, epoch: Epoch, transport: Transport) {
    assert(epoch >= 1, "a wiring has a positive epoch");
    this.#owner = owner;
    this.neighbour = neighbour;
    this.peer = peer;
    this.epoch = epoch;
    this.#transport = transport;
  }

  /** Begins to receive. Apart from the constructor, so that the actor hears `wired` before the first message. */
  attach(): void {
    this.#transport.attach(this);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get waitingAsks(): number {
    return this.#asks.size;
  }

  tell(message: OutgoingMessage, options: TellOptions): TellResult {
    return this.#send(packetTypes.tell, 0, 0, message, options);
  }

  request(message: OutgoingMessage, options: AskOptions, settle: (outcome: Outcome<unknown>) => void): void {
    assert(options.deadlineMs > 0, "an ask has a deadline");
    const correlation = ++this.#correlation;
    const result = this.#send(
      packetTypes.ask,
      correlation,
      this.#owner.clock.now() + options.deadlineMs,
      message,
      options,
    );
    if (result !== "accepted") {
      const error = this.#refusal(result, message.kind);
      this.#owner.deliverCall(() => settle({ ok: false, error }));
      return;
    }
    const timer = this.#owner.clock.after(options.deadlineMs, () => {
      if (!this.#asks.delete(correlation)) return;
      const error = new KimberliteError("deadlineExceeded", `${this.peer} did not answer ${message.kind} in time`, {
        detail: { target: this.peer, kind: message.kind, deadlineMs: options.deadlineMs },
      });
      this.#owner.deliverCall(() => settle({ ok: false, error }));
    });
    this.#asks.set(correlation, { kind: message.kind, settle, timer });
  }

  #refusal(result: "busy" | "gone", kind: string, target = this.peer): KimberliteError {
    const options = { detail: { target, kind }, outcome: "notCommitted" as const };
    return result === "busy"
      ? new KimberliteError("mailboxFull", `${target} takes no more work at the moment`, options)
      : new KimberliteError("actorGone", `${target} ended before ${kind} was sent`, options);
  }

  reply(letter: Letter, value: unknown, transfer: boolean): void {
    this.#answer(letter, packetTypes.reply, value, transfer);
  }

  fail(letter: Letter, error: unknown): void {
    if (letter.type === packetTypes.streamOpen) {
      const stream = this.#sending.get(letter.correlation);
      if (stream !== undefined) stream.fail(error);
      return;
    }
    this.#answer(letter, packetTypes.fail, toErrorRecord(error), false);
  }

  #answer(letter: Letter, type: PacketType, body: unknown, transfer: boolean): void {
    assert(letter.port === this, "an envelope is answered through the port it came by");
    if (letter.answered || letter.type !== packetTypes.ask) {
      this.#owner.recordDead(letter.kind, this.#owner.path, this.peer, "duplicateReply");
      return;
    }
    letter.answered = true;
    messageBytes(body);
    if (!this.post(type, letter.correlation, body, transfer)) {
      this.#owner.recordDead(letter.kind, this.#owner.path, this.peer, "portClosed");
    }
  }

  // --- streams ---

  openStream(message: OutgoingMessage, options: TellOptions, make: (id: number) => ReceivingEnd): ReceivingEnd | null {
    const correlation = ++this.#correlation;
    if (this.#send(packetTypes.streamOpen, correlation, 0, message, options) !== "accepted") return null;
    const end = make(correlation);
    this.#receiving.set(correlation, end);
    return end;
  }

  registerSending(end: SendingEnd): void {
    assert(!this.#sending.has(end.id), "a stream is accepted once");
    this.#sending.set(end.id, end);
  }

  sendingOf(correlation: number): SendingEnd | undefined {
    return this.#sending.get(correlation);
  }

  forgetReceiving(id: number): void {
    this.#receiving.delete(id);
  }

  forgetSending(id: number): void {
    this.#sending.delete(id);
  }

  /** Posts a packet that needs no room of its own. */
  post(type: PacketType, correlation: number, body: unknown, transfer = false): boolean {
    if (!this.#open) return false;
    const packet = { type, correlation, deadline: 0, traceparent: null, tenant: 0, epoch: this.epoch, body };
    return this.#transport.post(packet, transfer ? transferables(body) : nothingToTransfer);
  }

  #send(
    type: PacketType,
    correlation: number,
    deadline: number,
    message: OutgoingMessage,
    options: TellOptions,
  ): TellResult {
    // Measured first, so that bytes which must not leave are found even when nobody listens.
    const bytes = messageBytes(message);
    if (!this.#open) return this.#gone(message.kind);
    if (!this.#transport.reserve(bytes)) return "busy";
    const packet: Packet = {
      type,
      correlation,
      deadline,
      traceparent: options.traceparent ?? null,
      tenant: options.tenant ?? 0,
      epoch: this.epoch,
      body: message,
    };
    let posted: boolean;
    try {
      posted = this.#transport.post(packet, options.transfer === true ? transferables(message) : nothingToTransfer);
    } catch (cause) {
      // Not plain data: a mistake of the sender, and its crash. The room it took is given back first.
      this.#transport.unreserve(bytes);
      throw cause;
    }
    return posted ? "accepted" : this.#gone(message.kind);
  }

  #gone(kind: string): TellResult {
    this.#owner.recordDead(kind, this.#owner.path, this.peer, "portClosed");
    return "gone";
  }

  // --- receiving ---

  packet(packet: Packet): void {
    const owner = this.#owner;
    const { type } = packet;
    if (type === packetTypes.bye) {
      this.#farewell = packet.body as Farewell;
      return;
    }
    const needsRoom = type === packetTypes.tell || type === packetTypes.ask || type === packetTypes.streamOpen;
    const bytes = needsRoom || type === packetTypes.streamItem ? messageBytes(packet.body) : envelopeBytes;
    const kind = needsRoom ? (packet.body as MessageBase).kind : this.#kindOf(packet);
    if (!needsRoom) {
      owner.vitals.add(bytes);
    } else if (!this.#transport.reservesInVitals && !owner.vitals.reserve(bytes)) {
      this.#refuse(packet, kind, bytes);
      return;
    }
    if (packet.epoch !== this.epoch) {
      owner.vitals.release(bytes);
      if (needsRoom) this.#transport.consumed(bytes);
      owner.recordDead(kind, this.peer, owner.path, "staleEpoch");
      return;
    }
    const now = owner.clock.monotonic();
    owner.deliver(new Letter(type, kind, packet, this, this.peer, packet.body, bytes, now, needsRoom));
  }

  /** A message from a machine whose window was wider than the room that our own senders left. */
  #refuse(packet: Packet, kind: string, bytes: number): void {
    this.#owner.recordDead(kind, this.peer, this.#owner.path, "overflow");
    this.#transport.consumed(bytes);
    if (packet.type === packetTypes.ask) {
      this.post(packetTypes.fail, packet.correlation, toErrorRecord(this.#refusal("busy", kind, this.#owner.path)));
    } else if (packet.type === packetTypes.streamOpen) {
      this.post(
        packetTypes.streamEnd,
        packet.correlation,
        toErrorRecord(this.#refusal("busy", kind, this.#owner.path)),
      );
    }
  }

  #kindOf(packet: Packet): string {
    if (packet.type === packetTypes.reply || packet.type === packetTypes.fail) {
      return this.#asks.get(packet.correlation)?.kind ?? "(reply)";
    }
    return "(stream)";
  }

  /** A letter of ours has been dealt with. */
  consumed(letter: Letter): void {
    if (letter.bounded) this.#transport.consumed(letter.bytes);
  }

  /** The turn of an answer. */
  settle(letter: Letter): void {
    const ask = this.#asks.get(letter.correlation);
    if (ask === undefined) {
      this.#owner.recordDead(letter.kind, this.peer, this.#owner.path, "lateReply");
      return;
    }
    this.#asks.delete(letter.correlation);
    ask.timer.cancel();
    ask.settle(
      letter.type === packetTypes.reply
        ? { ok: true, value: letter.body }
        : { ok: false, error: fromErrorRecord(letter.body as ErrorRecord) },
    );
  }

  /** The turn of a packet of a stream. */
  streamTurn(letter: Letter): void {
    if (letter.type === packetTypes.streamItem || letter.type === packetTypes.streamEnd) {
      const end = this.#receiving.get(letter.correlation);
      if (end === undefined) this.#owner.recordDead("(stream)", this.peer, this.#owner.path, "unknownStream");
      else if (letter.type === packetTypes.streamItem) end.item(letter.body);
      else end.ended(letter.body === null ? null : fromErrorRecord(letter.body as ErrorRecord));
      return;
    }
    const end = this.#sending.get(letter.correlation);
    if (end === undefined) return;
    if (letter.type === packetTypes.streamCredit) end.credit(letter.body as number);
    else end.cancelled();
  }

  // --- the end ---

  /** Ends the wiring from this side. The other side learns why. */
  close(farewell: Farewell): void {
    if (!this.#open) return;
    this.post(packetTypes.bye, 0, farewell);
    // What the other side said of itself, if it did, is the truer reason.
    this.#farewell ??= farewell;
    this.#transport.close();
    assert(!this.#open, "a closed transport tells its port");
  }

  closed(reason: CloseReason): void {
    assert(this.#open, "the end of a port is told once");
    this.#open = false;
    const farewell = this.#farewell;
    const down: Down = {
      target: this.peer,
      epoch: this.epoch,
      reason: farewell?.reason ?? (reason === "unreachable" ? "unreachable" : "gone"),
      certain: farewell !== null || reason !== "unreachable",
      error: farewell?.error ?? null,
    };
    this.#owner.deliverCall(() => this.#finish(down));
  }

  #finish(down: Down): void {
    const asks = [...this.#asks.values()];
    this.#asks.clear();
    for (const ask of asks) {
      ask.timer.cancel();
      const error = new KimberliteError(
        "actorGone",
        `${this.peer} ended (${down.reason}) before it answered ${ask.kind}`,
        {
          detail: { target: this.peer, kind: ask.kind, reason: down.reason },
        },
      );
      ask.settle({ ok: false, error });
    }
    for (const end of [...this.#receiving.values()]) {
      end.ended(new KimberliteError("actorGone", `${this.peer} ended (${down.reason}) in the middle of a stream`));
    }
    for (const end of [...this.#sending.values()]) end.cancelled();
    assert(this.#asks.size === 0 && this.#receiving.size === 0, "nothing waits on an ended port");
    this.#owner.portEnded(this, down);
  }
}
