/**
 * Which statements a receiver has the syntax of, as far as their sender remembers: bounded as the receiver's own memory of them is
 * (plan-cache.ts). What it does not keep goes with its syntax each time.
 */
import { assert } from "../../runtime/types/assert.js";
import { charactersMax, plansMax, textLengthMax } from "./plan-cache.js";

export class SentTexts {
  #texts = new Set<string>();
  #characters = 0;

  has(text: string): boolean {
    return this.#texts.has(text);
  }

  add(text: string): void {
    if (text.length > textLengthMax || this.#texts.has(text)) return;
    if (this.#texts.size >= plansMax || this.#characters + text.length > charactersMax) this.clear();
    this.#texts.add(text);
    this.#characters += text.length;
  }

  /** The receiver has lost it. */
  delete(text: string): void {
    if (this.#texts.delete(text)) this.#characters -= text.length;
    assert(this.#characters >= 0, "no fewer than zero characters are remembered");
  }

  clear(): void {
    this.#texts = new Set();
    this.#characters = 0;
  }
}
