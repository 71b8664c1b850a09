import path from "node:path";
import { Readable } from "node:stream";
import test from "ava";
import fc from "fast-check";
import { z } from "zod";
import { Histogram } from "../../protocol/admin/bench/histogram.js";
import { subcommands } from "../../protocol/admin/commands/all.js";
import { exitCodeOf, exitCodes } from "../../protocol/admin/exit-codes.js";
import { type LineBatch, type LineLimits, lineBatches } from "../../protocol/admin/json-lines.js";
import { inBytes, inEvents, progressLine } from "../../protocol/admin/progress.js";
import { displayWidth, renderTable } from "../../protocol/admin/table.js";
import {
  formatAddress,
  formatBytes,
  formatCount,
  formatDuration,
  formatTime,
  parseAddress,
  parseBytes,
  parseDuration,
} from "../../protocol/admin/units.js";
import { readTextFile, temporaryDirectory, writeTextFile } from "../../runtime/storage/host-files.js";
import { errorRegistry, KimberliteError } from "../../runtime/types/errors.js";
import { projectRoot } from "../project/sources.js";
import { kimberlite } from "./run-command.js";

const settingsShape = z.object({
  file: z.string().nullable(),
  settings: z.array(
    z.object({
      setting: z.string(),
      value: z.union([z.string(), z.number()]).nullable(),
      origin: z.string(),
      source: z.string(),
    }),
  ),
});
const errorShape = z.object({
  error: z.object({ code: z.string(), message: z.string(), sqlState: z.string(), outcome: z.string() }),
});

test("a flag wins over the environment, the environment over the file, the file over the default", async (t) => {
  const directory = temporaryDirectory("kimberlite-config-");
  t.teardown(() => directory.remove());
  writeTextFile(
    path.join(directory.path, "kimberlite.toml"),
    ['data = "store"', 'listen = "127.0.0.1:1111"', "shards = 3", 'cache-bytes = "64MiB"'].join("\n"),
  );
  const ran = await kimberlite(["config", "--json", "--listen", "127.0.0.1:2222"], {
    directory: directory.path,
    environment: { KIMBERLITE_LISTEN: "127.0.0.1:3333", KIMBERLITE_SHARDS: "4" },
  });
  t.is(ran.code, 0, ran.stderr);
  const { file, settings } = settingsShape.parse(JSON.parse(ran.stdout));
  const row = (name: string) => settings.find((entry) => entry.setting === name);
  t.is(file, path.join(directory.path, "kimberlite.toml"));
  t.like(row("listen"), { value: "127.0.0.1:2222", origin: "flag", source: "--listen" });
  t.like(row("shards"), { value: 4, origin: "environment", source: "KIMBERLITE_SHARDS" });
  t.like(row("cache-bytes"), { value: 64 * 1024 * 1024, origin: "file" });
  t.like(row("data"), { value: path.join(directory.path, "store"), origin: "file" });
  t.like(row("connect"), { value: "127.0.0.1:7400", origin: "default" });
  t.like(row("gateways"), { value: null, origin: "default" });
});

test("a setting that is not acceptable is refused with the place that holds it", async (t) => {
  const directory = temporaryDirectory("kimberlite-config-");
  t.teardown(() => directory.remove());
  const refused = async (
    toml: string,
    commandLine: readonly string[],
    environment: Record<string, string>,
    says: RegExp,
  ) => {
    writeTextFile(path.join(directory.path, "kimberlite.toml"), toml);
    const ran = await kimberlite(["config", "--json", ...commandLine], { directory: directory.path, environment });
    t.is(ran.code, exitCodes.usage.code);
    t.is(ran.stdout, "");
    const { error } = errorShape.parse(JSON.parse(ran.stderr));
    t.is(error.code, "configurationInvalid");
    t.is(error.sqlState, "F0000");
    t.regex(error.message, says);
  };
  await refused("", ["--shards", "0"], {}, /--shards: must be a whole number from 1 to 63/);
  await refused("", [], { KIMBERLITE_LISTEN: "nowhere" }, /KIMBERLITE_LISTEN: .*HOST:PORT/);
  await refused("sharts = 2", [], {}, /kimberlite\.toml holds sharts, which is no setting/);
  await refused("shards = = 2", [], {}, /kimberlite\.toml line 1/);
  await refused("shards = true", [], {}, /kimberlite\.toml: must be a whole number/);
  await refused("", ["--config", "absent.toml"], {}, /there is no file .*absent\.toml/);
});

