/** Where the rows of statements that read one row are written: memory that is used again by every run of the same statement. */
import type { TextContext } from "../../runtime/query/types/text-context.js";
import type { SqlColumn, SqlRequest } from "../messages/sql.js";
import { DataRows } from "./data-rows.js";

type Formats = SqlRequest["resultFormats"];

export class PointRows {
  readonly #known = new WeakMap<readonly SqlColumn[], { readonly formats: Formats; readonly rows: DataRows }>();

  /** Empty, and good until the statement is run again. */
  of(columns: readonly SqlColumn[], formats: Formats, context: TextContext): DataRows {
    const known = this.#known.get(columns);
    if (known !== undefined && isSameFormats(known.formats, formats)) return known.rows.under(context);
    const rows = new DataRows(
      columns.map(({ type }) => ({ oid: type })),
      formats,
      context,
    );
    this.#known.set(columns, { formats, rows });
    return rows;
  }
}

const isSameFormats = (a: Formats, b: Formats): boolean =>
  a === b || (a.length === b.length && a.every((format, at) => format === b[at]));
