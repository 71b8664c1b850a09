/**
 * The state following its log: what the replica says is committed is applied in slices and published; before this shard leads, the rest of
 * the log is applied as well, as one version that is published when it is committed.
 *
 * Damage in the log is asked of the other replicas, and the replay goes on when it is repaired: at the next start it would be met again,
 * since a replica looks only at what is newer than its checkpoint then.
 */
import type { TimerHandle } from "../../runtime/actor/definition.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { type Leadership, pressureMax, type ShardCore } from "./core.js";
import { Replay } from "./replay.js";

export interface ApplierHost {
  /** A newer version is published. */
  published(): void;
  /**
   * The whole log is applied: this shard leads on from its head.
   *
   * @param inherited version of what was applied and is not committed; null when there is nothing of the kind
   */
  lead(leadership: Leadership, inherited: number | null): void;
  /** Everything that is known to be committed is applied. */
  caughtUp(): void;
  /** Somebody waits for a newer version. */
  isAwaited(): boolean;
}

/** Damage in the log is asked of the other replicas for half a minute. */
const damageRetryMs = 250;
const damageTriesMax = 120;
const checkpointPollMs = 5;
/**
 * One slice of the replay. It shares its thread with the replica, which acknowledges nothing meanwhile: a replica that has millions of
 * events to catch up with must not keep a cluster waiting that needs its voice.
 */
const sliceMs = 8;
/**
 * What many clients commit within that time becomes one version where nobody waits for it: each version copies every page that it changes,
 * and appends of 64 clients change 64 pages however few there are of each. What a backup has to apply before it can lead is no more than what
 * was committed in that time.
 */
const gatherMs = 50;

export class Applier {
  readonly #core: ShardCore;
  readonly #host: ApplierHost;
  #replay: Replay | null = null;
  /** The next slice; null while there is nothing to apply. */
  #timer: TimerHandle | null = null;
  #isHurried = false;
  /** When everything that was known to be committed had been applied. */
  #caughtUpAt = Number.NEGATIVE_INFINITY;
  /** How often in a row the replay has met damage in the log. */
  #damageMet = 0;
  #replayed = 0;

  constructor(core: ShardCore, host: ApplierHost) {
    this.#core = core;
    this.#host = host;
  }

  /** Operations applied from the log. */
  get replayed(): number {
    return this.#replayed;
  }

  /** There is something to apply, or somebody to hurry for. */
  applyLater(): void {
    const core = this.#core;
    if (core.phase !== "following") return;
    const isHurried = core.leadership !== null || this.#host.isAwaited();
    if (this.#timer !== null && (this.#isHurried || !isHurried || this.#damageMet > 0)) return;
    this.#timer?.cancel();
    this.#isHurried = isHurried;
    const gathers = isHurried ? 0 : this.#caughtUpAt + gatherMs - core.context.monotonic();
    this.#schedule(this.#damageMet > 0 ? damageRetryMs : Math.max(0, gathers));
  }

  #schedule(delayMs: number): void {
    assert(delayMs <= damageRetryMs, "what is committed is applied soon");
    this.#timer = this.#core.context.after(delayMs, { kind: "apply" });
  }

  /** A slice of the log that is committed, or that this shard is about to lead on from; then the next. */
  applySome(): void {
    const core = this.#core;
    this.#timer = null;
    this.#isHurried = false;
    if (core.phase !== "following") return;
    const { store, checkpointer } = core.parts();
    const position = core.positionNow();
    if (store.cachePressure > pressureMax) {
      // The changes of a long log do not fit the cache at once: checkpoint on the way.
      checkpointer.runNow(position);
      this.#schedule(checkpointPollMs);
      return;
    }
    const { committed } = core;
    assert(committed !== null, "an open shard knows what is committed");
    if (position.op < committed.op) {
      this.#applyCommitted(committed);
      if (core.leadership !== null || core.positionNow().op < committed.op) {
        this.applyLater();
        return;
      }
      this.#caughtUpAt = core.context.monotonic();
    }
    if (core.leadership !== null) {
      this.#prepareToLead(core.leadership);
      return;
    }
    this.#host.caughtUp();
  }

  #replayTo(target: LogPosition): Replay {
    const { args, kernel, machine, tail } = this.#core;
    const { directory, clusterId } = args;
    const { store } = this.#core.parts();
    assert(kernel !== null, "an open shard has its kernel");
    const from = this.#core.positionNow();
    const replay = this.#replay ?? Replay.open(directory, clusterId, store, kernel, from, target, machine, tail);
    replay.extend(target);
    this.#replay = replay;
    return replay;
  }

  #sliceOf(replay: Replay): LogPosition {
    const core = this.#core;
    try {
      const end = core.context.monotonic() + sliceMs;
      const position = core.guarded(() => replay.slice(() => core.context.monotonic() >= end));
      this.#damageMet = 0;
      return position;
    } catch (error) {
      if (core.isSingle || !isLogDamage(error)) throw error;
      this.#damageMet += 1;
      if (this.#damageMet > damageTriesMax) throw error;
      const port = core.context.port(core.args.replica);
      if (port !== null) core.context.tell(port, { kind: "damaged", from: replay.position });
      if (this.#damageMet === 1) {
        const because = error instanceof Error ? error.message : String(error);
        core.context.log.warn("damage in the log is asked of the other replicas", { because });
      }
      replay.readAgain();
      return replay.position;
    }
  }

  #applyCommitted(committed: LogPosition): void {
    const core = this.#core;
    const { store, checkpointer } = core.parts();
    const replay = this.#replayTo(committed);
    const before = core.positionNow();
    const position = this.#sliceOf(replay);
    core.position = position;
    core.lastOp = position.op;
    if (!replay.hasChanged) return;
    this.#replayed += position.op - before.op;
    store.publish(store.seal(core.header.encode(position.op, position.address, position.timestamp)));
    checkpointer.logged(position.address - before.address, position);
    this.#host.published();
  }

  /** The rest of the log, which nobody has told to be committed yet, as one version that is published when it is. */
  #prepareToLead(leadership: Leadership): void {
    const core = this.#core;
    const { store } = core.parts();
    const position = core.positionNow();
    const { head } = leadership;
    let inherited: number | null = null;
    if (head.op > position.op) {
      const replay = this.#replayTo(head);
      const applied = this.#sliceOf(replay);
      if (!replay.isDone) {
        this.applyLater();
        return;
      }
      inherited = store.seal(core.header.encode(applied.op, applied.address, applied.timestamp));
    }
    this.close();
    this.#host.lead(leadership, inherited);
  }

  /** The state goes back to what is published, when it leads or is on the way there. */
  giveUp(): void {
    const { phase } = this.#core;
    const { store } = this.#core.parts();
    if (phase !== "leading" && this.#replay === null) return;
    if (store.sealedVersion !== store.publishedVersion || this.#replay !== null) {
      store.rollbackTo(store.publishedVersion);
    }
    this.close();
  }

  close(): void {
    this.#replay?.close();
    this.#replay = null;
  }
}

/** A prepare of the log that does not verify, or cannot be read. */
const isLogDamage = (error: unknown): boolean =>
  error instanceof KimberliteError && error.code === "dataCorrupt" && error.detail["op"] !== undefined;
