/** Readers beside the writer in one thread: what they pin holds still, whatever is written, checkpointed or evicted meanwhile. */
import test from "ava";
import { CheckpointWriter } from "../../runtime/store/checkpoint.js";
import { readersMax } from "../../runtime/store/control.js";
import { pageBytes } from "../../runtime/store/layout.js";
import { StoreReader } from "../../runtime/store/reader.js";
import { Store } from "../../runtime/store/store.js";
import { verifyCheckpoint } from "../../runtime/store/verify.js";
import { assertSame } from "./checks.js";
import { MemoryPageFile } from "./memory-page-file.js";
import { ModelTree } from "./model-tree.js";
import { checkpoint, clusterId, makeStore, nothing, u64 } from "./small-store.js";

test("readers see the version that they pinned, whatever is written, published, checkpointed or rolled back since", (t) => {
  const { store, file } = makeStore(8192);
  const model = new ModelTree();
  const held: { reader: StoreReader; model: ModelTree; header: string }[] = [];
  for (let round = 0; round < 30; round++) {
    for (let index = 0; index < 300; index++) {
      const key = u64((Math.imul(round * 150 + index, 0x9e3779b1) >>> 0) % 5000);
      if (index % 3 === 2) t.is(store.delete(0, key), model.delete(0, key));
      else {
        store.put(0, key, new Uint8Array(round * 50).fill(index));
        model.put(0, key, new Uint8Array(round * 50).fill(index));
      }
    }
    const sealed = store.seal(new TextEncoder().encode(`round ${round}`));
    store.put(0, u64(round), new Uint8Array(3000));
    if (round % 5 === 0) store.rollbackTo(sealed);
    else model.put(0, u64(round), new Uint8Array(3000));
    const atPublish = round % 5 === 0 ? model.clone() : null;
    store.publish(sealed);
    if (atPublish !== null) {
      const reader = StoreReader.attach(store.handle, { file, owner: round + 1 });
      t.is(reader.pin(), sealed);
      held.push({ reader, model: atPublish, header: `round ${round}` });
    }
    if (round % 4 === 3) checkpoint(store, file);
    for (const { reader, model: old, header } of held) {
      assertSame(reader, old, 0);
      reader.quiesce();
      const bytes = new Uint8Array(512);
      t.is(new TextDecoder().decode(bytes.subarray(0, reader.headerInto(bytes))), header);
    }
    if (held.length > 4) held.shift()?.reader.close();
  }
  t.true(store.status().heldPages > 0);
  for (const { reader } of held) reader.close();
  checkpoint(store, file);
  store.publish(store.seal(nothing));
  checkpoint(store, file);
  store.reclaim();
  // Only the last checkpoint's own pages and what it shares with the working version are held.
  t.true(store.status().heldPages <= 3, `${store.status().heldPages} pages are still held`);
});

test("nothing unpublished is visible, and pins move only forwards", (t) => {
  const { store, file } = makeStore();
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  t.is(reader.pin(), 1);
  t.false(reader.get(0, u64(1)));
  reader.unpin();
  store.put(0, u64(1), u64(1));
  const first = store.seal(nothing);
  const second = store.seal(nothing);
  t.is(reader.pin(), 1);
  t.false(reader.get(0, u64(1)));
  store.publish(second);
  t.false(reader.get(0, u64(1)), "the pinned version stays");
  reader.unpin();
  t.is(reader.pin(), second);
  t.true(reader.get(0, u64(1)));
  t.throws(() => store.publish(first), { message: /snapshot: only a sealed version is published/ });
  reader.close();
});

test("a snapshot that is replaced between a reader's look and its pin is not taken", (t) => {
  const { store, file } = makeStore();
  store.put(0, u64(1), u64(1));
  store.publish(store.seal(nothing));
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  const pinned = reader.pin();
  reader.unpin();
  // The writer publishes just before the reader's first store, which is its pin.
  const original = Atomics.store;
  let published = 0;
  Atomics.store = ((array: Int32Array, index: number, value: number) => {
    if (published === 0) {
      published = 1;
      for (let version = 0; version < 3; version++) {
        store.put(0, u64(1), u64(2 + version));
        published = store.seal(nothing);
        store.publish(published);
      }
    }
    return original(array, index, value);
  }) as typeof Atomics.store;
  try {
    t.is(reader.pin(), published);
    t.true(published > pinned);
  } finally {
    Atomics.store = original;
  }
  t.true(reader.get(0, u64(1)));
  t.is(reader.valueView.getBigUint64(reader.valueStart), 4n);
  reader.close();
});

