/** What shards say to one another over their replicas' links: nothing of it is lost without somebody hearing of it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import {
  decodeQuestion,
  decodeRelay,
  encodeAnswer,
  encodeRelay,
  PartAssembler,
  type Relay,
  relayKinds,
  relayTopics,
} from "../../actors/messages/relay.js";
import { decodeErrorBody, ReplyBatchReader, ReplyBatchWriter } from "../../actors/messages/reply-batch.js";
import { RequestBatchReader, RequestBatchWriter } from "../../actors/messages/request-batch.js";
import { replicaOn } from "../../actors/replica/actor.js";
import type { ReplicaMessage } from "../../actors/replica/messages.js";
import type { PeerLinkEvents, PeerLinks } from "../../actors/replica/peer-links.js";
import { realMachine } from "../../actors/shard/machine.js";
import { PeerAskers } from "../../actors/shard/peer-askers.js";
import { windowBytes } from "../../actors/shard/relay-outbox.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { defaultGeometry } from "../../runtime/storage/log-geometry.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { formatReplica } from "../../runtime/storage/replica-storage.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { memberBytes } from "../../runtime/vsr/acquaintance.js";
import { FakeContext } from "./fake-context.js";
import { startShard, temporary } from "./started-shard.js";

const incarnation = 7;
const noBytes = new Uint8Array(0);

function batchOf(...entries: readonly (readonly [correlation: number, kind: number])[]): Uint8Array {
  const batch = new RequestBatchWriter();
  for (const [correlation, kind] of entries) batch.add(correlation, 0, kind, noBytes, new Uint8Array(8), 0, 8);
  return batch.take();
}

/** Correlations and codes of the failures in a batch of replies. */
function failuresIn(bytes: Uint8Array): [correlation: number, code: string][] {
  const replies = new ReplyBatchReader().open(bytes);
  const failures: [number, string][] = [];
  while (replies.next()) failures.push([replies.correlation, decodeErrorBody(replies.status, replies.body()).code]);
  return failures;
}

/** Replica 0 of three beside a shard, its links in the hands of the test. */
async function startReplica(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), "kimberlite-relays-"));
  const clusterId = new Uint8Array(16).fill(3);
  const members = Array.from({ length: 3 }, () => new Uint8Array(memberBytes));
  formatReplica(new RealDisk(), directory, { clusterId, replica: 0, replicaCount: 3, members }, defaultGeometry);
  const sent: { to: number; bytes: Uint8Array }[] = [];
  const dropped: number[] = [];
  const full = new Set<number>();
  let events: PeerLinkEvents | null = null;
  const links: PeerLinks = {
    send: (to, bytes) => {
      if (full.has(to)) return false;
      sent.push({ to, bytes });
      return true;
    },
    disconnect: (to) => {
      dropped.push(to);
      events?.down(to);
    },
    setReplicas: () => {},
    close: () => Promise.resolve(),
  };
  const machine = {
    ...realMachine,
    openLinks: (_context: unknown, _args: unknown, _self: unknown, _clusterId: unknown, told: PeerLinkEvents) => {
      events = told;
      return Promise.resolve(links);
    },
  };
  const context = new FakeContext();
  for (const neighbour of ["shard-1", "keeper-1"]) context.wire(neighbour);
  const replicas = [0, 1, 2].map((node) => ({ node, name: `node-${node}`, host: "nowhere", port: 1 }));
  const replica = (await replicaOn(machine).create(context, {
    directory,
    clusterId,
    self: 0,
    shard: "shard-1",
    keeper: "keeper-1",
    peers: { replicas, channel: 1, security: null },
  })) as Actor<ReplicaMessage>;
  t.teardown(async () => {
    await replica.stop?.();
    rmSync(directory, { recursive: true });
  });
  const told = (): PeerLinkEvents => {
    if (events === null) throw new Error("a replica with others opens its links");
    return events;
  };
  return { context, replica, sent, dropped, full, links: told() };
}

