/**
 * What waits for room on a link, in lanes: one a session. Within a lane order is kept; between lanes there is none, and they take turns, so that
 * nobody waits for the end of what somebody else says.
 *
 * A turn is some kilobytes or one item, if that is longer. A lane whose first item finds no room keeps its place, and is asked first the next time.
 */
import { assert } from "../../runtime/types/assert.js";
import { kiB } from "../../runtime/types/limits.js";

/** What is short goes together with others, and a lane of many does not wait for all other lanes behind each. */
const turnBytes: number = 16 * kiB;

export interface LaneItem {
  readonly bytes: Uint8Array;
}

/** An item that was taken, with where it came from. */
export interface Taken<Item> {
  readonly lane: number;
  readonly item: Item;
}

interface Lane<Item> {
  readonly items: Item[];
  /** Of its turn: bytes that it may still take. */
  left: number;
}

export class Lanes<Item extends LaneItem> {
  /** The one whose turn it is comes first. */
  readonly #lanes = new Map<number, Lane<Item>>();
  count = 0;
  bytes = 0;

  push(lane: number, item: Item): void {
    const known = this.#lanes.get(lane);
    if (known === undefined) this.#lanes.set(lane, { items: [item], left: turnBytes });
    else known.items.push(item);
    this.count += 1;
    this.bytes += item.bytes.length;
  }

  /** Takes the first item of the first lane, in turn, for whose first item there is use; null when that is none. */
  take(isWanted: (item: Item, lane: number) => boolean): Taken<Item> | null {
    for (const [lane, waiting] of this.#lanes) {
      const [item] = waiting.items;
      assert(item !== undefined, "a lane in which nothing waits is none");
      if (!isWanted(item, lane)) continue;
      waiting.items.shift();
      this.count -= 1;
      this.bytes -= item.bytes.length;
      waiting.left -= item.bytes.length;
      if (waiting.items.length === 0 || waiting.left <= 0) this.#lanes.delete(lane);
      if (waiting.items.length > 0 && waiting.left <= 0) {
        waiting.left = turnBytes;
        this.#lanes.set(lane, waiting);
      }
      return { lane, item };
    }
    return null;
  }

  /** Puts back what was taken last, in the order in which it was taken. */
  putBack(taken: readonly Taken<Item>[]): void {
    for (const { lane, item } of taken.toReversed()) {
      const known = this.#lanes.get(lane);
      if (known === undefined) this.#lanes.set(lane, { items: [item], left: turnBytes });
      else known.items.unshift(item);
      this.count += 1;
      this.bytes += item.bytes.length;
    }
  }

  /** The first lane with such an item; null when there is none. */
  find(isSought: (item: Item) => boolean): number | null {
    for (const [lane, { items }] of this.#lanes) if (items.some(isSought)) return lane;
    return null;
  }

  /** Takes everything out, each lane in its order. */
  drain(): readonly Item[] {
    const all = [...this.#lanes.values()].flatMap(({ items }) => items);
    this.#lanes.clear();
    this.count = 0;
    this.bytes = 0;
    return all;
  }
}
