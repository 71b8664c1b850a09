/**
 * What a replica tells its shard, in order. What it says of the log and of links is never lost: while the shard's mailbox is full it waits
 * here, and is said again a moment later. So does what shards of other nodes say, as long as that is not much; nor does it overtake what waits.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";
import type { PeerNotice, ReplicaNotice } from "./messages.js";

const retryMs = 10;
/** Of what waits only the newest of some kinds is kept, and links do not end so often: more is a fault. */
const waitingMax = 10_000;
/** Of what shards of other nodes say: each of them has no more than a few megabytes under way. */
const relayedMax = 4_000;
const relayedBytesMax: number = 64 * miB;

export class ShardNotices {
  readonly #context: ActorContext;
  readonly #shard: string;
  #waiting: (ReplicaNotice | PeerNotice)[] = [];
  #isTimed = false;
  #relayed = 0;
  #relayedBytes = 0;

  /** @param shard the neighbour's name */
  constructor(context: ActorContext, shard: string) {
    this.#context = context;
    this.#shard = shard;
  }

  tell(notice: ReplicaNotice | PeerNotice): void {
    if (this.#waiting.length === 0 && this.#isTaken(notice)) return;
    const last = this.#waiting.at(-1);
    const isNewest = last?.kind === notice.kind && (notice.kind === "committed" || notice.kind === "clusterTime");
    if (isNewest) this.#waiting.pop();
    this.#waiting.push(notice);
    assert(this.#waiting.length <= waitingMax, "a shard takes what its replica tells it before long");
    this.#later();
  }

  /** Hands over what this shard on another node says, or keeps it for a moment if it `mayWait`. False when there is no room for it. */
  relayed(from: number, bytes: Uint8Array, mayWait: boolean): boolean {
    const notice: PeerNotice = { kind: "relayed", from, bytes };
    if (this.#waiting.length === 0 && this.#isTaken(notice)) return true;
    if (!mayWait || this.#relayed >= relayedMax || this.#relayedBytes + bytes.length > relayedBytesMax) return false;
    this.#relayed += 1;
    this.#relayedBytes += bytes.length;
    this.#waiting.push(notice);
    this.#later();
    return true;
  }

  /** The time to try again has come. */
  due(): void {
    this.#isTimed = false;
    const told = this.#waiting.findIndex((notice) => !this.#isTaken(notice));
    for (const notice of this.#waiting.splice(0, told < 0 ? this.#waiting.length : told)) {
      if (notice.kind !== "relayed") continue;
      this.#relayed -= 1;
      this.#relayedBytes -= notice.bytes.length;
    }
    this.#later();
  }

  #later(): void {
    if (this.#isTimed || this.#waiting.length === 0) return;
    this.#isTimed = true;
    this.#context.after(retryMs, { kind: "noticesDue" });
  }

  /** A shard that is gone takes its replica with it: what it would have been told makes no difference. */
  #isTaken(notice: ReplicaNotice | PeerNotice): boolean {
    const shard = this.#context.port(this.#shard);
    return shard === null || this.#context.tell(shard, notice) !== "busy";
  }
}
