/** Rows as the interpreter has them: values by column, and the rows around them that a subquery sees. */
import type { ColumnId } from "../../../runtime/query/plan/expression.js";
import type { PlanColumn } from "../../../runtime/query/plan/plan.js";
import type { Datum } from "../../../runtime/query/types/datum.js";

export type Row = ReadonlyMap<ColumnId, Datum>;

export class Scope {
  readonly #row: Row;
  readonly #outer: Scope | null;

  constructor(row: Row, outer: Scope | null) {
    this.#row = row;
    this.#outer = outer;
  }

  value(id: ColumnId): Datum {
    const own = this.#row.get(id);
    if (own !== undefined) return own;
    if (this.#outer === null) throw new Error(`no row has column ${id}`);
    return this.#outer.value(id);
  }
}

export const noRow: Row = new Map();

/** A row of these columns from values in their order. */
export const rowOf = (columns: readonly PlanColumn[], values: readonly Datum[]): Row =>
  new Map(columns.map(({ id }, at) => [id, values[at] ?? null]));

export const valuesOf = (columns: readonly PlanColumn[], row: Row): Datum[] =>
  columns.map(({ id }) => row.get(id) ?? null);

export const joined = (left: Row, right: Row): Row => new Map([...left, ...right]);
