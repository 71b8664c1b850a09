import test from "ava";
import type { ShardReport } from "../../actors/shard/report.js";
import { failuresTolerable, failuresTolerated, judge, needed } from "../../protocol/server/cluster-health.js";
import { replicasMax } from "../../runtime/vsr/quorums.js";

const member = (node: number, host: string, machine?: string) => ({
  node,
  name: `n${node}`,
  host,
  port: 7500,
  machine,
});
const three = [1, 2, 3].map((node) => member(node, `10.0.0.${node}`));

const sound = (replica: number, given: Partial<ShardReport> = {}): ShardReport => ({
  replica,
  status: "normal",
  view: 4,
  epoch: 0,
  configuration: 0,
  voters: 3,
  op: 1_000,
  commit: 1_000,
  durable: 1_000,
  stuckAt: 0,
  release: 1,
  applied: 1_000,
  leads: false,
  leader: 1,
  isDiskFull: false,
  linked: [],
  ...given,
});
const leading = (replica: number, given: Partial<ShardReport> = {}): ShardReport =>
  sound(replica, { leads: true, ...given });

/** Every choice of machines, as a stupid twin of counting the worst first. */
function toleratedByTrying(machines: readonly string[], enough: number): number {
  const names = [...new Set(machines)];
  let tolerated = names.length;
  for (let chosen = 0; chosen < 2 ** names.length; chosen++) {
    const failed = names.filter((_, index) => (chosen & (1 << index)) !== 0);
    const left = machines.filter((machine) => !failed.includes(machine)).length;
    if (left < enough) tolerated = Math.min(tolerated, Math.max(0, failed.length - 1));
  }
  return tolerated;
}

test("machines that may fail are those that may fail in any choice, for every layout of up to six replicas", (t) => {
  let layouts = 0;
  for (let replicas = 1; replicas <= replicasMax; replicas++) {
    for (let layout = 0; layout < replicas ** replicas; layout++) {
      const machines = Array.from({ length: replicas }, (_, at) =>
        String(Math.floor(layout / replicas ** at) % replicas),
      );
      const enough = needed(replicas);
      if (failuresTolerated(machines, enough) !== toleratedByTrying(machines, enough)) t.fail(machines.join());
      layouts += 1;
    }
  }
  t.is(layouts, 1 + 4 + 27 + 256 + 3_125 + 46_656);
});

test("replicas on machines of their own tolerate what the quorums leave; on one machine none", (t) => {
  const apart = (count: number) =>
    Array.from({ length: count }, (_, index) => member(index + 1, `10.0.0.${index + 1}`));
  t.deepEqual(
    [1, 2, 3, 4, 5, 6].map((count) => failuresTolerable(apart(count))),
    [0, 0, 1, 1, 2, 2],
  );
  t.is(failuresTolerable([1, 2, 3].map((node) => member(node, "127.0.0.1"))), 0);
  t.is(failuresTolerable(["localhost", "::1", "127.0.0.7"].map((host, index) => member(index + 1, host))), 0);
  t.is(
    failuresTolerable([member(1, "a"), member(2, "b"), member(3, "c", "b")]),
    0,
    "a name for the machine counts, not the host",
  );
});

test("a sound cluster has no faults, and each node leads what its replica leads", (t) => {
  const health = judge(three, [
    [sound(0), leading(1), sound(2)],
    [sound(0), sound(1), leading(2)],
  ]);
  t.deepEqual(health.faults, []);
  t.deepEqual(
    health.nodes.map(({ node, leads }) => [node, leads]),
    [
      [1, []],
      [2, [0]],
      [3, [1]],
    ],
  );
  t.deepEqual(
    [health.nodeFailuresTolerated, health.machineFailuresTolerated, health.machineFailuresTolerable],
    [1, 1, 1],
  );
});

test("each fault is told in words and counts against what may fail", (t) => {
  const cases: readonly (readonly [ShardReport | null, RegExp])[] = [
    [null, /^node 3 \(n3\) does not answer$/],
    [sound(2, { durable: 900 }), /shard 0: its replica on node 3 is 100 operations behind/],
    [sound(2, { view: 3 }), /is in view 3 still/],
    [sound(2, { status: "viewChange" }), /takes part in a change of leader/],
    [sound(2, { status: "recoveringHead" }), /the end of its log is damaged/],
    [sound(2, { stuckAt: 7 }), /op 7 can be neither found nor ruled out/],
    [sound(2, { isDiskFull: true }), /its disk is full/],
  ];
  for (const [report, says] of cases) {
    const health = judge(three, [[leading(0), sound(1), report]]);
    t.is(health.faults.length, 1);
    t.regex(health.faults[0] ?? "", says);
    t.is(health.shards[0]?.faults, 1);
    t.is(health.nodeFailuresTolerated, 0);
    t.is(health.machineFailuresTolerated, 0);
    t.is(health.machineFailuresTolerable, 1);
  }
  t.deepEqual(
    judge(three, [[leading(0), sound(1), sound(2, { durable: 980 })]]).faults,
    [],
    "what is on its way is no lag",
  );
});

test("without a leader, or with only one who does not know that it leads no more, a shard tolerates nothing", (t) => {
  const leaderless = judge(three, [[sound(0), sound(1), null]]);
  t.is(leaderless.shards[0]?.leader, null);
  t.regex(leaderless.faults.join("; "), /node 3 .*does not answer; shard 0 has no leader: its writes wait/);
  t.is(leaderless.machineFailuresTolerated, 0);
  const two = judge(three, [[leading(0, { view: 3 }), leading(1), sound(2)]]);
  t.is(two.shards[0]?.leader, 2, "the newer view counts");
  t.regex(two.faults.join(), /node 1 is in view 3 still/);
  t.is(
    judge(three, [[]]).nodes.filter(({ reachable }) => reachable).length,
    0,
    "a shard that is being restarted says nothing",
  );
});
