/** The storage side of replication: writing what peers send, truncating, repairing, reading back. */
import test from "ava";
import { FaultDisk, type FaultKind } from "../../runtime/storage/fault-disk.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import { headerSlots } from "../../runtime/storage/header-ring.js";
import { segmentPath } from "../../runtime/storage/log-geometry.js";
import { positionBehind } from "../../runtime/storage/log-position.js";
import { LogReader } from "../../runtime/storage/log-reader.js";
import type { Prepare } from "../../runtime/storage/prepare.js";
import { recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { Superblock } from "../../runtime/storage/superblock.js";
import { encodeCopy } from "../../runtime/storage/superblock-codec.js";
import { type VerifyReport, verifyLog } from "../../runtime/storage/verify-log.js";
import { throwsAssertion } from "../vsr/throws-assertion.js";
import { bodyOf, closeAll, geometry, root } from "./log-fixture.js";
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
  t.is(again.log.op, 4);
  again.log.publishCommitted(behind(prepares));
  t.is(again.log.op, 10);
  recordCheckpoint(again, { ...behind(prepares.slice(0, 2)), root: new Uint8Array(0) }, 10);
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

test("a stored view whose log is empty has discarded all that is older, also when the power goes within the truncation", (t) => {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const prepares = chain(beginning, sizes);
  storage.log.writePrepares(prepares.slice(0, 3));
  storage.superblock.writeState({ view: 3, logView: 3, commitMax: 0, suffix: [] });
  // Zeroes behind the op that stays are durable, then each sector of the ring: the power goes in between.
  disk.cutPowerAt(disk.operations + 2, () => 0);
  t.throws(() => storage.log.truncate(0, 0, storage.log.end));
  disk.restart(() => 0);
  const again = openPeer(disk);
  t.is(story(again.log.recovered), "..0 certain");
  again.log.truncate(0, 0, again.log.recovered.end);
  again.log.writePrepares(chain(beginning, [100], 3));
  closeAll(again);
  t.is(story(openPeer(disk).log.recovered), "..1 certain");
});

test("after a failed write or sync of a batch, a truncation or a repair the writer is dead", (t) => {
  const kinds: FaultKind[] = ["writeError", "noSpace", "shortWrite", "tornWrite", "syncError"];
  const prepares = chain(beginning, sizes);
  const kept = behind(prepares.slice(0, 4));
  const works: ((log: ReturnType<typeof openPeer>["log"]) => void)[] = [
    (log) => log.writePrepares(chain(behind(prepares), [500, 500])),
    (log) => log.truncate(kept.op, kept.address, log.end),
    (log) => log.repair(prepares[8] ?? fail()),
  ];
  let cases = 0;
  for (const kind of kinds) {
    for (const pathEnd of [".seg", "headers"]) {
      for (const work of works) {
        const inner = newPeerDisk();
        const disk = new FaultDisk(inner);
        const { log } = openPeer(disk, "fdatasync");
        log.writePrepares(prepares);
        disk.plan({ kind, pathEnd, nth: 1 });
        t.throws(() => work(log), { code: "storageFailed", message: /the log stopped after a failed write/ });
        t.is(disk.struck[kind], 1);
        t.true(log.isDead);
        const before = { ...disk.operations };
        for (const again of works) t.throws(() => again(log), { code: "storageFailed" });
        t.deepEqual(disk.operations, before, "no retry");
        cases++;
      }
    }
  }
  t.is(cases, 30);
});

test("no space for a segment refuses a whole batch, and nothing of it is written", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  const prepares = chain(beginning, [20_000, 20_000, 3000, 20_000, 20_000]);
  disk.capacityBytes = 1024;
  t.throws(() => log.writePrepares(prepares), { code: "diskFull" });
  t.false(log.isDead);
  t.is(log.op, 0);
  t.true(disk.contents(segmentPath(root, geometry, 0)).every((byte) => byte === 0));
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  log.writePrepares(prepares);
  t.is(log.op, 5);
});

test("a sector that cannot be read is damage to be repaired, not a reason to stop", (t) => {
  const inner = newPeerDisk();
  const storage = openPeer(inner);
  const prepares = chain(beginning, sizes);
  storage.log.writePrepares(prepares);
  closeAll(storage);
  const once = openPeer(new FaultDisk(inner, [{ kind: "readError", pathEnd: ".seg", nth: 1 }]));
  t.is(story(once.log.recovered), "..10 certain", "the second look at each sector succeeds");
  closeAll(once);
  const first = segmentPath(root, geometry, 0).slice(-20);
  const disk = new FaultDisk(inner.clone(), [{ kind: "readError", pathEnd: first, nth: 1, forever: true }]);
  const hurt = openPeer(disk);
  const inFirst = prepares.filter(({ header }) => header.address < geometry.segmentBytes).length;
  const names = prepares.map(({ header }) => (header.op <= inFirst ? `${header.op}!` : `${header.op}`));
  t.is(story(hurt.log.recovered), `..0 ${names.join(" ")} certain`);
  t.is(hurt.log.readPrepare(prepares[0]?.header ?? fail()), null);
  t.deepEqual(hurt.log.readRun(beginning, 10, 1_000_000), []);
  t.true(disk.struck.readError > 10);
  closeAll(hurt);
  const blind = new FaultDisk(inner, [{ kind: "readError", pathEnd: "headers", nth: 1, forever: true }]);
  t.is(story(openPeer(blind).log.recovered), "..10 11? uncertain", "a ring that cannot be read names nothing");
});

