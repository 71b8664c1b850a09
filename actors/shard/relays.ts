/** What this shard says to those on other nodes, by replica: an outbox for each link that stands. */

import type { RelaySender } from "./peer-port.js";
import { RelayOutbox } from "./relay-outbox.js";

export interface RelaysHost {
  /** False when it is not on its way. */
  tell(replica: number, bytes: Uint8Array): boolean;
  /** See `OutboxHost.askTaken`. */
  askTaken(replica: number, taken: (isKnown: boolean | null) => void): boolean;
  roomAgain(): void;
}

export class Relays implements RelaySender {
  readonly #host: RelaysHost;
  readonly #outboxes = new Map<number, RelayOutbox>();
  /** How often there was no room. */
  refused = 0;

  constructor(host: RelaysHost) {
    this.#host = host;
  }

  #outbox(replica: number): RelayOutbox {
    let outbox = this.#outboxes.get(replica);
    if (outbox === undefined) {
      const host = this.#host;
      const made: RelayOutbox = new RelayOutbox({
        send: (bytes) => this.#outboxes.get(replica) === made && host.tell(replica, bytes),
        askTaken: (taken) => this.#outboxes.get(replica) === made && host.askTaken(replica, taken),
        roomAgain: () => host.roomAgain(),
      });
      outbox = made;
      this.#outboxes.set(replica, outbox);
    }
    return outbox;
  }

  hasRoom(replica: number, lane: number | null, bytes: number): boolean {
    const hasRoom = this.#outbox(replica).hasRoom(lane, bytes);
    if (!hasRoom) this.refused += 1;
    return hasRoom;
  }

  isTooLong(replica: number, bytes: number): boolean {
    return this.#outbox(replica).isTooLong(bytes);
  }

  send(replica: number, lane: number | null, bytes: Uint8Array): boolean {
    return this.#outbox(replica).send(lane, bytes);
  }

  /** The link has ended, and with it what was under way. */
  down(replica: number): void {
    this.#outboxes.delete(replica);
  }

  /** Something is to be tried again in a moment. */
  get isDue(): boolean {
    for (const outbox of this.#outboxes.values()) if (outbox.isDue) return true;
    return false;
  }

  goOn(): void {
    for (const outbox of this.#outboxes.values()) outbox.goOn();
  }
}
