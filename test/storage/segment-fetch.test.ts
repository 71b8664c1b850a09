import test from "ava";
import { segmentOf, segmentPath } from "../../runtime/storage/log-geometry.js";
import { positionBehind } from "../../runtime/storage/log-position.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { formatReplica, openReplica } from "../../runtime/storage/replica-storage.js";
import { encodeSeal, type SegmentSeal, sealBytes, unpackSeal } from "../../runtime/storage/seal-codec.js";
import { installFetched, SegmentFetch } from "../../runtime/storage/segment-fetch.js";
import { readSeal, sealSegment } from "../../runtime/storage/segment-seal.js";
import { SegmentSource } from "../../runtime/storage/segment-source.js";
import { hasCode } from "../../runtime/types/errors.js";
import { throwsAssertion } from "../vsr/throws-assertion.js";
import { closeAll, clusterId, geometry, root, seeded, walk } from "./log-fixture.js";
import { beginning, behind, chain, newPeerDisk, openPeer, story } from "./replicated-fixture.js";

const partBytes = 16 * 1024;
const sizes = Array.from({ length: 36 }, (_, index) => [9_000, 3_000, 17_000, 300][index % 4] ?? 0);
const whole = chain(beginning, sizes, 0, 36);
const segmentAt = (address: number): number => segmentOf(geometry, address);
const inSegment = (segment: number) => whole.filter(({ header }) => segmentAt(header.address) === segment);
const complete = segmentAt(whole.at(-1)?.header.address ?? 0);

/** A replica that holds everything, with its complete segments sealed. */
function giver(): SegmentSource {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  storage.log.writePrepares(whole);
  closeAll(storage);
  for (let segment = 0; segment < complete; segment++) {
    sealSegment(disk, root, geometry, clusterId, segment, (segment + 1) * geometry.segmentBytes);
  }
  return new SegmentSource(disk, root, geometry);
}

const source = giver();
const packed = source.readSeals(0, 100);
const seals = packed.map((each, segment) => unpackSeal(geometry, segment, each));

function fetch(disk: MemoryDisk, seal: SegmentSeal, change: (bytes: Uint8Array, at: number) => void = () => {}) {
  const transfer = new SegmentFetch(disk, root, geometry, seal);
  for (let at = 0; at < seal.usedBytes; at += partBytes) {
    const bytes = source.readPart(seal.segment, seal.contentHash, at, Math.min(partBytes, seal.usedBytes - at));
    if (bytes === null) throw new Error("the giver has every segment");
    change(bytes, at);
    transfer.write(at, bytes);
    transfer.write(at, bytes); // twice changes nothing
  }
  return transfer.finish();
}

test("seals are given for complete segments only, and say what the segment says", (t) => {
  t.true(complete >= 4);
  t.is(packed.length, complete);
  for (const [segment, seal] of seals.entries()) {
    const prepares = inSegment(segment);
    t.is(seal.firstOp, prepares[0]?.header.op ?? 0);
    t.is(seal.lastOp, prepares.at(-1)?.header.op ?? 0);
    t.deepEqual(encodeSeal(geometry, seal).slice(0, sealBytes), packed[segment]);
  }
  t.deepEqual(source.readSeals(complete, 10), []);
  const [first] = seals;
  t.is(source.readPart(1, first?.contentHash ?? new Uint8Array(32), 0, 100), null, "by hash, not by number");
  t.is(source.readPart(0, first?.contentHash ?? new Uint8Array(32), 0, geometry.segmentBytes + 1), null);
});

test("a fetched segment goes into the log by one step, over what a discarded log left there", (t) => {
  const disk = newPeerDisk();
  const { log, superblock } = openPeer(disk);
  const inFirst = inSegment(0);
  log.writePrepares(inFirst);
  // Never committed, and dead: it reaches into the next segment.
  const stale = chain(behind(inFirst), [12_000, 20_000, 100], 1);
  log.writePrepares(stale);
  log.truncate(inFirst.length, behind(inFirst).address, log.end);
  for (const seal of seals.slice(1)) log.installSegment(fetch(disk, seal));
  t.is(log.op, seals.at(-1)?.lastOp ?? 0);
  log.publishCommitted(log.position());
  log.writePrepares(whole.slice(log.op));
  log.publishCommitted(log.position());
  closeAll({ log, superblock });
  const again = openPeer(disk);
  t.is(story(again.log.recovered), "..36 certain");
  t.is(walk(disk, again.log.end).length, 36);
  for (const seal of seals.slice(1)) t.deepEqual(readSeal(disk, root, geometry, seal.segment), seal);
  t.deepEqual(disk.list(`${root}/fetch/log`), []);
  closeAll(again);
});

