/**
 * Administrative calls of a connection: JSON, rare, answered by the directory or, for the node as a whole, by its main thread.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { decodeAdminCall, encodeAdminResult } from "../wire/admin-call.js";
import { frameBodyBytesMax } from "../wire/frame.js";
import { responseKinds } from "../wire/kinds.js";
import type { Connection } from "./connection.js";
import { NodeCalls } from "./node-calls.js";
import { expectMethod, visibleAnswer, visibleError } from "./principal.js";

export class AdminCalls {
  readonly node: NodeCalls;
  readonly #context: ActorContext;
  readonly #touch: (connection: Connection) => void;

  /** @param touch called for each connection that has frames to send */
  constructor(context: ActorContext, touch: (connection: Connection) => void) {
    this.#context = context;
    this.#touch = touch;
    this.node = new NodeCalls(context);
  }

  /** Throws `frameInvalid` for a body that is no call; anything else is answered. */
  call(connection: Connection, requestId: number, deadline: number, body: Uint8Array): void {
    const { method, params } = decodeAdminCall(body);
    const { principal } = connection;
    expectMethod(principal, method, params);
    connection.inFlight += 1;
    const settle = (result: unknown, error: KimberliteError | null): void => {
      try {
        if (error !== null) throw visibleError(principal, method, error);
        this.#settle(connection, requestId, visibleAnswer(principal, method, result), null);
      } catch (failure) {
        if (!(failure instanceof KimberliteError)) throw failure;
        this.#settle(connection, requestId, null, failure);
      }
    };
    if (method.startsWith("node.") || method.startsWith("cluster.")) {
      try {
        this.node.call(method, params, deadline, settle);
      } catch (error) {
        if (!(error instanceof KimberliteError)) throw error;
        settle(null, error);
      }
      return;
    }
    const port = this.#context.port("directory");
    if (port === null) {
      settle(null, new KimberliteError("shardUnavailable", "the directory is starting; try again in a moment"));
      return;
    }
    const deadlineMs = Math.max(1, deadline - this.#context.now());
    this.#context.request<unknown>(
      port,
      { kind: "admin", method, params, principal: principal.name },
      { deadlineMs },
      (outcome) => {
        if (outcome.ok) settle(outcome.value, null);
        else settle(null, outcome.error);
      },
    );
  }

  #settle(connection: Connection, requestId: number, result: unknown, error: KimberliteError | null): void {
    if (connection.state === "closing") return;
    connection.inFlight -= 1;
    assert(connection.inFlight >= 0, "a connection has no fewer than zero requests in flight");
    const body = error === null ? encodeAdminResult(result) : null;
    if (error !== null) connection.fail(requestId, error);
    else if (body !== null && body.length <= frameBodyBytesMax)
      connection.writer.frame(responseKinds.ok, requestId, 0, body);
    else connection.fail(requestId, new KimberliteError("batchTooLarge", "the answer is larger than a frame"));
    this.#touch(connection);
  }
}