test("requests of another node that find their shard's mailbox full are refused, each of them, and the link stands", async (t) => {
  const { context, sent, dropped, links } = await startReplica(t);
  links.up(1);
  context.busy.add("shard-1");
  const body = batchOf([31, requestKind.sql], [32, requestKind.append]);
  links.message(1, encodeRelay({ kind: relayKinds.requests, incarnation, body }));
  const { to, bytes } = sent[0] ?? { to: -1, bytes: noBytes };
  t.is(to, 1);
  const answer = decodeRelay(bytes);
  t.like(answer, { kind: relayKinds.replies, incarnation });
  t.deepEqual(failuresIn(answer.body), [
    [31, "mailboxFull"],
    [32, "mailboxFull"],
  ]);
  t.deepEqual(dropped, []);
  context.busy.clear();
  links.message(1, encodeRelay({ kind: relayKinds.requests, incarnation, body }));
  t.is(context.toldOf("relayed").length, 1, "and there is room again");
  t.is(sent.length, 1, "what was taken is not refused");
});

test("a refusal for want of room says nothing of the request that a cancel is about", async (t) => {
  const { context, sent, links } = await startReplica(t);
  links.up(1);
  context.busy.add("shard-1");
  const body = batchOf([31, requestKind.cancel], [32, requestKind.sql]);
  links.message(1, encodeRelay({ kind: relayKinds.requests, incarnation, body }));
  t.deepEqual(failuresIn(decodeRelay(sent[0]?.bytes ?? noBytes).body), [[32, "mailboxFull"]]);
});

const isNotice = ({ message }: { message: { kind: string } }): boolean => message.kind === "noticesDue";

test("answers that find the asking shard's mailbox full wait for it, in their order; what comes next does not overtake them", async (t) => {
  const { context, replica, dropped, links } = await startReplica(t);
  links.up(1);
  const answer = (correlation: number): void => {
    const replies = new ReplyBatchWriter();
    replies.ok(correlation, new Uint8Array(4));
    links.message(1, encodeRelay({ kind: relayKinds.replies, incarnation, body: replies.take() }));
  };
  const answered = (): number[] =>
    context.toldOf("relayed").map(({ message }) => {
      const replies = new ReplyBatchReader().open(decodeRelay(message["bytes"] as Uint8Array).body);
      replies.next();
      return replies.correlation;
    });
  context.busy.add("shard-1");
  answer(31);
  answer(32);
  context.busy.clear();
  answer(33);
  t.is(context.timers.filter(isNotice).length, 1);
  t.deepEqual(answered(), []);
  replica.receive({ kind: "noticesDue" }, context.envelope("self"));
  answer(34);
  t.deepEqual(answered(), [31, 32, 33, 34]);
  t.deepEqual(dropped, []);
});

test("more of another node's than a replica keeps for its shard ends the link: who waits for it hears that it is lost", async (t) => {
  const { context, replica, dropped, links } = await startReplica(t);
  links.up(1);
  context.busy.add("shard-1");
  const relay = encodeRelay({ kind: relayKinds.replies, incarnation, body: new Uint8Array(16 * 1024 * 1024) });
  let kept = 0;
  for (; dropped.length === 0 && kept < 100; kept++) links.message(1, relay);
  t.is(kept, 4);
  t.deepEqual(dropped, [1]);
  t.deepEqual(context.toldOf("peerDown"), [], "for that it has no room either");
  context.busy.clear();
  replica.receive({ kind: "noticesDue" }, context.envelope("self"));
  t.is(context.toldOf("relayed").length, 3);
  t.is(context.toldOf("peerDown").length, 1);
  links.up(1);
  links.message(1, relay);
  t.is(context.toldOf("relayed").length, 4, "and there is room again");
});

test("what a full link does not take ends it: both shards hear of the loss, not only the one that spoke", async (t) => {
  const { context, replica, dropped, full, links } = await startReplica(t);
  const relay = (): void =>
    replica.receive({ kind: "relay", to: 1, bytes: new Uint8Array(16) }, context.envelope("shard-1"));
  const downs = (): number => context.toldOf("peerDown").length;
  full.add(1);
  relay();
  t.deepEqual(dropped, [], "there was none");
  t.is(downs(), 1, "and the shard hears so, which had not yet");
  links.up(1);
  relay();
  t.deepEqual(dropped, [1]);
  t.is(downs(), 2);
});

