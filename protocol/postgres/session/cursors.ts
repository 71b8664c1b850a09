/** What SQL itself prepares and opens: PREPARE and EXECUTE, DECLARE and FETCH. */
import { SqlError } from "../../../runtime/query/error.js";
import type { TypeName } from "../../../runtime/query/syntax/ast-expression.js";
import type { Fetch } from "../../../runtime/query/syntax/ast-session.js";
import { printType } from "../../../runtime/query/syntax/print.js";
import { assert } from "../../../runtime/types/assert.js";
import { executeParameters } from "../execute-parameters.js";
import { type Portal, portalOf } from "../portals.js";
import { type LocalResult, tagOnly } from "../session-commands.js";
import { type CachedStatement, cached } from "../statement.js";
import { builtInType } from "../type-names.js";
import type { Descriptions } from "./descriptions.js";
import { type Exchange, placeOf } from "./exchange.js";

export type Protocol = "simple" | "extended";

/** The session's statements, of which these are some. */
export interface StatementRuns {
  perform(portal: Portal, rowsMax: number, protocol: Protocol): Promise<void> | void;
  complete(tag: string): Promise<void> | void;
}

const noBytes = new Uint8Array(0);

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
    this.#exchange.prepared.add({
      name: statement.name,
      source,
      statement: inner,
      parameterTypes,
      description: null,
      describedIn: -1,
      columns: null,
    });
    return tagOnly("PREPARE");
  }

  /** Types that are not built in are known to whoever has a catalog. */
  async #typesOf(types: readonly TypeName[]): Promise<readonly number[]> {
    const builtIn = types.map(builtInType);
    if (!builtIn.includes(null)) return builtIn.flatMap((oid) => oid ?? []);
    const text = `SELECT ${types.map((type) => `NULL::${printType(type)}`).join(", ")}`;
    const [statement] = this.#exchange.host.statements.statements(text);
    assert(statement !== undefined, "a text of one statement has it");
    try {
      const { columns } = await this.#descriptions.describeAnew(statement, []);
      assert(columns?.length === types.length, "each type is asked for by a column");
      return columns.map(({ type }) => type);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      // The place is one of the query that nobody has written.
      const position = types[builtIn.indexOf(null)]?.location;
      throw new SqlError(error.sqlState, error.message, { ...error.fields, position });
    }
  }

  async execute(
    portal: Portal,
    { statement, ...rest }: CachedStatement,
    rowsMax: number,
    protocol: "simple" | "extended",
  ): Promise<void> {
    assert(statement.kind === "execute", "an EXECUTE is executed");
    const prepared = this.#exchange.prepared.get(statement.name);
    const expected = Math.max(prepared.statement?.parameterCount ?? 0, prepared.parameterTypes.length);
    if (statement.arguments.length !== expected) {
      throw new SqlError("42601", `wrong number of parameters for prepared statement "${statement.name}"`, {
        detail: `Expected ${expected} parameters but got ${statement.arguments.length}.`,
      });
    }
    const parameters = await executeParameters(statement, rest, portal.parameters, async (query) =>
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
    );
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

  /** The query is run now, as it sees the rows of now; its first row is kept until it is fetched. */
  async declare(source: string, { statement, ...rest }: CachedStatement): Promise<LocalResult> {
    assert(statement.kind === "declareCursor", "a DECLARE declares a cursor");
    const { name, isScroll, isHold, isBinary } = statement;
    if (isHold) throw new SqlError("0A000", "cursors WITH HOLD are not supported");
    if (isScroll) throw new SqlError("0A000", "SCROLL cursors are not supported");
    if (!this.#exchange.transaction.isExplicit) {
      throw new SqlError("25P01", "DECLARE CURSOR can only be used in transaction blocks");
    }
    this.#exchange.portals.expectFree(name);
    const inner = cached({ ...rest, statement: statement.query });
    const prepared = { source, statement: inner, parameterTypes: [] };
    const portal = portalOf(name, prepared, [], isBinary ? [1] : []);
    const reply = await this.#exchange.open(portal, inner, 1);
    this.#exchange.take(reply);
    portal.columns = reply.columns;
    portal.cursor = reply.cursor;
    portal.state = "open";
    portal.ready = reply.rows.slice();
    portal.readyCount = reply.rowCount;
    this.#exchange.portals.add(portal);
    return tagOnly("DECLARE CURSOR");
  }

  async fetch(portal: Portal, statement: Fetch, protocol: "simple" | "extended"): Promise<void> {
    const { isMove } = statement;
    const cursor = this.#exchange.portals.get(statement.cursor, "cursor");
    const count = forwardCount(statement);
    if (cursor.state === "new") throw new SqlError("0A000", "FETCH from a portal of the protocol is not supported");
    if (!isMove) {
      const format = cursor.resultFormats[0] ?? 0;
      if (portal.resultFormats.some((wanted) => wanted !== format)) {
        throw new SqlError("0A000", "FETCH in another format than the cursor's is not supported");
      }
      this.#descriptions.writeOwed(portal, cursor.columns, protocol);
    } else this.#descriptions.writeOwed(portal, null, protocol);
    const fetched = await this.#pull(cursor, count, !isMove);
    await this.#runs.complete(`${isMove ? "MOVE" : "FETCH"} ${fetched}`);
    portal.state = "done";
  }

  /** Moves a cursor forward by so many rows, or with null to its end. Returns how many there were. */
  async #pull(cursor: Portal, count: number | null, writes: boolean): Promise<number> {
    if (count === 0) return 0;
    let fetched = cursor.readyCount;
    if (writes) this.#exchange.writer.rows(cursor.ready);
    cursor.ready = noBytes;
    cursor.readyCount = 0;
    while (cursor.cursor !== 0 && (count === null || fetched < count)) {
      const rowsMax = count === null ? 0 : count - fetched;
      const reply = await this.#exchange.runs.rows(
        { kind: "fetch", cursor: cursor.cursor, rowsMax },
        cursor.destination,
      );
      this.#exchange.take(reply);
      cursor.cursor = reply.cursor;
      fetched += reply.rowCount;
      if (writes) this.#exchange.writer.rows(reply.rows);
      await this.#exchange.relieve();
    }
    return fetched;
  }
}

/** How many rows a FETCH goes forward; null is all. */
function forwardCount({ direction, count }: Fetch): number | null {
  const isForward = direction === "forward" || direction === "relative";
  if (isForward && (count === null || count > 0)) return direction === "relative" ? onlyOne(count) : count;
  if (direction === "forward" && count === 0) {
    throw new SqlError("0A000", "FETCH 0, which reads the current row again, is not supported");
  }
  throw new SqlError("55000", "cursor can only scan forward", {
    hint: "Declare it with SCROLL option to enable backward scan.",
  });
}

/** FETCH RELATIVE n yields the n-th row alone. */
function onlyOne(count: number | null): number {
  if (count === 1) return 1;
  throw new SqlError("0A000", "FETCH RELATIVE by more than one row is not supported");
}
