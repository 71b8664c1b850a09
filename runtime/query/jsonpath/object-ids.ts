/**
 * Where an object stands within the value that holds it, in bytes of PostgreSQL's jsonb: that, with the number of the value, is the `id`
 * that `.keyvalue()` shows.
 *
 *   container   header 4 · an entry of 4 for each element, or for each key and each value · data
 *   data        strings as UTF-8, null and booleans nothing; numbers and containers begin at multiples of 4
 *   number      length 4 · header 2 (4 for more than 63 digits behind the point or 256 before) · 2 for each group of 4 digits
 */
import { utf8 } from "../types/bytes.js";
import { Decimal, powerOfTen } from "../types/decimal.js";
import { isArrayNode, isObjectNode, type JsonbNode } from "../types/jsonb.js";

const groupDigits = 4;
const aligned = (offset: number): number => Math.ceil(offset / 4) * 4;

/** Offsets of all objects within a container, its own being 0. `visit` is told of each value on the way. */
export function objectOffsets(container: JsonbNode, visit: () => void): ReadonlyMap<JsonbNode, number> {
  const offsets = new Map<JsonbNode, number>();
  place(container, 0, offsets, visit);
  return offsets;
}

/** Where the node ends that would begin here. */
function place(node: JsonbNode, from: number, offsets: Map<JsonbNode, number>, visit: () => void): number {
  visit();
  if (typeof node === "string") return from + utf8(node).length;
  if (node instanceof Decimal) return aligned(from) + numberBytes(node);
  if (isArrayNode(node)) {
    let at = aligned(from) + 4 + 4 * node.length;
    for (const item of node) at = place(item, at, offsets, visit);
    return at;
  }
  if (!isObjectNode(node)) return from;
  const start = aligned(from);
  offsets.set(node, start);
  let at = start + 4 + 8 * node.size;
  for (const key of node.keys()) at += utf8(key).length;
  for (const value of node.values()) at = place(value, at, offsets, visit);
  return at;
}

/** Groups of four digits count from the point; zero ones at both ends are not kept. */
function numberBytes({ coefficient, scale }: Decimal): number {
  const padding = (groupDigits - (scale % groupDigits)) % groupDigits;
  const whole = (coefficient < 0n ? -coefficient : coefficient) * powerOfTen(padding);
  const fractionGroups = (scale + padding) / groupDigits;
  if (whole === 0n) return scale > 63 ? 8 : 6;
  const digits = whole.toString();
  const groups = Math.ceil(digits.length / groupDigits);
  const zeroGroups = Math.floor((digits.length - digits.replace(/0+$/u, "").length) / groupDigits);
  const weight = groups - fractionGroups - 1;
  const header = scale <= 63 && weight >= -64 && weight <= 63 ? 6 : 8;
  return header + 2 * (groups - zeroGroups);
}
