/**
 * What the author of an actor sees. An actor is a single-threaded object that acts only in *turns*: one message, one timer, one
 * answer, one outside event, each run to its end before the next begins. Its code holds no locks, sees no transport and never
 * learns which thread it runs in.
 *
 *   receive   one message, synchronously
 *   flush     once after the messages that waited were received: the place to form one batch out of many
 *   wired     a port to a neighbour exists (again); the old one is dead
 *   unwired   the neighbour is gone until it is wired again
 *
 * An error thrown in a turn is a crash of the actor: the supervisor replaces it by a new one made by `create`.
 */
import type { Duplex } from "node:stream";
import type { KimberliteError } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import type { Down, Envelope, MessageBase, OutgoingMessage } from "./envelope.js";

export interface MailboxPolicy<Message = never> {
  /** Messages that may wait. */
  readonly countMax: number;
  /** Bytes that may wait; also the largest single message. At most 1 GiB. */
  readonly bytesMax: number;
  /**
   * What happens to a message that finds the mailbox full: `reject` tells its sender `busy`; `dropOldest` makes room (heartbeats);
   * `coalesceBy` lets a newer message take the place of a waiting one with the same key (status), and rejects new keys.
   */
  readonly overflow: "reject" | "dropOldest" | { readonly coalesceBy: (message: Message) => string };
}

export interface ActorDefinition<Args, Message extends MessageBase> {
  readonly kind: string;
  readonly mailbox: MailboxPolicy<Message>;
  /** Makes an actor from plain data. A rejection is a failed start and counts against the restart budget. */
  create(context: ActorContext, args: Args): Actor<Message> | Promise<Actor<Message>>;
  /** Names a message by its meaning, so that a retry of one that crashed the actor is recognised. Default: a digest of its content. */
  identify?(message: Message): string;
}

/** A definition whose types are known only to its own module, as a registry holds it. */
export type AnyActorDefinition = ActorDefinition<never, never>;

/** What a registry module exports: a loader for each kind, so that a thread loads what lives in it and nothing else. */
export type ActorRegistry = Readonly<Record<string, () => Promise<AnyActorDefinition>>>;

export interface Actor<Message> {
  receive(message: Message, envelope: Envelope): void;
  flush?(): void;
  wired?(neighbour: string, port: Port, epoch: Epoch): void;
  unwired?(neighbour: string, reason: Down): void;
  /** Finish what is in progress, take nothing new. Turns go on while it runs. */
  drain?(): Promise<void>;
  /** Release what the thread's end would not. Also called, best effort, after a crash when the thread lives on. */
  stop?(): void | Promise<void>;
  /** Numbers and short texts for `top`. Never payload, never personal data. */
  inspect?(): Record<string, string | number>;
}

/** One end of a wiring to a neighbour. Opaque: what an actor does with it goes through its context. */
export interface Port {
  /** The neighbour's id in the tree. */
  readonly neighbour: string;
  readonly epoch: Epoch;
  readonly isOpen: boolean;
}

/** `accepted` says only that the message has a place in the mailbox; `gone` that it became a dead letter. */
export type TellResult = "accepted" | "busy" | "gone";

export interface TellOptions {
  readonly traceparent?: string | null;
  readonly tenant?: number;
  /** Hands the buffers of byte fields over instead of copying; the sender must not touch them again. */
  readonly transfer?: boolean;
}

export interface AskOptions extends TellOptions {
  readonly deadlineMs: number;
}

export type Outcome<Reply> =
  | { readonly ok: true; readonly value: Reply }
  | { readonly ok: false; readonly error: KimberliteError };

export interface TimerHandle {
  cancel(): void;
}

export interface MonitorHandle {
  cancel(): void;
}

export interface StreamOptions<Item> extends TellOptions {
  /** Items that may be under way before the first `grant`. */
  readonly credits: number;
  readonly onItem: (item: Item) => void;
  /** Exactly once: null after an orderly end, else why. Nothing follows it. */
  readonly onEnd: (error: KimberliteError | null) => void;
}

