/**
 * The projection actor: reads and subscriptions, on immutable snapshots of a shard's pages, in a thread of its own, so that no read
 * holds up a write. It maps the shard's memory when the shard says where it is, pins the newest published version for one turn,
 * does everything that waits on it, and lets go.
 *
 * What may run when
 *   stale, at position, at timestamp   now
 *   session                            once this version has the position of the token; until then it waits, under its deadline
 *   linearizable                       once the shard has said which version is the newest (one question for all that ask), on that
 *                                      version or a later one
 */
import type { Actor, ActorContext, ActorDefinition, Port } from "../../runtime/actor/definition.js";
import type { Down, Envelope } from "../../runtime/actor/envelope.js";
import { decodeReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { encodeGroupAck } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { ColumnCache } from "../../runtime/query/table/column-cache.js";
import { LogReader } from "../../runtime/storage/log-reader.js";
import { LogTail } from "../../runtime/storage/log-tail.js";
import { StoreReader } from "../../runtime/store/reader.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { groupAckEntriesMax, groupNameBytesMax } from "../../runtime/types/limits.js";
import { RequestBatchReader } from "../messages/request-batch.js";
import { senderPort } from "../messages/sender.js";
import { type Machine, realMachine } from "../shard/machine.js";
import { pagesPath } from "../shard/state-files.js";
import { preciseClock } from "../sql/precise-clock.js";
import { QueryEngine } from "../sql/query-engine.js";
import { answerDirectory } from "./directory-answers.js";
import { EventSource } from "./event-source.js";
import type { GroupCoordinator } from "./group-coordinator.js";
import type { DirectoryQuestion, ProjectionMessage } from "./messages.js";
import { Outbox } from "./outbox.js";
import { ReadQueue, type WaitingRead } from "./read-queue.js";
import { boundOf, executeRead } from "./reading.js";
import { SpillDirectory } from "./sql/spill-directory.js";
import { SqlReads } from "./sql/sql-reads.js";
import { type Subscription, windowBytes } from "./subscription.js";
import { Subscriptions } from "./subscriptions.js";

export interface ProjectionArgs {
  readonly index: number;
  readonly directory: string;
  readonly shard: string;
  /** One word a projection: 1 while it wants to be told of newer versions. */
  readonly interest: SharedArrayBuffer;
  /** Memory for columns of rows that are kept decoded. */
  readonly columnBytes: number;
}

const sweepMs = 50;
const resendMs = 5;
/** What one turn reads at most, so that its answers fit a mailbox and the thread stays alive. */
const turnBytesMax = 4 * 1024 * 1024;
const turnMsMax = 10;
const readIndexMs = 5_000;

/** What it has once the shard has said where its memory is. */
interface AttachedState {
  readonly reader: StoreReader;
  readonly log: LogReader;
  readonly source: EventSource;
  readonly reads: StateReads;
}

class Projection implements Actor<ProjectionMessage> {
  readonly #context: ActorContext;
  readonly #args: ProjectionArgs;
  readonly #machine: Machine;
  readonly #interest: Int32Array;
  readonly #batch = new RequestBatchReader();
  readonly #outbox: Outbox;
  readonly #subscriptions = new Subscriptions();
  #state: AttachedState | null = null;
  readonly #queue: ReadQueue;
  readonly #sql: SqlReads;
  readonly #columns: ColumnCache;
  /** Whether the shard is being asked which version is the newest. */
  #isAsking = false;
  #isAgain = false;
  #isSweeping = false;
  /** A gateway had no room for what it was to be told: nothing more is produced until it has. */
  #isBlocked = false;
  /** The version that subscriptions were last served from, and whether they may have more to get from the same one. */
  #pumped = -1;
  #isPumpDue = false;
  #executed = 0;

  constructor(context: ActorContext, args: ProjectionArgs, machine: Machine) {
    this.#context = context;
    this.#args = args;
    this.#machine = machine;
    this.#interest = new Int32Array(args.interest);
    this.#outbox = new Outbox(context);
    this.#queue = new ReadQueue(this.#outbox);
    this.#columns = new ColumnCache(args.columnBytes);
    this.#sql = new SqlReads({
      columns: this.#columns,
      engine: new QueryEngine(),
      outbox: this.#outbox,
      records: () => this.#attached().source,
      spill: new SpillDirectory(machine.disk, args.directory, args.index),
      answerOf: (error) => this.#answerOf(error),
      defect: (error) => context.log.error("a statement met a defect", { error: error.stack }),
      working: () => context.working(),
      now: preciseClock(
        () => context.now(),
        () => context.monotonic(),
      ),
      monotonic: () => context.monotonic(),
      random: () => context.random(),
    });
  }

  // ------------------------------------------------------------------ messages

  receive(message: ProjectionMessage, envelope: Envelope): void {
    switch (message.kind) {
      case "requests":
        this.#enqueue(message.bytes, envelope);
        return;
      case "subscriptionFlushed":
        this.#flushed(message.flushed, envelope);
        return;
      case "advanced":
        this.#isAgain = false;
        return;
      case "attach":
        this.#attach(message);
        return;
      case "sweep":
        this.#sweep();
        return;
      case "resend":
        this.#isBlocked = false;
        this.#send();
        return;
      default:
        this.#answer(message, envelope);
    }
  }

  #attach(message: Extract<ProjectionMessage, { kind: "attach" }>): void {
    assert(this.#state === null, "a projection is attached once in its life");
    const { disk, geometry } = this.#machine;
    const file = disk.open(pagesPath(this.#args.directory), "read");
    const reader = StoreReader.attach(message.store, { file, owner: this.#context.epoch });
    const log = new LogReader(disk, this.#args.directory, geometry, new LogTail(message.tail));
    this.#state = { reader, log, source: new EventSource(log), reads: new StateReads(reader) };
  }

  #answer(question: DirectoryQuestion, envelope: Envelope): void {
    if (this.#state === null) {
      this.#context.fail(envelope, new KimberliteError("shardUnavailable", "the shard is starting"));
      return;
    }
    const { reader, reads, log } = this.#state;
    reader.pin();
    try {
      this.#context.reply(envelope, answerDirectory(question, reads, log));
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      this.#context.fail(envelope, this.#answerOf(error));
    } finally {
      reader.unpin();
    }
  }

  #enqueue(bytes: Uint8Array, envelope: Envelope): void {
    const port = senderPort(this.#context, envelope);
    if (port === null) return;
    const batch = this.#batch.open(bytes);
    while (batch.next()) {
      try {
        this.#request(port, batch);
      } catch (error) {
        if (!(error instanceof KimberliteError)) throw error;
        this.#outbox.fail(port, batch.correlation, this.#answerOf(error));
      }
    }
    this.#queue.callBackNoted(port);
  }

  #request(port: Port, batch: RequestBatchReader): void {
    const { kind, correlation, deadline, bytes, view, bodyFrom, bodyTo } = batch;
    switch (kind) {
      case requestKind.subscribe:
        this.#subscribe(port, correlation, new ByteReader(bytes, bodyFrom, bodyTo));
        return;
      case requestKind.credit: {
        const subscription = this.#subscriptions.find(port, correlation);
        if (subscription === undefined || bodyTo - bodyFrom !== 4) return;
        subscription.credits = Math.min(0x7fff_ffff, subscription.credits + view.getUint32(bodyFrom, true));
        this.#isPumpDue = true;
        return;
      }
      case requestKind.unsubscribe: {
        const subscription = this.#subscriptions.find(port, correlation);
        if (subscription === undefined) return;
        this.#subscriptions.remove(subscription);
        this.#isPumpDue = true;
        this.#outbox.end(port, correlation, null);
        return;
      }
      case requestKind.cancel:
        this.#queue.noteCalledBack(correlation);
        this.#sql.cancel(port, correlation);
        return;
      case requestKind.sqlRead:
        this.#sql.add(port, correlation, bytes, bodyFrom, bodyTo);
        return;
      default:
        this.#queue.add(port, correlation, deadline, decodeReadRequest(kind, bytes, bodyFrom, bodyTo));
    }
  }

  #subscribe(port: Port, correlation: number, body: ByteReader): void {
    const tenant = body.u64();
    const stream = body.u64();
    const next = body.u64();
    const group = body.string(groupNameBytesMax);
    const credits = body.u32();
    body.end();
    const { reader, reads } = this.#attached();
    const subscription: Subscription = { port, correlation, tenant, stream, group, next, credits, window: windowBytes };
    reader.pin();
    try {
      this.#subscriptions.add(reads, subscription);
    } finally {
      reader.unpin();
    }
    this.#isPumpDue = true;
    this.#outbox.ok(port, correlation, noBytes);
  }

  #attached(): AttachedState {
    if (this.#state === null) {
      throw new KimberliteError("shardUnavailable", "the shard is replaying its log; try again in a moment");
    }
    return this.#state;
  }

  #flushed(pairs: readonly number[], envelope: Envelope): void {
    const port = senderPort(this.#context, envelope);
    if (port === null) return;
    this.#isPumpDue = true;
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const subscription = this.#subscriptions.find(port, pairs[i]);
      if (subscription !== undefined) subscription.window = Math.min(windowBytes, subscription.window + pairs[i + 1]);
    }
  }

  // ------------------------------------------------------------------ a turn's work

  flush(): void {
    if (!this.#isBlocked) {
      if (this.#state !== null) {
        this.#askReadIndex();
        this.#work();
      }
      this.#send();
    }
    this.#sweepLater();
  }

  #send(): void {
    if (this.#outbox.send()) return;
    this.#isBlocked = true;
    this.#context.after(resendMs, { kind: "resend" });
  }

  #work(): void {
    const { reader, reads, source } = this.#attached();
    const isIdle =
      this.#queue.ready.length + this.#queue.waiting.length + this.#subscriptions.count + this.#sql.count === 0;
    if (isIdle) return;
    const version = reader.pin();
    let hasMore = false;
    try {
      hasMore = this.#runReads(reads, source);
      hasMore = this.#sql.work(reader, () => this.#outbox.bytes >= turnBytesMax) || hasMore;
      if (this.#isPumpDue || version !== this.#pumped) {
        this.#pumped = version;
        this.#isPumpDue = this.#subscriptions.pump(reads, source, version, this.#outbox, this.#context.now(), (error) =>
          this.#answerOf(error),
        );
        hasMore ||= this.#isPumpDue;
      }
    } finally {
      reader.unpin();
    }
    const wantsNews = this.#queue.waiting.length + this.#subscriptions.count + this.#sql.waiting > 0;
    if (wantsNews) Atomics.store(this.#interest, this.#args.index, 1);
    // A version published between the pin and the store above woke nobody: look once more.
    if ((hasMore || (wantsNews && reader.newestVersion !== version)) && !this.#isAgain) {
      this.#isAgain = true;
      this.#context.after(0, { kind: "advanced" });
    }
  }

  /**
   * Runs what waits for this version, within a budget of bytes and time: a thousand large reads in one turn would be one answer
   * larger than any mailbox, and a thread that is taken for hung. True when some are left for the next turn.
   */
  #runReads(reads: StateReads, source: EventSource): boolean {
    const { waiting: waited, ready: due } = this.#queue;
    if (waited.length + due.length === 0) return false;
    this.#queue.waiting = [];
    this.#queue.ready = [];
    const until = this.#context.monotonic() + turnMsMax;
    const isFull = (): boolean => this.#outbox.bytes >= turnBytesMax;
    let at = 0;
    while (at < waited.length && !isFull()) this.#run(reads, source, waited[at++]);
    const isWaitedLeft = at < waited.length;
    if (isWaitedLeft) this.#queue.waiting = [...waited.slice(at), ...this.#queue.waiting];
    at = 0;
    while (at < due.length && !isFull() && this.#context.monotonic() < until) this.#run(reads, source, due[at++]);
    if (at < due.length) this.#queue.ready = due.slice(at);
    return isWaitedLeft || this.#queue.ready.length > 0;
  }

  #run(reads: StateReads, source: EventSource, waiting: WaitingRead): void {
    const { port, correlation, request } = waiting;
    if (!port.isOpen) return;
    try {
      const bound = boundOf(reads, request, this.#context.now());
      if (bound === null) {
        this.#queue.waiting.push(waiting);
        return;
      }
      this.#outbox.ok(port, correlation, executeRead(reads, source, request, bound.visible, bound.bound));
      this.#executed += 1;
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      this.#outbox.fail(port, correlation, this.#answerOf(error));
    }
  }

  /**
   * What is answered for an error. A damaged page of the state is derived again from the log, which the shard sees to: whoever asked
   * comes back in a moment. Damage of the log itself cannot be made good here.
   */
  #answerOf(error: KimberliteError): KimberliteError {
    if (error.code !== "dataCorrupt" || error.detail["page"] === undefined) return error;
    const shard = this.#context.port(this.#args.shard);
    if (shard !== null) this.#context.tell(shard, { kind: "pageDamaged", because: error.message });
    return new KimberliteError("shardUnavailable", "a damaged page was found; the state is being rebuilt from the log");
  }

  /** One question for every linearizable read that came before it was asked. */
  #askReadIndex(): void {
    if (this.#isAsking || (this.#queue.unconfirmed.length === 0 && !this.#sql.hasUnconfirmed)) return;
    const shard = this.#context.port(this.#args.shard);
    const asking = this.#queue.unconfirmed;
    this.#queue.unconfirmed = [];
    this.#sql.confirming();
    const answered = (error: KimberliteError | null): void => {
      for (const read of asking) {
        if (error === null) this.#queue.ready.push(read);
        else this.#outbox.fail(read.port, read.correlation, error);
      }
      this.#sql.confirmed(error);
    };
    if (shard === null) {
      answered(new KimberliteError("shardUnavailable"));
      return;
    }
    this.#isAsking = true;
    this.#context.request<number>(shard, { kind: "readIndex" }, { deadlineMs: readIndexMs }, (outcome) => {
      this.#isAsking = false;
      answered(outcome.ok ? null : outcome.error);
      if (outcome.ok) {
        assert(
          this.#attached().reader.newestVersion >= outcome.value,
          "snapshot: what the shard has published can be read",
        );
      }
    });
  }

  /** An idle projection has no timer: nothing here can be late. */
  #sweepLater(): void {
    const isIdle = this.#queue.count + this.#sql.cursors === 0 && !this.#subscriptions.hasLeases;
    if (this.#isSweeping || isIdle) return;
    this.#isSweeping = true;
    this.#context.after(sweepMs, { kind: "sweep" });
  }

  #sweep(): void {
    this.#isSweeping = false;
    const now = this.#context.now();
    this.#queue.expire(now);
    this.#sql.sweep();
    for (const group of this.#subscriptions.groups) {
      const expired = group.expire(now, groupAckEntriesMax);
      if (expired.length > 0) this.#logExpired(group, expired);
    }
  }

  /** A lease whose time is up is a failed attempt, and attempts are facts: the shard logs them as it logs a consumer's own nack. */
  #logExpired(group: GroupCoordinator, offsets: readonly number[]): void {
    const { tenant, stream, name } = group;
    const shard = this.#context.port(this.#args.shard);
    if (shard === null) {
      group.logged(offsets);
      return;
    }
    const out = new ByteWriter(64);
    const entries = [...offsets].sort((a, b) => a - b).map((offset) => ({ offset, verdict: "nack" as const }));
    encodeGroupAck(out, { tenant }, stream, name, entries);
    const message = {
      kind: "command",
      requestKind: requestKind.groupAck,
      tenant,
      principal: "node",
      body: out.finish(),
    };
    this.#context.request(shard, message, { deadlineMs: 10_000 }, (outcome) => {
      // Refused or lost: the event is simply delivered again, without the attempt being counted.
      if (!outcome.ok) this.#context.log.debug("an expired lease was not counted", { code: outcome.error.code });
      group.logged(offsets);
      this.#isPumpDue = true;
    });
  }

  // ------------------------------------------------------------------ neighbours, end

  unwired(neighbour: string, _reason: Down): void {
    this.#queue.dropClosed();
    this.#sql.dropClosed();
    this.#subscriptions.removeClosed();
    this.#isPumpDue = true;
    assert(neighbour !== "", "a neighbour has a name");
  }

  stop(): void {
    this.#state?.reader.close();
    this.#state?.log.close();
  }

  inspect(): Record<string, string | number> {
    return {
      attached: this.#state === null ? 0 : 1,
      version: this.#state?.reader.newestVersion ?? 0,
      reads: this.#executed,
      sqlStatements: this.#sql.executed,
      sqlCursors: this.#sql.cursors,
      waiting: this.#queue.waiting.length,
      expired: this.#queue.expired,
      subscriptions: this.#subscriptions.count,
      delivered: this.#subscriptions.delivered,
      columnBytes: this.#columns.bytes,
      columnPages: this.#columns.pages,
      columnHits: this.#columns.hits,
      columnMisses: this.#columns.misses,
      chunksReused: this.#state?.source.reused ?? 0,
    };
  }
}

const noBytes = new Uint8Array(0);

export const projectionOn = (machine: Machine): ActorDefinition<ProjectionArgs, ProjectionMessage> => ({
  kind: "projection",
  mailbox: { countMax: 100_000, bytesMax: 256 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Projection(context, args, machine),
});

export const projectionDefinition = projectionOn(realMachine);
