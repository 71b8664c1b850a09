/**
 * Numbers of objects that open transactions have drawn, and the catalog that everybody sees does not know of yet. No two open
 * transactions draw the same; those of what came to nothing may be drawn again. They live with the leadership of the shard, as the transactions do.
 */
import type { Oid } from "../../../runtime/query/types/sql-type.js";

export class DrawnOids {
  readonly #next = new Map<number, Oid>();

  /**
   * The first number that nobody in a tenant has drawn.
   *
   * @param head what the catalog says that it is, in which the drawer's own are
   * @param hasOthers whether others hold locks, as those that have drawn numbers do: else nothing is drawn but what the catalog knows of
   */
  first(tenant: number, head: Oid, hasOthers: boolean): Oid {
    const first = hasOthers ? Math.max(head, this.#next.get(tenant) ?? 0) : head;
    this.#next.set(tenant, first);
    return first;
  }

  /** @param next the first number that was not drawn */
  drawn(tenant: number, next: Oid): void {
    this.#next.set(tenant, next);
  }

  clear(): void {
    this.#next.clear();
  }
}
