/** Readers in threads of their own, beside a writer that evicts and checkpoints; the dead are cleared away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import test from "ava";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { type CheckpointJob, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { encodeCheckpointRecord } from "../../runtime/store/checkpoint-record.js";
import { pageBytes } from "../../runtime/store/layout.js";
import { Store } from "../../runtime/store/store.js";
import type { HammerData, ReaderReport } from "./hammer-worker.js";
import { checkpoint, clusterId, nothing, u64 } from "./small-store.js";

const disk = new RealDisk();

const workerUrl = new URL("./hammer-worker.js", import.meta.url);

function start(data: HammerData): Worker {
  return new Worker(workerUrl, { workerData: data });
}

const answer = <T>(worker: Worker): Promise<T> =>
  new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });

test("reader threads beside a writer that evicts and checkpoints in another thread always see whole versions", async (t) => {
  t.timeout(60_000);
  const directory = mkdtempSync(join(tmpdir(), "kimberlite-store-"));
  const path = join(directory, "pages");
  const file = disk.create(path, "fdatasync");
  const accounts = 20_000;
  const total = accounts * 100;
  const store = Store.create({ file, clusterId, cacheBytes: 768 * pageBytes });
  const header = new Uint8Array(8);
  const headerView = new DataView(header.buffer);
  const value = new Uint8Array(120);
  const view = new DataView(value.buffer);
  view.setFloat64(0, 100);
  for (let index = 0; index < accounts; index++) {
    store.put(0, u64(index), value);
    store.put(1, u64(index), value);
    if (index % 1000 === 999 && store.cachePressure > 0.4) {
      store.publish(store.seal(header));
      checkpoint(store, file);
    }
  }
  store.put(2, new Uint8Array(1), header);
  store.publish(store.seal(header));
  checkpoint(store, file);

  const stop = new Int32Array(new SharedArrayBuffer(4));
  const common = { handle: store.handle, path, accounts, total, stop };
  const readers = [1, 2].map((owner) => start({ ...common, role: "reader", owner }));
  const checkpointer = start({ ...common, role: "checkpointer", owner: 9 });
  const reports = Promise.all(readers.map((reader) => answer<ReaderReport>(reader)));
  let failure: unknown = null;
  reports.catch((error: unknown) => {
    failure = error;
  });
  t.teardown(() => Promise.all([...readers, checkpointer].map((worker) => worker.terminate())));
  let transfers = 0;
  let checkpoints = 0;
  let refused = 0;
  let job: CheckpointJob | null = null;
  let last: Uint8Array = nothing;
  checkpointer.on("message", (done: CheckpointJob) => {
    store.completeCheckpoint(done);
    last = encodeCheckpointRecord(checkpointRecord(done));
    checkpoints += 1;
    job = null;
  });
  checkpointer.once("error", (error) => {
    failure = error;
  });
  const until = Date.now() + 6000;
  let random = 1;
  while (Date.now() < until && failure === null) {
    const sealed: number[] = [];
    const atStart = transfers;
    try {
      // A few batches ahead of what is published; now and then all of them are dropped.
      for (let batch = 0; batch < 3; batch++) {
        for (let transfer = 0; transfer < 5; transfer++) {
          random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
          const from = u64(random % accounts);
          const to = u64((random >>> 8) % accounts);
          for (const [account, amount] of [
            [from, -1],
            [to, 1],
          ] as const) {
            for (const tree of [0, 1]) {
              if (!store.update(tree, account)) throw new Error("an account is missing");
              store.valueView.setFloat64(store.valueStart, store.valueView.getFloat64(store.valueStart) + amount);
            }
          }
          transfers += 1;
        }
        headerView.setFloat64(0, transfers);
        store.put(2, new Uint8Array(1), header);
        sealed.push(store.seal(header));
      }
      if (random % 7 === 0) {
        store.rollbackTo(store.publishedVersion);
        transfers = atStart;
      } else {
        for (const version of sealed) store.publish(version);
      }
    } catch (error) {
      t.like(error, { code: "cacheFull" });
      refused += 1;
      store.rollbackTo(store.publishedVersion);
      store.headerInto(header);
      transfers = headerView.getFloat64(0);
    }
    if (job === null && store.cachePressure > 0.4) {
      job = store.beginCheckpoint();
      checkpointer.postMessage(job);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(stop, 0, 1);
  const done = await reports;
  while (job !== null) await sleep(1);
  await checkpointer.terminate();
  t.is(failure, null);
  t.true(transfers > 1000 && checkpoints > 5, `${transfers} transfers, ${checkpoints} checkpoints, ${refused} refused`);
  t.true(store.status().evictions > 100, `${store.status().evictions} evictions`);
  for (const report of done) {
    t.true(
      report.snapshots >= 5 && report.versions >= 5,
      `${report.snapshots} snapshots of ${report.versions} versions`,
    );
  }
  t.true(
    done.some((report) => report.loads > 0),
    "readers read pages that were not in the cache",
  );
  t.log({ transfers, checkpoints, refused, done, status: store.status() });

  // The last checkpoint that was done is a version of its own.
  const opened = Store.open({ file, clusterId, cacheBytes: 768 * pageBytes }, last);
  let sum = 0;
  const cursor = opened.cursor(0);
  for (let isThere = cursor.seek(nothing); isThere; isThere = cursor.next()) {
    sum += cursor.valueView.getFloat64(cursor.valueStart);
  }
  t.is(sum, total);
  file.close();
  rmSync(directory, { recursive: true });
});

test("a page file that is not there is reported as missing", (t) => {
  t.throws(() => disk.open(join(tmpdir(), "kimberlite-no-such-directory", "pages"), "read"), { code: "dataMissing" });
});

test("a reader thread that is terminated while it holds a snapshot is cleared, and its pages are recycled", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "kimberlite-store-"));
  const path = join(directory, "pages");
  const file = disk.create(path, "fdatasync");
  const store = Store.create({ file, clusterId, cacheBytes: 1024 * pageBytes });
  for (let index = 0; index < 3000; index++) store.put(0, u64(index), new Uint8Array(100));
  store.publish(store.seal(nothing));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = start({ role: "dying reader", handle: store.handle, path, owner: 77, accounts: 0, total: 0, stop });
  const { slot } = await answer<{ slot: number }>(worker);
  for (let index = 0; index < 3000; index++) store.put(0, u64(index), new Uint8Array(100).fill(1));
  store.publish(store.seal(nothing));
  await worker.terminate();
  const { heldPages } = store.status();
  t.true(heldPages > 30);
  t.true(store.clearReader(slot, 77));
  store.reclaim();
  t.is(store.status().heldPages, 0);
  file.close();
  rmSync(directory, { recursive: true });
});
