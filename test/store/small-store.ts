/** A store over memory for tests of readers, and a checkpoint of it in one go. */
import { CheckpointWriter, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { encodeCheckpointRecord } from "../../runtime/store/checkpoint-record.js";
import { pageBytes } from "../../runtime/store/layout.js";
import type { PageFile } from "../../runtime/store/page-file.js";
import { Store } from "../../runtime/store/store.js";
import { MemoryPageFile } from "./memory-page-file.js";

export const clusterId = new Uint8Array(16).fill(7);
export const nothing = new Uint8Array(0);
export const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
};

export function makeStore(pages = 2048): { store: Store; file: MemoryPageFile } {
  const file = new MemoryPageFile();
  return { file, store: Store.create({ file, clusterId, cacheBytes: pages * pageBytes, pause: () => false }) };
}

export function checkpoint(store: Store, file: PageFile): Uint8Array {
  const job = store.beginCheckpoint();
  if (job === null) throw new Error("nothing to write");
  const writer = new CheckpointWriter(store.handle, file);
  while (!writer.runSlice(job, 64)) {}
  store.completeCheckpoint(job);
  return encodeCheckpointRecord(checkpointRecord(job));
}
