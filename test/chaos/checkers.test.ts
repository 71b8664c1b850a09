/**
 * The two judges of the fault suite, judged: histories made from a run that was right are accepted by both, each single thing that can be
 * wrong is seen by the one whose business it is, and the search agrees with trying every order.
 */
import test from "ava";
import { type Append, type LogEntry, type Operation, payloadOf, type Read, tokenOf } from "./history.js";
import { checkLinearizable } from "./linearizability.js";
import { checkLogOrder } from "./log-order.js";

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Made {
  readonly history: Operation[];
  readonly log: LogEntry[];
}

/** What clients would have seen of a stream that is right: each operation takes effect at one instant between its call and its return. */
function make(random: () => number, count: number, overlap: number): Made {
  const history: Operation[] = [];
  const log: LogEntry[] = [];
  const events: number[] = [];
  let position = 0;
  for (let index = 0; index < count; index++) {
    const at = index * 10;
    const common = { client: index, stream: 1, called: at - random() * overlap, returned: at + random() * overlap };
    const drawn = random();
    if (drawn < 0.4) {
      const last = events.slice(-3).reverse();
      history.push({ ...common, kind: "read", visible: position, next: events.length, last });
      continue;
    }
    const token = 1_000 + index;
    const size = 1 + Math.floor(random() * 2);
    const expected = random() < 0.3 ? null : random() < 0.7 ? events.length : events.length + 1;
    if (expected !== null && expected !== events.length) {
      const outcome = { kind: "conflict", next: events.length } as const;
      history.push({ ...common, kind: "append", token, count: size, expected, outcome });
      continue;
    }
    const isUnknown = random() < 0.25;
    const isApplied = !isUnknown || random() < 0.5;
    const offset = events.length;
    if (isApplied) {
      log.push({ position, stream: 1, offset, count: size, token });
      for (let event = 0; event < size; event++) events.push(token);
    }
    if (isUnknown) {
      const outcome = { kind: "unknown" } as const;
      history.push({
        ...common,
        returned: Number.POSITIVE_INFINITY,
        kind: "append",
        token,
        count: size,
        expected,
        outcome,
      });
    } else {
      const outcome = { kind: "committed", position, offset } as const;
      history.push({ ...common, kind: "append", token, count: size, expected, outcome });
    }
    if (isApplied) position += 1;
  }
  return { history, log };
}

/** Tries every order of every choice of unknown appends. */
function isLinearizableByBruteForce(history: readonly Operation[]): boolean {
  const search = (left: readonly Operation[], events: readonly number[]): boolean => {
    if (left.every((operation) => operation.returned === Number.POSITIVE_INFINITY)) return true;
    for (const [index, operation] of left.entries()) {
      if (left.some((other) => other.returned < operation.called)) continue;
      const rest = left.toSpliced(index, 1);
      const next = after(events, operation);
      if (next !== null && search(rest, next)) return true;
      if (operation.returned === Number.POSITIVE_INFINITY && search(rest, events)) return true;
    }
    return false;
  };
  return search(
    history.filter((operation) => operation.kind === "read" || operation.outcome.kind !== "notCommitted"),
    [],
  );
}

function after(events: readonly number[], operation: Operation): readonly number[] | null {
  if (operation.kind === "read") {
    const { next, last } = operation;
    return next === events.length && last.every((token, index) => events[events.length - 1 - index] === token)
      ? events
      : null;
  }
  const { expected, outcome, token, count } = operation;
  const fits = expected === null || expected === events.length;
  if (outcome.kind === "conflict") return !fits && outcome.next === events.length ? events : null;
  if (!fits || (outcome.kind === "committed" && outcome.offset !== events.length)) return null;
  return [...events, ...Array.from({ length: count }, () => token)];
}

const judge = (history: readonly Operation[]): boolean => checkLinearizable(history).isLinearizable;

test("histories of a stream that is right are accepted by both checkers, with calls that overlap and unknown outcomes", (t) => {
  for (let seed = 1; seed <= 200; seed++) {
    const { history, log } = make(randomFrom(seed), 60, 45);
    t.true(judge(history), `seed ${seed}`);
    t.deepEqual(checkLogOrder(history, [log, log, log]), { violations: [], lost: 0 }, `seed ${seed}`);
  }
});

test("a payload gives its token back, and another's bytes give none", (t) => {
  t.is(tokenOf(payloadOf(2 ** 40 + 7, 3)), 2 ** 40 + 7);
  t.is(tokenOf(new Uint8Array(16)), null);
  t.is(tokenOf(new Uint8Array(8)), null);
});

test("the search agrees with trying every order, on thousands of small histories, right ones and wrong ones", (t) => {
  const random = randomFrom(7);
  let [right, wrong] = [0, 0];
  for (let round = 0; round < 4_000; round++) {
    const { history } = make(random, 6, 40);
    const changed = round % 4 === 0 ? history : damage(history, random);
    const expected = isLinearizableByBruteForce(changed);
    t.is(judge(changed), expected, JSON.stringify(changed));
    if (expected) right += 1;
    else wrong += 1;
  }
  t.true(right > 1_000 && wrong > 500, `${right} right, ${wrong} wrong`);
});

/** One answer changed by a little. */
function damage(history: readonly Operation[], random: () => number): Operation[] {
  const at = Math.floor(random() * history.length);
  return history.map((operation, index) => {
    if (index !== at) return operation;
    if (operation.kind === "read")
      return { ...operation, next: Math.max(0, operation.next + (random() < 0.5 ? -1 : 1)) };
    if (operation.outcome.kind === "committed") {
      return { ...operation, outcome: { ...operation.outcome, offset: operation.outcome.offset + 1 } };
    }
    return { ...operation, returned: operation.called + 1, outcome: { kind: "conflict", next: 0 } };
  });
}

