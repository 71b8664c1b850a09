/**
 * When a shard's state is written to its page file, and in which order:
 *
 *   1. the newest published version is frozen (`beginCheckpoint`); the shard goes on writing, page by page copied
 *   2. the keeper writes the frozen pages and syncs the page file, in its own thread
 *   3. the replica writes the superblock that names them
 *   4. only now may pages that the old checkpoint needed be used again (`completeCheckpoint`)
 *
 * A crash before step 3 leaves the old checkpoint whole; after it the new one. Replay at start is bounded by `checkpointBytes`.
 *
 * A state that is derived again, since its page file was damaged, comes by positions that lie before the checkpoint which the superblock
 * names. Checkpoints there only make room in the cache: step 3 is left out, since a superblock never goes back, and a crash finds a page
 * file that is not the one named and derives the state again.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { type CheckpointJob, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { encodeCheckpointRecord } from "../../runtime/store/checkpoint-record.js";
import type { Store } from "../../runtime/store/store.js";
import { assert } from "../../runtime/types/assert.js";
import { hasCode, type KimberliteError } from "../../runtime/types/errors.js";
import type { CheckpointPoint } from "../replica/messages.js";

export interface CheckpointerArgs {
  readonly replica: string;
  readonly keeper: string;
  /** Log bytes after which a checkpoint is taken, and the longest time between two while there are changes. */
  readonly checkpointBytes: number;
  readonly checkpointMs: number;
}

const writeMsMax = 600_000;
const retryMs = 2_000;
/** Share of the cache that waits to be written at which a checkpoint begins whatever the log says. */
const pressureBegin = 0.4;

export class Checkpointer {
  readonly #context: ActorContext;
  readonly #args: CheckpointerArgs;
  readonly #store: Store;
  readonly #afterwards: () => void;
  #bytesSince = 0;
  #opAtLast: number;
  readonly #namedOp: number;
  #newest: LogPosition | null = null;
  #isBusy = false;
  #retryAt = 0;
  #count = 0;
  #failures = 0;
  #lastMs = 0;
  #pagesWritten = 0;

  /**
   * @param op which the store stands for now
   * @param namedOp of the checkpoint that the superblock names; greater than `op` for a state that is derived again
   */
  constructor(
    context: ActorContext,
    args: CheckpointerArgs,
    store: Store,
    op: number,
    namedOp: number,
    afterwards: () => void,
  ) {
    assert(op <= namedOp, "durability: no state is newer than the checkpoint that it was opened from");
    this.#context = context;
    this.#args = args;
    this.#store = store;
    this.#opAtLast = op;
    this.#namedOp = namedOp;
    this.#afterwards = afterwards;
    context.after(args.checkpointMs, { kind: "checkpointTimer" });
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** A prepare was committed: `bytes` more of log would have to be replayed. */
  logged(bytes: number, position: LogPosition): void {
    this.#bytesSince += bytes;
    this.#newest = position;
    if (this.#bytesSince >= this.#args.checkpointBytes || this.#store.cachePressure > pressureBegin)
      this.runNow(position);
  }

  timer(): void {
    this.#context.after(this.#args.checkpointMs, { kind: "checkpointTimer" });
    if (this.#newest !== null) this.runNow(this.#newest);
  }

  /** Begins a checkpoint of the published version, which stands for `position`, unless one is under way or nothing is new. */
  runNow(position: LogPosition): void {
    if (this.#isBusy || position.op === this.#opAtLast || this.#context.monotonic() < this.#retryAt) return;
    const keeper = this.#context.port(this.#args.keeper);
    const replica = this.#context.port(this.#args.replica);
    if (keeper === null || replica === null) return;
    const job = this.#store.beginCheckpoint();
    if (job === null) return;
    this.#isBusy = true;
    this.#bytesSince = 0;
    const began = this.#context.monotonic();
    const { handle } = this.#store;
    const write = { kind: "writeCheckpoint", chunks: handle.chunks, job };
    this.#context.request<CheckpointJob>(keeper, write, { deadlineMs: writeMsMax }, (written) => {
      if (!written.ok) {
        this.#failed(written.error);
        return;
      }
      const done = written.value;
      if (position.op < this.#namedOp) {
        this.#saved(done, position, began);
        return;
      }
      const point: CheckpointPoint = { position, record: encodeCheckpointRecord(checkpointRecord(done)) };
      this.#context.request(replica, { kind: "saveCheckpoint", point }, { deadlineMs: writeMsMax }, (saved) => {
        if (saved.ok) this.#saved(done, position, began);
        // Whether the superblock names the new pages is not known: only a restart from disk can tell.
        else this.#context.crash(saved.error);
      });
    });
  }

  #saved(job: CheckpointJob, position: LogPosition, began: number): void {
    this.#store.completeCheckpoint(job);
    assert(position.op >= this.#opAtLast, "order: checkpoints follow the log");
    this.#opAtLast = position.op;
    this.#count += 1;
    this.#pagesWritten += job.written;
    this.#lastMs = Math.round(this.#context.monotonic() - began);
    this.#isBusy = false;
    this.#afterwards();
  }

  /** A full disk leaves the old checkpoint in force; it is tried again. Anything else means that the page file cannot be trusted. */
  #failed(error: KimberliteError): void {
    this.#failures += 1;
    if (!hasCode(error, "diskFull")) {
      this.#context.crash(error);
      return;
    }
    this.#store.abortCheckpoint();
    this.#context.log.warn("a checkpoint is put off: the disk is full");
    this.#retryAt = this.#context.monotonic() + retryMs;
    this.#isBusy = false;
    // Writes may wait for room in the cache, and nothing else might come by to try again.
    this.#context.after(retryMs + 1, { kind: "checkpointRetry" });
  }

  inspect(): Record<string, string | number> {
    return {
      checkpoints: this.#count,
      checkpointOp: this.#opAtLast,
      checkpointMs: this.#lastMs,
      checkpointFailures: this.#failures,
      checkpointPages: this.#pagesWritten,
      logBytesSinceCheckpoint: this.#bytesSince,
    };
  }
}
