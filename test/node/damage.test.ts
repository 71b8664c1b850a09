/**
 * Damage at rest, done to the files of a node that is stopped: what can be derived or voted on heals; what cannot is named with its
 * file and address, and never answered wrongly.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { connect, KimberliteError } from "../../protocol/sdk/index.js";
import { sectorBytes } from "../../runtime/types/limits.js";
import { verifyDirectory } from "../faults/verify-directory.js";
import { scratch, startChild } from "./node-child.js";

const eventsCount = 400;
const textOf = (index: number): string => `event ${String(index).padStart(6, "0")} ${"x".repeat(index % 50)}`;
const rebuiltLog = "the state is rebuilt from the log";

/** A directory with a tenant full of known events, stopped cleanly or killed. */
async function prepared(t: ExecutionContext, end: "stopped" | "killed"): Promise<{ directory: string; shard: string }> {
  const directory = scratch(t);
  const node = await startChild(t, { dataDirectory: directory });
  const db = await connect(node.target);
  const stream = await db.tenant("main").streams.create("s");
  for (let from = 0; from < eventsCount; from += 20) {
    await stream.append(Array.from({ length: 20 }, (_, i) => textOf(from + i)));
  }
  // Enough streams that the page file has more than a handful of pages.
  await Promise.all(Array.from({ length: 300 }, (_, i) => db.tenant("main").streams.create(`more-${i}`)));
  await db.close();
  if (end === "stopped") await node.stop();
  else await node.kill();
  return { directory, shard: join(directory, "shard-1") };
}

/** Reads everything and compares. Returns what the node said of its start. */
async function readsAll(t: ExecutionContext, directory: string): Promise<string[]> {
  const node = await startChild(t, { dataDirectory: directory });
  const db = await connect(node.target);
  const { events } = await db.tenant("main").stream("s").read({ limit: 10_000, timeoutMs: 20_000 });
  t.deepEqual(
    events.map((event) => event.text()),
    Array.from({ length: eventsCount }, (_, index) => textOf(index)),
  );
  t.is((await db.tenant("main").streams.list({ timeoutMs: 20_000 })).length, 301);
  await db.tenant("main").stream("more-0").append("still takes writes", { timeoutMs: 20_000 });
  await db.close();
  await node.stop();
  return node.logs.map((line) => line.message);
}

