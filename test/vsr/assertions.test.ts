/** What must hold between replicas is checked: each critical assertion of the protocol core, tripped on purpose. */
import test from "ava";
import { headerBytes, prepareOperations } from "../../runtime/storage/frame.js";
import { logBeginning, positionBehind } from "../../runtime/storage/log-position.js";
import type { SegmentSeal } from "../../runtime/storage/seal-codec.js";
import { baseViewOf, lastViewOf } from "../../runtime/storage/views.js";
import { Acquaintance } from "../../runtime/vsr/acquaintance.js";
import { Core } from "../../runtime/vsr/core.js";
import { Journal } from "../../runtime/vsr/journal.js";
import type { DoViewChangeMessage, Message, Prepare } from "../../runtime/vsr/messages.js";
import { NormalOperation } from "../../runtime/vsr/normal-operation.js";
import type { DurableState, Effect, Input, RecoveredLog } from "../../runtime/vsr/ports.js";
import { Replica, type ReplicaConfig } from "../../runtime/vsr/replica.js";
import { type ChainLink, chain } from "./chain.js";
import { Cluster, clusterId, geometry } from "./cluster.js";
import { throwsAssertion } from "./throws-assertion.js";

const fresh: DurableState = { view: 0, logView: 0, commitMax: 0, suffix: [] };
const empty: RecoveredLog = {
  from: logBeginning(clusterId),
  sound: logBeginning(clusterId),
  headers: [],
  beyond: [],
  headIsCertain: true,
  commit: 0,
  end: 0,
};

const configOf = (replica: number, replicaCount: number): ReplicaConfig => ({
  replica,
  replicaCount,
  clusterId,
  geometry,
  release: 1,
  seed: 1,
});

const newJournal = (): Journal => {
  let id = 0;
  return new Journal(clusterId, geometry, fresh, empty, 3, () => ++id);
};

const prepareOf = ({ header, headerBytes: head }: ChainLink): Prepare => {
  const frame = new Uint8Array(headerBytes + header.bodyBytes);
  frame.set(head, 0);
  return { header, frame };
};

const [first, second] = chain(2, 0).map(prepareOf);
const [other] = chain(1, 0, 99).map(prepareOf);
if (first === undefined || second === undefined || other === undefined) throw new Error("a chain has its links");

const tick: Input = { kind: "tick", monotonic: 0, wall: 0 };

test("no log is of a later view than its replica", (t) => {
  const state = { ...fresh, logView: 1 };
  throwsAssertion(
    t,
    () => new Replica(configOf(0, 3), state, empty),
    "order: no log is of a later view than its replica",
  );
});

test("a log grows by one, in place, and has one prepare of an operation", (t) => {
  throwsAssertion(t, () => newJournal().extend(second), "order: the head grows by one");
  throwsAssertion(t, () => newJournal().positionOf(1), "order: a position lies within the appended log");
  const forked = newJournal();
  forked.extend(first);
  t.false(forked.integrate(other), "what a later log has there is not taken into this one (seed 90085910)");
  const misplaced = newJournal();
  misplaced.extend({ ...first, header: { ...first.header, address: 5 * 4096 } });
  throwsAssertion(t, () => misplaced.advance([]), "order: a prepare lies behind its parent or at the next segment");
});

test("a fetched segment is adopted only where it goes on with the log, and with what is known of it", (t) => {
  const adopted = (known: Prepare | null, last: Prepare): void => {
    const journal = newJournal();
    if (known !== null) journal.extend(known);
    const named = { header: last.header, headerBytes: last.frame.slice(0, headerBytes) };
    const seal = {} as SegmentSeal;
    journal.adopt(99, { seal, position: positionBehind(last.header), headers: [named] });
  };
  t.notThrows(() => adopted(first, first));
  throwsAssertion(t, () => adopted(first, other), "hash chain: a segment holds what is known to be committed");
  throwsAssertion(
    t,
    () => adopted(null, { ...first, header: { ...first.header, op: 0 } }),
    "order: an adopted segment goes on with the log",
  );
});

