/**
 * What the server says unasked, with request id 0.
 *
 *   route change (133)  tenant u64 · placement epoch u64 · address (u16 + UTF-8 "host:port"; empty = this node still serves it)
 *   going away (134)    reason u8 (0 shutdown, 1 restart, 2 overload) · grace ms u32 · message (u16 + UTF-8)
 *
 * After a route change the tenant's requests go to the address; one sent to the old place gets `routeStale`, never a wrong
 * answer. After going away the server answers what it has, refuses new requests with `draining`, and closes at the end of the
 * grace at the latest: the client sends no more on this connection and opens another.
 */

import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import type { ByteWriter } from "../../runtime/types/byte-writer.js";

export const addressBytesMax = 262;
export const noticeBytesMax = 512;

export interface RouteChange {
  readonly tenant: number;
  readonly epoch: number;
  readonly address: string;
}

export function encodeRouteChange(change: RouteChange, writer: ByteWriter): void {
  assert(Buffer.byteLength(change.address) <= addressBytesMax, "an address on the wire is a host name and a port");
  writer.u64(change.tenant).u64(change.epoch).string(change.address);
}

/** Throws `frameInvalid`. */
export function decodeRouteChange(bytes: Uint8Array, start: number, end: number): RouteChange {
  const reader = new ByteReader(bytes, start, end);
  const change = { tenant: reader.u64(), epoch: reader.u64(), address: reader.string(addressBytesMax) };
  reader.end();
  return change;
}

export const goingAwayReasons = ["shutdown", "restart", "overload"] as const;
export type GoingAwayReason = (typeof goingAwayReasons)[number];

export interface GoingAway {
  readonly reason: GoingAwayReason;
  readonly graceMs: number;
  readonly message: string;
}

export function encodeGoingAway(notice: GoingAway, writer: ByteWriter): void {
  const reason = goingAwayReasons.indexOf(notice.reason);
  assert(reason >= 0, "a reason for going away is one that the protocol lists");
  assert(Buffer.byteLength(notice.message) <= noticeBytesMax, "a notice is a short text");
  writer.u8(reason).u32(notice.graceMs).string(notice.message);
}

/** Throws `frameInvalid`. */
export function decodeGoingAway(bytes: Uint8Array, start: number, end: number): GoingAway {
  const reader = new ByteReader(bytes, start, end);
  const reason = goingAwayReasons[reader.choice(goingAwayReasons.length)];
  assert(reason !== undefined, "a choice within the list has a value");
  const notice = { reason, graceMs: reader.u32(), message: reader.string(noticeBytesMax) };
  reader.end();
  return notice;
}
