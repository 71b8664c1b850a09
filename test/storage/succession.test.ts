/**
 * What an operator does to a replica's files while no node uses them: a standby takes a voter's number, and a survivor becomes a founder. The power may
 * go at every disk operation of it; said again, it is done.
 */
import test, { type ExecutionContext } from "ava";
import { headerBytes } from "../../runtime/storage/frame.js";
import { segmentPath } from "../../runtime/storage/log-geometry.js";
import type { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { MemoryDisk as Memory } from "../../runtime/storage/memory-disk.js";
import { refoundReplica, survivingLog } from "../../runtime/storage/replica-rescue.js";
import { formatReplica, openReplica, takePlace } from "../../runtime/storage/replica-storage.js";
import { closeAll, clusterId, geometry, root, seeded } from "./log-fixture.js";
import { beginning, chain, newPeerDisk, openPeer, stored } from "./replicated-fixture.js";

const sizes = [100, 5000, 9, 2000, 20_000, 3000, 4000];
const prepares = chain(beginning, sizes, 1, 4);
const id = new Uint8Array(16).fill(9);
const zeros = new Uint8Array(16);
const foundation = { epoch: 1, replica: 1, replicaCount: 3, members: [zeros, id, zeros] };
const place = (disk: MemoryDisk) => ({ disk, directory: root, geometry, ringBytes: geometry.segmentBytes });

/** A replica of three with a log of seven operations, four of which are known to be committed, in view 1. */
function survivor(damagedOp = 0): MemoryDisk {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  storage.log.writePrepares(prepares);
  const suffix = [...prepares].reverse().map((one) => stored(one));
  storage.superblock.writeState({ view: 1, logView: 1, commitMax: 4, suffix });
  closeAll(storage);
  const header = prepares[damagedOp - 1]?.header;
  if (header !== undefined) {
    disk.damage(segmentPath(root, geometry, Math.floor(header.address / geometry.segmentBytes)), (bytes) => {
      const at = (header.address % geometry.segmentBytes) + headerBytes;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
    });
  }
  return disk;
}

test("a survivor says what it keeps, and a founder begins with exactly that, alone or as one of three", (t) => {
  for (const replicaCount of [1, 3]) {
    const disk = survivor();
    const log = survivingLog(place(disk));
    t.like(log, { epoch: 0, head: 7, committed: 4, damagedUpTo: 0 });
    t.deepEqual(log.identity, prepares[6]?.header.identity);
    const members = replicaCount === 1 ? [] : [zeros, zeros, id];
    refoundReplica(place(disk), { epoch: 1, replica: replicaCount - 1, replicaCount, members });
    const { superblock, log: after } = openReplica(place(disk));
    t.like(superblock.content, {
      epoch: 1,
      replica: replicaCount - 1,
      replicaCount,
      standing: "member",
      view: 3,
      logView: 3,
    });
    t.is(after.op, 7);
    t.true(after.recovered.headIsCertain);
    t.is(superblock.content.suffix[0]?.header.op, 7);
    closeAll({ superblock, log: after });
  }
});

test("behind damage nothing is kept, and a commit that was known there is taken back: the survivor says so", (t) => {
  const disk = survivor(3);
  t.like(survivingLog(place(disk)), { head: 2, committed: 4, damagedUpTo: 7 });
  refoundReplica(place(disk), { epoch: 1, replica: 0, replicaCount: 1, members: [] });
  const { superblock, log } = openReplica(place(disk));
  t.is(log.op, 2, "one replica starts: nothing damaged is left");
  t.is(superblock.content.commitMax, 2);
  t.like(superblock.content, { epoch: 1, view: 3, logView: 3 });
  closeAll({ superblock, log });
});

test("a founder's superblock never goes back to the epoch before, and founding twice is once", (t) => {
  const disk = survivor();
  refoundReplica(place(disk), foundation);
  refoundReplica(place(disk), foundation);
  const { superblock, log } = openReplica(place(disk));
  t.like(superblock.content, { epoch: 1, view: 3 });
  closeAll({ superblock, log });
});

const tripped = (t: ExecutionContext, head: number, epoch: number, message: string): void => {
  const storage = openPeer(survivor());
  const suffix = prepares
    .slice(0, 6)
    .reverse()
    .map((one) => stored(one));
  t.throws(() => storage.superblock.refound({ ...foundation, epoch, head, suffix }), { message: new RegExp(message) });
  closeAll(storage);
};

test("a founder's log is named from its head down", (t) => {
  tripped(t, 7, 1, "order: a view's log is named from its head down");
});

test("a founder's log reaches its checkpoint", (t) => {
  tripped(t, -1, 1, "durability: a log reaches its checkpoint");
});

test("epochs follow one another", (t) => {
  tripped(t, 6, 3, "order: a cluster is founded anew one epoch after the other");
});

/** Cuts the power at each operation of `work` in turn; then does it again. @returns how many cuts there were */
function throughCuts(
  t: ExecutionContext,
  make: () => MemoryDisk,
  work: (disk: MemoryDisk) => void,
  look: (disk: MemoryDisk) => void,
): number {
  for (let cut = 1; ; cut++) {
    const disk = make();
    const random = seeded(cut);
    disk.cutPowerAt(disk.operations + cut, random);
    try {
      work(disk);
    } catch (error) {
      if (!disk.isCut) throw error;
    }
    if (!disk.isCut) return cut - 1;
    disk.restart(random);
    t.notThrows(() => work(disk), `after a cut at operation ${cut}`);
    look(disk);
  }
}

test("founding survives a power cut at every disk operation", (t) => {
  const work = (disk: MemoryDisk): void =>
    refoundReplica(place(disk), { epoch: 1, replica: 0, replicaCount: 1, members: [] });
  const cuts = throughCuts(
    t,
    () => survivor(3),
    work,
    (disk) => {
      const storage = openReplica(place(disk));
      t.is(storage.log.op, 2);
      t.is(storage.superblock.content.epoch, 1);
      closeAll(storage);
    },
  );
  t.true(cuts > 10, `${cuts} cuts`);
});

test("a standby takes a voter's number and keeps its log, through a power cut at every disk operation", (t) => {
  const make = (): MemoryDisk => {
    const disk = new Memory();
    disk.makeDirectory("/data");
    formatReplica(disk, root, { clusterId, replica: 3, replicaCount: 3 }, geometry);
    const storage = openPeer(disk);
    storage.log.writePrepares(prepares);
    storage.superblock.writeState({
      view: 1,
      logView: 1,
      commitMax: 4,
      suffix: prepares
        .slice(3)
        .reverse()
        .map((one) => stored(one)),
    });
    closeAll(storage);
    return disk;
  };
  const work = (disk: MemoryDisk): void => takePlace(disk, root, { replica: 1, members: [zeros, id, zeros], view: 5 });
  const cuts = throughCuts(t, make, work, (disk) => {
    const storage = openPeer(disk);
    t.like(storage.superblock.content, {
      replica: 1,
      replicaCount: 3,
      standing: "replaced",
      view: 5,
      logView: 1,
      commitMax: 4,
    });
    t.is(storage.log.op, 7);
    closeAll(storage);
  });
  t.true(cuts > 5, `${cuts} cuts`);
  const voter = survivor();
  t.throws(() => takePlace(voter, root, { replica: 1, members: [zeros, id, zeros], view: 5 }), {
    message: /only a standby takes another's place/u,
  });
});
