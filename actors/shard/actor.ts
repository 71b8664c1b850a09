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
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { LogTail } from "../../runtime/storage/log-tail.js";
import type { Store } from "../../runtime/store/store.js";
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
import { openState, setDamagedAside } from "./state-files.js";
import { VersionHeaderWriter } from "./version-header.js";

export interface ShardArgs {
  readonly shard: number;
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly replica: string;
  readonly keeper: string;
  readonly projections: readonly string[];
  /** One word a projection: 1 while it wants to be told of newer versions. */
  readonly interest: SharedArrayBuffer;
  /** Bound of the page cache. */
  readonly cacheBytes: number;
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
/** Share of the cache that waits for a checkpoint at which nothing more is decided until one is through. */
const pressureMax = 0.85;

type Phase = "opening" | "replaying" | "ready";

class Shard implements Actor<ShardMessage> {
  readonly #context: ActorContext;
  readonly #args: ShardArgs;
  readonly #queue = new RequestQueue();
  readonly #batch = new RequestBatchReader();
  readonly #header = new VersionHeaderWriter();
  readonly #interest: Int32Array;
  readonly #inFlight: Proposal[] = [];
  readonly #spare: Proposal[] = [];
  readonly #awaitingReady: Envelope[] = [];
  /** Wirings to projections that know where the state is: a port exists before its `wired` is heard, so both ways in may see it. */
  readonly #attached = new WeakSet<Port>();
  readonly #queued: QueuedRequest;
  #phase: Phase = "opening";
  #tail: LogTail | null = null;
  #store: Store | null = null;
  /** The log up to what is published. */
  #position: LogPosition | null = null;
  #proposer: Proposer | null = null;
  #checkpointer: Checkpointer | null = null;
  #replay: Replay | null = null;
  /** Newest op proposed. */
  #lastOp = 0;
  #isFull = false;
  #isDraining = false;
  #commits = 0;
  #records = 0;

  constructor(context: ActorContext, args: ShardArgs) {
    this.#context = context;
    this.#args = args;
    this.#interest = new Int32Array(args.interest);
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
    if (this.#args.projections.includes(neighbour)) this.#attach(port);
    if (neighbour !== this.#args.replica || this.#phase !== "opening") return;
    this.#context.request<ReplicaOpened>(port, { kind: "openLog" }, { deadlineMs: openLogMs }, (outcome) => {
      if (outcome.ok) this.#opened(outcome.value);
      else this.#context.crash(outcome.error);
    });
  }

