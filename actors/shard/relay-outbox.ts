/**
 * What this shard says to the one on another node, no faster than it is taken there: requests that are handed on, and answers to such. Each
 * of both sides may have some megabytes on their way; from time to time the other is asked to say that it has taken all that came before. So
 * neither the link of the replicas nor a mailbox at either end of it is ever full of them. What is long goes in parts: heartbeats of the protocol
 * share the link.
 *
 * Parts say nothing of whose they are, so one long message is on its way at a time; short ones go between its parts, but for those of its own lane
 * (lanes.ts), which come behind it. Of the room on the link parts leave some to short ones. A part that finds none is let past at most as much as it
 * is itself, so that neither keeps the other waiting.
 *
 * A shard of an earlier release answers what it does not understand with null: it has taken what came before all the same, and knows of no parts.
 * What does not fit a message between nodes it cannot be sent.
 */
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";
import { partBytesMax, partsOf, relayBodyBytesMax, relayBytesMax, relayHeadBytes } from "../messages/relay.js";

/** On their way at a time, unless a single message is larger. */
export const windowBytes: number = 4 * miB;
/** … of which are parts of long ones: what is short waits behind no more than that. */
const partsWindowBytes = windowBytes / 2;
/** So much on its way is asked about. */
const askBytes = windowBytes / 4;
/** What a message costs beside its bytes. */
const messageBytes = 256;

assert(partsWindowBytes >= askBytes + partBytesMax, "parts go on while it is asked what is taken");

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
  /** … and whose it is. */
  #lane: number | null = null;
  /** A part, or a long message as a whole, has found no room. */
  #isPartWaiting = false;
  /** … since something was last taken: who wants room for a long message may be gone. */
  #isPartWanted = false;
  /** What was let past it since. */
  #letPast = 0;
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
  #fits(bytes: number, most: number): boolean {
    return this.underWay < askBytes || this.underWay + bytes + messageBytes <= most;
  }

  #fitsWhole(bytes: number): boolean {
    const isPast = this.#isPartWaiting && this.underWay >= askBytes && this.#letPast + bytes > partBytesMax;
    return !isPast && this.#fits(bytes, windowBytes);
  }

  #fitsPart(bytes: number): boolean {
    const fits = this.#fits(bytes, partsWindowBytes);
    if (!fits) {
      this.#isPartWaiting = true;
      this.#isPartWanted = true;
    }
    return fits;
  }

  /**
   * @param lane whose it is; null for a message of several
   * @param bodyBytes of the relay
   */
  hasRoom(lane: number | null, bodyBytes: number): boolean {
    if (this.#parts.length > 0 && (lane === null || lane === this.#lane)) return false;
    const bytes = bodyBytes + relayHeadBytes;
    if (bytes <= partBytesMax || this.#knowsParts === false) return this.#fitsWhole(bytes);
    if (this.#parts.length > 0) return false;
    if (this.#knowsParts === null) {
      this.#isPartsWanted = true;
      this.goOn();
      return false;
    }
    return this.#fitsPart(partBytesMax);
  }

  /** So many bytes of a relay's body can never be sent. */
  isTooLong(bodyBytes: number): boolean {
    return this.#knowsParts === false && bodyBytes > relayBodyBytesMax;
  }

  /** Takes a relay for which there is room. False when nothing of it is on its way. */
  send(lane: number | null, bytes: Uint8Array): boolean {
    const isWhole = bytes.length <= (this.#knowsParts === true ? partBytesMax : relayBytesMax);
    if (isWhole) {
      if (!this.#pass(bytes)) return false;
      if (this.#isPartWaiting) this.#letPast += bytes.length;
      this.goOn();
      return true;
    }
    assert(this.#parts.length === 0, "one long message goes at a time");
    const parts = partsOf(bytes);
    const [first] = parts;
    assert(first !== undefined, "a relay is sent as something");
    if (!this.#pass(first)) return false;
    this.#parts = parts.slice(1);
    this.#lane = lane;
    this.#partSent();
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

  #partSent(): void {
    this.#isPartWaiting = false;
    this.#letPast = 0;
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
      if (!this.#fitsPart(part.length) || !this.#pass(part)) break;
      this.#parts = this.#parts.slice(1);
      this.#partSent();
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
      if (!this.#isPartWanted) this.#partSent();
      this.#isPartWanted = false;
      this.goOn();
      this.#host.roomAgain();
    });
  }
}
