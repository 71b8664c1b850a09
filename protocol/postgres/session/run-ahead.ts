/**
 * Writes that follow one another without waiting for answers: a client that pipelines has sent the next Bind, Execute and Sync before it has read
 * the answer to those before. Each is a transaction of its own, so nothing of a later one hangs on the outcome of an earlier one but
 * the order in which they are decided; and that the shard keeps. They go there as they come, share a write to the disk, and are answered in
 * their order.
 *
 * Only what changes rows and returns none goes ahead. Whatever else the client says waits until everything here is answered: a read sees what was
 * written before it. A write that stands alone comes this way as well: it is the shorter one, without a promise for each message.
 */
import type { SqlRequest } from "../../../actors/messages/sql.js";
import { SqlError } from "../../../runtime/query/error.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SqlCall, SqlOutcome } from "../executor.js";
import { type Bind, decodeFrontend } from "../frontend-messages.js";
import type { RawMessage } from "../inbox.js";
import { MessageReader } from "../message-reader.js";
import { type Prepared, portalOf } from "../portals.js";
import { reportOf } from "../reports.js";
import { type Exchange, placeOf, wishOf } from "./exchange.js";

/** Of one session. */
const underWayMax = 256;
const letters = { bind: 0x42, describe: 0x44, execute: 0x45, sync: 0x53 } as const;

interface UnderWay {
  readonly request: SqlRequest;
  readonly prepared: Prepared;
  readonly isDescribed: boolean;
  call: SqlCall | null;
  outcome: SqlOutcome | null;
  /** Takes back the timer that holds the answer back. */
  release: (() => void) | null;
}

/** What a client says from a Bind to its Sync, when that is a round that may go ahead. */
interface Round {
  readonly prepared: Prepared;
  readonly bind: Bind;
  readonly isDescribed: boolean;
  readonly messages: number;
}

export class RunAhead {
  readonly #exchange: Exchange;
  readonly #ready: () => void;
  #underWay: UnderWay[] = [];
  #watcher: (() => void) | null = null;
  #isFlushDue = false;
  #isStopped = false;
  /** A bug that was met while an answer was told. */
  #defect: Error | null = null;

  /** @param ready writes that the session is ready for more */
  constructor(exchange: Exchange, ready: () => void) {
    this.#exchange = exchange;
    this.#ready = ready;
  }

  /** Statements wait for their answers. */
  get isBusy(): boolean {
    return this.#underWay.length > 0;
  }

