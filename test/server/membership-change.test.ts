/** What a cluster file that is read again may change. */
import test from "ava";
import type { ClusterMember, ClusterPlan } from "../../actors/supervisor/placement.js";
import { peersOf } from "../../actors/supervisor/placement.js";
import { judge } from "../../protocol/server/cluster-health.js";
import { membershipChange } from "../../protocol/server/membership-change.js";

const member = (node: number, isStandby = false): ClusterMember => ({
  node,
  name: `node-${node}`,
  host: `10.0.0.${node}`,
  port: 7_500,
  ...(isStandby ? { isStandby } : {}),
});
const voters = [member(1), member(2), member(3)];
const planOf = (nodes: readonly ClusterMember[]): ClusterPlan => ({
  clusterId: new Uint8Array(16).fill(3),
  self: 0,
  nodes,
  security: null,
});

test("standbys come and go, and one that is elsewhere now is another", (t) => {
  const before = planOf([...voters, member(4, true)]);
  t.deepEqual(membershipChange(planOf(voters), before, 3), { standbys: [4], added: [4], removed: [], replaced: [] });
  t.deepEqual(membershipChange(before, planOf(voters), 3), { standbys: [], added: [], removed: [4], replaced: [] });
  t.deepEqual(membershipChange(before, before, 3), { standbys: [4], added: [], removed: [], replaced: [] });
  const elsewhere = planOf([...voters, { ...member(4, true), port: 7_900 }]);
  t.deepEqual(membershipChange(before, elsewhere, 3), { standbys: [4], added: [4], removed: [4], replaced: [] });
});

test("a standby takes the place of a node that votes, and its number", (t) => {
  const before = planOf([...voters, member(4, true)]);
  const { isStandby: _, ...fourth } = member(4, true);
  const after = planOf([member(1), { ...fourth, node: 2 }, member(3)]);
  t.deepEqual(membershipChange(before, after, 3), { standbys: [], added: [], removed: [4], replaced: [2] });
});

test("how many vote, and who this node is, stay as they were", (t) => {
  const before = planOf(voters);
  const refusals: readonly (readonly [ClusterPlan, RegExp])[] = [
    [planOf([...voters, member(4)]), /: 3 nodes vote, and the file lists 4; while a node runs/u],
    [planOf(voters.slice(0, 2)), /: 3 nodes vote, and the file lists 2;/u],
    [
      planOf([member(1), { ...member(2), port: 1 }, { ...member(3), port: 1 }]),
      /: the file moves 2 nodes that vote, and one at a time is the most;/u,
    ],
    [planOf([{ ...member(1), port: 1 }, member(2), member(3)]), /: the file changes what it says of this node;/u],
    [{ ...before, clusterId: new Uint8Array(16) }, /: the file is of another cluster;/u],
  ];
  for (const [after, message] of refusals) {
    t.throws(() => membershipChange(before, after, 3), { message, code: "configurationInvalid" });
  }
  const own = { ...planOf([...voters, member(4, true)]), self: 3 };
  const moved = { ...own, nodes: [...voters, { ...member(4, true), host: "10.9.9.9" }] };
  t.throws(() => membershipChange(own, moved, 3), { message: /: the file changes what it says of this node;/u });
});

test("a standby has the number of its place on every shard, and moves nobody else's", (t) => {
  for (let shard = 0; shard < 7; shard++) {
    const { replicas } = peersOf(planOf([...voters, member(4, true), member(5, true)]), shard);
    t.deepEqual(replicas.slice(0, 3), peersOf(planOf(voters), shard).replicas);
    t.deepEqual(
      replicas.slice(3).map(({ node }) => node),
      [4, 5],
    );
  }
  t.throws(() => peersOf(planOf([member(1, true), member(2)]), 0), { message: /standbys come behind the voters/u });
});

test("a standby that is silent is a fault, and changes nothing of what is tolerated", (t) => {
  const health = judge([...voters, member(4, true)], [[null, null, null, null]]);
  t.is(health.machines, 3);
  t.is(health.machineFailuresTolerable, 1);
  t.deepEqual(
    health.shards[0]?.replicas.map(({ standby }) => standby),
    [false, false, false, true],
  );
  t.true(health.faults.includes("node 4 (node-4) does not answer"));
});
