/** How the row that a foreign key leads to is found: by its primary key, or through a unique index. */
import { TableKey, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { AssertionFailed, assert } from "../../types/assert.js";
import type { Catalog, ConstraintDefinition, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { indexCodecOf, indexContent, rowKeyCodecOf } from "../table/index-keys.js";
import { storageOf } from "../table/value-bytes.js";
import type { Datum } from "../types/datum.js";
import { type KeyConversion, keyConversion } from "./reference-types.js";

export type ForeignKey = Extract<ConstraintDefinition, { kind: "foreignKey" }>;

export const foreignKeysOf = (table: TableDefinition): ForeignKey[] =>
  table.constraints.filter((constraint): constraint is ForeignKey => constraint.kind === "foreignKey");

/** Whether such values refer to nothing, so that there is nothing to be looked for. */
export const refersToNothing = ({ match }: ForeignKey, values: readonly Datum[]): boolean =>
  match === "full" ? values.every((value) => value === null) : values.includes(null);

export const sameColumns = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((number) => b.includes(number));

/** Places among a key's columns of those that hold 32 bits at most. */
export function narrowPlaces(table: TableDefinition, numbers: readonly number[]): readonly number[] {
  return numbers.flatMap((number, place) => {
    const column = table.columns[number - 1];
    assert(column !== undefined, "a key's column is one of its table's");
    const kind = storageOf(column.type.oid)?.kind;
    return kind === "int16" || kind === "int32" ? [place] : [];
  });
}

/**
 * Whether such values can stand in a key at all. Integers of one width may refer to those of another: what is out of a key's range is in no
 * row, and the key's codec refuses it.
 */
export function fitPlaces(narrow: readonly number[], values: readonly Datum[]): boolean {
  return narrow.every((place) => {
    const value = values[place];
    if (typeof value !== "number" && typeof value !== "bigint") return true;
    return value >= -0x8000_0000 && value <= 0x7fff_ffff;
  });
}

export class ReferencedRows {
  readonly parent: TableDefinition;
  /** Null: the primary key. */
  readonly #index: IndexDefinition | null;
  /** For each key of it the place among the constraint's columns. */
  readonly #order: readonly number[];
  readonly #narrow: readonly number[];
  readonly #conversion: KeyConversion | null;
  readonly #key = new TableKey();

  constructor(child: TableDefinition, parent: TableDefinition, constraint: ForeignKey, catalog: Catalog) {
    const { referencedColumns } = constraint;
    this.parent = parent;
    this.#conversion = keyConversion(child, parent, constraint);
    this.#narrow = narrowPlaces(parent, referencedColumns);
    const isPrimary = sameColumns(parent.keyColumns, referencedColumns);
    this.#index = isPrimary ? null : uniqueIndex(parent, referencedColumns, catalog);
    const columns = this.#index === null ? parent.keyColumns : this.#index.keys.map(({ column }) => column);
    this.#order = columns.map((number) => referencedColumns.indexOf(number));
    assert(
      this.#order.every((place) => place >= 0),
      "a foreign key refers to a whole key",
    );
  }

  /**
   * The key of the row in the trees that a row with these values refers to; null when there can be none, or an index says that there is none.
   * The row itself may be none, too.
   */
  find(reader: TreeReader, tenant: number, values: readonly Datum[]): Uint8Array | null {
    const own = this.#conversion === null ? values : this.#conversion.forth(values);
    return own === null ? null : this.findOwn(reader, tenant, own);
  }

  /** As `find`, by values of the referenced columns. */
  findOwn(reader: TreeReader, tenant: number, values: readonly Datum[]): Uint8Array | null {
    const ordered = this.#order.map((place) => values[place] ?? null);
    const { parent } = this;
    if (!fitPlaces(this.#narrow, values)) return null;
    const index = this.#index;
    if (index === null)
      return this.#key.item(tenant, parent.storage, rowKeyCodecOf(parent).encodeBound(ordered)).slice();
    const key = this.#key.item(tenant, index.storage, indexCodecOf(index).encodeBound(ordered));
    if (!reader.get(tableTree.index, key)) return null;
    const { valueBytes, valueStart, valueLength } = reader;
    assert(valueBytes[valueStart + 8] === indexContent.rowKeyInContent, "a unique entry leads to its row");
    const rowKey = valueBytes.slice(valueStart + 9, valueStart + valueLength);
    return this.#key.item(tenant, parent.storage, rowKey).slice();
  }
}

function uniqueIndex(parent: TableDefinition, columns: readonly number[], catalog: Catalog): IndexDefinition {
  const index = catalog.indexesOf(parent).find(({ isUnique, isDeferrable, predicate, keys }) => {
    const numbers = keys.map(({ column }) => column);
    return isUnique && isDeferrable !== true && predicate === null && sameColumns(numbers, columns);
  });
  if (index === undefined) throw new AssertionFailed("a foreign key refers to a unique key");
  return index;
}
