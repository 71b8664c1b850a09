/**
 * What was written while serializable transactions are open: what each of them has read must be as it was when it commits. Kept by tenant, and
 * only for tenants that have such a transaction.
 */
import { SqlError } from "../../../runtime/query/error.js";
import { assert } from "../../../runtime/types/assert.js";
import type { Transaction } from "./transaction.js";

interface RecentWrite {
  readonly position: number;
  readonly tree: number;
  readonly key: Uint8Array;
}

const recentWritesMax = 1_000_000;

export class RecentWrites {
  readonly #byTenant = new Map<number, RecentWrite[]>();

  /** Nobody asks for what is written. */
  get isEmpty(): boolean {
    return this.#byTenant.size === 0;
  }

  /** A serializable transaction has begun. */
  begin(tenant: number): void {
    if (!this.#byTenant.has(tenant)) this.#byTenant.set(tenant, []);
  }

  /** The last serializable transaction of a tenant has ended. */
  end(tenant: number): void {
    this.#byTenant.delete(tenant);
  }

  clear(): void {
    this.#byTenant.clear();
  }

  /** What a serializable transaction has read must be as it was: then its place in the log could have been that of its snapshot. */
  check(transaction: Transaction): void {
    if (transaction.isolation !== "serializable" || transaction.overlay.isEmpty) return;
    const recent = this.#byTenant.get(transaction.tenant);
    assert(recent !== undefined, "writes are kept while a serializable transaction is open");
    for (const { position, tree, key } of recent) {
      if (position <= transaction.snapshot || !transaction.hasRead(tree, key)) continue;
      throw new SqlError("40001", "could not serialize access due to read/write dependencies among transactions", {
        detail: "Reason code: a row that was read has been changed since.",
        hint: "The transaction might succeed if retried.",
      });
    }
  }

  /** Keeps what a commit wrote. When that is too much, whoever is open has to begin anew: nobody can be sure any more. */
  remember({ tenant, overlay }: Transaction, position: number, open: () => Iterable<Transaction>): void {
    const recent = this.#byTenant.get(tenant);
    if (recent === undefined) return;
    for (const { tree, key } of overlay.all()) recent.push({ position, tree, key });
    if (recent.length <= recentWritesMax) return;
    for (const transaction of open()) {
      if (transaction.tenant === tenant && transaction.isolation === "serializable") transaction.isFailed = true;
    }
    recent.length = 0;
  }
}
