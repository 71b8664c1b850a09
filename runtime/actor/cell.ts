/**
 * The place of one actor in a thread: its mailbox, its ports, its state of life, and the one loop in which its code runs.
 *
 *   starting ─▶ running ⇄ suspended          create() has not finished; messages wait
 *                  │ ╲
 *              draining ─▶ ended             told to finish; then stopped
 *                    ╲────▶ ended            crashed or exited
 *
 * An actor ends once. What still waits in its mailbox is recorded as dead letters, and those who asked learn it by the end of
 * their ports.
 */
import { assert } from "../types/assert.js";
import { type ErrorRecord, KimberliteError, toErrorRecord } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import type { Clock } from "./clock.js";
import type { DeadLetterReason, DeadLetters } from "./dead-letters.js";
import type { Actor, AnyActorDefinition, Logger } from "./definition.js";
import { type Down, type MessageBase, type OutgoingMessage, packetTypes } from "./envelope.js";
import { envelopeBytes, messageBytes, messageDigest } from "./exact-bytes.js";
import { callLetter, Letter } from "./letter.js";
import { Mailbox } from "./mailbox.js";
import { ActorPort, type Farewell, type PortOwner } from "./port.js";
import type { Runnable, Scheduler } from "./scheduler.js";
import { SendingEnd } from "./stream.js";
import type { Transport } from "./transport.js";
import type { ActorVitals } from "./vitals.js";

export type CellState = "starting" | "running" | "suspended" | "draining" | "ended";

/** How an actor ended by itself. */
export interface Ended {
  readonly path: string;
  readonly epoch: Epoch;
  readonly reason: "crashed" | "exited";
  readonly error: ErrorRecord | null;
  /** Where a person finds the fault. Stays on this machine. */
  readonly stack: string | null;
  /** Kind of the message it was receiving, or the name of what it did. */
  readonly kind: string;
  /** Identity of the message it was receiving, for finding poison; null outside `receive`. */
  readonly identity: string | null;
}

export interface CellSurroundings {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly deadLetters: DeadLetters;
  readonly log: Logger;
  ended(cell: Cell, ended: Ended): void;
  poisoned(cell: Cell, kind: string, identity: string): void;
}

export interface TraceEntry {
  readonly at: number;
  readonly kind: string;
  readonly sender: string;
  readonly turnMs: number;
}

interface Monitor {
  readonly neighbour: string;
  readonly onDown: (down: Down) => void;
}

const traceMax = 256;

export class Cell implements PortOwner, Runnable {
  readonly path: string;
  readonly id: string;
  readonly epoch: Epoch;
  readonly vitals: ActorVitals;
  readonly clock: Clock;
  readonly definition: AnyActorDefinition;
  readonly #around: CellSurroundings;
  readonly #mailbox: Mailbox;
  readonly #ports = new Map<string, ActorPort>();
  readonly #monitors = new Set<Monitor>();
  readonly #poison: Set<string>;
  #actor: Actor<never> | null = null;
  #state: CellState = "starting";
  #current: Letter | null = null;
  #doing = "start";
  #flushDue = false;
  #trace: TraceEntry[] | null = null;
  #turnMsMax = 0;
  #onQuiet: (() => void)[] = [];
  queued = false;

