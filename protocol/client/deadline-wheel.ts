/**
 * Deadlines of many requests on one timer: a hashed wheel (Varghese and Lauck, 1987, scheme 6). A request is a link in the list of
 * its slot, so adding and removing are a few pointer writes and no allocation; the timer runs only while something waits.
 *
 * A deadline is late by up to two ticks, never early. After the tick that finds it due, the event loop first reads its sockets:
 * when this thread was held up, an answer that already arrived wins over the deadline.
 *
 * Invariants
 *   1. A waiting node is in exactly one slot, the one of its due tick.
 *   2. A node's `deadlinePassed` is called at most once for each `add`.
 */
import { assert } from "../../runtime/types/assert.js";

export interface WheelNode {
  wheelNext: WheelNode | null;
  wheelPrevious: WheelNode | null;
  /** The tick at which it is due; -1 while not on a wheel. */
  wheelDue: number;
  deadlinePassed(): void;
}

const tickMs = 10;
const slotsCount = 1024;

export class DeadlineWheel {
  readonly #slots = Array.from<WheelNode | null>({ length: slotsCount }).fill(null);
  readonly #now: () => number;
  #tick = 0;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Monotonic milliseconds, of the clock by which deadlines are told. */
  now(): number {
    return this.#now();
  }

  add(node: WheelNode, timeoutMs: number): void {
    assert(timeoutMs >= 0, "a timeout does not lie in the past");
    this.addAt(node, this.#now() + timeoutMs);
  }

  /** @param atMs the deadline by `now` */
  addAt(node: WheelNode, atMs: number): void {
    assert(node.wheelDue === -1, "a node waits for one deadline at a time");
    if (this.#timer === undefined) this.#begin();
    // Never a tick that is over: it would wait for the wheel's next turn.
    const due = Math.max(Math.floor(atMs / tickMs), this.#tick) + 1;
    const slot = due % slotsCount;
    const first = this.#slots[slot] ?? null;
    node.wheelDue = due;
    node.wheelNext = first;
    node.wheelPrevious = null;
    if (first !== null) first.wheelPrevious = node;
    this.#slots[slot] = node;
    this.#waiting++;
  }

  /** Takes a node off; nothing happens when it is not on. */
  remove(node: WheelNode): void {
    if (node.wheelDue === -1) return;
    assert(this.#waiting > 0, "a node on the wheel is counted");
    const { wheelNext: next, wheelPrevious: previous } = node;
    if (previous === null) this.#slots[node.wheelDue % slotsCount] = next;
    else previous.wheelNext = next;
    if (next !== null) next.wheelPrevious = previous;
    node.wheelNext = null;
    node.wheelPrevious = null;
    node.wheelDue = -1;
    this.#waiting--;
  }

  #begin(): void {
    this.#tick = Math.floor(this.#now() / tickMs);
    // Not a reason for the process to stay: the connection that a request waits on is.
    this.#timer = setInterval(() => this.#onTick(), tickMs).unref();
  }

  #onTick(): void {
    if (this.#waiting === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const reached = Math.floor(this.#now() / tickMs);
    setImmediate(() => this.#expire(reached));
  }

  #expire(reached: number): void {
    if (reached <= this.#tick) return;
    const due: WheelNode[] = [];
    const slots = Math.min(reached - this.#tick, slotsCount);
    for (let i = 1; i <= slots; i++) {
      let node = this.#slots[(this.#tick + i) % slotsCount] ?? null;
      while (node !== null) {
        const next: WheelNode | null = node.wheelNext;
        if (node.wheelDue <= reached) {
          this.remove(node);
          due.push(node);
        }
        node = next;
      }
    }
    this.#tick = reached;
    for (const node of due) if (node.wheelDue === -1) node.deadlinePassed();
  }
}

/** The wheel that connections of this thread share unless they are given another. */
export const sharedWheel: DeadlineWheel = new DeadlineWheel();
