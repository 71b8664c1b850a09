/** What a replica says of itself: at its start, when it is asked, and in `top`; and what its start expects of its directory. */
import type { ReplicaStorage } from "../../runtime/storage/replica-storage.js";
import type { Superblock, SuperblockContent } from "../../runtime/storage/superblock.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { Replica } from "../../runtime/vsr/replica.js";
import type { ReplicaOpened, ReplicaReport } from "./messages.js";

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Throws `directoryForeign` where the directory holds the log of another replica. */
export function checkOwn(
  { clusterId, replica }: SuperblockContent,
  expected: { readonly directory: string; readonly clusterId: Uint8Array; readonly self: number },
): void {
  if (replica === expected.self && clusterId.every((byte, index) => byte === expected.clusterId[index])) return;
  throw new KimberliteError(
    "directoryForeign",
    `${expected.directory} holds the log of replica ${replica} of cluster ${toHex(clusterId)}, not of replica ${expected.self} of ${toHex(expected.clusterId)}: was it copied from another node?`,
    { detail: { directory: expected.directory, replica, expected: expected.self } },
  );
}

/** Throws `configurationInvalid` where the cluster file lists fewer nodes than vote, or not this one. */
export function checkListed(count: number, replica: number, voters: number): void {
  if (replica < count && voters <= count) return;
  throw new KimberliteError(
    "configurationInvalid",
    `the cluster file lists ${count} node(s); ${voters} vote, and this is node ${replica + 1}`,
    { detail: { listed: count, voters, replica } },
  );
}

export function openedOf({ log, superblock }: ReplicaStorage): ReplicaOpened {
  const { report } = log;
  const { root, ...position } = superblock.content.checkpoint;
  const recovery: string[] = [];
  if (report.cutBytes > 0) recovery.push(`cut ${report.cutBytes} bytes of a write that was never acknowledged`);
  if (report.repairedSlots > 0) recovery.push(`repaired ${report.repairedSlots} header slots`);
  if (report.mendedPaddings > 0) recovery.push(`zeroed the damaged padding of ${report.mendedPaddings} prepares`);
  const faulty = log.recovered.beyond.filter(({ state }) => state === "faulty").length;
  if (faulty > 0) recovery.push(`${faulty} damaged prepares are asked of the other replicas`);
  return {
    tail: log.tail.handle,
    checkpoint: root.length === 0 ? null : { position, record: root },
    writeMode: log.mode,
    recovery,
  };
}

export function reportOf(core: Replica, superblock: Superblock, replica: number, release: number): ReplicaReport {
  const { status, view, op, commit, contiguous: durable, stuckAt, configuration, voters } = core.inspect();
  const { epoch } = superblock.content;
  return { replica, status, view, epoch, configuration, voters, op, commit, durable, stuckAt, release };
}

/** The protocol's numbers for `top`. */
export function numbersOf(core: Replica, epoch: number): Record<string, string | number> {
  const numbers = core.inspect();
  const { status, view, logView, configuration, voters, op, commit, contiguous, primary, stuckAt, logRelease } =
    numbers;
  return {
    status,
    view,
    logView,
    epoch,
    configuration,
    voters,
    op,
    commit,
    contiguous,
    isPrimary: numbers.isPrimary ? 1 : 0,
    primary,
    stuckAt,
    logRelease,
    knowsTime: core.clusterTime === null ? 0 : 1,
  };
}
