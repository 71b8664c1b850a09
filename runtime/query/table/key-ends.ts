/**
 * Where the columns of a key end, which is told by their bytes alone (key-codec.ts). Values that are too long for it, and those of types that few
 * have in keys, are not gone through.
 */
import type { KeyColumn } from "./key-codec.js";
import { storageOf } from "./value-bytes.js";

/** Bytes of a value in a key; null for those that end by themselves. */
const widths: Readonly<Partial<Record<string, number>>> = {
  boolean: 1,
  int16: 4,
  int32: 4,
  uint32: 4,
  date: 8,
  float32: 8,
  float64: 8,
  time: 8,
  int64: 8,
  money: 8,
  timestamp: 8,
  timetz: 12,
  interval: 12,
  macaddr: 6,
  macaddr8: 8,
  uuid: 16,
};

const markerValue = 1;
const exponentBytes = 4;
const [negative, positive] = [2, 4];

/**
 * The ends of a key's first columns, as places in `bytes`.
 *
 * @param from where the first column begins
 * @param length of what there is in `bytes`
 * @returns how many of them there are in `ends`: fewer where one cannot be told
 */
export function columnEnds(
  columns: readonly KeyColumn[],
  bytes: Uint8Array,
  from: number,
  length: number,
  ends: Int32Array,
): number {
  let at = from;
  for (const [column, { type, isDescending }] of columns.entries()) {
    if (at >= length) return column;
    at += 1;
    if (bytes[at - 1] === markerValue) {
      const kind = storageOf(type)?.kind ?? "";
      at = valueEnd(kind, bytes, at, length, isDescending ? 0xff : 0);
    }
    if (at < 0 || at > length) return column;
    ends[column] = at;
  }
  return columns.length;
}

/** @param inverted what the column's bytes are inverted by. Returns -1 for what is not gone through */
function valueEnd(kind: string, bytes: Uint8Array, from: number, length: number, inverted: number): number {
  const width = widths[kind];
  if (width !== undefined) return from + width;
  if (kind === "text") return behindByte(bytes, from, length, inverted);
  if (kind !== "numeric") return -1;
  const sign = (bytes[from] ?? 0) ^ inverted;
  if (sign !== negative && sign !== positive) return from + 1;
  const end = sign === negative ? inverted ^ 0xff : inverted;
  return behindByte(bytes, from + 1 + exponentBytes, length, end);
}

function behindByte(bytes: Uint8Array, from: number, length: number, end: number): number {
  for (let at = from; at < length; at++) if (bytes[at] === end) return at + 1;
  return -1;
}