test("a view that begins empty drops nothing that is committed", (t) => {
  throwsAssertion(t, () => newJournal().install([], 1), "durability: an empty log replaces no committed operation");
});

test("nobody leads before its log is whole and its view durable", (t) => {
  const core = new Core(configOf(1, 3), fresh, empty);
  const host = { ping() {}, pong() {}, begin() {}, withdraw() {} };
  const normal = new NormalOperation(core, new Acquaintance(core, host));
  throwsAssertion(t, () => normal.lead(), "durability: a primary leads with a whole log");
});

test("a prepare is proposed behind the head, at its place", (t) => {
  const alone = (): Replica => {
    const replica = new Replica(configOf(0, 1), fresh, empty);
    replica.step(tick, []);
    return replica;
  };
  const proposal = {
    kind: "propose",
    view: 0,
    op: 1,
    frame: new Uint8Array(headerBytes + 8),
    address: 0,
    recordCount: 1,
    timestamp: 1,
  } as const;
  const effects: Effect[] = [];
  alone().step(proposal, effects);
  t.deepEqual(
    effects.map(({ kind }) => kind),
    ["writePrepares"],
  );
  throwsAssertion(t, () => alone().step({ ...proposal, op: 2 }, []), "order: a prepare is proposed behind the head");
  throwsAssertion(
    t,
    () => alone().step({ ...proposal, view: 1 }, []),
    "order: a prepare is proposed in the view that this replica leads",
  );
  throwsAssertion(
    t,
    () => alone().step({ ...proposal, address: 4096 }, []),
    "order: a prepare is placed behind its parent or at the next segment",
  );
  throwsAssertion(
    t,
    () => alone().step({ ...proposal, timestamp: 0 }, []),
    "order: timestamps grow from prepare to prepare",
  );
});

test("before its first step a replica leads nothing, whatever view its disk names", (t) => {
  const replica = new Replica(configOf(0, 3), fresh, empty);
  t.false(replica.inspect().isPrimary);
  replica.step(tick, []);
  t.false(replica.inspect().isPrimary, "a former primary begins with a doubt");
  const alone = new Replica(configOf(0, 1), fresh, empty);
  t.false(alone.inspect().isPrimary);
  alone.step(tick, []);
  t.true(alone.inspect().isPrimary);
});

test("what a discarded log left behind damage is held against no acknowledgement", (t) => {
  const links = chain(6, 0);
  const [one, stale] = [links[0], chain(3, 0, 99)[2]];
  if (one === undefined || stale === undefined) throw new Error("a chain has its links");
  const state: DurableState = { view: 1, logView: 0, commitMax: 1, suffix: [{ ...one, wasDurable: true }] };
  const log: RecoveredLog = {
    ...empty,
    sound: positionBehind(one.header),
    headers: [one],
    beyond: [
      { op: 2, state: "faulty", header: null, headerBytes: null },
      { op: 3, state: "sound", ...stale },
    ],
    commit: 1,
    end: 3 * 4096,
  };
  const primary = new Replica(configOf(1, 3), state, log);
  const effects: Effect[] = [];
  const hear = (message: Message): void => primary.step({ kind: "message", from: 2, message }, effects);
  primary.step(tick, effects);
  const remembered = { member: new Uint8Array(16), view: 0, op: 0 };
  hear({ kind: "pong", view: 1, status: "viewChange", commit: 5, release: 1, echoed: 0, wall: 0, remembered });
  const suffix = links
    .slice(4)
    .reverse()
    .map((link) => ({ op: link.header.op, ...link, present: true, nack: false }));
  hear({ kind: "doViewChange", view: 1, logView: 0, commit: 5, contiguous: 6, suffix });
  t.is(primary.inspect().op, 6, "it has fixed the log of its view, and lacks most of it");
  const third = links[2]?.header.identity ?? new Uint8Array(32);
  hear({ kind: "prepareOk", view: 1, op: 3, identity: third });
  t.deepEqual(
    effects.filter(({ kind }) => kind === "halt"),
    [],
  );
  hear({ kind: "prepareOk", view: 1, op: 6, identity: third });
  t.is(effects.filter(({ kind }) => kind === "halt").length, 1, "against what is proved it is");
});

