/**
 * An error of a statement, in PostgreSQL's terms: what every client of its protocol already knows how to show and to act upon. It is a
 * value of the language, not of the program: whoever runs statements catches it, undoes the statement and answers it.
 */

/** Fields of PostgreSQL's ErrorResponse beside severity, SQLSTATE and message. */
export interface SqlErrorFields {
  /** Byte offset in the statement's UTF-8 text, from 0. The protocol sends it in characters, from 1. */
  readonly position?: number | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
  /** What was under way, as "COPY t, line 3". */
  readonly context?: string | undefined;
  /** Of a load: the row that failed and, where it was a value, its column, both from 0: `12 3`. Whoever knows the lines makes a context of it. */
  readonly loadPlace?: string | undefined;
}

export class SqlError extends Error {
  override readonly name = "SqlError";
  /** Five characters, `23505` and the like. */
  readonly sqlState: string;
  readonly fields: SqlErrorFields;

  constructor(sqlState: string, message: string, fields: SqlErrorFields = {}) {
    super(message);
    this.sqlState = sqlState;
    this.fields = fields;
  }
}

/** The error of a row of a load, or of one of its values, with its place; one that has a place already keeps it. */
export function atLoadPlace(error: unknown, row: number, column: number | null): unknown {
  if (!(error instanceof SqlError) || error.fields.loadPlace !== undefined) return error;
  const loadPlace = column === null ? `${row}` : `${row} ${column}`;
  return new SqlError(error.sqlState, error.message, { ...error.fields, loadPlace });
}

/** What is understood and not done. Never half done, never accepted and ignored. */
export const notSupported = (what: string, position?: number): SqlError =>
  new SqlError("0A000", `${what} is not supported`, { position });
