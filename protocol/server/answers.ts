/**
 * The way back through a gateway: packed answers of shards and projections become frames of the connections that asked. Answers for
 * a client that has gone only give its slots back.
 */
import { ReplyBatchReader } from "../../actors/messages/reply-batch.js";
import { wireOfErrorCode } from "../../runtime/types/errors.js";
import { requestKinds, responseKinds } from "../wire/kinds.js";
import type { Connection } from "./connection.js";
import type { Dispatcher } from "./dispatcher.js";
import { readTooSlowly } from "./early-ends.js";
import { writePackedError } from "./frames.js";

/** An answer up to this size goes out whatever else waits to. */
const smallBytes = 1024;
/** The routes that this gateway remembers may all be of an earlier placement. */
const routeStaleStatus = wireOfErrorCode("routeStale");

export class Answers {
  readonly #dispatcher: Dispatcher;
  readonly #touch: (connection: Connection) => void;
  readonly #routesAreStale: () => void;
  readonly #reader = new ReplyBatchReader();

  /** @param touch called for each connection that has frames to send */
  constructor(dispatcher: Dispatcher, touch: (connection: Connection) => void, routesAreStale: () => void) {
    this.#dispatcher = dispatcher;
    this.#touch = touch;
    this.#routesAreStale = routesAreStale;
  }

  /** Answers of requests. */
  replies(bytes: Uint8Array): void {
    const replies = this.#reader.open(bytes);
    const dispatcher = this.#dispatcher;
    while (replies.next()) {
      const slot = dispatcher.find(replies.correlation);
      if (slot < 0) continue;
      const connection = dispatcher.connection(slot);
      const requestId = dispatcher.requestId(slot);
      const isSubscribe = dispatcher.kind(slot) === requestKinds.subscribe.kind;
      if (dispatcher.isAnswered(slot)) {
        // Its slot was kept for this answer alone. A subscription that came about ends by the `unsubscribe` sent after it.
        if (!isSubscribe || replies.status !== 0) dispatcher.done(slot);
        continue;
      }
      if (isSubscribe && replies.status === 0) {
        // The slot stays open: events come under the same correlation.
        dispatcher.subscribed(slot);
        connection.writer.begin(responseKinds.ok, requestId, 0).u64(requestId).end();
      } else {
        if (replies.status === 0 && replies.bodyTo - replies.bodyFrom > smallBytes && connection.isOverfull) {
          // Only reads have large answers: asking again costs time, holding them all for a slow reader would cost the node's memory.
          // Those that it has asked for besides are not even begun.
          connection.fail(requestId, readTooSlowly());
          dispatcher.early.overfull(connection);
        } else if (replies.status === 0) {
          connection.writer.frame(responseKinds.ok, requestId, 0, bytes, replies.bodyFrom, replies.bodyTo);
        } else {
          writePackedError(
            connection.writer,
            responseKinds.error,
            requestId,
            replies.status,
            bytes,
            replies.bodyFrom,
            replies.bodyTo,
          );
          if (replies.status === routeStaleStatus) this.#routesAreStale();
        }
        if (isSubscribe) connection.subscriptions.delete(requestId);
        dispatcher.done(slot);
      }
      this.#touch(connection);
    }
  }

  /** Events of subscriptions. */
  events(bytes: Uint8Array): void {
    const entries = this.#reader.open(bytes);
    while (entries.next()) {
      const slot = this.#dispatcher.find(entries.correlation);
      if (slot < 0) continue;
      const connection = this.#dispatcher.connection(slot);
      if (this.#dispatcher.isAnswered(slot)) continue;
      const requestId = this.#dispatcher.requestId(slot);
      connection.writer.frame(responseKinds.subscriptionEvents, requestId, 0, bytes, entries.bodyFrom, entries.bodyTo);
      connection.owe(entries.correlation, entries.bodyTo - entries.bodyFrom);
      this.#touch(connection);
    }
  }

  /** Subscriptions that have ended. */
  ends(bytes: Uint8Array): void {
    const entries = this.#reader.open(bytes);
    while (entries.next()) {
      const slot = this.#dispatcher.find(entries.correlation);
      if (slot < 0) continue;
      const connection = this.#dispatcher.connection(slot);
      const requestId = this.#dispatcher.requestId(slot);
      if (this.#dispatcher.isAnswered(slot)) {
        this.#dispatcher.done(slot);
        continue;
      }
      if (entries.status === 0) connection.endSubscription(requestId, null);
      else {
        const kind = responseKinds.subscriptionEnd;
        writePackedError(connection.writer, kind, requestId, entries.status, bytes, entries.bodyFrom, entries.bodyTo);
      }
      connection.subscriptions.delete(requestId);
      this.#dispatcher.done(slot);
      this.#touch(connection);
    }
  }
}
