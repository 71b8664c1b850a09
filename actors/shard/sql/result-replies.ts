/** Rows of a statement as answers: as many as the request wants now, the rest behind a cursor of its session. */
import type { SqlReply, SqlRequest } from "../../messages/sql.js";
import type { Evaluation } from "../../sql/evaluation.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import type { Session } from "./session.js";
import type { StatementResult } from "./statement-run.js";

const noBytes = new Uint8Array(0);

export function rowsReply(
  { rowsMax }: Pick<SqlRequest, "rowsMax">,
  session: Session,
  { rows, tag, count }: StatementResult,
  planned: PlannedStatement,
  evaluation: Pick<Evaluation, "notices" | "changed" | "takeDelay">,
  position: number,
  wrote: boolean,
): SqlReply {
  const columns = rows === null ? null : planned.columns;
  const { notices, changed: settings } = evaluation;
  const delayMs = evaluation.takeDelay();
  const common = { kind: "rows" as const, columns, position, wrote, delayMs, notices, settings };
  if (rows === null) return { ...common, rows: noBytes, rowCount: 0, tag: tag(count), cursor: 0 };
  if (rowsMax === 0 || rows.rows <= rowsMax) {
    const shown = rows.rows;
    return { ...common, rows: rows.take(), rowCount: shown, tag: tag(shown), cursor: 0 };
  }
  const first = rows.takeSome(rowsMax);
  const cursor = session.open({ rows, tag, fetched: rowsMax });
  return { ...common, rows: first, rowCount: rowsMax, tag: "", cursor };
}

/** More rows of a cursor, which ends with the last of them. */
export function fetchReply(
  session: Session,
  { cursor: number, rowsMax }: Pick<SqlRequest, "cursor" | "rowsMax">,
  position: number,
): SqlReply {
  const cursor = session.cursor(number);
  const wanted = rowsMax === 0 ? cursor.rows.rows : Math.min(rowsMax, cursor.rows.rows);
  const rows = cursor.rows.takeSome(wanted);
  cursor.fetched += wanted;
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
