import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { z } from "zod";
import { exitCodes } from "../../protocol/admin/exit-codes.js";
import { kimberlite, kimberliteProcess, type RunningNode, startNodeProcess } from "./run-command.js";

const scratch = fs.mkdtempSync(path.join(process.env["TMPDIR"] ?? "/tmp", "kimberlite-admin-"));
const shared = path.join(scratch, "shared");
let node: RunningNode;

test.before(async () => {
  node = await startNodeProcess(shared, ["--shards", "2"]);
});
test.after.always(async () => {
  if (node?.child.exitCode === null) await node.end("SIGTERM");
  fs.rmSync(scratch, { recursive: true, force: true });
});

const errorShape = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const codeOf = (stderr: string): string =>
  errorShape.parse(JSON.parse(stderr.trim().split("\n").at(-1) ?? "")).error.code;

/** A command against the shared node; its JSON output parsed. */
async function ask(
  t: { is(a: unknown, b: unknown, message?: string): void },
  commandLine: readonly string[],
  stdin?: string,
): Promise<unknown> {
  const ran = await kimberlite([...commandLine, "--json"], {
    environment: node.environment,
    ...(stdin === undefined ? {} : { stdin }),
  });
  t.is(ran.code, 0, ran.stderr);
  return JSON.parse(ran.stdout) as unknown;
}

async function refused(
  t: { is(a: unknown, b: unknown, message?: string): void },
  commandLine: readonly string[],
  exit: keyof typeof exitCodes,
  code: string,
  stdin?: string,
): Promise<string> {
  const ran = await kimberlite([...commandLine, "--json"], {
    environment: node.environment,
    directory: scratch,
    ...(stdin === undefined ? {} : { stdin }),
  });
  t.is(codeOf(ran.stderr), code, ran.stderr);
  t.is(ran.code, exitCodes[exit].code);
  return ran.stderr;
}

test("start says ready in exactly one line, serves, drains on SIGTERM and ends with 0", async (t) => {
  const data = path.join(scratch, "lifecycle");
  const first = await startNodeProcess(data);
  t.true(first.ready.addresses.native.port > 0);
  t.is(first.ready.pid, first.child.pid ?? -1);
  const environment = first.environment;
  t.is((await kimberlite(["append", "kept", "--create"], { environment, stdin: '{"n":1}\n' })).code, 0);
  t.is(await first.end("SIGTERM"), 0);
  t.is(first.lines.length, 1);
  const second = await startNodeProcess(data);
  const read = await kimberlite(["read", "kept", "--raw"], { environment: second.environment });
  t.is(read.stdout, '{"n":1}\n');
  t.is(await second.end("SIGINT"), 0);
  const gone = await kimberlite(["status", "--json"], { environment: second.environment });
  t.is(gone.code, exitCodes.unreachable.code);
  t.is(codeOf(gone.stderr), "connectionRefused");
});

test("start refuses what is not safe or not there yet, and says why in its exit code", async (t) => {
  const data = path.join(scratch, "refused");
  const start = (flags: readonly string[], directory = data) =>
    kimberliteProcess(["start", "--json", "--data", directory, ...flags]);
  const expect = async (flags: readonly string[], code: string, exit: keyof typeof exitCodes, directory?: string) => {
    const ran = await start(flags, directory);
    t.is(codeOf(ran.stderr), code, ran.stderr);
    t.is(ran.code, exitCodes[exit].code);
    t.is(ran.stdout, "");
  };
  await expect(["--listen", "0.0.0.0:0"], "insecureListen", "usage");
  await expect(["--pg-listen", "0.0.0.0:0"], "insecureListen", "usage");
  await expect(["--pg-tls-cert", "nowhere.pem"], "configurationInvalid", "usage");
  await expect(["--http-listen", "127.0.0.1:0"], "notSupported", "usage");
  await expect(["--replicas", "7"], "replicasOutOfRange", "usage");
  const near = ["--listen", "127.0.0.1:15998", "--pg-listen", "127.0.0.1:15999"];
  await expect(["--replicas", "3", ...near], "configurationInvalid", "usage");
  await expect(["--listen", "127.0.0.1:0"], "directoryLocked", "inUse", shared);
  t.false(fs.existsSync(data), "nothing was made");
  const taken = net.createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(["--listen", `127.0.0.1:${port}`], "addressInUse", "inUse");
  // The second of three: the others are not left waiting for it.
  await expect(["--replicas", "3", "--listen", `127.0.0.1:${port - 1}`], "addressInUse", "inUse", `${data}-three`);
  taken.close();
});

