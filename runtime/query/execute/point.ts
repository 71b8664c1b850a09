/**
 * The commonest query of all, one row by its whole key, without operators: the key is encoded, looked up, and the columns that are asked for
 * are decoded where the row lies. What it is, follows from the plan alone, so it is found out once and run with other parameters each time.
 *
 * It reads the state as it is now, by the row key. All else (a past, an index, a condition that is left, computed columns) is for operators.
 */
import { fromBytes, TableKey, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import { isAuditTable } from "../catalog/system/audit.js";
import { conjunctsOf } from "../plan/conjuncts.js";
import type { ColumnId } from "../plan/expression.js";
import type { PlanNode, ScanNode } from "../plan/plan.js";
import { rowKeyCodecOf } from "../table/index-keys.js";
import type { KeyCodec } from "../table/key-codec.js";
import { type ColumnPlace, type RowCodec, rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import { type Oid, typeOid } from "../types/sql-type.js";

export type KeyValue =
  | { readonly kind: "parameter"; readonly index: number }
  | { readonly kind: "constant"; readonly value: Datum };

/** The values of the key by which a scan finds one row at most; null for a scan that is more than that. */
export function pointKeyOf(scan: ScanNode): readonly KeyValue[] | null {
  if (scan.time !== null || (scan.index !== null && !scan.index.isPrimary)) return null;
  if (isAuditTable(scan.table)) return null;
  const key = keyOf(scan);
  return key === null || !isSaidByKey(scan) ? null : key;
}

/** Null when the plan is more than one row by its key, as of now. */
export function pointQueryOf(plan: PlanNode, outputs: readonly ColumnId[]): PointQuery | null {
  const found = pointScanOf(plan, outputs);
  return found === null || found.time !== null ? null : found.query;
}

/** One row by its key, and the time as of which it is read; null when the plan is more than that. */
export function pointScanOf(
  plan: PlanNode,
  outputs: readonly ColumnId[],
): { readonly query: PointQuery; readonly time: ScanNode["time"]; readonly table: TableDefinition } | null {
  if (plan.failing !== undefined) return null;
  const columns = new Map<ColumnId, ColumnId>();
  let node = plan;
  if (node.kind === "project") {
    for (const [at, expression] of node.expressions.entries()) {
      const column = node.columns[at];
      if (expression.kind !== "column" || column === undefined) return null;
      columns.set(column.id, expression.id);
    }
    node = node.input;
  }
  if (node.kind !== "scan") return null;
  const key = pointKeyOf({ ...node, time: null });
  if (key === null) return null;
  const codec = rowCodecOf(node.table);
  const places: ColumnPlace[] = [];
  for (const id of outputs) {
    const source = columns.get(id) ?? id;
    const number = node.numbers[node.columns.findIndex((column) => column.id === source)];
    const place = number === undefined || number < 1 ? undefined : codec.places[number - 1];
    if (place === undefined) return null;
    places.push(place);
  }
  return { query: new PointQuery(node, key, codec, places), time: node.time, table: node.table };
}

/** The values of a range that is one whole key; null for any other. */
function keyOf({ ranges, table }: ScanNode): KeyValue[] | null {
  const [range] = ranges;
  if (ranges.length !== 1 || range === undefined || range.from === null || range.to !== range.from) return null;
  if (
    range.isEach === true ||
    range.isRowKey === true ||
    !range.from.isInclusive ||
    range.from.values.length !== table.keyColumns.length
  )
    return null;
  if (table.keyColumns.length === 0) return null;
  const values: KeyValue[] = [];
  for (const value of range.from.values) {
    if (value.kind === "parameter") values.push({ kind: "parameter", index: value.index });
    else if (value.kind === "constant") values.push({ kind: "constant", value: value.value });
    else return null;
  }
  return values;
}

const integers: ReadonlySet<Oid> = new Set([typeOid.int2, typeOid.int4, typeOid.int8]);

/** Values of both types are equal when their keys are. */
const isAlike = (left: Oid, right: Oid): boolean => left === right || (integers.has(left) && integers.has(right));

/** Whether every condition of the scan is that a key column has the value by which it is looked up: the key says it then. */
function isSaidByKey({ filter, ranges, table, columns, numbers }: ScanNode): boolean {
  const values = ranges[0]?.from?.values ?? [];
  return conjunctsOf(filter).every((term) => {
    if (term.kind !== "call" || term.form !== "operator" || term.callee.name !== "=") return false;
    const [left, right] = term.arguments;
    if (left === undefined || right === undefined || !isAlike(left.type.oid, right.type.oid)) return false;
    return [
      [left, right],
      [right, left],
    ].some(([side, other]) => {
      // A varchar is compared as the text that it is.
      const column = side?.kind === "cast" && side.cast.kind === "none" ? side.subject : side;
      if (column?.kind !== "column" || other === undefined) return false;
      const number = numbers[columns.findIndex(({ id }) => id === column.id)];
      return number !== undefined && values[table.keyColumns.indexOf(number)] === other;
    });
  });
}

export class PointQuery {
  readonly #storage: number;
  readonly #keyCodec: KeyCodec;
  readonly #key: readonly KeyValue[];
  readonly #codec: RowCodec;
  readonly #places: readonly ColumnPlace[];
  readonly #treeKey = new TableKey();
  readonly #values: Datum[] = [];

  constructor({ table }: ScanNode, key: readonly KeyValue[], codec: RowCodec, places: readonly ColumnPlace[]) {
    this.#storage = table.storage;
    this.#keyCodec = rowKeyCodecOf(table);
    this.#key = key;
    this.#codec = codec;
    this.#places = places;
    assert(key.length === this.#keyCodec.columns, "a point has a value for each column of the key");
  }

  /** The row's output columns as they are in this version of the state; null when there is no such row. Overwritten by the next call. */
  read(reader: TreeReader, tenant: number, parameters: readonly Datum[]): readonly Datum[] | null {
    const key = this.key(tenant, parameters);
    if (key === null || !reader.get(tableTree.rows, key)) return null;
    return this.decode(reader.valueBytes, reader.valueView, reader.valueStart + fromBytes);
  }

  /** The row's key in its tree; null when a value is NULL, which equals nothing. Overwritten by the next call. */
  key(tenant: number, parameters: readonly Datum[]): Uint8Array | null {
    const values = this.#values;
    values.length = 0;
    for (const part of this.#key) {
      const value = part.kind === "parameter" ? parameters[part.index] : part.value;
      if (value === null) return null;
      assert(value !== undefined, "a bound statement has a value for each parameter");
      values.push(value);
    }
    return this.#treeKey.item(tenant, this.#storage, this.#keyCodec.encodeBound(values));
  }

  /** The output columns of a row whose content begins at `at`. Overwritten by the next call. */
  decode(bytes: Uint8Array, view: DataView, at: number): readonly Datum[] {
    const values = this.#values;
    values.length = 0;
    for (const place of this.#places) values.push(this.#codec.read(bytes, view, at, place));
    return values;
  }
}
