/**
 * COPY between a client and a table: the framing is done here. What goes out is a query whose rows are written as lines; what comes in is
 * stored by loads of many rows, all within one transaction.
 */
import type { SqlColumn } from "../../actors/messages/sql.js";
import { SqlError } from "../../runtime/query/error.js";
import type { Expression } from "../../runtime/query/syntax/ast-expression.js";
import type { Query, RelationName, TableReference } from "../../runtime/query/syntax/ast-query.js";
import type { Copy } from "../../runtime/query/syntax/ast-session.js";
import { assert } from "../../runtime/types/assert.js";
import type { BackendWriter } from "./backend-writer.js";
import { CopyBlock } from "./copy/copy-block.js";
import type { ByteEncoding } from "./copy/encodings.js";
import { copyOptions } from "./copy/options.js";
import { RowsIn } from "./copy/rows-in.js";
import { RowsOut } from "./copy/rows-out.js";
import type { EngineRuns, RowsReply } from "./engine-runs.js";
import type { SqlDestination } from "./executor.js";
import { decodeFrontend, kindOf } from "./frontend-messages.js";
import type { Inbox } from "./inbox.js";
import { FatalError } from "./reports.js";
import { type CachedStatement, cached } from "./statement.js";

export interface CopyHost {
  readonly inbox: Inbox;
  readonly writer: BackendWriter;
  readonly runs: EngineRuns;
  /** Of the client's texts; null for UTF-8. */
  encoding(): ByteEncoding | null;
  flush(): void;
  relieve(): Promise<void>;
  take(reply: RowsReply): void;
  destinationOf(statement: CachedStatement): SqlDestination;
  enter(statement: CachedStatement): SqlDestination | Promise<SqlDestination>;
}

const plainTail = {
  with: null,
  order: [],
  limit: null,
  offset: null,
  isWithTies: false,
  locks: [],
  location: -1,
} as const;

/** As PostgreSQL does, COPY says nothing of the place of its table's name. */
const tableReference = (name: RelationName): TableReference => ({
  kind: "table",
  name: { ...name, location: -1 },
  alias: null,
  time: null,
  isInherited: true,
  location: -1,
});

/** A column that is not there is told with its table, as its names are those of a list. */
function ofTable(error: unknown, table: RelationName | null): unknown {
  if (!(error instanceof SqlError) || error.sqlState !== "42703" || table === null) return error;
  const message = error.message.replace(/ does not exist$/, ` of relation "${table.name}" does not exist`);
  const { hint: _nearest, ...fields } = error.fields;
  return new SqlError("42703", message, fields);
}

const allColumns = { kind: "columnName", parts: [], isStar: true, isOfCopy: true, location: -1 } as const;

/** The columns of a table that are not computed from others, or those that are named. */
const tableQuery = (table: RelationName, columns: readonly string[], isOut: boolean): Query => ({
  ...plainTail,
  kind: "select",
  distinct: null,
  items:
    columns.length === 0
      ? [{ expression: allColumns, name: null, location: -1 }]
      : columns.map((column) => ({
          expression: { kind: "columnName", parts: [column], isStar: false, isOfCopy: true, location: -1 },
          name: null,
          location: -1,
        })),
  into: null,
  from: [{ ...tableReference(table), isOfCopy: isOut }],
  where: null,
  group: [],
  isGroupDistinct: false,
  having: null,
  windows: [],
});

export class CopyRuns {
  readonly #host: CopyHost;

  constructor(host: CopyHost) {
    this.#host = host;
  }

