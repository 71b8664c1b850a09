/**
 * Calls that only the node's main thread can answer (`node.…`, `cluster.…`): the supervisor lives there, and every shard is asked from
 * there. They go to the neighbour `main` and come back as messages, also while the node waits for the others to become ready.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import { fromErrorRecord, KimberliteError } from "../../runtime/types/errors.js";
import type { NodeAnswer, NodeCall } from "./messages.js";

type Settle = (result: unknown, error: KimberliteError | null) => void;

const callsMax = 256;

export class NodeCalls {
  readonly #context: ActorContext;
  readonly #open = new Map<number, { readonly settle: Settle; readonly deadline: number }>();
  #next = 1;

  constructor(context: ActorContext) {
    this.#context = context;
  }

  call(method: string, params: Readonly<Record<string, unknown>>, deadline: number, settle: Settle): void {
    if (this.#open.size >= callsMax) throw new KimberliteError("mailboxFull", "too many calls about the node are open");
    const port = this.#context.port("main");
    if (port === null) throw new KimberliteError("shardUnavailable", "the node is starting; try again in a moment");
    const id = this.#next++;
    this.#open.set(id, { settle, deadline });
    const call: NodeCall = { kind: "nodeCall", id, method, params };
    this.#context.tell(port, call);
  }

  answered(answer: NodeAnswer): void {
    const open = this.#open.get(answer.id);
    if (open === undefined) return;
    this.#open.delete(answer.id);
    open.settle(answer.result, answer.error === null ? null : fromErrorRecord(answer.error));
  }

  expire(): void {
    const now = this.#context.now();
    for (const [id, open] of this.#open) {
      if (open.deadline > now) continue;
      this.#open.delete(id);
      open.settle(null, new KimberliteError("deadlineExceeded", "the node did not answer in time"));
    }
  }
}
