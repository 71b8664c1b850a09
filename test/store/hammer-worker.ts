/**
 * A worker of the hammer test. Accounts are moved between by the writer, so in each version the balances sum to the same, the
 * count of transfers equals the header's, and each account's second copy in another tree is the same. A reader checks all
 * of that in slices; a checkpointer writes the jobs it is sent.
 */
import { parentPort, workerData } from "node:worker_threads";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { type CheckpointJob, CheckpointWriter } from "../../runtime/store/checkpoint.js";
import type { StoreHandle } from "../../runtime/store/handle.js";
import { StoreReader } from "../../runtime/store/reader.js";

export interface HammerData {
  readonly role: "reader" | "checkpointer" | "dying reader";
  readonly handle: StoreHandle;
  readonly path: string;
  readonly owner: number;
  readonly accounts: number;
  readonly total: number;
  readonly stop: Int32Array;
}

export interface ReaderReport {
  readonly snapshots: number;
  readonly entries: number;
  readonly versions: number;
  readonly loads: number;
}

const data = workerData as HammerData;
const disk = new RealDisk();
const key = new Uint8Array(64);
const header = new Uint8Array(512);
const headerView = new DataView(header.buffer);

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`reader ${data.owner}: ${what}`);
}

/** Sums the accounts of a tree forwards or backwards, with a pause of the views every so often. */
function sumOf(reader: StoreReader, tree: number, direction: "next" | "previous"): { sum: number; count: number } {
  const cursor = reader.cursor(tree);
  let sum = 0;
  let count = 0;
  key.fill(255);
  let isThere = direction === "next" ? cursor.seek(new Uint8Array(0)) : cursor.seekFloor(key);
  for (; isThere; isThere = cursor[direction]()) {
    sum += cursor.valueView.getFloat64(cursor.valueStart);
    count += 1;
    if (count % 500 === 0) {
      reader.quiesce();
      if (count % 2000 === 0) Atomics.wait(data.stop, 0, 0, 1);
    }
  }
  return { sum, count };
}

function read(): ReaderReport {
  const file = disk.open(data.path, "read");
  const reader = StoreReader.attach(data.handle, { file, owner: data.owner, cachePages: 32 });
  let snapshots = 0;
  let entries = 0;
  let versions = 0;
  let last = -1;
  while (Atomics.load(data.stop, 0) === 0) {
    const version = reader.pin();
    check(version >= last, "an older version than before");
    if (version !== last) versions += 1;
    last = version;
    reader.headerInto(header);
    const transfers = headerView.getFloat64(0);
    const forwards = sumOf(reader, 0, "next");
    check(forwards.count === data.accounts, `${forwards.count} accounts in version ${version}`);
    check(forwards.sum === data.total, `accounts sum to ${forwards.sum} in version ${version}`);
    const backwards = sumOf(reader, 1, "previous");
    check(backwards.count === data.accounts && backwards.sum === data.total, `copies sum to ${backwards.sum}`);
    const found = reader.get(2, new Uint8Array(1));
    check(found && reader.valueView.getFloat64(reader.valueStart) === transfers, "the header is of another version");
    check(reader.version === version, "the pinned version moved");
    entries += forwards.count + backwards.count;
    snapshots += 1;
    reader.unpin();
  }
  const report = { snapshots, entries, versions, loads: reader.loads };
  reader.close();
  file.close();
  return report;
}

if (data.role === "reader") {
  parentPort?.postMessage(read());
} else if (data.role === "dying reader") {
  const reader = StoreReader.attach(data.handle, { file: disk.open(data.path, "read"), owner: data.owner });
  reader.pin();
  reader.get(0, new Uint8Array(8));
  parentPort?.postMessage({ slot: reader.slot });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // until it is terminated
} else {
  const file = disk.open(data.path, "fdatasync");
  const writer = new CheckpointWriter(data.handle, file);
  parentPort?.on("message", (job: CheckpointJob) => {
    while (!writer.runSlice(job, 16)) {}
    parentPort?.postMessage(job);
  });
}