/** Flips a bit of every byte at the given places; proves that it did. */
function damage(path: string, places: readonly number[]): void {
  const bytes = readFileSync(path);
  const before = Buffer.from(bytes);
  for (const place of places) bytes[place] = (bytes[place] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
  if (places.length === 0 || readFileSync(path).equals(before)) throw new Error(`${path} was not damaged`);
}

const refusal = async (t: ExecutionContext, directory: string): Promise<KimberliteError> => {
  const error = await t.throwsAsync(startChild(t, { dataDirectory: directory }), { instanceOf: KimberliteError });
  return error ?? new KimberliteError("internal");
};

test.serial(
  "one damaged copy of the superblock heals; three are refused with dataCorrupt, a lost one with dataMissing",
  async (t) => {
    const { directory, shard } = await prepared(t, "stopped");
    const path = join(shard, "superblock");
    damage(path, [sectorBytes + 200]);
    await readsAll(t, directory);
    const healed = readFileSync(path);
    for (let copy = 1; copy < 4; copy++) {
      const at = copy * sectorBytes;
      // Past the copy's own index, which is not under the checksum.
      t.deepEqual(healed.subarray(at + 64, at + sectorBytes), healed.subarray(64, sectorBytes), `copy ${copy}`);
    }
    const whole = readFileSync(path);
    damage(
      path,
      [0, 1, 3].map((copy) => copy * sectorBytes + 200),
    );
    const corrupt = await refusal(t, directory);
    t.is(corrupt.code, "dataCorrupt");
    t.true(corrupt.message.includes(path), corrupt.message);
    rmSync(path);
    const missing = await refusal(t, directory);
    t.is(missing.code, "dataMissing");
    t.true(missing.message.includes(shard), missing.message);
    writeFileSync(path, whole);
    await readsAll(t, directory);
  },
);

test.serial("a page file that is damaged or gone is rebuilt from the log, with all data", async (t) => {
  const { directory, shard } = await prepared(t, "stopped");
  const path = join(shard, "pages");
  const pageBytes = 8192;
  const pages = readFileSync(path).length / pageBytes;
  t.true(pages > 10, `${pages} pages`);
  damage(
    path,
    Array.from({ length: pages }, (_, page) => page * pageBytes + 1_000),
  );
  t.true((await readsAll(t, directory)).includes(rebuiltLog));
  rmSync(path);
  t.true((await readsAll(t, directory)).includes(rebuiltLog));
  t.false((await readsAll(t, directory)).includes(rebuiltLog), "once is enough");
});

test.serial("a damaged page that is met only while serving costs a rebuild, not data", async (t) => {
  const { directory, shard } = await prepared(t, "stopped");
  const path = join(shard, "pages");
  const whole = readFileSync(path);
  const pages = whole.length / 8192;
  let rebuilt = 0;
  for (const share of [0.3, 0.6, 0.9]) {
    const page = Math.floor(pages * share);
    damage(path, [page * 8192 + 4_000, page * 8192 + 8_000]);
    if ((await readsAll(t, directory)).includes(rebuiltLog)) rebuilt += 1;
  }
  t.true(rebuilt > 0, "the damage was met");
});

test.serial(
  "a page that is damaged while a write is the first to meet it is rebuilt as well, and the write is done",
  async (t) => {
    const { directory, shard } = await prepared(t, "stopped");
    const path = join(shard, "pages");
    // Names that fill several leaves.
    const before = await startChild(t, { dataDirectory: directory });
    const creator = await connect(before.target);
    const long = Array.from({ length: 300 }, (_, index) => `${"long ".repeat(20)}${index}`);
    await Promise.all(long.map((name) => creator.tenant("main").streams.create(name, { timeoutMs: 20_000 })));
    await creator.close();
    await before.stop();
    const node = await startChild(t, { dataDirectory: directory });
    const db = await connect(node.target);
    const { streams } = db.tenant("main");
    await streams.create("zzz", { timeoutMs: 20_000 });
    // What the start and that write have read is in memory, as the tenant's row; whatever else the next one reads is damaged.
    const pages = readFileSync(path).length / 8192;
    damage(
      path,
      Array.from({ length: pages }, (_, page) => page * 8192 + 4_000),
    );
    // Nothing is read for it: the shard that decides it meets the damage.
    await streams.create("a", { timeoutMs: 20_000 });
    await db.close();
    await node.stop();
    t.true(
      node.logs.some(({ message }) => message === rebuiltLog),
      "the damage was met",
    );
  },
);

test.serial(
  "a flipped bit in an old record is dataCorrupt with its file and address on read and on verify, and its neighbours are read",
  async (t) => {
    const { directory, shard } = await prepared(t, "stopped");
    const [segment] = segments(shard);
    const place = readFileSync(segment).indexOf(textOf(130));
    t.true(place > 0);
    damage(segment, [place + 3]);
    const chain = verifyDirectory(directory);
    t.true(chain.damage.length > 0);
    t.true(chain.damage[0]?.includes(segment), chain.damage[0]);
    const node = await startChild(t, { dataDirectory: directory });
    await using db = await connect(node.target);
    const stream = db.tenant("main").stream("s");
    const error = await t.throwsAsync(stream.read({ from: 120, limit: 20 }), { instanceOf: KimberliteError });
    t.is(error?.code, "dataCorrupt");
    t.is(error?.detail["file"], segment);
    t.true(Number(error?.detail["address"]) > 0 && Number(error?.detail["address"]) <= place);
    const before = await stream.read({ from: 0, limit: 120 });
    t.deepEqual(
      before.events.map((event) => event.text()),
      Array.from({ length: 120 }, (_, index) => textOf(index)),
    );
    t.is((await stream.read({ from: 140, limit: 1 })).events[0]?.text(), textOf(140));
    const followed = stream.subscribe({ from: 118 });
    t.is((await followed.next()).value?.offset, 118n);
    t.is((await followed.next()).value?.offset, 119n);
    await t.throwsAsync(followed.next(), { code: "dataCorrupt" });
    t.is((await stream.append("new")).firstOffset, BigInt(eventsCount), "writes go on");
  },
);

test.serial(
  "a flipped bit in an acknowledged record that no checkpoint holds yet stops the start: it is not cut off as torn",
  async (t) => {
    const { directory, shard } = await prepared(t, "killed");
    const [segment] = segments(shard);
    const place = readFileSync(segment).indexOf(textOf(130));
    t.true(place > 0);
    damage(segment, [place + 3]);
    const error = await refusal(t, directory);
    t.is(error.code, "dataCorrupt");
    t.true(error.message.includes(segment), error.message);
    damage(segment, [place + 3]);
    await readsAll(t, directory);
  },
);

test.serial("a missing log segment is dataMissing, named", async (t) => {
  const { directory, shard } = await prepared(t, "stopped");
  const [segment] = segments(shard);
  const kept = readFileSync(segment);
  rmSync(segment);
  const error = await refusal(t, directory);
  t.is(error.code, "dataMissing");
  t.true(error.message.includes(segment), error.message);
  writeFileSync(segment, kept);
  await readsAll(t, directory);
});

test.serial("damaged slots of the header ring are repaired from the log; a lost ring is dataMissing", async (t) => {
  const { directory, shard } = await prepared(t, "killed");
  const path = join(shard, "headers");
  damage(path, [2 * 256 + 40, 3 * 256 + 40, 5 * 256 + 40]);
  t.true((await readsAll(t, directory)).includes("log recovery"), "recovery says what it repaired");
  rmSync(path);
  const error = await refusal(t, directory);
  t.is(error.code, "dataMissing");
  t.true(error.message.includes(path), error.message);
});

test.serial(
  "a damaged identity is dataCorrupt, a lost shard dataMissing, a strange directory is left alone",
  async (t) => {
    const { directory, shard } = await prepared(t, "stopped");
    const identity = join(directory, "kimberlite.json");
    t.true(existsSync(identity));
    const whole = readFileSync(identity);
    writeFileSync(identity, "{");
    t.is((await refusal(t, directory)).code, "dataCorrupt");
    writeFileSync(identity, whole);
    rmSync(shard, { recursive: true });
    const missing = await refusal(t, directory);
    t.is(missing.code, "dataMissing");
    t.true(missing.message.includes(shard), missing.message);
    const strange = scratch(t);
    writeFileSync(join(strange, "letters.txt"), "not yours");
    t.is((await refusal(t, strange)).code, "dataMissing");
    t.is(readFileSync(join(strange, "letters.txt"), "utf8"), "not yours");
  },
);

function segments(shard: string): [string, ...string[]] {
  const log = join(shard, "log");
  const [first, ...rest] = readdirSync(log)
    .filter((name) => name.endsWith(".seg"))
    .sort()
    .map((name) => join(log, name));
  if (first === undefined) throw new Error(`${log} holds no segment`);
  return [first, ...rest];
}
