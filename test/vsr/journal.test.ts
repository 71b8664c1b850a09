import test from "ava";
import { Journal } from "../../runtime/vsr/journal.js";
import { isHeadCertain } from "../../runtime/vsr/journal-recovery.js";
import type { Prepare } from "../../runtime/vsr/messages.js";
import type { Effect } from "../../runtime/vsr/ports.js";
import { type ChainLink, chain } from "./chain.js";
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

function prepareOf({ header, headerBytes }: ChainLink): Prepare {
  const frame = new Uint8Array(headerBytes.length + header.bodyBytes);
  frame.set(headerBytes);
  return { header, frame };
}

/** The journal of a replica that holds these operations, all committed as far as it knows when it starts. */
function journalOf(links: readonly ChainLink[]): Journal {
  const first = links[0]?.header;
  const head = links.at(-1)?.header;
  if (first === undefined || head === undefined) throw new Error("a chain has its links");
  const { op, identity: parent, timestamp } = head;
  const recovered = {
    from: { op: 0, address: 0, parent: first.parent, timestamp: 0 },
    sound: { op, address: op * 4096, parent, timestamp },
    headers: links,
    beyond: [],
    headIsCertain: true,
    commit: op,
    end: op * 4096,
  };
  const state = { view: 1, logView: 1, commitMax: op, suffix: [] };
  let lastId = 0;
  return new Journal(clusterId, geometry, state, recovered, 3, () => ++lastId);
}

test("a log that is told late and ends before what has been committed of it since does not shorten it", (t) => {
  const links = chain(3, 1);
  const [first] = links;
  if (first === undefined) throw new Error("a chain has its links");
  const op = 3;
  const journal = journalOf(links);
  journal.install([first], op);
  t.is(journal.head, op, "all three are committed");
  t.true(journal.isWhole);
  t.is(journal.slot(op)?.state, "durable");
  journal.install([first], 2);
  t.is(journal.head, 2, "what is not committed may be of another log");
  t.is(journal.appended.op, 2);
});

test("damage is wanted until it is mended, and not of an operation that another log has whole in its place (seed 42102496)", (t) => {
  const links = chain(2, 1);
  const [first, second] = links;
  if (first === undefined || second === undefined) throw new Error("a chain has its links");
  const { op, identity } = second.header;
  const prepare = (): Prepare => prepareOf(second);
  const journal = journalOf(links);
  t.false(journal.isWanted(op));
  journal.damage(op);
  t.deepEqual(journal.wanted(8), [{ op, identity }]);
  t.true(journal.isWanted(op), "it is asked for at a pace as long as it has not come");
  const effects: Effect[] = [];
  t.true(journal.fill(prepare(), effects));
  t.deepEqual(
    effects.map(({ kind }) => kind),
    ["repair"],
  );
  t.false(journal.isWanted(op));
  t.deepEqual(journal.wanted(8), []);

  journal.damage(op);
  journal.install([first], 1);
  journal.extend(prepare());
  journal.advance(effects);
  for (const effect of effects) if ("id" in effect && typeof effect.id === "number") journal.written(effect.id);
  t.is(journal.slot(op)?.state, "durable", "the next view's log has it written anew");
  t.deepEqual(journal.wanted(8), [], "nobody could give what mends it");
});

test("what verifies on a disk is of another log, not damage of this one, and nothing behind it is denied by one that forgot (seed 80151071)", (t) => {
  const [left, [first, second]] = [chain(2, 1), chain(2, 2)];
  const head = left[1]?.header;
  if (head === undefined || first === undefined || second === undefined) throw new Error("a chain has its links");
  const address = 2 * 4096;
  const recovered = {
    from: { op: 0, address: 0, parent: first.header.parent, timestamp: 0 },
    sound: { op: 2, address, parent: head.identity, timestamp: head.timestamp },
    headers: left,
    beyond: [],
    headIsCertain: true,
    commit: 0,
    end: address,
  };
  let lastId = 0;
  const state = { view: 2, logView: 1, commitMax: 0, suffix: [] };
  const journal = new Journal(clusterId, geometry, state, recovered, 3, () => ++lastId);
  journal.install([second, first], 0);
  journal.distrust();
  t.false(journal.entry(2, second).nack);
  const effects: Effect[] = [];
  t.true(journal.fill(prepareOf(first), effects));
  journal.advance(effects);
  t.deepEqual(
    effects.map(({ kind }) => kind),
    ["truncate", "writePrepares"],
  );
  t.true(journal.isWanted(2));
  t.false(journal.entry(2, second).nack, "its former life may have acknowledged it");
});

test("damage that an older view left, not behind the stored end, makes no head uncertain; any other does (seeds 90213119, 91008465)", (t) => {
  const [left, log, other] = [chain(5, 1), chain(5, 3), chain(2, 1, 7)];
  const at = (links: readonly ChainLink[], op: number): ChainLink => {
    const link = links[op - 1];
    if (link === undefined) throw new Error("a chain has its links");
    return link;
  };
  const isCertain = (storedOp: number, newest: { op: number; link: ChainLink | null }, logView = 3): boolean => {
    const sound = { op: 1, address: 4096, parent: at(left, 1).header.identity, timestamp: 1 };
    const { op, link } = newest;
    const fault = {
      op,
      state: "faulty",
      header: link?.header ?? null,
      headerBytes: link?.headerBytes ?? null,
    } as const;
    return isHeadCertain(
      { view: logView, logView, commitMax: 0, suffix: [{ ...at(log, storedOp), wasDurable: false }] },
      { from: sound, sound, headers: [], beyond: [fault], headIsCertain: false, commit: 0, end: 3 * 4096 },
    );
  };
  t.true(isCertain(5, { op: 2, link: at(other, 2) }));
  t.false(isCertain(5, { op: 2, link: null }), "what it was, and how long, nobody knows");
  t.true(
    isCertain(2, { op: 2, link: at(other, 2) }),
    "the stored end, had it been here, would have its name in that slot",
  );
  t.false(isCertain(2, { op: 5, link: at(left, 5) }), "it lies behind the stored end");
  t.false(isCertain(5, { op: 2, link: at(log, 2) }), "it may have been acknowledged in this view");
  t.false(isCertain(5, { op: 2, link: at(left, 2) }, 1), "the log is of that view itself");
});
