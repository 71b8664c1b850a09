/**
 * What others must know of an actor and of a thread without asking them, since a hung one does not answer: small blocks of
 * shared memory, written by the owner, read by everybody.
 *
 * An actor's block (32-bit cells):
 *   0 messages in the mailbox, under way to it or being received    1 bytes of them    2 their limit    3 limit of bytes
 *   4 messages received (wraps)    5 refused for lack of room (wraps)
 * The first two are reserved by *senders* before they send, so that a full mailbox refuses synchronously, whatever the
 * transport between two threads, and what is under way in a message port counts as waiting. No credit messages are needed.
 *
 * A thread's block:
 *   0 heartbeat, moved by a timer: it stands still when the event loop does    1 one while a turn runs    2 turns (wraps)
 */
import { assert } from "../types/assert.js";

const countAt = 0;
const bytesAt = 1;
const countMaxAt = 2;
const bytesMaxAt = 3;
const processedAt = 4;
const refusedAt = 5;
const cellsOfActor = 8;

export const mailboxBytesLimit = 2 ** 30;

export const actorVitalsMemory = (): SharedArrayBuffer => new SharedArrayBuffer(cellsOfActor * 4);
export const threadVitalsMemory = (): SharedArrayBuffer => new SharedArrayBuffer(16);

export class ActorVitals {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    assert(memory.byteLength === cellsOfActor * 4, "an actor's vitals are eight cells");
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  /** Called by the owner once, before anybody is wired to it. */
  setLimits(countMax: number, bytesMax: number): void {
    assert(countMax >= 1 && countMax < 2 ** 24, "a mailbox holds from 1 to 16 M messages");
    assert(bytesMax >= 1 && bytesMax <= mailboxBytesLimit, "a mailbox holds from 1 byte to 1 GiB");
    Atomics.store(this.#cells, countMaxAt, countMax);
    Atomics.store(this.#cells, bytesMaxAt, bytesMax);
  }

  /** Takes room for one message, or leaves everything as it was. */
  reserve(bytes: number): boolean {
    assert(bytes > 0, "a message occupies room");
    const cells = this.#cells;
    if (bytes > mailboxBytesLimit) return false;
    if (Atomics.add(cells, countAt, 1) < Atomics.load(cells, countMaxAt)) {
      if (Atomics.add(cells, bytesAt, bytes) + bytes <= Atomics.load(cells, bytesMaxAt)) return true;
      Atomics.sub(cells, bytesAt, bytes);
    }
    Atomics.sub(cells, countAt, 1);
    Atomics.add(cells, refusedAt, 1);
    return false;
  }

  /** Counts a message that must not be refused: an awaited answer, a timer, a system message. */
  add(bytes: number): void {
    assert(bytes > 0, "a message occupies room");
    Atomics.add(this.#cells, countAt, 1);
    Atomics.add(this.#cells, bytesAt, bytes);
  }

  release(bytes: number): void {
    const before = Atomics.sub(this.#cells, countAt, 1);
    Atomics.sub(this.#cells, bytesAt, bytes);
    assert(before >= 1, "what is released was reserved");
  }

  processedOne(): void {
    const cells = this.#cells;
    cells[processedAt] = ((cells[processedAt] ?? 0) + 1) | 0;
  }

  get count(): number {
    return Atomics.load(this.#cells, countAt);
  }
  get bytes(): number {
    return Atomics.load(this.#cells, bytesAt);
  }
  get countMax(): number {
    return Atomics.load(this.#cells, countMaxAt);
  }
  get bytesMax(): number {
    return Atomics.load(this.#cells, bytesMaxAt);
  }
  get processed(): number {
    return Atomics.load(this.#cells, processedAt) >>> 0;
  }
  get refused(): number {
    return Atomics.load(this.#cells, refusedAt) >>> 0;
  }
}

export class ThreadVitals {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    assert(memory.byteLength === 16, "a thread's vitals are four cells");
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  beat(): void {
    Atomics.add(this.#cells, 0, 1);
  }
  set inTurn(value: boolean) {
    Atomics.store(this.#cells, 1, value ? 1 : 0);
  }
  get inTurn(): boolean {
    return Atomics.load(this.#cells, 1) !== 0;
  }
  get heartbeat(): number {
    return Atomics.load(this.#cells, 0);
  }
}