test("npm start passes its flags on, and SIGTERM to npm drains the node and ends with 0", async (t) => {
  const npmStart = ["npm", "start", "--silent", "--"];
  const started = await startNodeProcess(path.join(scratch, "npm"), ["--layout", "shared"], npmStart);
  t.is(started.ready["layout"], "shared");
  t.not(started.ready.pid, started.child.pid ?? -1);
  t.is(await started.end("SIGTERM"), 0);
  t.throws(() => process.kill(started.ready.pid, 0), { message: /ESRCH/ }, "the node does not outlive npm");
});

test("a connection beyond the limit is told so, and the others go on", async (t) => {
  const limited = await startNodeProcess(path.join(scratch, "limited"), ["--connections-max", "1"]);
  const { environment } = limited;
  const held = net.connect(limited.ready.addresses.native);
  await once(held, "connect");
  const second = await kimberlite(["status", "--json"], { environment });
  t.is(codeOf(second.stderr), "connectionLimit", second.stderr);
  t.is(second.code, exitCodes.later.code);
  held.destroy();
  await once(held, "close");
  await sleep(100);
  t.is((await kimberlite(["status"], { environment })).code, 0);
  t.is(await limited.end("SIGTERM"), 0);
});

test("tenants are created, listed, moved and dropped", async (t) => {
  const tenantShape = z.looseObject({ id: z.number(), name: z.string(), shard: z.number() });
  const made = tenantShape.parse(await ask(t, ["tenant", "create", "acme", "--shard", "1"]));
  t.is(made.shard, 1);
  await refused(t, ["tenant", "create", "acme"], "conflict", "tenantExists");
  t.like(await ask(t, ["tenant", "create", "acme", "--if-not-exists"]), { id: made.id, created: false });
  const names = z
    .array(tenantShape)
    .parse(await ask(t, ["tenant", "list"]))
    .map((tenant) => tenant.name);
  t.true(names.includes("main") && names.includes("acme"));
  await ask(t, ["append", "orders", "--tenant", "acme", "--create"], "1\n2\n");
  t.like(await ask(t, ["tenant", "move", "acme", "--shard", "2"]), { shard: 2 });
  const read = await kimberlite(["read", "orders", "--tenant", "acme", "--raw"], { environment: node.environment });
  t.is(read.stdout, "1\n2\n");
  await ask(t, ["tenant", "quota", "acme", "--quota-bytes", "1KiB"]);
  await refused(t, ["append", "orders", "--tenant", "acme"], "later", "quotaExceeded", `"${"x".repeat(2000)}"\n`);
  await refused(t, ["tenant", "quota", "acme"], "usage", "invalidArgument");
  await refused(t, ["tenant", "move", "acme", "--shard", "9"], "notFound", "shardUnknown");
  await refused(t, ["tenant", "drop", "acme"], "usage", "invalidArgument");
  await ask(t, ["tenant", "drop", "acme", "--yes"]);
  await refused(t, ["tenant", "get", "acme"], "notFound", "tenantUnknown");
});

test("events go in as lines and come out in each style, order and range", async (t) => {
  const lines = Array.from({ length: 25 }, (_, n) => JSON.stringify({ n, big: "12345678901234567890" }));
  await ask(t, ["stream", "create", "styles"]);
  await refused(t, ["stream", "create", "styles"], "conflict", "streamExists");
  const outcome = await ask(t, ["append", "styles", "--batch", "10", "--expect", "0"], `${lines.join("\n")}\n`);
  t.like(outcome, { events: 25, batches: 3, replayedBatches: 0, firstOffset: 0 });
  const read = async (...flags: string[]) =>
    (await kimberlite(["read", "styles", ...flags], { environment: node.environment })).stdout.trimEnd().split("\n");
  t.deepEqual(await read("--raw"), lines);
  t.deepEqual(await read("--raw", "--from", "3", "--limit", "2"), lines.slice(3, 5));
  t.deepEqual(await read("--raw", "--backward"), [...lines].reverse());
  t.deepEqual(await read("--raw", "--backward", "--limit", "1"), lines.slice(24));
  const eventShape = z.object({
    offset: z.number(),
    position: z.number(),
    time: z.string(),
    payload: z.object({ n: z.number() }),
  });
  const asJson = (await read("--json")).map((line) => eventShape.parse(JSON.parse(line)));
  t.deepEqual(
    asJson.map((event) => event.offset),
    lines.map((_, n) => n),
  );
  const afterFirstBatch = asJson[9]?.position ?? -1;
  t.is((await read("--raw", "--at-position", String(afterFirstBatch))).length, 10);
  t.is((await read("--raw", "--consistency", "linearizable")).length, 25);
  t.is((await read("--limit", "1"))[0]?.includes('{"n":0,'), true);
  t.like(await ask(t, ["stream", "get", "styles"]), { name: "styles", nextOffset: 25 });
  const listed = await kimberlite(["stream", "list", "--json"], { environment: node.environment });
  t.true(listed.stdout.includes('"name":"styles"'));
  t.is(
    (await kimberlite(["tail", "styles", "-n", "2", "--raw"], { environment: node.environment })).stdout,
    `${lines.slice(23).join("\n")}\n`,
  );
  await refused(t, ["read", "absent"], "notFound", "streamUnknown");
  await refused(t, ["read", "styles", "--at-position", "999999"], "notFound", "positionUnknown");
  await refused(t, ["read", "styles", "--at-position", "1", "--consistency", "stale"], "usage", "invalidArgument");
  await refused(t, ["read", "styles", "--limit", "x"], "usage", "invalidArgument");
});

