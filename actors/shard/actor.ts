/**
 * The shard actor: the single writer of its tenants' state.
 *
 *   requests ─▶ queue ─▶ decide + apply (speculative) ─▶ propose ─▶ replica: durable ─▶ committed ─▶ publish, answer, wake readers
 *
 * While one prepare is on its way to disk the next requests gather; there is no timer on this path. The state is the store's
 * newest sealed version plus what the open prepare has applied; readers see only published versions.
 *
 * Start: open the store at the replica's newest checkpoint, replay the log after it, then take requests. Requests that come
 * earlier wait in the queue. A crash anywhere loses nothing but memory: the supervisor starts shard, replica, keeper and
 * projections of this shard anew, together.
 */
import type { Actor, ActorContext, ActorDefinition, Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { genesis, Kernel } from "../../runtime/kernel/kernel.js";
import { isWrite } from "../../runtime/kernel/kinds.js";
import { defaultGeometry } from "../../runtime/storage/log-geometry.js";
import { LogTail, type LogTailHandle } from "../../runtime/storage/log-tail.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { Store } from "../../runtime/store/store.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { ReplyBatchWriter } from "../messages/reply-batch.js";
import { RequestBatchReader } from "../messages/request-batch.js";
import type { ReplicaOpened } from "../replica/messages.js";
import { Checkpointer } from "./checkpointer.js";
import type { ShardMessage } from "./messages.js";
import { Proposal } from "./proposal.js";
import { Proposer } from "./proposer.js";
import { Replay } from "./replay.js";
import { type QueuedRequest, RequestQueue } from "./request-queue.js";
import { decodeVersionHeader, VersionHeaderWriter } from "./version-header.js";

export interface ShardArgs {
  readonly shard: number;
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly replica: string;
  readonly keeper: string;
  readonly tail: LogTailHandle;
  readonly store: StoreResources;
  /** Prepares under way at once: 1 where the replica shares this thread, 2 where it has its own. */
  readonly pipelineMax: number;
  /** Log bytes after which a checkpoint is taken, and the longest time between two while there are changes. */
  readonly checkpointBytes: number;
  readonly checkpointMs: number;
}

/** Requests that wait to be decided; beyond it the mailbox fills and senders are told. */
const queueBytesMax = 64 * 1024 * 1024;
const queueCountMax = 200_000;
const openLogMs = 60_000;
const retryFullMs = 500;

type Phase = "opening" | "replaying" | "ready";

class Shard implements Actor<ShardMessage> {
  readonly #context: ActorContext;
  readonly #args: ShardArgs;
  readonly #queue = new RequestQueue();
  readonly #batch = new RequestBatchReader();
  readonly #header = new VersionHeaderWriter();
  readonly #tail: LogTail;
  readonly #inFlight: Proposal[] = [];
  readonly #spare: Proposal[] = [];
  readonly #awaitingReady: Envelope[] = [];
  readonly #queued: QueuedRequest;
  #phase: Phase = "opening";
  #store: Store | null = null;
  #proposer: Proposer | null = null;
  #checkpointer: Checkpointer | null = null;
  #replay: Replay | null = null;
  #lastOp = 0;
  #committedOp = 0;
  #isFull = false;
  #isDraining = false;
  #commits = 0;
  #records = 0;

  constructor(context: ActorContext, args: ShardArgs) {
    this.#context = context;
    this.#args = args;
    this.#tail = new LogTail(args.tail);
    const none = new Uint8Array(0);
    this.#queued = {
      bytes: none,
      view: new DataView(none.buffer),
      port: null,
      envelope: null,
      correlation: 0,
      deadline: 0,
      kind: 0,
      principalFrom: 0,
      principalTo: 0,
      bodyFrom: 0,
      bodyTo: 0,
    };
  }

  // ------------------------------------------------------------------ start

  wired(neighbour: string, port: Port): void {
    if (neighbour !== this.#args.replica || this.#phase !== "opening") return;
    this.#context.request<ReplicaOpened>(port, { kind: "openLog" }, { deadlineMs: openLogMs }, (outcome) => {
      if (outcome.ok) this.#opened(outcome.value);
      else this.#context.crash(outcome.error);
    });
  }

  #opened(opened: ReplicaOpened): void {
    assert(this.#phase === "opening", "a shard opens once");
    const { checkpoint } = opened;
    const store = openStore(this.#args, checkpoint?.record ?? null);
    this.#store = store;
    if (checkpoint === null) {
      genesis(store);
      store.publish(store.seal(this.#header.encode(0, 0, 0)));
    }
    const header = decodeVersionHeader(store.header);
    assert(header.op <= opened.headOp, "durability: no state is ahead of its log");
    this.#committedOp = header.op;
    this.#lastOp = header.op;
    const kernel = new Kernel(store);
    this.#proposer = new Proposer(
      kernel,
      store,
      this.#tail,
      defaultGeometry,
      opened.headEnd,
      Math.max(header.time, opened.headTime),
    );
    this.#replay = new Replay(this.#args, store, kernel, header, opened);
    this.#phase = "replaying";
    if (opened.recovery.length > 0) this.#context.log.warn("log recovery", { found: opened.recovery.join("; ") });
    this.receive({ kind: "replay" }, null);
  }

  #replaySome(): void {
    const { replay, store } = this.#parts();
    assert(this.#phase === "replaying" && replay !== null, "the log is replayed before requests are taken");
    const reached = replay.step();
    this.#lastOp = reached.op;
    this.#committedOp = reached.op;
    if (reached.sealed || reached.isDone) {
      store.publish(store.seal(this.#header.encode(reached.op, reached.logEnd, reached.time)));
    }
    if (!reached.isDone) {
      // Long replays checkpoint on the way: otherwise the dirty pages of a large log would not fit the cache.
      if (store.mustCheckpoint) this.#startCheckpointer().runNow(reached.op, reached.logEnd);
      this.#context.after(0, { kind: "replay" });
      return;
    }
    this.#replay = null;
    this.#phase = "ready";
    this.#startCheckpointer();
    this.#context.log.info("shard ready", { shard: this.#args.shard, op: reached.op, replayed: reached.replayed });
    for (const envelope of this.#awaitingReady) this.#context.reply(envelope, true);
    this.#awaitingReady.length = 0;
    this.#propose();
  }

  #startCheckpointer(): Checkpointer {
    const { store } = this.#parts();
    this.#checkpointer ??= new Checkpointer(this.#context, this.#args, store, () => this.#propose());
    return this.#checkpointer;
  }

  #parts(): { store: Store; proposer: Proposer; replay: Replay | null } {
    assert(this.#store !== null && this.#proposer !== null, "a shard works once its store is open");
    return { store: this.#store, proposer: this.#proposer, replay: this.#replay };
  }

  // ------------------------------------------------------------------ messages

  receive(message: ShardMessage, envelope: Envelope | null): void {
    switch (message.kind) {
      case "requests":
        assert(envelope !== null, "requests come from a neighbour");
        this.#enqueue(message.bytes, envelope);
        return;
      case "command": {
        assert(envelope !== null, "a command is asked");
        if (this.#isDraining) throw new KimberliteError("draining", "the shard is stopping");
        const principal = new TextEncoder().encode(message.principal);
        const bytes = new Uint8Array(principal.length + message.body.length);
        bytes.set(principal, 0);
        bytes.set(message.body, principal.length);
        this.#queue.push(message.tenant, {
          bytes,
          view: new DataView(bytes.buffer),
          port: null,
          envelope,
          correlation: 0,
          deadline: envelope.deadline,
          kind: message.requestKind,
          principalFrom: 0,
          principalTo: principal.length,
          bodyFrom: principal.length,
          bodyTo: bytes.length,
        });
        return;
      }
      case "committed":
        this.#committed(message.op, message.address);
        return;
      case "refused":
        this.#refused(message.address, message.message);
        return;
      case "readIndex":
        // One replica: it leads as long as it runs. With several, the quorum round goes here, one for all that wait.
        assert(envelope !== null, "a read index is asked");
        if (this.#phase === "ready") this.#context.reply(envelope, this.#parts().store.publishedVersion);
        else this.#context.fail(envelope, new KimberliteError("shardUnavailable", "the shard is replaying its log"));
        return;
      case "awaitReady":
        assert(envelope !== null, "readiness is asked for");
        if (this.#phase === "ready") this.#context.reply(envelope, true);
        else this.#awaitingReady.push(envelope);
        return;
      case "replay":
        this.#replaySome();
        return;
      case "retryFull":
        this.#isFull = false;
        return;
      case "checkpointTimer":
        this.#checkpointer?.timer();
        return;
      default:
        unreachable(message);
    }
  }

  #enqueue(bytes: Uint8Array, envelope: Envelope): void {
    const port = this.#context.port(neighbourOf(envelope.sender));
    if (port === null) return;
    const batch = this.#batch.open(bytes);
    const queued = this.#queued;
    queued.bytes = bytes;
    queued.view = batch.view;
    queued.port = port;
    queued.envelope = null;
    let refusals: ReplyBatchWriter | null = null;
    while (batch.next()) {
      const refusal = this.#admission(batch);
      if (refusal !== null) {
        refusals ??= new ReplyBatchWriter();
        refusals.fail(batch.correlation, refusal);
        continue;
      }
      queued.correlation = batch.correlation;
      queued.deadline = batch.deadline;
      queued.kind = batch.kind;
      queued.principalFrom = batch.principalFrom;
      queued.principalTo = batch.principalTo;
      queued.bodyFrom = batch.bodyFrom;
      queued.bodyTo = batch.bodyTo;
      const tenant = batch.view.getUint32(batch.bodyFrom, true) + batch.view.getUint32(batch.bodyFrom + 4, true) * 2 ** 32;
      this.#queue.push(tenant, queued);
    }
    if (refusals === null) return;
    const count = refusals.count;
    this.#context.tell(port, { kind: "replies", bytes: refusals.take(), count } as never, { transfer: true });
  }

  /** Why a request is not even queued, or null. */
  #admission(batch: RequestBatchReader): KimberliteError | null {
    if (!isWrite(batch.kind)) return new KimberliteError("notSupported", `kind ${batch.kind} is not a write`);
    if (batch.bodyTo - batch.bodyFrom < 8) return new KimberliteError("frameInvalid", "the request names no tenant");
    if (this.#isDraining) return new KimberliteError("draining", "connect again once it is back");
    if (this.#isFull) return new KimberliteError("diskFull", "free space, and writes go on by themselves");
    if (this.#queue.count >= queueCountMax || this.#queue.bytes >= queueBytesMax) {
      return new KimberliteError("mailboxFull", "the shard has more writes waiting than it holds; try again in a moment");
    }
    return null;
  }

  /** Everything that had arrived is queued: form a prepare of it, unless enough are under way. */
  flush(): void {
    this.#propose();
  }

  // ------------------------------------------------------------------ the write path

  #propose(): void {
    if (this.#phase !== "ready") return;
    const { store, proposer } = this.#parts();
    while (this.#queue.count > 0 && this.#inFlight.length < this.#args.pipelineMax) {
      if (store.mustCheckpoint) {
        // The cache has no room for more changes until a checkpoint is through; it calls back.
        this.#startCheckpointer().runNow(this.#committedOp, decodeVersionHeader(store.publishedHeader).logEnd);
        return;
      }
      const proposal = this.#spare.pop() ?? new Proposal();
      proposer.fill(this.#queue, proposal, this.#context, this.#context.now());
      if (proposal.recordCount === 0) {
        this.#answerWithoutRecord(proposal);
        continue;
      }
      proposal.op = this.#lastOp + 1;
      this.#lastOp = proposal.op;
      proposal.version = store.seal(this.#header.encode(proposal.op, proposer.nextAddress, proposal.time));
      const port = this.#context.port(this.#args.replica);
      // Without its replica the shard is about to be restarted; what it applied dies with its memory.
      if (port === null) throw new KimberliteError("shardUnavailable", "the replica is gone");
      this.#inFlight.push(proposal);
      const { address, bodyBytes, recordCount, time } = proposal;
      const told = this.#context.tell(port, { kind: "propose", address, bodyBytes, recordCount, time } as never);
      assert(told === "accepted", "a replica has room for every prepare under way");
    }
  }

  /** Answers that rest on state decided earlier wait for the newest prepare under way; with none, that state is durable. */
  #answerWithoutRecord(proposal: Proposal): void {
    if (this.#inFlight.length === 0) {
      proposal.send(this.#context);
      this.#spare.push(proposal);
      return;
    }
    this.#inFlight[this.#inFlight.length - 1].follow(proposal);
  }

  #committed(op: number, address: number): void {
    const { store } = this.#parts();
    const proposal = this.#inFlight.shift();
    assert(proposal !== undefined, "durability: only what was proposed is committed");
    assert(proposal.op === op && proposal.address === address, "order: prepares are committed in the order proposed");
    store.publish(proposal.version);
    this.#committedOp = op;
    this.#commits += 1;
    this.#records += proposal.recordCount;
    this.#wake();
    const bytes = proposal.bodyBytes;
    proposal.sendAll(this.#context, (done) => {
      if (this.#spare.length < 4) this.#spare.push(done);
    });
    this.#checkpointer?.logged(bytes, op, decodeVersionHeader(store.publishedHeader).logEnd);
  }

  /** Tells projections that wait for news, and only those. */
  #wake(): void {
    for (const neighbour of this.#context.neighbours()) {
      if (!neighbour.startsWith("projection-")) continue;
      const port = this.#context.port(neighbour);
      if (port !== null) this.#context.tell(port, { kind: "advanced" } as never);
    }
  }

  /** The disk was full: nothing of the prepare, or of those behind it, was written. State and clock go back to what is durable. */
  #refused(address: number, message: string): void {
    const { store, proposer } = this.#parts();
    assert(this.#inFlight.length > 0 && this.#inFlight[0].address === address, "order: the oldest prepare is refused first");
    store.rollbackTo(store.publishedVersion);
    const header = decodeVersionHeader(store.publishedHeader);
    const error = new KimberliteError("diskFull", `${message}; free space, and writes go on by themselves`);
    for (const proposal of this.#inFlight) proposal.refuse(this.#context, error);
    this.#inFlight.length = 0;
    this.#lastOp = header.op;
    proposer.nextAddress = header.logEnd;
    this.#isFull = true;
    this.#context.after(retryFullMs, { kind: "retryFull" });
  }

  // ------------------------------------------------------------------ end

  /** Takes nothing new, finishes what is under way, and leaves a checkpoint so that the next start replays nothing. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const giveUp = this.#context.monotonic() + 10_000;
    const waits = (): boolean => this.#context.monotonic() < giveUp && this.#phase === "ready";
    while (waits() && (this.#queue.count > 0 || this.#inFlight.length > 0)) await pause();
    const { store } = this.#phase === "ready" ? this.#parts() : { store: null };
    if (store === null || this.#checkpointer === null) return;
    this.#checkpointer.runNow(this.#committedOp, decodeVersionHeader(store.publishedHeader).logEnd);
    while (waits() && this.#checkpointer.isBusy) await pause();
  }

  stop(): void {
    this.#store?.close();
  }

  inspect(): Record<string, string | number> {
    const store = this.#store;
    return {
      phase: this.#phase,
      op: this.#committedOp,
      commits: this.#commits,
      records: this.#records,
      queued: this.#queue.count,
      queuedBytes: this.#queue.bytes,
      expired: this.#proposer?.expired ?? 0,
      diskFull: this.#isFull ? 1 : 0,
      ...(store === null ? {} : store.inspect()),
      ...(this.#checkpointer === null ? {} : this.#checkpointer.inspect()),
    };
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
/** The last part of a path is the id under which neighbours know an actor. */
const neighbourOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
