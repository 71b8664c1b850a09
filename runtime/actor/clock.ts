/**
 * Time and chance as a port: shells get the machine's, tests a virtual one in which a supervised tree with its restart windows
 * and back-offs runs in microseconds and in the same order every time.
 */
import { assert } from "../types/assert.js";
import type { TimerHandle } from "./definition.js";

export interface Clock {
  /** Wall time in ms. May step back. */
  now(): number;
  /** Ms since an arbitrary start; never steps back. */
  monotonic(): number;
  /** From 0 (inclusive) to 1 (exclusive). */
  random(): number;
  after(delayMs: number, run: () => void): TimerHandle;
  /** Runs after what is ready now: timers and I/O get their turn between two of them. */
  immediate(run: () => void): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  after(delayMs, run) {
    assert(delayMs >= 0, "a delay is not negative");
    assert(delayMs < 2 ** 31, "a delay is less than 24 days");
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  immediate(run) {
    setImmediate(run);
  },
};

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Time that moves only when told to. Equal instants run in the order of their scheduling. */
export class VirtualClock implements Clock {
  #time = 0;
  #order = 0;
  #scheduled: Scheduled[] = [];
  #immediates: (() => void)[] = [];
  #seed: number;
  readonly #wallStart: number;

  constructor(seed = 1, wallStart = 1_700_000_000_000) {
    assert(Number.isSafeInteger(seed), "a seed is an integer");
    this.#seed = seed >>> 0;
    this.#wallStart = wallStart;
  }

  now(): number {
    return this.#wallStart + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  /** Mulberry32: small, fast, and the same on every machine. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0;
    let mixed = this.#seed;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  after(delayMs: number, run: () => void): TimerHandle {
    assert(delayMs >= 0, "a delay is not negative");
    const entry: Scheduled = { at: this.#time + delayMs, order: this.#order++, run, cancelled: false };
    this.#scheduled.push(entry);
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  immediate(run: () => void): void {
    this.#immediates.push(run);
  }

  get pending(): number {
    return this.#immediates.length + this.#scheduled.filter((entry) => !entry.cancelled).length;
  }

  /** Runs everything that is ready, letting promise chains of the code under test run between the steps. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const ready = this.#immediates;
      this.#immediates = [];
      for (const run of ready) run();
      quiet = ready.length === 0 ? quiet + 1 : 0;
    }
  }

  /** Moves time on by `ms`, stopping at each timer on the way. */
  async advance(ms: number): Promise<void> {
    assert(ms >= 0, "time moves forward");
    const until = this.#time + ms;
    await this.settle();
    for (;;) {
      this.#scheduled = this.#scheduled.filter((entry) => !entry.cancelled);
      let next: Scheduled | null = null;
      for (const entry of this.#scheduled) {
        if (
          entry.at <= until &&
          (next === null || entry.at < next.at || (entry.at === next.at && entry.order < next.order))
        ) {
          next = entry;
        }
      }
      if (next === null) break;
      this.#time = Math.max(this.#time, next.at);
      next.cancelled = true;
      next.run();
      await this.settle();
    }
    this.#time = until;
  }
}
