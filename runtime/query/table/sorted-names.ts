/** Names in order, of which some are added while others are looked up: lists of a few hundred, so that none is added by moving all behind it. */
import { assert } from "../../types/assert.js";

/** Names of a list at most; one that grows beyond is halved. */
const listMax = 512;
/** Places of one list begin so far behind those of the one before. */
const span = 1_024;

const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A place says where a name stands, until a name is added or removed. */
export class SortedNames {
  /** None is empty. */
  readonly #lists: string[][] = [];

  constructor(names: Iterable<string>) {
    const sorted = [...names].sort(compareNames);
    for (let from = 0; from < sorted.length; from += listMax / 2)
      this.#lists.push(sorted.slice(from, from + listMax / 2));
  }

  /** Adds a name that is not there. */
  add(name: string): void {
    const number = Math.max(0, this.#listOf(name));
    const list = this.#lists[number];
    if (list === undefined) {
      this.#lists.push([name]);
      return;
    }
    const last = list.at(-1);
    if (last !== undefined && last < name) list.push(name);
    else list.splice(lowerBound(list, name), 0, name);
    if (list.length <= listMax) return;
    // What comes in order leaves full lists behind.
    const isLast = number === this.#lists.length - 1 && last !== undefined && last < name;
    this.#lists.splice(number + 1, 0, list.splice(isLast ? listMax : listMax / 2));
  }

  /** Removes a name that is there. */
  remove(name: string): void {
    const number = this.#listOf(name);
    const list = this.#lists[number];
    const at = list === undefined ? -1 : lowerBound(list, name);
    assert(list !== undefined && list[at] === name, "a name that is removed is there");
    list.splice(at, 1);
    if (list.length === 0) this.#lists.splice(number, 1);
  }

  /** The place of the first name that is not below; behind all names when there is none. */
  firstFrom(name: string): number {
    const number = Math.max(0, this.#listOf(name));
    const list = this.#lists[number];
    if (list === undefined) return 0;
    const at = lowerBound(list, name);
    return at < list.length ? number * span + at : (number + 1) * span;
  }

  /** The name at a place; undefined before the first and behind the last. */
  at(place: number): string | undefined {
    const number = Math.floor(place / span);
    return this.#lists[number]?.[place - number * span];
  }

  step(place: number, direction: 1 | -1): number {
    const number = Math.floor(place / span);
    const at = place - number * span;
    if (direction === 1) return at + 1 < (this.#lists[number]?.length ?? 0) ? place + 1 : (number + 1) * span;
    if (at > 0 && number >= 0) return place - 1;
    const before = this.#lists[number - 1];
    return before === undefined ? -1 : (number - 1) * span + before.length - 1;
  }

  *[Symbol.iterator](): Iterator<string> {
    for (const list of this.#lists) yield* list;
  }

  /** The last list whose first name is not above; -1 when there is none. */
  #listOf(name: string): number {
    let low = 0;
    let high = this.#lists.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lists[middle]?.[0] ?? "") <= name) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function lowerBound(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
