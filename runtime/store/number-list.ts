/** Growable lists of page numbers, kept and reused: no array of boxed numbers, no garbage per version. */
import { assert } from "../types/assert.js";

export class NumberList {
  items = new Int32Array(16);
  length = 0;

  push(value: number): void {
    if (this.length === this.items.length) {
      const grown = new Int32Array(this.items.length * 2);
      grown.set(this.items);
      this.items = grown;
    }
    this.items[this.length] = value;
    this.length += 1;
  }

  pop(): number {
    assert(this.length > 0, "a list that is popped is not empty");
    this.length -= 1;
    return this.items[this.length];
  }
}

/** Page numbers with the births of their pages. */
export class BirthList {
  readonly numbers = new NumberList();
  births = new Float64Array(16);

  get length(): number {
    return this.numbers.length;
  }

  push(number: number, birth: number): void {
    const at = this.numbers.length;
    if (at === this.births.length) {
      const grown = new Float64Array(at * 2);
      grown.set(this.births);
      this.births = grown;
    }
    this.births[at] = birth;
    this.numbers.push(number);
  }

  clear(): void {
    this.numbers.length = 0;
  }
}
