/** What a projection says in one turn, gathered per gateway: replies, events of subscriptions, ends of subscriptions. */
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import { ReplyBatchWriter } from "../messages/reply-batch.js";

interface Mail {
  readonly replies: ReplyBatchWriter;
  readonly events: ReplyBatchWriter;
  readonly ends: ReplyBatchWriter;
  /** Batches in the order in which they are to go. */
  readonly sealed: { readonly kind: string; readonly bytes: Uint8Array; readonly count: number }[];
}

const nothing = new Uint8Array(0);

export class Outbox {
  readonly #context: ActorContext;
  readonly #mails = new Map<Port, Mail>();
  /** Bytes gathered and not yet sent: what the pump of subscriptions is budgeted by. */
  bytes = 0;

  constructor(context: ActorContext) {
    this.#context = context;
  }

  #mail(port: Port): Mail {
    let mail = this.#mails.get(port);
    if (mail === undefined) {
      mail = {
        replies: new ReplyBatchWriter(),
        events: new ReplyBatchWriter(),
        ends: new ReplyBatchWriter(),
        sealed: [],
      };
      this.#mails.set(port, mail);
    }
    return mail;
  }

  ok(port: Port, correlation: number, body: Uint8Array): void {
    this.bytes += body.length;
    this.#mail(port).replies.ok(correlation, body);
  }

  fail(port: Port, correlation: number, error: unknown): void {
    this.#mail(port).replies.fail(correlation, error);
  }

  events(port: Port, correlation: number, body: Uint8Array): void {
    this.bytes += body.length;
    this.#mail(port).events.ok(correlation, body);
  }

  /** @param error null when it ended on request */
  end(port: Port, correlation: number, error: unknown): void {
    if (error === null) this.#mail(port).ends.ok(correlation, nothing);
    else this.#mail(port).ends.fail(correlation, error);
  }

  /**
   * Replies before events before ends: what a subscription is told comes in that order. What a gateway has no room for stays here, and
   * `send` is called again after a moment: nothing that was said is lost, and order holds. Returns false when something stayed.
   */
  send(): boolean {
    let isAllSent = true;
    for (const [port, mail] of this.#mails) {
      if (!port.isOpen) this.#mails.delete(port);
      this.#seal(mail, "replies", mail.replies);
      this.#seal(mail, "subscriptionEvents", mail.events);
      this.#seal(mail, "subscriptionEnds", mail.ends);
      isAllSent = this.#post(port, mail) && isAllSent;
    }
    this.bytes = 0;
    return isAllSent;
  }

  #seal(mail: Mail, kind: string, writer: ReplyBatchWriter): void {
    if (writer.count === 0) return;
    const count = writer.count;
    mail.sealed.push({ kind, bytes: writer.take(), count });
  }

  #post(port: Port, { sealed }: Mail): boolean {
    let sent = 0;
    while (sent < sealed.length && this.#context.tell(port, sealed[sent], { transfer: true }) !== "busy") sent += 1;
    const isAllSent = sent === sealed.length;
    sealed.splice(0, sent);
    return isAllSent;
  }
}
