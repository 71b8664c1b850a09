/**
 * Messages that reached nobody: each is counted by kind, and the newest are kept (without their content) so that a person can see
 * who sent what to whom, and why it did not arrive.
 */
import { assert } from "../types/assert.js";

export type DeadLetterReason =
  | "portClosed"
  | "actorEnded"
  | "overflow"
  | "expired"
  | "lateReply"
  | "duplicateReply"
  | "staleEpoch"
  | "poison"
  | "unknownStream"
  | "undeliverable";

export interface DeadLetter {
  readonly at: number;
  readonly kind: string;
  readonly sender: string;
  readonly target: string;
  readonly reason: DeadLetterReason;
}

const kindsMax = 256;
const otherKinds = "(other)";

export class DeadLetters {
  readonly #recent: DeadLetter[] = [];
  readonly #recentMax: number;
  #next = 0;
  #total = 0;
  readonly #byKind = new Map<string, number>();
  readonly #byTarget = new Map<string, number>();

  constructor(recentMax = 256) {
    assert(recentMax >= 1, "the newest dead letter is kept");
    this.#recentMax = recentMax;
  }

  record(letter: DeadLetter): void {
    this.#total++;
    this.#count(this.#byKind, letter.kind);
    this.#count(this.#byTarget, letter.target);
    this.#recent[this.#next] = letter;
    this.#next = (this.#next + 1) % this.#recentMax;
    assert(this.#recent.length <= this.#recentMax, "the ring of dead letters is bounded");
  }

  /** A kind comes from a message, perhaps from another machine: the number of kinds told apart is bounded too. */
  #count(counters: Map<string, number>, name: string): void {
    const key = counters.has(name) || counters.size < kindsMax ? name : otherKinds;
    counters.set(key, (counters.get(key) ?? 0) + 1);
  }

  get total(): number {
    return this.#total;
  }

  countOf(kind: string): number {
    return this.#byKind.get(kind) ?? 0;
  }

  countFor(target: string): number {
    return this.#byTarget.get(target) ?? 0;
  }

  byKind(): Record<string, number> {
    return Object.fromEntries(this.#byKind);
  }

  /** Oldest first. */
  recent(): readonly DeadLetter[] {
    return [...this.#recent.slice(this.#next), ...this.#recent.slice(0, this.#next)];
  }
}
