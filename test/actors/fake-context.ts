/** A context for driving one actor by hand: what it tells and asks is recorded, timers are run by the test. */
import type { ActorContext, AskOptions, Outcome, Port, TellResult } from "../../runtime/actor/definition.js";
import type { Envelope, MessageBase, OutgoingMessage } from "../../runtime/actor/envelope.js";
import type { Epoch } from "../../runtime/types/ids.js";

export interface Told {
  readonly to: string;
  readonly message: MessageBase & Record<string, unknown>;
}

export interface Asked extends Told {
  readonly settle: (outcome: Outcome<never>) => void;
}

interface FakePort extends Port {
  isOpen: boolean;
}

export class FakeContext implements ActorContext {
  readonly path = "node/under-test";
  readonly id = "under-test";
  readonly epoch = 1 as Epoch;
  /** What was logged as an error. */
  readonly errors: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  readonly log = {
    debug() {},
    info() {},
    warn() {},
    error: (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void this.errors.push({ message, fields }),
  };
  readonly told: Told[] = [];
  readonly asked: Asked[] = [];
  readonly replies: { readonly envelope: Envelope; readonly value: unknown; readonly error: unknown }[] = [];
  readonly timers: { readonly delayMs: number; readonly message: MessageBase }[] = [];
  /** Neighbours whose mailbox is full. */
  readonly busy = new Set<string>();
  /** Messages that a full mailbox did not take. */
  refused = 0;
  time = 1_700_000_000_000;
  crashed: unknown = null;
  readonly #ports = new Map<string, FakePort>();

  wire(neighbour: string, epoch = 1): Port {
    const port: FakePort = { neighbour, epoch: epoch as Epoch, isOpen: true };
    this.#ports.set(neighbour, port);
    return port;
  }

  unwire(neighbour: string): void {
    const port = this.#ports.get(neighbour);
    if (port !== undefined) port.isOpen = false;
    this.#ports.delete(neighbour);
  }

  envelope(sender: string, epoch = 1): Envelope {
    return {
      kind: "",
      correlation: 0,
      deadline: 0,
      traceparent: null,
      tenant: 0,
      epoch: epoch as Epoch,
      sender: `node/${sender}`,
    };
  }

  toldOf(kind: string): Told[] {
    return this.told.filter((told) => told.message.kind === kind);
  }

  port(neighbour: string): Port | null {
    return this.#ports.get(neighbour) ?? null;
  }
  neighbours(): readonly string[] {
    return [...this.#ports.keys()];
  }
  tell(port: Port, message: OutgoingMessage): TellResult {
    if (this.busy.has(port.neighbour)) {
      this.refused += 1;
      return "busy";
    }
    this.told.push({ to: port.neighbour, message: message as Told["message"] });
    return "accepted";
  }
  request<Reply>(
    port: Port,
    message: OutgoingMessage,
    _options: AskOptions,
    settle: (outcome: Outcome<Reply>) => void,
  ): void {
    this.asked.push({ to: port.neighbour, message: message as Told["message"], settle: settle as Asked["settle"] });
  }
  ask<Reply>(port: Port, message: OutgoingMessage, options: AskOptions): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.request<Reply>(port, message, options, (outcome) => {
        if (outcome.ok) resolve(outcome.value);
        else reject(outcome.error);
      });
    });
  }
  reply(envelope: Envelope, value: unknown): void {
    this.replies.push({ envelope, value, error: null });
  }
  fail(envelope: Envelope, error: unknown): void {
    this.replies.push({ envelope, value: null, error });
  }
  openStream(): null {
    return null;
  }
  acceptStream(): never {
    throw new Error("no streams here");
  }
  after(delayMs: number, message: OutgoingMessage): { cancel(): void } {
    this.timers.push({ delayMs, message });
    return { cancel() {} };
  }
  enter(run: () => void): void {
    run();
  }
  monitor(): { cancel(): void } {
    return { cancel() {} };
  }
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
  working(): void {}

  random(): number {
    return 0.5;
  }
  crash(error: unknown): void {
    this.crashed = error;
  }
  exit(): void {}
  wirePeer(): never {
    throw new Error("no peers here");
  }
}