/** A shard of three that follows replica 1, and what it hands to its replica. */
async function startFollower(t: ExecutionContext) {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const started = await startShard(path, clusterId, 3);
  t.teardown(started.stop);
  const { context, shard } = started;
  const from = context.envelope("replica-1");
  shard.receive({ kind: "follow", view: 1, leader: 1 }, from);
  shard.receive({ kind: "peerUp", replica: 1 }, from);
  // It asks what the other's program knows, and hears that it is none of what came later.
  const [question] = context.told.splice(0).filter(({ message }) => message.kind === "relay");
  const { incarnation: asking, body } = decodeRelay((question?.message["bytes"] as Uint8Array | undefined) ?? noBytes);
  const { id, topic } = decodeQuestion(body);
  t.is(topic, relayTopics.forms);
  shard.receive({ kind: "relayed", from: 1, bytes: encodeAnswer(asking, { id, body: null }) }, from);
  const ask = (...entries: readonly (readonly [number, number])[]): void =>
    shard.receive(
      { kind: "requests", bytes: batchOf(...entries), count: entries.length },
      context.envelope("gateway-0"),
    );
  /** Correlations and kinds of what was handed on, batch by batch. */
  const handedOn = (): [number, number][][] =>
    context.toldOf("relay").map(({ message }) => {
      const requests = new RequestBatchReader().open(decodeRelay(message["bytes"] as Uint8Array).body);
      const entries: [number, number][] = [];
      while (requests.next()) entries.push([requests.correlation, requests.kind]);
      return entries;
    });
  return { ...started, from, ask, handedOn };
}

test("a cancel that is handed on names its request as the leader knows it", async (t) => {
  const { ask, handedOn } = await startFollower(t);
  ask([77, requestKind.sql], [78, requestKind.sql]);
  ask([78, requestKind.cancel]);
  ask([99, requestKind.cancel]);
  const [[, second] = [], [cancel] = [], [unknown] = []] = handedOn();
  t.deepEqual(cancel, [second?.[0] ?? -1, requestKind.cancel]);
  t.not(unknown?.[0], second?.[0], "one of a request that is over names nobody's");
  t.is(unknown?.[0], 0);
});

test("what its replica has no room for is handed on a moment later, although nothing follows it", async (t) => {
  const { context, shard, from, ask, handedOn } = await startFollower(t);
  context.busy.add("replica-1");
  ask([77, requestKind.sql]);
  context.busy.clear();
  t.deepEqual(handedOn(), []);
  const due = context.timers.filter(({ message }) => message.kind === "questionsDue");
  t.is(due.length, 1);
  shard.receive({ kind: "questionsDue" }, from);
  t.is(handedOn().length, 1);
});

test("no more is handed on than the leader takes, and a request of any size comes there whole", async (t) => {
  const { context, shard, from } = await startFollower(t);
  const ask = (correlation: number, bytes: number): void => {
    const batch = new RequestBatchWriter();
    batch.add(correlation, 0, requestKind.sql, noBytes, new Uint8Array(bytes), 0, bytes);
    shard.receive({ kind: "requests", bytes: batch.take(), count: 1 }, context.envelope("gateway-0"));
  };
  const sizes = [40, 1, 3, 2, 2].map((megabytes) => megabytes * 1_000_000);
  const asked = sizes.slice(0, 1);
  for (const [index, size] of asked.entries()) ask(index, size);
  const assembler = new PartAssembler();
  const came: number[] = [];
  const take = ({ kind, body }: Relay): void => {
    if (kind === relayKinds.part) {
      const whole = assembler.add(body);
      if (whole !== null) take(decodeRelay(whole));
    } else if (kind === relayKinds.requests) {
      const requests = new RequestBatchReader().open(body);
      while (requests.next()) came.push(requests.bodyTo - requests.bodyFrom);
    }
  };
  let most = 0;
  for (let round = 0; came.length < sizes.length && round < 200; round++) {
    const next = sizes[asked.length];
    if (came.length >= asked.length && next !== undefined) ask(asked.push(next), next);
    const sent = context.told.splice(0).filter(({ message }) => message.kind === "relay");
    const relays = sent.map(({ message }) => decodeRelay(message["bytes"] as Uint8Array));
    most = Math.max(
      most,
      relays.reduce((bytes, { body }) => bytes + body.length, 0),
    );
    for (const relay of relays) take(relay);
    for (const { kind, incarnation: asking, body } of relays) {
      if (kind !== relayKinds.question) continue;
      const { id, topic } = decodeQuestion(body);
      t.is(topic, relayTopics.taken);
      shard.receive({ kind: "relayed", from: 1, bytes: encodeAnswer(asking, { id, body: noBytes }) }, from);
    }
  }
  t.deepEqual(came, sizes);
  t.true(most <= windowBytes, `${most} bytes were on their way at a time`);
});

