import test from "ava";
import { FaultDisk, type FaultKind } from "../../runtime/storage/fault-disk.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import { bodyRoom, nextSegmentStart, placePrepare, segmentPath } from "../../runtime/storage/log-geometry.js";
import { LogReader } from "../../runtime/storage/log-reader.js";
import { repairLog } from "../../runtime/storage/log-recovery.js";
import { LogTail } from "../../runtime/storage/log-tail.js";
import { LogWindow } from "../../runtime/storage/log-window.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { formatReplica, isFormatted, recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { prepareNextSegment, SegmentFiles } from "../../runtime/storage/segments.js";
import { appendAlone } from "./append-alone.js";
import { append, bodyOf, closeAll, clusterId, geometry, identity, newDisk, open, root, walk } from "./log-fixture.js";

const sizes = [100, 3840, 3841, 20_000, 9, 15_000, 20_480, 8000];

for (const mode of ["direct", "dsync", "fdatasync"] as const) {
  test(`${mode}: what was appended is found after a restart, over several segments`, (t) => {
    const disk = newDisk();
    let storage = open(disk, mode);
    t.is(storage.log.mode, mode);
    const wanted: { op: number; address: number; bytes: number }[] = [];
    for (let round = 0; round < 4; round++) {
      for (const bytes of sizes) wanted.push({ op: storage.log.op + 1, address: append(storage.log, bytes), bytes });
      t.deepEqual(walk(disk, storage.log.tail.committedEnd), wanted);
      const position = storage.log.position();
      closeAll(storage);
      storage = open(disk, mode);
      t.deepEqual(storage.log.position(), position);
      t.is(storage.log.report.prepares, wanted.length);
      t.deepEqual(walk(disk, storage.log.tail.committedEnd), wanted);
    }
    t.true(storage.log.end > 4 * geometry.segmentBytes);
    t.is(storage.log.report.repairedSlots, 0);
    t.is(storage.superblock.content.generation, 5, "each open is a generation");
  });
}

