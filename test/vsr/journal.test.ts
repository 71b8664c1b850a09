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

test("a log that is told late and ends before what has been committed of it since does not shorten it", (t) => {
  const links = chain(3, 1);
  const [first, , head] = links;
  if (first === undefined || head === undefined) throw new Error("a chain has its links");
  const { op, identity: parent, timestamp } = head.header;
  const beginning = { op: 0, address: 0, parent: first.header.parent, timestamp: 0 };
  const recovered = {
    from: beginning,
    sound: { op, address: 3 * 4096, parent, timestamp },
    headers: links,
    beyond: [],
    headIsCertain: true,
    commit: op,
    end: 3 * 4096,
  };
  const state = { view: 1, logView: 1, commitMax: op, suffix: [] };
  let lastId = 0;
  const journal = new Journal(clusterId, geometry, state, recovered, 3, () => ++lastId);
  journal.install([first], op);
  t.is(journal.head, op, "all three are committed");
  t.true(journal.isWhole);
  t.is(journal.slot(op)?.state, "durable");
  journal.install([first], 2);
  t.is(journal.head, 2, "what is not committed may be of another log");
  t.is(journal.appended.op, 2);
});
