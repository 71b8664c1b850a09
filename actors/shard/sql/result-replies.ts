/** Rows of a statement as answers: as many as the request wants now, the rest behind a cursor of its session. */
import type { SqlReply, SqlRequest } from "../../messages/sql.js";
import type { Evaluation } from "../../sql/evaluation.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import type { Session } from "./session.js";
import type { StatementResult } from "./statement-run.js";

const noBytes = new Uint8Array(0);
const nothingSaid: readonly never[] = [];

/** The answer of a statement that yields a row at most, and has nothing else to say. */
export function soleReply(
  { rows, tag, count }: StatementResult,
  { columns }: PlannedStatement,
  position: number,
  wrote: boolean,
): SqlReply {
  const rowCount = rows?.rows ?? 0;
  return {
    kind: "rows",
    columns: rows === null ? null : columns,
    rows: rows?.take() ?? noBytes,
    rowCount,
    tag: tag(count),
    cursor: 0,
    position,
    wrote,
    delayMs: 0,
    notices: nothingSaid,
    settings: nothingSaid,
  };
}

export function rowsReply(
  { rowsMax }: Pick<SqlRequest, "rowsMax">,
  session: Session,
  { rows, tag, count }: StatementResult,
  planned: PlannedStatement,
  evaluation: Pick<Evaluation, "notices" | "changed" | "takeDelay">,
  position: number,
  wrote: boolean,
): SqlReply {
  const wanted = rows === null ? 0 : rowsMax === 0 ? rows.rows : Math.min(rowsMax, rows.rows);
  const rowCount = rows === null ? 0 : rows.fitting(wanted);
  const isWhole = rows === null || rowCount === rows.rows;
  const bytes = rows === null ? noBytes : rows.takeSome(rowCount);
  return {
    kind: "rows",
    columns: rows === null ? null : planned.columns,
    rows: bytes,
    rowCount,
    tag: isWhole ? tag(rows === null ? count : rowCount) : "",
    cursor: isWhole ? 0 : session.open({ rows, tag, fetched: rowCount }),
    position,
    wrote,
    delayMs: evaluation.takeDelay(),
    notices: evaluation.notices,
    settings: evaluation.changed,
  };
}

/** More rows of a cursor, which ends with the last of them. */
export function fetchReply(
  session: Session,
  { cursor: number, rowsMax }: Pick<SqlRequest, "cursor" | "rowsMax">,
  position: number,
): SqlReply {
  const cursor = session.cursor(number);
  const wanted = cursor.rows.fitting(rowsMax === 0 ? cursor.rows.rows : Math.min(rowsMax, cursor.rows.rows));
  const rows = cursor.rows.takeSome(wanted);
  cursor.fetched += wanted;
  session.taken(cursor);
  const isDone = cursor.rows.rows === 0;
  if (isDone) session.close(number);
  return {
    kind: "rows",
    columns: null,
    rows,
    rowCount: wanted,
    tag: isDone ? cursor.tag(wanted) : "",
    cursor: isDone ? 0 : number,
    position,
    wrote: false,
    delayMs: 0,
    notices: [],
    settings: [],
  };
}
