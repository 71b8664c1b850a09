/**
 * The extended query protocol: Parse, Bind, Describe, Execute and Close.
 *
 * An Execute asks once for what Parse of an unnamed statement, Bind and Describe would have asked for before it: the answer of the run says
 * all. Errors come a message later than PostgreSQL's then, which no client goes by: it reads them all behind its Sync, and keeps no name.
 */
import { SqlError } from "../../../runtime/query/error.js";
import { valuesFrom } from "../client-text.js";
import { type Bind, decodeFrontend, type FrontendMessage, kindOf } from "../frontend-messages.js";
import type { RawMessage } from "../inbox.js";
import { type Portal, type Prepared, portalOf } from "../portals.js";
import { type Descriptions, isDoneHere } from "./descriptions.js";
import { type Exchange, placeOf } from "./exchange.js";
import type { Statements } from "./statements.js";

/** Messages that are looked at before they are acted upon: fewer than may wait. */
const lookAheadMax = 64;

/** Classes of errors that a statement has which was understood. */
const ofRows = new Set(["21", "22", "23"]);

export class ExtendedQuery {
  readonly #exchange: Exchange;
  readonly #descriptions: Descriptions;
  readonly #statements: Statements;

  constructor(exchange: Exchange, descriptions: Descriptions, statements: Statements) {
    this.#exchange = exchange;
    this.#descriptions = descriptions;
    this.#statements = statements;
  }

  parse(message: Extract<FrontendMessage, { kind: "parse" }>): Promise<void> | void {
    const { name, text, parameterTypes } = message;
    this.#exchange.place = { text, offset: 0 };
    if (name === "") this.#exchange.prepared.delete("");
    const statements = this.#exchange.host.statements.statements(text);
    if (statements.length > 1) {
      throw new SqlError("42601", "cannot insert multiple commands into a prepared statement");
    }
    const statement = statements[0] ?? null;
    if (statement !== null) this.#exchange.place = { text, offset: statement.offset };
    this.#exchange.expectSound(statement);
    const prepared: Prepared = {
      name,
      source: text,
      statement,
      parameterTypes,
      isOfSql: false,
      createdAt: name === "" ? 0 : this.#exchange.runs.now(),
      description: null,
      describedIn: -1,
      columns: null,
    };
    const next = this.#exchange.inbox.glance(0);
    if (name !== "" || next === undefined || !isBind(next)) return this.#parseOnceChecked(prepared, next);
    this.#parsed(prepared);
  }

  /**
   * A statement that is only prepared is checked now; an unnamed one that is run tells its errors then. A name whose statement is none must stay
   * free: clients keep what they were told is prepared, and prepare it again when they were told that it is not.
   */
  async #parseOnceChecked(prepared: Prepared, known: RawMessage | undefined): Promise<void> {
    const next = known ?? (prepared.name === "" ? await this.#exchange.inbox.peek(0) : null);
    if (prepared.name !== "" || next === null || !isBind(next)) await this.#descriptions.describe(prepared);
    this.#parsed(prepared);
  }

