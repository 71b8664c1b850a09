/** What is still done for clients whose sockets have closed, or that have asked to end a statement between two of its requests. */
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { query, ServerRig, textOf } from "./rig.js";

const rigs: ServerRig[] = [];
const rigged = async (): Promise<ServerRig> => {
  const rig = await ServerRig.start();
  rigs.push(rig);
  return rig;
};
test.afterEach.always("nothing crashed", async (t) => {
  for (const rig of rigs.splice(0)) {
    t.deepEqual(rig.defects, []);
    await rig.stop();
  }
});

/** Waits until so many requests have come, and closes the only client's socket. */
async function closeAfter(rig: ServerRig, requests: number): Promise<number> {
  while (rig.executor.seen.length < requests) await new Promise((resolve) => setImmediate(resolve));
  for (const connection of rig.connections.values()) connection.destroy();
  const begun = rig.executor.seen.filter(({ request }) => request.kind !== "close").length;
  await sleep(100);
  return begun;
}

const kindsAfter = (rig: ServerRig, begun: number): readonly string[] =>
  rig.executor.seen
    .map(({ request }) => request.kind)
    .filter((kind) => kind !== "close")
    .slice(begun);

test.serial("statements that wait are not run for a client that is gone", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  client.send(...Array.from({ length: 300 }, (_, index) => query(`INSERT INTO t VALUES (${index})`)));
  const begun = await closeAfter(rig, 3);
  t.deepEqual(kindsAfter(rig, begun), ["end"]);
  t.true(rig.executor.committed.length <= begun, `${rig.executor.committed.length} of ${begun}`);
});

test.serial("the rest of a query of several statements is not run, and none of them is committed", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  client.send(query(Array.from({ length: 300 }, (_, index) => `INSERT INTO t VALUES (${index})`).join(";")));
  const begun = await closeAfter(rig, 3);
  t.deepEqual(kindsAfter(rig, begun), ["end"]);
  t.deepEqual(rig.executor.committed, []);
  t.is(rig.executor.openTransactions, 0);
});

test.serial("nothing more is fetched for a client that is gone while it was waited for", async (t) => {
  for (const text of ["SELECT n FROM numbers(3000000)", "COPY (SELECT n FROM numbers(3000000)) TO STDOUT"]) {
    const rig = await rigged();
    const client = await rig.session();
    client.socket.pause();
    client.send(query(text));
    for (let before = -1; before < rig.executor.seen.length; await sleep(50)) before = rig.executor.seen.length;
    const begun = await closeAfter(rig, 3);
    t.true(begun > 10 && begun < 3_000, `${begun} requests for what the sockets hold`);
    t.true(
      kindsAfter(rig, begun).every((kind) => kind === "end"),
      kindsAfter(rig, begun).join(" "),
    );
    t.is(rig.executor.openCursors, 0);
  }
});

test.serial("a cancel that comes while the client is waited for ends the statement, and no later one", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  client.socket.pause();
  client.send(query("SELECT n FROM numbers(3000000)"));
  for (let before = -1; before < rig.executor.seen.length; await sleep(50)) before = rig.executor.seen.length;
  for (const connection of rig.connections.values()) connection.cancel();
  client.socket.resume();
  const answers = (await client.untilReady()).map(textOf);
  t.deepEqual(answers.slice(-2), ["E 57014 canceling statement due to user request", "Z I"]);
  t.true(answers.length < 3_000_000);
  t.is(rig.executor.openCursors, 0);
  for (const connection of rig.connections.values()) connection.cancel();
  t.deepEqual(await client.ask(query("SELECT 1")), ["T ?column?", "D 1", "C SELECT 1", "Z I"]);
});
