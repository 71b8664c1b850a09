/**
 * A node's data directory:
 *
 *   kimberlite.json      who this node is: format, cluster id, shards (written once, and again when shards are added)
 *   shard-<n>/           one replica's superblock, header ring and log, and the shard's page file
 *
 * A directory is this node's alone while it runs (`claim`). A shard's directory that was announced in kimberlite.json and is gone is
 * missing data, never a reason to start empty.
 */

import { claimDirectory, type DirectoryClaim } from "../../runtime/storage/directory-claim.js";
import { type Disk, join, parentOf } from "../../runtime/storage/disk.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { formatReplica, isFormatted, unformatReplica } from "../../runtime/storage/replica-storage.js";
import { type ReplicaIdentity, Superblock } from "../../runtime/storage/superblock.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { sectorBytes, shardsMax } from "../../runtime/types/limits.js";
import { replicasMax } from "../../runtime/vsr/quorums.js";

const formatVersion = 1;
const identityName = "kimberlite.json";
const identityBytesMax = 64 * 1024;
const memberBytes = 16;

export interface NodeIdentity {
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  /** User shards; the system shard comes on top. */
  readonly shards: number;
  /** Replicas of each shard that voted when the directory was made; 1 for a node of its own. */
  readonly replicas: number;
  /** How often the cluster was founded anew. */
  readonly epoch: number;
  /** ISO 8601. */
  readonly created: string;
}

export interface OpenedDirectory {
  readonly path: string;
  readonly identity: NodeIdentity;
  readonly isNew: boolean;
  readonly claim: DirectoryClaim;
}

export interface ClusterMembership {
  readonly clusterId: Uint8Array;
  /** Left out: 0. */
  readonly epoch?: number | undefined;
  /** Index of this node among the cluster's. */
  readonly node: number;
  readonly nodes: number;
}

export interface DirectoryWishes {
  /** User shards; undefined = those that are there, or `shardsDefault` in a new directory. */
  readonly shards: number | undefined;
  readonly shardsDefault: number;
  /** The cluster that the directory belongs to; null for a node of its own. */
  readonly cluster: ClusterMembership | null;
  /** Draws a new cluster's id. */
  readonly randomBytes: (count: number) => Uint8Array;
  readonly now: () => number;
}

export const shardDirectory = (directory: string, shard: number): string => join(directory, `shard-${shard}`);

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export function readIdentity(disk: Disk, directory: string): NodeIdentity | null {
  const path = join(directory, identityName);
  const status = disk.status(path);
  if (status === null) return null;
  const bytes = new Uint8Array(Math.min(status.bytes, identityBytesMax));
  const file = disk.open(path, "read");
  try {
    file.read(bytes, 0, bytes.length, 0);
  } finally {
    file.close();
  }
  return parseIdentity(new TextDecoder().decode(bytes), path);
}

function parseIdentity(text: string, path: string): NodeIdentity {
  const corrupt = (what: string): KimberliteError =>
    new KimberliteError("dataCorrupt", `${path}: ${what}; restore it from a backup`, { detail: { file: path } });
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw corrupt("it is not JSON");
  }
  if (typeof raw !== "object" || raw === null) throw corrupt("it is not an object");
  const { format, clusterId, nodeId, shards, replicas = 1, epoch = 0, created } = raw as Record<string, unknown>;
  if (format !== formatVersion) {
    throw new KimberliteError(
      "formatUnsupported",
      `${path} has format ${String(format)}; this program reads ${formatVersion}`,
    );
  }
  if (typeof clusterId !== "string" || !/^[0-9a-f]{32}$/.test(clusterId))
    throw corrupt("its cluster id is not 16 bytes in hex");
  if (typeof nodeId !== "number" || !Number.isInteger(nodeId)) throw corrupt("its node id is not a number");
  if (typeof shards !== "number" || !Number.isInteger(shards) || shards < 1 || shards >= shardsMax) {
    throw corrupt("its number of shards is out of range");
  }
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 1 || replicas > replicasMax) {
    throw corrupt("its number of replicas is out of range");
  }
  if (typeof epoch !== "number" || !Number.isInteger(epoch) || epoch < 0) throw corrupt("its epoch is out of range");
  if (typeof created !== "string") throw corrupt("it does not say when it was made");
  return { clusterId: Uint8Array.from(Buffer.from(clusterId, "hex")), nodeId, shards, replicas, epoch, created };
}

