/** Reads what the replicas of a stopped node hold, past the product's read path: every sound record of the log, offline. */
import { join } from "node:path";
import { BlockReader } from "../../runtime/kernel/block.js";
import { appendHeadBytes, requestKind } from "../../runtime/kernel/kinds.js";
import { getU64 } from "../../runtime/kernel/numbers.js";
import { isOwnOperation } from "../../runtime/storage/frame.js";
import { defaultGeometry } from "../../runtime/storage/log-geometry.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { type PrepareVisit, verifyLog } from "../../runtime/storage/verify-log.js";
import { type LogEntry, tokenOf } from "./history.js";

export interface ReplicaLog {
  /** Appends of the tenant that carry a token, in the order of the log. */
  readonly entries: readonly LogEntry[];
  readonly prepares: number;
  readonly records: number;
  readonly damage: readonly string[];
}

const eventHeaderBytes = 5;

/** @param directory of a node; @param tenant whose appends are wanted */
export function readReplicaLog(directory: string, shard: number, tenant: number): ReplicaLog {
  const entries: LogEntry[] = [];
  let records = 0;
  const visit = ({ header, bytes, view, bodyStart }: PrepareVisit): string | null => {
    if (isOwnOperation(header.operation)) return null;
    const blocks = new BlockReader(bytes, view, bodyStart, bodyStart + header.bodyBytes, "checksums");
    while (blocks.nextBlock()) {
      while (blocks.nextRecord()) {
        records += 1;
        const { record, position } = blocks;
        if (blocks.tenant !== tenant || record.kind !== requestKind.append) continue;
        const at = record.factsFrom;
        const payloadAt = at + appendHeadBytes + eventHeaderBytes;
        const payloadBytes = view.getUint32(at + appendHeadBytes, true);
        const token = tokenOf(bytes.subarray(payloadAt, payloadAt + payloadBytes));
        if (token === null) continue;
        const [stream, offset, count] = [getU64(view, at), getU64(view, at + 8), view.getUint32(at + 16, true)];
        entries.push({ position, stream, offset, count, token });
      }
    }
    return null;
  };
  const walk = verifyLog({
    disk: new RealDisk(),
    directory: join(directory, `shard-${shard}`),
    geometry: defaultGeometry,
    visit,
  });
  let step = walk.next();
  while (step.done !== true) step = walk.next();
  const { prepares, damage } = step.value;
  return {
    entries,
    prepares,
    records,
    damage: damage.map(({ file, address, what }) => `${file} at ${address ?? "all"}: ${what}`),
  };
}
