/**
 * An actor's mailbox: two lanes, system before user, each first in first out.
 *
 * Room is taken in the shared `ActorVitals` by the sender (see there), so by the time a letter arrives it has a place. The policies
 * that never refuse for fullness alone, `dropOldest` and `coalesceBy`, let senders reserve up to twice the bound, and hold
 * the bound here on arrival: what waits is at most the bound, what is under way at most as much again.
 *
 * Invariants
 *   1. bounded letters waiting ≤ countMax, and their bytes ≤ bytesMax
 *   2. every letter that was put is taken or reported as dropped, once
 *   3. put and take are O(1) amortised at any depth
 */
import { assert } from "../types/assert.js";
import type { MailboxPolicy } from "./definition.js";
import type { Letter } from "./letter.js";
import { Ring } from "./ring.js";
import { type ActorVitals, mailboxBytesLimit } from "./vitals.js";

export class Mailbox {
  readonly #policy: MailboxPolicy;
  readonly #vitals: ActorVitals;
  readonly #onDropped: (letter: Letter) => void;
  readonly #coalesceBy: ((message: never) => string) | null;
  readonly #dropsOldest: boolean;
  readonly #system = new Ring<Letter>();
  #user = new Ring<Letter>();
  /** Bounded letters in order of arrival, for `dropOldest`. */
  #bounded = new Ring<Letter>();
  readonly #waitingByKey = new Map<string, Letter>();
  #boundedCount = 0;
  #boundedBytes = 0;
  #tombstones = 0;

  constructor(policy: MailboxPolicy, vitals: ActorVitals, onDropped: (letter: Letter) => void) {
    this.#policy = policy;
    this.#vitals = vitals;
    this.#onDropped = onDropped;
    this.#coalesceBy = typeof policy.overflow === "object" ? policy.overflow.coalesceBy : null;
    this.#dropsOldest = policy.overflow === "dropOldest";
    const slack = policy.overflow === "reject" ? 1 : 2;
    vitals.setLimits(policy.countMax * slack, Math.min(policy.bytesMax * slack, mailboxBytesLimit));
  }

  get length(): number {
    return this.#system.length + this.#user.length - this.#tombstones;
  }

  get boundedCount(): number {
    return this.#boundedCount;
  }

  get boundedBytes(): number {
    return this.#boundedBytes;
  }

  /** Monotonic ms of the arrival of the oldest letter, or null. */
  get oldestArrival(): number | null {
    const user = this.#user.peek()?.arrivedAt;
    const system = this.#system.peek()?.arrivedAt;
    if (user === undefined) return system ?? null;
    return system === undefined ? user : Math.min(user, system);
  }

  putSystem(letter: Letter): void {
    assert(!letter.bounded, "system letters are outside the bound");
    this.#system.push(letter);
  }

  /** Puts a letter whose room is reserved already. */
  put(letter: Letter): void {
    assert(!letter.dropped, "a dropped letter does not come back");
    if (letter.bounded) {
      if (this.#coalesceBy !== null && this.#coalesce(letter, this.#coalesceBy)) return;
      if (this.#dropsOldest) this.#makeRoom(letter.bytes);
      else if (this.#coalesceBy !== null && !this.#fits(letter.bytes)) {
        this.#drop(letter);
        return;
      }
      this.#boundedCount++;
      this.#boundedBytes += letter.bytes;
      if (this.#dropsOldest) this.#bounded.push(letter);
      assert(this.#boundedCount <= this.#policy.countMax, "a mailbox holds no more messages than its bound");
      assert(this.#boundedBytes <= this.#policy.bytesMax, "a mailbox holds no more bytes than its bound");
    }
    this.#user.push(letter);
  }

  /** The next letter for a running actor. */
  take(): Letter | undefined {
    const system = this.#system.shift();
    if (system !== undefined) return system;
    for (;;) {
      const letter = this.#user.shift();
      if (letter === undefined) return undefined;
      if (letter.dropped) {
        this.#tombstones--;
        continue;
      }
      if (letter.bounded) this.#forget(letter);
      return letter;
    }
  }

  /** The next system letter: all that a suspended actor takes. */
  takeSystem(): Letter | undefined {
    return this.#system.shift();
  }

  #fits(bytes: number): boolean {
    return this.#boundedCount < this.#policy.countMax && this.#boundedBytes + bytes <= this.#policy.bytesMax;
  }

  #forget(letter: Letter): void {
    this.#boundedCount--;
    this.#boundedBytes -= letter.bytes;
    if (this.#dropsOldest) {
      const first = this.#bounded.shift();
      assert(first === letter, "bounded letters leave in the order of arrival");
    }
    if (this.#coalesceBy !== null) this.#waitingByKey.delete(this.#coalesceBy(letter.body as never));
    assert(this.#boundedCount >= 0 && this.#boundedBytes >= 0, "a mailbox does not hold less than nothing");
  }

  #coalesce(letter: Letter, coalesceBy: (message: never) => string): boolean {
    const key = coalesceBy(letter.body as never);
    const waiting = this.#waitingByKey.get(key);
    if (waiting === undefined) {
      if (this.#fits(letter.bytes)) this.#waitingByKey.set(key, letter);
      return false;
    }
    // An asked message has its own asker: it cannot be answered through another one's envelope.
    if (waiting.correlation !== 0 || letter.correlation !== 0 || waiting.port !== letter.port) return false;
    const bytesAfter = this.#boundedBytes - waiting.bytes + letter.bytes;
    if (bytesAfter > this.#policy.bytesMax) {
      this.#drop(letter);
      return true;
    }
    const [body, bytes] = [waiting.body, waiting.bytes];
    waiting.body = letter.body;
    waiting.bytes = letter.bytes;
    letter.body = body;
    letter.bytes = bytes;
    this.#boundedBytes = bytesAfter;
    this.#drop(letter);
    return true;
  }

  #makeRoom(bytes: number): void {
    assert(bytes <= this.#policy.bytesMax * 2, "senders reserve at most twice the bound");
    while (!this.#fits(bytes)) {
      const oldest = this.#bounded.shift();
      if (oldest === undefined) break;
      this.#boundedCount--;
      this.#boundedBytes -= oldest.bytes;
      this.#tombstones++;
      this.#drop(oldest);
      oldest.body = null;
    }
    if (this.#tombstones > 64 && this.#tombstones * 2 > this.#user.length) this.#compact();
  }

  #drop(letter: Letter): void {
    letter.dropped = true;
    this.#vitals.release(letter.bytes);
    this.#onDropped(letter);
  }

  /** Tombstones are swept when they are the majority, which keeps sweeping O(1) for each put. */
  #compact(): void {
    const kept = new Ring<Letter>();
    for (let letter = this.#user.shift(); letter !== undefined; letter = this.#user.shift()) {
      if (!letter.dropped) kept.push(letter);
    }
    this.#user = kept;
    this.#tombstones = 0;
  }
}