test("a page is recycled only after its last reader let go", (t) => {
  const { store, file } = makeStore();
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  for (let index = 0; index < 5000; index++) store.put(0, u64(index), new Uint8Array(50));
  store.publish(store.seal(nothing));
  reader.pin();
  for (let index = 0; index < 5000; index++) store.put(0, u64(index), new Uint8Array(50).fill(1));
  store.publish(store.seal(nothing));
  const { heldPages } = store.status();
  t.true(heldPages > 30);
  store.publish(store.seal(nothing));
  t.is(store.status().heldPages, heldPages);
  reader.unpin();
  store.reclaim();
  t.is(store.status().heldPages, 0);
  t.true(store.status().freePages >= heldPages);
});

test("a page that a reader lets go of while a checkpoint writes it is recycled after the checkpoint", (t) => {
  const { store, file } = makeStore();
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  for (let index = 0; index < 5000; index++) store.put(0, u64(index), new Uint8Array(50));
  store.publish(store.seal(nothing));
  reader.pin();
  for (let index = 0; index < 5000; index++) store.put(0, u64(index), new Uint8Array(50).fill(1));
  store.publish(store.seal(nothing));
  const { heldPages } = store.status();
  const job = store.beginCheckpoint();
  if (job === null) throw new Error("nothing to write");
  t.true(job.entries.length >= heldPages * 2, "pages that only the reader reaches are written too");
  reader.unpin();
  store.publish(store.seal(nothing));
  store.reclaim();
  t.true(store.status().heldPages >= heldPages, "they are not recycled while they are being written");
  const writer = new CheckpointWriter(store.handle, file);
  while (!writer.runSlice(job, 8)) {}
  store.completeCheckpoint(job);
  store.publish(store.seal(nothing));
  checkpoint(store, file);
  t.true(store.status().heldPages < 5);
  reader.close();
});

test("a dead reader's pin is cleared by its slot and owner, and a reader that was cleared reads no more", (t) => {
  const { store, file } = makeStore();
  store.put(0, u64(1), u64(1));
  store.publish(store.seal(nothing));
  const dead = StoreReader.attach(store.handle, { file, owner: 41 });
  dead.pin();
  t.true(dead.get(0, u64(1)));
  store.put(0, u64(1), u64(2));
  store.publish(store.seal(nothing));
  t.true(store.status().heldPages > 0);
  t.false(store.clearReader(dead.slot, 42), "another owner's slot is left alone");
  t.true(store.clearReader(dead.slot, 41));
  t.false(store.clearReader(dead.slot, 41));
  store.reclaim();
  t.deepEqual([store.status().heldPages, store.status().readers, store.status().pinned], [0, 0, 0]);
  dead.quiesce();
  t.throws(() => dead.get(0, u64(1)), { message: /snapshot: a reader whose slot was cleared reads no more/ });
  t.throws(() => dead.unpin(), { message: /snapshot: a reader whose slot was cleared reads no more/ });
  const owners = [7, 7, 8].map((owner) => StoreReader.attach(store.handle, { file, owner, cachePages: 16 }));
  t.is(store.clearReadersOf(7), 2);
  t.is(store.status().readers, 1);
  owners[2]?.close();
});

test("more readers than slots are refused, and a closed store is not pinned", (t) => {
  const { store, file } = makeStore();
  const readers = Array.from({ length: readersMax }, (_, index) =>
    StoreReader.attach(store.handle, { file, owner: index + 1, cachePages: 16 }),
  );
  t.throws(() => StoreReader.attach(store.handle, { file, owner: 99, cachePages: 16 }), { code: "mailboxFull" });
  for (const reader of readers) {
    store.publish(store.seal(nothing));
    reader.pin();
  }
  store.publish(store.seal(nothing));
  store.close();
  readers[0]?.unpin();
  t.throws(() => readers[0]?.pin(), { code: "shardUnavailable" });
});

