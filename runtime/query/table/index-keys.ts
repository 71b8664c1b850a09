/**
 * Entries of an index: how a row comes to its entry, and how an entry leads back to the row.
 *
 *   unique, not deferrable, and no NULL in the key or NULLS NOT DISTINCT
 *                                 item  key               content  0 u8 · row key
 *   else                          item  key · row key     content  1 u8 · length of the row key u16
 *   else, with no room for both   item  key · digest      content  0 u8 · row key
 *
 * The digest is the row key's SHA-256. So what must be unique is unique in the tree, and what need not be (where NULLs are all different), or not yet, is told apart by the row.
 */
import { fromBytes } from "../../store/table-trees.js";
import type { ValueView } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import type { Datum } from "../types/datum.js";
import { KeyCodec, type KeyColumn } from "./key-codec.js";

export const indexContent = { rowKeyInContent: 0, rowKeyInItem: 1 } as const;

const indexCodecs = new WeakMap<IndexDefinition, KeyCodec>();
const rowKeyCodecs = new WeakMap<TableDefinition, KeyCodec>();

export function indexCodecOf(index: IndexDefinition): KeyCodec {
  let codec = indexCodecs.get(index);
  if (codec === undefined) {
    codec = new KeyCodec(
      index.keys.map(({ type, isDescending, nullsFirst }): KeyColumn => ({ type: type.oid, isDescending, nullsFirst })),
      index.name,
    );
    indexCodecs.set(index, codec);
  }
  return codec;
}

/** Row keys of a table with a primary key. */
export function rowKeyCodecOf(table: TableDefinition): KeyCodec {
  let codec = rowKeyCodecs.get(table);
  if (codec === undefined) {
    codec = new KeyCodec(
      table.keyColumns.map((number): KeyColumn => {
        const column = table.columns[number - 1];
        assert(column !== undefined, "a key's column is one of its table's");
        return { type: column.type.oid, isDescending: false, nullsFirst: false };
      }),
      table.constraints.find(({ kind }) => kind === "primaryKey")?.name,
    );
    rowKeyCodecs.set(table, codec);
  }
  return codec;
}

/** The row key of a row without a primary key: its number, big-endian. */
export function rowNumberKey(number: number): Uint8Array {
  assert(Number.isSafeInteger(number) && number >= 0, "a row's number is a safe integer");
  const key = new Uint8Array(8);
  let high = Math.floor(number / 2 ** 32);
  let low = number >>> 0;
  // By hand: a view of eight bytes takes longer to make than to fill.
  for (let at = 7; at >= 4; at--, low >>>= 8) key[at] = low;
  for (let at = 3; at >= 0; at--, high >>>= 8) key[at] = high;
  return key;
}

/** The number that such a key is of. */
export function rowNumberOf(key: Uint8Array): number {
  assert(key.length === 8, "the key of a row without a primary key is a number");
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}

export interface IndexEntry {
  readonly item: Uint8Array;
  readonly content: Uint8Array;
  /** Whether no other row may have this item. */
  readonly mustBeUnique: boolean;
}

/** Whether no other row may have such a key, when its constraint is looked at. */
export const isUniqueKey = ({ isUnique, nullsAreEqual }: IndexDefinition, values: readonly Datum[]): boolean =>
  isUnique && (nullsAreEqual === true || !values.includes(null));

/** Whether the keys are values of columns as they are, of every row. */
export const isOfColumns = ({ predicate, keys }: IndexDefinition): boolean =>
  predicate === null && keys.every(({ column }) => column > 0);

/** The entry of one row. `values` are those of the index's keys. */
export function indexEntry(index: IndexDefinition, values: readonly Datum[], rowKey: Uint8Array): IndexEntry {
  const entry = indexEntryView(index, values, rowKey);
  return { ...entry, item: entry.item.slice() };
}

/** As `indexEntry`; its item is overwritten by the next one of the index. */
export function indexEntryView(index: IndexDefinition, values: readonly Datum[], rowKey: Uint8Array): IndexEntry {
  const codec = indexCodecOf(index);
  assert(values.length === codec.columns, "an index entry has a value for each key");
  if (isUniqueKey(index, values) && index.isDeferrable !== true)
    return { item: codec.encode(values), content: contentWith(rowKey), mustBeUnique: true };
  const item = codec.encode(values, rowKey);
  const content = codec.isTailWhole ? contentByItem(rowKey.length) : contentWith(rowKey);
  return { item, content, mustBeUnique: false };
}

/** The row key that a stored entry leads to. @param item its key in the tree @param value what stands there, behind a position */
export function rowKeyOfEntry(
  item: Uint8Array,
  itemLength: number,
  { valueBytes, valueStart, valueLength }: ValueView,
): Uint8Array {
  const from = valueStart + fromBytes;
  if (valueBytes[from] === indexContent.rowKeyInContent) return valueBytes.subarray(from + 1, valueStart + valueLength);
  const length = (valueBytes[from + 1] ?? 0) + (valueBytes[from + 2] ?? 0) * 256;
  assert(length <= itemLength, "a row key ends its entry's item");
  return item.subarray(itemLength - length, itemLength);
}

/** What tells the row key that the item does not. */
function contentWith(rowKey: Uint8Array): Uint8Array {
  const content = new Uint8Array(1 + rowKey.length);
  content[0] = indexContent.rowKeyInContent;
  content.set(rowKey, 1);
  return content;
}

/** What says that a row key of so many bytes ends the item: by the length, since nobody changes it. */
const contentsByItem: Uint8Array[] = [];

function contentByItem(length: number): Uint8Array {
  let content = contentsByItem[length];
  if (content === undefined) {
    content = new Uint8Array(3);
    content[0] = indexContent.rowKeyInItem;
    new DataView(content.buffer).setUint16(1, length, true);
    contentsByItem[length] = content;
  }
  return content;
}
