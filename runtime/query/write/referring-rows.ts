/** Rows that refer to keys: found by an index that begins with the foreign key's columns, else by going over the whole table, once for many keys. */
import { AssertionFailed, assert } from "../../types/assert.js";
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import type { KeyRange, ScanBatch, TableScan } from "../table/access.js";
import { compareBytes } from "../table/key-buffer.js";
import { KeyCodec } from "../table/key-codec.js";
import { nameOfKey } from "../table/overlay.js";
import type { Datum } from "../types/datum.js";
import type { WritePorts } from "./ports.js";
import { type KeyConversion, keyConversion } from "./reference-types.js";
import { type ForeignKey, fitPlaces, narrowPlaces, sameColumns } from "./referenced-rows.js";

/** Good for as long as nothing is written. */
export class ReferringRows {
  readonly #ports: WritePorts;
  readonly #child: TableDefinition;
  readonly #constraint: ForeignKey;
  /** Null: the primary key; undefined: nothing leads to the rows. */
  readonly #index: IndexDefinition | null | undefined;
  /** For each key of the index that counts, its place among the constraint's columns. */
  readonly #order: readonly number[];
  readonly #narrow: readonly number[];
  readonly #codec: KeyCodec;
  readonly #parent: TableDefinition;
  readonly #conversion: KeyConversion | null;
  #scan: TableScan | null = null;
  /** All rows that refer to something, by the name of its key; made when it is worth it. */
  #all: ReadonlyMap<string, readonly Uint8Array[]> | null = null;

  constructor(ports: WritePorts, child: TableDefinition, parent: TableDefinition, constraint: ForeignKey) {
    const { columns } = constraint;
    this.#ports = ports;
    this.#child = child;
    this.#constraint = constraint;
    const leads = (numbers: readonly number[]): boolean => sameColumns(numbers.slice(0, columns.length), columns);
    const numbersOf = ({ keys }: IndexDefinition): number[] => keys.map(({ column }) => column);
    this.#index = leads(child.keyColumns)
      ? null
      : ports.catalog
          .indexesOf(child)
          .find((index) => index.predicate === null && !index.isPrimary && leads(numbersOf(index)));
    const ordered = this.#index === undefined ? [] : this.#index === null ? child.keyColumns : numbersOf(this.#index);
    this.#order = ordered.slice(0, columns.length).map((number) => columns.indexOf(number));
    this.#narrow = narrowPlaces(child, columns);
    this.#codec = keyCodecOf(child, columns);
    this.#parent = parent;
    this.#conversion = keyConversion(child, parent, constraint);
  }

  /** Tells that so many keys are going to be asked for. */
  expect(keys: number): void {
    if (keys > 1 && this.#index === undefined) this.#all ??= this.#gathered();
  }

  /** Row keys of the rows that refer to a key. @param referred values of the referenced columns */
  find(referred: readonly Datum[]): readonly Uint8Array[] {
    const values = this.#conversion === null ? referred : this.#conversion.back(referred);
    if (values === "none") return [];
    if (values === "several") return this.#converted(referred);
    if (!fitPlaces(this.#narrow, values)) return [];
    if (this.#all !== null) return this.#all.get(nameOfKey(this.#codec.encodeBound(values))) ?? [];
    const found: Uint8Array[] = [];
    if (this.#index === undefined) {
      const wanted = this.#codec.encodeBound(values).slice();
      for (const [own, key] of this.#referring())
        if (isSame(this.#codec.encodeBound(own), wanted)) found.push(key.slice());
      return found;
    }
    const bound = { values: this.#order.map((place) => values[place] ?? null), isInclusive: true };
    const scan = this.#begin([{ from: bound, to: bound }], []);
    for (let batch = scan.next(); batch !== null; batch = scan.next())
      for (let row = 0; row < batch.rows; row += 1) found.push(keyAt(batch, row).slice());
    scan.close();
    return found;
  }

  /** Where several values may refer to the key, each row's own is converted, and compared as the key is. */
  #converted(referred: readonly Datum[]): readonly Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const [own, key] of this.#referring()) {
      const values = this.#conversion?.forth(own) ?? null;
      if (values !== null && isSameKey(this.#parent, this.#constraint.referencedColumns, values, referred))
        found.push(key.slice());
    }
    return found;
  }

  #begin(ranges: readonly KeyRange[], columns: readonly number[]): TableScan {
    if (columns.length === 0 && this.#scan?.restart?.(ranges) === true) return this.#scan;
    const index = columns.length === 0 ? (this.#index ?? null) : null;
    const asked = { table: this.#child, index, ranges, columns };
    const scan = this.#ports.source.scan({ ...asked, isBackward: false, wantsKeys: true, history: null });
    if (columns.length === 0) this.#scan = scan;
    return scan;
  }

  #gathered(): ReadonlyMap<string, readonly Uint8Array[]> {
    const all = new Map<string, Uint8Array[]>();
    for (const [own, key] of this.#referring()) {
      const name = nameOfKey(this.#codec.encodeBound(own));
      const known = all.get(name);
      if (known === undefined) all.set(name, [key.slice()]);
      else known.push(key.slice());
    }
    return all;
  }

  /** What each row of the table refers to, and its key, which is valid until the next one. */
  *#referring(): Iterable<readonly [values: readonly Datum[], key: Uint8Array]> {
    const scan = this.#begin([{ from: null, to: null }], this.#constraint.columns);
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      this.#ports.check();
      for (let row = 0; row < batch.rows; row += 1) {
        const values = batch.columns.map((column): Datum => {
          if (column.kind === "values") return column.values[row] ?? null;
          return column.nulls[row] === 1 ? null : (column.numbers[row] ?? null);
        });
        if (!values.includes(null)) yield [values, keyAt(batch, row)];
      }
    }
    scan.close();
  }
}

function keyAt({ keys }: ScanBatch, row: number): Uint8Array {
  const key = keys[row];
  if (key === undefined) throw new AssertionFailed("a scan that was asked for keys has them");
  return key;
}

/** Of values of some columns: equal bytes are equal values, whatever their form. */
function keyCodecOf(table: TableDefinition, columns: readonly number[]): KeyCodec {
  return new KeyCodec(
    columns.map((number) => {
      const column = table.columns[number - 1];
      assert(column !== undefined, "a key's column is one of its table's");
      return { type: column.type.oid, isDescending: false, nullsFirst: false };
    }),
    "",
    Number.MAX_SAFE_INTEGER,
  );
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => compareBytes(a, a.length, b, b.length) === 0;

export function isSameKey(
  table: TableDefinition,
  columns: readonly number[],
  a: readonly Datum[],
  b: readonly Datum[],
): boolean {
  if (a.includes(null) || b.includes(null)) return false;
  if (a.every((value, index) => value === b[index])) return true;
  const codec = keyCodecOf(table, columns);
  return isSame(codec.encodeBound(a).slice(), codec.encodeBound(b).slice());
}
