/** Critical assertions of this room that no other test trips. */
import test from "ava";
import type { DiskFile, WriteMode } from "../../runtime/storage/disk.js";
import { HeaderRing } from "../../runtime/storage/header-ring.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { PrepareCursor } from "../../runtime/storage/prepare-cursor.js";
import { recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { encodeSeal } from "../../runtime/storage/seal-codec.js";
import { createZeroFilled } from "../../runtime/storage/segments.js";
import { append, clusterId, geometry, newDisk, open, root } from "./log-fixture.js";

test("durability: a checkpoint covers only durable ops", (t) => {
  const storage = open(newDisk());
  append(storage.log, 100);
  const checkpoint = { ...storage.log.position(), op: 2, root: new Uint8Array(0) };
  t.throws(() => recordCheckpoint(storage, checkpoint, 2), {
    message: /durability: a checkpoint covers only durable ops/,
  });
});

test("durability: a checkpoint covers only committed ops", (t) => {
  const storage = open(newDisk());
  append(storage.log, 100);
  const checkpoint = { ...storage.log.position(), root: new Uint8Array(0) };
  t.throws(() => recordCheckpoint(storage, checkpoint, 0), {
    message: /durability: a checkpoint covers only committed ops/,
  });
});

test("durability: a preallocated file has its whole length", (t) => {
  class ShortDisk extends MemoryDisk {
    override create(path: string, access: WriteMode): DiskFile {
      const file = super.create(path, access);
      return Object.assign(Object.create(file) as DiskFile, {
        path,
        access,
        size: () => 1,
        write: () => undefined,
        sync: () => undefined,
        close: () => file.close(),
      });
    }
  }
  const disk = new ShortDisk();
  disk.makeDirectory("/d");
  t.throws(() => createZeroFilled(disk, "/d/file", 4096), {
    message: /durability: a preallocated file has its whole length/,
  });
  t.deepEqual(disk.list("/d"), [], "nothing is left behind");
});

test("durability: a repaired slot reads as sound", (t) => {
  const ring = HeaderRing.open(newDisk(), root, clusterId, "direct");
  t.throws(() => ring.repair(5, new Uint8Array(256)), { message: /durability: a repaired slot reads as sound/ });
});

test("hash chain: a walk that has not met a prepare has no position", (t) => {
  const cursor = PrepareCursor.open(newDisk(), root, geometry, clusterId, {
    op: 0,
    address: 0,
    parent: null,
    timestamp: 0,
  });
  t.throws(() => cursor.position(), { message: /hash chain: a walk that has not met a prepare has no position/ });
  t.throws(() => cursor.header, { code: "internal" });
});

test("order: a walk's end never goes back", (t) => {
  const disk = newDisk();
  const { log } = open(disk);
  append(log, 100);
  const cursor = PrepareCursor.open(disk, root, geometry, clusterId, { op: 0, address: 0, parent: null, timestamp: 0 });
  t.true(cursor.next(log.end));
  t.false(cursor.next(log.end));
  t.throws(() => cursor.next(0), { message: /order: a walk's end never goes back/ });
});

test("order: a segment's ops ascend", (t) => {
  const hash = new Uint8Array(32);
  const seal = {
    segment: 0,
    usedBytes: 4096,
    clusterId,
    records: 1,
    firstOp: 2,
    lastOp: 1,
    firstTimestamp: 1,
    lastTimestamp: 1,
    firstIdentity: hash,
    lastIdentity: hash,
    firstParent: hash,
    contentHash: hash,
  };
  t.throws(() => encodeSeal(geometry, seal), { message: /order: a segment's ops ascend/ });
});