test("a repair behind everything that was read at start is found by readers in the ring", (t) => {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const prepares = chain(beginning, [3000, 20_000, 5000]);
  storage.log.writePrepares(prepares.slice(0, 1));
  closeAll(storage);
  const { log } = openPeer(disk);
  // The ring's memory was the window of recovery: it is full of what must not be read.
  log.tail.bytes.fill(0xcc);
  log.repair(prepares[1] ?? fail());
  log.writePrepares(prepares.slice(2));
  log.publishCommitted(behind(prepares));
  const reader = new LogReader(disk, root, geometry, log.tail);
  for (const { header } of prepares) {
    reader.read(header.address + headerBytes);
    const record = reader.bytes.slice(reader.start, reader.start + reader.length);
    t.deepEqual(record, bodyOf(header.op, header.bodyBytes).slice(8));
  }
  t.true(reader.reads.ring >= 2);
});

test("where the log stands in front of a write is stated by the protocol, and nothing that is known here contradicts it", (t) => {
  const { log } = openPeer(newPeerDisk());
  const prepares = chain(beginning, [100, 5000, 9, 20_000]);
  log.writePrepares(prepares.slice(0, 3), beginning);
  const [fourth] = prepares.slice(3);
  if (fourth === undefined) throw new Error("there are four");
  const here = behind(prepares.slice(0, 3));
  throwsAssertion(
    t,
    () => log.writePrepares([fourth], { ...here, op: 2 }),
    "order: a write is stated to follow the op before it",
  );
  throwsAssertion(
    t,
    () => log.writePrepares([fourth], { ...here, address: 0 }),
    "hash chain: the log stands where the protocol says",
  );
  log.writePrepares([fourth], here);
  t.deepEqual(log.position(), behind(prepares));
});

function verify(disk: Parameters<typeof openPeer>[0]): VerifyReport {
  const run = verifyLog({ disk, directory: root, geometry });
  for (;;) {
    const step = run.next();
    if (step.done === true) return step.value;
  }
}

test("verify says what is uncommitted, what is damaged and what did not finish", (t) => {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const prepares = chain(beginning, sizes, 0, 6);
  storage.log.writePrepares(prepares);
  storage.log.publishCommitted(behind(prepares.slice(0, 6)));
  const checkpoint = { ...behind(prepares.slice(0, 2)), root: new Uint8Array(0) };
  recordCheckpoint(storage, checkpoint, 2);
  closeAll(storage);
  const sound = verify(disk);
  t.deepEqual(sound.damage, []);
  t.deepEqual(sound.notes, [
    "ops 7 to 10 are written here and not known to be committed: the replicas decide together",
  ]);
  t.like(sound, { prepares: 10, bytes: behind(prepares).address });
  const hurt = disk.clone();
  const fifth = prepares[4] ?? fail();
  hurt.damage(segmentPath(root, geometry, 0), (bytes) =>
    bytes.fill(1, fifth.header.address + 300, fifth.header.address + 310),
  );
  const report = verify(hurt);
  t.is(report.prepares, 9);
  t.like(report.damage, [{ op: 5, address: fifth.header.address, what: "body does not verify" }]);
  t.is(report.head?.op, 4);
  t.regex(report.notes.join(), /1 ops from op 5 on are damaged: other replicas give them again/);
  const torn = disk.clone();
  torn.damage(segmentPath(root, geometry, 1), (bytes) => bytes.fill(1, 60_000, 60_010));
  t.regex(
    verify(torn).notes.join(),
    /bytes from address \d+ to \d+ belong to a write or truncation that did not finish/,
  );
  const lost = disk.clone();
  lost.damage(`${root}/headers`, (bytes) => bytes.fill(9, 11 * headerBytes, 11 * headerBytes + 5));
  const doubtful = verify(lost);
  t.is(doubtful.damage.length, 2, "the slot, and what it may have named");
  t.regex(doubtful.notes.join(), /this replica casts no vote/);
});

