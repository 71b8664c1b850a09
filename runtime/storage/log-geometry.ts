/**
 * Where things lie in a log. The log is one byte space; an `address` in it decides file and offset by division, so that a reader
 * finds any record by its address alone.
 *
 *   segment file   log/<start address, 16 hexadecimal digits>.seg, `segmentBytes` long, made zero-filled before it is used
 *   prepare        256-byte header, body, zeros to a whole sector; begins on a sector; never spans two segments: when it does not
 *                  fit, the rest of the segment stays zero and the prepare begins the next one
 *   shared ring    the byte at address a lies at ring[a % ringBytes]; ringBytes is a multiple of segmentBytes, so a prepare never
 *                  wraps inside the ring
 */
import { assert } from "../types/assert.js";
import { logSegmentBytes, prepareBodyBytesMax, sectorBytes } from "../types/limits.js";
import { headerBytes } from "./frame.js";

export interface LogGeometry {
  readonly segmentBytes: number;
  /** Largest body of one prepare. */
  readonly bodyBytesMax: number;
  /** Slots of the header ring, default 1,024; whole sectors of 16, and more than a view change may name (9). */
  readonly headerSlots?: number;
}

export const headerSlotsDefault = 1_024;
export const headerSlotsOf = (geometry: LogGeometry): number => geometry.headerSlots ?? headerSlotsDefault;

export const defaultGeometry: LogGeometry = { segmentBytes: logSegmentBytes, bodyBytesMax: prepareBodyBytesMax };

export function checkGeometry(geometry: LogGeometry): LogGeometry {
  assert(geometry.segmentBytes % sectorBytes === 0, "a segment is whole sectors");
  assert(geometry.bodyBytesMax <= prepareBodyBytesMax, "a log's bodies are within the codec's limit");
  assert(paddedBytes(geometry.bodyBytesMax) <= geometry.segmentBytes, "the largest prepare fits a segment");
  const ringBytes = headerSlotsOf(geometry) * headerBytes;
  assert(ringBytes > 0 && ringBytes % sectorBytes === 0, "the header ring is whole sectors");
  return geometry;
}

/** Bytes that a prepare with a body of that size occupies in the log. */
export const paddedBytes = (bodyBytes: number): number =>
  Math.ceil((headerBytes + bodyBytes) / sectorBytes) * sectorBytes;

export const segmentOf = (geometry: LogGeometry, address: number): number =>
  Math.floor(address / geometry.segmentBytes);
export const segmentStart = (geometry: LogGeometry, segment: number): number => segment * geometry.segmentBytes;
export const nextSegmentStart = (geometry: LogGeometry, address: number): number =>
  segmentStart(geometry, segmentOf(geometry, address) + 1);

/** Largest body that fits between the address and the end of its segment; may be below zero. */
export const bodyRoom = (geometry: LogGeometry, address: number): number =>
  nextSegmentStart(geometry, address) - address - headerBytes;

/** Where the prepare after `end` begins when its body will have at most that size: at `end`, or at the next segment's start. */
export function placePrepare(geometry: LogGeometry, end: number, bodyBytesAtMost: number): number {
  assert(end % sectorBytes === 0, "the log ends on a sector");
  assert(bodyBytesAtMost <= geometry.bodyBytesMax, "a prepare's body is within the log's limit");
  return bodyRoom(geometry, end) >= bodyBytesAtMost ? end : nextSegmentStart(geometry, end);
}

const segmentDigits = 16;
const segmentPattern = /^([0-9a-f]{16})\.(seg|ready|new|seal)$/;

export const logDirectoryOf = (directory: string): string => `${directory}/log`;

export function segmentPath(
  directory: string,
  geometry: LogGeometry,
  segment: number,
  suffix: SegmentSuffix = "seg",
): string {
  const digits = segmentStart(geometry, segment).toString(16).padStart(segmentDigits, "0");
  return `${logDirectoryOf(directory)}/${digits}.${suffix}`;
}

/** `seg` in use · `ready` zero-filled ahead · `new` being filled · `seal` the footer of a segment that is complete. */
export type SegmentSuffix = "seg" | "ready" | "new" | "seal";

/** Segment number and suffix of a file name, or null when it is no segment's. */
export function parseSegmentName(
  geometry: LogGeometry,
  name: string,
): { segment: number; suffix: SegmentSuffix } | null {
  const match = segmentPattern.exec(name);
  const start = match === null ? Number.NaN : Number.parseInt(match[1] ?? "", 16);
  if (match === null || !Number.isSafeInteger(start) || start % geometry.segmentBytes !== 0) return null;
  return { segment: start / geometry.segmentBytes, suffix: match[2] as SegmentSuffix };
}