  constructor(
    around: CellSurroundings,
    identity: { readonly path: string; readonly id: string; readonly epoch: Epoch },
    definition: AnyActorDefinition,
    vitals: ActorVitals,
    poison: readonly string[],
  ) {
    assert(identity.epoch >= 1, "an actor has a positive epoch");
    this.#around = around;
    this.path = identity.path;
    this.id = identity.id;
    this.epoch = identity.epoch;
    this.definition = definition;
    this.vitals = vitals;
    this.clock = around.clock;
    this.#poison = new Set(poison);
    this.#mailbox = new Mailbox(definition.mailbox, vitals, (letter) => {
      this.recordDead(letter.kind, letter.sender, this.path, "overflow");
    });
  }

  get state(): CellState {
    return this.#state;
  }

  get log(): Logger {
    return this.#around.log;
  }

  /** A turn that takes long is at work: its thread is not hung. */
  working(): void {
    this.#around.scheduler.working();
  }

  get inTurn(): boolean {
    return this.#around.scheduler.current === this;
  }

  // --- life ---

  begin(actor: Actor<never>): void {
    assert(this.#state === "starting", "an actor begins once");
    assert(this.#actor === null, "an actor is made once");
    this.#actor = actor;
    this.#state = "running";
    this.#around.scheduler.runnable(this);
  }

  get actor(): Actor<never> | null {
    return this.#actor;
  }

  suspend(): void {
    if (this.#state === "running") this.#state = "suspended";
  }

  resume(): void {
    if (this.#state !== "suspended") return;
    this.#state = "running";
    this.#around.scheduler.runnable(this);
  }

  /** Resolves when the actor has finished what it had; turns go on meanwhile. */
  async drain(): Promise<void> {
    if (this.#state === "ended") return;
    this.resume();
    this.#state = "draining";
    await this.#actor?.drain?.();
    if (this.#mailbox.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#onQuiet.push(resolve);
    });
  }

  /** Ends the actor from outside. */
  end(farewell: Farewell): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    for (const port of [...this.#ports.values()]) port.close(farewell);
    this.#ports.clear();
    this.#monitors.clear();
    for (const resolve of this.#onQuiet) resolve();
    this.#onQuiet = [];
    this.#buryMailbox();
    assert(this.#mailbox.length === 0, "an ended actor has no mail");
  }

  #buryMailbox(): void {
    for (let letter = this.#mailbox.take(); letter !== undefined; letter = this.#mailbox.take()) {
      this.vitals.release(letter.bytes);
      if (letter.type !== callLetter) this.recordDead(letter.kind, letter.sender, this.path, "actorEnded");
    }
  }

  crash(error: unknown, doing = this.#doing): void {
    if (this.#state === "ended") return;
    const letter = this.#current;
    let identity: string | null = null;
    if (letter !== null && letter.port !== null && letter.bounded) {
      try {
        identity = this.#identify(letter);
      } catch {
        identity = null;
      }
    }
    const record = toErrorRecord(error);
    const kind = letter === null ? doing : letter.kind;
    const stack = error instanceof Error ? (error.stack ?? null) : null;
    this.end({ reason: "crashed", error: record });
    const { path, epoch } = this;
    this.#around.ended(this, { path, epoch, reason: "crashed", error: record, stack, kind, identity });
  }

  exit(): void {
    if (this.#state === "ended") return;
    this.end({ reason: "stopped", error: null });
    const { path, epoch } = this;
    this.#around.ended(this, {
      path,
      epoch,
      reason: "exited",
      error: null,
      stack: null,
      kind: this.#doing,
      identity: null,
    });
  }

  // --- mail ---

  deliver(letter: Letter): void {
    if (this.#state === "ended") {
      this.vitals.release(letter.bytes);
      this.recordDead(letter.kind, letter.sender, this.path, "actorEnded");
      return;
    }
    this.#mailbox.put(letter);
    this.#around.scheduler.runnable(this);
  }

  deliverCall(run: () => void, name = "call"): void {
    if (this.#state === "ended") return;
    this.vitals.add(envelopeBytes);
    this.#mailbox.put(
      new Letter(callLetter, name, null, null, this.path, run, envelopeBytes, this.clock.monotonic(), false),
    );
    this.#around.scheduler.runnable(this);
  }

  /** Ahead of everything that waits, also of a suspended actor. */
  deliverSystem(run: () => void, name: string): void {
    if (this.#state === "ended") return;
    this.vitals.add(envelopeBytes);
    const now = this.clock.monotonic();
    this.#mailbox.putSystem(new Letter(callLetter, name, null, null, this.path, run, envelopeBytes, now, false));
    this.#around.scheduler.runnable(this);
  }

  deliverToSelf(message: OutgoingMessage): void {
    if (this.#state === "ended") return;
    const bytes = messageBytes(message);
    this.vitals.add(bytes);
    const now = this.clock.monotonic();
    this.deliver(new Letter(packetTypes.tell, message.kind, null, null, this.path, message, bytes, now, false));
  }

  recordDead(kind: string, sender: string, target: string, reason: DeadLetterReason): void {
    this.#around.deadLetters.record({ at: this.clock.now(), kind, sender, target, reason });
  }

  // --- turns ---

  visit(mayGoOn: () => boolean): boolean {
    if (this.#state === "starting" || this.#state === "ended") return false;
    const actor = this.#actor;
    assert(actor !== null, "a running actor exists");
    for (;;) {
      const letter = this.#state === "suspended" ? this.#mailbox.takeSystem() : this.#mailbox.take();
      if (letter === undefined) break;
      this.#flushDue = true;
      this.#receive(actor, letter);
      if (this.#isEnded()) return false;
      if (!mayGoOn()) break;
    }
    // A turn that waits for its microtasks is not over: its flush comes after them.
    if (this.#flushDue && this.#state !== "suspended" && !this.#around.scheduler.isLingering) this.#flush(actor);
    if (this.#isEnded()) return false;
    if (this.#mailbox.length > 0) return this.#state !== "suspended";
    if (this.#onQuiet.length > 0) {
      for (const resolve of this.#onQuiet) resolve();
      this.#onQuiet = [];
    }
    return false;
  }

  #isEnded(): boolean {
    return this.#state === "ended";
  }

  #flush(actor: Actor<never>): void {
    this.#flushDue = false;
    if (actor.flush === undefined) return;
    this.#doing = "flush";
    try {
      actor.flush();
    } catch (error) {
      this.crash(error);
    }
  }

  #receive(actor: Actor<never>, letter: Letter): void {
    this.#current = letter;
    this.#doing = letter.kind;
    const began = this.clock.monotonic();
    try {
      this.#dispatch(actor, letter);
    } catch (error) {
      this.crash(error);
    }
    this.#current = null;
    const turnMs = this.clock.monotonic() - began;
    if (turnMs > this.#turnMsMax) this.#turnMsMax = turnMs;
    if (this.#trace !== null) this.#traced(letter, turnMs);
    this.vitals.processedOne();
    this.vitals.release(letter.bytes);
    letter.port?.consumed(letter);
  }

  #dispatch(actor: Actor<never>, letter: Letter): void {
    switch (letter.type) {
      case callLetter:
        (letter.body as () => void)();
        return;
      case packetTypes.reply:
      case packetTypes.fail:
        letter.port?.settle(letter);
        return;
      case packetTypes.tell:
      case packetTypes.ask:
      case packetTypes.streamOpen:
        break;
      default:
        letter.port?.streamTurn(letter);
        return;
    }
    if (letter.deadline !== 0 && this.clock.now() >= letter.deadline) {
      this.recordDead(letter.kind, letter.sender, this.path, "expired");
      return;
    }
    if (this.#poison.size > 0 && letter.port !== null && this.#setAside(letter)) return;
    if (letter.type === packetTypes.streamOpen && letter.port !== null) {
      letter.port.registerSending(new SendingEnd(letter.port, letter.correlation));
    }
    actor.receive(letter.body as never, letter);
  }

  #identify(letter: Letter): string {
    const { identify } = this.definition;
    const message = letter.body as MessageBase;
    return identify === undefined ? messageDigest(message) : `${message.kind}:${identify(message as never)}`;
  }

  #setAside(letter: Letter): boolean {
    const identity = this.#identify(letter);
    if (!this.#poison.has(identity)) return false;
    this.recordDead(letter.kind, letter.sender, this.path, "poison");
    this.#around.poisoned(this, letter.kind, identity);
    if (letter.type === packetTypes.ask) {
      const detail = { target: this.path, kind: letter.kind };
      letter.port?.fail(letter, new KimberliteError("poisonMessage", `${this.path} refuses it`, { detail }));
    }
    return true;
  }

  /** An outside event as a turn. */
  enter(run: () => void): void {
    if (this.#state === "ended") return;
    const { scheduler } = this.#around;
    if (scheduler.current === this) {
      run();
      return;
    }
    if (scheduler.current !== null || this.#state === "suspended" || this.#state === "starting") {
      this.deliverCall(run, "enter");
      return;
    }
    scheduler.turn(this, () => {
      this.#doing = "enter";
      try {
        run();
      } catch (error) {
        this.crash(error);
      }
    });
    if (this.#isEnded()) return;
    this.vitals.processedOne();
    this.#flushDue = true;
    scheduler.runnable(this);
  }

  lingerForMicrotasks(): void {
    if (this.inTurn) this.#around.scheduler.lingerForMicrotasks(this);
    this.#flushDue = true;
  }

  // --- wiring ---

  wire(neighbour: string, peer: string, epoch: Epoch, transport: Transport): void {
    if (this.#state === "ended") {
      transport.attach({ packet: () => {}, closed: () => {} });
      transport.close();
      return;
    }
    const before = this.#ports.get(neighbour);
    assert(before === undefined || before.epoch < epoch, "order: a newer wiring has a larger epoch");
    before?.close({ reason: "replaced", error: null });
    const port = new ActorPort(this, neighbour, peer, epoch, transport);
    this.#ports.set(neighbour, port);
    this.deliverCall(() => {
      if (port.isOpen) this.#actor?.wired?.(neighbour, port, epoch);
    }, "wired");
    port.attach();
  }

  unwire(neighbour: string, farewell: Farewell): void {
    this.#ports.get(neighbour)?.close(farewell);
  }

  port(neighbour: string): ActorPort | null {
    const port = this.#ports.get(neighbour);
    return port?.isOpen === true ? port : null;
  }

  neighbours(): readonly string[] {
    return [...this.#ports.values()].filter((port) => port.isOpen).map((port) => port.neighbour);
  }

  portEnded(port: ActorPort, down: Down): void {
    if (this.#ports.get(port.neighbour) === port) this.#ports.delete(port.neighbour);
    this.#actor?.unwired?.(port.neighbour, down);
    for (const monitor of [...this.#monitors]) {
      if (monitor.neighbour === port.neighbour && this.#monitors.delete(monitor)) monitor.onDown(down);
    }
  }

  monitor(neighbour: string, onDown: (down: Down) => void): { cancel(): void } {
    const monitor: Monitor = { neighbour, onDown };
    this.#monitors.add(monitor);
    if (this.#ports.get(neighbour) === undefined) {
      const down: Down = { target: neighbour, epoch: 0 as Epoch, reason: "gone", certain: true, error: null };
      this.deliverCall(() => {
        if (this.#monitors.delete(monitor)) onDown(down);
      }, "down");
    }
    return { cancel: () => void this.#monitors.delete(monitor) };
  }

  // --- introspection ---

  trace(on: boolean): readonly TraceEntry[] {
    const entries = this.#trace ?? [];
    this.#trace = on ? [] : null;
    return entries;
  }

  #traced(letter: Letter, turnMs: number): void {
    if (this.#trace === null) return;
    if (this.#trace.length === traceMax) this.#trace.shift();
    this.#trace.push({ at: this.clock.now(), kind: letter.kind, sender: letter.sender, turnMs });
  }

  report(): CellReport {
    const oldest = this.#mailbox.oldestArrival;
    return {
      path: this.path,
      kind: this.definition.kind,
      epoch: this.epoch,
      state: this.#state,
      mailboxCount: this.vitals.count,
      mailboxBytes: this.vitals.bytes,
      mailboxAgeMs: oldest === null ? 0 : Math.max(0, this.clock.monotonic() - oldest),
      processed: this.vitals.processed,
      refused: this.vitals.refused,
      deadLetters: this.#around.deadLetters.countFor(this.path),
      turnMsMax: this.#turnMsMax,
      neighbours: this.neighbours(),
      numbers: this.#state === "ended" ? {} : (this.#actor?.inspect?.() ?? {}),
    };
  }
}

export interface CellReport {
  readonly path: string;
  readonly kind: string;
  readonly epoch: Epoch;
  readonly state: CellState;
  readonly mailboxCount: number;
  readonly mailboxBytes: number;
  /** How long the oldest waiting message has waited. */
  readonly mailboxAgeMs: number;
  readonly processed: number;
  readonly refused: number;
  readonly deadLetters: number;
  /** The longest turn so far. */
  readonly turnMsMax: number;
  readonly neighbours: readonly string[];
  readonly numbers: Readonly<Record<string, string | number>>;
}