test("a segment that is fetched for damage leaves the names of what is kept behind it in the ring", (t) => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/data");
  const small = { ...geometry, headerSlots: 16 };
  const open = () => openReplica({ disk, directory: root, geometry: small, ringBytes: geometry.segmentBytes });
  formatReplica(disk, root, { clusterId, replica: 1, replicaCount: 3 }, small);
  const [seal] = seals.slice(2);
  if (seal === undefined) throw new Error("there are three segments");
  // The newest prepare of the fetched segment and the newest of the log have one slot of the ring.
  const written = whole.slice(0, seal.lastOp + small.headerSlots);
  const storage = open();
  storage.log.writePrepares(written);
  closeAll(storage);
  disk.damage(segmentPath(root, geometry, 2), (bytes) => bytes.fill(0xee, 0, 4096));
  const hurt = open();
  t.is(hurt.log.recovered.sound.op, seal.firstOp - 1);
  t.is(hurt.log.recovered.beyond.at(-1)?.state, "sound");
  hurt.log.installSegment(fetch(disk, seal), behind(whole.slice(0, seal.firstOp - 1)));
  closeAll(hurt);
  const last = written.at(-1);
  if (last === undefined) throw new Error("there are prepares");
  const { op, address } = last.header;
  disk.damage(segmentPath(root, geometry, segmentAt(address)), (bytes) => {
    const at = address % geometry.segmentBytes;
    bytes.fill(0, at, at + 4096);
  });
  const again = open();
  t.is(
    story(again.log.recovered),
    `..${op - 1} ${op}! uncertain`,
    "it may have been acknowledged: it is not simply gone",
  );
  closeAll(again);
});

test("a segment with one bit turned anywhere is refused, and nothing of it is in the log", (t) => {
  const [, seal] = seals;
  if (seal === undefined) throw new Error("there are two segments");
  for (let at = 100; at < seal.usedBytes; at += 4_099) {
    const disk = newPeerDisk();
    const turn = (bytes: Uint8Array, from: number): void => {
      if (at >= from && at < from + bytes.length) bytes[at - from] = Number(bytes[at - from]) ^ 4;
    };
    const error = t.throws(() => fetch(disk, seal, turn));
    t.true(hasCode(error, "dataCorrupt"), String(error));
    t.is(disk.status(`${root}/log/0000000000010000.seg`), null);
  }
});

test("a segment that does not follow the log is not installed", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  const [first, , third] = seals;
  if (first === undefined || third === undefined) throw new Error("there are three segments");
  log.installSegment(fetch(disk, first));
  const skipping = fetch(disk, third);
  throwsAssertion(
    t,
    () => log.installSegment(skipping),
    "order: a segment is installed behind the last one that holds something",
  );
  const [, second] = seals;
  if (second === undefined) throw new Error("there are three segments");
  const again = fetch(disk, second);
  throwsAssertion(
    t,
    () => log.installSegment({ ...again, position: { ...again.position, op: 1 } }),
    "order: a segment goes on with the log",
  );
  throwsAssertion(
    t,
    () => log.installSegment({ ...again, seal: { ...again.seal, firstParent: new Uint8Array(32) } }),
    "hash chain: a segment's first prepare names the one before it as its parent",
  );
});

test("what is not whole is neither judged nor installed", (t) => {
  const disk = newPeerDisk();
  const [first] = seals;
  if (first === undefined) throw new Error("there is a segment");
  const transfer = new SegmentFetch(disk, root, geometry, first);
  throwsAssertion(t, () => transfer.finish(), "durability: a segment is judged when all of it is here");
  throwsAssertion(t, () => installFetched(disk, root, geometry, 0), "durability: a segment is installed whole");
  transfer.discard();
  t.deepEqual(disk.list(`${root}/fetch/log`), []);
});

test("a disk without room for a segment and its reserve takes none", (t) => {
  const disk = newPeerDisk();
  disk.capacityBytes = 1024;
  const [first] = seals;
  if (first === undefined) throw new Error("there is a segment");
  const error = t.throws(() => new SegmentFetch(disk, root, geometry, first));
  t.true(hasCode(error, "diskFull"), String(error));
});

for (const mode of ["direct", "fdatasync"] as const) {
  test(`${mode}: T21: a cut at any operation of a transfer leaves the log as it was, or with the whole segment`, (t) => {
    const inFirst = inSegment(0);
    const play = (disk: MemoryDisk): void => {
      try {
        const storage = openPeer(disk, mode);
        storage.log.writePrepares(inFirst);
        const [, second, third] = seals;
        if (second === undefined || third === undefined) throw new Error("there are three segments");
        storage.log.installSegment(fetch(disk, second));
        storage.log.installSegment(fetch(disk, third));
        closeAll(storage);
      } catch (error) {
        if (!disk.isCut) throw error;
      }
    };
    const measured = newPeerDisk();
    const begun = measured.operations;
    play(measured);
    const operations = measured.operations - begun;
    const ends = new Set<number>();
    for (let operation = 1; operation <= operations; operation++) {
      for (const chance of [() => 0, seeded(operation), () => 0.999]) {
        const disk = newPeerDisk();
        disk.cutPowerAt(disk.operations + operation, seeded(operation));
        play(disk);
        disk.restart(chance);
        const storage = openPeer(disk, mode);
        const { recovered } = storage.log;
        t.is(recovered.beyond.length, 0, `operation ${operation}: ${story(recovered)}`);
        ends.add(recovered.sound.op);
        const named = whole[recovered.sound.op - 1];
        if (named !== undefined) t.deepEqual(recovered.sound, positionBehind(named.header));
        closeAll(storage);
      }
    }
    const [, second, third] = seals;
    t.true(ends.has(inFirst.length) && ends.has(second?.lastOp ?? 0) && ends.has(third?.lastOp ?? 0));
    for (const op of ends) {
      t.true(op <= inFirst.length || op === second?.lastOp || op === third?.lastOp, `it ends behind op ${op}`);
    }
  });
}
