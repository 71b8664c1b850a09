/**
 * From a client's frame to the actor that can answer it, and back.
 *
 * Requests that arrive in one turn of the event loop gather in one batch a destination (`forward` sends them); answers find
 * their way back by correlation. The dispatcher knows destinations by number:
 *
 *   shard s       s
 *   projection p of shard s    shards + s * projections + p
 *
 * Words about a subscription that stands (credit, unsubscribe) are never refused: when its projection has no room for them they
 * are held, summed up per subscription, and sent a moment later.
 */
import { RequestBatchReader, RequestBatchWriter } from "../../actors/messages/request-batch.js";
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { requestKinds } from "../wire/kinds.js";
import { creditsMax } from "../wire/subscription.js";
import type { Connection } from "./connection.js";
import { EarlyEnds } from "./early-ends.js";
import { RequestTable } from "./request-table.js";

interface Destination {
  readonly neighbour: string;
  readonly batch: RequestBatchWriter;
  port: Port | null;
}

export const shardNeighbour = (shard: number): string => `shard-${shard}`;
export const projectionNeighbour = (shard: number, projection: number): string => `projection-${shard}.${projection}`;

/** A destination's batch goes out early at this size, so that a turn with many large requests does not hold them all twice. */
const batchBytesMax = 4 * 1024 * 1024;

export class Dispatcher {
  readonly #context: ActorContext;
  readonly #shards: number;
  readonly #projections: number;
  readonly #destinations: Destination[] = [];
  readonly #byNeighbour = new Map<string, number>();
  readonly #table = new RequestTable<Connection>();
  /** Correlation of a subscription → credits that could not be told, or its wish to end. */
  readonly #held = new Map<number, number | "unsubscribe">();
  readonly early: EarlyEnds;
  #dirty: number[] = [];
  #dirtySpare: number[] = [];
  forwarded = 0;
  lateReplies = 0;

  constructor(context: ActorContext, shards: number, projections: number) {
    assert(shards >= 1 && projections >= 1, "a node has a system shard and each shard a projection");
    this.#context = context;
    this.#shards = shards;
    this.#projections = projections;
    this.early = new EarlyEnds(this.#table, this);
    for (let shard = 0; shard < shards; shard++) this.#add(shardNeighbour(shard));
    for (let shard = 0; shard < shards; shard++) {
      for (let projection = 0; projection < projections; projection++)
        this.#add(projectionNeighbour(shard, projection));
    }
  }

  #add(neighbour: string): void {
    this.#byNeighbour.set(neighbour, this.#destinations.length);
    this.#destinations.push({ neighbour, batch: new RequestBatchWriter(), port: null });
  }

  get pending(): number {
    return this.#table.count;
  }

