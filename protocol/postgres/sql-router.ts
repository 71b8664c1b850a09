/**
 * The executor of a gateway: statements on their way to the shard or a projection of their tenant, and the answers back. What one turn of the
 * event loop brought goes out in one message a destination, as in the native gateway.
 *
 *   session   its reads go to one projection, where its cursors are
 *   syntax    travels the first time that a text goes to a destination; one that has lost it asks again
 *   route     one that has become stale is asked for anew, where nothing of the transaction is lost with it
 */
import type { Route } from "../../actors/directory/messages.js";
import { decodeErrorBody, ReplyBatchReader } from "../../actors/messages/reply-batch.js";
import { RequestBatchReader, RequestBatchWriter } from "../../actors/messages/request-batch.js";
import type { SqlRequest, SqlRows } from "../../actors/messages/sql.js";
import { decodeSqlReply, writeSqlRequest } from "../../actors/messages/sql-codec.js";
import { PointReads } from "../../actors/projection/sql/point-reads.js";
import type { AttachMessage } from "../../actors/shard/messages.js";
import { QueryEngine } from "../../actors/sql/query-engine.js";
import { SentTexts } from "../../actors/sql/sent-texts.js";
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { fromErrorRecord, KimberliteError } from "../../runtime/types/errors.js";
import { projectionNeighbour, shardNeighbour } from "../server/dispatcher.js";
import { RequestTable } from "../server/request-table.js";
import { RouteTable } from "../server/route-table.js";
import type { SqlCall, SqlDestination, SqlExecutor, SqlOutcome } from "./executor.js";

interface Destination {
  readonly neighbour: string;
  readonly batch: RequestBatchWriter;
  port: Port | null;
  readonly texts: SentTexts;
  /** Batches that were sent. */
  sent: number;
  /** Correlations in the batch that waits of what was taken back. */
  readonly takenBack: Set<number>;
}

interface Open {
  readonly request: SqlRequest;
  readonly destination: SqlDestination;
  readonly settle: (outcome: SqlOutcome) => void;
  /** -1 while it waits for a route. */
  correlation: number;
  /** Number of the batch of its destination with which it goes. */
  batch: number;
  attempts: number;
  isCancelled: boolean;
  isTakenBack: boolean;
  /** Others of its session are under way beside it: sent a second time it would come behind them. */
  readonly isInOrder: boolean;
}

/** Of what was not sent. */
const cancelled: SqlOutcome = {
  kind: "failed",
  sqlState: "57014",
  message: "canceling statement due to user request",
  fields: {},
};

const opened = (
  request: SqlRequest,
  destination: SqlDestination,
  settle: (outcome: SqlOutcome) => void,
  isInOrder: boolean,
): Open => ({
  request,
  destination,
  settle,
  correlation: -1,
  batch: 0,
  attempts: 0,
  isCancelled: false,
  isTakenBack: false,
  isInOrder,
});

const attemptsMax = 5;
const routeMs = 10_000;
/** A batch of this size does not wait for more. */
const batchBytesMax = 128 * 1024;
const noBytes = new Uint8Array(0);
const encoder = new TextEncoder();
const principalsMax = 10_000;

export class SqlRouter implements SqlExecutor {
  readonly #context: ActorContext;
  readonly #shards: number;
  readonly #projections: number;
  readonly #destinations: Destination[] = [];
  readonly #byNeighbour = new Map<string, number>();
  readonly #table = new RequestTable<Open>();
  readonly #routes: RouteTable;
  readonly #replies = new ReplyBatchReader();
  readonly #scratch = new ByteWriter(4_096);
  readonly #principals = new Map<string, Uint8Array>();
  readonly #dirty: number[] = [];
  /** Readers of the shards' states, by the shards' ids. */
  readonly #readers = new Map<string, PointReads>();
  readonly #engine = new QueryEngine();
  #isScheduled = false;
  requests = 0;

  constructor(context: ActorContext, shards: number, projections: number) {
    assert(shards >= 1 && projections >= 1, "a node has a system shard and each shard a projection");
    this.#context = context;
    this.#shards = shards;
    this.#projections = projections;
    this.#routes = new RouteTable(context);
    for (let shard = 0; shard < shards; shard++) this.#add(shardNeighbour(shard));
    for (let shard = 0; shard < shards; shard++) {
      for (let index = 0; index < projections; index++) this.#add(projectionNeighbour(shard, index));
    }
  }

