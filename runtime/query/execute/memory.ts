/** What a statement may keep in memory at once: sorts, hash tables, kept rows. Estimated, not measured: within a factor of two. */
import { SqlError } from "../error.js";
import { SqlArray } from "../types/array.js";
import type { Datum } from "../types/datum.js";

export class MemoryBudget {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Throws 53200 when it would be more than the statement may have. */
  take(bytes: number): void {
    this.#used += bytes;
    if (this.#used > this.#max) {
      throw new SqlError("53200", `the statement needs more than ${this.#max} bytes of memory`, {
        hint: "Raise kimberlite.query_memory, or let the query sort, group or join fewer rows.",
      });
    }
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }

  /** More than half of it is taken: who can write rows to a file and has `own` bytes worth it, should. */
  isTight(own: number): boolean {
    return this.#used > this.#max / 2 && own > this.#max / 16;
  }
}

/** What one operator has of the budget, so that it gives all of it back when it begins anew. */
export class MemoryShare {
  readonly #budget: MemoryBudget;
  #bytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.take(bytes);
  }

  release(): void {
    this.#budget.give(this.#bytes);
    this.#bytes = 0;
  }
}

/** Bytes that a kept value takes, about. */
export function datumBytes(value: Datum): number {
  switch (typeof value) {
    case "string":
      return 24 + value.length;
    case "bigint":
      return 32;
    case "object":
      if (value === null) return 8;
      if (value instanceof Uint8Array) return 96 + value.length;
      if (value instanceof SqlArray) return 64 + value.items.reduce<number>((sum, item) => sum + datumBytes(item), 0);
      return 96;
    default:
      return 8;
  }
}
