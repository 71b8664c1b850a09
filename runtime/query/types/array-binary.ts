/**
 * The binary form of an array, as clients send it:
 *
 *   dimensions i32 · flags i32 (1: there may be NULLs) · element type u32 · (length i32 · first index i32) for each dimension
 *   items, each: bytes i32 (-1: NULL) · its own binary form
 *
 * Checked in PostgreSQL's order, so that absurd sizes are refused before anything is reserved for them.
 */
import { notSupported, SqlError } from "../error.js";
import { viewOf } from "./bytes.js";
import type { Datum } from "./datum.js";
import { insufficientBinary, invalidBinary } from "./invalid.js";
import type { Oid } from "./sql-type.js";
import { typeLabel } from "./type-name.js";

const dimensionsMax = 6;
const itemsMax = 2 ** 27 - 1;
const int32Max = 2 ** 31 - 1;

const tooManyItems = (): SqlError => new SqlError("54000", `array size exceeds the maximum allowed (${itemsMax})`);

/** How many items arrays of these dimensions have. */
function itemsOf(view: DataView, dimensions: number): number {
  let count = 1;
  const headAt = (index: number): number => 12 + index * 8;
  if (view.byteLength < headAt(dimensions)) throw insufficientBinary();
  for (let index = 0; index < dimensions; index += 1) {
    const length = view.getInt32(headAt(index));
    count *= length;
    if (length < 0 || count > itemsMax) throw tooManyItems();
  }
  for (let index = 0; index < dimensions; index += 1) {
    const first = view.getInt32(headAt(index) + 4);
    if (first + view.getInt32(headAt(index)) > int32Max)
      throw new SqlError("54000", `array lower bound is too large: ${first}`);
  }
  return dimensions === 0 ? 0 : count;
}

/** Reads an array's binary form. An array has one dimension here and begins at `first`; other ones are refused when they are sound so far. */
export function receiveItems(
  bytes: Uint8Array,
  type: Oid,
  first: 0 | 1,
  receive: (item: Uint8Array) => Datum,
): readonly Datum[] {
  const view = viewOf(bytes);
  if (bytes.length < 4) throw insufficientBinary();
  const dimensions = view.getInt32(0);
  if (dimensions < 0) throw invalidBinary(`invalid number of dimensions: ${dimensions}`);
  if (dimensions > dimensionsMax)
    throw new SqlError(
      "54000",
      `number of array dimensions (${dimensions}) exceeds the maximum allowed (${dimensionsMax})`,
    );
  if (bytes.length < 8) throw insufficientBinary();
  const flags = view.getInt32(4);
  if (flags !== 0 && flags !== 1) throw invalidBinary("invalid array flags");
  if (bytes.length < 12) throw insufficientBinary();
  const element = view.getUint32(8);
  if (element !== type) throw wrongElement(element, type);
  const count = itemsOf(view, dimensions);
  let at = 12 + 8 * dimensions;
  if (count > 0 && dimensions > 1) throw notSupported("an array of several dimensions");
  if (count > 0 && bytes.length < at + 4) throw insufficientBinary();
  if (count > 0 && view.getInt32(16) !== first)
    throw notSupported(`an array whose first element is not number ${first}`);
  const items: Datum[] = [];
  for (let left = count; left > 0; left -= 1) {
    if (at + 4 > bytes.length) throw insufficientBinary();
    const length = view.getInt32(at);
    at += 4;
    if (length < -1 || at + length > bytes.length) throw invalidBinary("insufficient data left in message");
    items.push(length === -1 ? null : receive(bytes.subarray(at, at + length)));
    at += Math.max(0, length);
  }
  if (at !== bytes.length) throw invalidBinary();
  return items;
}

const named = (type: Oid): string => `${type} (${typeLabel(type)})`;

const wrongElement = (given: Oid, type: Oid): SqlError =>
  new SqlError("42804", `binary data has array element type ${named(given)} instead of expected ${named(type)}`);
