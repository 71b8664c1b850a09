/**
 * Answers on their way to the gateways of this node: what one of them has no room for stays here, in its order, and is sent a moment later. So
 * nothing that was said is lost; and while much stays for one of them, the shard decides nothing more for it whose answer may be long.
 */
import type { Port, TellOptions, TellResult } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import { type AnswerRoom, Backlog } from "./backlog.js";

interface Held {
  readonly message: OutgoingMessage;
  readonly options: TellOptions | undefined;
  readonly bytes: number;
}

interface HeldFor {
  readonly answers: Held[];
  readonly backlog: Backlog;
}

export type Deliver = (port: Port, message: OutgoingMessage, options?: TellOptions) => TellResult;

export class HeldAnswers {
  readonly #deliver: Deliver;
  readonly #later: () => void;
  readonly #held = new Map<Port, HeldFor>();
  #bytes = 0;
  /** Answers that had to wait. */
  waited = 0;
  /** The most bytes that ever waited. */
  most = 0;

  /**
   * @param deliver tells it now, or says that there is no room
   * @param later has `resend` called after a moment
   */
  constructor(deliver: Deliver, later: () => void) {
    this.#deliver = deliver;
    this.#later = later;
  }

  /** Bytes that wait for room. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  roomOf(port: Port): AnswerRoom {
    if (this.#held.size === 0 || !port.isOpen) return "free";
    return this.#held.get(port)?.backlog.room ?? "free";
  }

  /** As a context's, but never `busy`: what is not taken now is kept. */
  tell(port: Port, message: OutgoingMessage, options?: TellOptions): Exclude<TellResult, "busy"> {
    const before = this.#held.get(port);
    if (before === undefined) {
      const result = this.#deliver(port, message, options);
      if (result !== "busy") return result;
    }
    const body = "bytes" in message ? message["bytes"] : null;
    const bytes = body instanceof Uint8Array ? body.length : 0;
    const held = before ?? { answers: [], backlog: new Backlog() };
    held.answers.push({ message, options, bytes });
    held.backlog.add(bytes);
    if (this.#held.size === 0) this.#later();
    this.#held.set(port, held);
    this.#bytes += bytes;
    this.waited += 1;
    this.most = Math.max(this.most, this.#bytes);
    return "accepted";
  }

  /** The moment has come. */
  due(): void {
    this.resend();
    if (this.#held.size > 0) this.#later();
  }

  /** Sends what there is room for now. What somebody who is gone was to hear is forgotten with his clients. */
  resend(): void {
    for (const [port, held] of this.#held) {
      let sent = 0;
      for (const { message, options } of held.answers) {
        if (port.isOpen && this.#deliver(port, message, options) === "busy") break;
        sent += 1;
      }
      for (const { bytes } of held.answers.splice(0, sent)) {
        held.backlog.remove(bytes);
        this.#bytes -= bytes;
      }
      if (held.answers.length === 0) this.#held.delete(port);
    }
    assert(this.#held.size > 0 || this.#bytes === 0, "what is held is counted");
  }
}
