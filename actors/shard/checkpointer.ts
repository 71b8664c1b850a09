/**
 * When a shard's state is written to its page file, and in which order:
 *
 *   1. the newest published version is frozen (`beginCheckpoint`); the shard goes on writing, page by page copied
 *   2. the keeper writes the frozen pages and syncs the page file, in its own thread
 *   3. the replica writes the superblock that names them
 *   4. only now may pages that the old checkpoint needed be used again (`completeCheckpoint`)
 *
 * A crash before step 3 leaves the old checkpoint whole; after it the new one. Replay at start is bounded by `checkpointBytes`.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { CheckpointRecord } from "../../runtime/store/checkpoint.js";
import type { Store } from "../../runtime/store/store.js";
import { assert } from "../../runtime/types/assert.js";
import { hasCode, type KimberliteError } from "../../runtime/types/errors.js";
import type { ShardArgs } from "./actor.js";

const writeMsMax = 600_000;
const retryMs = 2_000;

export class Checkpointer {
  readonly #context: ActorContext;
  readonly #args: ShardArgs;
  readonly #store: Store;
  readonly #afterwards: () => void;
  #bytesSince = 0;
  #opAtLast: number;
  #newestOp: number;
  #newestEnd = 0;
  #isBusy = false;
  #count = 0;
  #failures = 0;
  #lastMs = 0;

  constructor(context: ActorContext, args: ShardArgs, store: Store, afterwards: () => void) {
    this.#context = context;
    this.#args = args;
    this.#store = store;
    this.#afterwards = afterwards;
    this.#opAtLast = 0;
    this.#newestOp = 0;
    context.after(args.checkpointMs, { kind: "checkpointTimer" });
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** A prepare was committed: `bytes` more of log would have to be replayed. */
  logged(bytes: number, op: number, logEnd: number): void {
    this.#bytesSince += bytes;
    this.#newestOp = op;
    this.#newestEnd = logEnd;
    if (this.#bytesSince >= this.#args.checkpointBytes || this.#store.wantsCheckpoint) this.runNow(op, logEnd);
  }

  timer(): void {
    this.#context.after(this.#args.checkpointMs, { kind: "checkpointTimer" });
    if (this.#newestOp > this.#opAtLast) this.runNow(this.#newestOp, this.#newestEnd);
  }

  /** Begins a checkpoint of the published version unless one is under way. */
  runNow(op: number, address: number): void {
    if (this.#isBusy || (op === this.#opAtLast && op !== 0)) return;
    if (this.#context.monotonic() < this.#retryAt) return;
    const keeper = this.#context.port(this.#args.keeper);
    const replica = this.#context.port(this.#args.replica);
    if (keeper === null || replica === null) return;
    this.#isBusy = true;
    this.#bytesSince = 0;
    const began = this.#context.monotonic();
    const version = this.#store.publishedVersion;
    const job = this.#store.beginCheckpoint(version);
    const message = { kind: "writeCheckpoint", job } as never;
    this.#context.request<CheckpointRecord>(keeper, message, { deadlineMs: writeMsMax }, (written) => {
      if (!written.ok) {
        this.#failed(written.error);
        return;
      }
      const record = this.#store.encodeCheckpoint(job, written.value);
      const point = { op, address, record };
      this.#context.request(replica, { kind: "saveCheckpoint", point } as never, { deadlineMs: writeMsMax }, (saved) => {
        if (!saved.ok) {
          // Whether the superblock names the new pages is not known: only a restart from disk can tell.
          this.#context.crash(saved.error);
          return;
        }
        this.#store.completeCheckpoint(job);
        assert(op >= this.#opAtLast, "order: checkpoints follow the log");
        this.#opAtLast = op;
        this.#count += 1;
        this.#lastMs = Math.round(this.#context.monotonic() - began);
        this.#isBusy = false;
        this.#afterwards();
      });
    });
  }

  /** A full disk leaves the old checkpoint in force; it is tried again. Anything else means that the page file cannot be trusted. */
  #failed(error: KimberliteError): void {
    this.#failures += 1;
    if (!hasCode(error, "diskFull")) {
      this.#context.crash(error);
      return;
    }
    this.#store.abandonCheckpoint();
    this.#context.log.warn("checkpoint put off: the disk is full", {});
    // Stay busy for a while, so that a full disk is not asked with every commit.
    this.#bytesSince = 0;
    this.#retryAt = this.#context.monotonic() + retryMs;
    this.#isBusy = false;
  }

  #retryAt = 0;

  inspect(): Record<string, string | number> {
    return {
      checkpoints: this.#count,
      checkpointOp: this.#opAtLast,
      checkpointMs: this.#lastMs,
      checkpointFailures: this.#failures,
      logBytesSinceCheckpoint: this.#bytesSince,
    };
  }
}