test("a prepare that does not fit begins the next segment, the rest stays zero", (t) => {
  const disk = newDisk();
  const { log } = open(disk);
  for (let count = 0; count < 4; count++) append(log, 15_000);
  t.is(log.end, geometry.segmentBytes);
  for (let count = 0; count < 3; count++) append(log, 20_000);
  t.is(bodyRoom(geometry, log.end), geometry.segmentBytes - 3 * 20_480 - headerBytes);
  t.is(append(log, 5000), 2 * geometry.segmentBytes);
  t.is(placePrepare(geometry, log.end, 100), log.end);
  t.is(nextSegmentStart(geometry, log.end), 3 * geometry.segmentBytes);
  const rest = disk.contents(segmentPath(root, geometry, 1)).subarray(3 * 20_480);
  t.true(rest.length > 0 && rest.every((byte) => byte === 0));
  t.deepEqual(
    walk(disk, log.end).map(({ op }) => op),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
});

test("recovery reads from the checkpoint on, not the whole log", (t) => {
  const disk = newDisk();
  const storage = open(disk);
  for (let count = 0; count < 1500; count++) append(storage.log, 3000);
  const checkpoint = { ...storage.log.position(), root: Uint8Array.from([1, 2, 3]) };
  recordCheckpoint(storage, checkpoint, storage.log.op);
  for (let count = 0; count < 7; count++) append(storage.log, 3000);
  closeAll(storage);
  const again = open(disk);
  t.is(again.log.op, 1507);
  t.is(again.log.report.prepares, 7);
  t.true(again.log.report.bytesRead < 4 * geometry.segmentBytes, `${again.log.report.bytesRead} bytes read`);
  t.deepEqual(again.superblock.content.checkpoint, checkpoint);
  t.is(walk(disk, again.log.end, checkpoint).length, 7);
  closeAll(again);
});

test("more than one turn of the header ring since the checkpoint is recovered", (t) => {
  const disk = newDisk();
  const storage = open(disk);
  for (let count = 0; count < 2500; count++) append(storage.log, 500);
  closeAll(storage);
  const { log } = open(disk);
  t.is(log.op, 2500);
  t.deepEqual(log.report.rows, { sound: 1024, "sound a turn ago": 1476, "clean end": 1 });
});

test("records are read by address from the ring while new and from files when old", (t) => {
  const disk = newDisk();
  const { log } = open(disk);
  const reader = new LogReader(disk, root, geometry, new LogTail(log.tail.handle), 2);
  const addresses: { address: number; op: number; bytes: number }[] = [];
  const check = (): void => {
    for (const { address, op, bytes } of addresses) {
      reader.read(address + headerBytes);
      t.deepEqual(reader.bytes.slice(reader.start, reader.start + reader.length), bodyOf(op, bytes).slice(8));
      t.is(reader.view.buffer, reader.bytes.buffer);
    }
  };
  for (const bytes of sizes) addresses.push({ op: log.op + 1, address: append(log, bytes), bytes });
  check();
  t.true(reader.reads.ring > 0);
  for (let round = 0; round < 4; round++) {
    for (const bytes of sizes) addresses.push({ op: log.op + 1, address: append(log, bytes), bytes });
  }
  check();
  t.true(reader.reads.file > 0);
  t.true(reader.openFiles <= 2);
  t.throws(() => reader.read(log.end), { code: "dataCorrupt", message: /there is no committed record/ });
  t.throws(() => reader.read(headerBytes + 1), { code: "dataCorrupt", message: /length field|checksum/ });
  reader.close();
});

test("a record whose bytes changed on disk is refused, never given out", (t) => {
  const disk = newDisk();
  const { log } = open(disk);
  const address = append(log, 3000);
  for (let count = 0; count < 10; count++) append(log, 15_000); // pushes the ring on
  const reader = new LogReader(disk, root, geometry, log.tail);
  reader.read(address + headerBytes);
  for (const at of [0, 1, 4, 8, 2999]) {
    const copy = disk.clone();
    copy.damage(segmentPath(root, geometry, 0), (bytes) => {
      bytes[address + headerBytes + at] = (bytes[address + headerBytes + at] ?? 0) ^ 0x10;
    });
    const damaged = new LogReader(copy, root, geometry, log.tail);
    const error = t.throws(() => damaged.read(address + headerBytes), { code: "dataCorrupt" });
    t.regex(error?.message ?? "", /address 256 in .*0000000000000000\.seg/);
  }
  reader.close();
});

test("a part of a record is read from ring and file, and refused when it is not what it was", (t) => {
  const disk = newDisk();
  const { log } = open(disk);
  const address = append(log, 9000);
  const wanted = bodyOf(1, 9000);
  const [from, to] = [4001, 5500];
  const holds = (view: DataView, at: number): boolean =>
    Buffer.compare(new Uint8Array(view.buffer, view.byteOffset + at, to - from), wanted.subarray(from, to)) === 0;
  const reader = new LogReader(disk, root, geometry, log.tail);
  const check = (): void => {
    reader.readPart(address + headerBytes, from, to - from, holds);
    t.deepEqual(reader.bytes.slice(reader.start, reader.start + reader.length), wanted.slice(from, to));
  };
  check();
  t.deepEqual(reader.reads, { ring: 1, fileCached: 0, file: 0 });
  for (let count = 0; count < 10; count++) append(log, 15_000); // pushes the ring on
  check();
  t.deepEqual([reader.reads.ring, reader.reads.file], [1, 1]);
  const copy = disk.clone();
  copy.damage(segmentPath(root, geometry, 0), (bytes) => {
    bytes[address + headerBytes + from] = (bytes[address + headerBytes + from] ?? 0) ^ 0x10;
  });
  const damaged = new LogReader(copy, root, geometry, log.tail);
  t.throws(() => damaged.readPart(address + headerBytes, from, to - from, holds), {
    code: "dataCorrupt",
    message: /from 4001 to 5500 are not those that its checksum held for/,
  });
  t.throws(() => reader.readPart(log.end - 4096, 8, 1_000_000, holds), { code: "dataCorrupt", message: /log's end/ });
  reader.close();
});

test("a copy that was overtaken in the ring is read from the file instead", (t) => {
  const disk = newDisk();
  const { log } = open(disk);
  const address = append(log, 3000);
  const reader = new LogReader(disk, root, geometry, log.tail);
  reader.read(address + headerBytes);
  t.is(reader.reads.ring, 1);
  while (log.end < geometry.segmentBytes) append(log, 3000);
  log.tail.reserve(log.end + 4096); // the shard begins to encode over it
  log.tail.bytes.fill(0xee, 0, 4096);
  reader.read(address + headerBytes);
  t.deepEqual(reader.bytes.slice(reader.start, reader.start + reader.length), bodyOf(1, 3000).slice(8));
  t.is(reader.reads.ring, 1);
  t.is(reader.reads.file, 1);
});

test("after any failed write or sync the writer is dead: it never touches the disk again", (t) => {
  const kinds: FaultKind[] = ["writeError", "noSpace", "shortWrite", "tornWrite", "syncError"];
  for (const kind of kinds) {
    for (const pathEnd of [".seg", "headers"]) {
      const inner = newDisk();
      const disk = new FaultDisk(inner);
      const { log } = open(disk, "fdatasync");
      append(log, 3000);
      disk.plan({ kind, pathEnd, nth: 1 });
      t.throws(() => append(log, 5000), { code: "storageFailed" }, `${kind} of ${pathEnd}`);
      t.is(disk.struck[kind], 1);
      t.true(log.isDead);
      t.is(log.op, 1);
      t.is(log.tail.committedEnd, 4096);
      const before = { ...disk.operations };
      t.throws(() => append(log, 100), { code: "storageFailed", message: /the log stopped after a failed write/ });
      t.deepEqual(disk.operations, before, "no retry");
      inner.restart(() => 0.3);
      const again = open(inner);
      t.true(again.log.op === 1 || again.log.op === 2, "what was in flight is decided by what is on the disk");
      t.is(walk(inner, again.log.end).length, again.log.op);
    }
  }
});

test("a read that fails at start is reported, and the log opens when the disk reads again", (t) => {
  const inner = newDisk();
  const first = open(inner);
  append(first.log, 3000);
  closeAll(first);
  for (const pathEnd of ["superblock", "headers", ".seg"]) {
    const disk = new FaultDisk(inner, [{ kind: "readError", pathEnd, nth: 1 }]);
    t.throws(() => open(disk), { code: "storageFailed", message: /EIO/ });
    t.is(disk.struck.readError, 1);
  }
  t.is(open(inner).log.op, 1);
});

test("a full disk refuses the append that needs a segment, and takes it when space returns", (t) => {
  const disk = newDisk();
  const { log } = open(disk);
  while (log.end < geometry.segmentBytes) append(log, 15_000);
  disk.capacityBytes = 1024;
  const op = log.op;
  for (let tries = 0; tries < 3; tries++)
    t.throws(() => append(log, 3000), { code: "diskFull", message: /disk is full/ });
  t.false(log.isDead);
  t.is(log.op, op);
  t.throws(() => prepareNextSegment(disk, root, geometry, 1), { code: "diskFull" });
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  append(log, 3000);
  t.is(log.op, op + 1);
  t.is(walk(disk, log.end).length, op + 1);
});

test("segments made ahead are taken by rename; what preallocation left half done is removed at open", (t) => {
  const disk = newDisk();
  const storage = open(disk);
  const { log } = storage;
  prepareNextSegment(disk, root, geometry, 1);
  prepareNextSegment(disk, root, geometry, 1);
  t.deepEqual(disk.list(`${root}/log`), ["0000000000000000.seg", "0000000000010000.ready"]);
  while (log.end < geometry.segmentBytes) append(log, 15_000);
  const before = disk.operations;
  append(log, 3000);
  t.true(disk.operations - before <= 5, "a rename, a directory sync and the two writes");
  t.deepEqual(disk.list(`${root}/log`), ["0000000000000000.seg", "0000000000010000.seg"]);
  disk.create(`${root}/log/0000000000020000.new`, "fdatasync");
  closeAll(storage);
  open(disk);
  t.deepEqual(disk.list(`${root}/log`), ["0000000000000000.seg", "0000000000010000.seg"]);
});

test("a replica is formatted once; a format cut short is begun anew; a lost superblock is never replaced by an empty one", (t) => {
  const disk = newDisk();
  t.true(isFormatted(disk, root));
  t.throws(() => formatReplica(disk, root, identity, geometry), {
    code: "invalidArgument",
    message: /already holds a replica/,
  });
  disk.remove(`${root}/superblock`);
  t.true(isFormatted(disk, root));
  t.throws(() => formatReplica(disk, root, identity, geometry), { code: "invalidArgument" });
  t.throws(() => open(disk), { code: "dataMissing", message: /superblock/ });
  let cuts = 0;
  for (let cut = 1; cut < 60; cut++) {
    const fresh = new MemoryDisk();
    fresh.makeDirectory("/data");
    fresh.cutPowerAt(cut, () => 0.6);
    try {
      formatReplica(fresh, root, identity, geometry);
    } catch {
      cuts++;
    }
    fresh.restart(() => 0.6);
    if (!isFormatted(fresh, root)) formatReplica(fresh, root, identity, geometry);
    t.is(open(fresh).log.op, 0, `cut at ${cut}`);
  }
  t.true(cuts > 10);
});

test("order: a prepare begins at the end of the log or at the next segment", (t) => {
  const { log } = open(newDisk());
  log.tail.reserve(16_384);
  t.throws(() => appendAlone(log, 4096, 100, 1, 1, 0), {
    message: /order: a prepare begins at the end of the log or at the next segment/,
  });
});

test("order: timestamps grow from prepare to prepare", (t) => {
  const { log } = open(newDisk());
  append(log, 100);
  log.tail.reserve(16_384);
  t.throws(() => appendAlone(log, 4096, 100, 1, log.timestamp, 0), {
    message: /order: timestamps grow from prepare to prepare/,
  });
});

test("isolation: a prepare lies in reserved memory of the ring", (t) => {
  const { log } = open(newDisk());
  while (log.end < geometry.segmentBytes) append(log, 15_000);
  const { end } = log;
  t.throws(() => appendAlone(log, end, 100, 1, log.timestamp + 1, 0), {
    message: /isolation: a prepare lies in reserved memory of the ring/,
  });
});

test("durability: the committed end never goes back", (t) => {
  const { log } = open(newDisk());
  append(log, 100);
  t.throws(() => log.tail.publishCommittedEnd(0), { message: /durability: the committed end never goes back/ });
});

test("durability: bytes that are not durable yet are never overwritten in the ring", (t) => {
  const { log } = open(newDisk());
  append(log, 100);
  t.throws(() => log.tail.reserve(geometry.segmentBytes + 8192), {
    message: /durability: bytes that are not durable yet are never overwritten in the ring/,
  });
});

test("durability: recovery zeroes nothing before the end of the log", (t) => {
  const disk = newDisk();
  const window = new LogWindow(new SegmentFiles(disk, root, geometry), new Uint8Array(geometry.segmentBytes));
  const head = { op: 1, address: 4096, parent: new Uint8Array(32), timestamp: 1 };
  const log = { from: head, sound: head, headers: [], beyond: [], headIsCertain: true, commit: 0, end: 4096 };
  const leftovers = [{ address: 0, bytes: 4096 }];
  const found = { log, prepares: 1, rows: {}, slots: new Map(), leftovers, paddings: [] };
  t.throws(() => repairLog(disk, window, null as never, found, "direct"), {
    message: /durability: recovery zeroes nothing before the end of the log/,
  });
  t.is(clusterId.length, 16);
});
