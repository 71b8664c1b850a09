/** Runs in a worker: reads records of a log that the main thread is appending to, and counts what it saw. */
import { parentPort, workerData } from "node:worker_threads";
import { headerBytes } from "../../runtime/storage/frame.js";
import type { LogGeometry } from "../../runtime/storage/log-geometry.js";
import { LogReader } from "../../runtime/storage/log-reader.js";
import { LogTail, type LogTailHandle } from "../../runtime/storage/log-tail.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { bodyOf, seeded } from "./log-fixture.js";

export interface ReaderTask {
  readonly directory: string;
  readonly geometry: LogGeometry;
  readonly tail: LogTailHandle;
  /** [0]: ops appended so far, [1]: 1 when the writer is done; then two numbers per op: address in sectors, body length. */
  readonly index: SharedArrayBuffer;
}

export interface ReaderCount {
  readonly reads: number;
  readonly wrong: number;
  readonly ring: number;
  readonly file: number;
}

const task = workerData as ReaderTask;
const index = new Int32Array(task.index);
const reader = new LogReader(new RealDisk(), task.directory, task.geometry, new LogTail(task.tail), 3);
const random = seeded(42);
let reads = 0;
let wrong = 0;

function readOne(op: number): void {
  const address = Atomics.load(index, 2 * op) * 4096;
  const bytes = Atomics.load(index, 2 * op + 1);
  reader.read(address + headerBytes);
  const wanted = bodyOf(op, bytes);
  reads++;
  if (Buffer.compare(reader.bytes.subarray(reader.start, reader.start + reader.length), wanted.subarray(8)) !== 0)
    wrong++;
}

for (;;) {
  const done = Atomics.load(index, 1) === 1;
  const ops = Atomics.load(index, 0);
  for (let count = 0; count < 50 && ops > 0; count++) {
    const back = Math.floor(random() ** 2 * Math.min(ops, 60)); // near the edge of the ring, where readers are overtaken
    readOne(Math.max(ops - back, 1));
  }
  if (done) break;
}
const count: ReaderCount = { reads, wrong, ring: reader.reads.ring, file: reader.reads.file };
parentPort?.postMessage(count);
