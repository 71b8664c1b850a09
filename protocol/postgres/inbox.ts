/**
 * Messages of one client that wait to be acted upon, in order. What comes next decides how a message is best done (an Execute that a Sync
 * follows is a transaction of its own), so the reader may look ahead. A client is owed an answer only at a Flush or Sync: to wait
 * for the next message before answering never holds anyone up.
 */
import { assert } from "../../runtime/types/assert.js";

export interface RawMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Counted besides its body: what a message costs. */
const messageBytes = 64;

export class Inbox {
  readonly #onTaken: () => void;
  #messages: RawMessage[] = [];
  #at = 0;
  #bytes = 0;
  #isClosed = false;
  #wake: (() => void) | null = null;
  #waitsFor = 0;
  #watcher: ((isMore: boolean) => void) | null = null;

  /** @param onTaken called when there is room for more */
  constructor(onTaken: () => void = () => {}) {
    this.#onTaken = onTaken;
  }

  /** Bytes that wait: above a bound the socket is not read. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#messages.length - this.#at;
  }

  push(message: RawMessage): void {
    if (this.#isClosed) return;
    this.#messages.push(message);
    this.#bytes += message.body.length + messageBytes;
    if (this.#wake !== null && this.count > this.#waitsFor) this.#resume();
  }

  /** What came together has been pushed: whoever watches is told, once for all of it. */
  settle(): void {
    this.#watcher?.(true);
  }

  /** Nothing more comes; those that wait are not acted upon. */
  close(): void {
    this.#isClosed = true;
    this.#messages = [];
    this.#at = 0;
    this.#bytes = 0;
    this.#resume();
    this.#watcher?.(false);
  }

  #resume(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** The client is gone, or is not heard any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Calls back when messages have arrived, and with false when the client is gone. Until `unwatch`. */
  watch(watcher: (isMore: boolean) => void): void {
    assert(!this.#isClosed, "only somebody who may say more is watched");
    this.#watcher = watcher;
  }

  unwatch(): void {
    this.#watcher = null;
  }

  /** The message `ahead` places from the next one, without taking it; undefined while it has not arrived. */
  glance(ahead: number): RawMessage | undefined {
    return this.#messages[this.#at + ahead];
  }

  /**
   * As `glance`, once it is there; null when the client is gone.
   *
   * @param isStopped looked at again with each `nudge`: while it is true nobody waits, and null is the answer as well
   */
  async peek(ahead: number, isStopped?: () => boolean): Promise<RawMessage | null> {
    for (;;) {
      if (this.#isClosed || isStopped?.() === true) return null;
      const message = this.glance(ahead);
      if (message !== undefined) return message;
      assert(this.#wake === null, "one reader waits for messages");
      this.#waitsFor = ahead;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Whoever waits for a message looks again whether he still has to. */
  nudge(): void {
    this.#resume();
  }

  /** Takes the message that was peeked at first. */
  take(): RawMessage {
    const message = this.#messages[this.#at];
    assert(message !== undefined, "only what has arrived is taken");
    this.#at += 1;
    this.#bytes -= message.body.length + messageBytes;
    if (this.#at === this.#messages.length) {
      this.#messages = [];
      this.#at = 0;
    } else if (this.#at > 1_024) {
      this.#messages = this.#messages.slice(this.#at);
      this.#at = 0;
    }
    this.#onTaken();
    return message;
  }
}
