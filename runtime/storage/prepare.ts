/** A prepare in memory, and a header with the bytes that say it: what the log is written from, and what it gives back. */
import { assert } from "../types/assert.js";
import { headerBytes, identityBytes, type PrepareHeader, sameBytes } from "./frame.js";
import { type LogGeometry, nextSegmentStart, paddedBytes } from "./log-geometry.js";
import { type LogPosition, positionBehind } from "./log-position.js";

/** A prepare with its bytes: 256-byte header, then the body, without padding. The bytes may lie in shared memory. */
export interface Prepare {
  readonly header: PrepareHeader;
  readonly frame: Uint8Array;
}

/** A decoded header and the 256 bytes that it was decoded from. */
export interface NamedHeader {
  readonly header: PrepareHeader;
  readonly headerBytes: Uint8Array;
}

/** A header of the log's end as the superblock keeps it. */
export interface StoredHeader extends NamedHeader {
  /** The prepare was durable here when this was stored; when it is not sound now, it was damaged since. */
  readonly wasDurable: boolean;
}

export const frameBytes = (header: PrepareHeader): number => headerBytes + header.bodyBytes;

/** A prepare's frame is whole, its body within the log's limit, and it lies within one segment. */
export function checkPlace({ header, frame }: Prepare, geometry: LogGeometry): void {
  const { address, bodyBytes } = header;
  assert(frame.length === frameBytes(header), "a frame is its header and its body");
  assert(bodyBytes > 0 && bodyBytes <= geometry.bodyBytesMax, "a prepare's body is within the log's limit");
  const limit = nextSegmentStart(geometry, address);
  assert(address + paddedBytes(bodyBytes) <= limit, "a prepare never spans two segments");
}

/** Each of the prepares continues the log where the one before it, or `from`, ends. */
export function checkChain(prepares: readonly Prepare[], from: LogPosition, geometry: LogGeometry): void {
  let before = from;
  for (const prepare of prepares) {
    const { header } = prepare;
    assert(header.op === before.op + 1, "order: ops follow one another");
    assert(
      header.address === before.address || header.address === nextSegmentStart(geometry, before.address),
      "order: a prepare begins at the end of the log or at the next segment",
    );
    checkPlace(prepare, geometry);
    assert(header.timestamp > before.timestamp, "order: timestamps grow from prepare to prepare");
    assert(
      sameBytes(header.parent, 0, before.parent, 0, identityBytes),
      "hash chain: a prepare names the one before it as its parent",
    );
    before = positionBehind(header);
  }
}
