/**
 * What this shard says to the one on another node, no faster than it is taken there: requests that are handed on, and answers to such. Each
 * of both sides may have some megabytes on their way; from time to time the other is asked to say that it has taken all that came before. So
 * neither the link of the replicas nor a mailbox at either end of it is ever full of them. What is long goes in parts: heartbeats of the protocol
 * share the link.
 *
 * A shard of an earlier release answers what it does not understand with null: it has taken what came before all the same, and knows of no parts.
 * What does not fit a message between nodes it cannot be sent.
 */
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";
import { partBytesMax, partsOf, relayBodyBytesMax, relayBytesMax } from "../messages/relay.js";

/** On their way at a time, unless a single message is larger. */
export const windowBytes: number = 4 * miB;
/** So much on its way is asked about. */
const askBytes = windowBytes / 4;
/** What a message costs beside its bytes. */
const messageBytes = 256;

export interface OutboxHost {
  /** False when they are not on their way: they are sent again later. */
  send(bytes: Uint8Array): boolean;
  /**
   * Asks the other side to say that all that was sent before is taken, and hears whether it knows what it is asked, or null when it has said
   * nothing; false, and nothing is told, when that cannot be asked now.
   */
  askTaken(taken: (isKnown: boolean | null) => void): boolean;
  /** There may be room again. */
  roomAgain(): void;
}

export class RelayOutbox {
  readonly #host: OutboxHost;
  /** Of a long message: what is still to be sent. */
  #parts: readonly Uint8Array[] = [];
  #sent = 0;
  #taken = 0;
  #isAsked = false;
  /** Whether the other side puts parts together; null until it has said something. */
  #knowsParts: boolean | null = null;
  #isPartsWanted = false;

  constructor(host: OutboxHost) {
    this.#host = host;
  }

  /** Bytes that are not known to be taken. */
  get underWay(): number {
    return this.#sent - this.#taken;
  }

  /** What has no room finds some later, since so much is asked about; a large message goes on its own. */
  #fits(bytes: number): boolean {
    return this.underWay < askBytes || this.underWay + bytes + messageBytes <= windowBytes;
  }

  hasRoom(bytes: number): boolean {
    if (this.#parts.length > 0) return false;
    if (bytes > partBytesMax && this.#knowsParts === null) {
      this.#isPartsWanted = true;
      this.goOn();
      return false;
    }
    return this.#fits(Math.min(bytes, this.#knowsParts === true ? partBytesMax : bytes));
  }

  /** So many bytes of a relay's body can never be sent. */
  isTooLong(bytes: number): boolean {
    return this.#knowsParts === false && bytes > relayBodyBytesMax;
  }

  /** Takes a relay for which there is room. False when nothing of it is on its way. */
  send(bytes: Uint8Array): boolean {
    assert(this.#parts.length === 0, "what there is no room for waits");
    const isWhole = bytes.length <= (this.#knowsParts === true ? partBytesMax : relayBytesMax);
    const parts = isWhole ? [bytes] : partsOf(bytes);
    const [first] = parts;
    assert(first !== undefined, "a relay is sent as something");
    if (!this.#pass(first)) return false;
    this.#parts = parts.slice(1);
    this.goOn();
    return true;
  }

  #pass(bytes: Uint8Array): boolean {
    // Counted before: what is on its way is not here any more.
    const { length } = bytes;
    if (!this.#host.send(bytes)) return false;
    this.#sent += length + messageBytes;
    return true;
  }

  /** Something of it has to be tried again. */
  get isDue(): boolean {
    return this.#parts.length > 0 || this.#isToBeAsked;
  }

  get #isToBeAsked(): boolean {
    return !this.#isAsked && (this.underWay >= askBytes || this.#isPartsWanted);
  }

  goOn(): void {
    while (this.#parts.length > 0) {
      const [part] = this.#parts;
      assert(part !== undefined, "parts are sent in their order");
      if (!this.#fits(part.length) || !this.#pass(part)) break;
      this.#parts = this.#parts.slice(1);
    }
    if (!this.#isToBeAsked) return;
    const upTo = this.#sent;
    this.#isAsked = this.#host.askTaken((isKnown) => {
      assert(this.#isAsked && upTo >= this.#taken, "it is said once that what came before is taken");
      this.#isAsked = false;
      // One that is too busy to answer has not said that it knows no parts.
      if (isKnown !== null) this.#isPartsWanted = false;
      this.#knowsParts ??= isKnown;
      this.#taken = upTo;
      this.goOn();
      this.#host.roomAgain();
    });
  }
}
