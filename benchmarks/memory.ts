/**
 * Memory over time: a steady mixed load on a node of its own, and what its memory does meanwhile.
 *
 *   npm run build && node dist/benchmarks/memory.js --minutes 10
 *
 *   --minutes N       how long (default 10); the first third, at most three minutes, is warm-up
 *   --events N        events appended a second (default 2,000)
 *   --cache-bytes S   page cache of the shard (default 64MiB: full within the warm-up, so that a cache that fills is not growth)
 *   --layout L        threads or shared (default: the machine's)
 *   --slope-max N     MiB a minute of resident memory from which on it ends with exit code 1 (default 1)
 *   --out FILE        the samples as JSON
 *
 * The load: appends of one and of ten events with idempotency keys, a session's appends, reads of pages at random offsets, positions,
 * two subscriptions, a consumer group, refused requests, connections that come and go, tenants that are made and dropped.
 *
 * What is reported for a minute is the *least* of its samples: heaps rise and fall with their collections, and what lives on is what
 * is left at the bottom. `arrayBuffers` counts shared memory once for each thread that maps it. The slope is that of a straight line through the minutes after the warm-up (least squares).
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startOwnNode } from "../protocol/admin/bench/own-node.js";
import { type TopReport, topShape } from "../protocol/admin/shapes.js";
import { formatAddress } from "../protocol/admin/units.js";
import { connect, type Database, isKimberliteError, type Stream } from "../protocol/sdk/index.js";
import { writeTextFile } from "../runtime/storage/host-files.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    events: { type: "string", default: "2000" },
    "cache-bytes": { type: "string", default: "64MiB" },
    layout: { type: "string", default: "auto" },
    "slope-max": { type: "string", default: "1" },
    out: { type: "string" },
  },
});

const columns = ["rss", "heap", "external", "arrayBuffers"] as const;
type Sample = Readonly<Record<(typeof columns)[number], number>>;

const miB = 1024 * 1024;
const tickMs = 20;
const sampleMs = 5_000;
const minutes = Number(values.minutes);
const warmUpMinutes = Math.min(3, Math.max(1, Math.floor(minutes / 3)));
if (!(minutes >= 3)) throw new Error("a slope needs two minutes after the warm-up: three at least");

const counts = { appended: 0, read: 0, received: 0, acknowledged: 0, refused: 0, connections: 0, tenants: 0 };
let isRunning = true;
const failures: unknown[] = [];

/** Runs `work` again and again, one after the other, every `everyMs`. */
async function repeat(everyMs: number, work: () => Promise<unknown>): Promise<void> {
  while (isRunning) {
    const began = performance.now();
    try {
      await work();
    } catch (error) {
      failures.push(error);
      return;
    }
    await pause(Math.max(1, everyMs - (performance.now() - began)));
  }
}

const payload = (n: number): { n: number; text: string } => ({ n, text: "x".repeat(100) });

async function append(streams: readonly Stream[], perTick: number): Promise<void> {
  const work: Promise<unknown>[] = [];
  let left = perTick;
  while (left > 0) {
    const stream = streams[counts.appended % streams.length];
    if (stream === undefined) return;
    const size = left >= 20 ? 10 : 1;
    work.push(stream.append(Array.from({ length: size }, (_, i) => payload(counts.appended + i))));
    counts.appended += size;
    left -= size;
  }
  await Promise.all(work);
}

async function follow(stream: Stream, group?: string): Promise<void> {
  const subscription = stream.subscribe(group === undefined ? { from: "head" } : { group });
  void (async () => {
    while (isRunning) await pause(200);
    subscription.close();
  })();
  for await (const event of subscription) {
    counts.received += 1;
    if (group === undefined) continue;
    await event.ack();
    counts.acknowledged += 1;
  }
}

/** A request that is refused, as it must be. */
async function refused(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isKimberliteError(error)) throw error;
    counts.refused += 1;
  }
}

async function comeAndGo(target: string): Promise<void> {
  const db = await connect(target);
  await db.tenant("main").stream("s0").read({ limit: 10 });
  await db.close();
  counts.connections += 1;
}

async function makeAndDrop(db: Database, round: number): Promise<void> {
  const name = `passing-${round}`;
  await db.tenants.create(name);
  const stream = await db.tenant(name).streams.create("s");
  await stream.append(payload(round));
  await db.tenants.drop(name);
  counts.tenants += 1;
}

