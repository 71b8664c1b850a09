/**
 * When what a gateway has gathered leaves for the shards and projections, and what is looked at again later: words that a full
 * mailbox did not take, and requests whose time is up. An idle gateway has no timer of these.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { Connection } from "./connection.js";
import type { Dispatcher } from "./dispatcher.js";
import type { RouteTable } from "./route-table.js";

/** Looks at the sockets for one forward, and bytes from which on it leaves at once. */
const gatherLooksMax = 32;
const gatherBytesMax = 256 * 1024;
/** How late a request whose time is up may be answered. */
const expireMs = 250;
/** After a mailbox was full. */
const retryHeldMs = 5;

export class Forwarding {
  readonly #context: ActorContext;
  readonly #dispatcher: Dispatcher;
  readonly #routes: RouteTable;
  readonly #touch: (connection: Connection) => void;
  readonly #isLone: () => boolean;
  #isScheduled = false;
  #isWatchingTime = false;
  #isRetryScheduled = false;
  /** Requests that have arrived. */
  requests = 0;

  /**
   * @param touch called for each connection that has frames to send
   * @param isLone true while there is but one request
   */
  constructor(
    context: ActorContext,
    dispatcher: Dispatcher,
    routes: RouteTable,
    touch: (connection: Connection) => void,
    isLone: () => boolean,
  ) {
    this.#context = context;
    this.#dispatcher = dispatcher;
    this.#routes = routes;
    this.#touch = touch;
    this.#isLone = isLone;
  }

  /**
   * One forward for what many sockets bring at about the same time. The answers of one group commit wake their clients one after the
   * other, so their next requests trickle in: while each look at the sockets finds more, one more look (some 10 µs) makes a
   * larger group and saves a write to disk (some 200 µs). A look that finds nothing new ends it: no timer. A lone client, which nobody
   * can join, does not wait for a single look. Called in a turn.
   */
  schedule(): void {
    if (this.#isScheduled || !this.#dispatcher.hasWork) return;
    if (this.#isLone()) {
      this.#forward();
      return;
    }
    this.#isScheduled = true;
    this.#gather(0, 0);
  }

  #gather(looks: number, gatheredBefore: number): void {
    setImmediate(() => {
      const gathered = this.requests;
      if (gathered > gatheredBefore && looks < gatherLooksMax && this.#dispatcher.queuedBytes < gatherBytesMax) {
        this.#gather(looks + 1, gathered);
        return;
      }
      this.#context.enter(() => this.#forward());
    });
  }

  #forward(): void {
    this.#isScheduled = false;
    this.#dispatcher.forward(this.#touch);
    this.watchTime();
    if (!this.#dispatcher.hasHeld || this.#isRetryScheduled) return;
    this.#isRetryScheduled = true;
    this.#context.after(retryHeldMs, { kind: "retryHeld" });
  }

  /** The timer `retryHeld` has come. */
  retryHeld(): void {
    this.#isRetryScheduled = false;
    this.#dispatcher.retryHeld();
  }

  /** Something waits for an answer now. */
  watchTime(): void {
    if (this.#isWatchingTime || (this.#dispatcher.pending === 0 && !this.#routes.isWaitedFor)) return;
    this.#isWatchingTime = true;
    this.#context.after(expireMs, { kind: "expire" });
  }

  /** The timer `expire` has come. */
  expire(): void {
    this.#isWatchingTime = false;
    const now = this.#context.now();
    this.#dispatcher.early.expire(now, this.#touch);
    this.#routes.expire(now);
    this.watchTime();
  }
}
