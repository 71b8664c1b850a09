/**
 * Letters by number, for each receiver its own, and sets of them. The network of a small world is one such set for each receiver, and forgets
 * nothing: a letter that was sent may arrive at any time, again and again, or never.
 */
import { BitSets } from "./bit-sets.js";
import { type Letter, replicas } from "./small-member.js";

class Box {
  readonly sets = new BitSets();
  readonly letters: Letter[] = [];
  readonly #numbers = new Map<string, number>();

  number(letter: Letter): number {
    const known = this.#numbers.get(letter.key);
    if (known !== undefined) return known;
    const number = this.letters.length;
    this.#numbers.set(letter.key, number);
    this.letters.push(letter);
    return number;
  }
}

export class Letters {
  readonly #boxes = Array.from({ length: replicas }, () => new Box());

  #box(to: number): Box {
    const box = this.#boxes[to];
    if (box === undefined) throw new Error(`there is no replica ${to}`);
    return box;
  }

  sets(to: number): BitSets {
    return this.#box(to).sets;
  }

  letter(to: number, number: number): Letter {
    const letter = this.#box(to).letters[number];
    if (letter === undefined) throw new Error(`there is no letter ${number} to ${to}`);
    return letter;
  }

  /** By receiver: the set of those. */
  setsOf(letters: readonly Letter[]): number[] {
    return this.#boxes.map((box, to) =>
      box.sets.of(letters.filter((letter) => letter.to === to).map((letter) => box.number(letter))),
    );
  }
}
