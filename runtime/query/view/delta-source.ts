/**
 * What the plans of a view's changes read: the tables as they are with the commit, as they were before it, and the rows that it adds or takes
 * away. A plan tells them apart by the definition in its scan: each role of a table has a copy of its own.
 */
import { assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import {
  type ColumnVector,
  isNumberVector,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
  type TableSource,
} from "../table/access.js";
import { rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";

/** Rows as they are stored, without their positions. */
export interface TableChange {
  readonly removed: readonly Uint8Array[];
  readonly added: readonly Uint8Array[];
}

/** The rows of a change have no keys and no indexes: they are read from one end to the other. */
export const changedTable = (table: TableDefinition): TableDefinition => ({ ...table, keyColumns: [], indexes: [] });

const batchRows = 256;

class StoredRows implements TableScan {
  readonly #request: ScanRequest;
  readonly #rows: readonly Uint8Array[];
  #at = 0;

  constructor(request: ScanRequest, rows: readonly Uint8Array[]) {
    assert(request.index === null && request.history === null, "the rows of a change are not looked up");
    assert(!request.wantsKeys, "the rows of a change have no keys");
    this.#request = request;
    this.#rows = rows;
  }

  next(): ScanBatch | null {
    const { table, columns } = this.#request;
    const codec = rowCodecOf(table);
    const part = this.#rows.slice(this.#at, this.#at + batchRows);
    this.#at += part.length;
    if (part.length === 0) return null;
    const views = part.map((row) => new DataView(row.buffer, row.byteOffset, row.byteLength));
    const vectors = columns.map((number): ColumnVector => {
      const place = codec.places[number - 1];
      const column = table.columns[number - 1];
      assert(place !== undefined && column !== undefined, "a scan asks for columns of its table");
      const values = part.map((row, at): Datum => {
        const view = views[at];
        assert(view !== undefined, "each row has its view");
        return codec.read(row, view, 0, place);
      });
      if (!isNumberVector(column.type.oid)) return { kind: "values", values };
      return {
        kind: "numbers",
        numbers: Float64Array.from(values, (value) => (value === null ? 0 : Number(value))),
        nulls: Uint8Array.from(values, (value) => (value === null ? 1 : 0)),
        hasNulls: values.includes(null),
      };
    });
    return { rows: part.length, columns: vectors, keys: [] };
  }

  close(): void {
    this.#at = this.#rows.length;
  }
}

/** Definitions that stand for a table as it was before the commit, and for the rows that one run of a plan is about. */
export interface TableRoles {
  readonly before: ReadonlySet<TableDefinition>;
  readonly changed: TableDefinition | null;
}

export class DeltaSource implements TableSource {
  readonly #roles: TableRoles;
  readonly #rows: readonly Uint8Array[];
  readonly #before: TableSource;
  readonly #after: TableSource;

  constructor(roles: TableRoles, rows: readonly Uint8Array[], before: TableSource, after: TableSource) {
    this.#roles = roles;
    this.#rows = rows;
    this.#before = before;
    this.#after = after;
  }

  get position(): number {
    return this.#after.position;
  }

  scan(request: ScanRequest): TableScan {
    if (request.table === this.#roles.changed) return new StoredRows(request, this.#rows);
    return (this.#roles.before.has(request.table) ? this.#before : this.#after).scan(request);
  }

  rowsEstimate(table: TableDefinition): number {
    return table === this.#roles.changed ? 1 : this.#after.rowsEstimate(table);
  }
}
