/**
 * Memory of what the clients of a gateway were answered and have not read. Each of them has a bound of its own, which a thousand that do not read
 * would make a thousand times as much:
 *
 *   tight   nobody is asked more for while a large part of an answer of his is unread
 *   full    large answers are not kept: their statements fail with 53200, unless they are committed
 *
 * Short ones do not count: what all clients together have of them is no more than a client's buffers cost anyway.
 */
import { assert } from "../../runtime/types/assert.js";
import { kiB, miB } from "../../runtime/types/limits.js";

/** From here on a client's, or an answer's, bytes count. */
export const largeBytes: number = 256 * kiB;
const limitsDefault = { tightBytes: 256 * miB, fullBytes: 1_024 * miB } as const;

export class UnreadAnswers {
  readonly #limits: { readonly tightBytes: number; readonly fullBytes: number };
  bytes = 0;
  /** The most that ever were. */
  most = 0;
  /** Answers that were not kept. */
  refused = 0;

  constructor(limits: { readonly tightBytes: number; readonly fullBytes: number } = limitsDefault) {
    assert(limits.tightBytes <= limits.fullBytes, "who does not read waits before anybody is refused");
    this.#limits = limits;
  }

  /** @returns what counts of a client's bytes from now on, which is to be handed in again as `before` */
  changed(before: number, bytes: number): number {
    const counted = bytes < largeBytes ? 0 : bytes;
    this.bytes += counted - before;
    assert(this.bytes >= 0, "no fewer than zero bytes are unread");
    if (this.bytes > this.most) this.most = this.bytes;
    return counted;
  }

  get isTight(): boolean {
    return this.bytes > this.#limits.tightBytes;
  }

  /** Whether an answer can be kept until it is read. */
  takes(bytes: number): boolean {
    if (bytes < largeBytes || this.bytes + bytes <= this.#limits.fullBytes) return true;
    this.refused += 1;
    return false;
  }
}
