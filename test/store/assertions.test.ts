/** Each critical assertion of the store, tripped on purpose. */
import test from "ava";
import { PageAllocator } from "../../runtime/store/allocator.js";
import { type CheckpointJob, CheckpointWriter, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { Control } from "../../runtime/store/control.js";
import { FramePool } from "../../runtime/store/frame-pool.js";
import { pageBytes, pageKindLeaf, pageKindOverflowData, pageKindOverflowHead } from "../../runtime/store/layout.js";
import { fillOverflow, readOverflow } from "../../runtime/store/overflow.js";
import { allocateChunks, baseOf, chunkOf, PageSpace } from "../../runtime/store/page-space.js";
import { allocatePageTable } from "../../runtime/store/page-table.js";
import { StoreReader } from "../../runtime/store/reader.js";
import { copyUserHeader, emptyRoots, readRoot } from "../../runtime/store/root-page.js";
import { Store } from "../../runtime/store/store.js";
import { TreeShape } from "../../runtime/store/tree-shape.js";
import { MemoryPageFile } from "./memory-page-file.js";

const clusterId = new Uint8Array(16).fill(7);
const nothing = new Uint8Array(0);

function makeStore(): { store: Store; file: MemoryPageFile } {
  const file = new MemoryPageFile();
  const store = Store.create({ file, clusterId, cacheBytes: 1024 * pageBytes });
  store.put(0, new Uint8Array(3), new Uint8Array(8));
  store.put(1, new Uint8Array(3), new Uint8Array(8));
  store.publish(store.seal(nothing));
  return { store, file };
}

function makePool(): FramePool {
  const frames = 512;
  return new FramePool(
    new PageSpace(allocateChunks(frames)),
    new Int32Array(allocatePageTable(1000)),
    new Uint8Array(frames),
    new Control(Control.allocate()),
    1,
    new MemoryPageFile(),
    () => false,
  );
}

function begin(store: Store): CheckpointJob {
  const job = store.beginCheckpoint();
  if (job === null) throw new Error("nothing to write");
  return job;
}

const mustHold = (literal: string) => ({ name: "AssertionFailed", message: `assertion failed: ${literal}` });

test("versions: what is published, rolled back and sealed", (t) => {
  const { store } = makeStore();
  t.throws(() => store.publish(99), mustHold("snapshot: only a sealed version is published"));
  t.throws(
    () => store.rollbackTo(99),
    mustHold("snapshot: the state is rolled back to the published version or a sealed one"),
  );
  const allocator = new PageAllocator({ release: () => true }, 1000, 1, 5);
  t.throws(() => allocator.seal(5), mustHold("order: versions only grow"));
  t.throws(() => allocator.rollback(4, 5), mustHold("order: versions only grow"));
});

test("page numbers: given up, held and recycled only as the versions allow", (t) => {
  const allocator = new PageAllocator({ release: () => false }, 1000, 1, 5);
  const number = allocator.allocate();
  t.throws(() => allocator.free(number, 6), mustHold("snapshot: a page is given up no earlier than it was made"));
  t.throws(() => allocator.free(number, 5), mustHold("snapshot: no checkpoint reads a page of the working version"));
  t.throws(() => allocator.rollback(4, 6), mustHold("snapshot: no checkpoint reads a page of an unpublished version"));
  t.throws(() => allocator.hold(number, 3, 3), mustHold("snapshot: a page is held by a version that is kept"));
  t.throws(() => allocator.setCheckpoint(3), mustHold("snapshot: a version that is being written is kept"));
  const pool = makePool();
  const frame = pool.create(3, 1, pageKindLeaf, 0, 0);
  pool.number[frame] = 4;
  t.throws(() => pool.release(3), mustHold("snapshot: a frame is released under the number of the page that it holds"));
});

test("pages: those of older versions are copied, never changed", (t) => {
  const pool = makePool();
  const allocator = new PageAllocator(pool, 1000, 1, 5);
  const shape = new TreeShape(pool, allocator, 5);
  shape.plant(0);
  shape.working = 6;
  t.throws(
    () => shape.growLeaf(0, 0, new Uint8Array(4), 4, 8, new Uint8Array(8), true),
    mustHold("snapshot: a page of an older version is never changed"),
  );
  shape.working = 4;
  t.throws(() => shape.own(0), mustHold("snapshot: a page that is copied belongs to an older version"));
  shape.working = 5;
  t.throws(() => {
    for (let index = 0; index < 500; index++)
      shape.growLeaf(0, index, new Uint8Array(4), 4, 100, new Uint8Array(100), true);
  }, mustHold("order: keys of a page ascend"));
});

test("pages: a root page and the pages of a long value are what their references say", (t) => {
  const pool = makePool();
  const leaf = pool.create(1, 1, pageKindLeaf, 0, 0);
  const i32 = pool.space.i32[chunkOf(leaf)];
  const u8 = pool.space.u8[chunkOf(leaf)];
  if (i32 === undefined || u8 === undefined) throw new Error("no chunk");
  const literal = "snapshot: a version's address leads to a root page";
  t.throws(() => readRoot(i32, baseOf(leaf), emptyRoots()), mustHold(literal));
  t.throws(() => copyUserHeader(u8, i32, baseOf(leaf), nothing), mustHold(literal));
  const frames = Int32Array.of(
    pool.create(2, 1, pageKindOverflowHead, 0, 0),
    pool.create(3, 2, pageKindOverflowData, 0, 0),
  );
  fillOverflow(pool.space, frames, 2, Int32Array.of(2, 3), new Uint8Array(pageBytes + 100));
  const source = { space: pool.space, prepare: () => {}, frameOf: (number: number) => pool.frameOf(number) };
  t.throws(
    () => readOverflow(source, 2, pageBytes + 100, new Uint8Array(2 * pageBytes)),
    mustHold("snapshot: all pages of a long value were made at once"),
  );
});

test("readers: read what they pinned, pin once, and only while their slot is theirs", (t) => {
  const { store, file } = makeStore();
  const reader = StoreReader.attach(store.handle, { file, owner: 3 });
  t.throws(() => reader.get(0, nothing), mustHold("snapshot: a reader reads only what it has pinned"));
  t.throws(() => reader.version, mustHold("snapshot: a reader reads only what it has pinned"));
  t.throws(() => reader.unpin(), mustHold("snapshot: a reader unpins only what it has pinned"));
  reader.pin();
  t.throws(() => reader.pin(), mustHold("snapshot: a reader pins one snapshot at a time"));
  const cursor = reader.cursor(0);
  cursor.seek(nothing);
  reader.unpin();
  reader.pin();
  t.throws(() => cursor.next(), mustHold("snapshot: a cursor is moved only in the version that it was placed in"));
  store.clearReader(reader.slot, 3);
  reader.quiesce();
  t.throws(() => reader.get(0, nothing), mustHold("snapshot: a reader whose slot was cleared reads no more"));
  const control = new Control(Control.allocate());
  control.publish(5, 1, 1);
  t.throws(() => control.publish(5, 2, 2), mustHold("snapshot: the published slot is never overwritten"));
});

test("checkpoints: whole, synced, one at a time, and each page once under its own number", (t) => {
  const { store, file } = makeStore();
  const writer = new CheckpointWriter(store.handle, file);
  t.throws(() => store.abortCheckpoint(), mustHold("durability: a checkpoint is given up while it runs"));
  let job = begin(store);
  t.throws(() => store.beginCheckpoint(), mustHold("durability: one checkpoint runs at a time"));
  t.throws(
    () => checkpointRecord(job),
    mustHold("durability: a checkpoint is recorded only when its pages are synced"),
  );
  t.throws(
    () => store.completeCheckpoint(job),
    mustHold("durability: a checkpoint is completed only when its pages are synced"),
  );
  t.throws(
    () => checkpointRecord({ ...job, isSynced: true }),
    mustHold("durability: a checkpoint is recorded only when it is whole"),
  );
  t.throws(
    () => store.completeCheckpoint({ ...job, version: 77 }),
    mustHold("durability: the checkpoint that is completed is the one that runs"),
  );
  job.entries[0] = (job.entries[0] ?? 0) + 2 ** 24 * 100;
  t.throws(() => {
    while (!writer.runSlice(job, 1)) {}
  }, mustHold("durability: a page is written under its own number"));
  store.abortCheckpoint();

  store.publish(store.seal(nothing));
  job = begin(store);
  while (!writer.runSlice(job, 1)) {}
  t.throws(() => writer.runSlice(job, 1), mustHold("durability: a checkpoint is written once"));
  const first = job.entries[0] ?? 0;
  job.entries[0] = first + 2 ** 24;
  t.throws(
    () => store.completeCheckpoint(job),
    mustHold("durability: a frame keeps its page while a checkpoint reads it"),
  );
  job.entries[0] = first;
  job.entries[1] = first;
  t.throws(() => store.completeCheckpoint(job), mustHold("durability: a page becomes clean once"));
});
