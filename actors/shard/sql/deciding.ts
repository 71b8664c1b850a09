/** What the parts of a shard that decides SQL have in common: whom it works for, and what it remembers between statements. */
import type { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import type { CatalogCache } from "../../../runtime/query/catalog/over-trees.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import type { Engine } from "../../sql/engine.js";
import type { PlanCache } from "../../sql/plan-cache.js";
import type { QueuedRequest } from "../request-queue.js";
import type { DrawnOids } from "./drawn-oids.js";
import type { FactsLimits } from "./facts-limits.js";
import type { LockTable } from "./lock-table.js";
import type { Sequences } from "./sequences.js";
import type { TemporarySessions } from "./temporary-sessions.js";

export interface DeciderHost {
  readonly engine: Engine;
  /** The working state: everything proposed so far. */
  readonly state: TreeReader;
  readonly limits: FactsLimits;
  /** Takes an answer that rests on nothing that is under way, and is sent before what is proposed next. Copies it. */
  answer(request: Readonly<QueuedRequest>, body: Uint8Array): void;
  /** A statement met a defect of the engine. */
  defect(error: Error): void;
  /** A statement takes long, and is at work. */
  working(): void;
  /** ms since 1970. */
  now(): number;
  monotonic(): number;
  random(): number;
}

export interface Deciding {
  readonly host: DeciderHost;
  readonly reads: StateReads;
  readonly catalogs: CatalogCache;
  readonly plans: PlanCache;
  readonly locks: LockTable;
  readonly sequences: Sequences;
  readonly oids: DrawnOids;
  readonly temporary: TemporarySessions;
  /** Who keeps the sessions' advisory locks. It has another name once some were lost. */
  keeper: string;
}
