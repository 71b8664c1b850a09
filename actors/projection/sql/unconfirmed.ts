/** Statements that are to see all that is committed by now, until the shard has said which version that is: one question for many. */
import type { Asked } from "./run.js";

export class Unconfirmed {
  /** They gather for the next question. */
  #gathering: Asked[] = [];
  /** The question that is under way is theirs. */
  #asking: Asked[] = [];

  get count(): number {
    return this.#gathering.length + this.#asking.length;
  }

  /** Whether a question is to be put. */
  get hasGathered(): boolean {
    return this.#gathering.length > 0;
  }

  add(asked: Asked): void {
    this.#gathering.push(asked);
  }

  /** The question is put. No other is under way. */
  ask(): void {
    this.#asking.push(...this.#gathering.splice(0));
  }

  /** The question is answered: takes those that it was put for. */
  take(): readonly Asked[] {
    return this.#asking.splice(0);
  }

  find(isIt: (asked: Asked) => boolean): Asked | undefined {
    return [...this.#gathering, ...this.#asking].find(isIt);
  }

  keep(isKept: (asked: Asked) => boolean): void {
    this.#gathering = this.#gathering.filter(isKept);
    this.#asking = this.#asking.filter(isKept);
  }
}
