/**
 * The frame: a header of 32 bytes, then the body. All numbers little-endian.
 *
 *    0  magic u32 "KMB1" (4b 4d 42 31)       16  request id u64 (at most 2^53 - 1)
 *    4  version u8 (1)                       24  timeout ms u32 (0 = the server's default; 0 in responses)
 *    5  kind u8                              28  zero u32
 *    6  flags u16 (0)                        32  body
 *    8  body length u32
 *   12  CRC-32C u32 of bytes 0 to 11, 16 to 31 and the body
 *
 * The request id is the client's: unique among its requests in flight on that connection; the answer repeats it. Id 0 marks what
 * has no request: hello, welcome, requests without an answer, and what the server says unasked (going away, route change).
 *
 * Invariants
 *   1. What is checked before a byte is kept: magic, version, flags and the length, in the order in which they arrive.
 *   2. A body is handed on only after its checksum held.
 */
import { KimberliteError } from "../../runtime/types/errors.js";
import { wireFrameBytesMax } from "../../runtime/types/limits.js";

export const frameHeaderBytes = 32;
export const frameBodyBytesMax: number = wireFrameBytesMax - frameHeaderBytes;
/** "KMB1" read as a little-endian u32. */
export const frameMagic = 0x31_42_4d_4b;
export const frameVersion = 1;

export const frameAt = {
  magic: 0,
  version: 4,
  kind: 5,
  flags: 6,
  bodyLength: 8,
  checksum: 12,
  requestId: 16,
  timeoutMs: 24,
  zero: 28,
} as const;

/** Written where a u64 is left open, such as "any" expected offset: all bits set. */
export const u32Max = 0xffff_ffff;

const invalid = (explanation: string, detail: Record<string, number>): KimberliteError =>
  new KimberliteError("frameInvalid", explanation, { detail });

/**
 * Checks as much of a header as has arrived. Throws `frameInvalid` at the first field that can not be right, so that a stranger
 * (a browser, a wrong port, random bytes) is turned away after a few bytes and a giant length before any memory is set aside.
 *
 * @param at where the header begins in the view
 * @param have how many bytes of the header are there
 */
export function checkFrameHeader(view: DataView, at: number, have: number, bodyBytesMax: number): void {
  if (have >= 4 && view.getUint32(at, true) !== frameMagic) {
    throw invalid("it does not begin with KMB1; is this the port of another protocol?", {
      magic: view.getUint32(at, true),
    });
  }
  if (have > frameAt.version && view.getUint8(at + frameAt.version) !== frameVersion) {
    throw invalid("its version is not 1", { version: view.getUint8(at + frameAt.version) });
  }
  if (have >= frameAt.bodyLength && view.getUint16(at + frameAt.flags, true) !== 0) {
    throw invalid("it carries flags that version 1 does not know", { flags: view.getUint16(at + frameAt.flags, true) });
  }
  if (have >= frameAt.checksum) {
    const length = view.getUint32(at + frameAt.bodyLength, true);
    if (length > bodyBytesMax) throw invalid(`its body is over ${bodyBytesMax} bytes`, { length, bodyBytesMax });
  }
  if (have >= frameHeaderBytes) {
    const high = view.getUint32(at + frameAt.requestId + 4, true);
    if (high >= 0x20_0000) throw invalid("its request id is beyond 2^53 - 1", { high });
    if (view.getUint32(at + frameAt.zero, true) !== 0) throw invalid("its reserved bytes are not zero", {});
  }
}
