import test from "ava";
import { checkLaws, primaryOf, quorumsOf, replicasMax } from "../../runtime/vsr/quorums.js";
import { throwsAssertion } from "./throws-assertion.js";

test("the quorums of one to six replicas are those of the table, and keep the laws", (t) => {
  const table = Array.from({ length: replicasMax }, (_, index) => {
    const { replication, viewChange, nack } = quorumsOf(index + 1);
    return [index + 1, replication, viewChange, nack];
  });
  t.deepEqual(table, [
    [1, 1, 1, 1],
    [2, 2, 2, 1],
    [3, 2, 2, 2],
    [4, 2, 3, 3],
    [5, 3, 3, 3],
    [6, 3, 4, 4],
  ]);
});

test("quorums that do not intersect are refused, each law by its own name", (t) => {
  throwsAssertion(
    t,
    () => checkLaws({ replicas: 4, replication: 2, viewChange: 2, nack: 3 }),
    "durability: every committed operation reaches every view change",
  );
  throwsAssertion(
    t,
    () => checkLaws({ replicas: 3, replication: 2, viewChange: 2, nack: 1 }),
    "durability: a nack quorum excludes a replication quorum",
  );
  throwsAssertion(
    t,
    () => checkLaws({ replicas: 6, replication: 4, viewChange: 3, nack: 3 }),
    "order: any two view changes share a replica",
  );
  t.throws(() => quorumsOf(0));
  t.throws(() => quorumsOf(7));
  t.throws(() => quorumsOf(2.5));
});

test("the primary goes round with the view", (t) => {
  t.deepEqual(
    [0, 1, 2, 3, 4].map((view) => primaryOf(view, 3, 0)),
    [0, 1, 2, 0, 1],
  );
  t.deepEqual(
    [0, 1, 2, 3, 4].map((shard) => primaryOf(0, 3, shard)),
    [0, 1, 2, 0, 1],
    "and the first primaries of the shards go round with the shards",
  );
});