test("a repeated append with its key prefix writes nothing twice; a bad line and a wrong offset stop it", async (t) => {
  const good = Array.from({ length: 30 }, (_, n) => JSON.stringify({ n })).join("\n");
  const append = ["append", "once", "--create", "--batch", "7", "--key-prefix", "import-1"];
  t.like(await ask(t, append, good), { events: 30, batches: 5, replayedBatches: 0 });
  t.like(await ask(t, append, good), { events: 30, batches: 5, replayedBatches: 5 });
  t.like(await ask(t, ["stream", "get", "once"]), { nextOffset: 30 });
  const otherContent = good.replace('{"n":3}', '{"n":"three"}');
  await refused(t, append, "conflict", "idempotencyKeyReused", otherContent);
  await refused(t, ["append", "once", "--expect", "0"], "conflict", "wrongExpectedOffset", "1\n");
  const message = await refused(t, ["append", "once"], "usage", "invalidArgument", '{"n":30}\n{"n":31\n{"n":32}\n');
  t.regex(message, /line 2, column 8/);
  t.like(
    await ask(t, ["stream", "get", "once"]),
    { nextOffset: 31 },
    "what stood before the bad line is written, nothing after it",
  );
});

test("tail follows over a restart of the node and shows each event once and in order", async (t) => {
  const data = path.join(scratch, "tailed");
  const first = await startNodeProcess(data);
  const { environment } = first;
  t.is((await kimberlite(["stream", "create", "log"], { environment })).code, 0);
  const tailed = kimberlite(["tail", "log", "-f", "--from", "0", "--until", "199", "--raw"], { environment });
  const half = (from: number) => Array.from({ length: 100 }, (_, n) => `${from + n}`).join("\n");
  t.is((await kimberlite(["append", "log"], { environment, stdin: half(0) })).code, 0);
  await sleep(200);
  await first.end("SIGKILL");
  const second = await startNodeProcess(data, ["--listen", first.ready.listen]);
  t.is((await kimberlite(["append", "log"], { environment, stdin: half(100) })).code, 0);
  const { stdout, code } = await tailed;
  t.is(code, 0);
  t.deepEqual(
    stdout.trimEnd().split("\n"),
    Array.from({ length: 200 }, (_, n) => `${n}`),
  );
  t.is(await second.end("SIGTERM"), 0);
});

test("a consumer group hands out, acknowledges and can be deleted", async (t) => {
  await ask(t, ["append", "jobs", "--create"], "1\n2\n3\n");
  await ask(t, ["group", "create", "jobs", "workers", "--attempts", "3", "--timeout", "5s"]);
  await refused(t, ["group", "create", "jobs", "workers"], "conflict", "groupExists");
  const consumed = await kimberlite(["group", "consume", "jobs", "workers", "--limit", "2", "--json"], {
    environment: node.environment,
  });
  t.is(consumed.code, 0, consumed.stderr);
  t.is(consumed.stdout.trimEnd().split("\n").length, 2);
  const got = z
    .object({ group: z.looseObject({ floor: z.number(), attemptsMax: z.number() }) })
    .parse(await ask(t, ["group", "get", "jobs", "workers"]));
  t.like(got.group, { floor: 2, attemptsMax: 3 });
  t.is(z.array(z.unknown()).parse(await ask(t, ["group", "list", "jobs"])).length, 1);
  t.like(await ask(t, ["group", "replay", "jobs", "workers"]), { count: 0 });
  await ask(t, ["group", "delete", "jobs", "workers"]);
  await refused(t, ["group", "get", "jobs", "workers"], "notFound", "groupUnknown");
});