  /** Sends what the client says next, when that may go ahead of the answers that are due. */
  advance(): boolean {
    const { inbox, transaction, runs, roles } = this.#exchange;
    if (transaction.isOpen || this.#underWay.length >= underWayMax) return false;
    const round = this.#nextRound();
    if (round === null || !this.#isPlain() || roles.whenFresh() !== null) return false;
    const { prepared, bind, isDescribed, messages } = round;
    const { statement } = prepared;
    assert(statement !== null, "a statement that goes ahead is none that is empty");
    const portal = portalOf("", prepared, bind.parameters, bind.resultFormats, prepared);
    const request = runs.requestOf(wishOf(portal, statement, 0));
    const one: UnderWay = { request, prepared, isDescribed, call: null, outcome: null, release: null };
    this.#underWay.push(one);
    one.call = runs.sendInOrder(request, (outcome) => this.#settled(one, outcome));
    if (one.call === null) {
      this.#underWay.pop();
      return false;
    }
    for (let each = 0; each < messages; each++) inbox.take();
    return true;
  }

  /** The next messages up to their Sync. Null for whatever is no write that may go ahead. */
  #nextRound(): Round | null {
    const { inbox, portals } = this.#exchange;
    const bind = inbox.glance(0);
    if (bind?.type !== letters.bind || portals.find("") !== undefined) return null;
    const isDescribed = inbox.glance(1)?.type === letters.describe;
    const messages = isDescribed ? 4 : 3;
    if (inbox.count < messages) return null;
    const [described, execute, sync] = [inbox.glance(1), inbox.glance(messages - 2), inbox.glance(messages - 1)];
    if (!isExecute(execute) || sync?.type !== letters.sync || sync.body.length > 0) return null;
    if (isDescribed && !isOfPortal(described)) return null;
    try {
      const prepared = this.#preparedOf(bind);
      if (prepared === null) return null;
      const message = decodeFrontend("bind", bind.body);
      assert(message.kind === "bind", "a Bind is decoded as one");
      const expected = Math.max(prepared.statement?.parameterCount ?? 0, prepared.parameterTypes.length);
      return message.parameters.length === expected ? { prepared, bind: message, isDescribed, messages } : null;
    } catch (error) {
      // What is wrong with it says who acts upon it, once everything before it is answered.
      if (error instanceof SqlError) return null;
      throw error;
    }
  }

  /** The statement of a Bind to the unnamed portal, when it may go ahead. */
  #preparedOf({ body }: RawMessage): Prepared | null {
    const reader = new MessageReader(body);
    if (reader.text() !== "") return null;
    const prepared = this.#exchange.prepared.get(reader.text());
    return prepared.statement?.mayRunAhead === true ? prepared : null;
  }

  /** No setting asks for more than to run statements one after the other. */
  #isPlain(): boolean {
    const { settings, transaction } = this.#exchange;
    // Texts in another encoding are converted one after the other, too.
    if (this.#exchange.encoding !== null) return false;
    const isFree = settings.get("statement_timeout") === "0" && !transaction.isReadOnly;
    return isFree && settings.get("default_transaction_isolation") === "read committed";
  }

  /** Calls back when something was answered. Until `unwatch`. */
  watch(watcher: () => void): void {
    assert(this.isBusy && this.#watcher === null, "a session waits once, for what is under way");
    this.#watcher = watcher;
  }

  unwatch(): void {
    this.#watcher = null;
  }

  /** Throws what was met while an answer was told, and is a bug. */
  expectSound(): void {
    if (this.#defect !== null) throw this.#defect;
  }

  #settled(one: UnderWay, outcome: SqlOutcome): void {
    assert(one.outcome === null, "a statement is answered once");
    one.outcome = outcome;
    if (one === this.#underWay[0]) this.#deliver();
  }

  /** Says what is answered up to the first statement that is not. */
  #deliver(): void {
    if (this.#isStopped) return;
    for (let head = this.#underWay[0]; head !== undefined; head = this.#underWay[0]) {
      if (head.outcome === null || this.#isHeldBack(head, head.outcome)) break;
      this.#underWay.shift();
      this.#tell(head, head.outcome);
    }
    this.#flushSoon();
    this.#watcher?.();
  }

  /** An answer that is to come later than it was found holds up all behind it. */
  #isHeldBack(head: UnderWay, outcome: SqlOutcome): boolean {
    if (outcome.kind !== "rows" || outcome.delayMs === 0) return false;
    head.release ??= this.#exchange.host.after(outcome.delayMs, () => {
      head.outcome = { ...outcome, delayMs: 0 };
      this.#deliver();
    });
    return true;
  }

  #tell({ prepared, request, isDescribed }: UnderWay, outcome: SqlOutcome): void {
    const { writer, runs } = this.#exchange;
    this.#exchange.place = placeOf(prepared);
    writer.bindComplete();
    if (isDescribed) writer.noData();
    try {
      const reply = runs.replyTo(outcome, request);
      assert(reply.cursor === 0 && reply.columns === null, "what goes ahead returns no rows");
      this.#exchange.take(reply);
      writer.commandComplete(reply.tag);
    } catch (error) {
      const report = reportOf(error, this.#exchange.place);
      if (report === null) this.#defect = error instanceof Error ? error : new Error(String(error));
      else writer.error(report);
    }
    this.#exchange.round += 1;
    this.#ready();
  }

  /** What one batch of answers brings to a session leaves in one write. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.#exchange.flush();
    });
  }

  /** Asks to end the statement that the client waits for. */
  cancel(): void {
    const [head] = this.#underWay;
    if (head === undefined) return;
    if (head.release === null) head.call?.cancel();
    else {
      head.release();
      head.outcome = {
        kind: "failed",
        sqlState: "57014",
        message: "canceling statement due to user request",
        fields: {},
      };
      this.#deliver();
    }
  }

  /** The client is gone: it waits for nothing, and what was not sent yet is not sent. */
  leave(): void {
    for (const { call } of this.#underWay) call?.takeBack();
    this.cancel();
  }

  /** The session is over: nobody hears what comes. */
  stop(): void {
    this.#isStopped = true;
    for (const { release } of this.#underWay) release?.();
  }
}

/** Of the unnamed portal, to its end. */
const isExecute = (message: RawMessage | undefined): boolean =>
  message?.type === letters.execute && message.body.length === 5 && message.body.every((byte) => byte === 0);

/** A Describe of the unnamed portal: `P`, no name. */
const isOfPortal = (message: RawMessage | undefined): boolean =>
  message?.body.length === 2 && message.body[0] === 0x50 && message.body[1] === 0;
