/**
 * A queue in a circular array: put and take are O(1) at any depth (`Array.shift` moves every element beyond 50,000). It grows
 * by doubling and gives memory back when it has emptied, so a flood of an hour ago costs nothing now.
 */
import { assert } from "../types/assert.js";

const slotsMin = 16;

export class Ring<Value> {
  #slots: (Value | undefined)[] = new Array<Value | undefined>(slotsMin);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: Value): void {
    if (this.#length === this.#slots.length) this.#grow();
    const slots = this.#slots;
    assert(this.#length < slots.length, "a ring has a free slot before a put");
    slots[(this.#head + this.#length) & (slots.length - 1)] = value;
    this.#length++;
  }

  shift(): Value | undefined {
    if (this.#length === 0) return undefined;
    const slots = this.#slots;
    const value = slots[this.#head];
    slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (slots.length - 1);
    this.#length--;
    if (this.#length === 0 && slots.length > 1024) {
      this.#slots = new Array<Value | undefined>(slotsMin);
      this.#head = 0;
    }
    return value;
  }

  peek(): Value | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  #grow(): void {
    const before = this.#slots;
    const slots = new Array<Value | undefined>(before.length * 2);
    for (let at = 0; at < this.#length; at++) slots[at] = before[(this.#head + at) & (before.length - 1)];
    this.#slots = slots;
    this.#head = 0;
    assert((slots.length & (slots.length - 1)) === 0, "a ring's size is a power of two");
  }
}
