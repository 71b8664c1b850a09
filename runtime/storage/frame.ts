/**
 * The 256-byte header that stands before every prepare, in the log, in the header ring and later between replicas. One codec, one
 * checksum rule, one place for hostile bytes to fail. All integers little-endian.
 *
 *   at   size  field
 *     0    16  header checksum: first half of SHA-256(header[16, 256)); the whole digest is the prepare's identity
 *    16    16  body checksum: first half of SHA-256(body)
 *    32    32  zero (kept for sealing)
 *    64    16  cluster id
 *    80     4  size: 256 + body, without padding
 *    84     4  epoch
 *    88     4  view
 *    92     4  release of the writer
 *    96     2  protocol: 1
 *    98     1  command: 8 = prepare, 0 = reserved (an empty slot of the header ring)
 *    99     1  replica
 *   100    28  zero
 *                                          prepare                                     reserved
 *   128    32  parent: identity of the prepare before this one              zero
 *   160    16  second half of SHA-256(body)                                 zero
 *   176     8  op: 1, 2, 3, …                                               the slot's own number
 *   184     8  commit: highest committed op the writer knew, below op       zero
 *   192     8  timestamp: µs since 1970, strictly increasing                zero
 *   200     8  address in the log of this header                           zero
 *   208     4  record count                                                 zero
 *   212     1  operation: 0 = commands, 1 = barrier, 2 = upgrade,           zero
 *              3 = reconfiguration
 *   213     1  voters; 0 before the first reconfiguration                   zero
 *   214    42  zero
 *
 * Invariants: a header whose own checksum fails is never looked into; reserved bytes that are not zero make it invalid (somebody
 * newer wrote something we would silently drop); an unknown protocol or command under a *valid* checksum is version skew, which
 * stops the reader instead of being skipped.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { prepareBodyBytesMax, sectorBytes } from "../types/limits.js";

export const headerBytes = 256;
export const identityBytes = 32;
export const clusterIdBytes = 16;
export const frameProtocol = 1;
export const commandReserved = 0;
export const commandPrepare = 8;

const u32Span = 2 ** 32;
const checksumHalf = 16;
const bodyChecksumAt = 16;
const clusterAt = 64;
const parentAt = 128;
const bodyChecksumRestAt = 160;
const zeroFrom = 214;
const digest = new Uint8Array(identityBytes);

function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * u32Span + view.getUint32(at, true);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % u32Span, true);
  view.setUint32(at + 4, Math.floor(value / u32Span), true);
}

/**
 * What a prepare is for.
 *
 *   commands          records of tenants, for the state
 *   barrier           nothing: it is there to be committed, and everything before it with it
 *   upgrade           from here on the log is of the release that its header states
 *   reconfiguration   the last of its configuration: behind it so many vote as its header states
 */
export const prepareOperations = { commands: 0, barrier: 1, upgrade: 2, reconfiguration: 3 } as const;

/** A prepare of the protocol itself: it holds no records. */
export const isOwnOperation = (operation: number): boolean =>
  operation === prepareOperations.barrier ||
  operation === prepareOperations.upgrade ||
  operation === prepareOperations.reconfiguration;

/** What a writer states about a prepare. One object is made per log and its numbers are changed for each prepare. */
export interface PrepareFields {
  readonly clusterId: Uint8Array;
  /** Identity of the prepare before this one. */
  readonly parent: Uint8Array;
  bodyBytes: number;
  epoch: number;
  view: number;
  release: number;
  replica: number;
  op: number;
  commit: number;
  timestamp: number;
  address: number;
  recordCount: number;
  operation: number;
  /** Replicas that vote behind this prepare; left out: 0, as many as the cluster began with. */
  voters?: number;
}

/** A decoded prepare header; its byte fields are copies. */
export interface PrepareHeader extends Readonly<PrepareFields> {
  readonly voters: number;
  /** SHA-256(header[16, 256)): names this prepare, and everything before it through `parent`. */
  readonly identity: Uint8Array;
  /** SHA-256(body). */
  readonly bodyChecksum: Uint8Array;
}

