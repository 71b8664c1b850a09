/** Ranges of key values as the bytes between which they lie. */
import { assert } from "../../types/assert.js";
import { bytesOf } from "../types/bytea.js";
import type { KeyBound, KeyRange } from "./access.js";
import { behindPrefix, type KeyCodec } from "./key-codec.js";

/** The bytes between which a range lies; null for one that nothing can be in. */
export function boundsOf(
  { from, to, isRowKey }: KeyRange,
  prefix: Uint8Array,
  codec: KeyCodec | null,
): { low: Uint8Array; high: Uint8Array | null } | null {
  if (isRowKey === true) {
    assert(from !== null && from === to && from.values.length === 1, "a row key is a point of one value");
    const low = within(prefix, bytesOf(from.values[0] ?? ""));
    return { low, high: behind(low) };
  }
  const low = from === null ? prefix.slice() : boundBytes(from, prefix, codec, !from.isInclusive);
  const high = to === null ? behind(prefix) : boundBytes(to, prefix, codec, to.isInclusive);
  if (low === null) return null;
  return { low, high };
}

function boundBytes(
  { values }: KeyBound,
  prefix: Uint8Array,
  codec: KeyCodec | null,
  isBehind: boolean,
): Uint8Array | null {
  assert(codec !== null, "rows without a key are not looked for by key");
  const bytes = within(prefix, codec.encodeBound(values));
  return isBehind ? behind(bytes) : bytes;
}

function within(prefix: Uint8Array, item: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(prefix.length + item.length);
  bytes.set(prefix);
  bytes.set(item, prefix.length);
  return bytes;
}

export function behind(prefix: Uint8Array): Uint8Array | null {
  const bytes = prefix.slice();
  const length = behindPrefix(bytes, bytes.length);
  return length === 0 ? null : bytes.subarray(0, length);
}