/** The receiving end, held by the actor that opened the stream. */
export interface StreamReceiver {
  grant(credits: number): void;
  /** Ends it from this side; `onEnd` is not called any more. */
  cancel(): void;
  readonly isOpen: boolean;
}

/** The sending end, held by the actor that was asked for the stream. */
export interface StreamSender<Item> {
  /** `busy` without credit: nothing was sent. */
  send(item: Item, options?: { readonly transfer?: boolean }): TellResult;
  end(): void;
  fail(error: unknown): void;
  readonly credits: number;
  readonly isOpen: boolean;
  /** Called as a turn when credit arrives after there was none. */
  onCredit: (() => void) | null;
  /** Called as a turn, at most once, when the receiver cancelled or is gone. */
  onCancel: (() => void) | null;
}

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface ActorContext {
  /** Place in the tree, e.g. `node/shard-0/replica-0`. */
  readonly path: string;
  /** The actor's id in the tree, the name by which neighbours know it. */
  readonly id: string;
  /** Number of this incarnation; larger than every earlier one of any actor in the tree. */
  readonly epoch: Epoch;
  readonly log: Logger;

  /** The open port to a neighbour, or null while there is none. */
  port(neighbour: string): Port | null;
  /** Names of the neighbours with an open port. */
  neighbours(): readonly string[];

  /** Never throws because of the receiver. `busy` means that nothing was sent. */
  tell(port: Port, message: OutgoingMessage, options?: TellOptions): TellResult;
  /**
   * Resolves with the answer or rejects with the typed failure, `deadlineExceeded`, `actorGone` or `mailboxFull`: exactly one of
   * them, exactly once. Code after the `await` runs as a turn of the actor.
   */
  ask<Reply = unknown>(port: Port, message: OutgoingMessage, options: AskOptions): Promise<Reply>;
  /** `ask` without promises, for hot paths: the outcome arrives as a turn in the same pass of the loop. */
  request<Reply = unknown>(
    port: Port,
    message: OutgoingMessage,
    options: AskOptions,
    settle: (outcome: Outcome<Reply>) => void,
  ): void;
  /** Answers an asked message. A second answer, or one to a `tell`, is dropped and counted. */
  reply(envelope: Envelope, value: unknown, options?: { readonly transfer?: boolean }): void;
  fail(envelope: Envelope, error: unknown): void;

  /** Asks a neighbour for a stream of items. Null when the neighbour has no room for the request or is gone. */
  openStream<Item>(port: Port, message: OutgoingMessage, options: StreamOptions<Item>): StreamReceiver | null;
  /** The sending end of the stream that an envelope asked for. */
  acceptStream<Item>(envelope: Envelope): StreamSender<Item>;

  /** A message to oneself after a delay in ms; it waits its turn behind what is already in the mailbox. */
  after(delayMs: number, message: OutgoingMessage): TimerHandle;
  /** An outside event (bytes of a socket, a finished job) as a turn; `flush` follows. Errors in it are the actor's crash, never the caller's. */
  enter(run: () => void): void;
  /** Exactly one `Down` for the neighbour's current incarnation, at once when it is gone already. */
  monitor(neighbour: string, onDown: (down: Down) => void): MonitorHandle;

  /**
   * Wires a neighbour on another machine over a connected TCP or TLS socket. Both sides name the same epoch, which is larger than
   * that of the wiring it replaces; a socket left over from an older one is refused by it.
   */
  wirePeer(neighbour: string, epoch: Epoch, socket: Duplex): void;

  /** Wall time in ms. */
  now(): number;
  /** Monotonic time in ms, fractional. */
  monotonic(): number;
  random(): number;
  /** Says in the midst of a long turn that work is being done, so that the thread is not taken for hung. */
  working(): void;
  /** Ends this actor as failed. */
  crash(error: unknown): void;
  /** Ends this actor as done: only a `permanent` child is started again. */
  exit(): void;
}
