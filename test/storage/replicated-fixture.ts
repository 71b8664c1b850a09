/** A replica of three for tests, and prepares as its peers would send them. */
import type { Disk } from "../../runtime/storage/disk.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import { placePrepare } from "../../runtime/storage/log-geometry.js";
import { type LogPosition, logBeginning, positionBehind } from "../../runtime/storage/log-position.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import type { Prepare, StoredHeader } from "../../runtime/storage/prepare.js";
import type { RecoveredLog } from "../../runtime/storage/recovered-log.js";
import { formatReplica, openReplica, type ReplicaStorage } from "../../runtime/storage/replica-storage.js";
import { finishPrepare } from "./append-alone.js";
import { bodyOf, clusterId, geometry, root } from "./log-fixture.js";

let formatted: MemoryDisk | null = null;

/** A disk with an empty replica of three on it. */
export function newPeerDisk(): MemoryDisk {
  if (formatted === null) {
    formatted = new MemoryDisk();
    formatted.makeDirectory("/data");
    formatReplica(formatted, root, { clusterId, replica: 1, replicaCount: 3 }, geometry);
  }
  return formatted.clone();
}

export const openPeer = (disk: Disk, mode: "direct" | "fdatasync" = "direct"): ReplicaStorage =>
  openReplica({ disk, directory: root, geometry, ringBytes: geometry.segmentBytes, mode });

/** Prepares that continue the log behind `from`, one for each size, as the primary of `view` makes them. */
export function chain(from: LogPosition, sizes: readonly number[], view = 0, commit = 0): Prepare[] {
  const prepares: Prepare[] = [];
  let at = from;
  for (const bytes of sizes) {
    const frame = new Uint8Array(headerBytes + bytes);
    frame.set(bodyOf(at.op + 1 + view * 1000, bytes), headerBytes);
    const prepare = finishPrepare(frame, new DataView(frame.buffer), 0, {
      clusterId,
      parent: at.parent,
      bodyBytes: bytes,
      epoch: 0,
      view,
      release: 1,
      replica: view % 3,
      op: at.op + 1,
      commit: Math.min(commit, at.op),
      timestamp: at.timestamp + 10,
      address: placePrepare(geometry, at.address, bytes),
      recordCount: 1,
      operation: 0,
    });
    prepares.push(prepare);
    at = positionBehind(prepare.header);
  }
  return prepares;
}

export const beginning = logBeginning(clusterId);

/** The log's position behind the last of the prepares. */
export function behind(prepares: readonly Prepare[], from: LogPosition = beginning): LogPosition {
  const last = prepares.at(-1);
  return last === undefined ? from : positionBehind(last.header);
}

export const stored = ({ header, frame }: Prepare, wasDurable = true): StoredHeader => ({
  header,
  headerBytes: frame.slice(0, headerBytes),
  wasDurable,
});

export const sameHeader = (left: Uint8Array | undefined, right: Uint8Array | undefined): boolean =>
  left !== undefined && right !== undefined && Buffer.compare(left, right) === 0;

/** Each op that recovery gives, in order: `5` sound, `5?` faulty, `5!` faulty with a known header. */
export function story(log: RecoveredLog): string {
  const beyond = log.beyond.map(({ op, state, header }) =>
    state === "sound" ? `${op}` : `${op}${header === null ? "?" : "!"}`,
  );
  return [`..${log.sound.op}`, ...beyond, log.headIsCertain ? "certain" : "uncertain"].join(" ");
}
