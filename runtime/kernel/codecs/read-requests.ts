/**
 * Request bodies of reads, both sides. Decoders take any bytes: a value, or `frameInvalid` / `invalidArgument`.
 *
 * Every read begins with the same head:
 *    0     8  tenant
 *    8     1  consistency: 0 session, 1 linearizable, 2 at position, 3 stale, 4 at timestamp
 *    9     8  argument: session: the token, i.e. the number of positions that must be visible, 0 = none; at position: the
 *             position; at timestamp: µs; else zero
 * then, by kind:
 *   read         stream u64 · from u64 · limit u32 (events) · bytesMax u32 · direction u8 (0 forward, 1 backward)
 *   streamGet    by u8 · 0: stream u64, 1: name
 *   streamList   after name (empty = from the first) · limit u32
 *   positionGet  –
 *   groupGet     stream u64 · name · parked from u64 · parked limit u32
 *   groupList    stream u64
 *   commits      from position u64 · limit u32
 * Names are u16 + UTF-8.
 */
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { KimberliteError } from "../../types/errors.js";
import { groupName, streamName } from "../../types/ids.js";
import { groupNameBytesMax, streamNameBytesMax } from "../../types/limits.js";
import { requestKind } from "../kinds.js";

export const consistency = { session: 0, linearizable: 1, atPosition: 2, stale: 3, atTimestamp: 4 } as const;
const consistenciesCount = 5;

/** Entries in the reply of a listing. A greater limit is cut to it: the caller goes on from the last entry. */
export const listLimitMax = 1_000;

export interface ReadHead {
  readonly tenant: number;
  readonly consistency: number;
  readonly argument: number;
}

export type ReadRequest =
  | (ReadHead & {
      readonly kind: typeof requestKind.read;
      readonly stream: number;
      readonly from: number;
      readonly limit: number;
      readonly bytesMax: number;
      readonly direction: number;
    })
  | (ReadHead & { readonly kind: typeof requestKind.streamGet; readonly by: number | string })
  | (ReadHead & { readonly kind: typeof requestKind.streamList; readonly after: string; readonly limit: number })
  | (ReadHead & { readonly kind: typeof requestKind.positionGet })
  | (ReadHead & {
      readonly kind: typeof requestKind.groupGet;
      readonly stream: number;
      readonly name: string;
      readonly parkedFrom: number;
      readonly parkedLimit: number;
    })
  | (ReadHead & { readonly kind: typeof requestKind.groupList; readonly stream: number })
  | (ReadHead & { readonly kind: typeof requestKind.commits; readonly from: number; readonly limit: number });

function decodeHead(reader: ByteReader): ReadHead {
  const head = { tenant: reader.u64(), consistency: reader.choice(consistenciesCount), argument: reader.u64() };
  const takesNone = head.consistency === consistency.linearizable || head.consistency === consistency.stale;
  if (takesNone && head.argument !== 0) throw new KimberliteError("frameInvalid", "this consistency takes no argument");
  return head;
}

/** The tenant of a read, for routing: no more than the first field is looked at. Throws `frameInvalid`. */
export const tenantOfRequest = (bytes: Uint8Array, from: number, to: number): number =>
  new ByteReader(bytes, from, to).u64();

const cutLimit = (limit: number): number => Math.min(limit, listLimitMax);

/** Decodes the body of a read request of the given kind. Throws `frameInvalid`, `invalidArgument` or `notSupported`. */
export function decodeReadRequest(kind: number, bytes: Uint8Array, from: number, to: number): ReadRequest {
  const reader = new ByteReader(bytes, from, to);
  const request = decodeBody(kind, decodeHead(reader), reader);
  reader.end();
  return request;
}

function decodeBody(kind: number, head: ReadHead, reader: ByteReader): ReadRequest {
  switch (kind) {
    case requestKind.read:
      return {
        ...head,
        kind,
        stream: reader.u64(),
        from: reader.u64(),
        limit: reader.u32(),
        bytesMax: reader.u32(),
        direction: reader.choice(2),
      };
    case requestKind.streamGet:
      return {
        ...head,
        kind,
        by: reader.choice(2) === 0 ? reader.u64() : streamName(reader.string(streamNameBytesMax)),
      };
    case requestKind.streamList:
      return { ...head, kind, after: reader.string(streamNameBytesMax), limit: cutLimit(reader.u32()) };
    case requestKind.positionGet:
      return { ...head, kind };
    case requestKind.groupGet:
      return {
        ...head,
        kind,
        stream: reader.u64(),
        name: groupName(reader.string(groupNameBytesMax)),
        parkedFrom: reader.u64(),
        parkedLimit: cutLimit(reader.u32()),
      };
    case requestKind.groupList:
      return { ...head, kind, stream: reader.u64() };
    case requestKind.commits:
      return { ...head, kind, from: reader.u64(), limit: cutLimit(reader.u32()) };
    default:
      throw new KimberliteError("notSupported", `requests of kind ${kind} are not reads`);
  }
}

/** Appends the body of a read request. The inverse of `decodeReadRequest` for limits that are not cut. */
export function encodeReadRequest(out: ByteWriter, request: ReadRequest): ByteWriter {
  assert(request.consistency < consistenciesCount, "a read has a known consistency");
  out.u64(request.tenant).u8(request.consistency).u64(request.argument);
  switch (request.kind) {
    case requestKind.read:
      return out.u64(request.stream).u64(request.from).u32(request.limit).u32(request.bytesMax).u8(request.direction);
    case requestKind.streamGet:
      return typeof request.by === "number" ? out.u8(0).u64(request.by) : out.u8(1).string(request.by);
    case requestKind.streamList:
      return out.string(request.after).u32(request.limit);
    case requestKind.positionGet:
      return out;
    case requestKind.groupGet:
      return out.u64(request.stream).string(request.name).u64(request.parkedFrom).u32(request.parkedLimit);
    case requestKind.groupList:
      return out.u64(request.stream);
    case requestKind.commits:
      return out.u64(request.from).u32(request.limit);
  }
}
