/**
 * One actor under virtual time: its mailbox, its context, and how long its turns take. A turn takes as long as the disk work in it; what
 * is told in a turn leaves when the disk work before it is done. Messages between the actors of a node keep their order per pair.
 */
import type {
  Actor,
  ActorContext,
  AskOptions,
  Outcome,
  Port,
  TellResult,
  TimerHandle,
} from "../../runtime/actor/definition.js";
import type { Envelope, OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import { fromErrorRecord, KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";
import type { Epoch } from "../../runtime/types/ids.js";
import type { EventQueue } from "./event-queue.js";
import type { Stream } from "./streams.js";

/** What the actors of one life of a node share. */
export interface CellHost {
  readonly events: EventQueue;
  readonly random: Stream;
  readonly epoch: Epoch;
  readonly isAlive: boolean;
  readonly isPaused: boolean;
  cell(id: string): Cell | null;
  /** µs of disk work since this was asked last. */
  takeElapsed(): number;
  /** Messages of `from` that may wait for `to`. */
  roomFor(from: string, to: string): number;
  foundNoRoom(): void;
  /** Wall clock of the machine in ms at a virtual time in µs. */
  wallAt(micros: number): number;
  failed(id: string, error: unknown): void;
  told(from: string, to: string, message: OutgoingMessage): void;
  warned(id: string, message: string, fields: Readonly<Record<string, unknown>>): void;
}

interface SimPort extends Port {
  readonly neighbour: string;
}

interface PendingAsk {
  readonly settle: (outcome: Outcome<never>) => void;
  readonly timer: { cancel(): void };
}

type Turn = () => void;

/** Messages that may wait; more is a resource leak. */
export const waitingMax = 20_000;

const noTimer: TimerHandle = { cancel() {} };

export class Cell implements ActorContext {
  readonly path: string;
  readonly id: string;
  readonly epoch: Epoch;
  readonly log: ActorContext["log"];
  readonly #host: CellHost;
  readonly #ports = new Map<string, SimPort>();
  readonly #waiting: Turn[] = [];
  readonly #asks = new Map<number, PendingAsk>();
  readonly #askers = new WeakMap<Envelope, Cell>();
  readonly #lastArrival = new Map<string, number>();
  /** By receiver: messages told and not received yet. */
  readonly #underWay = new Map<string, number>();
  actor: Actor<never> | null = null;
  #isScheduled = false;
  #busyUntil = 0;
  /** Virtual time within a turn: when it began, and the disk work since. */
  #localTime = 0;
  #isInTurn = false;
  #lastCorrelation = 0;
  #turns = 0;

  constructor(host: CellHost, id: string) {
    this.#host = host;
    this.id = id;
    this.path = `node/${id}`;
    this.epoch = host.epoch;
    const quiet = (): void => {};
    this.log = {
      debug: quiet,
      info: quiet,
      warn: (message, fields = {}) => host.warned(id, message, fields),
      error: (message, fields = {}) => host.warned(id, message, fields),
    };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Virtual time has no watchdog: a turn takes what the disk takes. */
  working(): void {}

  get turns(): number {
    return this.#turns;
  }

  // ------------------------------------------------------------------ turns

  /** When something that is told now leaves. */
  get #now(): number {
    if (!this.#isInTurn) return this.#host.events.now;
    this.#localTime += this.#host.takeElapsed();
    return this.#localTime;
  }

  /** A turn that may begin at that time, behind everything that waits. */
  arrive(at: number, turn: Turn): void {
    this.#host.events.at(at, () => this.push(turn));
  }

  /** As `arrive`, at once. */
  push(turn: Turn): void {
    if (!this.#host.isAlive) return;
    this.#waiting.push(turn);
    this.#schedule();
  }

  #schedule(): void {
    const { events } = this.#host;
    while (!this.#isScheduled && this.#waiting.length > 0 && this.#host.isAlive && !this.#host.isPaused) {
      if (this.#busyUntil > events.now) {
        this.#isScheduled = true;
        events.at(this.#busyUntil, () => {
          this.#isScheduled = false;
          this.#schedule();
        });
        return;
      }
      const turn = this.#waiting.shift();
      if (turn !== undefined) this.runTurn(turn);
    }
  }

  /** The process goes on after a pause. */
  resume(): void {
    this.#schedule();
  }

  /** Runs a turn now, as the actor's own. */
  runTurn(turn: Turn): void {
    if (!this.#host.isAlive) return;
    this.#turns += 1;
    this.#host.takeElapsed();
    this.#localTime = this.#host.events.now;
    this.#isInTurn = true;
    try {
      turn();
      if (this.#waiting.length === 0) this.actor?.flush?.();
    } catch (error) {
      this.#isInTurn = false;
      this.#host.failed(this.id, error);
      return;
    }
    this.#localTime += this.#host.takeElapsed();
    this.#busyUntil = this.#localTime;
    this.#isInTurn = false;
  }

  // ------------------------------------------------------------------ wiring

  wire(neighbour: string): void {
    const port: SimPort = { neighbour, epoch: this.epoch, isOpen: true };
    this.#ports.set(neighbour, port);
  }

  port(neighbour: string): Port | null {
    return this.#ports.get(neighbour) ?? null;
  }

  neighbours(): readonly string[] {
    return [...this.#ports.keys()];
  }

  // ------------------------------------------------------------------ messages

  #envelope(kind: string, correlation: number, deadline: number): Envelope {
    return { kind, correlation, deadline, traceparent: null, tenant: 0, epoch: this.epoch, sender: this.path };
  }

  #deliver(to: Cell, turn: Turn): void {
    // A hop between threads takes some microseconds.
    const at = Math.max(this.#now + 5 + this.#host.random.below(40), this.#lastArrival.get(to.id) ?? 0);
    this.#lastArrival.set(to.id, at);
    to.arrive(at, turn);
  }

  tell(port: Port, message: OutgoingMessage): TellResult {
    const to = this.#host.cell(port.neighbour);
    if (to === null) return "gone";
    const underWay = this.#underWay.get(to.id) ?? 0;
    if (underWay >= this.#host.roomFor(this.id, to.id)) {
      this.#host.foundNoRoom();
      return "busy";
    }
    this.#underWay.set(to.id, underWay + 1);
    this.#host.told(this.id, port.neighbour, message);
    const envelope = this.#envelope(message.kind, 0, 0);
    this.#deliver(to, () => {
      this.#underWay.set(to.id, (this.#underWay.get(to.id) ?? 0) - 1);
      to.actor?.receive(message as never, envelope);
    });
    return "accepted";
  }

  request<Reply>(
    port: Port,
    message: OutgoingMessage,
    options: AskOptions,
    settle: (outcome: Outcome<Reply>) => void,
  ): void {
    const to = this.#host.cell(port.neighbour);
    this.#lastCorrelation += 1;
    const correlation = this.#lastCorrelation;
    const deadline = this.#now + options.deadlineMs * 1000;
    const timer = this.#host.events.at(deadline, () => {
      const error = new KimberliteError("deadlineExceeded", `${message.kind} was not answered in time`);
      this.#settle(correlation, { ok: false, error });
    });
    this.#asks.set(correlation, { settle: settle as PendingAsk["settle"], timer });
    if (to === null) {
      const error = new KimberliteError("actorGone", `${port.neighbour} is gone`);
      this.#settle(correlation, { ok: false, error });
      return;
    }
    this.#host.told(this.id, port.neighbour, message);
    const envelope = this.#envelope(message.kind, correlation, this.#host.wallAt(deadline));
    to.#askers.set(envelope, this);
    this.#deliver(to, () => to.actor?.receive(message as never, envelope));
  }

  #settle(correlation: number, outcome: Outcome<never>): void {
    const pending = this.#asks.get(correlation);
    if (pending === undefined) return;
    this.#asks.delete(correlation);
    pending.timer.cancel();
    // Within a turn it waits its own turn; else it is one already, in order with what was told before it.
    if (this.#isInTurn) this.enter(() => pending.settle(outcome));
    else this.push(() => pending.settle(outcome));
  }

  ask<Reply>(port: Port, message: OutgoingMessage, options: AskOptions): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.request<Reply>(port, message, options, (outcome) => {
        if (outcome.ok) resolve(outcome.value);
        else reject(outcome.error);
      });
    });
  }

  #answer(envelope: Envelope, outcome: Outcome<never>): void {
    const asker = this.#askers.get(envelope);
    if (asker === undefined) return;
    this.#askers.delete(envelope);
    const at = Math.max(this.#now + 5 + this.#host.random.below(40), this.#lastArrival.get(asker.id) ?? 0);
    this.#lastArrival.set(asker.id, at);
    this.#host.events.at(at, () => {
      if (this.#host.isAlive) asker.#settle(envelope.correlation, outcome);
    });
  }

  reply(envelope: Envelope, value: unknown): void {
    this.#answer(envelope, { ok: true, value: value as never });
  }

  fail(envelope: Envelope, error: unknown): void {
    this.#answer(envelope, { ok: false, error: fromErrorRecord(toErrorRecord(error)) });
  }

  openStream(): null {
    return null;
  }

  acceptStream(): never {
    throw new KimberliteError("internal", "no streams in a simulation");
  }

  after(delayMs: number, message: OutgoingMessage): TimerHandle {
    assert(delayMs >= 0, "a delay is not negative");
    const envelope = this.#envelope(message.kind, 0, 0);
    this.arrive(this.#now + delayMs * 1000, () => this.actor?.receive(message as never, envelope));
    return noTimer;
  }

  enter(run: () => void): void {
    this.arrive(this.#host.events.now, run);
  }

  monitor(): { cancel(): void } {
    return noTimer;
  }

  wirePeer(): never {
    throw new KimberliteError("internal", "no sockets in a simulation");
  }

  now(): number {
    return this.#host.wallAt(this.#now);
  }

  monotonic(): number {
    return this.#now / 1000;
  }

  random(): number {
    return this.#host.random.fraction();
  }

  crash(error: unknown): void {
    this.#host.failed(this.id, error);
  }

  exit(): void {
    this.#host.failed(this.id, new KimberliteError("internal", "an actor of a shard does not end by itself"));
  }

  /** When what is sent now leaves this actor's thread. */
  leavingAt(): number {
    return this.#now;
  }
}
