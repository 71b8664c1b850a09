/**
 * Rows of `kimberlite.materialized_views`. A view that is kept up to date stands at the position that the statement reads, as its rows change
 * with every commit; one that is not stands where it was last refreshed.
 */
import type { Catalog, MaterializedViewDefinition } from "../../runtime/query/catalog/model.js";
import {
  type ColumnVector,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
  type TableSource,
} from "../../runtime/query/table/access.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { isMaintained } from "../../runtime/query/view/shape.js";
import { assert } from "../../runtime/types/assert.js";

/** Number of the column that has to be counted. */
const rowsColumn = 7;

export class MaterializedViewScan implements TableScan {
  readonly #tables: TableSource;
  readonly #catalog: Catalog;
  readonly #request: ScanRequest;
  #isDone = false;

  constructor(tables: TableSource, catalog: Catalog, request: ScanRequest) {
    assert(request.index === null, "materialized views are listed one after the other");
    this.#tables = tables;
    this.#catalog = catalog;
    this.#request = request;
  }

  next(): ScanBatch | null {
    if (this.#isDone) return null;
    this.#isDone = true;
    const { columns } = this.#request;
    const rows: (readonly Datum[])[] = [];
    for (const object of this.#catalog.objects()) {
      if (object.kind === "materializedView") rows.push(this.#row(object, columns.includes(rowsColumn)));
    }
    if (rows.length === 0) return null;
    const vectors = columns.map(
      (number): ColumnVector => ({ kind: "values", values: rows.map((row) => row[number - 1] ?? null) }),
    );
    return { rows: rows.length, columns: vectors, keys: [] };
  }

  #row(view: MaterializedViewDefinition, isCounted: boolean): readonly Datum[] {
    const { name, schema, maintenance, isPopulated, refreshedAt } = view;
    const position = isMaintained(view, this.#catalog) ? this.#tables.position : refreshedAt;
    return [
      this.#catalog.objectByOid(schema)?.name ?? "",
      name,
      maintenance.kind,
      maintenance.kind === "refresh" ? maintenance.reason : null,
      isPopulated,
      isPopulated ? position : null,
      isPopulated && isCounted ? this.#count(view) : null,
    ];
  }

  #count({ rows: table }: MaterializedViewDefinition): number {
    const scan = this.#tables.scan({
      table,
      index: null,
      ranges: [{ from: null, to: null }],
      isBackward: false,
      columns: [],
      wantsKeys: false,
      history: null,
    });
    let count = 0;
    for (let batch = scan.next(); batch !== null; batch = scan.next()) count += batch.rows;
    scan.close();
    return count;
  }

  close(): void {
    this.#isDone = true;
  }
}