test("a leader of an earlier release is handed what fits a message between nodes; what does not is refused, not lost", async (t) => {
  const { context, shard, from } = await startFollower(t);
  const sizes = [40, 3, 17, 12].map((megabytes) => megabytes * 1_000_000);
  for (const [correlation, bytes] of sizes.entries()) {
    const batch = new RequestBatchWriter();
    batch.add(correlation, 0, requestKind.sql, noBytes, new Uint8Array(bytes), 0, bytes);
    shard.receive({ kind: "requests", bytes: batch.take(), count: 1 }, context.envelope("gateway-0"));
    // It answers a question that it does not understand with null.
    for (let round = 0; round < 5; round++) {
      for (const { message } of context.told.filter(({ message: { kind } }) => kind === "relay")) {
        const { kind, incarnation: asking, body } = decodeRelay(message["bytes"] as Uint8Array);
        if (kind !== relayKinds.question) continue;
        const { id } = decodeQuestion(body);
        shard.receive({ kind: "relayed", from: 1, bytes: encodeAnswer(asking, { id, body: null }) }, from);
      }
    }
  }
  const relays = context.toldOf("relay").map(({ message }) => decodeRelay(message["bytes"] as Uint8Array));
  const came = relays.filter(({ kind }) => kind === relayKinds.requests).map(({ body }) => body.length);
  t.deepEqual(
    came.map((bytes) => Math.floor(bytes / 1_000_000)),
    [3, 12],
  );
  t.false(relays.some(({ kind }) => kind === relayKinds.part));
  const refusals = context.toldOf("replies").flatMap(({ message }) => failuresIn(message["bytes"] as Uint8Array));
  t.deepEqual(refusals, [
    [0, "notSupported"],
    [2, "notSupported"],
  ]);
});

test("a leader that takes nothing is not sent more and more: what cannot wait is refused", async (t) => {
  const { context, shard, from } = await startFollower(t);
  let refused = 0;
  const relayed = () => context.toldOf("relay").map(({ message }) => decodeRelay(message["bytes"] as Uint8Array));
  for (let correlation = 1; correlation <= 30; correlation++) {
    const batch = new RequestBatchWriter();
    batch.add(correlation, 0, requestKind.sql, noBytes, new Uint8Array(2_000_000), 0, 2_000_000);
    shard.receive({ kind: "requests", bytes: batch.take(), count: 1 }, context.envelope("gateway-0"));
    if (correlation === 1) {
      // It says that it knows parts, and no more.
      const [probe] = relayed();
      const { id } = decodeQuestion(probe?.body ?? noBytes);
      const answer = encodeAnswer(probe?.incarnation ?? 0, { id, body: noBytes });
      shard.receive({ kind: "relayed", from: 1, bytes: answer }, from);
    }
    for (const { message } of context.toldOf("replies").slice(refused)) {
      t.deepEqual(failuresIn(message["bytes"] as Uint8Array), [[correlation, "mailboxFull"]]);
      refused += 1;
    }
  }
  const handedOn = relayed().filter(({ kind }) => kind === relayKinds.part);
  t.deepEqual([handedOn.length, refused], [4, 17], "one is on its way in parts, and 24 MB wait");
});