export function writeIdentity(disk: Disk, directory: string, identity: NodeIdentity): void {
  const { clusterId, nodeId, shards, replicas, epoch, created } = identity;
  // A cluster that was never founded anew says nothing of it: older programs read its file.
  const founded = epoch === 0 ? {} : { epoch };
  const content = { format: formatVersion, clusterId: toHex(clusterId), nodeId, shards, replicas, ...founded, created };
  const text = JSON.stringify(content, null, 2);
  const bytes = new TextEncoder().encode(`${text}\n`);
  assert(bytes.length <= identityBytesMax, "an identity is a short file");
  const temporary = join(directory, `${identityName}.new`);
  if (disk.status(temporary) !== null) disk.remove(temporary);
  const file = disk.create(temporary, "fdatasync");
  file.write(bytes, 0, bytes.length, 0);
  file.sync();
  file.close();
  disk.rename(temporary, join(directory, identityName));
  disk.syncDirectory(directory);
}

function makeDirectories(disk: Disk, path: string): void {
  const missing: string[] = [];
  for (let at = path; disk.status(at) === null; at = parentOf(at)) missing.push(at);
  for (const directory of missing.reverse()) disk.makeDirectory(directory);
}

/** Names in a directory that is not ours: a new node is only made where nothing lies yet. */
const ignorable = (name: string): boolean => name === "lock" || name === "lost+found" || name.startsWith(".");

/**
 * Claims the directory and makes of it, where needed, a node's directory with the shards wished for. Throws `directoryLocked`,
 * `dataMissing`, `dataCorrupt`, `formatUnsupported`, `configurationInvalid`, `diskFull`.
 */
