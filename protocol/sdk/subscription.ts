/**
 * Subscriptions as async iterables, and the answers of a consumer group: those given in one turn travel in one request.
 */

import { encodeGroupAck, type GroupAckEntry } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { groupAckEntriesMax } from "../../runtime/types/limits.js";
import type { Client } from "../client/client.js";
import type { Subscription as Feed } from "../client/subscription.js";
import { Event } from "./event.js";

export interface SubscribeOptions {
  /** First offset wanted, "start" (default) or "head" for what is appended from now on. A group has its own place. */
  readonly from?: bigint | number | "start" | "head" | undefined;
  /** A consumer group: its members share the stream, and each event must be answered. */
  readonly group?: string | undefined;
  /** Events that may be sent ahead of the reader; default 1,024. */
  readonly credits?: number | undefined;
  /** Bytes that may wait for the reader; default 8 MiB. */
  readonly bytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Verdict = GroupAckEntry["verdict"];

/** Gathers answers of a turn, sends them by offset, and settles each caller's promise. */
export class GroupAnswers {
  readonly #client: Client;
  readonly #tenant: number;
  readonly #stream: number;
  readonly #group: string;
  #said = new Map<number, Verdict>();
  #callers: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor(client: Client, tenant: number, stream: number, group: string) {
    assert(group !== "", "answers are given to a group");
    this.#client = client;
    this.#tenant = tenant;
    this.#stream = stream;
    this.#group = group;
  }

  /** Resolves when the answer is durable. Of two answers to one event in one turn, the later holds. */
  say(offset: number, verdict: Verdict): Promise<void> {
    if (this.#said.size === 0) setImmediate(() => this.#send());
    this.#said.set(offset, verdict);
    return new Promise((resolve, reject) => this.#callers.push({ resolve, reject }));
  }

  #send(): void {
    const callers = this.#callers;
    const entries = [...this.#said].sort(([a], [b]) => a - b).map(([offset, verdict]) => ({ offset, verdict }));
    this.#callers = [];
    this.#said = new Map();
    this.sendAll(entries).then(
      () => {
        for (const caller of callers) caller.resolve();
      },
      (error: unknown) => {
        for (const caller of callers) caller.reject(error);
      },
    );
  }

  /** @param entries by offset, strictly ascending */
  async sendAll(entries: readonly GroupAckEntry[]): Promise<number> {
    let changed = 0;
    for (let at = 0; at < entries.length; at += groupAckEntriesMax) {
      const head = { tenant: this.#tenant, requestKey: this.#client.nextKey() };
      const part = entries.slice(at, at + groupAckEntriesMax);
      const body = encodeGroupAck(new ByteWriter(), head, this.#stream, this.#group, part).finish();
      const reply = await this.#client.request(requestKind.groupAck, this.#tenant, body, true, {}, decodeOutcomeReply);
      changed += reply.count;
    }
    assert(changed >= 0, "answers that changed something are counted");
    return changed;
  }
}

/** An event of a subscription. Without a group the three answers throw `invalidArgument`. */
export class SubscribedEvent extends Event {
  /** How often the group has given it out, this time included; 1 without a group. */
  readonly attempt: number;
  readonly #answers: GroupAnswers | undefined;

  constructor(
    offset: number,
    position: number,
    time: number,
    format: number,
    data: Uint8Array,
    attempt: number,
    answers: GroupAnswers | undefined,
  ) {
    super(offset, position, time, format, data);
    this.attempt = attempt;
    this.#answers = answers;
  }

  /** Done with it: the group does not give it out again. Resolves when that is durable. */
  ack(): Promise<void> {
    return this.#say("ack");
  }

  /** Failed: it is given out again, and set aside once the group's attempts are used up. */
  nack(): Promise<void> {
    return this.#say("nack");
  }

  /** Set aside now, for a person to look at; `groups.replayParked` brings it back. */
  park(): Promise<void> {
    return this.#say("park");
  }

  #say(verdict: Verdict): Promise<void> {
    if (this.#answers === undefined) {
      return Promise.reject(new KimberliteError("invalidArgument", "only events of a consumer group are answered"));
    }
    return this.#answers.say(Number(this.offset), verdict);
  }
}

/** Begins the subscription on the wire; called with the first `next`. */
export type FeedStarter = () => Promise<{ feed: Feed; answers: GroupAnswers | undefined }>;

/**
 * A subscription. It begins with the first `next`, lives through lost connections, and ends with `close`, with the loop that reads
 * it, with its signal, or with an error that trying again cannot help.
 */
export class EventSubscription implements AsyncIterableIterator<SubscribedEvent> {
  readonly #start: FeedStarter;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#end();
  #started: ReturnType<FeedStarter> | undefined;
  #feed: Feed | undefined;
  #isClosed = false;

  constructor(start: FeedStarter, signal: AbortSignal | undefined) {
    this.#start = start;
    this.#signal = signal;
    if (signal?.aborted === true) this.#isClosed = true;
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<SubscribedEvent, undefined>> {
    if (this.#isClosed) return { done: true, value: undefined };
    try {
      this.#started ??= this.#start();
      const { feed, answers } = await this.#started;
      this.#feed = feed;
      // Closed while it was being started.
      if (this.#isClosed) feed.close();
      const event = await feed.next();
      if (event === undefined) {
        this.#end();
        return { done: true, value: undefined };
      }
      const { offset, position, time, format, payload, attempt } = event;
      return { done: false, value: new SubscribedEvent(offset, position, time, format, payload, attempt, answers) };
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** The end of a `for await`. */
  return(): Promise<IteratorResult<SubscribedEvent, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  close(): void {
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  #end(): void {
    this.#isClosed = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#feed?.close();
    this.#feed = undefined;
  }
}