test("a fresh replica becomes a member with nothing said and nothing stored", (t) => {
  const id = new Uint8Array(16).fill(3);
  const none = new Uint8Array(16);
  const state: DurableState = { ...fresh, view: 1, standing: "fresh", members: [none, id, none] };
  const replica = new Replica(configOf(1, 3), state, empty);
  replica.step(tick, []);
  const vouch = (from: number): void => {
    const remembered = { member: id, view: 0, op: 0 };
    const message: Message = {
      kind: "pong",
      view: 0,
      status: "fresh",
      commit: 0,
      release: 1,
      echoed: 0,
      wall: 0,
      remembered,
    };
    replica.step({ kind: "message", from, message }, []);
  };
  vouch(0);
  throwsAssertion(t, () => vouch(2), "durability: a fresh replica has said nothing in its configuration");
});

test("voters change by one, within the views of a configuration, and each configuration has some", (t) => {
  const doubted = (view: number): Message => ({ kind: "startViewChange", view });
  const last = lastViewOf(0);
  const replica = new Replica(configOf(2, 3), { ...fresh, view: last, logView: last }, empty);
  replica.step(tick, []);
  // Its primary doubts itself, and so do the others at once.
  throwsAssertion(
    t,
    () => replica.step({ kind: "message", from: 0, message: doubted(last) }, []),
    "order: a view change stays within its configuration",
  );
  const [later] = chain(1, baseViewOf(1) + 1);
  if (later === undefined) throw new Error("a chain has its links");
  const told: Message = { kind: "startView", view: baseViewOf(1), commit: 1, suffix: [later], nonce: 0 };
  const other = new Replica(configOf(2, 3), fresh, empty);
  other.step(tick, []);
  throwsAssertion(
    t,
    () => other.step({ kind: "message", from: 0, message: told }, []),
    "order: configurations only grow, and each has voters",
  );
  const cluster = new Cluster(3, 41);
  cluster.run(1_500);
  throwsAssertion(
    t,
    () => cluster.propose(cluster.primary, 5),
    "order: a reconfiguration adds one voter or takes one away",
  );
});

test("a log is upgraded to a release that its primary knows", (t) => {
  const replica = new Replica(configOf(0, 1), fresh, empty);
  replica.step(tick, []);
  const frame = new Uint8Array(headerBytes + 8);
  const upgrade: Input = {
    kind: "propose",
    view: 0,
    op: 1,
    frame,
    address: 0,
    recordCount: 0,
    timestamp: 1,
    operation: prepareOperations.upgrade,
  };
  throwsAssertion(t, () => replica.step(upgrade, []), "order: a log is upgraded to a release that its primary knows");
});

test("a replica votes the same way each time that it votes in a view", (t) => {
  const vote: DoViewChangeMessage = {
    kind: "doViewChange",
    view: 1,
    logView: 0,
    commit: 0,
    contiguous: 0,
    suffix: [],
  };
  const elect = (): Replica => {
    const replica = new Replica(configOf(1, 3), fresh, empty);
    replica.step(tick, []);
    replica.step({ kind: "message", from: 0, message: vote }, []);
    t.is(replica.inspect().view, 1);
    return replica;
  };
  const again = (message: DoViewChangeMessage): void => elect().step({ kind: "message", from: 0, message }, []);
  throwsAssertion(
    t,
    () => again({ ...vote, logView: -1 }),
    "order: two votes of a replica in one view name one log view",
  );
  const { header } = first;
  const entry = { op: 1, header, headerBytes: first.frame.slice(0, headerBytes), present: true, nack: false };
  throwsAssertion(
    t,
    () => again({ ...vote, suffix: [entry] }),
    "durability: two votes of a replica in one view name one head",
  );
  t.notThrows(() => again({ ...vote, contiguous: 0 }));
});