export async function openDataDirectory(path: string, wishes: DirectoryWishes): Promise<OpenedDirectory> {
  const disk = new RealDisk();
  makeDirectories(disk, path);
  const claim = await claimDirectory(disk, path);
  try {
    return { path, claim, ...prepareDirectory(disk, path, wishes) };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

function prepareDirectory(
  disk: Disk,
  path: string,
  wishes: DirectoryWishes,
): { identity: NodeIdentity; isNew: boolean } {
  const known = readIdentity(disk, path);
  const shards = wishes.shards ?? known?.shards ?? wishes.shardsDefault;
  if (known !== null && shards < known.shards) {
    throw new KimberliteError(
      "configurationInvalid",
      `${path} holds ${known.shards} shards; move their tenants before a node runs with fewer (asked for ${shards})`,
      { detail: { shards: known.shards, asked: shards } },
    );
  }
  if (known === null) refuseForeign(disk, path);
  else checkMembership(known, wishes.cluster, path);
  const { cluster } = wishes;
  const identity: NodeIdentity = known ?? {
    clusterId: cluster?.clusterId ?? wishes.randomBytes(16),
    nodeId: (cluster?.node ?? 0) + 1,
    shards,
    replicas: cluster?.nodes ?? 1,
    epoch: cluster?.epoch ?? 0,
    created: new Date(wishes.now()).toISOString(),
  };
  // New shards are formatted before they are announced: one that is announced and missing is lost data.
  for (let shard = 0; shard <= shards; shard++) {
    const directory = shardDirectory(path, shard);
    const isAnnounced = known !== null && shard <= known.shards;
    if (isAnnounced && !isFormatted(disk, directory)) {
      throw new KimberliteError("dataMissing", `${directory} is gone or incomplete; restore it from a backup`, {
        detail: { directory },
      });
    }
    if (isAnnounced || isFormatted(disk, directory)) continue;
    formatReplica(disk, directory, replicaIdentity(identity, cluster, wishes.randomBytes));
  }
  const current = { ...identity, shards };
  if (known === null || known.shards !== shards) writeIdentity(disk, path, current);
  return { identity: current, isNew: known === null };
}

/** Ids by replica number, zeros but for the own. @param view in which the directory is to come back; 0 for a first start */
export function newMembers(
  replicas: number,
  replica: number,
  view: number,
  randomBytes: DirectoryWishes["randomBytes"],
): Uint8Array[] {
  const members = Array.from({ length: replicas }, () => new Uint8Array(memberBytes));
  const own = members[replica];
  assert(own !== undefined, "a replica's number is below the replica count");
  // The view that it comes back in stands first: of two directories of one replica the later counts.
  own.set(randomBytes(memberBytes));
  new DataView(own.buffer).setUint32(0, view, false);
  return members;
}

/** A replica with others begins fresh: it takes no part before they have vouched that it is in nobody's place. */
function replicaIdentity(
  { clusterId, replicas, epoch }: NodeIdentity,
  cluster: ClusterMembership | null,
  randomBytes: DirectoryWishes["randomBytes"],
  view = 0,
): ReplicaIdentity {
  const replica = cluster?.node ?? 0;
  const own = { clusterId, replica, replicaCount: replicas, epoch };
  // One that never votes says nothing that counts, so nobody has to know it.
  if (replicas === 1 || replica >= replicasMax) return own;
  const members = newMembers(Math.max(replicas, replica + 1), replica, view, randomBytes);
  // Nobody has to vouch for a standby before it votes; then it has an id that they can get to know.
  return { ...own, members, standing: replica < replicas ? "fresh" : "member" };
}

export interface Replacement {
  readonly cluster: ClusterMembership;
  readonly shards: number;
  /** By shard, the system shard first: the view in which its replica may speak again. */
  readonly views: readonly number[];
  readonly randomBytes: (count: number) => Uint8Array;
  readonly now: () => number;
}

/**
 * Makes the directory of a node whose disk was lost: empty replicas that deny nothing and say nothing before their views. Refuses one that holds
 * anything: only a start that was turned away leaves a directory that may be replaced. Throws `directoryLocked`, `dataMissing`,
 * `invalidArgument`, `directoryForeign`, `diskFull`.
 */
export async function replaceDataDirectory(path: string, replacement: Replacement): Promise<void> {
  const { cluster, shards, views, randomBytes, now } = replacement;
  assert(views.length === shards + 1, "each shard has a view to come back in");
  const disk = new RealDisk();
  makeDirectories(disk, path);
  const claim = await claimDirectory(disk, path);
  try {
    const known = readIdentity(disk, path);
    if (known === null) refuseForeign(disk, path);
    else {
      checkMembership(known, cluster, path);
      removeUnestablished(disk, path, known.shards);
    }
    const identity: NodeIdentity = {
      clusterId: cluster.clusterId,
      nodeId: cluster.node + 1,
      shards,
      replicas: cluster.nodes,
      epoch: cluster.epoch ?? 0,
      created: new Date(now()).toISOString(),
    };
    for (const [shard, view] of views.entries()) {
      const fresh = replicaIdentity(identity, cluster, randomBytes, view);
      formatReplica(disk, shardDirectory(path, shard), { ...fresh, standing: "replaced", view });
    }
    writeIdentity(disk, path, identity);
  } finally {
    await claim.release();
  }
}

/** Removes a node's files when none of its replicas ever took part. Throws `invalidArgument` when one did, or may have. */
function removeUnestablished(disk: Disk, path: string, shards: number): void {
  for (let shard = 0; shard <= shards; shard++) {
    const directory = shardDirectory(path, shard);
    const isFresh =
      isFormatted(disk, directory) &&
      Superblock.inspect(disk, directory).every((copy) => copy.kind === "sound" && copy.content.standing === "fresh");
    if (isFresh) continue;
    throw new KimberliteError(
      "invalidArgument",
      `${path} holds a node's data. If it is damaged, move it away first; if it is sound, start the node with it`,
      { detail: { directory: path, shard } },
    );
  }
  for (let shard = 0; shard <= shards; shard++) {
    const directory = shardDirectory(path, shard);
    unformatReplica(disk, directory);
    for (const pages of ["pages", "pages.damaged"]) {
      if (disk.status(join(directory, pages)) !== null) disk.remove(join(directory, pages));
    }
  }
  disk.remove(join(path, identityName));
}

/** A directory of another node or cluster would vote with what it never acknowledged. */
function checkMembership(known: NodeIdentity, cluster: ClusterMembership | null, path: string): void {
  const wanted = cluster ?? { clusterId: known.clusterId, node: 0, nodes: 1, epoch: known.epoch };
  if (known.epoch !== (wanted.epoch ?? 0) && toHex(known.clusterId) === toHex(wanted.clusterId)) {
    throw new KimberliteError(
      "directoryForeign",
      `${path} is of epoch ${known.epoch} of its cluster, and the cluster file says ${wanted.epoch ?? 0}: \`kimberlite cluster rescue\` founds a cluster anew, and nothing of an earlier epoch comes back`,
      { detail: { directory: path, epoch: known.epoch } },
    );
  }
  const same =
    toHex(known.clusterId) === toHex(wanted.clusterId) &&
    known.nodeId === wanted.node + 1 &&
    // How many vote is the replicas' to say: the number may have changed since the directory was made.
    (known.replicas === 1) === (wanted.nodes === 1);
  if (same) return;
  throw new KimberliteError(
    "directoryForeign",
    `${path} belongs to node ${known.nodeId} of a cluster of ${known.replicas} (${toHex(known.clusterId)}), not to node ${wanted.node + 1} of ${wanted.nodes} (${toHex(wanted.clusterId)})`,
    { detail: { directory: path, node: known.nodeId, replicas: known.replicas } },
  );
}

function refuseForeign(disk: Disk, path: string): void {
  const names = disk.list(path).filter((name) => !ignorable(name));
  // A first start that was interrupted leaves formatted shards and no identity: it holds nothing, and is made anew. Shards that may
  // hold something are never removed: then it is the identity that was lost.
  const remains = names.filter((name) => /^shard-\d+$/.test(name));
  if (remains.length === names.length) {
    const used = remains.find((name) => !isUnused(disk, join(path, name)));
    if (used === undefined) {
      for (const name of remains) {
        removeTree(disk, join(path, name));
        unformatReplica(disk, join(path, name));
      }
      return;
    }
    throw new KimberliteError(
      "dataMissing",
      `${join(path, identityName)} is gone, and ${used} holds data; restore the file`,
      {
        detail: { file: join(path, identityName), shard: used },
      },
    );
  }
  throw new KimberliteError(
    "dataMissing",
    `${path} is not empty and holds no ${identityName}; choose another directory`,
    {
      detail: { directory: path },
    },
  );
}

/**
 * True for a shard's directory in which no node ever ran: formatting makes one segment, which stays zero, and a shard that starts
 * makes its page file before it takes its first request.
 */
function isUnused(disk: Disk, directory: string): boolean {
  const names = disk.list(directory);
  if (names.includes("pages") || names.includes("pages.damaged")) return false;
  const log = join(directory, "log");
  const segments = disk.status(log) === null ? [] : disk.list(log);
  if (segments.length > 1) return false;
  return segments.every((name) => isZero(disk, join(log, name)));
}

/** Whether a file begins with a sector of zeros, as a log that holds nothing does. */
function isZero(disk: Disk, path: string): boolean {
  const sector = new Uint8Array(sectorBytes);
  const file = disk.open(path, "read");
  try {
    file.read(sector, 0, sector.length, 0);
  } finally {
    file.close();
  }
  return sector.every((byte) => byte === 0);
}

/** Shard directories are two levels deep at most. */
function removeTree(disk: Disk, directory: string): void {
  for (const name of disk.list(directory)) {
    const path = join(directory, name);
    if (disk.status(path)?.isDirectory === true) {
      for (const inner of disk.list(path)) disk.remove(join(path, inner));
    } else disk.remove(path);
  }
}
