/** A statement on its way through a projection: as it was asked for, and as it runs. */
import type { Port } from "../../../runtime/actor/definition.js";
import type { QueryEnvironment, RowStream } from "../../../runtime/query/engine.js";
import type { SqlError } from "../../../runtime/query/error.js";
import type { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import type { SqlColumn, SqlReply, SqlRequest, SqlRows } from "../../messages/sql.js";
import type { DataRows } from "../../sql/data-rows.js";
import type { Evaluation } from "../../sql/evaluation.js";

export interface Asked {
  readonly port: Port;
  readonly correlation: number;
  readonly request: SqlRequest;
}

/** A statement that was begun. */
export interface Run {
  readonly source: TreeTableSource;
  readonly environment: QueryEnvironment;
  readonly stream: RowStream;
  readonly rows: DataRows;
  readonly evaluation: Evaluation;
  readonly columns: readonly SqlColumn[] | null;
  readonly position: number;
  readonly tag: (rows: number) => string;
  isDone: boolean;
}

export interface Active extends Asked {
  readonly run: Run;
  /** True for the first answer, which has the columns. */
  readonly isFirst: boolean;
}

export const noRowBytes: Uint8Array = new Uint8Array(0);

export const failed = ({ sqlState, message, fields }: SqlError): SqlReply => ({
  kind: "failed",
  sqlState,
  message,
  fields,
});

/** The answer to what has no rows. */
export const ended = (tag: string): SqlRows => ({
  kind: "rows",
  columns: null,
  rows: noRowBytes,
  rowCount: 0,
  tag,
  cursor: 0,
  position: -1,
  wrote: false,
  delayMs: 0,
  notices: [],
  settings: [],
});
