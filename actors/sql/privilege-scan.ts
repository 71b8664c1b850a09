/** Rows of `kimberlite.privileges`: every right that anybody ever had, from which position on and until which. */

import { privilegeHistory } from "../../runtime/query/catalog/privilege-history.js";
import { privilegeNames } from "../../runtime/query/catalog/privileges.js";
import {
  type ColumnVector,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
} from "../../runtime/query/table/access.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import type { TreeReader } from "../../runtime/store/tree.js";
import { assert } from "../../runtime/types/assert.js";

export class PrivilegeScan implements TableScan {
  readonly #state: TreeReader;
  readonly #tenant: number;
  readonly #request: ScanRequest;
  readonly #bound: number;
  #isDone = false;

  /** @param bound positions below it are seen */
  constructor(state: TreeReader, tenant: number, request: ScanRequest, bound: number) {
    assert(request.index === null, "rights are listed one after the other");
    assert(tenant > 0, "rights are a tenant's");
    this.#state = state;
    this.#tenant = tenant;
    this.#request = request;
    this.#bound = bound;
  }

  next(): ScanBatch | null {
    if (this.#isDone) return null;
    this.#isDone = true;
    const rows = privilegeHistory(this.#state, this.#tenant, this.#bound).map(
      ({ kind, schema, name, column, grantee, grantor, letter, isGrantable, from, to }): readonly Datum[] => [
        kind,
        schema,
        name,
        grantee === "" ? "PUBLIC" : grantee,
        privilegeNames[letter] ?? letter,
        isGrantable,
        grantor,
        from,
        to,
        column,
      ],
    );
    if (rows.length === 0) return null;
    const vectors = this.#request.columns.map(
      (number): ColumnVector => ({ kind: "values", values: rows.map((row) => row[number - 1] ?? null) }),
    );
    return { rows: rows.length, columns: vectors, keys: [] };
  }

  close(): void {
    this.#isDone = true;
  }
}
