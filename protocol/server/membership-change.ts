/**
 * What a cluster file that is read again while its node runs may change: which nodes stand by, and where one node is that votes, since a
 * standby has taken its place. How many vote is not the file's to say: it follows what the shards have come to.
 */
import { type ClusterMember, type ClusterPlan, votersOf } from "../../actors/supervisor/placement.js";
import { sameBytes } from "../../runtime/storage/frame.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export interface MembershipChange extends Record<string, unknown> {
  /** Numbers of nodes. */
  readonly standbys: readonly number[];
  readonly added: readonly number[];
  readonly removed: readonly number[];
  /** Those that vote and are elsewhere from now on: at most one. */
  readonly replaced: readonly number[];
}

const isSame = (left: ClusterMember | undefined, right: ClusterMember | undefined): boolean =>
  left !== undefined &&
  right !== undefined &&
  left.node === right.node &&
  left.name === right.name &&
  left.host === right.host &&
  left.port === right.port;

const refused = (what: string): KimberliteError =>
  new KimberliteError(
    "configurationInvalid",
    `${what}; while a node runs standbys may come and go, and one may take the place of a node that votes`,
  );

/**
 * Throws `configurationInvalid` when anything else differs.
 *
 * @param voting how many vote, as the shards say; null where they do not agree
 */
export function membershipChange(before: ClusterPlan, after: ClusterPlan, voting: number | null): MembershipChange {
  if (!sameBytes(before.clusterId, 0, after.clusterId, 0, before.clusterId.length)) {
    throw refused("the file is of another cluster");
  }
  if ((before.epoch ?? 0) !== (after.epoch ?? 0)) throw refused("the file is of another epoch");
  const [voters, listed] = [votersOf(before.nodes), votersOf(after.nodes)];
  // Behind `cluster add` or `cluster remove` a file says what is so already.
  if (listed !== voters && listed !== voting) {
    throw refused(`${voting ?? voters} nodes vote, and the file lists ${listed}`);
  }
  const [own, now] = [before.nodes[before.self], after.nodes[after.self]];
  if (!isSame(own, now)) throw refused("the file changes what it says of this node");
  const replaced = before.nodes
    .slice(0, Math.min(voters, listed))
    .filter((member, index) => !isSame(member, after.nodes[index]));
  // One at a time: a majority of those that stay has to know each of them before the next.
  if (replaced.length > 1) {
    throw refused(`the file moves ${replaced.length} nodes that vote, and one at a time is the most`);
  }
  const [old, next] = [before.nodes.slice(voters), after.nodes.slice(listed)];
  const isIn = (members: readonly ClusterMember[], one: ClusterMember): boolean =>
    members.some((member) => isSame(member, one));
  return {
    standbys: next.map(({ node }) => node),
    added: next.filter((one) => !isIn(old, one)).map(({ node }) => node),
    removed: old.filter((one) => !isIn(next, one)).map(({ node }) => node),
    replaced: replaced.map(({ node }) => node),
  };
}
