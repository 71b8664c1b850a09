/**
 * A prepare fills whole sectors, and what lies behind its body is zero. Most bytes of a log of small events are such padding, so most
 * flipped bits fall there. Header and body verify without it: whoever finds it damaged can set it right alone, with nobody to ask.
 */
import { assert } from "../types/assert.js";
import { sectorBytes } from "../types/limits.js";
import type { Disk } from "./disk.js";
import { headerBytes, type PrepareHeader } from "./frame.js";
import { type LogGeometry, paddedBytes, segmentOf, segmentPath } from "./log-geometry.js";
import type { LogRange } from "./log-places.js";

const zeros = new Uint8Array(sectorBytes);

/** What lies between a prepare's body and the next place in the log; of zero bytes when the body ends there. */
export function paddingOf({ address, bodyBytes }: PrepareHeader): LogRange {
  const used = headerBytes + bodyBytes;
  return { address: address + used, bytes: paddedBytes(bodyBytes) - used };
}

/** Zeroes a padding, durably. Only that of a prepare whose header and body have just verified, and that nobody writes. */
export function zeroPadding(disk: Disk, directory: string, geometry: LogGeometry, padding: LogRange): void {
  const { address, bytes } = padding;
  assert(bytes > 0 && bytes < zeros.length, "a padding is shorter than a sector");
  assert(
    segmentOf(geometry, address) === segmentOf(geometry, address + bytes - 1),
    "a prepare with its padding lies in one segment",
  );
  // Through the page cache whatever the log's own mode is: a padding begins at any byte.
  const file = disk.open(segmentPath(directory, geometry, segmentOf(geometry, address)), "fdatasync");
  try {
    file.write(zeros, 0, bytes, address % geometry.segmentBytes);
    file.sync();
  } finally {
    file.close();
  }
}
