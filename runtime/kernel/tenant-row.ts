/**
 * The row of a tenant on its shard, in the tree `tenants`, key = tenant. The system tenant (0) has one on every shard: it
 * carries the shard's own commands with positions of their own.
 *
 *   at  size  field
 *    0     1  version: 1
 *    1     1  status (`tenantStatus`)
 *    2     2  zero
 *    4     4  epoch of the tenant's placement: grows with each move
 *    8     8  next position
 *   16     8  time of the newest record, µs
 *   24     8  next stream id, from 1
 *   32     8  streams
 *   40     8  stored bytes: events with their headers, facts of SQL transactions
 *   48     4  open sessions
 *   52     4  consumer groups
 *   56    24  quotas
 *
 * Quotas (24 bytes, the same in requests, facts and the directory):
 *    0     8  stored bytes
 *    8     4  streams
 *   12     4  open sessions: opening one more evicts the one opened longest ago
 *   16     4  consumer groups of one stream
 *   20     4  zero
 */
import { assert } from "../types/assert.js";
import type { ByteReader } from "../types/byte-reader.js";
import type { ByteWriter } from "../types/byte-writer.js";
import { KimberliteError } from "../types/errors.js";
import { groupsPerStreamMax, sessionsPerTenantMax } from "../types/limits.js";
import { getU64, setU64 } from "./numbers.js";

export const tenantRowBytes = 80;
export const tenantRowVersion = 1;
/** Offsets of the fields above. */
export const tenantField = {
  version: 0,
  status: 1,
  epoch: 4,
  nextPosition: 8,
  lastTime: 16,
  nextStream: 24,
  streams: 32,
  storedBytes: 40,
  sessions: 48,
  groups: 52,
  quotas: 56,
  quotaBytes: 56,
  quotaStreams: 64,
  quotaSessions: 68,
  quotaGroups: 72,
} as const;

export interface Quotas {
  /** Stored bytes: events and facts of SQL transactions. */
  readonly bytesMax: number;
  readonly streamsMax: number;
  readonly sessionsMax: number;
  readonly groupsPerStreamMax: number;
}

export const quotaBytes = 24;
export const quotasDefault: Quotas = {
  bytesMax: Number.MAX_SAFE_INTEGER,
  streamsMax: 10_000_000,
  sessionsMax: sessionsPerTenantMax,
  groupsPerStreamMax,
};

export function encodeQuotas(out: ByteWriter, quotas: Quotas): void {
  out.u64(quotas.bytesMax).u32(quotas.streamsMax).u32(quotas.sessionsMax).u32(quotas.groupsPerStreamMax).u32(0);
}

/** Quotas of our own rows: they were checked when they were decided. */
export function quotasAt(view: DataView, at: number): Quotas {
  assert(at + quotaBytes <= view.byteLength, "quotas lie within their row");
  return {
    bytesMax: getU64(view, at),
    streamsMax: view.getUint32(at + 8, true),
    sessionsMax: view.getUint32(at + 12, true),
    groupsPerStreamMax: view.getUint32(at + 16, true),
  };
}

/** Decodes untrusted quotas. Throws `frameInvalid` or `invalidArgument`. */
export function decodeQuotas(reader: ByteReader): Quotas {
  const quotas: Quotas = {
    bytesMax: reader.u64(),
    streamsMax: reader.u32(),
    sessionsMax: reader.u32(),
    groupsPerStreamMax: reader.u32(),
  };
  if (reader.u32() !== 0) throw new KimberliteError("frameInvalid", "reserved bytes of quotas are not zero");
  if (quotas.sessionsMax < 1 || quotas.sessionsMax > sessionsPerTenantMax) {
    throw new KimberliteError("invalidArgument", `a quota of sessions is from 1 to ${sessionsPerTenantMax}`);
  }
  if (quotas.groupsPerStreamMax > groupsPerStreamMax) {
    throw new KimberliteError("invalidArgument", `a quota of groups is at most ${groupsPerStreamMax}`);
  }
  return quotas;
}

/** Writes a fresh row into `row` (80 bytes). */
export function writeTenantRow(row: Uint8Array, view: DataView, status: number, epoch: number): void {
  assert(row.length === tenantRowBytes, "a tenant row has its fixed size");
  assert(epoch >= 0, "a placement epoch is not negative");
  row.fill(0);
  row[tenantField.version] = tenantRowVersion;
  row[tenantField.status] = status;
  view.setUint32(tenantField.epoch, epoch, true);
  setU64(view, tenantField.nextStream, 1);
  setU64(view, tenantField.quotaBytes, quotasDefault.bytesMax);
  view.setUint32(tenantField.quotaStreams, quotasDefault.streamsMax, true);
  view.setUint32(tenantField.quotaSessions, quotasDefault.sessionsMax, true);
  view.setUint32(tenantField.quotaGroups, quotasDefault.groupsPerStreamMax, true);
}
