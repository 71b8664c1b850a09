/** What SQL itself prepares and opens: PREPARE and EXECUTE, DECLARE and FETCH. */

import type { SqlColumn, WireValue } from "../../../actors/messages/sql.js";
import { notSupported, SqlError } from "../../../runtime/query/error.js";
import { lockNames } from "../../../runtime/query/plan/plan.js";
import { bytesOf } from "../../../runtime/query/settings.js";
import type { TypeName } from "../../../runtime/query/syntax/ast-expression.js";
import { isModification } from "../../../runtime/query/syntax/ast-modify.js";
import type { DeclareCursor, Execute, Fetch } from "../../../runtime/query/syntax/ast-session.js";
import { printType } from "../../../runtime/query/syntax/print.js";
import { rowKeyOfCursor } from "../../../runtime/query/types/cursor-row.js";
import type { Oid } from "../../../runtime/query/types/sql-type.js";
import { assert } from "../../../runtime/types/assert.js";
import type { RowsReply, Wish } from "../engine-runs.js";
import { executeParameters } from "../execute-parameters.js";
import { hasAllTypes, type Portal, type Prepared, portalOf } from "../portals.js";
import { type LocalResult, tagOnly } from "../session-commands.js";
import { type CachedStatement, cached } from "../statement.js";
import { builtInType } from "../type-names.js";
import { runsBackwards } from "./backward-scan.js";
import { cursorQuery } from "./cursor-query.js";
import { DeclaredCursor, type RowSource } from "./declared-cursor.js";
import type { Descriptions } from "./descriptions.js";
import { type Exchange, placeOf } from "./exchange.js";
import { cursorBytesMax, KeptMessages } from "./kept-messages.js";
import { aroundExecute, executeIn, writtenOut } from "./written-out.js";

type Protocol = "simple" | "extended";

/** The session's statements, of which these are some. */
export interface StatementRuns {
  perform(portal: Portal, rowsMax: number, protocol: Protocol): Promise<void> | void;
  complete(tag: string): Promise<void> | void;
}

export class Cursors {
  readonly #exchange: Exchange;
  readonly #descriptions: Descriptions;
  readonly #runs: StatementRuns;

  constructor(exchange: Exchange, descriptions: Descriptions, runs: StatementRuns) {
    this.#exchange = exchange;
    this.#descriptions = descriptions;
    this.#runs = runs;
  }

  /** PREPARE's own statement, in the place of the whole. */
  async prepare(source: string, { statement, ...rest }: CachedStatement): Promise<LocalResult> {
    assert(statement.kind === "prepare", "a PREPARE is prepared");
    const inner = cached({ ...rest, statement: statement.statement });
    const parameterTypes = await this.#typesOf(statement.types);
    if (statement.name === "") throw new SqlError("26000", "invalid statement name: must not be empty");
    const prepared: Prepared = {
      name: statement.name,
      source,
      statement: inner,
      parameterTypes,
      isOfSql: true,
      createdAt: this.#exchange.runs.now(),
      description: null,
      describedIn: -1,
      columns: null,
    };
    // What is wrong with it is told now, not when it is executed.
    await this.#descriptions.describe(prepared);
    this.#exchange.prepared.add(prepared);
    return tagOnly("PREPARE");
  }

