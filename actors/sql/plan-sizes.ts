/**
 * How large the tables were that a plan was chosen for. A plan that is kept sees them grow: what was right for a thousand rows, a walk through
 * them all for each of a few, is not for a million. So it is looked now and then whether they are others by far, and the statement planned anew.
 */
import type { IndexDefinition, TableDefinition } from "../../runtime/query/catalog/model.js";
import type { Statistics } from "../../runtime/query/plan/plan-context.js";
import type { KeyRange } from "../../runtime/query/table/access.js";

/** To look costs a descent or two for each table: some 10 µs. ms */
const lookEveryMs = 1_000;
/** Times as many rows, or as few. */
const farTimes = 4;

/** What a planner is told of the data, and what it has asked for. */
export class PlanSizes implements Statistics {
  #statistics: Statistics | null;
  readonly #rows = new Map<TableDefinition, number>();
  #lookedAt: number;
  #isOutgrown = false;

  /** @param now ms, as `suits` is told */
  constructor(statistics: Statistics, now: number) {
    this.#statistics = statistics;
    this.#lookedAt = now;
  }

  rowsEstimate(table: TableDefinition): number {
    const rows = this.#statistics?.rowsEstimate(table) ?? 0;
    this.#rows.set(table, rows);
    return rows;
  }

  entriesWithin(table: TableDefinition, index: IndexDefinition | null, ranges: readonly KeyRange[]): number | null {
    return this.#statistics?.entriesWithin?.(table, index, ranges) ?? null;
  }

  sharesAlike(table: TableDefinition, index: IndexDefinition | null): readonly number[] | null {
    return this.#statistics?.sharesAlike?.(table, index) ?? null;
  }

  /** The plan is made. */
  end(): this {
    this.#statistics = null;
    return this;
  }

  /** A table is another by far than it was when the plan was made. It stays so: somebody else may have planned anew meanwhile. */
  get isOutgrown(): boolean {
    return this.#isOutgrown;
  }

  /** Whether the plan is still for these tables; looked at once in a while. */
  suits(statistics: () => Pick<Statistics, "rowsEstimate">, now: number): boolean {
    // The clock may have been set back.
    if (Math.abs(now - this.#lookedAt) >= lookEveryMs) {
      this.#lookedAt = now;
      this.#look(statistics());
    }
    return !this.#isOutgrown;
  }

  #look(statistics: Pick<Statistics, "rowsEstimate">): void {
    for (const [table, before] of this.#rows) {
      const rows = statistics.rowsEstimate(table);
      if (rows > before * farTimes || rows * farTimes < before) this.#isOutgrown = true;
    }
  }
}
