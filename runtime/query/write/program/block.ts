/**
 * Rows of a block, as a COPY brings them, put by a program that adds them to a load: their values are bytes, and most go from there into the
 * row's own bytes without a value being made of them.
 *
 * A value is made where somebody looks at it: for a key, an index, a type that has no shorter way, or what the shorter way is not sure of. As in all
 * programs, a row that is not as it should be ends the load, and the general way says why.
 */
import { TableKey, tableSpace } from "../../../store/table-trees.js";
import { assert } from "../../../types/assert.js";
import type { TableDefinition } from "../../catalog/model.js";
import { rowKeyCodecOf, rowNumberKey } from "../../table/index-keys.js";
import { rowCodecOf } from "../../table/row-codec.js";
import { viewOf } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import { shortInteger } from "../../types/short-integer.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { addEntry, entryOf, type IndexProgram } from "./entries.js";
import type { StoredValue } from "./insert.js";
import { type LoadTarget, type ProgramRun, rowBytesMax } from "./program.js";
import { leadsAmongLoaded, type Reference } from "./references.js";
import type { CompiledRules } from "./rules.js";

/** Rows of parameters in bytes, and what is made of them. */
export interface BlockOfRows {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where each parameter of the row lies; `to` is below `from` for NULL. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** To the next row; false behind the last. */
  next(): boolean;
  /** Type of each parameter, and whether it comes as text or binary. */
  readonly types: readonly Oid[];
  readonly format: 0 | 1;
  /** Makes a value of a parameter of the row. Throws for what is none. */
  read(parameter: number): Datum;
  /** Whether bytes are sound UTF-8 without U+0000. */
  isText(from: number, to: number): boolean;
}

/** How many rows were added; null when the block has to be stored the general way. */
export type BlockProgram = (rows: BlockOfRows, run: ProgramRun) => number | null;

/** What is done for a column of the table. */
const way = { none: 0, computed: 1, value: 2, integer: 3, text: 4 } as const;

