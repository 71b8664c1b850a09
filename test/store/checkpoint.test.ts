/** Checkpoints: restart from one, crash at each write of one, damage in one. */
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { type CheckpointJob, CheckpointWriter, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { decodeCheckpointRecord, encodeCheckpointRecord } from "../../runtime/store/checkpoint-record.js";
import { pageBytes } from "../../runtime/store/layout.js";
import { Store } from "../../runtime/store/store.js";
import { type VerifyResult, verifyCheckpoint } from "../../runtime/store/verify.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import { assertSame } from "./checks.js";
import { Crash, MemoryPageFile } from "./memory-page-file.js";
import { ModelTree } from "./model-tree.js";

const clusterId = new Uint8Array(16).fill(7);
const options = (file: MemoryPageFile, pages = 2048) => ({ file, clusterId, cacheBytes: pages * pageBytes });
const nothing = new Uint8Array(0);

const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
};

/** Writes a checkpoint in small slices and returns the record for the superblock. */
function writeCheckpoint(store: Store, file: MemoryPageFile, budget = 3): { job: CheckpointJob; record: Uint8Array } {
  const job = store.beginCheckpoint();
  if (job === null) throw new Error("nothing to write");
  const writer = new CheckpointWriter(store.handle, file);
  while (!writer.runSlice(job, budget)) {}
  return { job, record: encodeCheckpointRecord(checkpointRecord(job)) };
}

function checkpoint(store: Store, file: MemoryPageFile): Uint8Array {
  const { job, record } = writeCheckpoint(store, file);
  store.completeCheckpoint(job);
  return record;
}

function verify(file: MemoryPageFile, record: Uint8Array): VerifyResult {
  const walk = verifyCheckpoint(file, clusterId, record);
  for (;;) {
    const step = walk.next();
    if (step.done === true) return step.value;
  }
}

function assertVerifies(t: ExecutionContext, file: MemoryPageFile, record: Uint8Array): VerifyResult {
  const result = verify(file, record);
  t.deepEqual(result.problems, []);
  return result;
}

function fill(store: Store, model: ModelTree, tree: number, from: number, count: number, length: number): void {
  for (let index = from; index < from + count; index++) {
    const value = new Uint8Array(length).fill(index);
    const key = u64(Math.imul(index, 0x9e3779b1) >>> 0);
    store.put(tree, key, value);
    model.put(tree, key, value);
  }
}

test("a store opens as its checkpoint left it, with its header, and goes on", (t) => {
  const file = new MemoryPageFile();
  let store = Store.create(options(file));
  const model = new ModelTree();
  for (let round = 0; round < 6; round++) {
    fill(store, model, round % 3, round * 1000, 1500, 40);
    fill(store, model, 4, round, 2, 30_000);
    for (let index = 0; index < 700; index++) {
      const key = u64(Math.imul(round * 1000 + index, 0x9e3779b1) >>> 0);
      t.is(store.delete(round % 3, key), model.delete(round % 3, key));
    }
    store.publish(store.seal(new TextEncoder().encode(`round ${round}`)));
    const version = store.publishedVersion;
    const record = checkpoint(store, file);
    t.is(store.durableVersion, version);
    t.is(store.dirtyPages, 0);
    const { entries } = assertVerifies(t, file, record);
    t.is(
      entries,
      [0, 1, 2, 4].reduce((sum, tree) => sum + model.entries(tree).keys.length, 0),
    );
    store = Store.open(options(file), record);
    const header = new Uint8Array(512);
    t.is(new TextDecoder().decode(header.subarray(0, store.headerInto(header))), `round ${round}`);
    for (const tree of [0, 1, 2, 4]) assertSame(store, model, tree);
    t.is(store.publishedVersion, version);
  }
});

test("a checkpoint writes only what changed since the last, and none is due when nothing did", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file, 8192));
  const model = new ModelTree();
  fill(store, model, 0, 0, 50_000, 30);
  store.publish(store.seal(nothing));
  const first = store.beginCheckpoint();
  t.true((first?.entries.length ?? 0) > 200);
  store.abortCheckpoint();
  checkpoint(store, file);
  t.is(store.beginCheckpoint(), null);
  store.put(0, u64(1), u64(1));
  store.publish(store.seal(nothing));
  const { job } = writeCheckpoint(store, file);
  t.is(job.entries.length, store.heightOf(0) + 1, "a path and the root page");
  store.completeCheckpoint(job);
});

test("what is sealed but not published is not in a checkpoint, and survives it in memory", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  fill(store, model, 0, 0, 2000, 30);
  store.publish(store.seal(nothing));
  const published = model.clone();
  fill(store, model, 0, 1000, 2000, 31);
  const sealed = store.seal(nothing);
  const atSeal = model.clone();
  fill(store, model, 0, 2500, 2000, 32);
  const { job, record } = writeCheckpoint(store, file);
  fill(store, model, 0, 100, 100, 33);
  store.completeCheckpoint(job);
  assertSame(store, model, 0);
  assertVerifies(t, file, record);
  assertSame(Store.open(options(file), record), published, 0);
  store.rollbackTo(sealed);
  assertSame(store, atSeal, 0);
  store.publish(sealed);
  const next = checkpoint(store, file);
  assertVerifies(t, file, next);
  const reopened = Store.open(options(file), next);
  assertSame(reopened, atSeal, 0);
  t.is(reopened.publishedVersion, sealed);
});

