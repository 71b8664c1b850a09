/**
 * Sockets that came while as many clients as may be are saying who they are: they are not read until one of those has, or is gone. So a pool
 * that opens a thousand connections at once gets them all, and those that prove nothing cost no more than their sockets.
 */
import type { Socket } from "node:net";

const waitMsMax = 30_000;

interface Waiting {
  readonly socket: Socket;
  /** ms, monotonic. */
  readonly since: number;
}

export class WaitingSockets {
  readonly #now: () => number;
  #waiting: Waiting[] = [];
  #head = 0;

  /** @param now ms of a clock that only grows */
  constructor(now: () => number) {
    this.#now = now;
  }

  get count(): number {
    return this.#waiting.length - this.#head;
  }

  add(socket: Socket): void {
    this.#waiting.push({ socket, since: this.#now() });
  }

  /** The one that has waited longest; null when none does. */
  take(): Socket | null {
    const next = this.#waiting[this.#head];
    if (next === undefined) return null;
    this.#head += 1;
    if (this.#head === this.#waiting.length || this.#head > 1_024) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return next.socket;
  }

  /** Those that have waited for too long, and wait no longer. */
  takeOverdue(): readonly Socket[] {
    const overdue: Socket[] = [];
    const until = this.#now() - waitMsMax;
    for (let next = this.#waiting[this.#head]; next !== undefined && next.since <= until; ) {
      const socket = this.take();
      if (socket !== null) overdue.push(socket);
      next = this.#waiting[this.#head];
    }
    return overdue;
  }
}
