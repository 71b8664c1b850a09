/**
 * Letters by number, and sets of them by number: equal sets are one. The network of a small world is such a set, and forgets nothing: a letter that
 * was sent may arrive at any time, again and again, or never.
 */
import { type Letter, replicas } from "./small-member.js";

const wordBits = 32;

export class Letters {
  readonly #numbers = new Map<string, number>();
  readonly #letters: Letter[] = [];
  readonly #setNumbers = new Map<string, number>();
  readonly #sets: (readonly number[])[] = [];
  /** By set, and in it by receiver. */
  readonly #inboxes: (readonly (readonly number[])[])[] = [];
  /** By set: a bit for each letter. */
  readonly #bits: Uint32Array[] = [];
  /** By set: the set that it becomes with one letter more. */
  readonly #with: Map<number, number>[] = [];

  constructor() {
    this.#setOf([]);
  }

  get count(): number {
    return this.#letters.length;
  }

  get sets(): number {
    return this.#sets.length;
  }

  number(letter: Letter): number {
    const known = this.#numbers.get(letter.key);
    if (known !== undefined) return known;
    const number = this.#letters.length;
    this.#numbers.set(letter.key, number);
    this.#letters.push(letter);
    return number;
  }

  letter(number: number): Letter {
    const letter = this.#letters[number];
    if (letter === undefined) throw new Error(`there is no letter ${number}`);
    return letter;
  }

  /** What a set, by its number, has for a receiver. */
  inbox(set: number, to: number): readonly number[] {
    return this.#inboxes[set]?.[to] ?? [];
  }

  with(set: number, letters: readonly number[]): number {
    let at = set;
    for (const letter of letters) {
      const known = this.#with[at]?.get(letter);
      if (known !== undefined) {
        at = known;
        continue;
      }
      const held = this.#sets[at] ?? [];
      const next = held.includes(letter) ? at : this.#setOf([...held, letter].sort((left, right) => left - right));
      this.#with[at]?.set(letter, next);
      at = next;
    }
    return at;
  }

  /** Whether a set has nothing that the other has not. */
  isWithin(set: number, other: number): boolean {
    const [inner, outer] = [this.#bits[set], this.#bits[other]];
    if (inner === undefined || outer === undefined) throw new Error("there is no such set of letters");
    if (inner.length > outer.length) return false;
    for (let index = 0; index < inner.length; index++) {
      if (((inner[index] ?? 0) & ~(outer[index] ?? 0)) !== 0) return false;
    }
    return true;
  }

  #setOf(letters: readonly number[]): number {
    const key = letters.join();
    const known = this.#setNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#sets.length;
    this.#setNumbers.set(key, number);
    this.#sets.push(letters);
    const to = (receiver: number): number[] => letters.filter((letter) => this.letter(letter).to === receiver);
    this.#inboxes.push(Array.from({ length: replicas }, (_, receiver) => to(receiver)));
    this.#with.push(new Map());
    const bits = new Uint32Array(Math.ceil(((letters.at(-1) ?? -1) + 1) / wordBits));
    for (const letter of letters) {
      const word = Math.floor(letter / wordBits);
      bits[word] = (bits[word] ?? 0) | (1 << (letter % wordBits));
    }
    this.#bits.push(bits);
    return number;
  }
}
