/** Which columns of tables and views a query names, with all that is within it. */
import type { Oid } from "../../types/sql-type.js";
import type { Output } from "./scope.js";

export class ColumnsUsed {
  readonly #columns = new Map<Oid, Set<number>>();

  /** A table or view is read, whether or not something of it is named. */
  read(relation: Oid): Set<number> {
    const columns = this.#columns.get(relation) ?? new Set();
    this.#columns.set(relation, columns);
    return columns;
  }

  add({ origin }: Output): void {
    if (origin !== undefined) this.read(origin.relation).add(origin.column);
  }

  /** By table or view, in the order in which they are read; no number for one of which nothing is named. */
  get columns(): ReadonlyMap<Oid, ReadonlySet<number>> {
    return this.#columns;
  }
}
