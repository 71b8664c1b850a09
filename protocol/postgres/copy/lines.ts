/**
 * Where the rows of a block of COPY stand in what the client sent: a row that fails is told with its line, as PostgreSQL tells it.
 *
 *   COPY t, line 3, column b: "x"   a value that cannot be read
 *   COPY t, line 3: "1,x"           a line that is no row, or a row that breaks a constraint
 *   COPY t, line 3                  a row whose key is taken; any row in the binary format
 */
import { LoadBlockReader } from "../../../actors/messages/load-block.js";
import { SqlError } from "../../../runtime/query/error.js";
import { shortened } from "../../../runtime/query/types/bytes.js";
import { assert } from "../../../runtime/types/assert.js";

/** Bytes of a line or a value that are shown. */
const shownBytesMax = 100;

const shown = (bytes: Uint8Array): string => shortened(bytes, shownBytesMax);

/** The error with what was under way, if it does not say so itself; behind what a value says of its own inside. */
export function inContext(error: unknown, context: string): unknown {
  if (!(error instanceof SqlError)) return error;
  const { context: own } = error.fields;
  if (own?.startsWith("COPY ") === true || own?.includes("\nCOPY ") === true) return error;
  const all = own === undefined ? context : `${own}\n${context}`;
  return new SqlError(error.sqlState, error.message, { ...error.fields, loadPlace: undefined, context: all });
}

export class CopyLines {
  readonly #table: string;
  readonly #columns: readonly string[];
  readonly #isBinary: boolean;
  /** Of each row of the block: its line, and where it lies in the pieces, one behind the other. */
  readonly #numbers: number[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(table: string, columns: readonly string[], isBinary: boolean) {
    this.#table = table;
    this.#columns = columns;
    this.#isBinary = isBinary;
  }

  /** A row that lies at [from, to) of the piece that is kept next. */
  add(line: number, from: number, to: number): void {
    assert(line > 0 && from <= to, "a row stands in a line");
    this.#numbers.push(line);
    this.#from.push(this.#length + from);
    this.#to.push(this.#length + to);
  }

  /** What the client sent, as far as the rows that were added lie in it. It must not change before the next block begins. */
  keep(piece: Uint8Array): void {
    if (this.#isBinary || piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The next block begins. */
  clear(): void {
    this.#numbers.length = 0;
    this.#from.length = 0;
    this.#to.length = 0;
    this.#pieces.length = 0;
    this.#length = 0;
  }

  /** Of a line that is at hand, or of none. */
  at(line: number, text: Uint8Array | null): string {
    const place = `COPY ${this.#table}, line ${line}`;
    return text === null || this.#isBinary ? place : `${place}: "${shown(text)}"`;
  }

  /** An error of a load of the block: with the place of its row, if it has one. */
  located(error: unknown, block: Uint8Array): unknown {
    if (!(error instanceof SqlError) || error.fields.loadPlace === undefined) return error;
    const [row = 0, column] = error.fields.loadPlace.split(" ").map(Number);
    const line = this.#numbers[row];
    assert(line !== undefined, "a row of a load is one of its block");
    // Bytes that are no text are found before the line is one; keys are looked at when many rows are written.
    const isBare = error.sqlState === "22021" || error.sqlState === "23505";
    const text = column === undefined && !isBare ? this.#line(row) : null;
    const value = column === undefined || isBare ? "" : this.#valueText(block, row, column);
    return inContext(error, `${this.at(line, text)}${value}`);
  }

  #line(row: number): Uint8Array {
    const all = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    return (all ?? new Uint8Array(0)).subarray(this.#from[row], this.#to[row]);
  }

  #valueText(block: Uint8Array, row: number, column: number): string {
    const name = `, column ${this.#columns[column] ?? ""}`;
    if (this.#isBinary) return name;
    const rows = new LoadBlockReader(block, this.#columns.length);
    for (let each = 0; each <= row; each++) assert(rows.next(), "a row of a load is one of its block");
    const value = rows.value(column);
    return value === null ? `${name}: null input` : `${name}: "${shown(value)}"`;
  }
}
