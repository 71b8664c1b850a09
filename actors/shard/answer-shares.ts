/**
 * Who is answered while much waits for a gateway. What an answer comes to is known once the request is decided, so a session is judged by its
 * answers before: those with long ones wait first, and others go on for some megabytes more. What is of no session is answered in a few bytes, but
 * for many clients: it waits with the first.
 *
 * A session that had a long answer is known for it until it has had `shortsMax` short ones: a transaction's other statements are no news.
 */
import type { Port } from "../../runtime/actor/definition.js";
import { kiB } from "../../runtime/types/limits.js";
import { noSession } from "../messages/sql-head.js";
import type { AnswerRoom } from "./backlog.js";

/** Of a long answer at least. */
export const longBytesMin: number = 64 * kiB;
const shortsMax = 64;
/** Of a gateway: sessions that have ended are not forgotten otherwise. */
const longMax = 10_000;

export class AnswerShares {
  readonly #roomOf: (port: Port) => AnswerRoom;
  /** Sessions with long answers, by gateway: how many short ones they are to have before that is forgotten. */
  readonly #long = new WeakMap<Port, Map<number, number>>();

  constructor(roomOf: (port: Port) => AnswerRoom) {
    this.#roomOf = roomOf;
  }

  isHeldUp(port: Port, session: number): boolean {
    const room = this.#roomOf(port);
    if (room === "free") return false;
    return room === "over" || session === noSession || this.#long.get(port)?.has(session) === true;
  }

  /** A request of a session was decided. @param bytes of its answer */
  answered(port: Port, session: number, bytes: number): void {
    const sessions = this.#long.get(port);
    if (bytes >= longBytesMin) {
      const long = sessions ?? new Map<number, number>();
      this.#long.set(port, long);
      // The one that had a long answer last is the last to be forgotten.
      long.delete(session);
      long.set(session, shortsMax);
      const [oldest] = long.keys();
      if (long.size > longMax && oldest !== undefined) long.delete(oldest);
      return;
    }
    const left = sessions?.get(session);
    if (left === undefined) return;
    if (left > 1) sessions?.set(session, left - 1);
    else sessions?.delete(session);
  }
}
