/**
 * Arrays that come of JSON's: how deep they are nested is how many dimensions there are, as the first value that is no array tells, and all arrays
 * of one depth have as many items (PostgreSQL's `populate_array`).
 */
import { SqlError } from "../../error.js";
import { isArrayNode } from "../../types/jsonb.js";
import type { RecordField } from "./json.js";

/** What an item is as text, which the type of the array's elements reads. */
export type ItemText = (item: RecordField) => string;

class ArrayLiteral {
  readonly #column: string;
  readonly #textOf: ItemText;
  #dimensions = 0;
  /** By depth: items of an array, once one is known, and of the one that is read. */
  #lengths: (number | null)[] = [];
  #counts: number[] = [];
  /** No items at all, however many arrays there are. */
  #isEmpty = true;

  constructor(column: string, textOf: ItemText) {
    this.#column = column;
    this.#textOf = textOf;
  }

  #literal(item: RecordField): string {
    return item.node === null ? "NULL" : `"${this.#textOf(item).replace(/["\\]/gu, "\\$&")}"`;
  }

  /** @param depth 1 for the outermost */
  read(field: RecordField, depth: number): string {
    if (!isArrayNode(field.node)) throw this.#expectedArray(depth - 1);
    const fields = field.items();
    const [first] = fields;
    if (this.#dimensions === 0 && (first === undefined || !isArrayNode(first.node))) {
      this.#dimensions = depth;
      this.#lengths = Array.from({ length: depth }, () => null);
      this.#counts = this.#lengths.map(() => 0);
    }
    const items = fields.map((item) => {
      if (this.#dimensions > 0 && depth >= this.#dimensions) {
        this.#counts[depth - 1] = (this.#counts[depth - 1] ?? 0) + 1;
        return this.#literal(item);
      }
      const literal = this.read(item, depth + 1);
      this.#close(depth);
      return literal;
    });
    this.#isEmpty &&= depth < this.#dimensions || items.length === 0;
    return depth === 1 && this.#isEmpty ? "{}" : `{${items.join(",")}}`;
  }

  /** An array within the one of this depth is at its end. */
  #close(depth: number): void {
    const length = this.#counts[depth] ?? 0;
    const known = this.#lengths[depth] ?? length;
    this.#lengths[depth] = known;
    if (known !== length)
      throw new SqlError("22P02", "malformed JSON array", {
        detail: "Multidimensional arrays must have sub-arrays with matching dimensions.",
      });
    this.#counts[depth] = 0;
    this.#counts[depth - 1] = (this.#counts[depth - 1] ?? 0) + 1;
  }

  #expectedArray(depth: number): SqlError {
    const indexes = this.#counts.slice(0, depth).map((count) => `[${count}]`);
    const what = depth === 0 ? "value" : `array element ${indexes.join("")}`;
    return new SqlError("22P02", "expected JSON array", { hint: `See the ${what} of key "${this.#column}".` });
  }
}

/** What a column of an array's type reads. Throws 22P02 for what is no array, or none of even dimensions. @param column that it is for */
export const arrayLiteralOf = (field: RecordField, column: string, textOf: ItemText): string =>
  new ArrayLiteral(column, textOf).read(field, 1);
