/**
 * The links between replicas: one-way latency drawn around a mean, loss, duplicates, replay of old frames (from earlier views, from before a
 * restart), links that are clogged for a while or cut in one direction, bits that flip, and large frames that never arrive while small
 * ones do. What it carries are the bytes that the shipping codec made.
 */
import { commands } from "../../runtime/vsr/message-frame.js";
import type { EventQueue } from "./event-queue.js";
import type { Stream } from "./streams.js";

export interface NetworkOptions {
  readonly latencyMeanMicros: number;
  /** Probabilities from 0 to 1, for each frame. */
  readonly loss: number;
  readonly duplicate: number;
  readonly replay: number;
  readonly flip: number;
  /** Frames that draw a latency of their own and so overtake one another; others keep their order per link. */
  readonly reorder: number;
  /** Frames longer than that are lost; 0 for no such limit. */
  readonly bytesMax: number;
}

export interface NetworkCounts {
  sent: number;
  lost: number;
  duplicated: number;
  replayed: number;
  flipped: number;
  tooLarge: number;
  cut: number;
}

interface Frame {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

const rememberedMax = 256;
/** What tells a replica where a view begins: old ones of these are the most dangerous of all frames. */
const startViewsMax = 64;

export class Network {
  options: NetworkOptions;
  readonly counts: NetworkCounts = {
    sent: 0,
    lost: 0,
    duplicated: 0,
    replayed: 0,
    flipped: 0,
    tooLarge: 0,
    cut: 0,
  };
  readonly #events: EventQueue;
  readonly #random: Stream;
  readonly #deliver: (from: number, to: number, bytes: Uint8Array) => void;
  readonly #replicas: number;
  /** By from × replicas + to. */
  readonly #isCut: boolean[];
  readonly #cloggedUntil: number[];
  readonly #lastArrival: number[];
  #remembered: Frame[] = [];
  #startViews: Frame[] = [];
  /** By replica: disks it has lost. */
  readonly #lives: number[];

  constructor(
    events: EventQueue,
    random: Stream,
    replicas: number,
    options: NetworkOptions,
    deliver: (from: number, to: number, bytes: Uint8Array) => void,
  ) {
    this.#events = events;
    this.#random = random;
    this.#replicas = replicas;
    this.options = options;
    this.#deliver = deliver;
    this.#lives = new Array<number>(replicas).fill(0);
    this.#isCut = new Array<boolean>(replicas * replicas).fill(false);
    this.#cloggedUntil = new Array<number>(replicas * replicas).fill(0);
    this.#lastArrival = new Array<number>(replicas * replicas).fill(0);
  }

  #link(from: number, to: number): number {
    return from * this.#replicas + to;
  }

  cut(from: number, to: number): void {
    this.#isCut[this.#link(from, to)] = true;
  }

  isCut(from: number, to: number): boolean {
    return this.#isCut[this.#link(from, to)] ?? false;
  }

  clog(from: number, to: number, until: number): void {
    this.#cloggedUntil[this.#link(from, to)] = until;
  }

  /** All links work again; what is clogged leaves now. */
  heal(): void {
    this.#isCut.fill(false);
    this.#cloggedUntil.fill(0);
  }

  /**
   * A replica begins a new life on an empty disk, by an operator's hand: minutes later, over connections of its own. Nothing that was said
   * to its former life, or by it, reaches it.
   */
  forget(replica: number): void {
    this.#lives[replica] = (this.#lives[replica] ?? 0) + 1;
    const isOfOthers = ({ from, to }: Frame): boolean => from !== replica && to !== replica;
    this.#remembered = this.#remembered.filter(isOfOthers);
    this.#startViews = this.#startViews.filter(isOfOthers);
  }

  /** What shards say to one another relies on their connection: in order, once, and nothing of it outlives an end of the connection. */
  sendConnected(from: number, to: number, bytes: Uint8Array, leavingAt: number, isConnected: () => boolean): void {
    this.counts.sent += 1;
    this.#carry(from, to, bytes, leavingAt, isConnected);
  }

  /** Frames of the protocol verify themselves, and may be lost, doubled, delayed and overtaken. */
  send(from: number, to: number, bytes: Uint8Array, leavingAt: number): void {
    this.counts.sent += 1;
    const { options } = this;
    if (options.bytesMax > 0 && bytes.length > options.bytesMax) {
      this.counts.tooLarge += 1;
      return;
    }
    if (options.replay > 0) this.#remember({ from, to, bytes });
    if (bytes[98] === commands.startView) {
      this.#startViews.push({ from, to, bytes });
      if (this.#startViews.length > startViewsMax) this.#startViews.shift();
    }
    if (options.loss > 0 && this.#random.chance(options.loss)) {
      this.counts.lost += 1;
      return;
    }
    this.#carry(from, to, bytes, leavingAt, null);
    if (options.duplicate > 0 && this.#random.chance(options.duplicate)) {
      this.counts.duplicated += 1;
      this.#carry(from, to, bytes, leavingAt, null);
    }
    if (options.replay > 0 && this.#random.chance(options.replay)) this.#replay(leavingAt);
  }

  #remember(frame: Frame): void {
    if (this.#remembered.length < rememberedMax) this.#remembered.push(frame);
    else this.#remembered[this.#random.below(rememberedMax)] = frame;
  }

  #replay(at: number): void {
    const old = this.#random.pick(this.#remembered);
    this.counts.replayed += 1;
    this.#carry(old.from, old.to, old.bytes, at, null);
  }

  /**
   * A startView that was sent to a replica long ago arrives now: it was under way all the time, past every cut. False when there is none.
   *
   * @param where from 0 to 1: which of those that are remembered, the oldest first
   */
  deliverOldStartView(to: number, where: number): boolean {
    const old = this.#startViews.filter((frame) => frame.to === to);
    const frame = old[Math.floor(where * old.length)];
    if (frame === undefined) return false;
    this.counts.replayed += 1;
    this.#deliver(frame.from, to, frame.bytes);
    return true;
  }

  #carry(from: number, to: number, bytes: Uint8Array, leavingAt: number, isConnected: (() => boolean) | null): void {
    const isProtocol = isConnected === null;
    const { options } = this;
    const link = this.#link(from, to);
    if (this.#isCut[link] === true) {
      this.counts.cut += 1;
      return;
    }
    const { latencyMeanMicros } = options;
    let at = leavingAt + latencyMeanMicros / 4 + this.#random.exponential((latencyMeanMicros * 3) / 4);
    at = Math.max(at, this.#cloggedUntil[link] ?? 0);
    if (!isProtocol || options.reorder === 0 || !this.#random.chance(options.reorder)) {
      at = Math.max(at, this.#lastArrival[link] ?? 0);
      this.#lastArrival[link] = at;
    }
    const arriving = isProtocol && options.flip > 0 && this.#random.chance(options.flip) ? this.#flipped(bytes) : bytes;
    const lives = (this.#lives[from] ?? 0) + (this.#lives[to] ?? 0);
    this.#events.at(at, () => {
      const isOfTheseLives = lives === (this.#lives[from] ?? 0) + (this.#lives[to] ?? 0);
      if (isOfTheseLives && (isConnected === null || isConnected())) this.#deliver(from, to, arriving);
    });
  }

  #flipped(bytes: Uint8Array): Uint8Array {
    this.counts.flipped += 1;
    const copy = bytes.slice();
    this.#random.flipBit(copy);
    return copy;
  }
}
