/** What a statement takes and yields: asked for, remembered, and told to the client. */
import { isSameResult, resultChanged, type SqlColumn } from "../../../actors/messages/sql.js";
import { SqlError } from "../../../runtime/query/error.js";
import { typeOid } from "../../../runtime/query/types/sql-type.js";
import { type Description, hasAllTypes, type Portal, type Prepared } from "../portals.js";
import { shownColumns } from "../session-commands.js";
import type { CachedStatement } from "../statement.js";
import { cursorQuery } from "./cursor-query.js";
import type { Exchange } from "./exchange.js";
import { aroundExecute } from "./written-out.js";

export class Descriptions {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Asks what a statement takes and yields, unless that was asked in this round. */
  async describe(prepared: Prepared): Promise<Description> {
    if (prepared.description !== null && prepared.describedIn === this.#exchange.round) return prepared.description;
    const description = await this.describeAnew(prepared.statement, prepared.parameterTypes);
    if (prepared.columns !== null && !isSameResult(prepared.columns, description.columns)) throw resultChanged();
    prepared.columns = description.columns;
    prepared.parameterTypes = description.parameterTypes;
    prepared.description = description;
    prepared.describedIn = this.#exchange.round;
    return description;
  }

  /** Finds out the types of all parameters that nobody has told. A statement that is none any more keeps those that it was given. */
  async tellTypes(): Promise<void> {
    for (const prepared of this.#exchange.prepared.all) {
      if (hasAllTypes(prepared)) continue;
      try {
        await this.describe(prepared);
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
      }
    }
  }

  async describeAnew(statement: CachedStatement | null, parameterTypes: readonly number[]): Promise<Description> {
    const here =
      statement === null ? { parameterTypes: [], columns: null } : await this.#describeHere(statement, parameterTypes);
    if (here !== null || statement === null) return here ?? { parameterTypes: [], columns: null };
    const destination = this.#exchange.transaction.isAtShard ? "shard" : "projection";
    const description = await this.#exchange.runs.described(
      { kind: "describe", text: statement.text, syntax: statement.syntax(), parameterTypes },
      destination,
    );
    const hidden = statement.cursors.length;
    return hidden === 0
      ? description
      : { ...description, parameterTypes: description.parameterTypes.slice(0, -hidden) };
  }

  /** What is done here is described here; null for all else. */
  async #describeHere(
    { statement, ...rest }: CachedStatement,
    parameterTypes: readonly number[],
  ): Promise<Description | null> {
    switch (statement.kind) {
      case "declareCursor": {
        const described = await this.describeAnew(cursorQuery(statement, rest, false), parameterTypes);
        return { parameterTypes: described.parameterTypes, columns: null };
      }
      case "show":
        return { parameterTypes: [], columns: shownColumns(statement.name).map(textColumn) };
      case "execute": {
        const { columns } = await this.describe(this.#exchange.prepared.get(statement.name));
        return { parameterTypes: [], columns };
      }
      case "fetch": {
        // It may be prepared before there is such a cursor: what it yields is said when it is run.
        const columns = this.#exchange.portals.find(statement.cursor)?.columns ?? null;
        return { parameterTypes: [], columns: statement.isMove ? null : columns };
      }
      case "createTableAsExecute":
        return { parameterTypes: [], columns: null };
      case "explain": {
        if (aroundExecute(statement) === null) return null;
        const format = statement.options.find(({ name }) => name === "format")?.value ?? "text";
        const column = textColumn("QUERY PLAN");
        return {
          parameterTypes: [],
          columns: [format.toLowerCase() === "json" ? { ...column, type: typeOid.json } : column],
        };
      }
      default:
        return isDoneHere(statement.kind) ? { parameterTypes: [], columns: null } : null;
    }
  }

  writeColumns(columns: readonly SqlColumn[] | null, formats: readonly (0 | 1)[]): void {
    if (columns === null) this.#exchange.writer.noData();
    else {
      expectFormats(formats, columns.length);
      this.#exchange.writer.rowDescription(columns, formats);
    }
  }

  /** The row description that comes with the answer of a run. */
  writeOwed(portal: Portal, columns: readonly SqlColumn[] | null, protocol: "simple" | "extended"): void {
    portal.columns = columns;
    if (columns !== null) expectFormats(portal.resultFormats, columns.length);
    if (protocol === "simple" && columns !== null) this.#exchange.writer.rowDescription(columns, []);
    if (protocol === "extended" && portal.owesDescription) this.writeColumns(columns, portal.resultFormats);
    portal.owesDescription = false;
  }
}

export const textColumn = (name: string): SqlColumn => ({
  name,
  table: 0,
  column: 0,
  type: typeOid.text,
  typeLength: -1,
  modifier: -1,
});

function expectFormats(formats: readonly (0 | 1)[], columns: number): void {
  if (formats.length <= 1 || formats.length === columns) return;
  throw new SqlError("08P01", `bind message has ${formats.length} result formats but query has ${columns} columns`);
}

const doneHere = new Set([
  "begin",
  "commit",
  "rollback",
  "savepoint",
  "release",
  "rollbackTo",
  "setTransaction",
  "prepareTransaction",
  "commitPrepared",
  "rollbackPrepared",
  "set",
  "reset",
  "resetAll",
  "discard",
  "prepare",
  "deallocate",
  "declareCursor",
  "closeCursor",
  "copy",
  "listen",
  "unlisten",
  "notify",
  "createRole",
  "alterRole",
  "dropRole",
  "renameRole",
  "grantRole",
  "createDatabase",
  "alterDatabase",
  "alterDefault",
  "dropDatabase",
  "maintenance",
]);

/** Statements that no shard or projection hears of. */
export const isDoneHere = (kind: string): boolean => doneHere.has(kind);
