/** What a replica of one does with a body that the shard has encoded in the shared ring: it is the next prepare, durable and committed. */
import {
  headerBytes,
  identityBytes,
  type PrepareFields,
  prepareOperations,
  readHeader,
  writePrepareHeader,
} from "../../runtime/storage/frame.js";
import type { LogWriter } from "../../runtime/storage/log-writer.js";
import type { Prepare } from "../../runtime/storage/prepare.js";

/** Writes the header at `bytes[at, at + 256)` over the body that lies behind it, and gives the prepare, a view of those bytes. */
export function finishPrepare(bytes: Uint8Array, view: DataView, at: number, fields: PrepareFields): Prepare {
  writePrepareHeader(bytes, view, at, fields, new Uint8Array(identityBytes));
  const reading = readHeader(bytes, view, at, fields.clusterId);
  if (reading.kind !== "prepare") throw new Error("a header that was just written reads as it was written");
  return { header: reading.header, frame: bytes.subarray(at, at + headerBytes + fields.bodyBytes) };
}

/** A prepare of the protocol itself, durable and committed: it says nothing to the state. */
export function appendBarrier(log: LogWriter): void {
  appendAlone(log, log.end, 16, 0, log.timestamp + 1, log.op, prepareOperations.barrier);
}

export function appendAlone(
  log: LogWriter,
  address: number,
  bodyBytes: number,
  recordCount: number,
  timestamp: number,
  commit: number,
  operation = 0,
): void {
  const { clusterId, tail } = log;
  const { op, parent } = log.position();
  const author = { clusterId, epoch: 0, view: 0, release: 1, replica: 0, operation };
  const fields = { ...author, bodyBytes, parent, op: op + 1, commit, timestamp, address, recordCount };
  log.writePrepares([finishPrepare(tail.bytes, tail.view, tail.offsetOf(address), fields)]);
  log.publishCommitted(log.position());
}
