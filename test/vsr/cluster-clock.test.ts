import test from "ava";
import fc from "fast-check";
import { ClusterClock } from "../../runtime/vsr/cluster-clock.js";
import { agreement, type Interval } from "../../runtime/vsr/marzullo.js";
import { Cluster } from "./cluster.js";

const second = 1_000_000;
const hour = 3_600 * second;
/** 2023, µs. */
const epoch = 1_700_000_000 * second;

/** Every point where something begins or ends, and between: how many intervals hold it. */
function stupidly(intervals: readonly Interval[]): number {
  const points = intervals.flatMap(({ low, high }) => [low, high]);
  return Math.max(0, ...points.map((at) => intervals.filter(({ low, high }) => low <= at && at <= high).length));
}

test("the agreed interval lies in as many as any point does, and in a majority or there is none", (t) => {
  const interval = fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.nat(15))
    .map(([low, width]) => ({ low, high: low + width }));
  let agreed = 0;
  fc.assert(
    fc.property(
      fc.array(interval, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 6 }),
      (intervals, needed) => {
        const found = agreement(intervals, needed);
        const most = stupidly(intervals);
        if (found === null) return most < needed;
        agreed += 1;
        const holds = intervals.filter(({ low, high }) => low <= found.low && found.high <= high).length;
        return holds === most && holds >= needed && found.low <= found.high;
      },
    ),
    { numRuns: 5_000 },
  );
  t.true(agreed > 500);
});

test("intervals that touch agree, those that do not, do not, and of two equal agreements the smaller counts", (t) => {
  t.deepEqual(
    agreement(
      [
        { low: 0, high: 5 },
        { low: 5, high: 9 },
      ],
      2,
    ),
    { low: 5, high: 5 },
  );
  t.is(
    agreement(
      [
        { low: 0, high: 4 },
        { low: 5, high: 9 },
      ],
      2,
    ),
    null,
  );
  const pairs = [
    { low: 0, high: 10 },
    { low: 2, high: 8 },
    { low: 20, high: 30 },
    { low: 25, high: 26 },
  ];
  t.deepEqual(agreement(pairs, 2), { low: 25, high: 26 });
  t.is(agreement([], 1), null);
});

/** A clock of three whose others are that far ahead of true time; journeys of 1 ms. */
function clockOf(others: readonly number[]): ClusterClock {
  const clock = new ClusterClock(others.length + 1, 0);
  for (const [index, ahead] of others.entries()) {
    clock.sampled(index + 1, 10 * second, 10 * second + 1_000, epoch + 10 * second + 500 + ahead);
  }
  return clock;
}

test("an own clock that a majority agrees with is believed as it is, one that steps is held to the majority's", (t) => {
  const now = 11 * second;
  const truth = epoch + now;
  const clock = clockOf([0, 2 * second]);
  t.is(clock.time(now, truth), truth);
  t.is(clock.time(now, truth + second), truth + second);
  for (const step of [hour, -hour, 20 * second, -20 * second]) {
    const told = clock.time(now, truth + step) ?? 0;
    t.true(Math.abs(told - truth) <= 8 * second, `a step of ${step} µs is told as ${told - truth}`);
  }
});

test("one wrong clock of the others changes nothing; without a majority nobody knows the time", (t) => {
  const now = 11 * second;
  const truth = epoch + now;
  t.is(clockOf([0, hour]).time(now, truth), truth);
  t.is(clockOf([hour, -hour]).time(now, truth), null);
  // Two agree, and the own clock is the wrong one.
  const told = clockOf([hour, hour]).time(now, truth) ?? 0;
  t.true(Math.abs(told - truth - hour) <= 6 * second);
  t.is(new ClusterClock(3, 0).time(now, truth), null, "not before others have answered");
  t.is(new ClusterClock(1, 0).time(now, truth), truth);
});

test("samples grow old, a better journey replaces a worse one, and a clock that stepped is noticed", (t) => {
  const clock = clockOf([0, 0]);
  t.is(clock.time(72 * second, epoch + 72 * second), null, "older than a minute");
  const again = clockOf([0, 0]);
  // A long journey says little, and does not replace what is known better …
  again.sampled(1, 11 * second, 14 * second, epoch + 14 * second);
  t.is(again.time(14 * second, epoch + 14 * second), epoch + 14 * second);
  // … unless it contradicts it.
  again.sampled(1, 15 * second, 15 * second + 5_000, epoch + hour);
  again.sampled(2, 15 * second, 15 * second + 5_000, epoch + hour);
  t.true(Math.abs((again.time(16 * second, epoch + 16 * second) ?? 0) - epoch - hour) <= 6 * second);
});

test("a primary whose clock steps stays with the others' time; one that nobody agrees with leaves the lead", (t) => {
  const cluster = new Cluster(3, 140);
  cluster.run(2_000);
  const first = cluster.primary;
  const told = (index: number): number | null => cluster.members[index]?.replica?.clusterTime ?? null;
  t.is(told(first), cluster.now * 1000 - ((cluster.now * 1000) % 10_000));
  const member = cluster.members[first];
  if (member === undefined) throw new Error("there are three");
  member.wallAhead = hour;
  cluster.run(500);
  t.is(cluster.primary, first);
  t.true(Math.abs((told(first) ?? 0) - cluster.now * 1000) <= 6 * second);
  // The other two go apart as well: no two of the three agree.
  const other = cluster.members[(first + 1) % 3];
  if (other === undefined) throw new Error("there are three");
  other.wallAhead = -hour;
  cluster.run(1_500);
  t.is(told(first), null);
  cluster.run(5_000);
  t.not(cluster.primary, first, "it gave the lead up");
  member.wallAhead = 0;
  other.wallAhead = 0;
  cluster.run(6_000);
  t.not(cluster.primary, -1);
  t.true(Math.abs((told(cluster.primary) ?? 0) - cluster.now * 1000) <= second);
});
