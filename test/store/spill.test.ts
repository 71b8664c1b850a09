/** Versions that change more than the cache holds: they go to the page file before they are complete. */
import test from "ava";
import { CheckpointWriter, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { encodeCheckpointRecord } from "../../runtime/store/checkpoint-record.js";
import { pageBytes } from "../../runtime/store/layout.js";
import { StoreReader } from "../../runtime/store/reader.js";
import { Store } from "../../runtime/store/store.js";
import { verifyCheckpoint } from "../../runtime/store/verify.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { Random } from "../../runtime/vsr/random.js";
import { assertSame } from "./checks.js";
import { Crash, MemoryPageFile } from "./memory-page-file.js";
import { ModelTree } from "./model-tree.js";
import { checkpoint, clusterId, nothing, u64 } from "./small-store.js";

const cachePages = 512;
const options = (file: MemoryPageFile) => ({
  file,
  clusterId,
  cacheBytes: cachePages * pageBytes,
  pause: () => false,
});

/** Changes all over two trees, so that pages are changed again after they were spilled. */
function change(store: Store, model: ModelTree, random: Random, count: number): void {
  for (let i = 0; i < count; i++) {
    const tree = random.below(2);
    const key = u64(random.below(5_000));
    const choice = random.below(10);
    if (choice < 7) {
      const value = new Uint8Array(choice === 0 ? 3_000 : 900).fill(i);
      store.put(tree, key, value);
      model.put(tree, key, value);
    } else if (choice < 9) {
      const isThere = store.get(tree, key) && store.valueLength === 900;
      if (!isThere) continue;
      store.update(tree, key);
      store.valueView.setUint32(store.valueStart, i);
      model.update(tree, key);
      model.valueView.setUint32(model.valueStart, i);
    } else {
      store.delete(tree, key);
      model.delete(tree, key);
    }
  }
}

const same = (store: Store | StoreReader, model: ModelTree): number =>
  assertSame(store, model, 0) + assertSame(store, model, 1);

test("one version may change several times what the cache holds, and its checkpoint opens", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  const random = new Random(1);
  change(store, model, random, 20_000);
  const { spilled, dirtyPages, dirtyPagesMax } = store.status();
  t.true(spilled > 2 * cachePages, `${spilled} pages were spilled`);
  t.true(dirtyPages <= dirtyPagesMax);
  const entries = same(store, model);
  t.true(entries > 5_000);
  store.publish(store.seal(nothing));
  const record = checkpoint(store, file);
  t.is(same(store, model), entries);
  const walk = verifyCheckpoint(file, clusterId, record);
  let step = walk.next();
  while (step.done !== true) step = walk.next();
  t.deepEqual(step.value.problems, []);
  // Only what was synced.
  const opened = Store.open(options(file.afterCrash(() => false)), record);
  t.is(same(opened, model), entries);
});

test("while a checkpoint is written, what is left of the cache is spilled, each page once", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  const random = new Random(5);
  change(store, model, random, 400);
  store.publish(store.seal(nothing));
  const job = store.beginCheckpoint();
  t.truthy(job);
  const frozen = model.clone();
  change(store, model, random, 3_000);
  t.true(store.status().spilled > 0);
  if (job === null) return;
  const writer = new CheckpointWriter(store.handle, file);
  while (!writer.runSlice(job, 64)) {}
  store.completeCheckpoint(job);
  same(store, model);
  const record = encodeCheckpointRecord(checkpointRecord(job));
  t.true(same(Store.open(options(file.afterCrash(() => false)), record), frozen) > 0);
});

test("a version that was spilled and is dropped leaves the one before it as it was", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  const random = new Random(2);
  change(store, model, random, 5_000);
  store.publish(store.seal(nothing));
  for (let round = 0; round < 3; round++) {
    const before = store.status().spilled;
    change(store, model.clone(), random, 8_000);
    t.true(store.status().spilled > before);
    store.rollbackTo(store.publishedVersion);
    same(store, model);
    change(store, model, random, 500);
    store.publish(store.seal(nothing));
    if (round === 1) checkpoint(store, file);
  }
  t.true(same(store, model) > 2_000);
});

test("a reader's snapshot stays what it is while later versions are spilled", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  const random = new Random(3);
  change(store, model, random, 3_000);
  store.publish(store.seal(nothing));
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  reader.pin();
  reader.quiesce();
  const then = model.clone();
  change(store, model, random, 10_000);
  t.true(store.status().spilled > cachePages);
  same(reader, then);
  reader.quiesce();
  store.publish(store.seal(nothing));
  checkpoint(store, file);
  same(reader, then);
  reader.unpin();
  reader.pin();
  t.true(same(reader, model) > 4_000);
  reader.close();
});

test("a crash at any write of a spill or of its checkpoint leaves the checkpoint before it, or the new one", (t) => {
  let crashes = 0;
  let last = 0;
  for (let crashAt = 0; ; crashAt += 11) {
    const file = new MemoryPageFile();
    const store = Store.create(options(file));
    const model = new ModelTree();
    const random = new Random(4);
    change(store, model, random, 500);
    store.publish(store.seal(nothing));
    let record = checkpoint(store, file);
    let durable = model.clone();
    file.crashAt = file.steps + crashAt;
    let hasCrashed = false;
    try {
      change(store, model, random, 4_000);
      t.true(store.status().spilled > 0);
      store.publish(store.seal(nothing));
      record = checkpoint(store, file);
      durable = model;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      hasCrashed = true;
      crashes += 1;
    }
    for (const survivors of [0, 1, 2]) {
      const restarted = file.afterCrash(
        (write, page) => survivors === 2 || (survivors === 1 && (write + page) % 2 === 0),
      );
      same(Store.open(options(restarted), record), durable);
    }
    if (!hasCrashed) break;
    last = crashAt;
  }
  t.true(crashes > 10 && last > 0, `${crashes} crashes`);
});

test("a full disk refuses what would have to be spilled, with nothing changed, and takes it when there is room", (t) => {
  const file = new MemoryPageFile();
  const store = Store.create(options(file));
  const model = new ModelTree();
  let refused = 0;
  for (let index = 0; index < 6_000; index++) {
    file.failure = index % 1_000 > 900 ? new KimberliteError("diskFull", "no space") : null;
    const value = new Uint8Array(700).fill(index);
    try {
      store.put(0, u64(index), value);
    } catch (error) {
      t.like(error, { code: "diskFull" });
      refused += 1;
      continue;
    }
    model.put(0, u64(index), value);
  }
  t.true(refused > 0);
  file.failure = null;
  assertSame(store, model, 0);
  store.publish(store.seal(nothing));
  const record = checkpoint(store, file);
  assertSame(Store.open(options(file.afterCrash(() => false)), record), model, 0);
});