test("status and top show the node and each actor, for people and as JSON", async (t) => {
  t.like(await ask(t, ["status"]), { shards: 2, replicas: 1 });
  const topShape = z.object({
    actors: z.array(
      z.looseObject({ path: z.string(), thread: z.string(), restarts: z.number(), mailboxCount: z.number() }),
    ),
  });
  const { actors } = topShape.parse(await ask(t, ["top", "--once", "--interval", "100ms"]));
  t.true(actors.some((actor) => actor.path.includes("shard-2")));
  const text = await kimberlite(["top", "--once", "--interval", "100ms"], { environment: node.environment });
  t.regex(text.stdout, /^\d+ actors on \d+ threads/);
  t.regex(text.stdout, /gateway/);
});

test("verify is green on sound data, 7 while it is in use, 6 for damage in the log or in the state", async (t) => {
  const data = path.join(scratch, "verified");
  const used = await startNodeProcess(data);
  const stdin = Array.from({ length: 2000 }, (_, n) => JSON.stringify({ n })).join("\n");
  t.is(
    (await kimberlite(["append", "events", "--create", "--batch", "100"], { environment: used.environment, stdin }))
      .code,
    0,
  );
  const verify = () => kimberlite(["verify", data, "--json"]);
  const busy = await verify();
  t.is(busy.code, exitCodes.inUse.code);
  t.is(codeOf(busy.stderr), "directoryLocked");
  await used.end("SIGTERM");

  const reportShape = z.object({
    sound: z.boolean(),
    replicas: z.array(
      z.object({ directory: z.string(), records: z.number(), trees: z.object({ entries: z.number() }).nullable() }),
    ),
    damage: z.array(z.object({ zone: z.string(), file: z.string(), what: z.string() })),
  });
  const sound = await verify();
  t.is(sound.code, 0, sound.stdout + sound.stderr);
  const report = reportShape.parse(JSON.parse(sound.stdout));
  t.true(report.sound);
  t.true(report.replicas.reduce((sum, replica) => sum + replica.records, 0) >= 21);
  t.true(report.replicas.every((replica) => (replica.trees?.entries ?? 0) > 0));

  const flipped = async (file: string, at: number) => {
    const handle = fs.openSync(file, "r+");
    const byte = Buffer.alloc(1);
    fs.readSync(handle, byte, 0, 1, at);
    const flip = (): void => {
      byte[0] = (byte[0] ?? 0) ^ 0x10;
      fs.writeSync(handle, byte, 0, 1, at);
    };
    flip();
    const ran = await verify();
    flip();
    fs.closeSync(handle);
    t.is(ran.code, exitCodes.damaged.code, ran.stderr);
    return reportShape.parse(JSON.parse(ran.stdout)).damage;
  };
  const log = path.join(data, "shard-1", "log");
  const segment = fs.readdirSync(log).find((name) => name.endsWith(".seg")) ?? "";
  const inLog = await flipped(path.join(log, segment), 3 * 4096 + 300);
  t.true(inLog.some(({ zone, file }) => zone === "segment" && file.endsWith(segment)));
  const pages = path.join(data, "shard-1", "pages");
  const inState = await flipped(pages, fs.statSync(pages).size - 4096);
  t.true(inState.some(({ zone }) => zone === "pages"));
  t.is((await verify()).code, 0, "the flips were taken back");
  t.is((await kimberlite(["verify", path.join(scratch, "absent")])).code, exitCodes.usage.code);
});

test("init makes a data directory and a configuration that start then uses", async (t) => {
  const directory = path.join(scratch, "init");
  fs.mkdirSync(directory);
  const made = await kimberlite(["init", "--yes", "--shards", "1", "--json"], { directory });
  t.is(made.code, 0, made.stderr);
  t.like(JSON.parse(made.stdout), { isNew: true, shards: 1 });
  t.regex(fs.readFileSync(path.join(directory, "kimberlite.toml"), "utf8"), /listen = "127\.0\.0\.1:7400"/);
  t.is((await kimberlite(["verify", path.join(directory, "data")])).code, 0);
  t.is((await kimberlite(["init", "--yes"], { directory })).code, exitCodes.usage.code);
});

