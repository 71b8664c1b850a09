/**
 * Values of rows that are loaded, read by the types that the statement gives them: what `readParameters` makes of single values, with
 * shorter ways for the commonest types. Whatever such a way is not sure of goes to the type's codec, which also knows the error.
 */
import { fromUtf8, viewOf } from "../../runtime/query/types/bytes.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { shortInteger } from "../../runtime/query/types/short-integer.js";
import { noModifier, type Oid, type SqlType, typeOid } from "../../runtime/query/types/sql-type.js";
import type { TextContext } from "../../runtime/query/types/text-context.js";
import { elementTypeOf } from "../../runtime/query/types/type-table.js";
import { isUserType, numberInOid } from "../../runtime/query/types/user-types.js";

/** The value bytes[from..to). */
export type LoadValue = (bytes: Buffer, from: number, to: number) => Datum;

function isPlainAscii(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0 || byte >= 0x80) return false;
  }
  return true;
}

/** Beyond it nothing is gained by looking first. */
const shortTextBytes = 1_024;

function bounded(general: LoadValue, minimum: number, maximum: number): LoadValue {
  return (bytes, from, to) => {
    const value = shortInteger(bytes, from, to);
    // Also for NaN, which is neither.
    return value >= minimum && value <= maximum ? value : general(bytes, from, to);
  };
}

/** Where the binary form of an array names the type of its elements. */
const elementAt = 8;

/** An array of a domain, whose elements a client that has looked the type up names by the domain, as one of the type beneath. */
export function elementsBeneath(bytes: Uint8Array, { oid, domain }: SqlType): Uint8Array {
  if (domain === undefined || !isUserType(domain)) return bytes;
  if (bytes.length < elementAt + 4 || viewOf(bytes).getUint32(elementAt) !== numberInOid(domain)) return bytes;
  const copy = bytes.slice();
  viewOf(copy).setUint32(elementAt, elementTypeOf(oid));
  return copy;
}

/**
 * @param format 0 text, 1 binary
 * @param beneath of a value of a domain the type beneath, whose modifier it is read with; whether it is one of the domain's, its column knows
 */
export function loadValueOf(type: Oid, format: 0 | 1, context: TextContext, beneath: SqlType | null = null): LoadValue {
  const codec = codecOf(type);
  const modifier = beneath?.modifier ?? noModifier;
  if (format === 1) {
    return (bytes, from, to) => {
      const value = bytes.subarray(from, to);
      return codec.receive(beneath === null ? value : elementsBeneath(value, beneath), modifier, context);
    };
  }
  const general: LoadValue = (bytes, from, to) => codec.input(fromUtf8(bytes.subarray(from, to)), modifier, context);
  if (modifier !== noModifier) return general;
  switch (type) {
    case typeOid.int2:
      return bounded(general, -32_768, 32_767);
    case typeOid.int4:
      return bounded(general, -2_147_483_648, 2_147_483_647);
    case typeOid.int8:
      return bounded(general, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    case typeOid.text:
    case typeOid.varchar:
      return (bytes, from, to) =>
        to - from <= shortTextBytes && isPlainAscii(bytes, from, to)
          ? bytes.toString("latin1", from, to)
          : general(bytes, from, to);
    default:
      return general;
  }
}