async function load(db: Database, target: string): Promise<void> {
  const tenant = db.tenant("main");
  const streams: Stream[] = [];
  for (let i = 0; i < 8; i++) streams.push(await tenant.streams.create(`s${i}`));
  const [first, second] = streams;
  if (first === undefined || second === undefined) throw new Error("there are streams");
  await tenant.groups.create("s1", "g", { start: "head" });
  const session = await tenant.session();
  let round = 0;
  const perTick = Math.max(1, Math.round((Number(values.events) * tickMs) / 1_000));
  await Promise.all([
    repeat(tickMs, () => append(streams, perTick)),
    repeat(50, async () => {
      const head = Number((await first.info({ consistency: "linearizable" })).nextOffset);
      const { events } = await first.read({ from: Math.floor(Math.random() * head), limit: 100 });
      counts.read += events.length;
    }),
    repeat(100, () => session.append(second, payload(counts.appended))),
    repeat(100, () => refused(first.append("x", { expectedOffset: 0 }))),
    repeat(100, () => refused(tenant.stream("nowhere").read())),
    repeat(5_000, () => comeAndGo(target)),
    repeat(10_000, () => makeAndDrop(db, round++)),
    follow(first),
    follow(first),
    follow(second, "g"),
  ]);
}

function sampleOf({ rssBytes = 0, threads }: TopReport): Sample {
  const sum = (of: (thread: TopReport["threads"][number]) => number | undefined): number =>
    threads.reduce((total, thread) => total + (of(thread) ?? 0), 0);
  return {
    rss: rssBytes,
    heap: sum(({ heapBytes }) => heapBytes),
    external: sum(({ externalBytes }) => externalBytes),
    arrayBuffers: sum(({ arrayBufferBytes }) => arrayBufferBytes),
  };
}

const least = (samples: readonly Sample[]): Sample =>
  Object.fromEntries(columns.map((name) => [name, Math.min(...samples.map((sample) => sample[name]))])) as Sample;

/** Of the straight line through values at 0, 1, 2, … (least squares). */
function slopeOf(heights: readonly number[]): number {
  const n = heights.length;
  const middle = (n - 1) / 2;
  const mean = heights.reduce((sum, height) => sum + height, 0) / n;
  const above = heights.reduce((sum, height, at) => sum + (at - middle) * (height - mean), 0);
  return above / heights.reduce((sum, _, at) => sum + (at - middle) ** 2, 0);
}

const cells = (sample: Sample): string => columns.map((name) => (sample[name] / miB).toFixed(1).padStart(13)).join("");

const node = await startOwnNode(["--cache-bytes", values["cache-bytes"], "--layout", values.layout]);
const target = `kimberlite://${formatAddress(node.address)}`;
const db = await connect(target);
const perMinute: Sample[] = [];
const loading = load(db, target).catch((error: unknown) => failures.push(error));
console.log(`MiB   ${columns.map((name) => name.padStart(13)).join("")}       appended    received   refused`);
for (let minute = 1; minute <= minutes && failures.length === 0; minute++) {
  const samples: Sample[] = [];
  for (let at = 0; at < 60_000 && failures.length === 0; at += sampleMs) {
    await pause(sampleMs);
    samples.push(sampleOf(topShape.parse(await db.top())));
  }
  if (samples.length === 0) break;
  const lowest = least(samples);
  perMinute.push(lowest);
  const { appended, received, refused: notTaken } = counts;
  const done = `${String(appended).padStart(15)}${String(received).padStart(12)}${String(notTaken).padStart(10)}`;
  console.log(`${String(minute).padStart(6)}${cells(lowest)}${done}${minute <= warmUpMinutes ? "  warm-up" : ""}`);
}
isRunning = false;
await loading;
await db.close();
await node.stop();
node.remove();
const settled = perMinute.slice(warmUpMinutes);
const slopes = Object.fromEntries(
  columns.map((name) => [name, slopeOf(settled.map((sample) => sample[name] / miB))]),
) as Sample;
console.log(
  `slope ${columns.map((name) => slopes[name].toFixed(2).padStart(13)).join("")}   MiB a minute after the warm-up`,
);
const summary = { minutes: perMinute.length, warmUpMinutes, perMinute, slopes, counts, settings: values };
if (values.out !== undefined) writeTextFile(values.out, `${JSON.stringify(summary, null, 2)}\n`);
for (const failure of failures) console.error("the load failed:", failure);
const isFlat = slopes.rss <= Number(values["slope-max"]);
console.log(isFlat ? "flat" : `resident memory grows by more than ${values["slope-max"]} MiB a minute`);
process.exitCode = failures.length === 0 && isFlat ? 0 : 1;
