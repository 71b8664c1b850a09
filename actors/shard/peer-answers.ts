/**
 * Answers on their way to the gateways beside shards of other nodes: in lanes (lanes.ts), one a session, in which they wait for room on the
 * link. So an answer of many megabytes holds up those of its own session, and of no other. Short ones that wait go together.
 *
 * They come in batches in which sessions are mixed, as one prepare or one turn has made them. While nothing waits, such a batch goes as it is.
 */
import { encodeRelay, partBytesMax, relayKinds } from "../messages/relay.js";
import { ReplyBatchReader } from "../messages/reply-batch.js";
import type { AnswerRoom } from "./backlog.js";
import { type LaneItem, Lanes, type Taken } from "./lanes.js";
import { joined } from "./packed-entries.js";
import type { PeerPort, RelaySender } from "./peer-port.js";

/** One entry of a batch: a batch of itself. */
interface Answer extends LaneItem {
  readonly port: PeerPort;
}

export class PeerAnswers {
  readonly #relays: RelaySender;
  readonly #later: () => void;
  /** By replica. */
  readonly #lanes = new Map<number, Lanes<Answer>>();
  readonly #batch = new ReplyBatchReader();
  /** Answers that had to wait. */
  waited = 0;
  /** The most bytes that ever waited. */
  most = 0;

  /** @param later has `resend` called before long */
  constructor(relays: RelaySender, later: () => void) {
    this.#relays = relays;
    this.#later = later;
  }

  /** Bytes that wait for room. */
  get bytes(): number {
    let bytes = 0;
    for (const lanes of this.#lanes.values()) bytes += lanes.bytes;
    return bytes;
  }

  get isEmpty(): boolean {
    for (const lanes of this.#lanes.values()) if (lanes.count > 0) return false;
    return true;
  }

  roomOf({ isOpen, backlog }: PeerPort): AnswerRoom {
    return isOpen ? backlog.room : "free";
  }

  /** Takes a batch of replies. What nobody is there to hear is forgotten. */
  tell(port: PeerPort, replies: Uint8Array): "accepted" | "gone" {
    if (!port.isOpen) return "gone";
    const { replica } = port;
    const lanes = this.#lanes.get(replica) ?? new Lanes<Answer>();
    this.#lanes.set(replica, lanes);
    const mayGoWhole = lanes.count === 0 && replies.length <= partBytesMax;
    if (mayGoWhole && this.#relays.hasRoom(replica, null, replies.length)) {
      if (this.#relays.send(replica, null, relayOf(port, replies))) {
        for (const batch = this.#batch.open(replies); batch.next(); ) port.laneOfAnswer(batch.correlation);
        return "accepted";
      }
    }
    const before = lanes.count;
    for (const batch = this.#batch.open(replies); batch.next(); ) {
      const { entryFrom, bodyTo, correlation } = batch;
      const isAlone = entryFrom === 0 && bodyTo === replies.length;
      // A copy, so that a short one that waits does not keep the memory of long ones beside it.
      const bytes = isAlone ? replies : replies.slice(entryFrom, bodyTo);
      lanes.push(port.laneOfAnswer(correlation), { port, bytes });
      port.backlog.add(bytes.length);
    }
    const told = lanes.count - before;
    this.#send(replica, lanes);
    this.waited += Math.min(told, lanes.count);
    this.most = Math.max(this.most, this.bytes);
    if (lanes.count > 0) this.#later();
    return "accepted";
  }

  /** Sends what there is room for now. */
  resend(): void {
    for (const [replica, lanes] of this.#lanes) this.#send(replica, lanes);
  }

  /** The link has ended, and with it whoever asked over it. */
  down(replica: number): void {
    this.#lanes.delete(replica);
  }

  #send(replica: number, lanes: Lanes<Answer>): void {
    while (lanes.count > 0) {
      const taken = this.#take(replica, lanes);
      const [first] = taken;
      if (first === undefined) return;
      const relay = relayOf(first.item.port, joined(taken.map(({ item }) => item.bytes)));
      if (!this.#relays.send(replica, first.lane, relay)) {
        lanes.putBack(taken);
        return;
      }
      for (const { item } of taken) item.port.backlog.remove(item.bytes.length);
    }
  }

  /** What goes next: one answer of any length, or several short ones. */
  #take(replica: number, lanes: Lanes<Answer>): readonly Taken<Answer>[] {
    const taken: Taken<Answer>[] = [];
    let length = 0;
    const isWanted = ({ port, bytes }: Answer, lane: number): boolean =>
      !port.isOpen ||
      ((length === 0 || length + bytes.length <= partBytesMax) &&
        this.#relays.hasRoom(replica, lane, length + bytes.length));
    while (length <= partBytesMax) {
      const next = lanes.take(isWanted);
      if (next === null) break;
      if (!next.item.port.isOpen) {
        next.item.port.backlog.remove(next.item.bytes.length);
        continue;
      }
      taken.push(next);
      length += next.item.bytes.length;
    }
    return taken;
  }
}

const relayOf = ({ incarnation }: PeerPort, body: Uint8Array): Uint8Array =>
  encodeRelay({ kind: relayKinds.replies, incarnation, body });
