/**
 * Streams between two actors with a window of credits: the receiver says how many items it can take, the sender is told `busy`
 * when it has used them up, and nothing is buffered in between. Items need no further room in the mailbox, since the receiver
 * granted it with the credits.
 *
 * The end is told exactly once at each side: to the receiver by `onEnd` (orderly, failed, or the sender's actor gone), to the sender
 * by `onCancel` (cancelled, or the receiver's actor gone), and never to the side that ended it itself.
 */
import { assert } from "../types/assert.js";
import { type KimberliteError, toErrorRecord } from "../types/errors.js";
import type { StreamOptions, StreamReceiver, StreamSender, TellResult } from "./definition.js";
import { packetTypes } from "./envelope.js";
import { messageBytes } from "./exact-bytes.js";
import type { ActorPort } from "./port.js";

export class ReceivingEnd implements StreamReceiver {
  readonly #port: ActorPort;
  readonly #id: number;
  readonly #options: StreamOptions<never>;
  /** Items granted and not yet received. */
  #outstanding = 0;
  #open = true;

  constructor(port: ActorPort, id: number, options: StreamOptions<never>) {
    assert(id >= 1, "a stream has a number");
    this.#port = port;
    this.#id = id;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  grant(credits: number): void {
    assert(Number.isSafeInteger(credits) && credits >= 1, "credits are granted in whole numbers");
    if (!this.#open) return;
    this.#outstanding += credits;
    this.#port.post(packetTypes.streamCredit, this.#id, credits);
  }

  cancel(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#port.forgetReceiving(this.#id);
    this.#port.post(packetTypes.streamCancel, this.#id, null);
  }

  item(item: unknown): void {
    assert(this.#open, "an ended stream receives nothing");
    assert(this.#outstanding > 0, "a sender stays within the credits it was granted");
    this.#outstanding--;
    this.#options.onItem(item as never);
  }

  ended(error: KimberliteError | null): void {
    if (!this.#open) return;
    this.#open = false;
    this.#port.forgetReceiving(this.#id);
    this.#options.onEnd(error);
  }
}

export class SendingEnd implements StreamSender<unknown> {
  readonly #port: ActorPort;
  readonly id: number;
  #credits = 0;
  #open = true;
  onCredit: (() => void) | null = null;
  onCancel: (() => void) | null = null;

  constructor(port: ActorPort, id: number) {
    assert(id >= 1, "a stream has a number");
    this.#port = port;
    this.id = id;
  }

  get credits(): number {
    return this.#credits;
  }

  get isOpen(): boolean {
    return this.#open && this.#port.isOpen;
  }

  send(item: unknown, options: { readonly transfer?: boolean } = {}): TellResult {
    messageBytes(item);
    if (!this.isOpen) return "gone";
    if (this.#credits === 0) return "busy";
    this.#credits--;
    assert(this.#credits >= 0, "no item is sent without credit");
    return this.#port.post(packetTypes.streamItem, this.id, item, options.transfer === true) ? "accepted" : "gone";
  }

  end(): void {
    this.#finish(null);
  }

  fail(error: unknown): void {
    this.#finish(toErrorRecord(error));
  }

  #finish(body: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    this.#port.forgetSending(this.id);
    this.#port.post(packetTypes.streamEnd, this.id, body);
  }

  credit(credits: number): void {
    assert(Number.isSafeInteger(credits) && credits >= 1, "credits arrive in whole numbers");
    if (!this.#open) return;
    const wasEmpty = this.#credits === 0;
    this.#credits += credits;
    if (wasEmpty) this.onCredit?.();
  }

  cancelled(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#port.forgetSending(this.id);
    this.onCancel?.();
  }
}
