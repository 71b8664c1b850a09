/**
 * Reads that wait in a projection, by what they wait for. Each is answered exactly once: here, when its time is up or its client
 * waits no longer, or by whoever takes it out to do it.
 */
import type { Port } from "../../runtime/actor/definition.js";
import { consistency, type ReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { Outbox } from "./outbox.js";

export interface WaitingRead {
  readonly port: Port;
  readonly correlation: number;
  /** ms since 1970; 0 = none. */
  readonly deadline: number;
  readonly request: ReadRequest;
}

const waitingMax = 50_000;

export class ReadQueue {
  readonly #outbox: Outbox;
  /** To run on the next pinned version. */
  ready: WaitingRead[] = [];
  /** No version has reached their token yet. */
  waiting: WaitingRead[] = [];
  /** Linearizable ones that gather for the next question to the shard. */
  unconfirmed: WaitingRead[] = [];
  expired = 0;
  /** Correlations that the message being read calls back. */
  readonly #calledBack = new Set<number>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  get count(): number {
    return this.ready.length + this.waiting.length + this.unconfirmed.length;
  }

  /** Throws `mailboxFull`. */
  add(port: Port, correlation: number, deadline: number, request: ReadRequest): void {
    if (this.count >= waitingMax) {
      throw new KimberliteError("mailboxFull", "too many reads wait; try again in a moment");
    }
    const read = { port, correlation, deadline, request };
    if (request.consistency === consistency.linearizable) this.unconfirmed.push(read);
    else this.ready.push(read);
  }

  /** Nobody waits for this read any more. All that one message calls back are found together, by `callBackNoted`. */
  noteCalledBack(correlation: number): void {
    this.#calledBack.add(correlation);
  }

  /** Answers what was called back without doing it, for whoever keeps its place. */
  callBackNoted(port: Port): void {
    if (this.#calledBack.size === 0) return;
    this.#keep((read) => {
      if (read.port !== port || !this.#calledBack.has(read.correlation)) return true;
      this.#outbox.fail(port, read.correlation, new KimberliteError("cancelled", "", { outcome: "notCommitted" }));
      return false;
    });
    this.#calledBack.clear();
  }

  /** Answers those whose time is up. */
  expire(now: number): void {
    this.waiting = this.#alive(this.waiting, now, "the position of the token was not reached in time");
    this.ready = this.#alive(this.ready, now, "the shard was not ready to be read in time");
    this.unconfirmed = this.#alive(this.unconfirmed, now, "the shard did not confirm its newest position in time");
  }

  #alive(reads: readonly WaitingRead[], now: number, because: string): WaitingRead[] {
    return reads.filter((read) => {
      if (read.deadline === 0 || read.deadline > now) return true;
      this.expired += 1;
      const error = new KimberliteError("deadlineExceeded", because, { outcome: "notCommitted" });
      this.#outbox.fail(read.port, read.correlation, error);
      return false;
    });
  }

  /** Forgets the reads of neighbours that have ended. */
  dropClosed(): void {
    this.#keep((read) => read.port.isOpen);
  }

  #keep(isKept: (read: WaitingRead) => boolean): void {
    this.waiting = this.waiting.filter(isKept);
    this.ready = this.ready.filter(isKept);
    this.unconfirmed = this.unconfirmed.filter(isKept);
  }
}