test("a crash at every write and sync of a checkpoint, with any part of the unsynced writes kept, leaves the last one intact", (t) => {
  let crashes = 0;
  let unsyncedKept = 0;
  const run = (crashAt: number, seed: number): boolean => {
    const file = new MemoryPageFile();
    const store = Store.create(options(file, 1024));
    const model = new ModelTree();
    let durable: { record: Uint8Array; model: ModelTree } = { record: nothing, model: model.clone() };
    fill(store, model, 0, 0, 6000, 50);
    let round = 0;
    try {
      for (; round < 4; round++) {
        // Pages are given up and taken again all the time, sealed versions included, also while the checkpoint is written.
        for (let batch = 0; batch < 3; batch++) {
          fill(store, model, 0, round * 100 + batch * 30, 120, 50);
          store.publish(store.seal(nothing));
        }
        const atCheckpoint = model.clone();
        const job = store.beginCheckpoint();
        if (job === null) throw new Error("nothing to write");
        const writer = new CheckpointWriter(store.handle, file);
        if (round === 3) file.crashAt = file.writes + file.syncs + crashAt;
        for (let slice = 0; !writer.runSlice(job, 1); slice++) {
          fill(store, model, 0, slice * 17, 5, 60);
          store.publish(store.seal(nothing));
        }
        durable = { record: encodeCheckpointRecord(checkpointRecord(job)), model: atCheckpoint };
        store.completeCheckpoint(job);
      }
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      crashes += 1;
    }
    if (durable.record.length === 0) throw new Error("no checkpoint was done");
    let random = seed;
    const after = file.afterCrash(() => {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      if (random > 2 ** 31) unsyncedKept += 1;
      return random > 2 ** 31;
    });
    assertVerifies(t, after, durable.record);
    assertSame(Store.open(options(after, 1024), durable.record), durable.model, 0);
    return round === 3;
  };
  let crashAt = 0;
  while (run(crashAt, crashAt + 1)) crashAt += 1;
  t.true(crashes > 8 && unsyncedKept > 100, `${crashes} crashes, ${unsyncedKept} unsynced pages kept`);
  t.is(crashes, crashAt);
});

test("random rounds of changes, checkpoints, aborted ones and restarts lose nothing and leak no page", (t) => {
  let restarts = 0;
  let aborts = 0;
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ from: fc.nat(2000), count: fc.nat(300), length: fc.integer({ min: 0, max: 400 }), end: fc.nat(5) }),
        { minLength: 3, maxLength: 15 },
      ),
      (rounds) => {
        const file = new MemoryPageFile();
        let store = Store.create(options(file, 1024));
        let model = new ModelTree();
        let durable: { record: Uint8Array; model: ModelTree } | null = null;
        for (const { from, count, length, end } of rounds) {
          fill(store, model, 0, from, count, length);
          for (let index = from; index < from + count; index += 2) {
            const key = u64(Math.imul(index + 50, 0x9e3779b1) >>> 0);
            if (store.delete(0, key) !== model.delete(0, key)) throw new Error("delete differs");
          }
          store.publish(store.seal(nothing));
          if (end === 0) {
            writeCheckpoint(store, file);
            store.abortCheckpoint();
            aborts += 1;
          } else if (end < 4) {
            durable = { record: checkpoint(store, file), model: model.clone() };
            const { problems } = verify(file, durable.record);
            if (problems.length > 0) throw new Error(JSON.stringify(problems));
          } else if (durable !== null) {
            store = Store.open(options(file, 1024), durable.record);
            model = durable.model.clone();
            restarts += 1;
          }
        }
        assertSame(store, model, 0);
      },
    ),
    { numRuns: 60 },
  );
  t.true(restarts > 10 && aborts > 10);
});

test("the page file stays within a small multiple of what is live", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file, 2048));
  const model = new ModelTree();
  fill(store, model, 0, 0, 10_000, 30);
  store.publish(store.seal(nothing));
  checkpoint(store, file);
  const before = store.status().pageCount;
  for (let round = 0; round < 200; round++) {
    fill(store, model, 0, (round * 37) % 9000, 50, 30);
    store.publish(store.seal(nothing));
    if (round % 10 === 9) checkpoint(store, file);
  }
  const { pageCount, freePages, heldPages } = store.status();
  t.true(pageCount < before * 3, `${before} pages before, ${pageCount} after, ${freePages} free, ${heldPages} held`);
});

