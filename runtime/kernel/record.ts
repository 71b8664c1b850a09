/**
 * The record: one committed command as it stands in the log. Written once by `decide`, read by `apply`, by projections (events
 * are read from the log, not from the trees), by `verify` and by an auditor.
 *
 *   at  size  field                                   (n = length of the principal)
 *    0     4  length of what follows the checksum
 *    4     4  CRC-32C of what follows
 *    8     1  kind: the request kind that caused it
 *    9     8  time, µs, strictly increasing within the tenant
 *   17     1  n, length of the principal
 *   18     n  principal, UTF-8
 *  +18    16  request key (idempotency key), zero = none
 *  +34     4  schema version of the facts
 *  +38     1  flags: bit 0 = a session and a request number follow
 *  +39 (8+8)  session, request number
 *    …     4  CRC-32C of the request after its common head; zero when there is neither key nor session
 *    …     4  length of the same
 *    …     …  facts of the kind: see the file of each command
 *
 * The log address of a record is the address of its length field. The tenant and the position stand in the block header.
 * Integers are little-endian.
 */
import { crc32cOf } from "../crypto/crc32c.js";
import { crc32cCombine } from "../crypto/crc32c-combine.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { getU64OrNone } from "./numbers.js";

export const recordFrameBytes = 8;
export const requestKeyBytes = 16;
/** From the length field to the principal's bytes. */
const principalAt = 18;
/** Key, schema version, flags, request checksum and length: what follows the principal when there is no session. */
const tailBytesMin = requestKeyBytes + 4 + 1 + 8;
const recordBytesMin = principalAt + tailBytesMin;
/** The most that a record adds to its facts. */
export const recordOverheadBytesMax = recordBytesMin + 255 + 16;

export const recordFlags = { session: 1 } as const;

/**
 * A view of one record, reused from record to record: `open` finds the fields and checks every bound, whatever the bytes are.
 * It copies nothing.
 */
export class RecordView {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  /** First byte (of the length field) and first byte after the record. */
  from = 0;
  to = 0;
  kind = 0;
  time = 0;
  principalFrom = 0;
  principalLength = 0;
  keyFrom = 0;
  hasKey = false;
  schemaVersion = 0;
  session = 0;
  requestNumber = 0;
  requestCrc = 0;
  requestLength = 0;
  /** First byte of the facts; they end at `to`. */
  factsFrom = 0;
  /** What was wrong when `open` answered false. */
  problem = "";

  /** Opens the record that begins at `from` and must end at or before `end`. False when the bytes are not a record. */
  open(bytes: Uint8Array, view: DataView, from: number, end: number): boolean {
    assert(from >= 0 && end <= bytes.length, "a record is looked for within its bytes");
    assert(bytes.length === view.byteLength, "a record's bytes and view are the same memory");
    if (end - from < recordBytesMin) return this.#refuse("fewer bytes than the smallest record");
    const length = view.getUint32(from, true);
    const to = from + recordFrameBytes + length;
    if (to > end || to - from < recordBytesMin) return this.#refuse("a record length that does not fit");
    const time = getU64OrNone(view, from + 9);
    if (time < 0) return this.#refuse("a time beyond 2^53 - 1");
    const principalLength = view.getUint8(from + 17);
    const keyFrom = from + principalAt + principalLength;
    const flagsAt = keyFrom + requestKeyBytes + 4;
    let at = flagsAt + 1;
    if (at + 8 > to) return this.#refuse("a principal that does not fit");
    const flags = view.getUint8(flagsAt);
    if (flags > recordFlags.session) return this.#refuse("unknown record flags");
    this.session = 0;
    this.requestNumber = 0;
    if (flags === recordFlags.session) {
      if (at + 24 > to) return this.#refuse("a session that does not fit");
      this.session = getU64OrNone(view, at);
      this.requestNumber = getU64OrNone(view, at + 8);
      if (this.session < 1 || this.requestNumber < 1) return this.#refuse("a session or request number out of range");
      at += 16;
    }
    this.bytes = bytes;
    this.view = view;
    this.from = from;
    this.to = to;
    this.kind = view.getUint8(from + 8);
    this.time = time;
    this.principalFrom = from + principalAt;
    this.principalLength = principalLength;
    this.keyFrom = keyFrom;
    this.hasKey = !isZeroKey(view, keyFrom);
    this.schemaVersion = view.getUint32(keyFrom + requestKeyBytes, true);
    this.requestCrc = view.getUint32(at, true);
    this.requestLength = view.getUint32(at + 4, true);
    this.factsFrom = at + 8;
    this.problem = "";
    return true;
  }

  #refuse(problem: string): boolean {
    this.problem = problem;
    return false;
  }

  get factsLength(): number {
    return this.to - this.factsFrom;
  }

  /** Whether the checksum of the open record holds. */
  checksumHolds(): boolean {
    return this.view.getUint32(this.from + 4, true) === crc32cOf(this.view, this.from + recordFrameBytes, this.to);
  }

  /** Opens and verifies a record read from a disk or a peer. Throws `dataCorrupt`, never returns wrong bytes. */
  openVerified(bytes: Uint8Array, view: DataView, from: number, end: number): void {
    if (!this.open(bytes, view, from, end)) {
      throw new KimberliteError("dataCorrupt", `${this.problem} where a record should be`);
    }
    if (!this.checksumHolds()) {
      throw new KimberliteError("dataCorrupt", "the checksum of a record does not hold", {
        detail: { recordBytes: this.to - this.from },
      });
    }
  }
}

export function isZeroKey(view: DataView, at: number): boolean {
  return (
    view.getUint32(at) === 0 &&
    view.getUint32(at + 4) === 0 &&
    view.getUint32(at + 8) === 0 &&
    view.getUint32(at + 12) === 0
  );
}

/**
 * Fills the frame of the record whose body ends at `to`: its length and checksum.
 *
 * @param tailCrc CRC-32C of the last `tailBytes`, where it is known already: they are not read again
 */
export function sealRecord(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
  tailCrc = 0,
  tailBytes = 0,
): void {
  assert(to - from >= recordBytesMin, "a record holds at least its fixed fields");
  assert(to <= bytes.length, "a record lies within its bytes");
  view.setUint32(from, to - from - recordFrameBytes, true);
  const head = crc32cOf(view, from + recordFrameBytes, to - tailBytes);
  view.setUint32(from + 4, tailBytes === 0 ? head : crc32cCombine(head, tailCrc, tailBytes), true);
}
