/** What a cluster file that is read again while its node runs may change: which nodes stand by. Who votes is for ever as it was. */
import { type ClusterMember, type ClusterPlan, votersOf } from "../../actors/supervisor/placement.js";
import { sameBytes } from "../../runtime/storage/frame.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export interface StandbyChange extends Record<string, unknown> {
  /** Numbers of nodes. */
  readonly standbys: readonly number[];
  readonly added: readonly number[];
  readonly removed: readonly number[];
}

const isSame = (left: ClusterMember | undefined, right: ClusterMember | undefined): boolean =>
  left !== undefined &&
  right !== undefined &&
  left.node === right.node &&
  left.name === right.name &&
  left.host === right.host &&
  left.port === right.port;

const refused = (what: string): KimberliteError =>
  new KimberliteError("configurationInvalid", `${what}; while a node runs only standbys may come and go`);

/** Throws `configurationInvalid` when anything else differs. */
export function standbyChange(before: ClusterPlan, after: ClusterPlan): StandbyChange {
  if (!sameBytes(before.clusterId, 0, after.clusterId, 0, before.clusterId.length)) {
    throw refused("the file is of another cluster");
  }
  const voters = votersOf(before.nodes);
  if (votersOf(after.nodes) !== voters) {
    throw refused(`${voters} nodes vote, and the file lists ${votersOf(after.nodes)}`);
  }
  const moved = before.nodes.slice(0, voters).find((member, index) => !isSame(member, after.nodes[index]));
  if (moved !== undefined) throw refused(`node ${moved.node} votes, and the file changes what it says of it`);
  const [own, now] = [before.nodes[before.self], after.nodes[after.self]];
  if (!isSame(own, now)) throw refused("the file changes what it says of this node");
  const [old, next] = [before.nodes.slice(voters), after.nodes.slice(voters)];
  const isIn = (members: readonly ClusterMember[], one: ClusterMember): boolean =>
    members.some((member) => isSame(member, one));
  return {
    standbys: next.map(({ node }) => node),
    added: next.filter((one) => !isIn(old, one)).map(({ node }) => node),
    removed: old.filter((one) => !isIn(next, one)).map(({ node }) => node),
  };
}
