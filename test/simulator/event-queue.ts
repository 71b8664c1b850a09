/** What happens next: a binary heap by (time, order of scheduling). Times are whole microseconds of virtual time. */
import { assert } from "../../runtime/types/assert.js";

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

export class EventQueue {
  readonly #heap: Event[] = [];
  #order = 0;
  now = 0;
  /** Events that were run. */
  count = 0;

  at(time: number, run: () => void): { cancel(): void } {
    const at = Math.max(Math.ceil(time), this.now);
    this.#order += 1;
    const event: Event = { at, order: this.#order, run };
    this.#push(event);
    return {
      cancel() {
        event.run = null;
      },
    };
  }

  /** Runs the next event unless it lies beyond `until`. False when there is none: then `until` is now. */
  step(until: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return false;
      }
      this.#pop();
      if (next.run === null) continue;
      assert(next.at >= this.now, "order: time never goes back");
      this.now = next.at;
      this.count += 1;
      next.run();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Event;
      if (above.at < event.at || (above.at === event.at && above.order < event.order)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const left = heap[child] as Event;
      const right = heap[child + 1];
      let least = left;
      if (right !== undefined && (right.at < left.at || (right.at === left.at && right.order < left.order))) {
        child += 1;
        least = right;
      }
      if (last.at < least.at || (last.at === least.at && last.order < least.order)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
  }
}
