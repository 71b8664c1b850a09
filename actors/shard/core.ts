/**
 * What the parts of a shard share: who it is, where it stands, and the state that it keeps. The parts (`applier.ts`, `pipeline.ts`,
 * `intake.ts`, `other-nodes.ts`, `readers.ts`) each keep what is theirs alone.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { Kernel } from "../../runtime/kernel/kernel.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import type { LogTail } from "../../runtime/storage/log-tail.js";
import { isPageDamage } from "../../runtime/store/page-file.js";
import type { Store } from "../../runtime/store/store.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { LeadershipConfirmed } from "../replica/messages.js";
import type { ShardArgs } from "./args.js";
import type { Checkpointer } from "./checkpointer.js";
import type { Machine } from "./machine.js";
import type { SqlDecider } from "./sql/decider.js";
import { setDamagedAside } from "./state-files.js";
import { VersionHeaderWriter } from "./version-header.js";

/**
 * opening     asks its replica for the log, and opens the state
 * following   applies what its replica says is committed
 * leading     has applied the whole log, decides and proposes
 */
export type Phase = "opening" | "following" | "leading";

export interface Leadership {
  readonly view: number;
  /** The log that this shard leads on from. */
  readonly head: LogPosition;
}

/** Share of the cache that waits for a checkpoint at which nothing more is decided until one is through. */
export const pressureMax = 0.85;
const confirmMs = 5_000;

export class ShardCore {
  readonly context: ActorContext;
  readonly args: ShardArgs;
  readonly machine: Machine;
  readonly header = new VersionHeaderWriter();
  phase: Phase = "opening";
  /** Told to lead; once the log is applied, the phase says so too. */
  leadership: Leadership | null = null;
  /** A replica is known to lead, this one or another. */
  hasLeader = false;
  tail: LogTail | null = null;
  store: Store | null = null;
  kernel: Kernel | null = null;
  checkpointer: Checkpointer | null = null;
  /** While it leads. */
  sql: SqlDecider | null = null;
  /** Its state was empty when it opened: on a disk that is new or was lost, it says nothing of what others have acknowledged. */
  beganEmpty = false;
  /** The log up to what is published. */
  position: LogPosition | null = null;
  /** What the replica has told to be committed. */
  committed: LogPosition | null = null;
  /** Newest op proposed. */
  lastOp = 0;
  /** Cluster time less this thread's monotonic clock, ms: it neither steps nor stops between two words of the replica. Null: none. */
  clock: number | null = null;
  /** How many replicas vote: those with the first numbers. */
  voters: number;
  configuration = 0;
  /**
   * The programs of all that vote are known to apply keys beyond 492 bytes, since they have said so, or the log has such keys. It stays so: such keys
   * may have been written since, so that a program that does not could not go on anyhow.
   */
  areLongKeysKnown = false;
  isFull = false;
  isDraining = false;

  constructor(context: ActorContext, args: ShardArgs, machine: Machine) {
    assert(args.voters <= args.replicas, "those that vote are among the replicas");
    this.voters = args.voters;
    this.areLongKeysKnown = args.voters === 1;
    this.context = context;
    this.args = args;
    this.machine = machine;
  }

  /** The log has keys beyond 492 bytes: whoever leads, now or after a restart, need not ask whether they are taken. */
  longKeysMet(): void {
    this.areLongKeysKnown = true;
    this.header.hasLongKeys = true;
  }

  get isSingle(): boolean {
    return this.args.replicas === 1;
  }

  /** Another replica is known to lead, or about to be. */
  get isFollowing(): boolean {
    return !this.isSingle && this.phase !== "leading" && this.leadership === null;
  }

  positionNow(): LogPosition {
    assert(this.position !== null, "an open shard knows where its log is");
    return this.position;
  }

  parts(): { store: Store; checkpointer: Checkpointer } {
    const { store, checkpointer } = this;
    assert(store !== null && checkpointer !== null, "a shard works once its store is open");
    return { store, checkpointer };
  }

  /** What records are stamped with, ms; null while the replicas' clocks do not agree. */
  timeNow(): number | null {
    if (this.isSingle) return this.context.now();
    return this.clock === null ? null : this.clock + this.context.monotonic();
  }

  /** The directory beside the leading system shard is the one that changes things. */
  tellDirectory(): void {
    if (this.args.shard !== 0 || !this.hasLeader) return;
    const port = this.context.port("directory");
    if (port !== null) this.context.tell(port, { kind: "systemShard", leads: this.phase === "leading" });
  }

  /** Tells what is committed once a quorum has confirmed that this replica leads; null when it does not. */
  confirm(told: (commit: number | null) => void): void {
    if (this.isSingle && this.phase === "leading") {
      // One replica leads as long as it runs, and publishes what is committed before anybody hears of it. What it found in its log at
      // start may have been answered before, and is not published yet (T21).
      told(Math.max(this.positionNow().op, this.leadership?.head.op ?? 0));
      return;
    }
    const port = this.context.port(this.args.replica);
    if (port === null) {
      told(null);
      return;
    }
    this.context.request<LeadershipConfirmed>(port, { kind: "confirm" }, { deadlineMs: confirmMs }, (outcome) => {
      told(outcome.ok ? outcome.value.commit : null);
    });
  }

  /** Damage of the page file costs time, not data: the log is whole, and the state is derived from it anew. */
  guarded<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (isPageDamage(error)) this.damaged(String(error));
      throw error;
    }
  }

  damaged(because: string): void {
    setDamagedAside(this.args.directory, this.machine.disk);
    throw new KimberliteError("dataCorrupt", `${because}; the state is rebuilt from the log`);
  }

  inspect(): Record<string, string | number> {
    const { phase, position, isFull, store, checkpointer } = this;
    return {
      phase,
      op: position?.op ?? 0,
      knowsTime: this.timeNow() === null ? 0 : 1,
      diskFull: isFull ? 1 : 0,
      takesLongKeys: this.areLongKeysKnown ? 1 : 0,
      ...(store === null ? {} : storeNumbers(store)),
      ...(checkpointer === null ? {} : checkpointer.inspect()),
    };
  }
}

function storeNumbers(store: Store): Record<string, number> {
  const { dirtyPages, freeFrames, frames, pageCount, freePages, loads, evictions, readers } = store.status();
  const version = store.publishedVersion;
  return {
    version,
    pages: pageCount,
    freePages,
    cachePages: frames - freeFrames,
    dirtyPages,
    loads,
    evictions,
    readers,
  };
}
