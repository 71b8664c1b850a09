/**
 * Calls that only the node's main thread can answer (`node.status`, `node.top`, `node.config`): the supervisor lives there and is
 * no actor. The main thread asks this gateway for the next calls and holds the question open until there are some, so no port
 * towards the main thread is needed and a gateway that restarts is simply asked again.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { fromErrorRecord, KimberliteError } from "../../runtime/types/errors.js";
import type { NodeAnswer, NodeCall } from "./messages.js";

type Settle = (result: unknown, error: KimberliteError | null) => void;

const callsMax = 256;

export class NodeCalls {
  readonly #context: ActorContext;
  readonly #open = new Map<number, { readonly settle: Settle; readonly deadline: number }>();
  #queued: NodeCall[] = [];
  #poll: Envelope | null = null;
  #next = 1;

  constructor(context: ActorContext) {
    this.#context = context;
  }

  call(method: string, params: Readonly<Record<string, unknown>>, deadline: number, settle: Settle): void {
    this.#expire();
    if (this.#open.size >= callsMax) throw new KimberliteError("mailboxFull", "too many calls about the node are open");
    const id = this.#next++;
    this.#open.set(id, { settle, deadline });
    this.#queued.push({ id, method, params });
    this.#hand();
  }

  poll(envelope: Envelope): void {
    // An older poll belongs to a main thread that gave up on it; answering it is harmless.
    if (this.#poll !== null) this.#context.reply(this.#poll, []);
    this.#poll = envelope;
    this.#hand();
  }

  #hand(): void {
    if (this.#poll === null || this.#queued.length === 0) return;
    this.#context.reply(this.#poll, this.#queued);
    this.#poll = null;
    this.#queued = [];
  }

  answered(answers: readonly NodeAnswer[]): void {
    for (const answer of answers) {
      const open = this.#open.get(answer.id);
      if (open === undefined) continue;
      this.#open.delete(answer.id);
      open.settle(answer.result, answer.error === null ? null : fromErrorRecord(answer.error));
    }
  }

  #expire(): void {
    const now = this.#context.now();
    for (const [id, open] of this.#open) {
      if (open.deadline > now) continue;
      this.#open.delete(id);
      open.settle(null, new KimberliteError("deadlineExceeded", "the node did not answer in time"));
    }
  }
}