  #opened(opened: ReplicaOpened): void {
    assert(this.#phase === "opening", "a shard opens once");
    const { shard, clusterId } = this.#args;
    const { store, from, rebuilt } = openState(this.#args, opened.checkpoint);
    if (rebuilt !== null) this.#context.log.warn("the state is rebuilt from the log", { shard, because: rebuilt });
    assert(from.op <= opened.head.op, "durability: no state is ahead of its log");
    if (opened.recovery.length > 0)
      this.#context.log.warn("log recovery", { shard, found: opened.recovery.join("; ") });
    this.#store = store;
    this.#position = from;
    this.#lastOp = from.op;
    this.#tail = new LogTail(opened.tail);
    const kernel = new Kernel(store);
    if (from.op === 0) {
      genesis(store);
      store.publish(store.seal(this.#header.encode(0, from.address, from.timestamp)));
    }
    this.#proposer = new Proposer(
      kernel,
      store,
      this.#tail,
      defaultGeometry,
      opened.head.address,
      opened.head.timestamp,
    );
    this.#replay = Replay.open(this.#args.directory, clusterId, store, kernel, from, opened.head);
    this.#phase = "replaying";
    this.#checkpointer = new Checkpointer(this.#context, this.#args, store, from.op, () => this.#propose());
    this.#replaySome();
  }

  /** A slice of the replay, so that the thread keeps answering; then the next. */
  #replaySome(): void {
    const { store, checkpointer, replay } = this.#parts();
    assert(this.#phase === "replaying" && replay !== null, "the log is replayed before requests are taken");
    if (store.cachePressure > pressureMax) {
      // The changes of a long log do not fit the cache at once: checkpoint on the way.
      checkpointer.runNow(this.#positionNow());
      this.#context.after(checkpointPollMs, { kind: "replay" });
      return;
    }
    const position = this.#guarded(() => replay.slice());
    this.#position = position;
    this.#lastOp = position.op;
    if (replay.isDone || replay.hasChanged) {
      store.publish(store.seal(this.#header.encode(position.op, position.address, position.timestamp)));
    }
    if (!replay.isDone) {
      this.#context.after(0, { kind: "replay" });
      return;
    }
    const { replayed } = replay;
    replay.close();
    this.#replay = null;
    this.#phase = "ready";
    this.#context.log.info("shard ready", { shard: this.#args.shard, op: position.op, replayed });
    for (const projection of this.#args.projections) {
      const port = this.#context.port(projection);
      if (port !== null) this.#attach(port);
    }
    for (const envelope of this.#awaitingReady) this.#context.reply(envelope, true);
    this.#awaitingReady.length = 0;
    this.#propose();
  }

  /** Tells a projection where the state and the tail of the log can be read. */
  #attach(port: Port): void {
    if (this.#phase !== "ready" || this.#tail === null || this.#attached.has(port)) return;
    const { store } = this.#parts();
    this.#attached.add(port);
    this.#context.tell(port, { kind: "attach", store: store.handle, tail: this.#tail.handle });
  }

  #positionNow(): LogPosition {
    assert(this.#position !== null, "an open shard knows where its log is");
    return this.#position;
  }

  #parts(): { store: Store; proposer: Proposer; checkpointer: Checkpointer; replay: Replay | null } {
    const { store, proposer, checkpointer } = {
      store: this.#store,
      proposer: this.#proposer,
      checkpointer: this.#checkpointer,
    };
    assert(store !== null && proposer !== null && checkpointer !== null, "a shard works once its store is open");
    return { store, proposer, checkpointer, replay: this.#replay };
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
        if (this.#isDraining) {
          this.#context.fail(envelope, new KimberliteError("draining", "the shard is stopping"));
          return;
        }
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
        this.#committed(message.address, message.position);
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
      case "pageDamaged":
        this.#damaged(message.because);
        return;
      case "retryFull":
        this.#isFull = false;
        return;
      case "checkpointTimer":
        this.#checkpointer?.timer();
        return;
      case "checkpointRetry":
        // `flush` follows and tries again to propose, and so to begin a checkpoint.
        return;
      default:
        unreachable(message);
    }
  }

  #enqueue(bytes: Uint8Array, envelope: Envelope): void {
    const port = this.#context.port(neighbourOf(envelope.sender));
    // What an earlier gateway asked is not answered to its successor, whose correlations are its own.
    if (port === null || port.epoch !== envelope.epoch) return;
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
      const tenant =
        batch.view.getUint32(batch.bodyFrom, true) + batch.view.getUint32(batch.bodyFrom + 4, true) * 2 ** 32;
      this.#queue.push(tenant, queued);
    }
    if (refusals === null) return;
    const count = refusals.count;
    this.#context.tell(port, { kind: "replies", bytes: refusals.take(), count }, { transfer: true });
  }

  /** Why a request is not even queued, or null. */
  #admission(batch: RequestBatchReader): KimberliteError | null {
    if (!isWrite(batch.kind)) return new KimberliteError("notSupported", `kind ${batch.kind} is not a write`);
    if (batch.bodyTo - batch.bodyFrom < 8) return new KimberliteError("frameInvalid", "the request names no tenant");
    if (this.#isDraining) return new KimberliteError("draining", "connect again once it is back");
    if (this.#isFull) return new KimberliteError("diskFull", "free space, and writes go on by themselves");
    if (this.#queue.count >= queueCountMax || this.#queue.bytes >= queueBytesMax) {
      return new KimberliteError(
        "mailboxFull",
        "the shard has more writes waiting than it holds; try again in a moment",
      );
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
    const { store, proposer, checkpointer } = this.#parts();
    while (this.#queue.count > 0 && this.#inFlight.length < this.#args.pipelineMax) {
      if (store.cachePressure > pressureMax) {
        // No room for more changes until a checkpoint is through; it calls back.
        checkpointer.runNow(this.#positionNow());
        return;
      }
      const proposal = this.#spare.pop() ?? new Proposal();
      this.#guarded(() => proposer.fill(this.#queue, proposal, this.#context.now()));
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
      const { op, address, bodyBytes, recordCount, time } = proposal;
      const told = this.#context.tell(port, { kind: "propose", op, address, bodyBytes, recordCount, time });
      assert(told === "accepted", "a replica has room for every prepare under way");
    }
  }

  /** Damage of the page file costs time, not data: the log is whole, and the state is derived from it anew. */
  #guarded<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (isPageDamage(error)) this.#damaged(String(error));
      throw error;
    }
  }

  #damaged(because: string): void {
    setDamagedAside(this.#args.directory);
    throw new KimberliteError("dataCorrupt", `${because}; the state is rebuilt from the log`);
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

  #committed(address: number, position: LogPosition): void {
    const { store, checkpointer } = this.#parts();
    const proposal = this.#inFlight.shift();
    assert(proposal !== undefined, "durability: only what was proposed is committed");
    assert(
      proposal.op === position.op && proposal.address === address,
      "order: prepares are committed in the order in which they were proposed",
    );
    store.publish(proposal.version);
    this.#position = position;
    this.#commits += 1;
    this.#records += proposal.recordCount;
    const bytes = proposal.bodyBytes;
    proposal.sendAll(this.#context, (done) => {
      if (this.#spare.length < 4) this.#spare.push(done);
    });
    this.#wake();
    checkpointer.logged(bytes, position);
  }

  /** Tells projections that wait for news, and only those: waking an idle thread costs 30 µs. */
  #wake(): void {
    const { projections } = this.#args;
    for (let i = 0; i < projections.length; i++) {
      if (Atomics.load(this.#interest, i) === 0) continue;
      Atomics.store(this.#interest, i, 0);
      const port = this.#context.port(projections[i]);
      if (port !== null) this.#context.tell(port, { kind: "advanced" });
    }
  }

  /** The disk was full: nothing of the prepare, or of those behind it, was written. The state goes back to what is durable. */
  #refused(address: number, message: string): void {
    const { store, proposer } = this.#parts();
    assert(
      this.#inFlight.length > 0 && this.#inFlight[0].address === address,
      "order: the oldest prepare is refused first",
    );
    store.rollbackTo(store.publishedVersion);
    const error = new KimberliteError("diskFull", `${message}; free space, and writes go on by themselves`);
    for (const proposal of this.#inFlight) proposal.refuse(this.#context, error);
    this.#inFlight.length = 0;
    const position = this.#positionNow();
    this.#lastOp = position.op;
    proposer.nextAddress = position.address;
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
    if (this.#phase !== "ready") return;
    const { checkpointer } = this.#parts();
    // One under way may hold an older state: wait for it, then take the last.
    while (waits() && checkpointer.isBusy) await pause();
    checkpointer.runNow(this.#positionNow());
    while (waits() && checkpointer.isBusy) await pause();
  }

  stop(): void {
    this.#replay?.close();
    this.#store?.close();
  }

  inspect(): Record<string, string | number> {
    const store = this.#store;
    return {
      phase: this.#phase,
      op: this.#position?.op ?? 0,
      commits: this.#commits,
      records: this.#records,
      queued: this.#queue.count,
      queuedBytes: this.#queue.bytes,
      expired: this.#proposer?.expired ?? 0,
      diskFull: this.#isFull ? 1 : 0,
      ...(store === null ? {} : storeNumbers(store)),
      ...(this.#checkpointer === null ? {} : this.#checkpointer.inspect()),
    };
  }
}

const checkpointPollMs = 5;

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

/** Only what the store says of a page: a damaged log is no reason to throw the state away, since it could not be derived again. */
const isPageDamage = (error: unknown): boolean =>
  error instanceof KimberliteError && error.code === "dataCorrupt" && error.detail["page"] !== undefined;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
/** The last part of a path is the id under which neighbours know an actor. */
const neighbourOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export const shardDefinition: ActorDefinition<ShardArgs, ShardMessage> = {
  kind: "shard",
  mailbox: { countMax: 20_000, bytesMax: 128 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Shard(context, args),
};