export type HeaderFault = "checksum" | "reserved bytes" | "cluster" | "size" | "number";

export type HeaderReading =
  | { readonly kind: "prepare"; readonly header: PrepareHeader }
  | { readonly kind: "reserved"; readonly slot: number }
  | { readonly kind: "invalid"; readonly fault: HeaderFault };

/** The parent of op 1: binds a log to its cluster from the first byte on. */
export function rootIdentity(clusterId: Uint8Array): Uint8Array {
  assert(clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  const label = new TextEncoder().encode("kimberlite log root v1\n");
  const bytes = new Uint8Array(label.length + clusterIdBytes);
  bytes.set(label, 0);
  bytes.set(clusterId, label.length);
  return nodeProvider.sha256(bytes);
}

/** Checksums `bytes[at + 16, at + 256)`, writes the first half into the header and the whole into `identity`. */
function finishHeader(bytes: Uint8Array, at: number, identity: Uint8Array): void {
  nodeProvider.sha256Into(bytes, at + checksumHalf, at + headerBytes, identity, 0);
  for (let index = 0; index < checksumHalf; index++) bytes[at + index] = identity[index] as number;
}

/**
 * Writes the header at `bytes[at, at + 256)` over the body that already lies at `at + 256`, and the new prepare's identity into
 * `identity` (which may be `fields.parent`: it is read first). Allocates nothing but what the hash function does.
 */
export function writePrepareHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  fields: PrepareFields,
  identity: Uint8Array,
): void {
  assert(at + headerBytes + fields.bodyBytes <= bytes.length, "a prepare's body lies behind its header");
  assert(fields.bodyBytes <= prepareBodyBytesMax, "a prepare's body is within its limit");
  assert(fields.op > 0 && fields.commit < fields.op, "a prepare commits only what came before it");
  bytes.fill(0, at, at + headerBytes);
  nodeProvider.sha256Into(bytes, at + headerBytes, at + headerBytes + fields.bodyBytes, digest, 0);
  for (let index = 0; index < checksumHalf; index++) {
    bytes[at + bodyChecksumAt + index] = digest[index] as number;
    bytes[at + bodyChecksumRestAt + index] = digest[checksumHalf + index] as number;
    bytes[at + clusterAt + index] = fields.clusterId[index] as number;
  }
  for (let index = 0; index < identityBytes; index++) bytes[at + parentAt + index] = fields.parent[index] as number;
  view.setUint32(at + 80, headerBytes + fields.bodyBytes, true);
  view.setUint32(at + 84, fields.epoch, true);
  view.setUint32(at + 88, fields.view, true);
  view.setUint32(at + 92, fields.release, true);
  view.setUint16(at + 96, frameProtocol, true);
  view.setUint8(at + 98, commandPrepare);
  view.setUint8(at + 99, fields.replica);
  writeU64(view, at + 176, fields.op);
  writeU64(view, at + 184, fields.commit);
  writeU64(view, at + 192, fields.timestamp);
  writeU64(view, at + 200, fields.address);
  view.setUint32(at + 208, fields.recordCount, true);
  view.setUint8(at + 212, fields.operation);
  view.setUint8(at + 213, fields.voters ?? 0);
  finishHeader(bytes, at, identity);
}

/** Writes the header of an empty slot of the header ring. It carries its own number, so that a misdirected write shows. */
export function writeReservedHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  clusterId: Uint8Array,
  slot: number,
): void {
  assert(at + headerBytes <= bytes.length, "a header lies within its bytes");
  assert(clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  bytes.fill(0, at, at + headerBytes);
  bytes.set(clusterId, at + clusterAt);
  view.setUint32(at + 80, headerBytes, true);
  view.setUint16(at + 96, frameProtocol, true);
  view.setUint8(at + 98, commandReserved);
  writeU64(view, at + 176, slot);
  finishHeader(bytes, at, digest);
}

export function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index++) if (bytes[index] !== 0) return false;
  return true;
}