  /** Returns how many rows went out. */
  async out(copy: Copy, statement: CachedStatement): Promise<number> {
    const options = copyOptions(copy, this.#host.encoding());
    const { table, query: given, columns } = copy;
    const query = given ?? (table === null ? null : tableQuery(table, columns, true));
    if (query?.kind === "merge") throw new SqlError("0A000", "MERGE not supported in COPY");
    if (query === null) throw new SqlError("XX000", "COPY names neither a table nor a query");
    const run = cached({ ...statement, text: `/* rows */ ${statement.text}`, statement: query });
    const { writer, runs } = this.#host;
    const destination = await this.#host.enter(run);
    const isBinary = options.format === "binary";
    const resultFormats = [isBinary ? 1 : 0] as const;
    const execute = { kind: "execute", text: run.text, syntax: run.syntax(), resultFormats } as const;
    let reply = await runs.rows(execute, destination).catch((error: unknown) => {
      throw given === null ? ofTable(error, table) : error;
    });
    const names = (reply.columns ?? []).map(({ name }: SqlColumn) => name);
    if (reply.columns === null) throw new SqlError("0A000", "COPY query must have a RETURNING clause");
    const lines = new RowsOut(options);
    writer.copyOutResponse(isBinary ? 1 : 0, names.length);
    const encode = (bytes: Uint8Array): Uint8Array => options.encoding?.fromUtf8(bytes) ?? bytes;
    for (const bytes of lines.begin(names)) writer.copyData(encode(bytes));
    for (;;) {
      this.#host.take(reply);
      for (const line of lines.convert(reply.rows)) writer.copyData(encode(line));
      if (reply.cursor === 0) break;
      await this.#host.relieve();
      reply = await runs.rows({ kind: "fetch", cursor: reply.cursor }, destination);
    }
    for (const bytes of lines.end()) writer.copyData(bytes);
    writer.copyDone();
    return lines.rows;
  }

  /** Returns how many rows came in. */
  async in(copy: Copy, statement: CachedStatement): Promise<number> {
    const options = copyOptions(copy, this.#host.encoding());
    const { table } = copy;
    if (table === null) throw new SqlError("42601", "COPY FROM needs a table");
    const columns = await this.#columnsIn(table, copy.columns, statement);
    const isBinary = options.format === "binary";
    const load = new Load(this.#host, {
      statement,
      table,
      columns,
      where: copy.where,
      format: isBinary ? 1 : 0,
    });
    if (copy.where !== null) await load.expectSound();
    this.#host.writer.copyInResponse(isBinary ? 1 : 0, columns.length);
    this.#host.flush();
    const blocks = [0, 1].map(() => new CopyBlock(table.name, columns, isBinary));
    await this.#fill(blocks, new RowsIn(options, columns, blockOf(blocks, 0)), load);
    return load.count;
  }

  /** A block is filled while the one before it is stored. */
  async #fill(blocks: readonly CopyBlock[], rows: RowsIn, load: Load): Promise<void> {
    let number = 0;
    let stored: Promise<void> = Promise.resolve();
    let hasFailed = false;
    const failed = (): void => {
      hasFailed = true;
      // What went wrong is told before the client has said more.
      this.#host.inbox.nudge();
    };
    try {
      while (!hasFailed && (await this.#nextData(rows, () => hasFailed))) {
        const block = blockOf(blocks, number);
        if (!block.isFull) continue;
        await stored;
        stored = load.store(block);
        stored.catch(failed);
        number += 1;
        rows.fill(blockOf(blocks, number));
      }
      if (!hasFailed) rows.finish();
    } catch (error) {
      if (!(error instanceof FatalError)) {
        await stored;
        await this.#storeBefore(error, blockOf(blocks, number), load);
      }
      throw error;
    }
    await stored;
    const last = blockOf(blocks, number);
    if (last.values.rows > 0) await load.store(last);
  }

  /**
   * What is wrong with rows before one that is none is told before that; but not a key that is taken, which PostgreSQL looks up when it has
   * gathered many rows.
   */
  async #storeBefore(error: unknown, block: CopyBlock, load: Load): Promise<void> {
    block.values.dropRow();
    if (block.values.rows === 0) return;
    try {
      await load.store(block);
    } catch (earlier) {
      throw earlier instanceof SqlError && earlier.sqlState === "23505" ? error : earlier;
    }
  }