test("an unknown command, flag or a missing argument ends with the usage code, as text or as JSON", async (t) => {
  const text = await kimberlite(["conifg"]);
  t.is(text.code, exitCodes.usage.code);
  t.regex(text.stderr, /unknown command 'conifg'[^]*Did you mean config/);
  const json = await kimberlite(["config", "--nonsense", "--json"]);
  t.is(json.code, exitCodes.usage.code);
  t.is(errorShape.parse(JSON.parse(json.stderr)).error.code, "invalidArgument");
});

test("the help of every command reads as it did when it was last reviewed", async (t) => {
  const golden = path.join(projectRoot, "test", "admin", "golden", "help.txt");
  const texts: string[] = [];
  for (const words of [[], ...subcommands.map(({ usage }) => usage.split(" ").filter((word) => /^[a-z]/.test(word)))]) {
    const ran = await kimberlite([...words, "--help"]);
    t.is(ran.code, 0);
    texts.push(`$ ${["kimberlite", ...words, "--help"].join(" ")}\n\n${ran.stdout}`);
  }
  t.true(subcommands.every((command) => command.examples.length > 0));
  const text = texts.join("\n");
  if (process.env["UPDATE_GOLDEN"] === "1") writeTextFile(golden, text);
  t.is(text, readTextFile(golden) ?? "", "UPDATE_GOLDEN=1 writes the file anew");
});

test("each error code has an exit code, and foreign errors end with 1", (t) => {
  const known = new Set<number>(Object.values(exitCodes).map((entry) => entry.code));
  const codes = Object.keys(errorRegistry) as (keyof typeof errorRegistry)[];
  t.true(codes.length > 0);
  for (const code of codes) t.true(known.has(exitCodeOf(new KimberliteError(code))), code);
  t.is(exitCodeOf(new KimberliteError("connectionRefused")), 3);
  t.is(exitCodeOf(new KimberliteError("streamUnknown")), 4);
  t.is(exitCodeOf(new KimberliteError("wrongExpectedOffset")), 5);
  t.is(exitCodeOf(new KimberliteError("dataCorrupt")), 6);
  t.is(exitCodeOf(new KimberliteError("directoryLocked")), 7);
  t.is(exitCodeOf(new Error("foreign")), 1);
});

async function batches(
  chunks: readonly (string | Uint8Array)[],
  limits: Partial<LineLimits> = {},
): Promise<LineBatch[]> {
  async function* input() {
    for (const chunk of chunks) yield chunk;
  }
  const found: LineBatch[] = [];
  for await (const batch of lineBatches(input(), {
    events: 1000,
    bytes: 1_000_000,
    format: "json",
    endAt: "limits",
    ...limits,
  })) {
    found.push(batch);
  }
  return found;
}
const texts = (found: readonly LineBatch[]) =>
  found.map((batch) => batch.events.map((event) => Buffer.from(event).toString()));

test("lines come out as they went in, however the input is cut into chunks", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 20 }),
      fc.array(fc.nat(200), { maxLength: 10 }),
      fc.integer({ min: 1, max: 5 }),
      async (values, cuts, events) => {
        const lines = values.map((value) => JSON.stringify(value));
        const bytes = Buffer.from(lines.map((line) => `${line}\r\n\n`).join(""));
        const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort(
          (a, b) => a - b,
        );
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        const found = await batches(chunks, { events });
        const whole = await batches([bytes], { events });
        return (
          JSON.stringify(texts(found).flat()) === JSON.stringify(lines) &&
          JSON.stringify(texts(found)) === JSON.stringify(texts(whole)) &&
          found.every((batch) => batch.events.length <= events)
        );
      },
    ),
  );
  t.deepEqual(texts(await batches(['{"a":1}\n{"a":', "2}\n3"])), [['{"a":1}', '{"a":2}', "3"]]);
  t.deepEqual(texts(await batches(["1\n2\n", "3\n"], { endAt: "chunks" })), [["1", "2"], ["3"]]);
});