  /** Types that are not built in are known to whoever has a catalog. */
  async #typesOf(types: readonly TypeName[]): Promise<readonly number[]> {
    const builtIn = types.map(builtInType);
    const asked = types.filter((_, index) => builtIn[index] === null);
    if (asked.length === 0) return builtIn.flatMap((oid) => oid ?? []);
    // As parameters: a domain is announced as one by these alone.
    const text = `SELECT ${asked.map((type, index) => `$${index + 1}::${printType(type)}`).join(", ")}`;
    const [statement] = this.#exchange.host.statements.statements(text);
    assert(statement !== undefined, "a text of one statement has it");
    try {
      const { parameterTypes } = await this.#descriptions.describeAnew(statement, []);
      assert(parameterTypes.length === asked.length, "each type is asked for by a parameter");
      const found = parameterTypes[Symbol.iterator]();
      return builtIn.flatMap((oid) => oid ?? found.next().value ?? []);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      // The place is one of the query that nobody has written.
      throw new SqlError(error.sqlState, error.message, { ...error.fields, position: asked[0]?.location });
    }
  }

  async execute(
    portal: Portal,
    { statement, ...rest }: CachedStatement,
    rowsMax: number,
    protocol: "simple" | "extended",
  ): Promise<void> {
    assert(statement.kind === "execute", "an EXECUTE is executed");
    const { prepared, parameters } = await this.#argumentsOf(portal, statement, rest);
    const inner = portalOf("", prepared, parameters, portal.resultFormats, prepared);
    inner.owesDescription = portal.owesDescription;
    portal.owesDescription = false;
    this.#exchange.place = placeOf(prepared);
    await this.#runs.perform(inner, 0, protocol);
    portal.columns = inner.columns;
    portal.state = "done";
    assert(rowsMax >= 0, "a limit of rows is not negative");
    this.#exchange.closeCursor(inner);
  }

  /** A statement that has an EXECUTE within, with the prepared query in its place; null for any other. */
  async writtenOut(portal: Portal, { statement, ...rest }: CachedStatement): Promise<CachedStatement | null> {
    const around = aroundExecute(statement);
    if (around === null) return null;
    if (portal.parameters.length > 0) throw notSupported("parameters of a statement with an EXECUTE within");
    const { prepared, parameters } = await this.#argumentsOf(portal, executeIn(around), rest);
    if (prepared.statement === null) throw new SqlError("42809", "prepared statement is not a SELECT");
    const types = await this.#parameterTypes(prepared);
    return writtenOut(around, rest, prepared.statement, parameters, types);
  }

  /** What an EXECUTE executes, and the values of its arguments. Throws 26000, and 42601 for more or fewer than there are parameters. */
  async #argumentsOf(
    portal: Portal,
    statement: Execute,
    rest: Omit<CachedStatement, "statement">,
  ): Promise<{ readonly prepared: Prepared; readonly parameters: readonly WireValue[] }> {
    const prepared = this.#exchange.prepared.get(statement.name);
    const expected = Math.max(prepared.statement?.parameterCount ?? 0, prepared.parameterTypes.length);
    if (statement.arguments.length !== expected) {
      throw new SqlError("42601", `wrong number of parameters for prepared statement "${statement.name}"`, {
        detail: `Expected ${expected} parameters but got ${statement.arguments.length}.`,
      });
    }
    const parameters = await executeParameters(statement, rest, portal.parameters, {
      known: prepared.parameterTypes,
      types: () => this.#parameterTypes(prepared),
      run: async (query) =>
        this.#exchange.runs.rows(
          {
            kind: "execute",
            text: query.text,
            syntax: query.syntax(),
            parameterTypes: portal.parameterTypes,
            parameters: portal.parameters,
          },
          await this.#exchange.enter(query),
        ),
    });
    return { prepared, parameters };
  }

  async #parameterTypes(prepared: Prepared): Promise<readonly Oid[]> {
    if (hasAllTypes(prepared)) return prepared.parameterTypes;
    const { place } = this.#exchange;
    this.#exchange.place = placeOf(prepared);
    const description = await this.#descriptions.describe(prepared);
    this.#exchange.place = place;
    return description.parameterTypes;
  }

  /** The query is run now, as it sees the rows of now; its first row is kept until it is fetched. */
  async declare(of: Portal, { statement, ...rest }: CachedStatement): Promise<LocalResult> {
    assert(statement.kind === "declareCursor", "a DECLARE declares a cursor");
    const { name, isScroll, isNoScroll, isHold, isBinary, query } = statement;
    expectDeclarable(statement);
    const { transaction, portals } = this.#exchange;
    if (!isHold && !transaction.isOpen)
      throw new SqlError("25P01", "DECLARE CURSOR can only be used in transaction blocks");
    portals.expectFree(name);
    const inner = cursorQuery(statement, rest, transaction.isOpen && !transaction.isReadOnly);
    const { source, parameterTypes, parameters } = of;
    const prepared = { source, statement: inner, parameterTypes };
    const portal = portalOf(name, prepared, parameters, isBinary ? [1] : [], null, this.#exchange.runs.now());
    const memoryMax = Math.min(bytesOf(this.#exchange.settings.get("kimberlite.query_memory")), cursorBytesMax);
    const reply = await this.#exchange.open(portal, inner, 1);
    const isKey = ({ column }: SqlColumn): boolean => column === rowKeyOfCursor;
    const tables = (reply.columns ?? []).filter(isKey).map(({ table }) => table);
    const kept = new KeptMessages(this.#exchange.host.cursorMemory, memoryMax, tables.length);
    this.#took(portal, kept, reply);
    portal.columns = reply.columns?.filter((column) => !isKey(column)) ?? null;
    portal.state = "open";
    const mayScroll = !isNoScroll && runsBackwards(query);
    const isLocked = query.locks.length > 0;
    const options = { isScroll, mayScroll, isHold, isBinary, isLocked, isOfProtocol: false, tables };
    portal.declared = new DeclaredCursor(name, options, this.#sourceOf(portal), kept);
    this.#exchange.addPortal(portal);
    // A statement of its own is committed with it.
    if (!transaction.isOpen) await this.#holdAtOnce(portal);
    return tagOnly("DECLARE CURSOR");
  }

  async #holdAtOnce(portal: Portal): Promise<void> {
    try {
      await portal.declared?.hold();
    } catch (error) {
      this.#exchange.closePortal(portal.name);
      throw error;
    }
  }

  #sourceOf(portal: Portal): RowSource {
    const { runs } = this.#exchange;
    return {
      get isOver() {
        return portal.cursor === 0;
      },
      pull: async (kept, rowsMax) => {
        const wish: Wish = { kind: "fetch", cursor: portal.cursor, rowsMax };
        this.#took(portal, kept, await runs.rows(wish, portal.destination));
      },
    };
  }

  #took(portal: Portal, kept: KeptMessages, reply: RowsReply): void {
    this.#exchange.take(reply);
    portal.cursor = reply.cursor;
    kept.append(reply.rows, reply.rowCount);
  }

  async fetch(portal: Portal, statement: Fetch, protocol: Protocol): Promise<void> {
    const { isMove } = statement;
    const cursor = this.#exchange.portals.get(statement.cursor, "cursor");
    const declared = cursor.declared ?? (await this.#ofProtocol(cursor, statement));
    if (!isMove) expectFormat(portal.resultFormats, cursor.resultFormats, declared.options.isOfProtocol);
    // What cannot be done is told before there is a result; but who has asked for a description is answered first.
    let isTold = false;
    const tell = (): void => {
      if (!isTold) this.#descriptions.writeOwed(portal, isMove ? null : cursor.columns, protocol);
      isTold = true;
    };
    if (protocol === "extended") tell();
    const write = (rows: Uint8Array): Promise<void> => {
      tell();
      return this.#write(rows, cursor);
    };
    const fetched = await declared.run(statement, isMove ? null : write);
    tell();
    await this.#runs.complete(`${isMove ? "MOVE" : "FETCH"} ${fetched}`);
    portal.state = "done";
  }

  /** A portal of the protocol, which a FETCH moves from where it stands: forward alone. Its rows before that were counted by nobody. */
  async #ofProtocol(portal: Portal, { direction }: Fetch): Promise<DeclaredCursor> {
    const { name, statement, state, command } = portal;
    if (statement === null || command !== "SELECT")
      throw new SqlError("0A000", "FETCH from a portal of the protocol that is no query is not supported");
    if (direction === "absolute" && state !== "new")
      throw new SqlError("0A000", "FETCH ABSOLUTE from a portal of the protocol that was executed is not supported");
    const kept = new KeptMessages(this.#exchange.host.cursorMemory, cursorBytesMax, 0);
    if (state === "new") {
      const reply = await this.#exchange.open(portal, statement, 1);
      this.#took(portal, kept, reply);
      portal.columns = reply.columns;
      portal.state = "open";
    }
    const options = { ...forwardOnly, isBinary: portal.resultFormats.includes(1) };
    portal.declared = new DeclaredCursor(name, options, this.#sourceOf(portal), kept);
    return portal.declared;
  }

  /** An Execute of a cursor that SQL has declared: as a portal of its query that goes on. */
  async goOn(portal: Portal, declared: DeclaredCursor, rowsMax: number): Promise<void> {
    assert(portal.declared === declared && rowsMax >= 0, "a declared cursor goes on");
    const forward: Pick<Fetch, "direction" | "count"> = { direction: "forward", count: rowsMax === 0 ? null : rowsMax };
    const sent = await declared.run(forward, (rows) => this.#write(rows, portal));
    if (rowsMax !== 0 && sent === rowsMax) this.#exchange.writer.portalSuspended();
    else await this.#runs.complete(`SELECT ${sent}`);
  }

  #write(rows: Uint8Array, { columns, resultFormats }: Portal): Promise<void> {
    this.#exchange.writeRows(rows, columns, resultFormats);
    return this.#exchange.relieve();
  }
}

const forwardOnly = {
  isScroll: false,
  mayScroll: false,
  isHold: false,
  isLocked: false,
  isOfProtocol: true,
  tables: [],
} as const;

/** Rows of a cursor are there in its own formats. @param isOfProtocol its formats are not what FETCH comes in where it does not say so */
function expectFormat(wanted: readonly (0 | 1)[], its: readonly (0 | 1)[], isOfProtocol: boolean): void {
  const [format = 0] = its;
  const isSame =
    its.every((each) => each === format) &&
    wanted.every((each) => each === format) &&
    (!isOfProtocol || wanted.length > 0 || format === 0);
  if (!isSame) throw new SqlError("0A000", "FETCH in another format than the cursor's is not supported");
}

/** Throws for what PostgreSQL lets no cursor be. */
function expectDeclarable({ name, query, isScroll, isNoScroll, isHold }: DeclareCursor): void {
  if (isScroll && isNoScroll) throw new SqlError("42P11", "cannot specify both SCROLL and NO SCROLL");
  const writes = query.with?.tables.some(({ statement }) => isModification(statement)) ?? false;
  if (writes) throw new SqlError("0A000", "DECLARE CURSOR must not contain data-modifying statements in WITH");
  const [lock] = query.locks;
  if (lock !== undefined && (isHold || isScroll)) {
    const clause = lockNames[lock.strength];
    const [what, which] = isHold ? ["DECLARE CURSOR WITH HOLD", "Holdable"] : ["DECLARE SCROLL CURSOR", "Scrollable"];
    throw new SqlError("0A000", `${what} ... ${clause} is not supported`, {
      detail: `${which} cursors must be READ ONLY.`,
    });
  }
  if (name === "") throw new SqlError("34000", "invalid cursor name: must not be empty");
}
