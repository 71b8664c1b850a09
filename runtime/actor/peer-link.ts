/**
 * One connection to another node, from its first byte to its end. It never blocks and holds only so much: what does not fit is
 * dropped and counted, since whoever sends over it repeats what was lost.
 *
 *   send ─▶ socket, while less than `socketBytesMax` wait in it
 *        ─▶ queue, up to `queueBytesMax`; a message with a key takes the place of a waiting one with the same key (heartbeats: only
 *           the newest is worth sending)
 *        ─▶ dropped
 *
 * A message leaves with the call that sends it, not at the end of the turn: whoever sends it may block on a disk next, and the time
 * until then is what replication costs.
 *
 * Silence is an end. Looks are counted, not time: after a pause of this process (SIGSTOP, a slow disk) the first look finds nothing
 * heard, and then what waits in the socket is read before the second.
 */
import type { Duplex } from "node:stream";
import { assert } from "../types/assert.js";
import type { Clock } from "./clock.js";
import type { TimerHandle } from "./definition.js";
import { FrameAssembler, frameHead, greetingBytes, peerFrameHeadBytes, peerFrames } from "./peer-frame.js";
import { Ring } from "./ring.js";

export interface PeerLimits {
  /** Largest message. */
  readonly messageBytesMax: number;
  /** Bytes that may wait in the socket before messages wait in the queue. */
  readonly socketBytesMax: number;
  readonly queueBytesMax: number;
  /** How often each side shows life and looks for the other's. */
  readonly lifeMs: number;
  /** Looks in a row that hear nothing and so end the connection. */
  readonly silentLooksMax: number;
  /** From the first byte of a connection to its welcome. */
  readonly greetingMsMax: number;
}

export interface LinkEvents {
  frame(link: PeerLink, type: number, payload: Uint8Array): void;
  /** Exactly once. Nothing follows it. */
  closed(link: PeerLink, reason: string): void;
}

interface Waiting {
  readonly key: number;
  /** Null: a newer one took its place. */
  payload: Uint8Array | null;
}

export class PeerLink {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #limits: PeerLimits;
  readonly #events: LinkEvents;
  readonly #assembler: FrameAssembler;
  readonly #queue = new Ring<Waiting>();
  readonly #byKey = new Map<number, Waiting>();
  #queueBytes = 0;
  #open = true;
  #heard = false;
  #silentLooks = 0;
  #sentSinceLook = false;
  #timer: TimerHandle | null = null;
  dropped = 0;
  replaced = 0;

  constructor(socket: Duplex, clock: Clock, limits: PeerLimits, events: LinkEvents) {
    assert(limits.queueBytesMax >= limits.messageBytesMax, "the largest message fits the queue");
    assert(limits.silentLooksMax >= 2, "silence is judged over several looks");
    this.#socket = socket;
    this.#clock = clock;
    this.#limits = limits;
    this.#events = events;
    // Until both sides know each other only greetings are taken, and no memory for more.
    this.#assembler = new FrameAssembler(greetingBytes, (type, payload) => this.#frame(type, payload));
    socket.on("data", (chunk: Buffer) => {
      this.#heard = true;
      if (!this.#assembler.push(chunk)) this.close("it sent bytes that are no frames");
    });
    socket.on("drain", () => this.#drain());
    socket.on("error", (error: NodeJS.ErrnoException) => this.close(error.code ?? error.message));
    socket.on("end", () => this.close("the other side closed"));
    socket.on("close", () => this.close("the connection ended"));
    this.#look();
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Bytes that have not left yet. */
  get waitingBytes(): number {
    return this.#queueBytes + this.#socket.writableLength;
  }

  /** Both sides know each other: messages may come. */
  admit(): void {
    this.#assembler.payloadBytesMax = this.#limits.messageBytesMax;
  }

  #frame(type: number, payload: Uint8Array): void {
    if (type !== peerFrames.life) this.#events.frame(this, type, payload);
  }

  /**
   * False when it was dropped. The bytes must not change until they have left.
   * @param key 0, or one under which a newer message replaces one that still waits
   */
  send(payload: Uint8Array, key: number): boolean {
    assert(payload.length <= this.#limits.messageBytesMax, "a message is within its limit");
    assert(Number.isSafeInteger(key) && key >= 0, "a key is a number, 0 for none");
    if (!this.#open) return false;
    if (this.#queue.length === 0 && this.#socket.writableLength < this.#limits.socketBytesMax) {
      this.write(peerFrames.message, payload);
      return true;
    }
    if (key !== 0) this.#dropWaiting(key);
    if (this.#queueBytes + payload.length > this.#limits.queueBytesMax) {
      this.dropped += 1;
      return false;
    }
    const waiting: Waiting = { key, payload };
    this.#queue.push(waiting);
    this.#queueBytes += payload.length;
    if (key !== 0) this.#byKey.set(key, waiting);
    return true;
  }

  #dropWaiting(key: number): void {
    const older = this.#byKey.get(key);
    if (older?.payload === null || older === undefined) return;
    this.#queueBytes -= older.payload.length;
    older.payload = null;
    this.replaced += 1;
    this.#byKey.delete(key);
  }

  /** The socket has room again. */
  #drain(): void {
    while (this.#open && this.#socket.writableLength < this.#limits.socketBytesMax) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      if (next.payload === null) continue;
      if (this.#byKey.get(next.key) === next) this.#byKey.delete(next.key);
      this.#queueBytes -= next.payload.length;
      this.write(peerFrames.message, next.payload);
    }
    assert(this.#queueBytes >= 0, "no fewer than zero bytes wait");
  }

  /** Writes a frame past the queue, head and payload in one system call. */
  write(type: number, payload: Uint8Array): void {
    if (!this.#open) return;
    this.#sentSinceLook = true;
    this.#socket.cork();
    this.#socket.write(frameHead(type, payload.length));
    if (payload.length > 0) this.#socket.write(payload);
    this.#socket.uncork();
  }

  #look(): void {
    this.#timer = this.#clock.after(this.#limits.lifeMs, () => {
      this.#silentLooks = this.#heard ? 0 : this.#silentLooks + 1;
      this.#heard = false;
      if (this.#silentLooks >= this.#limits.silentLooksMax) {
        this.close("nothing was heard of it");
        return;
      }
      if (!this.#sentSinceLook && this.#socket.writableLength < peerFrameHeadBytes) {
        this.write(peerFrames.life, noPayload);
      }
      this.#sentSinceLook = false;
      if (this.#open) this.#look();
    });
  }

  /** Says why, and ends. */
  refuse(payload: Uint8Array, reason: string): void {
    if (!this.#open) return;
    this.write(peerFrames.refusal, payload);
    this.#ended(reason);
    this.#socket.end();
    // One that does not take its refusal is not waited for.
    this.#clock.after(1_000, () => this.#socket.destroy());
  }

  close(reason: string): void {
    if (!this.#open) return;
    this.#ended(reason);
    this.#socket.destroy();
  }

  #ended(reason: string): void {
    assert(this.#open, "a connection ends once");
    this.#open = false;
    this.#assembler.isStopped = true;
    this.#timer?.cancel();
    this.#byKey.clear();
    while (this.#queue.shift() !== undefined);
    this.#queueBytes = 0;
    this.#events.closed(this, reason);
  }
}

const noPayload = new Uint8Array(0);
