/** The storage side of replication: writing what peers send, truncating, repairing, reading back. */
import test from "ava";
import { headerSlots } from "../../runtime/storage/header-ring.js";
import { segmentPath } from "../../runtime/storage/log-geometry.js";
import { positionBehind } from "../../runtime/storage/log-position.js";
import type { Prepare } from "../../runtime/storage/prepare.js";
import { closeAll, geometry, root } from "./log-fixture.js";
import { beginning, behind, chain, newPeerDisk, openPeer, sameHeader, stored, story } from "./replicated-fixture.js";

const sizes = [100, 5000, 9, 20_000, 3840, 12_000, 20_000, 7000, 3000, 15_000];

function identities(prepares: readonly Prepare[]): string[] {
  return prepares.map(({ header }) => Buffer.from(header.identity).toString("hex"));
}

for (const mode of ["direct", "fdatasync"] as const) {
  test(`${mode}: prepares of a peer are written in batches, found after a restart, and read back`, (t) => {
    const disk = newPeerDisk();
    const storage = openPeer(disk, mode);
    const prepares = chain(beginning, sizes);
    for (const batch of [prepares.slice(0, 1), prepares.slice(1, 8), prepares.slice(8)])
      storage.log.writePrepares(batch);
    const { log } = storage;
    t.deepEqual(log.position(), behind(prepares));
    t.is(log.committed.op, 0);
    t.is(log.tail.committedEnd, 0, "nobody reads what is not committed");
    t.deepEqual(identities(log.readRun(beginning, 10, 1_000_000)), identities(prepares));
    for (const { header, frame } of prepares) t.deepEqual(log.readPrepare(header)?.frame, frame);
    closeAll(storage);
    const again = openPeer(disk, mode);
    t.is(story(again.log.recovered), "..10 certain");
    t.is(again.log.recovered.end, log.end);
    t.deepEqual(
      again.log.recovered.headers.map(({ headerBytes }) => Buffer.from(headerBytes).toString("hex")),
      prepares.map(({ frame }) => Buffer.from(frame.subarray(0, 256)).toString("hex")),
    );
    t.deepEqual(again.log.position(), behind(prepares));
    again.log.publishCommitted(behind(prepares.slice(0, 6)));
    t.is(again.log.tail.committedEnd, behind(prepares.slice(0, 6)).address);
    again.log.writePrepares(chain(behind(prepares), [500], 0, 6));
    closeAll(again);
    t.is(openPeer(disk, mode).log.recovered.commit, 6, "what a header of the log states");
  });
}

test("one stretch is one write and one write of header sectors", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  const prepares = chain(beginning, [3000, 3000, 3000, 3000, 3000]);
  const before = disk.operations;
  log.writePrepares(prepares);
  t.is(disk.operations - before, 2);
});

test("a batch longer than the header ring leaves the newest headers", (t) => {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const prepares = chain(beginning, new Array<number>(2 * headerSlots + 100).fill(10));
  storage.log.writePrepares(prepares);
  closeAll(storage);
  const { recovered } = openPeer(disk).log;
  t.is(story(recovered), `..${prepares.length} certain`);
  t.is(recovered.headers.length, headerSlots);
  t.is(recovered.headers[0]?.header.op, prepares.length - headerSlots + 1);
});

test("a run is as long as its bytes allow, at least one, and ends where something does not verify", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  const prepares = chain(beginning, sizes);
  log.writePrepares(prepares);
  t.is(log.readRun(beginning, 10, 1).length, 1);
  t.is(log.readRun(beginning, 10, 5700).length, 2);
  t.is(log.readRun(behind(prepares.slice(0, 3)), 5, 1_000_000).length, 2);
  t.deepEqual(log.readRun(behind(prepares), 20, 1_000_000), []);
  t.deepEqual(log.readRun({ ...beginning, parent: new Uint8Array(32) }, 5, 1000), [], "another log's parent");
  const fifth = prepares[4]?.header;
  if (fifth === undefined) return t.fail();
  disk.damage(segmentPath(root, geometry, 0), (bytes) => {
    const at = fifth.address + 300;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
  });
  t.is(log.readRun(beginning, 10, 1_000_000).length, 4);
  t.is(log.readPrepare(fifth), null);
  const repaired = prepares[4];
  if (repaired !== undefined) log.repair(repaired);
  t.is(log.readRun(beginning, 10, 1_000_000).length, 10);
});

test("a truncated log ends behind the op that stays, over segments, and another log continues there", (t) => {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const { log } = storage;
  const prepares = chain(beginning, sizes);
  log.writePrepares(prepares);
  const kept = behind(prepares.slice(0, 4));
  const stale = prepares.slice(4);
  t.true(log.end > geometry.segmentBytes);
  log.truncate(4, kept.address, log.end);
  t.deepEqual(log.position(), kept);
  const bytes = [0, 1].flatMap((segment) => [...disk.contents(segmentPath(root, geometry, segment))]);
  t.true(bytes.slice(kept.address).every((byte) => byte === 0));
  for (const { header } of stale) t.is(log.readPrepare(header), null);
  const other = chain(kept, [20_000, 300, 20_000, 9], 2);
  log.writePrepares(other.slice(0, 2));
  log.writePrepares(other.slice(2));
  closeAll(storage);
  const again = openPeer(disk);
  t.is(story(again.log.recovered), "..8 certain");
  t.true(sameHeader(again.log.position().parent, other[3]?.header.identity));
});

test("a damaged op in the middle is faulty under its name, later ops stay known, and a repair heals it in place", (t) => {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const prepares = chain(beginning, sizes);
  storage.log.writePrepares(prepares);
  closeAll(storage);
  const fourth = prepares[3];
  if (fourth === undefined) return t.fail();
  disk.damage(segmentPath(root, geometry, 0), (bytes) =>
    bytes.fill(7, fourth.header.address, fourth.header.address + 9),
  );
  const again = openPeer(disk);
  t.is(story(again.log.recovered), "..3 4! 5 6 7 8 9 10 certain");
  t.true(sameHeader(again.log.recovered.beyond[0]?.header?.identity, fourth.header.identity));
  again.log.repair(fourth);
  closeAll(again);
  const healed = openPeer(disk);
  t.is(story(healed.log.recovered), "..10 certain");
  healed.log.writePrepares(chain(behind(prepares), [600]));
  closeAll(healed);
});

test("what a stored view has discarded is not part of the log, whatever is left of it", (t) => {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const prepares = chain(beginning, sizes);
  storage.log.writePrepares(prepares);
  const kept = prepares.slice(0, 6);
  storage.superblock.writeState({
    view: 3,
    logView: 3,
    commitMax: 4,
    suffix: kept
      .slice(3)
      .reverse()
      .map((one) => stored(one)),
  });
  closeAll(storage);
  const again = openPeer(disk);
  t.is(story(again.log.recovered), "..6 certain");
  t.is(again.log.recovered.end, positionBehind(prepares[9]?.header ?? fail()).address);
  t.throws(() => again.log.writePrepares(chain(behind(kept), [100], 3)), {
    message: /order: prepares are written behind everything that is on the disk/,
  });
  again.log.truncate(6, behind(kept).address, again.log.recovered.end);
  again.log.writePrepares(chain(behind(kept), [100], 3));
  closeAll(again);
  t.is(story(openPeer(disk).log.recovered), "..7 certain");
});

function fail(): never {
  throw new Error("there are ten prepares");
}
