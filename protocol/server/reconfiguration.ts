/**
 * Whether a cluster may have one voter more or fewer, by what its replicas say of themselves. The protocol would obey, whatever was asked: what
 * is refused here are steps behind which one more failure stops a shard, or behind which it stands still at once.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { reconfigurableMin, replicasMax } from "../../runtime/vsr/quorums.js";
import { type ClusterHealth, needed, type ReplicaHealth, type ShardHealth } from "./cluster-health.js";

export const unsafeStep = (reason: string): KimberliteError =>
  new KimberliteError("stepUnsafe", `the number of voters stays as it is: ${reason}. Nothing was changed`);

const named = ({ node, fault }: ReplicaHealth): string => `its replica on node ${node} ${fault ?? ""}`;

/** Throws `stepUnsafe` where a shard must not come to so many voters. False when it has come to it already. */
export function checkStep({ shards, nodes }: ClusterHealth, number: number, voters: number): boolean {
  const shard = shards[number];
  assert(shard !== undefined, "a step is of a shard that there is");
  const what = `shard ${number}`;
  if (shard.leader === null) throw unsafeStep(`${what} has no leader`);
  if (!Number.isSafeInteger(voters) || voters < reconfigurableMin || voters > replicasMax) {
    throw unsafeStep(`between ${reconfigurableMin} and ${replicasMax} nodes vote, and ${voters} were asked for`);
  }
  if (voters > nodes.length) throw unsafeStep(`${nodes.length} nodes are known, and ${voters} were to vote`);
  if (shard.voters === voters) return false;
  if (Math.abs(shard.voters - voters) !== 1) {
    throw unsafeStep(`${what} has ${shard.voters} voters, and ${voters} were asked for: one at a time`);
  }
  if (voters > shard.voters) checkGrowth(shard, voters);
  else checkShrinking(shard, voters);
  return true;
}

/** A dead member and a new one together are what a majority may be missing next (etcd's quorum trap). */
function checkGrowth({ shard, replicas }: ShardHealth, voters: number): void {
  const unsound = replicas.slice(0, voters).find(({ fault }) => fault !== null);
  if (unsound === undefined) return;
  const isNew = unsound.replica === voters - 1;
  throw unsafeStep(
    isNew
      ? `on shard ${shard} ${named(unsound)}: it votes once it is in step`
      : `on shard ${shard} ${named(unsound)}: no voter is added while one is missing`,
  );
}

function checkShrinking({ shard, replicas }: ShardHealth, voters: number): void {
  const staying = replicas.slice(0, voters);
  const unsound = staying.filter(({ fault }) => fault !== null);
  if (staying.length - unsound.length >= needed(voters)) return;
  throw unsafeStep(`too few sound voters would be left on shard ${shard}: ${unsound.map(named).join("; ")}`);
}

/** It has come to so many voters, is led, and as many of them are sound as were asked for before it began. */
export function isInOrder(shard: ShardHealth | undefined, voters: number): boolean {
  if (shard === undefined || shard.voters !== voters || shard.leader === null) return false;
  const sound = shard.replicas.filter(({ fault, standby }) => fault === null && !standby).length;
  return sound >= needed(voters);
}