export function sameBytes(
  left: Uint8Array,
  leftFrom: number,
  right: Uint8Array,
  rightFrom: number,
  length: number,
): boolean {
  for (let index = 0; index < length; index++) if (left[leftFrom + index] !== right[rightFrom + index]) return false;
  return true;
}

const invalid = (fault: HeaderFault): HeaderReading => ({ kind: "invalid", fault });

/**
 * Reads 256 untrusted bytes. Never throws for damage; throws `formatUnsupported` for a sound header of a protocol or command
 * that this version does not know.
 */
export function readHeader(bytes: Uint8Array, view: DataView, at: number, clusterId: Uint8Array): HeaderReading {
  assert(at >= 0 && at + headerBytes <= bytes.length, "a header is read within its bytes");
  assert(clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  const identity = nodeProvider.sha256(bytes, at + checksumHalf, at + headerBytes);
  if (!sameBytes(bytes, at, identity, 0, checksumHalf)) return invalid("checksum");
  const protocol = view.getUint16(at + 96, true);
  const command = view.getUint8(at + 98);
  if (protocol !== frameProtocol || (command !== commandPrepare && command !== commandReserved)) {
    throw new KimberliteError("formatUnsupported", `a sound header has protocol ${protocol}, command ${command}`, {
      detail: { protocol, command },
    });
  }
  if (
    !isZero(bytes, at + 32, at + 64) ||
    !isZero(bytes, at + 100, at + 128) ||
    !isZero(bytes, at + zeroFrom, at + headerBytes)
  ) {
    return invalid("reserved bytes");
  }
  if (!sameBytes(bytes, at + clusterAt, clusterId, 0, clusterIdBytes)) return invalid("cluster");
  const size = view.getUint32(at + 80, true);
  const op = readU64(view, at + 176);
  if (command === commandReserved) return readReserved(bytes, at, size, op);
  const commit = readU64(view, at + 184);
  const timestamp = readU64(view, at + 192);
  const address = readU64(view, at + 200);
  if (size < headerBytes || size > headerBytes + prepareBodyBytesMax) return invalid("size");
  if (!Number.isSafeInteger(op) || !Number.isSafeInteger(timestamp) || !Number.isSafeInteger(address))
    return invalid("number");
  if (op === 0 || commit >= op || address % sectorBytes !== 0) return invalid("number");
  const bodyChecksum = new Uint8Array(identityBytes);
  bodyChecksum.set(bytes.subarray(at + bodyChecksumAt, at + bodyChecksumAt + checksumHalf), 0);
  bodyChecksum.set(bytes.subarray(at + bodyChecksumRestAt, at + bodyChecksumRestAt + checksumHalf), checksumHalf);
  const header: PrepareHeader = {
    identity,
    bodyChecksum,
    clusterId: bytes.slice(at + clusterAt, at + clusterAt + clusterIdBytes),
    parent: bytes.slice(at + parentAt, at + parentAt + identityBytes),
    bodyBytes: size - headerBytes,
    epoch: view.getUint32(at + 84, true),
    view: view.getUint32(at + 88, true),
    release: view.getUint32(at + 92, true),
    replica: view.getUint8(at + 99),
    op,
    commit,
    timestamp,
    address,
    recordCount: view.getUint32(at + 208, true),
    operation: view.getUint8(at + 212),
    voters: view.getUint8(at + 213),
  };
  return { kind: "prepare", header };
}

/** A reserved header says nothing but its cluster and slot: every other byte is as `writeReservedHeader` leaves it. */
function readReserved(bytes: Uint8Array, at: number, size: number, slot: number): HeaderReading {
  if (size !== headerBytes || !Number.isSafeInteger(slot)) return invalid("size");
  const clean =
    isZero(bytes, at + 16, at + 32) &&
    isZero(bytes, at + 84, at + 96) &&
    bytes[at + 99] === 0 &&
    isZero(bytes, at + parentAt, at + 176) &&
    isZero(bytes, at + 184, at + zeroFrom);
  return clean ? { kind: "reserved", slot } : invalid("reserved bytes");
}