  /** Who may only INSERT need not be able to read: then columns that are named are taken at their word, which the INSERT checks. */
  async #columnsIn(
    table: RelationName,
    columns: readonly string[],
    statement: CachedStatement,
  ): Promise<readonly string[]> {
    try {
      return await this.columnsOf(table, columns, statement);
    } catch (error) {
      if (error instanceof SqlError && error.sqlState === "42501" && columns.length > 0) return columns;
      throw error;
    }
  }

  /** Names that the data has values for, in order. Throws for a table or column that is not there. */
  async columnsOf(
    table: RelationName,
    columns: readonly string[],
    statement: CachedStatement,
  ): Promise<readonly string[]> {
    const query = cached({
      ...statement,
      // A statement may ask about several tables.
      text: `/* columns ${JSON.stringify([table.schema, table.name, columns])} */ ${statement.text}`,
      statement: tableQuery(table, columns, false),
    });
    try {
      const described = await this.#host.runs.described(
        { kind: "describe", text: query.text, syntax: query.syntax() },
        this.#host.destinationOf(query),
      );
      return (described.columns ?? []).map(({ name }) => name);
    } catch (error) {
      throw ofTable(error, table);
    }
  }

  /** False when the client has sent all, or is not waited for any more. */
  async #nextData(rows: RowsIn, isStopped: () => boolean): Promise<boolean> {
    const raw = await this.#host.inbox.peek(0, isStopped);
    if (raw === null && isStopped()) return false;
    if (raw === null) throw new FatalError("08006", "the client is gone in the middle of a COPY");
    this.#host.inbox.take();
    const message = decodeFrontend(kindOf(raw.type), raw.body, this.#host.encoding());
    switch (message.kind) {
      case "copyData":
        rows.push(message.bytes);
        return true;
      case "copyDone":
        return false;
      case "copyFail":
        throw rows.failedBehind(new SqlError("57014", `COPY from stdin failed: ${message.message}`));
      case "flush":
      case "sync":
        return true;
      default:
        throw new SqlError("08P01", `unexpected message type 0x${raw.type.toString(16)} during COPY from stdin`);
    }
  }
}

/** Rows on their way into a table. */
class Load {
  readonly #host: CopyHost;
  readonly #format: 0 | 1;
  /** An INSERT of one row: it is run for each. */
  readonly #insert: CachedStatement;
  /** Whether the lines hold no values, as those of a table without columns do. */
  readonly #isBare: boolean;
  count = 0;

  constructor(
    host: CopyHost,
    {
      statement,
      table,
      columns,
      where,
      format,
    }: {
      readonly statement: CachedStatement;
      readonly table: RelationName;
      readonly columns: readonly string[];
      readonly where: Expression | null;
      readonly format: 0 | 1;
    },
  ) {
    this.#host = host;
    this.#format = format;
    this.#isBare = columns.length === 0;
    this.#insert = cached({
      ...statement,
      // The columns are not the text's to say: it is another statement when the table has become another.
      text: `/* load ${JSON.stringify(columns)} */ ${statement.text}`,
      parameterCount: columns.length,
      statement: {
        kind: "insert",
        location: -1,
        with: null,
        table: tableReference(table),
        columns: columns.map((name) => ({ name, steps: [], location: -1 })),
        source: this.#isBare
          ? null
          : {
              ...plainTail,
              kind: "values",
              rows: [columns.map((_name, column) => ({ kind: "parameterName", number: column + 1, location: -1 }))],
            },
        // As COPY does: values for GENERATED ALWAYS identities are taken.
        overriding: "system",
        condition: where,
        onConflict: null,
        returning: [],
      },
    });
  }

  /** Throws what is wrong with the statement before a row has come. */
  async expectSound(): Promise<void> {
    const { text, syntax } = this.#insert;
    const destination = this.#host.destinationOf(this.#insert);
    await this.#host.runs.described({ kind: "describe", text, syntax: syntax() }, destination);
  }

  /** Stores a block, which can be filled again afterwards. */
  async store({ values, lines }: CopyBlock): Promise<void> {
    const { rows } = values;
    const bytes = values.take();
    const insert = this.#insert;
    const destination = await this.#host.enter(insert);
    const parameters = [{ format: this.#format, bytes }];
    const one = { text: insert.text, syntax: insert.syntax() };
    const load = this.#isBare
      ? ({ kind: "execute", ...one } as const)
      : ({ kind: "load", ...one, parameters } as const);
    try {
      for (let left = this.#isBare ? rows : 1; left > 0; left -= 1) {
        const reply = await this.#host.runs.rows(load, destination);
        this.#host.take(reply);
        this.count += Number(reply.tag.split(" ").at(-1));
      }
    } catch (error) {
      throw lines.located(error, bytes);
    }
    lines.clear();
  }
}

function blockOf(blocks: readonly CopyBlock[], number: number): CopyBlock {
  const block = blocks[number % blocks.length];
  assert(block !== undefined, "there are blocks to be filled in turns");
  return block;
}
