/**
 * How the lines of COPY's data end: all of them as the first does, in `\n` or `\r\n`. A carriage return elsewhere is written as an escape, or
 * within quotes. Else a file of another kind would be one long value.
 */
import { SqlError } from "../../../runtime/query/error.js";

export class LineEnds {
  readonly #isCsv: boolean;
  /** Null while no line has ended. */
  #isReturn: boolean | null = null;

  constructor(isCsv: boolean) {
    this.#isCsv = isCsv;
  }

  /** Lines end in `\r\n`. */
  get isReturn(): boolean {
    return this.#isReturn === true;
  }

  /** A line has ended. Throws 22P04 when others have ended in another way. */
  ended(isReturn: boolean): void {
    if (this.#isReturn !== null && this.#isReturn !== isReturn)
      throw isReturn ? this.strayReturn() : this.#stray("newline", "n");
    this.#isReturn = isReturn;
  }

  /** A carriage return that ends no line. */
  strayReturn(): SqlError {
    return this.#stray("carriage return", "r");
  }

  #stray(what: string, letter: string): SqlError {
    return this.#isCsv
      ? new SqlError("22P04", `unquoted ${what} found in data`, {
          hint: `Use quoted CSV field to represent ${what}.`,
        })
      : new SqlError("22P04", `literal ${what} found in data`, { hint: `Use "\\${letter}" to represent ${what}.` });
  }
}
