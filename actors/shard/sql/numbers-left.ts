/** Numbers that were taken of sequences by what came to nothing: who takes one later has to be given another, also after the shard starts anew. */
import type { Deciding } from "./deciding.js";
import { transactionNumbers } from "./sequences.js";
import type { Transaction } from "./transaction.js";

/** A transaction came to nothing: sequences that it began anew go on from where they were, and what it took before is not given again. */
export function leaveTransaction(deciding: Deciding, transaction: Transaction): void {
  transaction.restarts.undo(0, transaction.tenant, deciding.sequences);
  leaveNumbers(deciding, transaction);
}

/** Numbers that a transaction took which came to nothing: they are not given again. */
export function leaveNumbers(
  { sequences, catalogs, host }: Deciding,
  { tenant, sequences: taken }: Pick<Transaction, "tenant" | "sequences">,
): void {
  if (taken.size === 0) return;
  const catalog = catalogs.current(host.state, tenant);
  const storages = new Set<number>();
  for (const object of catalog.objects()) if (object.kind === "table") storages.add(object.storage);
  sequences.leave(tenant, taken, (object) => {
    if (catalog.objectByOid(object)?.kind === "sequence") return "sequence";
    return object === transactionNumbers || storages.has(object) ? "rows" : "none";
  });
}
