/** An error that the server answered a statement with. */
import { KimberliteError } from "../../../runtime/types/errors.js";

export class SqlFailure extends Error {
  override readonly name = "SqlFailure";
  readonly sqlState: string;
  readonly severity: string;
  /** In characters of the statement, from 1. */
  readonly position: number | undefined;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly schema: string | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly constraint: string | undefined;

  /** @param fields by the letters of the protocol */
  constructor(fields: Readonly<Record<string, string>>) {
    super(fields["M"] ?? "the server answered with an error");
    this.severity = fields["V"] ?? "ERROR";
    this.sqlState = fields["C"] ?? "XX000";
    this.position = fields["P"] === undefined ? undefined : Number(fields["P"]);
    this.detail = fields["D"];
    this.hint = fields["H"];
    this.schema = fields["s"];
    this.table = fields["t"];
    this.column = fields["c"];
    this.constraint = fields["n"];
  }

  /** A transaction that did nothing and may be run again: 40001, or a deadlock. */
  get isRetryable(): boolean {
    return this.sqlState === "40001" || this.sqlState === "40P01";
  }
}

export const connectionLost = (cause?: unknown): KimberliteError =>
  new KimberliteError("connectionLost", "the connection for SQL ended", cause === undefined ? {} : { cause });
