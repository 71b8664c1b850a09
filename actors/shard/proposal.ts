/**
 * One prepare on its way to disk, and the answers that wait for it. Nobody learns of a result before the state it rests on is
 * durable: replies of commands in the prepare, stored outcomes, and refusals decided on its state all wait here.
 */
import type { Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { ReplyBatchWriter } from "../messages/reply-batch.js";
import type { Answering } from "./peer-port.js";

interface AskedAnswer {
  readonly envelope: Envelope;
  readonly body: Uint8Array | null;
  readonly error: unknown;
}

export class Proposal {
  /** Log address of the prepare; -1 while it has no records. */
  address = -1;
  /** Where the prepare after it may begin. */
  endAddress = 0;
  bodyBytes = 0;
  recordCount = 0;
  /** See `prepareOperations`. */
  operation = 0;
  /** For one of the protocol's own: told its op once it is committed, or null when it may never be. */
  settled: ((op: number | null) => void) | null = null;
  op = 0;
  /** Bytes of its answers and its followers'. */
  answerBytes = 0;
  /** Time of its newest record, µs. */
  time = 0;
  /** The store's version that holds its effects. */
  version = 0;
  readonly #replies = new Map<Port, ReplyBatchWriter>();
  readonly #asked: AskedAnswer[] = [];
  /** Correlations of the replies, in order: what has to be failed when the prepare is refused. */
  readonly #correlations = new Map<Port, number[]>();

  #writer(port: Port): ReplyBatchWriter {
    let writer = this.#replies.get(port);
    if (writer === undefined) {
      writer = new ReplyBatchWriter();
      this.#replies.set(port, writer);
      this.#correlations.set(port, []);
    }
    return writer;
  }

  ok(port: Port, correlation: number, body: Uint8Array, from: number, to: number): void {
    this.#writer(port).ok(correlation, body, from, to);
    this.answerBytes += to - from;
    this.#correlations.get(port)?.push(correlation);
  }

  fail(port: Port, correlation: number, error: unknown): void {
    this.#writer(port).fail(correlation, error);
    this.#correlations.get(port)?.push(correlation);
  }

  okAsked(envelope: Envelope, body: Uint8Array): void {
    this.#asked.push({ envelope, body, error: null });
  }

  failAsked(envelope: Envelope, error: unknown): void {
    this.#asked.push({ envelope, body: null, error });
  }

  /** Answers that wait for this prepare although they rest on no record of it. */
  readonly #followers: Proposal[] = [];

  follow(proposal: Proposal): void {
    this.#followers.push(proposal);
    this.answerBytes += proposal.answerBytes;
  }

  /** Sends the answers of this proposal and of its followers, and hands each back for reuse. */
  sendAll(context: Answering, done: (proposal: Proposal) => void): void {
    const followers = this.#followers.splice(0);
    this.send(context);
    done(this);
    for (const follower of followers) {
      follower.send(context);
      done(follower);
    }
  }

  /** Somebody waits for it. */
  get hasAnswers(): boolean {
    if (this.#asked.length > 0 || this.#followers.length > 0 || this.settled !== null) return true;
    for (const { count } of this.#replies.values()) if (count > 0) return true;
    return false;
  }

  get isEmpty(): boolean {
    return this.#replies.size === 0 && this.#asked.length === 0 && this.settled === null;
  }

  /** Sends every answer. A port that has closed meanwhile is a gateway that is gone, and its clients with it. */
  send(context: Answering): void {
    for (const [port, writer] of this.#replies) {
      if (writer.count === 0) continue;
      const count = writer.count;
      context.tell(port, { kind: "replies", bytes: writer.take(), count }, { transfer: true });
    }
    for (const answer of this.#asked) {
      if (answer.body !== null) context.reply(answer.envelope, { body: answer.body });
      else context.fail(answer.envelope, answer.error);
    }
    this.settled?.(this.op);
    this.reset();
  }

  /** Answers everything with one error instead: nothing of the prepare was written. */
  refuse(context: Answering, error: KimberliteError): void {
    for (const [port, correlations] of this.#correlations) {
      const writer = new ReplyBatchWriter();
      for (const correlation of correlations) writer.fail(correlation, error);
      if (writer.count === 0) continue;
      const count = writer.count;
      context.tell(port, { kind: "replies", bytes: writer.take(), count }, { transfer: true });
    }
    for (const answer of this.#asked) context.fail(answer.envelope, error);
    this.settled?.(null);
    for (const follower of this.#followers.splice(0)) follower.refuse(context, error);
    this.reset();
  }

  /** Forgets everything: for the next use. */
  reset(): void {
    for (const correlations of this.#correlations.values()) correlations.length = 0;
    for (const writer of this.#replies.values()) writer.clear();
    this.#asked.length = 0;
    this.address = -1;
    this.bodyBytes = 0;
    this.recordCount = 0;
    this.answerBytes = 0;
    this.operation = 0;
    this.settled = null;
  }
}