test("a flipped bit in any page, a page in the wrong place and a short file are found, named, and never read as data", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  fill(store, model, 0, 0, 3000, 30);
  fill(store, model, 1, 0, 2, 20_000);
  store.publish(store.seal(nothing));
  for (let index = 0; index < 1500; index++) store.delete(0, u64(Math.imul(index, 0x9e3779b1) >>> 0));
  store.publish(store.seal(nothing));
  const record = checkpoint(store, file);
  const { pages, problems, freePages } = verify(file, record);
  t.deepEqual(problems, []);
  t.true(pages > 20 && freePages > 10);
  const pageCount = decodeCheckpointRecord(record).pageCount;
  let found = 0;
  for (let page = 0; page < pageCount; page++) {
    const damaged = file.afterCrash(() => true);
    damaged.flipBit(page * pageBytes + ((page * 131) % (page === 0 ? 20 : pageBytes)));
    let corrupt: unknown = null;
    let named = 0;
    try {
      named = verify(damaged, record).problems.length;
    } catch (error) {
      corrupt = error;
    }
    if (corrupt !== null) {
      t.is(page, 0);
      t.true(hasCode(corrupt, "dataCorrupt") || hasCode(corrupt, "formatUnsupported"));
    }
    if (named > 0) found += 1;
    let detail: unknown = null;
    try {
      const opened = Store.open(options(damaged), record);
      const lost = store.cursor(0);
      for (let isThere = lost.seek(nothing); isThere; isThere = lost.next()) {
        const key = new Uint8Array(lost.keyLength);
        lost.keyInto(key);
        if (!opened.get(0, key)) throw new Error("an entry is missing without an error");
      }
      for (let index = 0; index < 2; index++) opened.get(1, u64(Math.imul(index, 0x9e3779b1) >>> 0));
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      detail = error.detail;
      t.true(error.code === "dataCorrupt" || error.code === "formatUnsupported", error.message);
    }
    t.is(detail !== null, named > 0 || corrupt !== null, `page ${page}: the verifier and the store agree`);
  }
  t.is(found, pages, "all pages that are in use, and only they");

  const swapped = file.afterCrash(() => true);
  const one = new Uint8Array(pageBytes);
  const { freeListPage, rootPage } = decodeCheckpointRecord(record);
  swapped.read(one, 0, pageBytes, freeListPage * pageBytes);
  swapped.write(one, 0, pageBytes, rootPage * pageBytes);
  t.true(verify(swapped, record).problems.some(({ what }) => what.includes(`it says that it is page ${freeListPage}`)));
  const short = file.afterCrash(() => true);
  short.truncate(3 * pageBytes);
  t.throws(() => Store.open(options(short), record), { code: "dataCorrupt" });
  t.throws(() => Store.open({ ...options(file), clusterId: new Uint8Array(16).fill(8) }, record), {
    code: "dataCorrupt",
  });
  for (let bit = 0; bit < record.length * 8; bit += 3) {
    const bad = record.slice();
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.throws(() => decodeCheckpointRecord(bad), { instanceOf: KimberliteError });
  }
});

test("an older page in a newer one's place is noticed once its number was used again", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file, 512));
  const model = new ModelTree();
  fill(store, model, 0, 0, 2000, 30);
  store.publish(store.seal(nothing));
  checkpoint(store, file);
  const old = file.afterCrash(() => true);
  for (let round = 0; round < 4; round++) {
    fill(store, model, 0, 0, 2000, 30);
    store.publish(store.seal(nothing));
    checkpoint(store, file);
  }
  // A lost write: the file still has what it had. The cache is smaller than the tree, so pages are read back.
  const page = new Uint8Array(pageBytes);
  for (let number = 2; number * pageBytes < old.size(); number++) {
    old.read(page, 0, pageBytes, number * pageBytes);
    file.write(page, 0, pageBytes, number * pageBytes);
  }
  for (let round = 0; round < 7; round++) {
    for (let index = 0; index < 8000; index++) store.put(5, u64(round * 8000 + index), new Uint8Array(60));
    store.publish(store.seal(nothing));
    checkpoint(store, file);
  }
  const stale = t.throws(() => assertSame(store, model, 0), { code: "dataCorrupt" });
  t.regex(String(stale?.message), /an older page is in its place|page \d+ \(stale\)|checksum|another/);
});

test("a failed write ends the checkpoint, and the next one makes up for it", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  fill(store, model, 0, 0, 2000, 30);
  store.publish(store.seal(nothing));
  const job = store.beginCheckpoint();
  if (job === null) throw new Error("nothing to write");
  const writer = new CheckpointWriter(store.handle, file);
  writer.runSlice(job, 4);
  file.failure = new KimberliteError("diskFull");
  t.throws(() => writer.runSlice(job, 400), { code: "diskFull" });
  store.abortCheckpoint();
  file.failure = null;
  fill(store, model, 0, 500, 100, 35);
  store.publish(store.seal(nothing));
  const record = checkpoint(store, file);
  assertVerifies(t, file, record);
  assertSame(Store.open(options(file), record), model, 0);
});
