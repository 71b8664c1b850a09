import test from "ava";
import { decodeQuestion, decodeRelay, encodeAnswer, relayTopics } from "../../actors/messages/relay.js";
import { decodeOutcome, encodeOutcome, type HandedOver, Handover } from "../../actors/shard/handover.js";
import { Questions } from "../../actors/shard/questions.js";
import { collectReports, decodeReport, encodeReport, type ShardReport } from "../../actors/shard/report.js";
import { KimberliteError } from "../../runtime/types/errors.js";

const report = (replica: number, leads: boolean): ShardReport => ({
  replica,
  status: "normal",
  view: 8,
  configuration: 0,
  voters: 3,
  epoch: 0,
  op: 5,
  commit: 5,
  durable: 5,
  stuckAt: 0,
  release: 1,
  applied: 5,
  leads,
  leader: 1,
  isDiskFull: false,
  linked: [0],
});

const whyNot = ([outcome]: readonly (HandedOver | KimberliteError)[]): string =>
  outcome instanceof KimberliteError ? outcome.message : "";

function rig() {
  const said: string[] = [];
  const outcomes: (HandedOver | KimberliteError)[] = [];
  const host: { now: number; told: (report: ShardReport | null) => void } = { now: 0, told: () => {} };
  const handover = new Handover({
    abdicate: () => void said.push("abdicate"),
    askReport: (replica, told) => {
      said.push(`ask ${replica}`);
      host.told = told;
    },
    after: () => {},
    now: () => host.now,
  });
  return {
    said,
    outcomes,
    host,
    handover,
    settled: (outcome: HandedOver | KimberliteError) => void outcomes.push(outcome),
  };
}

test("a handover drains, gives the view up once, and ends with the successor's own word that it leads", (t) => {
  const { said, outcomes, host, handover, settled } = rig();
  handover.begin(settled);
  handover.begin(settled);
  t.true(handover.isUnderWay);
  t.deepEqual(said, []);
  handover.drained();
  handover.drained();
  handover.followed(null);
  t.deepEqual(said, ["abdicate"]);
  handover.followed(1);
  host.told(report(1, false));
  t.deepEqual(outcomes, []);
  handover.timer();
  host.told(report(1, true));
  t.deepEqual(said, ["abdicate", "ask 1", "ask 1"]);
  t.deepEqual(
    outcomes,
    [
      { leader: 1, view: 8 },
      { leader: 1, view: 8 },
    ],
    "both that asked hear of it",
  );
  t.false(handover.isUnderWay);
  host.told(report(1, true));
  handover.timer();
  t.is(outcomes.length, 2);
});

test("a handover that cannot drain leaves the shard at work, one that finds no successor says so", (t) => {
  const stuck = rig();
  stuck.handover.begin(stuck.settled);
  stuck.host.now = 10_000;
  stuck.handover.timer();
  t.false(stuck.handover.isUnderWay);
  t.deepEqual(stuck.said, []);
  t.regex(whyNot(stuck.outcomes), /what was under way was not committed in time/);
  const lost = rig();
  lost.handover.begin(lost.settled);
  lost.handover.drained();
  lost.host.now = 10_000;
  lost.handover.timer();
  t.regex(whyNot(lost.outcomes), /no other replica led in time/);
  const back = rig();
  back.handover.begin(back.settled);
  back.handover.drained();
  back.handover.leads();
  t.regex(whyNot(back.outcomes), /leadership came back/);
});

test("a view that ends before the handover gave it up is a handover too", (t) => {
  const { outcomes, host, handover, settled, said } = rig();
  handover.begin(settled);
  handover.followed(2);
  host.told(report(2, true));
  t.deepEqual(said, ["ask 2"]);
  t.deepEqual(outcomes, [{ leader: 2, view: 8 }]);
});

test("outcomes and reports come out as they went in, and what is no report is none", (t) => {
  t.deepEqual(decodeOutcome(encodeOutcome({ leader: 2, view: 9 })), { leader: 2, view: 9 });
  const error = decodeOutcome(
    encodeOutcome(new KimberliteError("shardUnavailable", "why", { detail: { successor: 1 } })),
  );
  t.true(error instanceof KimberliteError);
  t.like(error, { code: "shardUnavailable", detail: { successor: 1 } });
  t.deepEqual(decodeReport(encodeReport(report(1, true))), report(1, true));
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  for (const text of ["", "{", "null", "3", "{}", JSON.stringify({ ...report(1, true), op: "5" })]) {
    t.is(decodeReport(bytes(text)), null, text);
  }
});

test("the leader is asked before the others, so that what they say is no older", (t) => {
  const order: number[] = [];
  let all: readonly (ShardReport | null)[] = [];
  collectReports(
    3,
    2,
    (replica, told) => {
      order.push(replica);
      told(replica === 1 ? null : report(replica, false));
    },
    (reports) => {
      all = reports;
    },
  );
  t.deepEqual(order, [2, 0, 1]);
  t.deepEqual(
    all.map((one) => one?.replica ?? null),
    [0, null, 2],
  );
});

test("a question ends once: by its answer, its time, its link, or with the leader when only that can say", (t) => {
  const sent: number[] = [];
  let now = 0;
  const questions = new Questions(
    7,
    (to, bytes) => {
      if (to === 9) return false;
      sent.push(decodeQuestion(decodeRelay(bytes).body).id);
      return true;
    },
    () => now,
  );
  const heard: string[] = [];
  const ask = (name: string, to: number, topic: number, deadlineMs = 100): void =>
    questions.ask(
      to,
      topic,
      new Uint8Array(0),
      deadlineMs,
      (body) => void heard.push(`${name} ${body?.length ?? "none"}`),
    );
  ask("unsent", 9, relayTopics.report);
  ask("answered", 1, relayTopics.report);
  ask("led", 1, relayTopics.commitIndex);
  ask("linked", 2, relayTopics.report);
  ask("timed", 3, relayTopics.handOver, 50);
  t.is(questions.size, 4);
  const answer = encodeAnswer(7, { id: sent[0] ?? 0, body: new Uint8Array(3) });
  questions.answered(decodeRelay(answer).body);
  questions.answered(decodeRelay(answer).body);
  questions.leaderLost();
  questions.peerDown(2);
  now = 60;
  questions.expire();
  t.deepEqual(heard, ["unsent none", "answered 3", "led none", "linked none", "timed none"]);
  t.is(questions.size, 0);
});
