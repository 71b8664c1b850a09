/** The rows that the directory holds in memory: a copy of what the system shard's log says, by number, by name, and in pages. */
import type { DirectoryRow } from "../../runtime/kernel/directory-rows.js";
import { assert } from "../../runtime/types/assert.js";

export class TenantRows {
  readonly #rows = new Map<number, DirectoryRow>();
  readonly #names = new Map<string, number>();
  /** Numbers in ascending order; null when a tenant came or went since they were last sorted. */
  #sorted: number[] | null = null;

  get size(): number {
    return this.#rows.size;
  }

  get(tenant: number): DirectoryRow | undefined {
    return this.#rows.get(tenant);
  }

  named(name: string): DirectoryRow | undefined {
    const tenant = this.#names.get(name);
    return tenant === undefined ? undefined : this.#rows.get(tenant);
  }

  values(): IterableIterator<DirectoryRow> {
    return this.#rows.values();
  }

  learn(row: DirectoryRow): void {
    const holder = this.#names.get(row.name);
    assert(holder === undefined || holder === row.tenant, "isolation: a name belongs to one tenant at a time");
    if (!this.#rows.has(row.tenant)) this.#sorted = null;
    this.#rows.set(row.tenant, row);
    this.#names.set(row.name, row.tenant);
  }

  forget(row: DirectoryRow): void {
    const known = this.#rows.delete(row.tenant);
    assert(known, "only a tenant that is known is forgotten");
    this.#names.delete(row.name);
    this.#sorted = null;
  }

  forgetAll(): void {
    this.#rows.clear();
    this.#names.clear();
    this.#sorted = null;
  }

  /** The rows whose numbers are above `after`, in ascending order, at most `limit`. O(log n + limit) while no tenant comes or goes. */
  page(after: number, limit: number): DirectoryRow[] {
    this.#sorted ??= [...this.#rows.keys()].sort((a, b) => a - b);
    const sorted = this.#sorted;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle] <= after) low = middle + 1;
      else high = middle;
    }
    return sorted.slice(low, low + limit).map((tenant) => {
      const row = this.#rows.get(tenant);
      assert(row !== undefined, "a number that is listed has a row");
      return row;
    });
  }
}
