/**
 * The binary form of an array, as clients send it:
 *
 *   dimensions i32 · flags i32 (1: there may be NULLs) · element type u32 · (length i32 · first index i32) for each dimension
 *   items, each: bytes i32 (-1: NULL) · its own binary form
 *
 * Checked in PostgreSQL's order, so that absurd sizes are refused before anything is reserved for them.
 */
import { SqlError } from "../error.js";
import { type Dimension, dimensionsMax, itemsOf, tooManyDimensions } from "./array-shape.js";
import { viewOf } from "./bytes.js";
import type { Datum } from "./datum.js";
import { insufficientBinary, invalidBinary } from "./invalid.js";
import type { Oid } from "./sql-type.js";
import { typeLabel } from "./type-name.js";

/** Reads an array's binary form. */
export function receiveArray(
  bytes: Uint8Array,
  type: Oid,
  receive: (item: Uint8Array) => Datum,
): { readonly items: readonly Datum[]; readonly dimensions: readonly Dimension[] } {
  const view = viewOf(bytes);
  if (bytes.length < 4) throw insufficientBinary();
  const depth = view.getInt32(0);
  if (depth < 0) throw invalidBinary(`invalid number of dimensions: ${depth}`);
  if (depth > dimensionsMax) throw tooManyDimensions(depth);
  if (bytes.length < 8) throw insufficientBinary();
  const flags = view.getInt32(4);
  if (flags !== 0 && flags !== 1) throw invalidBinary("invalid array flags");
  if (bytes.length < 12) throw insufficientBinary();
  const element = view.getUint32(8);
  if (element !== type) throw wrongElement(element, type);
  let at = 12 + 8 * depth;
  if (bytes.length < at) throw insufficientBinary();
  const dimensions = Array.from({ length: depth }, (_, index): Dimension => {
    return { length: view.getInt32(12 + index * 8), first: view.getInt32(16 + index * 8) };
  });
  const count = itemsOf(dimensions);
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
  return { items, dimensions };
}

const named = (type: Oid): string => `${type} (${typeLabel(type)})`;

const wrongElement = (given: Oid, type: Oid): SqlError =>
  new SqlError("42804", `binary data has array element type ${named(given)} instead of expected ${named(type)}`);
