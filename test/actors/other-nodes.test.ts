/** A shard and those of its number on other nodes: whose requests and questions are answered to whom. */
import test from "ava";
import {
  decodeAnswer,
  decodeForms,
  decodeQuestion,
  decodeRelay,
  encodeAnswer,
  encodeForms,
  encodeQuestion,
  encodeRelay,
  recordForms,
  relayKinds,
  relayTopics,
} from "../../actors/messages/relay.js";
import { ReplyBatchReader, ReplyBatchWriter } from "../../actors/messages/reply-batch.js";
import { RequestBatchReader, RequestBatchWriter } from "../../actors/messages/request-batch.js";
import { HeldAnswers } from "../../actors/shard/held-answers.js";
import { PeerAnswers } from "../../actors/shard/peer-answers.js";
import { answeringOver, PeerPort } from "../../actors/shard/peer-port.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { FakeContext, type Told } from "./fake-context.js";
import { startShard, temporary } from "./started-shard.js";

/** The bytes that a message carries. */
function bytesOf(told: Told | undefined): Uint8Array {
  const bytes = told?.message["bytes"];
  if (!(bytes instanceof Uint8Array)) throw new Error("nothing with bytes was told");
  return bytes;
}

test("what a node asked before it ended is not answered to the one that starts in its place", (t) => {
  const sent: number[] = [];
  const context = new FakeContext();
  const relays = {
    hasRoom: () => true,
    isTooLong: () => false,
    send: (replica: number) => {
      sent.push(replica);
      return true;
    },
  };
  const held = new HeldAnswers(
    (port, message) => context.tell(port, message),
    () => {},
  );
  const answering = answeringOver(context, held, new PeerAnswers(relays, () => {}));
  const former = new PeerPort(1, 7, 1, 1 as Epoch);
  const batch = new ReplyBatchWriter();
  batch.ok(1, new Uint8Array(8));
  const replies = { kind: "replies", bytes: batch.take() };
  t.is(answering.tell(former, replies), "accepted");
  former.isOpen = false;
  t.is(answering.tell(former, replies), "gone");
  t.is(answering.tell(new PeerPort(1, 8, 1, 1 as Epoch), replies), "accepted");
  t.deepEqual(sent, [1, 1]);
});

test("the end of a link ends what was asked over it: the answer to an earlier process of that node is sent to nobody", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId, 3);
  t.teardown(stop);
  const from = context.envelope("replica-1");
  let incarnation = 7;
  const ask = (id: number): void => {
    const bytes = encodeQuestion(incarnation, { id, topic: relayTopics.report, body: new Uint8Array(0) });
    shard.receive({ kind: "relayed", from: 1, bytes }, from);
  };
  const report = {
    replica: 0,
    status: "normal",
    view: 0,
    epoch: 0,
    op: 0,
    commit: 0,
    durable: 0,
    stuckAt: 0,
    release: 1,
  };
  const settle = (): void => context.asked.pop()?.settle({ ok: true, value: report as never });
  ask(1);
  shard.receive({ kind: "peerDown", replica: 1 }, from);
  settle();
  t.deepEqual(context.toldOf("relay"), [], "whoever comes next over that link has not asked");
  shard.receive({ kind: "peerUp", replica: 1 }, from);
  context.told.length = 0;
  ask(2);
  settle();
  const [answer] = context.toldOf("relay");
  t.is(answer?.message["to"], 1);
  // And a link that breaks between question and answer leaves the others' alone.
  ask(3);
  shard.receive({ kind: "peerDown", replica: 2 }, from);
  settle();
  t.is(context.toldOf("relay").length, 2);
  // One that starts again without a link that broke is another, and has not asked either.
  ask(4);
  incarnation = 8;
  ask(1);
  const newest = context.asked.pop();
  settle();
  t.is(context.toldOf("relay").length, 2);
  newest?.settle({ ok: true, value: report as never });
  t.like(decodeRelay(bytesOf(context.toldOf("relay")[2])), { kind: relayKinds.answer, incarnation: 8 });
});

test("a form of a record is known when the programs of all other nodes say so: not of one that does not understand, nor of one that cannot be asked", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId, 3);
  t.teardown(stop);
  const from = context.envelope("replica-1");
  const forms = recordForms.userWithMemberships;
  /** @param answers of nodes 1 and 2; one of a program of before is null */
  const areKnown = (...answers: readonly (Uint8Array | null)[]): unknown => {
    context.told.length = 0;
    const before = context.replies.length;
    shard.receive({ kind: "formsKnown", forms }, context.envelope("directory"));
    for (const { message } of context.toldOf("relay")) {
      const { kind, incarnation, body } = decodeRelay(message["bytes"] as Uint8Array);
      const { id, topic } = decodeQuestion(body);
      t.deepEqual([kind, topic], [relayKinds.question, relayTopics.forms]);
      const to = Number(message["to"]);
      const bytes = encodeAnswer(incarnation, { id, body: answers[to - 1] ?? null });
      shard.receive({ kind: "relayed", from: to, bytes }, from);
    }
    t.is(context.replies.length, before + 1);
    return context.replies.at(-1)?.value;
  };
  shard.receive({ kind: "peerUp", replica: 1 }, from);
  t.is(areKnown(encodeForms(forms), encodeForms(forms)), false, "the other one cannot be asked");
  shard.receive({ kind: "peerUp", replica: 2 }, from);
  t.is(areKnown(encodeForms(forms), encodeForms(forms | 8)), true);
  t.is(areKnown(encodeForms(forms), null), false);
  t.is(areKnown(encodeForms(8), encodeForms(forms)), false);
  context.told.length = 0;
  const question = encodeQuestion(7, { id: 1, topic: relayTopics.forms, body: new Uint8Array(0) });
  shard.receive({ kind: "relayed", from: 1, bytes: question }, from);
  const { body } = decodeAnswer(decodeRelay(bytesOf(context.toldOf("relay")[0])).body);
  t.is(decodeForms(body) & forms, forms, "this program knows it");
});

