/** Commits that found no room in a prepare, by tenant: the request of each is the next of its tenant, and is not decided a second time. */
import { assert } from "../../../runtime/types/assert.js";
import type { QueuedRequest } from "../request-queue.js";
import type { SqlOutcome } from "./outcome.js";

interface Kept extends Pick<QueuedRequest, "port" | "correlation"> {
  readonly outcome: SqlOutcome;
}

export class KeptOutcomes {
  readonly #kept = new Map<number, Kept>();

  has(tenant: number): boolean {
    return this.#kept.has(tenant);
  }

  keep({ port, correlation }: Readonly<QueuedRequest>, tenant: number, outcome: SqlOutcome): void {
    assert(outcome.kind === "commit", "only what is to be written needs room");
    const bytes = outcome.bytes.slice();
    this.#kept.set(tenant, { port, correlation, outcome: { ...outcome, bytes, view: new DataView(bytes.buffer) } });
  }

  /** What was kept for a request; null when another comes before it after all, and it is to be decided anew. */
  take({ port, correlation }: Readonly<QueuedRequest>, tenant: number): SqlOutcome | null {
    const kept = this.#kept.get(tenant);
    this.#kept.delete(tenant);
    return kept !== undefined && kept.port === port && kept.correlation === correlation ? kept.outcome : null;
  }

  clear(): void {
    this.#kept.clear();
  }
}
