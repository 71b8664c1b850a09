import test from "ava";
import { Journal } from "../../runtime/vsr/journal.js";
import { chain } from "./chain.js";
import { clusterId, geometry } from "./cluster.js";

test("a head that only a checkpoint names gets its header from the view's log: a vote and a startView name it", (t) => {
  const [first, head] = chain(2, 1);
  if (first === undefined || head === undefined) throw new Error("a chain has its links");
  const { op, identity: parent, timestamp } = head.header;
  const point = { op, address: 2 * 4096, parent, timestamp };
  const recovered = {
    from: point,
    sound: point,
    headers: [],
    beyond: [],
    headIsCertain: true,
    commit: op,
    end: point.address,
  };
  const state = { view: 1, logView: 1, commitMax: op, suffix: [] };
  let lastId = 0;
  const journal = new Journal(clusterId, geometry, state, recovered, 3, () => ++lastId);
  t.is(journal.head, op);
  t.deepEqual(journal.suffix(op), [], "neither the ring nor the superblock knows its header");
  journal.install([head], op);
  t.deepEqual(
    journal.suffix(op).map(({ header }) => header.op),
    [op],
  );
  t.is(journal.slot(op)?.state, "durable");
  t.true(journal.isWhole);
  journal.install([first], 0);
  t.is(journal.head, 1, "another log takes its place");
});