test("long keys are taken once the programs of all that vote have said that they know them, and then while a node is away", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId, 3);
  t.teardown(stop);
  const from = context.envelope("replica-1");
  const areTaken = (): unknown => shard.inspect?.()["takesLongKeys"];
  const { longKeys, ownersAndSettings } = recordForms;
  /** A node's link is there; its shard answers what it is asked. */
  const up = (replica: number, answer: Uint8Array | null): void => {
    context.told.length = 0;
    shard.receive({ kind: "peerUp", replica }, from);
    const [told] = context.toldOf("relay");
    t.is(told?.message["to"], replica);
    const { incarnation, body } = decodeRelay(bytesOf(told));
    const { id, topic } = decodeQuestion(body);
    t.is(topic, relayTopics.forms);
    shard.receive({ kind: "relayed", from: replica, bytes: encodeAnswer(incarnation, { id, body: answer }) }, from);
  };
  t.is(areTaken(), 0);
  up(1, encodeForms(longKeys));
  t.is(areTaken(), 0, "nothing is known of node 2");
  up(2, encodeForms(ownersAndSettings));
  t.is(areTaken(), 0, "it does not know them");
  shard.receive({ kind: "peerDown", replica: 2 }, from);
  up(2, null);
  t.is(areTaken(), 0, "it is of a program of before");
  shard.receive({ kind: "peerDown", replica: 2 }, from);
  shard.receive({ kind: "peerDown", replica: 1 }, from);
  up(2, encodeForms(longKeys | ownersAndSettings));
  t.is(areTaken(), 1, "node 1 is away and has said so");
  shard.receive({ kind: "peerDown", replica: 2 }, from);
  t.is(areTaken(), 1);
  context.told.length = 0;
  shard.receive({ kind: "peerUp", replica: 2 }, from);
  t.deepEqual(context.toldOf("relay"), [], "nobody is asked again");
});

test("an answer to the shard that was here before is not taken for one's own: requests and questions count from the start (seed 41104113)", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId, 3);
  t.teardown(stop);
  const from = context.envelope("replica-1");
  shard.receive({ kind: "follow", view: 1, leader: 1 }, from);
  shard.receive({ kind: "peerUp", replica: 1 }, from);
  context.told.length = 0;
  const batch = new RequestBatchWriter();
  const body = new Uint8Array(8);
  batch.add(77, 0, requestKind.append, new Uint8Array(0), body, 0, body.length);
  shard.receive({ kind: "requests", bytes: batch.take(), count: 1 }, context.envelope("gateway-0"));
  const { kind, incarnation, body: handedOn } = decodeRelay(bytesOf(context.toldOf("relay")[0]));
  t.is(kind, relayKinds.requests);
  const request = new RequestBatchReader().open(handedOn);
  t.true(request.next());
  const answer = (whose: number, text: string): void => {
    const replies = new ReplyBatchWriter();
    replies.ok(request.correlation, new TextEncoder().encode(text));
    const bytes = encodeRelay({ kind: relayKinds.replies, incarnation: whose, body: replies.take() });
    shard.receive({ kind: "relayed", from: 1, bytes }, from);
  };
  answer(incarnation + 1, "another's");
  t.deepEqual(context.toldOf("replies"), []);
  answer(incarnation, "its own");
  const [told] = context.toldOf("replies");
  t.is(told?.to, "gateway-0");
  const reply = new ReplyBatchReader().open(bytesOf(told));
  t.true(reply.next());
  t.is(reply.correlation, 77);
  t.is(new TextDecoder().decode(reply.body()), "its own");
});

test("what comes while a shard applies its log to lead does not overtake what waited for a leader before", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, log, stop } = await startShard(path, clusterId, 3);
  t.teardown(stop);
  const from = context.envelope("replica-1");
  const ask = (correlation: number): void => {
    const batch = new RequestBatchWriter();
    const body = new Uint8Array(8);
    batch.add(correlation, 0, requestKind.append, new Uint8Array(0), body, 0, body.length);
    shard.receive({ kind: "requests", bytes: batch.take(), count: 1 }, context.envelope("gateway-0"));
  };
  shard.receive({ kind: "follow", view: 1, leader: 0 }, from);
  ask(1);
  ask(2);
  shard.receive({ kind: "lead", view: 1, head: log.position() }, from);
  ask(3);
  shard.receive({ kind: "apply" }, from);
  shard.receive({ kind: "clusterTime", now: context.now() }, from);
  shard.flush?.();
  // Nobody knows their tenant: each is refused when its turn to be decided comes, and told once it is sure that this shard leads.
  for (const asked of context.asked)
    if (asked.message.kind === "confirm") asked.settle({ ok: true, value: { commit: 0 } as never });
  const decided = context.toldOf("replies").flatMap((told) => {
    const replies = new ReplyBatchReader().open(bytesOf(told));
    const correlations: number[] = [];
    while (replies.next()) correlations.push(replies.correlation);
    return correlations;
  });
  t.deepEqual(decided, [1, 2, 3]);
});
