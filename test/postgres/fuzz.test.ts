/**
 * Bytes that no client of good will sends: damaged messages, absurd lengths, wrong orders, texts that are no text. The server answers or
 * closes; it never crashes, never falls silent behind a Sync, and serves the next client. KIMBERLITE_FUZZ_RUNS raises the number of runs.
 */
import test from "ava";
import fc from "fast-check";
import {
  bind,
  closeTarget,
  describe,
  execute,
  flush,
  i32,
  message,
  parse,
  query,
  type RawClient,
  ServerRig,
  startupPacket,
  sync,
} from "./rig.js";

const runs = Number(process.env["KIMBERLITE_FUZZ_RUNS"] ?? "150");
const answerMs = 10_000;

const texts = fc.constantFrom(
  "SELECT 1",
  "SELECT $1",
  "SELECT 1; SELECT 2",
  "SELECT n FROM numbers(5)",
  "INSERT INTO t VALUES ($1)",
  "INSERT INTO t VALUES ('duplicate')",
  "SELECT a FROM missing",
  "BEGIN",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT s",
  "ROLLBACK TO s",
  "SET work_mem = '1MB'",
  "SHOW ALL",
  "PREPARE p AS SELECT $1",
  "EXECUTE p(1)",
  "DEALLOCATE ALL",
  "DECLARE c CURSOR FOR SELECT n FROM numbers(5)",
  "FETCH 2 FROM c",
  "COPY t FROM STDIN",
  "COPY t FROM STDIN (FORMAT binary)",
  "COPY (SELECT n FROM numbers(5)) TO STDOUT",
  "SELEC",
  "",
);
const names = fc.constantFrom("", "a", "b", "c");
const sound = fc.oneof(
  texts.map(query),
  fc.tuple(names, texts).map(([name, text]) => parse(name, text)),
  fc
    .tuple(names, names, fc.array(fc.constantFrom("1", "x", null), { maxLength: 2 }))
    .map(([a, b, values]) => bind(a, b, values)),
  fc.tuple(fc.constantFrom("S" as const, "P" as const), names).map(([target, name]) => describe(target, name)),
  fc.tuple(names, fc.constantFrom(0, 1, 2, -1)).map(([name, rows]) => execute(name, rows)),
  fc.tuple(fc.constantFrom("S" as const, "P" as const), names).map(([target, name]) => closeTarget(target, name)),
  fc.constant(sync),
  fc.constant(flush),
  fc.constantFrom("1\tx\n", "\\.\n", "\\", "\0").map((text) => message("d", Buffer.from(text))),
  fc.constant(message("c")),
  fc.constant(message("f", "no more")),
);
/** A sound frame with any body. */
const framed = fc
  .tuple(fc.constantFrom(..."QPBDECHSFdcf".split("")), fc.uint8Array({ maxLength: 60 }))
  .map(([type, body]) => message(type, body));
/** A sound message with some of its bytes behind the length changed. */
const damaged = fc
  .tuple(sound, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }))
  .map(([whole, changes]) => {
    const bytes = Uint8Array.from(whole);
    for (const [at, value] of changes) if (bytes.length > 5) bytes[5 + (at % (bytes.length - 5))] = value;
    return bytes;
  });

async function answered(client: RawClient): Promise<"ready" | "closed"> {
  const timer = setTimeout(() => client.close(), answerMs);
  try {
    await client.untilReady();
    return "ready";
  } catch {
    return "closed";
  } finally {
    clearTimeout(timer);
  }
}

test("whatever a session is told, it answers behind a Sync", async (t) => {
  const rig = await ServerRig.start();
  const seen = { ready: 0, messages: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(sound, framed, damaged), { maxLength: 12 }), async (messages) => {
      const client = await rig.session();
      client.send(...messages);
      // Ends a COPY that stands open; elsewhere it is passed over.
      client.send(message("f", "end"), sync);
      let outcome = await answered(client);
      // Each Query and each Sync was answered: the last of them is told apart by a statement of ours.
      client.send(query("ROLLBACK"), query("SELECT 'here'"));
      const deadline = Date.now() + answerMs;
      let found = false;
      while (outcome === "ready" && !found && Date.now() < deadline) {
        const answers = await client.untilReady().catch(() => null);
        if (answers === null) outcome = "closed";
        else found = answers.some(({ type, body }) => type === "D" && Buffer.from(body).includes("here"));
      }
      t.deepEqual(rig.defects, []);
      seen.messages += messages.length;
      if (found) seen.ready += 1;
      client.close();
      return found;
    }),
    { numRuns: runs },
  );
  t.true(seen.ready > 0 && seen.messages > runs);
  t.log(JSON.stringify(seen));
  await rig.stop();
});

test("whatever a connection begins with, the next one is served", async (t) => {
  const rig = await ServerRig.start({ authentication: "scram" });
  const lengths = fc.constantFrom(0, 1, 4, 7, 8, 9_999, 10_001, 0x7fff_ffff, -1, -2_147_483_648);
  const begin = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.tuple(lengths, fc.uint8Array({ maxLength: 40 })).map(([length, rest]) => Buffer.concat([i32(length), rest])),
    fc.uint8Array({ maxLength: 60 }).map((body) => message("", i32(196_608), body)),
    fc.constantFrom(80_877_102, 80_877_103, 80_877_104, 131_072, 262_144).map((code) => message("", i32(code))),
    fc
      .tuple(fc.constantFrom(..."pQXSd".split("")), lengths, fc.uint8Array({ maxLength: 40 }))
      .map(([type, length, rest]) =>
        Buffer.concat([startupPacket({ user: "admin", database: "main" }), Buffer.from(type), i32(length), rest]),
      ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(begin, { minLength: 1, maxLength: 3 }), fc.nat(30), async (parts, cut) => {
      const client = await rig.client();
      const bytes = Buffer.concat(parts);
      client.send(bytes.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(bytes.subarray(cut));
      await new Promise((resolve) => setTimeout(resolve, 2));
      client.close();
      return rig.defects.length === 0;
    }),
    { numRuns: runs * 2 },
  );
  const last = await rig.client();
  last.send(startupPacket({ user: "admin", database: "main" }));
  t.is((await last.next()).type, "R");
  t.deepEqual(rig.defects, []);
  await rig.stop();
});
