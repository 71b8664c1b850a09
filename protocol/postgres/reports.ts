/** Errors and notices in the form in which they are sent. */
import type { SqlNotice } from "../../actors/messages/sql.js";
import { SqlError } from "../../runtime/query/error.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { ErrorReport } from "./backend-writer.js";

/** Ends the session after it was said. */
export class FatalError extends Error {
  override readonly name = "FatalError";
  readonly sqlState: string;
  readonly detail: string | undefined;

  constructor(sqlState: string, message: string, detail?: string) {
    super(message);
    this.sqlState = sqlState;
    this.detail = detail;
  }
}

/** Where a statement stands in what the client sent. */
export interface SourcePlace {
  readonly text: string;
  /** In bytes of UTF-8. */
  readonly offset: number;
  /** Where in that text a place of the statement is that runs instead of it; absent where it runs as it stands. */
  readonly moved?: (position: number) => number;
}

/** A place in bytes as PostgreSQL counts: characters, from 1. 0 for none. */
function characterPosition(place: SourcePlace | null, position: number | undefined): number {
  if (place === null || position === undefined || position < 0) return 0;
  const bytes = Buffer.from(place.text);
  const at = place.offset + position;
  const end = Math.min(place.moved?.(at) ?? at, bytes.length);
  let characters = 0;
  // A character begins at every byte but those that continue one.
  for (let at = 0; at < end; at++) if (((bytes[at] ?? 0) & 0xc0) !== 0x80) characters += 1;
  return characters + 1;
}

/** Null for what is no error of the statement or of the client: a bug of this program. */
export function reportOf(error: unknown, place: SourcePlace | null): ErrorReport | null {
  if (error instanceof SqlError) {
    const { sqlState, message, fields } = error;
    return { severity: "ERROR", sqlState, message, fields, position: characterPosition(place, fields.position) };
  }
  if (error instanceof FatalError) {
    const { sqlState, message, detail } = error;
    return { severity: "FATAL", sqlState, message, fields: { detail }, position: 0 };
  }
  if (error instanceof KimberliteError) {
    return { severity: "ERROR", sqlState: error.sqlState, message: error.message, fields: {}, position: 0 };
  }
  return null;
}

/** What a client is told of a bug of this program that ends its session. */
export const defectReport = (error: unknown): ErrorReport =>
  told("FATAL", "XX000", `internal error: ${error instanceof Error ? error.message : String(error)}`);

export const noticeReport = (notice: SqlNotice, place: SourcePlace | null): ErrorReport => ({
  ...notice,
  position: characterPosition(place, notice.fields.position),
});

const told = (severity: ErrorReport["severity"], sqlState: string, message: string): ErrorReport => ({
  severity,
  sqlState,
  message,
  fields: {},
  position: 0,
});

export const warning = (sqlState: string, message: string): ErrorReport => told("WARNING", sqlState, message);

export const notice = (message: string): ErrorReport => told("NOTICE", "00000", message);
