/** LISTEN and NOTIFY of a session. */
import { typeOid } from "../../../runtime/query/types/sql-type.js";
import { assert } from "../../../runtime/types/assert.js";
import type { RowsReply } from "../engine-runs.js";
import { Notifications } from "../notifications.js";
import { portalOf } from "../portals.js";
import type { Exchange } from "./exchange.js";

const encoder = new TextEncoder();

export class Channels {
  readonly #exchange: Exchange;
  readonly #notifications: Notifications;
  /** The session waits for a message, and owes no answer. */
  isWaiting = false;
  /** What was heard waits for a client that does not read. */
  #isHeldUp = false;
  /** The transaction tells a channel that this session listens to. */
  #tellsItself = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#notifications = new Notifications({
      ask: (position, settle) => exchange.runs.listen(position, settle),
      after: (delayMs, run) => exchange.host.after(delayMs, run),
      news: () => this.#news(),
    });
  }

  /** A client that does not read is told when it has. */
  #news(): void {
    const exchange = this.#exchange;
    if (!this.isWaiting || exchange.transaction.isOpen || this.#isHeldUp) return;
    const relieved = exchange.whenRelieved();
    if (relieved === null) {
      this.write();
      exchange.flush();
      return;
    }
    this.#isHeldUp = true;
    void relieved.then(() => {
      this.#isHeldUp = false;
      this.#news();
    });
  }

  /** Tells the client what was heard. */
  write(): void {
    for (const { process, channel, payload } of this.#notifications.take()) {
      this.#exchange.writer.notification(process, channel, payload);
    }
  }

  async listen(channel: string | null, kind: "listen" | "unlisten"): Promise<void> {
    const depth = this.#exchange.transaction.savepointNames.length;
    await this.#notifications.wish(channel, kind === "listen", depth);
    if (!this.#exchange.transaction.isOpen) this.#notifications.end("committed");
  }

  /** What pg_notify does, which is what is told with the transaction that tells it. */
  async notify(channel: string, payload: string): Promise<void> {
    const text = "SELECT pg_catalog.pg_notify($1, $2)";
    const [statement] = this.#exchange.host.statements.statements(text);
    assert(statement !== undefined, "a text of one statement has it");
    const parameters = [channel, payload].map((value) => ({ format: 0 as const, bytes: encoder.encode(value) }));
    const prepared = { source: text, statement, parameterTypes: [typeOid.text, typeOid.text] };
    const reply = await this.#exchange.open(portalOf("", prepared, parameters, []), statement, 0);
    this.#exchange.take(reply);
    this.#tellsItself ||= this.#notifications.listensTo(channel);
    if (reply.wrote) await this.hearOwn(reply);
  }

  /** A session that listens to what it has told hears that before it is ready for more, as in PostgreSQL. */
  async hearOwn({ position }: RowsReply): Promise<void> {
    if (this.#tellsItself) await this.#notifications.reached(position);
    this.#tellsItself = false;
  }

  /** The transaction is over, and with it what it wished to hear and to tell. */
  transactionEnded(how: "committed" | "rolledBack"): void {
    this.#notifications.end(how);
    if (how === "rolledBack") this.#tellsItself = false;
  }

  released(depth: number): void {
    this.#notifications.released(depth);
  }

  rolledBackTo(depth: number): void {
    this.#notifications.rolledBackTo(depth);
  }

  stop(): void {
    this.#notifications.stop();
  }
}