test("batches end at their limits of events and bytes and name the lines they hold", async (t) => {
  const byEvents = await batches(["1\n\n2\n3\n"], { events: 2 });
  t.deepEqual(
    byEvents.map(({ firstLine, lastLine, bytesRead }) => ({ firstLine, lastLine, bytesRead })),
    [
      { firstLine: 1, lastLine: 3, bytesRead: 5 },
      { firstLine: 4, lastLine: 4, bytesRead: 7 },
    ],
  );
  t.deepEqual(texts(await batches(["11\n22\n33\n"], { bytes: 14 })), [["11", "22"], ["33"]]);
});

test("a line that is no event is refused with its number and column", async (t) => {
  await t.throwsAsync(batches(['{"a":1}\n{"a":1,}\n']), { message: /line 2, column 8: not JSON/ });
  await t.throwsAsync(batches(['\n\n{"a":\n']), { message: /line 3, column 6: not JSON: unexpected end/ });
  await t.throwsAsync(batches([Uint8Array.of(34, 0xff, 34, 10)]), { message: /line 1 is not UTF-8/ });
  await t.notThrowsAsync(batches([Uint8Array.of(34, 0xff, 34, 10)], { format: "raw" }));
  const before: LineBatch[] = [];
  const reading = (async () => {
    const limits = { events: 2, bytes: 1000, format: "json", endAt: "limits" } as const;
    for await (const batch of lineBatches(Readable.from([Buffer.from("1\n2\n3\nx\n")]), limits)) before.push(batch);
  })();
  await t.throwsAsync(reading, { message: /line 4/ });
  t.deepEqual(texts(before), [["1", "2"], ["3"]], "all events before the bad line come out");
  const giant = Buffer.alloc(9 * 1024 * 1024, 49);
  await t.throwsAsync(batches(["1\n", giant]), { message: /line 2 has more than/ });
});

test("sizes, durations, addresses, times and counts read and write the same everywhere", (t) => {
  t.is(parseBytes("256MiB"), 268_435_456);
  t.is(parseBytes("1.5 GB"), 1_610_612_736);
  t.is(parseBytes("512"), 512);
  t.throws(() => parseBytes("12 apples"), { message: /is no size/ });
  t.deepEqual(["250ms", "10s", "2m", "3"].map(parseDuration), [250, 10_000, 120_000, 3000]);
  t.throws(() => parseDuration("soon"), { message: /is no duration/ });
  t.deepEqual(parseAddress("[::1]:7400"), { host: "::1", port: 7400 });
  t.deepEqual(parseAddress(":0"), { host: "127.0.0.1", port: 0 });
  for (const bad of ["host", "host:99999", "a b:1", "::1:7400x"])
    t.throws(() => parseAddress(bad), { message: /is no address/ });
  t.is(formatAddress({ host: "::1", port: 1 }), "[::1]:1");
  t.deepEqual([0, 1023, 1536, 268_435_456].map(formatBytes), ["0 B", "1023 B", "1.5 KiB", "256 MiB"]);
  t.is(formatCount(1_234_567), "1,234,567");
  t.deepEqual([0.5, 42, 3200, 250_000, 7_500_000].map(formatDuration), [
    "0.50 ms",
    "42 ms",
    "3.2 s",
    "4 min 10 s",
    "2 h 5 min",
  ]);
  t.is(formatTime(1_700_000_000_000_042), "2023-11-14T22:13:20.000042Z");
});

test("a table lines up whatever its cells hold, and stored control characters cannot steer the terminal", (t) => {
  t.is(
    renderTable(
      ["name", "n"],
      [
        ["a", 1],
        ["日本", 1000],
        [null, 5],
      ],
    ),
    "name     n\na        1\n日本  1000\n–        5",
  );
  t.is(displayWidth("e\u0301日"), 3);
  t.is(renderTable(["x"], [["\u001b[2J"]]), "x\n\\u001b[2J");
});

test("a progress line shows share, rate and remaining time, and only what is known", (t) => {
  t.is(
    progressLine("appending", 500, 1000, 1000, inEvents),
    "appending  ████████████░░░░░░░░░░░░ 50 %  500 events/s  1.0 s left",
  );
  t.is(progressLine("reading", 2048, null, 2000, inBytes, "x"), "reading  2.0 KiB  1.0 KiB/s  x");
});

test("a percentile lies within one part in a hundred of the exact one", (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? 0;
        const found = histogram.percentile(share);
        return found >= exact && found <= exact * 1.01 && histogram.count === values.length;
      },
    ),
  );
  t.throws(() => new Histogram().record(-1), { message: /a latency is not negative/ });
});