test("the superblock keeps the protocol's state beside the checkpoint, and neither write touches the other's part", (t) => {
  const disk = newPeerDisk();
  const prepares = chain(beginning, sizes.slice(0, 9), 4);
  const superblock = Superblock.open(disk, root);
  const suffix = [...prepares].reverse().map((one, index) => stored(one, index % 2 === 0));
  superblock.writeState({ view: 7, logView: 4, commitMax: 3, suffix });
  superblock.writeCheckpoint({ ...behind(prepares.slice(0, 2)), root: new Uint8Array([5]) }, 2);
  superblock.writeState({ view: 8, logView: 4, commitMax: 1, suffix });
  superblock.close();
  const { content } = Superblock.open(disk, root);
  t.like(content, { view: 8, logView: 4, commitMax: 3, replica: 1, replicaCount: 3, epoch: 0 });
  t.deepEqual(content.suffix, suffix);
  t.deepEqual(content.members, []);
  t.like(content.checkpoint, { op: 2, address: behind(prepares.slice(0, 2)).address, root: new Uint8Array([5]) });
  const members = Array.from({ length: 6 }, (_, index) => new Uint8Array(16).fill(index + 1));
  const bytes = new Uint8Array(4096);
  encodeCopy(bytes, 0, 2, { ...content, epoch: 77, members });
  disk.damage(`${root}/superblock`, (file) => {
    for (let copy = 0; copy < 4; copy++) {
      file.set(bytes, copy * 4096);
      file[copy * 4096 + 32] = copy;
    }
  });
  const again = Superblock.open(disk, root).content;
  t.is(again.epoch, 77);
  t.deepEqual(again.members, members);
  t.deepEqual(again.suffix, suffix);
});

test("what the storage of replication must keep is checked", (t) => {
  const prepares = chain(beginning, sizes);
  const filled = (): ReturnType<typeof openPeer> => {
    const storage = openPeer(newPeerDisk());
    storage.log.writePrepares(prepares.slice(0, 5));
    storage.log.publishCommitted(behind(prepares.slice(0, 3)));
    return storage;
  };
  const trips = (what: string, work: (storage: ReturnType<typeof openPeer>) => void): void => {
    t.throws(() => work(filled()), { message: (message) => message.includes(what) });
  };
  const [seventh, fifth, sixth] = [prepares[6] ?? fail(), prepares[4] ?? fail(), prepares[5] ?? fail()];
  const other = chain(behind(prepares.slice(0, 4)), [9, 9], 3);
  const child = chain(behind(prepares.slice(0, 5)), [100])[0] ?? fail();
  const orphan = chain({ ...behind(prepares.slice(0, 5)), parent: new Uint8Array(32) }, [100]);
  trips("order: prepares are written behind an op that is there", ({ log }) => log.writePrepares([seventh]));
  trips("order: prepares are written behind everything that is on the disk", ({ log }) => log.writePrepares([fifth]));
  trips("order: ops follow one another", ({ log }) => log.writePrepares([sixth, sixth]));
  trips("hash chain: a prepare names the one before it as its parent", ({ log }) => log.writePrepares(orphan));
  trips("hash chain: a prepare names the one before it as its parent", ({ log }) => log.repair(orphan[0] ?? fail()));
  trips("order: the log is truncated behind an op that is there", ({ log }) => log.truncate(4, 0, 4096));
  trips("durability: what is committed is never truncated", ({ log }) => {
    const { op, address } = behind(prepares.slice(0, 2));
    log.truncate(op, address, log.end);
  });
  trips("durability: what is committed stays committed", ({ log }) => log.publishCommitted(beginning));
  trips("durability: only what is on the disk is committed here", ({ log }) => log.publishCommitted(behind([sixth])));
  trips("hash chain: what is committed is what the log holds", ({ log }) => {
    log.publishCommitted({ ...behind(prepares.slice(0, 4)), parent: behind(other).parent });
  });
  trips("durability: a checkpoint covers only committed ops", (storage) => {
    recordCheckpoint(storage, { ...behind(prepares.slice(0, 5)), root: new Uint8Array(0) }, 5);
  });
  trips("order: a replica's log is never of a later view than its own", ({ superblock }) => {
    superblock.writeState({ view: 1, logView: 2, commitMax: 0, suffix: [] });
  });
  trips("order: a suffix runs from its head down", ({ superblock }) => {
    superblock.writeState({ view: 1, logView: 1, commitMax: 0, suffix: [stored(fifth), stored(sixth)] });
  });
  trips("durability: a superblock's view, commit and checkpoint never go back", ({ superblock }) => {
    superblock.writeState({ view: 2, logView: 1, commitMax: 0, suffix: [] });
    superblock.writeState({ view: 1, logView: 1, commitMax: 0, suffix: [] });
  });
  t.is(child.header.op, 6);
});

function fail(): never {
  throw new Error("there are ten prepares");
}
