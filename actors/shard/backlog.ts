/** Bytes of answers that wait for one who asked, and for whom there is room beside them. */
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";

/**
 *   free   for all
 *   full   not for those whose answers are long, until only half as much waits
 *   over   for nobody whose answer may be long
 */
export type AnswerRoom = "free" | "full" | "over";

const fullBytes: number = 32 * miB;
const overBytes: number = 40 * miB;

export class Backlog {
  #bytes = 0;
  #isFull = false;

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > fullBytes) this.#isFull = true;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "no more is taken than waited");
    if (this.#bytes <= fullBytes / 2) this.#isFull = false;
  }

  get room(): AnswerRoom {
    if (this.#bytes > overBytes) return "over";
    return this.#isFull ? "full" : "free";
  }
}
