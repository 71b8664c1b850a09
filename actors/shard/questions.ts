/**
 * Questions to the shards of this number on other nodes, and whom their answers are for. A question ends once: with its answer, or with
 * null when the link breaks, when its time is up, or, for what only a leader can say, when another replica leads.
 */
import { assert } from "../../runtime/types/assert.js";
import { decodeAnswer, encodeQuestion, relayTopics } from "../messages/relay.js";

/** @param how whether the other side has said so, be it with null */
export type Answered = (body: Uint8Array | null, how: "answered" | "ended") => void;

/** Hands bytes to the replica, for its link. False when they are lost for certain. */
export type SendRelay = (replica: number, bytes: Uint8Array) => boolean;

interface Open {
  readonly to: number;
  readonly topic: number;
  /** Monotonic, ms. */
  readonly deadline: number;
  readonly answered: Answered;
}

const openMax = 10_000;
/** An answer that comes after the leadership was lost may be wrong by then. */
const asksLeader: ReadonlySet<number> = new Set([relayTopics.commitIndex, relayTopics.admin]);

export class Questions {
  readonly #incarnation: number;
  readonly #send: SendRelay;
  readonly #now: () => number;
  readonly #open = new Map<number, Open>();
  #next = 0;

  /**
   * @param incarnation of the shard that asks
   * @param now monotonic, ms
   */
  constructor(incarnation: number, send: SendRelay, now: () => number) {
    this.#incarnation = incarnation;
    this.#send = send;
    this.#now = now;
  }

  get size(): number {
    return this.#open.size;
  }

  ask(to: number, topic: number, body: Uint8Array, deadlineMs: number, answered: Answered): void {
    if (!this.tryAsk(to, topic, body, deadlineMs, answered)) answered(null, "ended");
  }

  /** As `ask`; false, and nothing is told, when it cannot be asked now. */
  tryAsk(to: number, topic: number, body: Uint8Array, deadlineMs: number, answered: Answered): boolean {
    assert(deadlineMs > 0, "a question has a deadline");
    this.#next = (this.#next + 1) >>> 0;
    const id = this.#next;
    if (this.#open.size >= openMax || !this.#send(to, encodeQuestion(this.#incarnation, { id, topic, body }))) {
      return false;
    }
    assert(!this.#open.has(id), "a question's number is its own");
    this.#open.set(id, { to, topic, deadline: this.#now() + deadlineMs, answered });
    return true;
  }

  /** An answer has come; one that nobody waits for any more is dropped. */
  answered(bytes: Uint8Array): void {
    const { id, body } = decodeAnswer(bytes);
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.answered(body, "answered");
  }

  leaderLost(): void {
    this.#end(({ topic }) => asksLeader.has(topic));
  }

  peerDown(replica: number): void {
    this.#end(({ to }) => to === replica);
  }

  expire(): void {
    const now = this.#now();
    this.#end(({ deadline }) => deadline <= now);
  }

  #end(isOver: (open: Open) => boolean): void {
    const over = [...this.#open].filter(([, open]) => isOver(open));
    for (const [id] of over) this.#open.delete(id);
    for (const [, { answered }] of over) answered(null, "ended");
  }
}