const integerRanges: ReadonlyMap<Oid, readonly [number, number]> = new Map([
  [typeOid.int2, [-0x8000, 0x7fff]],
  [typeOid.int4, [-0x8000_0000, 0x7fff_ffff]],
  [typeOid.int8, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
]);

function wayOf({ parameter }: StoredValue, isLooked: boolean, { types, format }: BlockOfRows): number {
  if (parameter < 0) return way.computed;
  const type = types[parameter] ?? 0;
  if ((type === typeOid.text || type === typeOid.varchar) && !isLooked) return way.text;
  return integerRanges.has(type) && format === 0 ? way.integer : way.value;
}

/** Where rows go, and what comes with each. */
export interface RowPlace {
  readonly table: TableDefinition;
  readonly indexes: readonly IndexProgram[];
  readonly references: readonly Reference[];
}

/** Null for tables whose rows have to be whole before it is known whether they may be stored. */
export function blockProgram(
  to: RowPlace,
  { generated, checks, ofDomains, checkOptions, required }: CompiledRules,
  stored: readonly StoredValue[],
): BlockProgram | null {
  if (generated.length + checks.length + ofDomains.length + checkOptions.length > 0) return null;
  const { table, indexes, references } = to;
  const codec = rowCodecOf(table);
  const columns = table.columns.length;
  const byPlace = Array.from({ length: columns }, (_, place) => stored.find((one) => one.place === place) ?? null);
  const everywhere = byPlace.map((_, place) => place);
  const looked = new Set([
    ...table.keyColumns.map((number) => number - 1),
    ...indexes.flatMap(({ places }) => places ?? everywhere),
    ...references.flatMap(({ places }) => places),
  ]);
  const isLooked = byPlace.map((_, place) => looked.has(place));
  const isRequired = byPlace.map((_, place) => required.includes(place));
  const addRow = rowAdder(to);
  const row = new Array<Datum>(columns).fill(null);
  const parameterValues: Datum[] = [];
  const valueAt = (rows: BlockOfRows, { frame }: ProgramRun, place: number): Datum => {
    const column = byPlace[place] ?? null;
    if (column === null) return null;
    if (column.parameter >= 0) return rows.read(column.parameter);
    for (const parameter of column.uses) parameterValues[parameter] = rows.read(parameter);
    frame.parameters = parameterValues;
    return column.of(frame, 0);
  };

  return (rows, run) => {
    const { load } = run;
    assert(load !== null, "rows of a block are added to a load");
    const { bytes, view, from, to } = rows;
    const ways = byPlace.map((one, place) => (one === null ? way.none : wayOf(one, isLooked[place] === true, rows)));
    const parameters = byPlace.map((one) => one?.parameter ?? -1);
    const ranges = parameters.map((parameter) => integerRanges.get(rows.types[parameter] ?? 0) ?? [0, 0]);
    const isText = (begin: number, end: number): boolean => rows.isText(begin, end);

    /** Puts all columns; false when one that must not be is NULL. */
    const put = (): boolean => {
      codec.begin();
      for (let place = 0; place < columns; place++) {
        const parameter = parameters[place];
        const begin = parameter < 0 ? 0 : from[parameter];
        const end = parameter < 0 ? 0 : to[parameter];
        let value: Datum = null;
        if (end >= begin) {
          if (ways[place] === way.text && codec.putText(place, bytes, view, begin, end, isText)) continue;
          const short = ways[place] === way.integer ? shortInteger(bytes, begin, end) : Number.NaN;
          const range = ranges[place];
          // Also for NaN, which is in no range.
          if (short >= range[0] && short <= range[1]) value = short;
          else value = valueAt(rows, run, place);
        }
        if (value === null && isRequired[place]) return false;
        if (isLooked[place]) row[place] = value;
        codec.put(place, value);
      }
      return true;
    };

    let count = 0;
    for (; rows.next(); count++) {
      if (!put()) return null;
      const length = codec.end();
      const isAdded =
        length < 0
          ? addWide(byPlace.map((_, place) => valueAt(rows, run, place)))
          : addRow(row, codec.rowBytes, codec.rowView, length, run, load);
      if (!isAdded) return null;
    }
    return count;

    function addWide(values: Datum[]): boolean {
      assert(load !== null, "rows of a block are added to a load");
      const content = codec.encodeView(values);
      return addRow(values, content, viewOf(content), content.length, run, load);
    }
  };
}

/** Adds a row, its content the beginning of some bytes, and its entries; false when it is too long, or one of their places is taken. */
export type AddRow = (
  row: Datum[],
  content: Uint8Array,
  contentView: DataView,
  contentLength: number,
  run: ProgramRun,
  load: LoadTarget,
) => boolean;

export function rowAdder({ table, indexes, references }: RowPlace): AddRow {
  const { keyColumns, storage } = table;
  const keyCodec = rowKeyCodecOf(table);
  const keyValues: Datum[] = [];
  const hasKey = keyColumns.length > 0;
  const key = new TableKey();
  return (row, content, contentView, contentLength, run, load) => {
    if (contentLength > rowBytesMax) return false;
    for (let at = 0; at < keyColumns.length; at++) keyValues[at] = row[(keyColumns[at] ?? 0) - 1] ?? null;
    const rowKey = hasKey ? keyCodec.encode(keyValues) : rowNumberKey(run.nextRowNumber(storage));
    const treeKey = hasKey ? keyCodec.treeKey(run.tenant, storage) : key.item(run.tenant, storage, rowKey);
    // Numbers are new; a key may be taken.
    if (!load.add(tableSpace.rows, storage, treeKey, hasKey, content, contentView, contentLength)) return false;
    for (const index of indexes) {
      const entry = entryOf(index, row, rowKey, run.tenant, run.frame);
      if (entry !== null && !addEntry(entry, load)) return false;
    }
    return references.length === 0 || leadsAmongLoaded(references, row, run.tenant, load);
  };
}