  #add(neighbour: string): void {
    this.#byNeighbour.set(neighbour, this.#destinations.length);
    this.#destinations.push({
      neighbour,
      batch: new RequestBatchWriter(),
      port: null,
      texts: new SentTexts(),
      sent: 0,
      takenBack: new Set(),
    });
  }

  get pending(): number {
    return this.#table.count;
  }

  get routes(): number {
    return this.#routes.size;
  }

  // ------------------------------------------------------------------ requests

  run(request: SqlRequest, destination: SqlDestination, settle: (outcome: SqlOutcome) => void): SqlCall {
    const open = opened(request, destination, settle, false);
    this.requests += 1;
    this.#send(open);
    return this.#callOf(open);
  }

  /** It goes with its syntax, so that nobody asks for that, and is never sent a second time. */
  runInOrder(request: SqlRequest, settle: (outcome: SqlOutcome) => void): SqlCall | null {
    const shard = this.#routes.shardOf(request.tenant);
    if (shard === null || shard === undefined) return null;
    const open = opened(request, "shard", settle, true);
    this.requests += 1;
    this.#queue(open, this.#numberOf(open, shard), request);
    return this.#callOf(open);
  }

  #callOf(open: Open): SqlCall {
    return { cancel: () => this.#cancel(open), takeBack: () => this.#takeBack(open) };
  }

  readNow(request: SqlRequest): SqlRows | null {
    const shard = this.#routes.shardOf(request.tenant);
    if (shard === null || shard === undefined) return null;
    return this.#readers.get(shardNeighbour(shard))?.read(request) ?? null;
  }

  /** Rows read without a message to anybody. */
  get pointReads(): number {
    let count = 0;
    for (const { executed } of this.#readers.values()) count += executed;
    return count;
  }

  /** In a turn of its own, so that whoever asked has returned before it hears of it. */
  #lose(open: Open, error: KimberliteError): void {
    setImmediate(() => this.#context.enter(() => open.settle({ kind: "lost", error })));
  }

  #send(open: Open): void {
    if (open.isTakenBack) {
      setImmediate(() => this.#context.enter(() => open.settle(cancelled)));
      return;
    }
    const { tenant } = open.request;
    const shard = this.#routes.shardOf(tenant);
    if (shard === undefined) this.#sendOnceRouted(open);
    else if (shard === null)
      this.#lose(open, new KimberliteError("tenantUnknown", "it was dropped", { detail: { tenant } }));
    else {
      this.#queue(open, this.#numberOf(open, shard), open.request);
      if (open.isCancelled) this.#cancel(open);
    }
  }

  #sendOnceRouted(open: Open): void {
    const { tenant } = open.request;
    this.#context.enter(() => {
      try {
        this.#routes.whenKnown(tenant, open.request.text.length, this.#context.now() + routeMs, (error) => {
          if (error !== null) this.#lose(open, error);
          else if (this.#routes.shardOf(tenant) === undefined) {
            this.#lose(open, new KimberliteError("tenantUnknown", "it was dropped", { detail: { tenant } }));
          } else this.#send(open);
        });
      } catch (error) {
        if (!(error instanceof KimberliteError)) throw error;
        this.#lose(open, error);
      }
    });
  }

  #numberOf({ destination, request }: Open, shard: number): number {
    assert(shard >= 0 && shard < this.#shards, "a route names a shard of this node");
    if (destination === "shard") return shard;
    return this.#shards + shard * this.#projections + (request.session % this.#projections);
  }

  #queue(open: Open, number: number, request: SqlRequest): void {
    const destination = this.#destination(number);
    if (destination.port === null) {
      const { neighbour } = destination;
      this.#lose(open, new KimberliteError("shardUnavailable", `${neighbour} is starting; try again in a moment`));
      return;
    }
    const kind = open.destination === "shard" ? requestKind.sql : requestKind.sqlRead;
    open.correlation = this.#table.open(open, 0, kind, number, 0);
    if (open.correlation < 0) {
      this.#lose(open, new KimberliteError("mailboxFull", "too many requests are under way on this node"));
      return;
    }
    const syntax = open.isInOrder ? "with" : this.#syntaxFor(destination, request);
    open.batch = destination.sent;
    const body = writeSqlRequest(request, this.#scratch, syntax);
    this.#append(number, open.correlation, kind, this.#principal(request.user), body.view());
  }

  #destination(number: number): Destination {
    const destination = this.#destinations[number];
    assert(destination !== undefined, "a destination is one of this node's");
    return destination;
  }

  #syntaxFor({ texts }: Destination, { text, syntax }: SqlRequest): "with" | "without" {
    if (syntax.length === 0 || texts.has(text)) return "without";
    texts.add(text);
    return "with";
  }

  #principal(user: string): Uint8Array {
    const known = this.#principals.get(user);
    if (known !== undefined) return known;
    if (this.#principals.size >= principalsMax) this.#principals.clear();
    const bytes = encoder.encode(user);
    this.#principals.set(user, bytes);
    return bytes;
  }

  #append(number: number, correlation: number, kind: number, principal: Uint8Array, body: Uint8Array): void {
    const { batch } = this.#destination(number);
    if (batch.count === 0) this.#dirty.push(number);
    batch.add(correlation, 0, kind, principal, body, 0, body.length);
    if (batch.byteLength >= batchBytesMax) this.#context.enter(() => this.#forwardTo(number));
    this.#schedule();
  }

  #slotOf({ correlation }: Open): number {
    return correlation < 0 ? -1 : this.#table.find(correlation);
  }

  #takeBack(open: Open): void {
    const slot = this.#slotOf(open);
    const destination = slot < 0 ? null : this.#destination(this.#table.destination(slot));
    if (destination !== null && open.batch < destination.sent) return;
    open.isTakenBack = true;
    destination?.takenBack.add(open.correlation);
  }

  /** Who has the request is told, behind it: what ends a transaction has to come there, whether it is cancelled or not. */
  #cancel(open: Open): void {
    open.isCancelled = true;
    const slot = open.isTakenBack ? -1 : this.#slotOf(open);
    if (slot < 0) return;
    const number = this.#table.destination(slot);
    if (this.#destination(number).port === null) return;
    this.#append(number, open.correlation, requestKind.cancel, this.#principal(open.request.user), noBytes);
  }

  // ------------------------------------------------------------------ batches

  /**
   * At the end of this turn. Waiting for more would make larger groups and fewer writes to disk, but the shard, in a thread of its own, would have
   * nothing to do meanwhile: what comes while it decides and writes makes its next group anyway.
   */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#context.enter(() => this.#forward()));
  }

  #forward(): void {
    this.#isScheduled = false;
    for (const number of this.#dirty.splice(0)) this.#forwardTo(number);
  }

  #forwardTo(number: number): void {
    const destination = this.#destination(number);
    const { port } = destination;
    if (destination.batch.count === 0 || port === null) return;
    const { bytes, count } = this.#takeBatch(destination);
    if (count === 0) return;
    const result = this.#context.tell(port, { kind: "requests", bytes, count }, { transfer: true });
    if (result === "accepted") return;
    const refused = new RequestBatchReader().open(bytes);
    while (refused.next()) {
      // A cancel that is not heard costs time, no more.
      if (refused.kind === requestKind.cancel) continue;
      const slot = this.#table.find(refused.correlation);
      if (slot >= 0)
        this.#end(slot, { kind: "lost", error: new KimberliteError("mailboxFull", "try again in a moment") });
    }
  }

  /** The batch that waits, without what was taken back, whose outcome is told. */
  #takeBatch(destination: Destination): { readonly bytes: Uint8Array; readonly count: number } {
    const { batch, takenBack } = destination;
    const { count } = batch;
    const bytes = batch.take();
    destination.sent += 1;
    if (takenBack.size === 0) return { bytes, count };
    const whole = new RequestBatchReader().open(bytes);
    while (whole.next()) {
      if (takenBack.has(whole.correlation)) continue;
      const { correlation, deadline, kind, principalFrom, principalTo, bodyFrom, bodyTo } = whole;
      batch.add(correlation, deadline, kind, bytes.subarray(principalFrom, principalTo), bytes, bodyFrom, bodyTo);
    }
    const gone = [...takenBack];
    takenBack.clear();
    const left = { count: batch.count, bytes: batch.count === 0 ? noBytes : batch.take() };
    for (const correlation of gone) {
      const slot = this.#table.find(correlation);
      if (slot >= 0) this.#end(slot, cancelled);
    }
    return left;
  }

  // ------------------------------------------------------------------ answers

  /** Takes the slot back, and says what came of the request. */
  #end(slot: number, outcome: SqlOutcome): void {
    const open = this.#table.owner(slot);
    this.#table.close(slot);
    open.correlation = -1;
    open.settle(outcome);
  }

  replies(bytes: Uint8Array): void {
    const replies = this.#replies.open(bytes);
    while (replies.next()) {
      const slot = this.#table.find(replies.correlation);
      if (slot < 0) continue;
      if (replies.status === 0) this.#answered(slot, bytes, replies.bodyFrom, replies.bodyTo);
      else this.#failed(slot, fromErrorRecord(decodeErrorBody(replies.status, replies.body())));
    }
  }

  #answered(slot: number, bytes: Uint8Array, from: number, to: number): void {
    const reply = decodeSqlReply(bytes, from, to);
    if (reply.kind !== "syntaxWanted") {
      this.#end(slot, reply);
      return;
    }
    const open = this.#table.owner(slot);
    const number = this.#table.destination(slot);
    this.#table.close(slot);
    this.#destination(number).texts.delete(open.request.text);
    open.attempts += 1;
    if (open.attempts > attemptsMax || open.request.syntax.length === 0 || open.isInOrder) {
      this.#lose(open, new KimberliteError("internal", "a statement's syntax was sent and is asked for again"));
    } else this.#queue(open, number, open.request);
  }

  #failed(slot: number, error: KimberliteError): void {
    const open = this.#table.owner(slot);
    const { transaction } = open.request;
    if (error.code === "routeStale") this.#routes.forgetAll();
    // Somebody else serves the tenant: a statement that nothing came before is asked there.
    const isFirst = transaction.requests === 0 && open.request.cursor === 0 && !open.isInOrder;
    if (error.code === "routeStale" && isFirst && open.attempts < attemptsMax && !open.isCancelled) {
      this.#table.close(slot);
      open.attempts += 1;
      this.#send(open);
      return;
    }
    this.#end(slot, { kind: "lost", error });
  }

  // ------------------------------------------------------------------ neighbours

  routeChanged(route: Route): void {
    this.#routes.changed(route);
  }

  expire(): void {
    this.#routes.expire(this.#context.now());
  }

  wired(neighbour: string, port: Port): void {
    const number = this.#byNeighbour.get(neighbour);
    if (number === undefined) return;
    this.#destination(number).port = port;
    if (number < this.#shards) this.#context.tell(port, { kind: "readState", owner: this.#context.epoch });
  }

  /** A shard tells where its state can be read. */
  attach(shard: string, message: AttachMessage): void {
    const context = this.#context;
    this.#readers.get(shard)?.close();
    const host = { engine: this.#engine, now: () => context.now(), random: () => context.random() };
    this.#readers.set(shard, new PointReads(message, context.epoch, host));
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }

  unwired(neighbour: string): void {
    this.#readers.get(neighbour)?.close();
    this.#readers.delete(neighbour);
    const number = this.#byNeighbour.get(neighbour);
    if (number === undefined) return;
    const destination = this.#destination(number);
    destination.port = null;
    destination.texts.clear();
    if (destination.batch.count > 0) destination.batch.take();
    destination.sent += 1;
    destination.takenBack.clear();
    for (const slot of this.#table.slotsOf(number)) {
      const isRead = this.#table.kind(slot) === requestKind.sqlRead;
      const error = new KimberliteError("shardUnavailable", `${neighbour} ended and is being restarted`, {
        outcome: isRead ? "notCommitted" : "unknown",
      });
      this.#end(slot, { kind: "lost", error });
    }
  }
}
