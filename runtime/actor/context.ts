/**
 * What an actor holds of the runtime. Effects are allowed in a turn only: an actor that acted from a stray callback would act on
 * state that another turn is about to change, and its `flush` would not follow. `create`, `drain` and `stop` may be asynchronous
 * and are exempt, since no turn can come between them and a promise they wait for that matters.
 */
import type { Duplex } from "node:stream";
import { assert } from "../types/assert.js";
import type { KimberliteError } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import type { Cell } from "./cell.js";
import type {
  ActorContext,
  AskOptions,
  Logger,
  MonitorHandle,
  Outcome,
  Port,
  StreamOptions,
  StreamReceiver,
  StreamSender,
  TellOptions,
  TellResult,
  TimerHandle,
} from "./definition.js";
import { type Down, type Envelope, type OutgoingMessage, packetTypes } from "./envelope.js";
import { Letter } from "./letter.js";
import { ActorPort } from "./port.js";
import { ReceivingEnd, SendingEnd } from "./stream.js";
import { SocketTransport } from "./transport-socket.js";

const noOptions: TellOptions = {};

function portOf(port: Port): ActorPort {
  assert(port instanceof ActorPort, "a port was made by the runtime");
  return port;
}

function letterOf(envelope: Envelope): Letter {
  assert(envelope instanceof Letter, "an envelope was made by the runtime");
  return envelope;
}

export class CellContext implements ActorContext {
  readonly #cell: Cell;
  readonly path: string;
  readonly id: string;
  readonly epoch: Epoch;
  readonly log: Logger;

  constructor(cell: Cell, log: Logger) {
    this.#cell = cell;
    this.path = cell.path;
    this.id = cell.id;
    this.epoch = cell.epoch;
    this.log = log;
  }

  #inTurn(): void {
    assert(this.#cell.state !== "running" || this.#cell.inTurn, "isolation: a running actor acts only inside a turn");
  }

  port(neighbour: string): Port | null {
    return this.#cell.port(neighbour);
  }

  neighbours(): readonly string[] {
    return this.#cell.neighbours();
  }

  tell(port: Port, message: OutgoingMessage, options: TellOptions = noOptions): TellResult {
    this.#inTurn();
    return portOf(port).tell(message, options);
  }

  request<Reply>(
    port: Port,
    message: OutgoingMessage,
    options: AskOptions,
    settle: (outcome: Outcome<Reply>) => void,
  ): void {
    this.#inTurn();
    portOf(port).request(message, options, settle as (outcome: Outcome<unknown>) => void);
  }

  ask<Reply>(port: Port, message: OutgoingMessage, options: AskOptions): Promise<Reply> {
    this.#inTurn();
    return new Promise<Reply>((resolve, reject: (error: KimberliteError) => void) => {
      portOf(port).request(message, options, (outcome) => {
        this.#cell.lingerForMicrotasks();
        if (outcome.ok) resolve(outcome.value as Reply);
        else reject(outcome.error);
      });
    });
  }

  reply(envelope: Envelope, value: unknown, options: { readonly transfer?: boolean } = {}): void {
    this.#inTurn();
    const letter = letterOf(envelope);
    letter.port?.reply(letter, value, options.transfer === true);
  }

  fail(envelope: Envelope, error: unknown): void {
    this.#inTurn();
    const letter = letterOf(envelope);
    letter.port?.fail(letter, error);
  }

  openStream<Item>(port: Port, message: OutgoingMessage, options: StreamOptions<Item>): StreamReceiver | null {
    this.#inTurn();
    const through = portOf(port);
    const make = (id: number): ReceivingEnd =>
      new ReceivingEnd(through, id, options as unknown as StreamOptions<never>);
    const end = through.openStream(message, options, make);
    if (options.credits > 0) end?.grant(options.credits);
    return end;
  }

  acceptStream<Item>(envelope: Envelope): StreamSender<Item> {
    this.#inTurn();
    const letter = letterOf(envelope);
    assert(letter.type === packetTypes.streamOpen, "only a message that opens a stream is accepted as one");
    assert(letter.port !== null, "a stream is opened by a neighbour");
    let end = letter.port.sendingOf(letter.correlation);
    if (end === undefined) {
      // Cancelled, or its opener gone, before it was accepted: an end that is closed already.
      end = new SendingEnd(letter.port, letter.correlation);
      end.cancelled();
    }
    return end as unknown as StreamSender<Item>;
  }

  after(delayMs: number, message: OutgoingMessage): TimerHandle {
    this.#inTurn();
    return this.#cell.clock.after(delayMs, () => this.#cell.deliverToSelf(message));
  }

  enter(run: () => void): void {
    this.#cell.enter(run);
  }

  monitor(neighbour: string, onDown: (down: Down) => void): MonitorHandle {
    this.#inTurn();
    return this.#cell.monitor(neighbour, onDown);
  }

  wirePeer(neighbour: string, epoch: Epoch, socket: Duplex): void {
    const transport = new SocketTransport(socket, this.#cell.clock, {
      count: this.#cell.vitals.countMax,
      bytes: this.#cell.vitals.bytesMax,
    });
    this.#cell.wire(neighbour, neighbour, epoch, transport);
  }

  now(): number {
    return this.#cell.clock.now();
  }

  monotonic(): number {
    return this.#cell.clock.monotonic();
  }

  random(): number {
    return this.#cell.clock.random();
  }

  working(): void {
    this.#cell.working();
  }

  crash(error: unknown): void {
    this.#cell.crash(error);
  }

  exit(): void {
    this.#cell.exit();
  }
}
