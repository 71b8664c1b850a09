/**
 * A gateway beside a shard on another node, as the leading shard sees it: a port like that of a gateway of its own node, whose answers travel
 * back over the link of the replicas. So a request that was handed on is answered like any other.
 */
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { noSession } from "../messages/sql-head.js";
import { Backlog } from "./backlog.js";
import type { HeldAnswers } from "./held-answers.js";
import type { PeerAnswers } from "./peer-answers.js";

export class PeerPort implements Port {
  readonly neighbour: string;
  readonly epoch: Epoch;
  readonly replica: number;
  /** Of the shard there. */
  readonly incarnation: number;
  /** Which gateway beside it; 0 for none. */
  readonly source: number;
  isOpen = true;
  /** Answers that were decided and are not on the link yet. */
  readonly backlog = new Backlog();
  /** Of requests under way: which sessions they are of, by correlation. */
  readonly #sessions = new Map<number, number>();
  /** Of long answers that still rest on what is not committed: their bytes, by correlation. */
  readonly #decided = new Map<number, number>();

  constructor(replica: number, incarnation: number, source: number, epoch: Epoch) {
    this.replica = replica;
    this.incarnation = incarnation;
    this.source = source;
    this.neighbour = `peer-${replica}`;
    this.epoch = epoch;
  }

  /** A request of a session came. */
  asked(correlation: number, session: number): void {
    if (session !== noSession) this.#sessions.set(correlation, session);
  }

  /** A long answer was decided, and will be told once what it rests on is committed. */
  decided(correlation: number, bytes: number): void {
    assert(!this.#decided.has(correlation), "a request is decided once");
    this.#decided.set(correlation, bytes);
    this.backlog.add(bytes);
  }

  /** Where the answer to a request waits for room, which is told once: what is of no session keeps its order by gateway. */
  laneOfAnswer(correlation: number): number {
    const session = this.#sessions.get(correlation);
    this.#sessions.delete(correlation);
    const decided = this.#decided.size > 0 ? this.#decided.get(correlation) : undefined;
    if (decided !== undefined) {
      this.#decided.delete(correlation);
      this.backlog.remove(decided);
    }
    return laneOf(session ?? noSession, this.source);
  }
}

/** Sessions are numbered above zero. @param source of a request that is of no session: the number of its gateway */
export const laneOf = (session: number, source: number): number => (session === noSession ? -source : session);

/** What answers need of a context; a peer's go over the link. */
export type Answering = Pick<ActorContext, "tell" | "reply" | "fail">;

/** Bytes for the shards of other nodes. */
export interface RelaySender {
  /**
   * @param lane in which order is kept; null: nothing may be before it that is not wholly sent
   * @param bytes of the relay's body
   */
  hasRoom(replica: number, lane: number | null, bytes: number): boolean;
  /** Whether the other side could not take so many in one: a shard of an earlier release, which does not put parts together. */
  isTooLong(replica: number, bytes: number): boolean;
  /** Where there is room. False when they are not on their way. */
  send(replica: number, lane: number | null, bytes: Uint8Array): boolean;
}

/**
 * @param held takes what gateways of this node have no room for
 * @param peers takes what is for others
 */
export const answeringOver = (context: ActorContext, held: HeldAnswers, peers: PeerAnswers): Answering => ({
  tell: (port, message, options) =>
    port instanceof PeerPort ? peers.tell(port, repliesIn(message)) : held.tell(port, message, options),
  reply: (envelope, value, options) => context.reply(envelope, value, options),
  fail: (envelope, error) => context.fail(envelope, error),
});

function repliesIn(message: OutgoingMessage): Uint8Array {
  const bytes = "bytes" in message ? message["bytes"] : null;
  assert(message.kind === "replies" && bytes instanceof Uint8Array, "a peer is told replies only");
  return bytes;
}
