/** What clients do not read is bounded over all of them: who reads nothing is asked nothing more for, and large answers are refused before memory is out. */
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { largeBytes, UnreadAnswers } from "../../protocol/postgres/unread-answers.js";
import { bind, execute, parse, query, type RawClient, ServerRig, sync, textOf } from "./rig.js";

/** Far beyond what the system's own buffers take of it. */
const answerBytes = 40_000_000;
const long = "x".repeat(answerBytes);
/** Asks for one row that is as long. */
const ask = (client: RawClient): void =>
  client.send(parse("", "SELECT $1", [25]), bind("", "", [long]), execute(""), sync);

async function until(holds: () => boolean): Promise<void> {
  for (let left = 2_000; left > 0 && !holds(); left--) await sleep(5);
  if (!holds()) throw new Error("it does not come to hold");
}

test("large answers are refused while clients leave as much unread as there may be, short ones are not, and all goes on once they read", async (t) => {
  const unread = new UnreadAnswers({ tightBytes: 1.5 * answerBytes, fullBytes: 3.1 * answerBytes });
  const rig = await ServerRig.start({ unread });
  t.teardown(() => rig.stop());
  const silent = await Promise.all([rig.session(), rig.session(), rig.session()]);
  for (const client of silent) {
    client.socket.pause();
    ask(client);
  }
  await until(() => unread.bytes >= 2.2 * answerBytes);
  const reader = await rig.session();
  ask(reader);
  t.deepEqual((await reader.untilReady()).map(textOf), ["1", "2", "E 53200 out of memory", "Z I"]);
  t.deepEqual(await reader.ask(query("SELECT 1")), ["T ?column?", "D 1", "C SELECT 1", "Z I"]);
  await reader.ask(query("BEGIN"));
  ask(reader);
  t.deepEqual((await reader.untilReady()).map(textOf).slice(-2), ["E 53200 out of memory", "Z E"]);
  t.deepEqual(await reader.ask(query("ROLLBACK")), ["C ROLLBACK", "Z I"]);
  t.is(unread.refused, 2);

  // Who is given rows in pieces, and does not read them, is given few.
  const before = unread.bytes;
  const slow = await rig.session();
  slow.socket.pause();
  slow.send(query("SELECT n FROM numbers(3000000)"));
  for (let seen = -1; seen < rig.executor.seen.length; await sleep(100)) seen = rig.executor.seen.length;
  t.true(unread.bytes - before < largeBytes + 128 * 1024, `${unread.bytes - before} bytes`);

  const [first, second, gone] = silent;
  gone?.close();
  await until(() => unread.bytes < 2.1 * answerBytes);
  ask(reader);
  t.is((await reader.untilReady()).map(textOf).at(-2), "C SELECT 1", "there is room for one more");
  for (const client of [first, second]) {
    client?.socket.resume();
    const row = (await client?.untilReady())?.find(({ type }) => type === "D");
    t.is(row?.body.length, answerBytes + 6);
  }
  slow.close();
  await until(() => unread.bytes === 0);
  t.true(unread.most >= 2.2 * answerBytes && unread.most <= 3.1 * answerBytes + largeBytes * 2);
  t.deepEqual(rig.defects, []);
});
