/**
 * How often a session has taken each of its advisory locks, each of which is given back as often. A statement that meets a lock of somebody else
 * runs again: what it was answered before is answered again, and not done a second time.
 */
import type { AdvisoryLockMode } from "../../../runtime/query/catalog/lock-facts.js";
import { assert } from "../../../runtime/types/assert.js";

type Counts = Record<AdvisoryLockMode, number>;

export class HeldAdvisoryLocks {
  readonly #held = new Map<string, Counts>();
  /** Answers of the statement that runs, by what was asked, in their order. */
  #answers = new Map<string, boolean[]>();
  /** Those of its run before that were not given again yet. */
  #before = new Map<string, boolean[]>();
  #isWaiting = false;

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** A statement begins, or the one that waited runs again. */
  begin(): void {
    this.#before = this.#isWaiting ? this.#answers : new Map<string, boolean[]>();
    this.#answers = new Map<string, boolean[]>();
    this.#isWaiting = false;
  }

  /** The statement meets a lock, and will run again. */
  wait(): void {
    for (const [asked, answers] of this.#before) for (const answer of answers) this.answered(asked, answer);
    this.#isWaiting = true;
  }

  /** It will not. */
  forget(): void {
    this.#isWaiting = false;
  }

  /** What the run before was answered; null for what it has not asked. */
  answerBefore(asked: string): boolean | null {
    const answer = this.#before.get(asked)?.shift() ?? null;
    if (answer !== null) this.answered(asked, answer);
    return answer;
  }

  answered(asked: string, answer: boolean): void {
    const answers = this.#answers.get(asked);
    if (answers === undefined) this.#answers.set(asked, [answer]);
    else answers.push(answer);
  }

  take(name: string, strength: AdvisoryLockMode): void {
    const counts = this.#held.get(name) ?? { share: 0, update: 0 };
    counts[strength] += 1;
    this.#held.set(name, counts);
  }

  /** @returns what is left of the lock; undefined when it was not held in this strength */
  release(name: string, strength: AdvisoryLockMode): AdvisoryLockMode | null | undefined {
    const counts = this.#held.get(name);
    if (counts === undefined || counts[strength] === 0) return undefined;
    counts[strength] -= 1;
    assert(counts.share >= 0 && counts.update >= 0, "a lock is given back as often as it was taken");
    if (counts.update > 0) return "update";
    if (counts.share > 0) return "share";
    this.#held.delete(name);
    return null;
  }

  releaseAll(): void {
    this.#held.clear();
  }
}