  shardDestination(shard: number): number {
    assert(shard >= 0 && shard < this.#shards, "a route names a shard of this node");
    return shard;
  }

  /** Reads of one stream go to one projection, so that a consumer group has one place that hands its events out. */
  projectionDestination(shard: number, key: number): number {
    assert(shard >= 0 && shard < this.#shards, "a route names a shard of this node");
    return this.#shards + shard * this.#projections + (key % this.#projections);
  }

  wired(neighbour: string, port: Port): void {
    const destination = this.#byNeighbour.get(neighbour);
    if (destination !== undefined) this.#destinations[destination].port = port;
  }

  /** The neighbour is gone: what waits for it ends as *unknown* (a write may have been committed) and the client retries by key. */
  unwired(neighbour: string, touched: (connection: Connection) => void): void {
    const destination = this.#byNeighbour.get(neighbour);
    if (destination === undefined) return;
    const target = this.#destinations[destination];
    target.port = null;
    if (target.batch.count > 0) target.batch.take();
    for (const slot of this.#table.slotsOf(destination)) {
      const connection = this.#table.owner(slot);
      const requestId = this.#table.requestId(slot);
      if (this.#table.isAnswered(slot)) {
        this.done(slot);
        continue;
      }
      const isRead = this.#table.kind(slot) >= requestKinds.read.kind;
      const error = new KimberliteError("shardUnavailable", `${neighbour} ended and is being restarted`, {
        outcome: isRead ? "notCommitted" : "unknown",
      });
      if (this.#table.kind(slot) === requestKinds.subscribe.kind && connection.subscriptions.has(requestId)) {
        connection.subscriptions.delete(requestId);
        connection.endSubscription(requestId, error);
      } else {
        connection.fail(requestId, error);
      }
      connection.inFlight -= 1;
      this.#table.close(slot);
      touched(connection);
    }
  }

  /** Queues a request. Returns its correlation; throws a typed, retryable error when it cannot be taken. */
  send(
    connection: Connection,
    destination: number,
    requestId: number,
    kind: number,
    deadline: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    view: DataView | null = null,
  ): number {
    const target = this.#destinations[destination];
    if (target.port === null) {
      throw new KimberliteError("shardUnavailable", `${target.neighbour} is starting; try again in a moment`);
    }
    const correlation = this.#table.open(connection, requestId, kind, destination, deadline);
    if (correlation < 0) throw new KimberliteError("mailboxFull", "too many requests are under way on this node");
    connection.inFlight += 1;
    this.early.watch(deadline);
    this.#queue(destination, correlation, deadline, kind, connection.principal.bytes, bytes, from, to, view);
    return correlation;
  }

  /** Queues a message about an open correlation (credit, unsubscribe, cancel): it gets no answer of its own. */
  follow(correlation: number, kind: number, bytes: Uint8Array, from: number, to: number): void {
    const slot = this.#table.find(correlation);
    if (slot < 0) return;
    const destination = this.#table.destination(slot);
    if (this.#destinations[destination].port === null) return;
    const principal = this.#table.owner(slot).principal.bytes;
    this.#queue(destination, correlation, 0, kind, principal, bytes, from, to, null);
  }

  #queue(
    destination: number,
    correlation: number,
    deadline: number,
    kind: number,
    principal: Uint8Array,
    bytes: Uint8Array,
    from: number,
    to: number,
    view: DataView | null,
  ): void {
    const batch = this.#destinations[destination].batch;
    if (batch.count === 0) this.#dirty.push(destination);
    batch.add(correlation, deadline, kind, principal, bytes, from, to, view);
    if (batch.byteLength >= batchBytesMax) this.#forwardTo(destination);
  }

  /** Bytes of requests that wait for the next forward. */
  get queuedBytes(): number {
    return this.#dirty.reduce((sum, destination) => sum + this.#destinations[destination].batch.byteLength, 0);
  }

  get hasWork(): boolean {
    return this.#dirty.length > 0 || this.early.isDue;
  }

  get hasHeld(): boolean {
    return this.#held.size > 0;
  }

  /** Tries again to tell what was held. */
  retryHeld(): void {
    const held = [...this.#held];
    this.#held.clear();
    for (const [correlation, what] of held) {
      if (what === "unsubscribe") this.follow(correlation, requestKinds.unsubscribe.kind, noBytes, 0, 0);
      else {
        const credits = new ByteWriter(4).u32(what).finish();
        this.follow(correlation, requestKinds.credit.kind, credits, 0, credits.length);
      }
    }
  }

  #hold(correlation: number, kind: number, credits: number): void {
    const known = this.#held.get(correlation) ?? 0;
    const isEnd = kind === requestKinds.unsubscribe.kind || known === "unsubscribe";
    this.#held.set(correlation, isEnd ? "unsubscribe" : Math.min(creditsMax, known + credits));
  }

  /** Sends what has gathered: one message a destination. */
  forward(touched: (connection: Connection) => void): void {
    this.early.settle(touched);
    // What is put back by a refusal belongs to the next forward.
    const dirty = this.#dirty;
    this.#dirty = this.#dirtySpare;
    this.#dirtySpare = dirty;
    for (const destination of dirty) this.#forwardTo(destination, touched);
    dirty.length = 0;
  }

  #forwardTo(destination: number, touched?: (connection: Connection) => void): void {
    const target = this.#destinations[destination];
    const count = target.batch.count;
    if (count === 0 || target.port === null) return;
    const bytes = target.batch.take();
    this.forwarded += count;
    const result = this.#context.tell(target.port, { kind: "requests", bytes, count }, { transfer: true });
    if (result !== "accepted") this.#refuse(bytes, touched);
  }

  /**
   * The receiver's mailbox is full: every request of the batch gets a typed, retryable refusal; nothing is buffered here, but for what
   * speaks of a subscription that stands (credit, unsubscribe): lost, it would let it hang for ever.
   */
  #refuse(bytes: Uint8Array, touched?: (connection: Connection) => void): void {
    const batch = new RequestBatchReader().open(bytes);
    while (batch.next()) {
      const { correlation, kind, view, bodyFrom, bodyTo } = batch;
      const slot = this.#table.find(correlation);
      // A cancel that is not heard costs a read that nobody waits for, no more.
      if (slot < 0 || kind === requestKinds.cancel.kind) continue;
      if (kind === requestKinds.credit.kind || kind === requestKinds.unsubscribe.kind) {
        this.#hold(correlation, kind, bodyTo - bodyFrom === 4 ? view.getUint32(bodyFrom, true) : 0);
        continue;
      }
      if (this.#table.isAnswered(slot)) {
        this.done(slot);
        continue;
      }
      const connection = this.#table.owner(slot);
      connection.fail(this.#table.requestId(slot), new KimberliteError("mailboxFull", "try again in a moment"));
      connection.inFlight -= 1;
      this.#table.close(slot);
      touched?.(connection);
    }
  }

  /** The open slot of an answer, or -1 for one that comes too late. */
  find(correlation: number): number {
    const slot = this.#table.find(correlation);
    if (slot < 0) this.lateReplies += 1;
    return slot;
  }

  connection(slot: number): Connection {
    return this.#table.owner(slot);
  }

  requestId(slot: number): number {
    return this.#table.requestId(slot);
  }

  kind(slot: number): number {
    return this.#table.kind(slot);
  }

  /** The client has its answer already, or will take none: the actor's own is dropped. */
  isAnswered(slot: number): boolean {
    return this.#table.isAnswered(slot) || this.#table.owner(slot).state === "closing";
  }

  /** A subscription came about. */
  subscribed(slot: number): void {
    this.#table.keepsOn(slot);
  }

  done(slot: number): void {
    const connection = this.#table.owner(slot);
    connection.inFlight -= 1;
    assert(connection.inFlight >= 0, "a connection has no fewer than zero requests in flight");
    this.#table.close(slot);
  }

  /** Subscription bytes have left the node: the projection may send that many more. False when it could not be told now. */
  flushedTo(correlation: number, bytes: number): boolean {
    const slot = this.#table.find(correlation);
    if (slot < 0) return true;
    const port = this.#destinations[this.#table.destination(slot)].port;
    if (port === null) return true;
    return this.#context.tell(port, { kind: "subscriptionFlushed", flushed: [correlation, bytes] }) !== "busy";
  }

  /**
   * A connection is gone: its subscriptions are told to end, and its reads that nobody has begun are called back. Its slots stay taken until their answers have come, or whoever owes them
   * has ended: a slot's generation wraps within a fraction of a second on a busy node, and an answer that is under way must never
   * find another client's request.
   */
  forget(connection: Connection): void {
    for (const correlation of connection.subscriptions.values()) {
      this.follow(correlation, requestKinds.unsubscribe.kind, noBytes, 0, 0);
    }
    connection.subscriptions.clear();
    if (connection.inFlight > 0) this.early.gone(connection);
  }
}

const noBytes = new Uint8Array(0);
