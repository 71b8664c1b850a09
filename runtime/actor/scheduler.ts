/**
 * The run queue of one thread. Everything that concerns an actor (a packet, a timer, a socket's bytes) only makes it *runnable*;
 * actors run in a pass, which begins in the loop's check phase, after all sockets and ports that were ready have been read. So 64
 * sockets that became readable together make one batch, and a chain gateway → shard → replica → shard → gateway within the
 * thread is done in one pass, without another trip through the event loop.
 *
 * A pass ends when nobody is runnable, or when its budget of turns or of time is used up; then timers and I/O get their turn
 * before the next. A single turn is never interrupted: turns are meant to be short, and a long one shows in `top`.
 *
 * The one subtle case is code after an `await` of an `ask`. Its promise is settled in a turn, but runs when the stack has unwound. So
 * the pass stops there, and the turn is kept open until the microtasks are done; only then does the next turn begin.
 */
import { assert } from "../types/assert.js";
import type { Clock } from "./clock.js";
import { Ring } from "./ring.js";
import type { ThreadVitals } from "./vitals.js";

export interface Runnable {
  queued: boolean;
  /** Receives letters until its mailbox is empty or `mayGoOn` says stop. Returns whether it must be visited again. */
  visit(mayGoOn: () => boolean): boolean;
}

export interface SchedulerOptions {
  readonly turnsMax?: number;
  readonly passMsMax?: number;
}

export class Scheduler {
  readonly #clock: Clock;
  readonly #vitals: ThreadVitals | null;
  readonly #queue = new Ring<Runnable>();
  readonly #turnsMax: number;
  readonly #passMsMax: number;
  readonly #mayGoOn: () => boolean;
  #current: Runnable | null = null;
  /** Whose promise was settled last: an unhandled rejection that follows is its crash. */
  #awaiter: Runnable | null = null;
  #scheduled = false;
  #awaiting = false;
  #turns = 0;
  #passEnd = 0;
  #passes = 0;

  /** A turn that takes long is at work. */
  working(): void {
    this.#vitals?.beat();
  }

  constructor(clock: Clock, vitals: ThreadVitals | null, options: SchedulerOptions = {}) {
    this.#clock = clock;
    this.#vitals = vitals;
    this.#turnsMax = options.turnsMax ?? 1024;
    this.#passMsMax = options.passMsMax ?? 2;
    assert(this.#turnsMax >= 1 && this.#passMsMax > 0, "a pass has a budget");
    this.#mayGoOn = () => {
      this.#turns++;
      return !this.#awaiting && this.#turns < this.#turnsMax && this.#clock.monotonic() < this.#passEnd;
    };
  }

  get current(): Runnable | null {
    return this.#current;
  }

  get blamed(): Runnable | null {
    return this.#current ?? this.#awaiter;
  }

  get isLingering(): boolean {
    return this.#awaiting;
  }

  get passes(): number {
    return this.#passes;
  }

  runnable(actor: Runnable): void {
    if (actor.queued) return;
    actor.queued = true;
    this.#queue.push(actor);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.immediate(() => this.#pass());
  }

  /** Runs one turn now, on behalf of an outside event. */
  turn(actor: Runnable, run: () => void): void {
    const before = this.#current;
    this.#current = actor;
    if (this.#vitals !== null) this.#vitals.inTurn = true;
    try {
      run();
    } finally {
      if (!this.#awaiting || before !== null) this.#current = before;
      if (this.#vitals !== null && before === null) this.#vitals.inTurn = false;
    }
  }

  #pass(): void {
    assert(this.#scheduled, "a pass was scheduled");
    assert(this.#current === null, "isolation: one turn at a time");
    this.#awaiter = null;
    this.#turns = 0;
    this.#passes++;
    this.#passEnd = this.#clock.monotonic() + this.#passMsMax;
    if (this.#vitals !== null) this.#vitals.inTurn = true;
    // Actors that become runnable while the pass runs are queued, and a pass under way needs no second one.
    while (this.#queue.length > 0) {
      const actor = this.#queue.shift();
      if (actor === undefined) break;
      actor.queued = false;
      this.#current = actor;
      const again = actor.visit(this.#mayGoOn);
      if (!this.#awaiting) this.#current = null;
      if (again && !actor.queued) {
        actor.queued = true;
        this.#queue.push(actor);
      }
      if (this.#awaiting || this.#turns >= this.#turnsMax || this.#clock.monotonic() >= this.#passEnd) break;
    }
    this.#scheduled = false;
    if (this.#awaiting) return;
    if (this.#vitals !== null) this.#vitals.inTurn = false;
    if (this.#queue.length > 0) this.#schedule();
  }

  /** The running turn has settled a promise of the actor: the turn lasts until what waited for it has run. */
  lingerForMicrotasks(actor: Runnable): void {
    assert(this.#current === actor, "isolation: a promise of an actor is settled in its turn");
    if (this.#awaiting) return;
    this.#awaiting = true;
    this.#awaiter = actor;
    // A tick queued from a microtask comes after all microtasks, however long their chain.
    queueMicrotask(() => process.nextTick(() => this.#endLinger(actor)));
  }

  #endLinger(actor: Runnable): void {
    assert(this.#current === actor && this.#awaiting, "a turn that lingers is the current one");
    this.#awaiting = false;
    this.#current = null;
    if (this.#vitals !== null) this.#vitals.inTurn = false;
    this.runnable(actor);
    this.#schedule();
  }
}