test("bench measures, looks whether everything is there, and reports the machine", async (t) => {
  const resultShape = z.object({
    machine: z.object({ cores: z.number() }),
    results: z.array(
      z.looseObject({
        workload: z.string(),
        operations: z.number(),
        verifiedEvents: z.number().nullable(),
        errors: z.record(z.string(), z.number()),
      }),
    ),
  });
  const flags = [
    "--connect",
    node.ready.listen,
    "--seconds",
    "1s",
    "--warm-up",
    "100ms",
    "--connections",
    "2",
    "--in-flight",
    "2",
    "--batch",
    "5",
    "--tenants",
    "1",
  ];
  const { machine, results } = resultShape.parse(
    await ask(t, ["bench", "single", "batch", "fanout", "tenants", ...flags]),
  );
  t.true(machine.cores > 0);
  t.deepEqual(
    results.map((result) => result.workload),
    ["single", "batch", "fanout", "tenants"],
  );
  for (const result of results) {
    t.true(result.operations > 0, result.workload);
    t.true((result.verifiedEvents ?? 0) > 0, result.workload);
    t.deepEqual(result.errors, {}, result.workload);
  }
  await refused(t, ["bench", "nonsense"], "usage", "invalidArgument");
});

test("commands say who they are: by local access, or as a user whose password stands in no flag", async (t) => {
  const data = path.join(scratch, "who");
  const own = await startNodeProcess(data);
  t.teardown(() => own.end("SIGTERM"));
  const run = (commandLine: readonly string[], stdin = "", more: Readonly<Record<string, string>> = {}) =>
    kimberlite([...commandLine, "--json"], { environment: { ...own.environment, ...more }, stdin });
  const done = async (commandLine: readonly string[], stdin?: string): Promise<void> => {
    const ran = await run(commandLine, stdin);
    t.is(ran.code, 0, ran.stderr);
  };
  const refusal = async (code: string, exit: number, commandLine: readonly string[]): Promise<string> => {
    const ran = await run(commandLine);
    t.is(codeOf(ran.stderr), code, ran.stderr);
    t.is(ran.code, exit);
    return ran.stderr;
  };
  const secret = path.join(scratch, "nurse.password");
  await done(["tenant", "create", "ward"]);
  await done(["user", "create", "nurse", "--tenants", "ward"], "nurse secret\n");
  await done(["user", "create", "staff", "--login", "no", "--create-role", "yes"]);
  await done(["user", "alter", "nurse", "--connection-limit", "5", "--valid-until", "2099-01-01"]);
  await done(["user", "grant", "staff", "--to", "nurse", "--admin"]);
  const users = await run(["user", "list"]);
  t.regex(
    users.stdout,
    /"name":"nurse"[^}]*"validUntil":4070908800000000,"connectionLimit":5,"memberOf":\[\{"role":"staff","isAdmin":true,"grantor":"admin"\}/,
  );
  t.regex(users.stdout, /"name":"staff","superuser":false,"login":false,"inherit":true,"createRole":true/);
  await done(["user", "revoke", "staff", "--from", "nurse"]);
  t.regex((await run(["user", "list"])).stdout, /"connectionLimit":5,"memberOf":\[\]/);
  await refusal("invalidArgument", exitCodes.usage.code, ["user", "alter", "nurse", "--login", "maybe"]);
  await refusal("invalidArgument", exitCodes.usage.code, ["user", "alter", "nurse"]);
  fs.writeFileSync(secret, "nurse secret\n", { mode: 0o644 });
  const asNurse = ["--user", "nurse", "--password-file", secret];
  const create = ["stream", "create", "s", ...asNurse];
  t.regex(await refusal("configurationInvalid", exitCodes.usage.code, [...create, "--tenant", "ward"]), /chmod 600/);
  fs.chmodSync(secret, 0o600);
  await done([...create, "--tenant", "ward"]);
  await refusal("permissionDenied", exitCodes.failed.code, [...create, "--tenant", "main"]);
  await refusal("permissionDenied", exitCodes.failed.code, ["user", "list", ...asNurse]);
  fs.writeFileSync(secret, "guess\n");
  const list = ["stream", "list", "--tenant", "ward"];
  const wrong = await refusal("unauthenticated", exitCodes.failed.code, [...list, ...asNurse]);
  t.regex(wrong, /password authentication failed for user/);
  const listed = await run(list, "", { KIMBERLITE_USER: "nurse", KIMBERLITE_PASSWORD: "nurse secret" });
  t.is(listed.code, 0, listed.stderr);
  // Without a user, and without the file that only the node's owner may read, nobody is let in; what to do is said.
  const file = path.join(data, "local-access");
  t.is(fs.statSync(file).mode & 0o777, 0o600);
  fs.renameSync(file, `${file}.away`);
  const nobody = await refusal("unauthenticated", exitCodes.failed.code, ["status"]);
  t.regex(nobody, /--user, and its password from --password-file, KIMBERLITE_PASSWORD or the terminal/);
  fs.renameSync(`${file}.away`, file);
  await done(["status"]);
});
