/** The worked examples of protocol-aware recovery, and the rules that no example may break. R = 3, so Qr = Qv = Qn = 2. */
import test from "ava";
import { decideView } from "../../runtime/vsr/decision.js";
import type { DoViewChangeMessage, SuffixEntry } from "../../runtime/vsr/messages.js";
import { quorumsOf } from "../../runtime/vsr/quorums.js";
import { type ChainLink, chain } from "./chain.js";
import { throwsAssertion } from "./throws-assertion.js";

type Kind = "held" | "inFlight" | "missing" | "faulty" | "blank";

const bits: Record<Kind, { present: boolean; nack: boolean; named: boolean }> = {
  held: { present: true, nack: false, named: true },
  inFlight: { present: true, nack: true, named: true },
  missing: { present: false, nack: true, named: true },
  faulty: { present: false, nack: false, named: true },
  blank: { present: false, nack: false, named: false },
};

function vote(
  logView: number,
  commit: number,
  links: readonly ChainLink[],
  kinds: Record<number, Kind>,
): DoViewChangeMessage {
  const ops = Object.keys(kinds)
    .map(Number)
    .sort((left, right) => right - left);
  const suffix = ops.map((op): SuffixEntry => {
    const { present, nack, named } = bits[kinds[op] ?? "held"];
    const link = links[op - 1];
    return {
      op,
      present,
      nack,
      header: named && link ? link.header : null,
      headerBytes: named && link ? link.headerBytes : null,
    };
  });
  return { kind: "doViewChange", view: 6, logView, commit, contiguous: commit, suffix };
}

const three = quorumsOf(3);
const log = chain(10, 5);

const headOf = (decision: ReturnType<typeof decideView>): number | string =>
  decision.kind === "decided" ? (decision.suffix[0]?.header.op ?? 0) : decision.kind;

test("A: an operation with one sound copy is kept, whatever the other's disk did", (t) => {
  const zero = vote(5, 7, log, { 7: "held", 8: "held", 9: "held" });
  const one = vote(5, 7, log, { 7: "held", 8: "held", 9: "faulty" });
  t.is(headOf(decideView([zero, one, null], three)), 9);
});

test("B: no copy and one nack waits for the third replica; its nack drops the operation", (t) => {
  const zero = vote(5, 7, log, { 7: "held", 8: "held" });
  const one = vote(5, 7, log, { 7: "held", 8: "held", 9: "faulty" });
  t.deepEqual(decideView([zero, one, null], three), { kind: "wait", op: 9 });
  t.is(headOf(decideView([zero, one, vote(5, 7, log, { 7: "held", 8: "held" })], three)), 8);
});

test("C: two damaged copies and one nack stay stuck for ever, and say so", (t) => {
  const damaged = vote(5, 7, log, { 7: "held", 8: "held", 9: "faulty" });
  const short = vote(5, 7, log, { 7: "held", 8: "held" });
  t.deepEqual(decideView([damaged, damaged, short], three), { kind: "stuck", op: 9 });
});

test("the highest log view decides, not the highest operation", (t) => {
  const stale = vote(4, 6, chain(10, 4), { 6: "held", 7: "held", 8: "held", 9: "held", 10: "held" });
  const canonical = vote(5, 6, log, { 6: "held", 7: "held" });
  // Below the fork both are one chain: the stale log differs from the canonical one from its first operation of view 4 on.
  const decision = decideView([stale, canonical, null], three);
  t.is(headOf(decision), 7);
  t.is(decision.kind === "decided" ? decision.suffix[0]?.header.view : 0, 5);
});

test("another prepare in an older log is a nack, a blank in it is none", (t) => {
  const canonicalMissing = vote(5, 7, log, { 7: "held", 8: "missing" });
  const other = vote(4, 7, chain(10, 4), { 7: "held", 8: "held" });
  t.is(headOf(decideView([canonicalMissing, other, null], three)), 7);
  const blank = vote(4, 7, log, { 7: "held", 8: "blank" });
  t.deepEqual(decideView([canonicalMissing, blank, null], three), { kind: "wait", op: 8 });
});

test("a write in flight is both a copy and a nack", (t) => {
  const inFlight = vote(5, 7, log, { 7: "held", 8: "inFlight" });
  t.is(headOf(decideView([inFlight, vote(5, 7, log, { 7: "held", 8: "held" }), null], three)), 8);
  t.is(headOf(decideView([inFlight, vote(5, 7, log, { 7: "held" }), null], three)), 7);
});

test("what is known to be committed is never dropped", (t) => {
  const knows = vote(5, 8, log, { 8: "held" });
  const lost = vote(5, 6, log, { 6: "held", 7: "missing", 8: "missing" });
  t.is(headOf(decideView([knows, lost, null], three)), 8);
  const short = vote(5, 9, log, { 8: "held" });
  throwsAssertion(
    t,
    () => decideView([short, lost, null], three),
    "durability: the canonical log holds everything that is known to be committed",
  );
});

test("forks stop the decision: there is no tie to break", (t) => {
  const one = vote(5, 6, log, { 6: "held", 7: "held" });
  const two = vote(5, 6, chain(10, 5, 99), { 6: "held", 7: "held" });
  throwsAssertion(
    t,
    () => decideView([one, two, null], three),
    "order: two replicas of one log view name the same prepare of an operation",
  );
  const broken = vote(5, 6, [...log.slice(0, 6), ...chain(10, 5, 99).slice(6)], { 6: "held", 7: "held" });
  throwsAssertion(
    t,
    () => decideView([broken, broken, null], three),
    "hash chain: the log that a view begins with is one chain",
  );
  throwsAssertion(t, () => decideView([one, null, null], three), "order: a view is decided by a view-change quorum");
});

test("a log in which nothing was ever written begins empty", (t) => {
  const empty = vote(0, 0, [], {});
  t.deepEqual(decideView([empty, empty, null], three), { kind: "decided", suffix: [], commit: 0 });
});