const append = (
  token: number,
  called: number,
  position: number,
  offset: number,
  more: Partial<Append> = {},
): Append => ({
  kind: "append",
  client: 1,
  stream: 1,
  called,
  returned: called + 5,
  token,
  count: 1,
  expected: offset,
  outcome: { kind: "committed", position, offset },
  ...more,
});
const read = (called: number, visible: number, last: readonly number[], more: Partial<Read> = {}): Read => ({
  kind: "read",
  client: 2,
  stream: 1,
  called,
  returned: called + 5,
  visible,
  next: visible,
  last,
  ...more,
});
const entry = (position: number, token: number, more: Partial<LogEntry> = {}): LogEntry => ({
  position,
  stream: 1,
  offset: position,
  count: 1,
  token,
  ...more,
});
const good: Operation[] = [append(10, 0, 0, 0), append(11, 10, 1, 1), read(20, 2, [11, 10]), append(12, 30, 2, 2)];
const goodLog = [entry(0, 10), entry(1, 11), entry(2, 12)];

const found = (history: readonly Operation[], ...logs: LogEntry[][]): string =>
  checkLogOrder(history, logs.length === 0 ? [goodLog, goodLog, goodLog] : logs).violations.join("; ");

test("the witness sees an acknowledged append that is lost on one replica, and one that is lost on all", (t) => {
  t.is(found(good), "");
  t.regex(found(good, goodLog, goodLog, goodLog.slice(0, 2)), /lost: acknowledged and on 2 of 3 replicas/);
  t.regex(found(good, [], [], []), /lost: acknowledged and on 0 of 3/);
  t.is(checkLogOrder(good, [[], [], []]).lost, 3);
});

test("the witness sees replicas that differ, an append that is there twice, and one that nobody sent", (t) => {
  const other = [entry(0, 10), entry(1, 99), entry(2, 12)];
  t.regex(found(good, goodLog, other, goodLog), /position 1 is append 11 on one replica and 99 on replica 1/);
  const twice = [...goodLog, entry(3, 11)];
  t.regex(found(good, twice, twice, twice), /append 11 is there twice/);
  const foreign = [...goodLog, entry(3, 55)];
  t.regex(found(good, foreign, foreign, foreign), /holds append 55, which nobody sent/);
  const back = [entry(1, 11), entry(0, 10), entry(2, 12)];
  t.regex(found(good, back, back, back), /position 0 follows position 1/);
});

test("the witness sees a place that is not the one that was told, and each wrong outcome", (t) => {
  const moved = good.map((one) => (one === good[3] ? append(12, 30, 2, 5) : one));
  t.regex(found(moved), /not where it was said to be/);
  const refused = good.map((one) =>
    one === good[1] ? append(11, 10, 1, 1, { outcome: { kind: "notCommitted" } }) : one,
  );
  t.regex(found(refused), /a wrong outcome: it is at position 1/);
  const unknown = good.map((one) =>
    one === good[1] ? append(11, 10, 1, 1, { outcome: { kind: "unknown" }, returned: Number.POSITIVE_INFINITY }) : one,
  );
  t.is(found(unknown), "");
});

test("the witness sees answers that contradict real time, among appends and reads", (t) => {
  const late = [append(11, 0, 1, 1), append(10, 10, 0, 0), append(12, 30, 2, 2)];
  t.regex(found(late), /out of order: .*append 10/);
  const stale = [...good, read(40, 1, [10])];
  t.regex(found(stale), /out of order: .*read saw next offset 1/);
});

test("the witness sees a read that shows what the log does not have there", (t) => {
  t.regex(found([...good, read(40, 3, [12, 10])]), /the log has 11 where it showed 10/);
  t.regex(found([...good, read(40, 3, [12], { next: 4 })]), /the log's length there is 3/);
});

test("a refusal that names a length of the past is seen by both checkers, one that names the length of its time by none", (t) => {
  const conflict = (next: number): Append => append(13, 40, 0, 7, { outcome: { kind: "conflict", next } });
  t.is(found([...good, conflict(3)]), "");
  t.true(judge([...good, conflict(3)]));
  t.regex(found([...good, conflict(1)]), /refused as of a length that was past, it was 3/);
  t.false(judge([...good, conflict(1)]));
  t.regex(found([...good, conflict(9)]), /a length that the stream never had/);
  t.false(judge([...good, conflict(9)]));
});

test("the search sees a stale read, a lost append and a doubled one without any log, and names the answer it cannot explain", (t) => {
  t.true(judge(good));
  const stale = read(40, 2, [11, 10]);
  const verdict = checkLinearizable([...good, stale]);
  t.false(verdict.isLinearizable);
  t.is(verdict.culprit, stale);
  t.false(judge([...good, read(40, 2, [12, 10])]), "append 11 is lost");
  t.false(judge([...good, read(40, 4, [12, 11, 11, 10])]), "append 11 is there twice");
});

test("an append of unknown outcome may take effect after its call or never, but not before it", (t) => {
  const lost = append(12, 30, 2, 2, { outcome: { kind: "unknown" }, returned: Number.POSITIVE_INFINITY });
  const base = good.slice(0, 3);
  t.true(judge([...base, lost, read(40, 2, [11, 10]), read(50, 3, [12, 11])]), "late");
  t.true(judge([...base, lost, read(40, 2, [11, 10])]), "never");
  t.false(judge([...base, lost, read(40, 3, [12]), read(50, 2, [11])]), "taken back");
  t.false(judge([...base, { ...lost, called: 60 }, read(40, 3, [12])]), "before its call");
});

test("a search that is given up says so instead of a verdict", (t) => {
  const verdict = checkLinearizable(good, 2);
  t.false(verdict.isDecided);
  t.false(verdict.isLinearizable);
});