  #parsed(prepared: Prepared): void {
    this.#exchange.prepared.add(prepared);
    this.#exchange.writer.parseComplete();
  }

  bind(message: Bind): void {
    const { portal: name, statement, parameters, resultFormats } = message;
    const prepared = this.#exchange.prepared.get(statement);
    this.#exchange.place = placeOf(prepared);
    this.#exchange.expectSound(prepared.statement);
    const expected = Math.max(prepared.statement?.parameterCount ?? 0, prepared.parameterTypes.length);
    if (parameters.length !== expected) {
      throw new SqlError(
        "08P01",
        `bind message supplies ${parameters.length} parameters, but prepared statement "${statement}" requires ${expected}`,
      );
    }
    if (name === "") this.#exchange.closePortal("");
    const now = name === "" ? 0 : this.#exchange.runs.now();
    const { encoding } = this.#exchange;
    const values = encoding === null ? parameters : valuesFrom(encoding, parameters, prepared.parameterTypes);
    this.#exchange.addPortal(portalOf(name, prepared, values, resultFormats, prepared, now));
    this.#exchange.writer.bindComplete();
  }

  async describeStatement(name: string): Promise<void> {
    const prepared = this.#exchange.prepared.get(name);
    this.#exchange.place = placeOf(prepared);
    this.#exchange.expectSound(prepared.statement);
    const { parameterTypes, columns } = await this.#descriptions.describe(prepared);
    this.#exchange.writer.parameterDescription(parameterTypes);
    this.#descriptions.writeColumns(columns, []);
  }

  describePortal(name: string): Promise<void> | void {
    const portal = this.#exchange.portals.get(name);
    this.#exchange.place = placeOf(portal);
    this.#exchange.expectSound(portal.statement);
    const next = this.#exchange.inbox.glance(0);
    if (next === undefined) return this.#describeBefore(portal);
    if (!this.#isRunBy(next, portal)) return this.#describeNow(portal);
    portal.owesDescription = true;
  }

  async #describeBefore(portal: Portal): Promise<void> {
    const next = await this.#exchange.inbox.peek(0);
    if (next !== null && this.#isRunBy(next, portal)) portal.owesDescription = true;
    else await this.#describeNow(portal);
  }

  /** Whether the next message runs the portal that is described: then the answer of the run says both. */
  #isRunBy({ type, body }: RawMessage, { name, state }: Portal): boolean {
    if (state !== "new" || kindOf(type) !== "execute") return false;
    const message = decodeFrontend("execute", body, this.#exchange.encoding);
    return message.kind === "execute" && message.portal === name;
  }

  async #describeNow(portal: Portal): Promise<void> {
    if (portal.columns === null) {
      portal.columns = (await this.#descriptions.describeAnew(portal.statement, portal.parameterTypes)).columns;
    }
    this.#descriptions.writeColumns(portal.columns, portal.resultFormats);
  }

  execute(name: string, rowsMax: number): Promise<void> | void {
    const portal = this.#exchange.portals.get(name);
    this.#exchange.place = placeOf(portal);
    if (!this.#statements.performNow(portal, rowsMax, "extended")) return this.#execute(portal, rowsMax);
  }

  #execute(portal: Portal, rowsMax: number): Promise<void> | void {
    const { statement } = portal;
    if (statement !== null && portal.state === "new" && !this.#exchange.transaction.isOpen) {
      const isPlainRead = statement.destination === "projection" && !isDoneHere(statement.statement.kind);
      const isLoose = isPlainRead && this.#exchange.settings.get("default_transaction_isolation") === "read committed";
      const isAlone = isLoose || this.#isLastOfRound();
      if (isAlone === "unknown") return this.#executeOnceKnown(portal, rowsMax);
      if (!isAlone) this.#exchange.transaction.beginImplicit(this.#exchange.runs.now());
    }
    return this.#perform(portal, rowsMax);
  }

  #perform(portal: Portal, rowsMax: number): Promise<void> | void {
    const done = this.#statements.perform(portal, rowsMax, "extended");
    return done === undefined || !portal.owesDescription ? done : done.catch((error) => this.#failed(portal, error));
  }

  /** What a statement yields is told before a value of its rows fails: clients that pipeline tell by it whose error it is. */
  async #failed(portal: Portal, error: unknown): Promise<never> {
    const isOfRows = error instanceof SqlError && ofRows.has(error.sqlState.slice(0, 2));
    if (isOfRows && portal.owesDescription) await this.#describeNow(portal).catch(() => undefined);
    throw error;
  }

  async #executeOnceKnown(portal: Portal, rowsMax: number): Promise<void> {
    const { inbox, transaction, runs } = this.#exchange;
    for (let isAlone = this.#isLastOfRound(); isAlone !== true; isAlone = this.#isLastOfRound()) {
      if (isAlone === false) {
        transaction.beginImplicit(runs.now());
        break;
      }
      // A client that is gone says nothing more.
      if ((await inbox.peek(inbox.count)) === null) break;
    }
    await this.#perform(portal, rowsMax);
  }

  /** True when nothing that is run comes before the next Sync: then a statement is a transaction of its own. */
  #isLastOfRound(): boolean | "unknown" {
    for (let ahead = 0; ahead < lookAheadMax; ahead++) {
      const message = this.#exchange.inbox.glance(ahead);
      if (message === undefined) return "unknown";
      const kind = kindOf(message.type);
      if (kind === "sync" || kind === "terminate") return true;
      if (kind !== "close") return false;
    }
    return false;
  }

  close({ target, name }: Extract<FrontendMessage, { kind: "close" }>): void {
    if (target === "statement") this.#exchange.prepared.delete(name);
    else this.#exchange.closePortal(name);
    this.#exchange.writer.closeComplete();
  }
}

const isBind = ({ type }: RawMessage): boolean => kindOf(type) === "bind";
