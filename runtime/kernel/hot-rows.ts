/**
 * Tenants and streams as objects: what every append reads and changes. `WorkingState` loads them from their rows once and writes back
 * what appends have changed.
 */
import { assert } from "../types/assert.js";
import { getU64, setU64 } from "./numbers.js";
import { streamField } from "./stream-rows.js";
import { tenantField } from "./tenant-row.js";

export class HotStream {
  readonly tenant: number;
  readonly stream: number;
  nextOffset: number;
  bytes: number;
  isDirty = false;

  constructor(tenant: number, stream: number, row: DataView, at: number) {
    this.tenant = tenant;
    this.stream = stream;
    this.nextOffset = getU64(row, at + streamField.nextOffset);
    this.bytes = getU64(row, at + streamField.bytes);
    assert(this.bytes >= this.nextOffset, "each event has stored bytes");
  }

  writeBack(row: DataView, at: number): void {
    assert(getU64(row, at + streamField.nextOffset) < this.nextOffset, "a stream that is written back has grown");
    setU64(row, at + streamField.nextOffset, this.nextOffset);
    setU64(row, at + streamField.bytes, this.bytes);
    this.isDirty = false;
  }
}

export class HotTenant {
  readonly tenant: number;
  readonly status: number;
  readonly epoch: number;
  readonly nextStream: number;
  readonly streams: number;
  readonly sessions: number;
  readonly quotaBytes: number;
  readonly quotaStreams: number;
  readonly quotaSessions: number;
  readonly quotaGroups: number;
  nextPosition: number;
  lastTime: number;
  storedBytes: number;
  isDirty = false;
  readonly streamsById = new Map<number, HotStream>();
  /** Last position of the row of `commits` that holds the next one to leave the window of request keys; -1 when not looked up. */
  windowRowLast = -1;
  /** The key of that position, null when it has none. */
  windowRowKey: DataView | null = null;

  constructor(tenant: number, row: DataView, at: number) {
    this.tenant = tenant;
    this.status = row.getUint8(at + tenantField.status);
    this.epoch = row.getUint32(at + tenantField.epoch, true);
    this.nextPosition = getU64(row, at + tenantField.nextPosition);
    this.lastTime = getU64(row, at + tenantField.lastTime);
    this.nextStream = getU64(row, at + tenantField.nextStream);
    this.streams = getU64(row, at + tenantField.streams);
    this.storedBytes = getU64(row, at + tenantField.storedBytes);
    this.sessions = row.getUint32(at + tenantField.sessions, true);
    this.quotaBytes = getU64(row, at + tenantField.quotaBytes);
    this.quotaStreams = row.getUint32(at + tenantField.quotaStreams, true);
    this.quotaSessions = row.getUint32(at + tenantField.quotaSessions, true);
    this.quotaGroups = row.getUint32(at + tenantField.quotaGroups, true);
    assert(row.getUint8(at) === 1, "a tenant row has a known version");
  }

  writeBack(row: DataView, at: number): void {
    assert(
      getU64(row, at + tenantField.nextPosition) < this.nextPosition,
      "a tenant that is written back has more positions than its row",
    );
    setU64(row, at + tenantField.nextPosition, this.nextPosition);
    setU64(row, at + tenantField.lastTime, this.lastTime);
    setU64(row, at + tenantField.storedBytes, this.storedBytes);
    this.isDirty = false;
  }
}
