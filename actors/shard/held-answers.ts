/**
 * Answers on their way to the gateways of this node: what one of them has no room for stays here, in its order, and is sent a moment later.
 * So nothing that was said is lost; and while much stays, the shard decides nothing more whose answers would come on top.
 */
import type { ActorContext, Port, TellOptions, TellResult } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";

/** Beyond this the shard decides nothing more. */
const heldBytesMax: number = 32 * miB;

interface Held {
  readonly message: OutgoingMessage;
  readonly options: TellOptions | undefined;
  readonly bytes: number;
}

export class HeldAnswers {
  readonly #context: Pick<ActorContext, "tell">;
  readonly #later: () => void;
  readonly #held = new Map<Port, Held[]>();
  #bytes = 0;

  /** @param later has `resend` called after a moment */
  constructor(context: Pick<ActorContext, "tell">, later: () => void) {
    this.#context = context;
    this.#later = later;
  }

  /** Bytes that wait for room. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes > heldBytesMax;
  }

  /** As a context's, but never `busy`: what is not taken now is kept. */
  tell(port: Port, message: OutgoingMessage, options?: TellOptions): Exclude<TellResult, "busy"> {
    const before = this.#held.get(port);
    if (before === undefined) {
      const result = this.#context.tell(port, message, options);
      if (result !== "busy") return result;
    }
    const body = "bytes" in message ? message["bytes"] : null;
    const bytes = body instanceof Uint8Array ? body.length : 0;
    const held = before ?? [];
    held.push({ message, options, bytes });
    if (this.#held.size === 0) this.#later();
    this.#held.set(port, held);
    this.#bytes += bytes;
    return "accepted";
  }

  /** Sends what there is room for now. What a gateway that is gone was to hear is forgotten with its clients. */
  resend(): void {
    for (const [port, held] of this.#held) {
      let sent = 0;
      for (const { message, options } of held) {
        if (port.isOpen && this.#context.tell(port, message, options) === "busy") break;
        sent += 1;
      }
      for (const { bytes } of held.splice(0, sent)) this.#bytes -= bytes;
      if (held.length === 0) this.#held.delete(port);
    }
    assert(this.#held.size > 0 || this.#bytes === 0, "what is held is counted");
    if (this.#held.size > 0) this.#later();
  }
}
