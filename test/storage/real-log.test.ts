/** The log on a real file system: threads that read while another writes, and a writer that is killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import test from "ava";
import { LogReader } from "../../runtime/storage/log-reader.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { formatReplica, openReplica, type ReplicaStorage } from "../../runtime/storage/replica-storage.js";
import { append, bodyOf, closeAll, geometry, identity, seeded } from "./log-fixture.js";
import type { ReaderCount, ReaderTask } from "./reader-worker.js";
import { removeTemporary, temporary } from "./temporary.js";

test.after.always(removeTemporary);

const disk = new RealDisk();

function fresh(): string {
  const directory = `${temporary()}/r0`;
  formatReplica(disk, directory, identity, geometry);
  return directory;
}

const openReal = (directory: string): ReplicaStorage =>
  openReplica({ disk, directory, geometry, ringBytes: geometry.segmentBytes });

test("a reader in another thread never sees wrong bytes while the writer goes round the ring", async (t) => {
  const directory = fresh();
  const { log } = openReal(directory);
  const opsMax = 4000;
  const index = new Int32Array(new SharedArrayBuffer(8 * (opsMax + 2)));
  const task: ReaderTask = { directory, geometry, tail: log.tail.handle, index: index.buffer as SharedArrayBuffer };
  const worker = new Worker(new URL("./reader-worker.js", import.meta.url), { workerData: task });
  const answer = once(worker, "message");
  await once(worker, "online");
  const random = seeded(7);
  const until = Date.now() + 2500;
  while (log.op < opsMax && Date.now() < until) {
    const bytes = 9 + Math.floor(random() ** 2 * 15_000);
    const address = append(log, bytes);
    Atomics.store(index, 2 * log.op, address / 4096);
    Atomics.store(index, 2 * log.op + 1, bytes);
    Atomics.store(index, 0, log.op);
  }
  Atomics.store(index, 1, 1);
  const [count] = (await answer) as [ReaderCount];
  t.is(count.wrong, 0);
  t.true(count.reads > 1000 && count.ring > 100 && count.file > 100, JSON.stringify(count));
  t.true(log.end > 5 * geometry.segmentBytes, "the ring went round");
  t.log(`${count.reads} reads (${count.ring} from the ring, ${count.file} from files) during ${log.op} appends`);
});

test("a writer killed with SIGKILL at any moment loses nothing it acknowledged", async (t) => {
  const directory = fresh();
  const script = fileURLToPath(new URL("./appending-process.js", import.meta.url));
  let acknowledged = 0;
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += String(chunk);
    });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 20 + round * 17));
    child.kill("SIGKILL");
    await once(child, "close");
    const newest = Number(output.trim().split("\n").at(-1));
    t.true(newest > acknowledged);
    acknowledged = newest;
    const storage = openReal(directory);
    t.true(storage.log.op >= acknowledged && storage.log.op <= acknowledged + 1);
    const reader = new LogReader(disk, directory, geometry, storage.log.tail);
    t.is(storage.log.report.prepares, storage.log.op);
    reader.read(256);
    t.deepEqual(reader.bytes.slice(reader.start, reader.start + 1), bodyOf(1, 9).slice(8, 9));
    reader.close();
    closeAll(storage);
  }
  t.true(acknowledged > 20);
});

test("the mode in force is reported, and the log opens in each", (t) => {
  const directory = fresh();
  for (const mode of ["direct", "dsync", "fdatasync"] as const) {
    const storage = openReplica({ disk, directory, geometry, ringBytes: geometry.segmentBytes, mode });
    const { report } = storage.log;
    t.is(report.readPastPageCache, report.mode === "direct");
    if (mode !== "direct") t.is(report.mode, mode);
    const { op } = storage.log;
    append(storage.log, 5000);
    t.is(storage.log.op, op + 1);
    closeAll(storage);
  }
  const storage = openReal(directory);
  t.is(storage.log.op, 3);
  closeAll(storage);
});
