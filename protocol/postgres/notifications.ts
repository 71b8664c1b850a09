/**
 * What a session listens to. A projection of its tenant is asked for what was notified behind a position, and answers once there is
 * something; so a session hears what any session on any node has committed, in the order of the log, and each of it once.
 *
 * LISTEN and UNLISTEN count from the end of their transaction on. What was committed before LISTEN was answered is not heard, but for the
 * moment that the projection lags behind.
 */
import type { SqlReply } from "../../actors/messages/sql.js";
import { assert } from "../../runtime/types/assert.js";
import type { SqlCall, SqlOutcome } from "./executor.js";

export interface Notification {
  readonly process: number;
  readonly channel: string;
  readonly payload: string;
}

export interface NotificationsHost {
  /** Asks what was notified behind a position; with null where the projection is. */
  ask(position: number | null, settle: (outcome: SqlOutcome) => void): SqlCall;
  after(delayMs: number, run: () => void): () => void;
  /** Something may be taken. */
  news(): void;
}

/** Counted besides its texts: what a notification costs. */
const notificationCharacters = 64;
/** A session that takes nothing, since it is in a transaction or its client does not read, keeps about so much. */
const heardCharactersMax = 1_048_576;

interface Wish {
  readonly channel: string | null;
  readonly isWanted: boolean;
  /** Savepoints of the transaction when it was said. */
  depth: number;
}

/** Before a projection that did not answer is asked again. */
const againMs = 100;
/** A session that notifies itself is answered once it has heard that, unless it takes longer. */
const ownMsMax = 2_000;

export class Notifications {
  readonly #host: NotificationsHost;
  readonly #channels = new Set<string>();
  /** Of the open transaction. */
  #wishes: Wish[] = [];
  #heard: Notification[] = [];
  /** What was notified up to here is heard; null before it is known where to begin. */
  #position: number | null = null;
  /** Of what was heard: names and payloads. */
  #heardCharacters = 0;
  #isAsking = false;
  /** Enough was heard that is not taken: nobody is asked for more, which stays in the log. */
  #isPaused = false;
  #call: SqlCall | null = null;
  #stopTimer: (() => void) | null = null;
  #waiting: { readonly position: number; readonly resolve: () => void }[] = [];

  constructor(host: NotificationsHost) {
    this.#host = host;
  }

  listensTo(channel: string): boolean {
    return this.#channels.has(channel);
  }

  /** Wants to hear of a channel, or no more of it (null: of any). Resolves once it is known from where on. */
  async wish(channel: string | null, isWanted: boolean, depth: number): Promise<void> {
    assert(channel !== null || !isWanted, "nobody listens to everything");
    this.#wishes.push({ channel, isWanted, depth });
    if (!isWanted || this.#isAsking) return;
    this.#isAsking = true;
    this.#ask();
    await this.#until(-1);
  }

  /** The transaction is over; without one each wish is its own. */
  end(how: "committed" | "rolledBack"): void {
    const wishes = this.#wishes;
    this.#wishes = [];
    for (const { channel, isWanted } of how === "committed" ? wishes : []) {
      if (channel === null) this.#channels.clear();
      else if (isWanted) this.#channels.add(channel);
      else this.#channels.delete(channel);
    }
    if (this.#isAsking && this.#channels.size === 0) this.stop();
  }

  /** Wishes since a savepoint are taken back. @param savepoints those that are left, with that one */
  rolledBackTo(savepoints: number): void {
    this.#wishes = this.#wishes.filter(({ depth }) => depth < savepoints);
  }

  released(savepoints: number): void {
    for (const wish of this.#wishes) wish.depth = Math.min(wish.depth, savepoints);
  }

  /** What was heard and not taken yet. */
  take(): readonly Notification[] {
    const heard = this.#heard;
    this.#heard = [];
    this.#heardCharacters = 0;
    this.#askOn();
    return heard.filter(({ channel }) => this.#channels.has(channel));
  }

  /** Resolves once everything up to a position is heard, or after a time that nobody should have to wait. */
  async reached(position: number): Promise<void> {
    if (!this.#isAsking) return;
    this.#askOn();
    await this.#until(position);
  }

  #until(position: number): Promise<void> {
    if (this.#position !== null && this.#position >= position) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.#host.after(ownMsMax, () => this.#resolve(waiter));
      const waiter = {
        position,
        resolve: () => {
          stop();
          resolve();
        },
      };
      this.#waiting.push(waiter);
    });
  }

  #resolve(waiter: { readonly position: number; readonly resolve: () => void }): void {
    this.#waiting = this.#waiting.filter((each) => each !== waiter);
    waiter.resolve();
  }

  /** Hears nothing any more. */
  stop(): void {
    this.#channels.clear();
    this.#heard = [];
    this.#heardCharacters = 0;
    this.#isAsking = false;
    this.#isPaused = false;
    this.#position = null;
    this.#stopTimer?.();
    this.#stopTimer = null;
    const call = this.#call;
    this.#call = null;
    call?.cancel();
    for (const waiter of this.#waiting) this.#resolve(waiter);
  }

  #ask(): void {
    const call: SqlCall = this.#host.ask(this.#position, (outcome) => {
      // That of a call that was given up is of no interest.
      if (this.#call === call) this.#answered(outcome);
    });
    this.#call = call;
  }

  #askOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#ask();
  }

  #hear(notification: Notification): void {
    this.#heard.push(notification);
    this.#heardCharacters += notification.channel.length + notification.payload.length + notificationCharacters;
  }

  #answered(outcome: SqlOutcome): void {
    this.#call = null;
    assert(this.#isAsking, "whoever has stopped has given up its call");
    if (outcome.kind !== "rows") {
      this.#stopTimer = this.#host.after(againMs, () => {
        this.#stopTimer = null;
        this.#ask();
      });
      return;
    }
    assert(this.#position === null || outcome.position >= this.#position, "positions of a tenant only grow");
    this.#position = outcome.position;
    for (const notification of notificationsOf(outcome)) this.#hear(notification);
    this.#isPaused = this.#heardCharacters > heardCharactersMax;
    if (!this.#isPaused) this.#ask();
    for (const waiter of this.#waiting) if (waiter.position <= outcome.position) this.#resolve(waiter);
    if (this.#heard.length > 0) this.#host.news();
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Rows of position, process, channel and payload, as texts. */
function notificationsOf({ rows, rowCount }: Extract<SqlReply, { kind: "rows" }>): Notification[] {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const list: Notification[] = [];
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    // Type u8, length i32, columns i16.
    at += 7;
    const texts: string[] = [];
    for (let column = 0; column < 4; column++) {
      const length = view.getInt32(at);
      assert(length >= 0, "no column of a notification is NULL");
      texts.push(decoder.decode(rows.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    const [, process = "0", channel = "", payload = ""] = texts;
    list.push({ process: Number(process), channel, payload });
  }
  assert(at === rows.length, "an answer has as many rows as it says");
  return list;
}