test("a long request of one session is not waited for by others; its own wait, and so does the word that it is cancelled", async (t) => {
  const { context, shard, from } = await startFollower(t);
  const requestOf = (
    correlation: number,
    session: number,
    bytes: number,
    kind: number = requestKind.sql,
  ): Uint8Array => {
    const body = new Uint8Array(Math.max(bytes, 17));
    new DataView(body.buffer).setUint32(9, session, true);
    const batch = new RequestBatchWriter();
    batch.add(correlation, 0, kind, noBytes, body, 0, kind === requestKind.cancel ? 0 : body.length);
    return batch.take();
  };
  const ask = (...requests: readonly Uint8Array[]): void =>
    shard.receive(
      { kind: "requests", bytes: Buffer.concat(requests), count: requests.length },
      context.envelope("gateway-0"),
    );
  const assembler = new PartAssembler();
  const came: (readonly [kind: number, bytes: number])[] = [];
  const take = ({ kind, body }: Relay): void => {
    if (kind === relayKinds.part) {
      const whole = assembler.add(body);
      if (whole !== null) take(decodeRelay(whole));
    } else if (kind === relayKinds.requests) {
      const requests = new RequestBatchReader().open(body);
      while (requests.next()) came.push([requests.kind, requests.bodyTo - requests.bodyFrom]);
    }
  };
  const takeAll = (): void => {
    const relays = context.told.splice(0).filter(({ message }) => message.kind === "relay");
    for (const { message } of relays) {
      const relay = decodeRelay(message["bytes"] as Uint8Array);
      take(relay);
      if (relay.kind !== relayKinds.question) continue;
      const answer = encodeAnswer(relay.incarnation, { id: decodeQuestion(relay.body).id, body: noBytes });
      shard.receive({ kind: "relayed", from: 1, bytes: answer }, from);
    }
  };
  const { sql, cancel } = requestKind;
  ask(requestOf(1, 1, 6_000_000), requestOf(2, 1, 100), requestOf(3, 2, 200), requestOf(1, 0, 0, cancel));
  takeAll();
  ask(requestOf(4, 3, 300));
  takeAll();
  t.deepEqual(came, [
    [sql, 200],
    [sql, 300],
  ]);
  for (let round = 0; round < 20; round++) takeAll();
  t.deepEqual(came.slice(2), [
    [sql, 6_000_000],
    [sql, 100],
    [cancel, 0],
  ]);
});

test("the leader hears of a gateway that is gone, and of no other, and ends what it has begun for its clients", async (t) => {
  const { context, shard, ask } = await startFollower(t);
  const gateways = () =>
    context.toldOf("relay").flatMap(({ message }) => {
      const { kind, source } = decodeRelay(message["bytes"] as Uint8Array);
      return kind === relayKinds.requests ? [source] : [];
    });
  const gone = () =>
    context.toldOf("relay").flatMap(({ message }) => {
      const { kind, body } = decodeRelay(message["bytes"] as Uint8Array);
      const question = kind === relayKinds.question ? decodeQuestion(body) : null;
      return question?.topic === relayTopics.gatewayGone ? [question.body[0]] : [];
    });
  context.wire("gateway-1");
  ask([77, requestKind.sql]);
  shard.receive({ kind: "requests", bytes: batchOf([78, requestKind.sql]), count: 1 }, context.envelope("gateway-1"));
  ask([79, requestKind.sql]);
  t.deepEqual(gateways(), [1, 2, 1]);
  context.unwire("gateway-1");
  shard.unwired?.("gateway-1", { kind: "gone" } as never);
  t.deepEqual(gone(), [2]);

  let ended = 0;
  const askers = new PeerAskers(1 as Epoch, () => {
    ended += 1;
  });
  const [first, second] = [askers.asker(2, incarnation, 1), askers.asker(2, incarnation, 2)];
  t.is(askers.asker(2, incarnation, 1), first);
  askers.gone(askers.asker(2, incarnation, 0), 2);
  t.deepEqual([first.isOpen, second.isOpen, ended], [true, false, 1]);
  askers.gone(askers.asker(2, incarnation, 0), 2);
  t.is(ended, 1, "a number that nobody has any more is nobody's");
  const next = askers.asker(2, incarnation, 2);
  t.not(next, second);
  const after = askers.asker(2, incarnation + 1, 2);
  t.deepEqual([first.isOpen, next.isOpen, after.isOpen], [false, false, true]);
});
