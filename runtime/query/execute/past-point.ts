/**
 * One row by its whole key as of a position or a moment, without operators: what point.ts is for the present. The row of now is looked up, and when it
 * was written later, the versions before it.
 *
 * The table must not have been defined anew since that position; that, and positions that are not reached, is for the general way.
 */
import { positionAt, TableKey, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { ColumnId } from "../plan/expression.js";
import type { PlanNode, PlanTimePoint } from "../plan/plan.js";
import { RowFetch } from "../table/row-fetch.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import { type KeyValue, type PointQuery, pointScanOf } from "./point.js";

/** The position of the newest command until a moment, µs as SQL counts them; -1 when there is none. */
export type PositionAt = (moment: number) => number;

/** Null when the plan is more than one row by its key as of a position or a moment that is a constant or a parameter. */
export function pastPointOf(plan: PlanNode, outputs: readonly ColumnId[]): PastPoint | null {
  const found = pointScanOf(plan, outputs);
  if (found === null || found.time?.kind !== "asOf") return null;
  const { kind, value } = found.time.point;
  if (value.kind === "parameter")
    return new PastPoint(found.query, found.table.oid, kind, { kind: "parameter", index: value.index });
  if (value.kind === "constant")
    return new PastPoint(found.query, found.table.oid, kind, { kind: "constant", value: value.value });
  return null;
}

export class PastPoint {
  readonly #query: PointQuery;
  readonly #table: Oid;
  readonly #kind: PlanTimePoint["kind"];
  /** The position or the moment. */
  readonly #time: KeyValue;
  readonly #catalogKey = new TableKey();
  #fetch: { readonly reader: TreeReader; readonly rows: RowFetch } | null = null;

  constructor(query: PointQuery, table: Oid, kind: PlanTimePoint["kind"], time: KeyValue) {
    this.#query = query;
    this.#table = table;
    this.#kind = kind;
    this.#time = time;
  }

  /**
   * The row's output columns, null when there was no such row, undefined when it is to be read the general way. Overwritten by the next call.
   *
   * @param newest position of the state that `reader` has
   */
  read(
    reader: TreeReader,
    tenant: number,
    parameters: readonly Datum[],
    newest: number,
    positionAt: PositionAt,
  ): readonly Datum[] | null | undefined {
    const at = this.#time;
    const given = at.kind === "parameter" ? parameters[at.index] : at.value;
    assert(given !== undefined, "a bound statement has a value for each parameter");
    const number = given === null ? -1 : Number(given);
    const isMoment = this.#kind === "timestamp" && given !== null;
    // Commands of that moment that this state has not seen are for later statements.
    const position = isMoment ? Math.min(positionAt(number), newest) : number;
    if (!Number.isSafeInteger(position) || position < 0 || position > newest) return undefined;
    if (!this.#isDefinedSince(reader, tenant, position)) return undefined;
    const key = this.#query.key(tenant, parameters);
    if (key === null) return null;
    if (this.#fetch?.reader !== reader) this.#fetch = { reader, rows: new RowFetch(reader) };
    const { rows } = this.#fetch;
    if (!rows.find(key, { from: position, to: position + 1 })) return null;
    return this.#query.decode(rows.bytes, rows.view, rows.contentAt);
  }

  /** Whether the table has been what it is now from that position on. */
  #isDefinedSince(reader: TreeReader, tenant: number, position: number): boolean {
    if (!reader.get(tableTree.catalog, this.#catalogKey.object(tenant, this.#table))) return false;
    return positionAt(reader.valueView, reader.valueStart) <= position;
  }
}
