/**
 * How an error crosses the wire: the body of frames 130 and 132.
 *
 *   status u16 (the code's wire number; 0 only in 132: ended on request) · message (u16 + UTF-8) · detail (u16 + UTF-8 JSON
 *   object of strings, numbers, booleans and nulls) · outcome u8 (0 notCommitted, 1 committed, 2 unknown)
 *
 * A status that this version does not know is read as `internal`, with the number kept in the detail, so that a newer server's
 * error still ends the request in one defined way.
 */

import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import type { ByteWriter } from "../../runtime/types/byte-writer.js";
import {
  type ErrorDetail,
  type ErrorRecord,
  errorCodeOfWire,
  errorRegistry,
  KimberliteError,
  type WriteOutcome,
} from "../../runtime/types/errors.js";

/** Bytes of a message on the wire; longer ones are cut. */
export const errorMessageBytesMax = 4096;
/** Bytes of the detail on the wire; a longer detail is left out. */
export const errorDetailBytesMax = 4096;

const outcomes = ["notCommitted", "committed", "unknown"] as const satisfies readonly WriteOutcome[];
const encoder = new TextEncoder();
const cutDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The beginning of a text that fits `bytesMax` bytes of UTF-8, cut on a character's border. */
export function cutText(text: string, bytesMax: number): string {
  const bytes = encoder.encode(text);
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return cutDecoder.decode(bytes.subarray(0, end));
}

export function encodeError(record: ErrorRecord, writer: ByteWriter): void {
  const outcome = outcomes.indexOf(record.outcome);
  assert(outcome >= 0, "an outcome is one of three");
  const detail = JSON.stringify(record.detail);
  assert(detail.startsWith("{"), "an error's detail is an object");
  writer.u16(errorRegistry[record.code].wire);
  writer.string(cutText(record.message, errorMessageBytesMax));
  writer.string(Buffer.byteLength(detail) > errorDetailBytesMax ? "{}" : detail);
  writer.u8(outcome);
}

/** The body of frame 132 when a subscription ended because it was asked to. */
export function encodeEnded(writer: ByteWriter): void {
  writer.u16(0).string("").string("{}").u8(0);
}

function parseDetail(json: string): ErrorDetail {
  let parsed: unknown;
  try {
    parsed = json === "" ? {} : JSON.parse(json);
  } catch (cause) {
    throw new KimberliteError("frameInvalid", "an error's detail is not JSON", { cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new KimberliteError("frameInvalid", "an error's detail is not an object");
  }
  const detail: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      Object.defineProperty(detail, name, { value, enumerable: true, writable: true, configurable: true });
    }
  }
  return detail;
}

/** Decodes bytes[start..end). Undefined means status 0: ended on request. Throws `frameInvalid`. */
export function decodeError(bytes: Uint8Array, start: number, end: number): KimberliteError | undefined {
  assert(start >= 0 && end <= bytes.length, "an error's body lies within its bytes");
  const reader = new ByteReader(bytes, start, end);
  const wire = reader.u16();
  const message = reader.string(errorMessageBytesMax);
  const detail = parseDetail(reader.string(errorDetailBytesMax));
  const outcome = outcomes[reader.choice(outcomes.length)];
  reader.end();
  assert(outcome !== undefined, "a choice within the list has a value");
  if (wire === 0) return undefined;
  const code = errorCodeOfWire(wire);
  const isKnown = errorRegistry[code].wire === wire;
  const error = new KimberliteError(code, "", { detail: isKnown ? detail : { ...detail, wire }, outcome });
  if (message !== "") error.message = message;
  return error;
}