test("data of 50 times the cache: the writer and readers see all of it", (t) => {
  const { store, file } = makeStore(512);
  const count = 63_000;
  const valueOf = (index: number): number => Math.imul(index, 0x2545f491) >>> 0;
  const value = new Uint8Array(700);
  const view = new DataView(value.buffer);
  const record = { bytes: nothing as Uint8Array };
  const publish = (): void => {
    store.publish(store.seal(nothing));
    if (store.cachePressure > 0.5) record.bytes = checkpoint(store, file);
  };
  // Two trees: one in key order, one scattered within a window.
  for (let index = 0; index < count; index++) {
    view.setUint32(0, valueOf(index));
    store.put(0, u64(index), value);
    store.put(1, u64((index & ~1023) | ((index * 37) & 1023)), value);
    for (let more = 0; more < 2; more++) store.put(2 + more, u64(index), value);
    if (index % 50 === 49) publish();
  }
  store.publish(store.seal(nothing));
  record.bytes = checkpoint(store, file);
  const { pageCount, freePages, evictions } = store.status();
  t.true(
    pageCount - freePages > 512 * 50,
    `${pageCount - freePages} pages are ${(pageCount - freePages) / 512} caches`,
  );
  t.true(evictions > 512 * 40);
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  reader.pin();
  for (const source of [reader, store]) {
    const cursor = source.cursor(0);
    let isThere = cursor.seek(nothing);
    for (let index = 0; index < count; index++) {
      if (!isThere || cursor.valueView.getUint32(cursor.valueStart) !== valueOf(index))
        throw new Error(`scan at ${index}`);
      if (index % 100 === 0) reader.quiesce();
      isThere = cursor.next();
    }
    t.false(isThere);
    reader.quiesce();
  }
  for (let step = 0; step < 4000; step++) {
    const index = (Math.imul(step, 0x9e3779b1) >>> 0) % count;
    const source = step % 2 === 0 ? store : reader;
    if (!source.get(step % 4 === 1 ? 0 : step % 4, u64(index))) throw new Error(`no entry ${index}`);
    reader.quiesce();
  }
  t.true(reader.loads > 1000);
  const walk = verifyCheckpoint(file, clusterId, record.bytes);
  for (;;) {
    const step = walk.next();
    if (step.done !== true) continue;
    t.deepEqual(step.value.problems, []);
    t.is(step.value.entries, count * 4);
    break;
  }
});

test("a reader's private copies are not taken for what their page numbers stand for later", (t) => {
  const { store, file } = makeStore(512);
  const count = 12_000;
  const reader = StoreReader.attach(store.handle, { file, owner: 1, cachePages: 4000 });
  let loads = 0;
  for (let round = 1; round <= 5; round++) {
    for (let index = 0; index < count; index++) {
      store.put(0, u64(index), new Uint8Array(700).fill(round));
      if (index % 100 === 99) {
        store.publish(store.seal(nothing));
        if (store.cachePressure > 0.3) checkpoint(store, file);
      }
    }
    checkpoint(store, file);
    reader.pin();
    const cursor = reader.cursor(0);
    let seen = 0;
    for (let isThere = cursor.seek(nothing); isThere; isThere = cursor.next()) {
      if (cursor.valueBytes[cursor.valueStart] !== round)
        throw new Error(`a value of another version in round ${round}`);
      seen += 1;
    }
    t.is(seen, count);
    t.true(reader.loads > loads, "pages were read from the file");
    loads = reader.loads;
    reader.unpin();
  }
  t.true(store.status().pageCount < 5000, "page numbers were used again");
});

test("a reader that holds views keeps its frames; the writer is refused, not wrong, and goes on after quiesce", (t) => {
  const { store, file } = makeStore(512);
  for (let index = 0; index < 12_000; index++) {
    store.put(0, u64(index), new Uint8Array(700).fill(index));
    if (index % 500 === 499) {
      store.publish(store.seal(nothing));
      if (store.cachePressure > 0.3) checkpoint(store, file);
    }
  }
  store.publish(store.seal(nothing));
  checkpoint(store, file);
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  reader.pin();
  t.true(store.get(0, u64(11_990)));
  t.true(reader.get(0, u64(11_990)));
  const seen = reader.valueBytes.subarray(reader.valueStart, reader.valueStart + 700);
  t.throws(
    () => {
      for (let index = 0; index < 12_000; index += 5) store.get(0, u64(index));
    },
    { code: "cacheFull" },
  );
  t.true(
    seen.every((byte) => byte === (11_990 & 0xff)),
    "what the reader looks at was not overwritten",
  );
  reader.quiesce();
  for (let index = 0; index < 12_000; index += 5) t.true(store.get(0, u64(index)));
  reader.close();
});

test("a page file at its bound refuses writes", (t) => {
  const small = Store.create({ file: new MemoryPageFile(), clusterId, cacheBytes: 2048 * pageBytes, pagesMax: 200 });
  t.throws(
    () => {
      for (let index = 0; index < 8000; index++) small.put(0, u64(index), new Uint8Array(700));
    },
    { code: "diskFull" },
  );
});
