/** How long a client may take to say who it is, and what becomes of many that come at once. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import test from "ava";
import pg from "pg";
import { startTarget } from "./clients/target.js";
import { type RawClient, RigTimers, ServerRig, startupPacket, textOf } from "./rig.js";

const tooLate = ["E 57014 canceling authentication due to timeout"];

async function waiting(options: Parameters<typeof ServerRig.start>[0] = {}) {
  const timers = new RigTimers();
  const rig = await ServerRig.start({ ...options, timers });
  const client = await rig.client();
  while (timers.count === 0) await sleep(1);
  /** A second that has passed, and then the sockets are looked at. */
  const second = async (): Promise<void> => {
    timers.fire();
    for (let count = 0; count < 5; count += 1) await turn();
  };
  return { rig, client, second, timers };
}

async function closedWith(client: RawClient): Promise<string[]> {
  return (await client.untilClosed()).map(textOf);
}

test("a client that says nothing for ten seconds is told so", async (t) => {
  const { rig, client, second } = await waiting();
  for (let seconds = 0; seconds < 9; seconds += 1) await second();
  await sleep(20);
  t.false(client.isClosed);
  await second();
  t.deepEqual(await closedWith(client), tooLate);
  await rig.stop();
});

test("so is one that does not prove who it is, after ten more", async (t) => {
  const { rig, client, second } = await waiting({ authentication: "scram" });
  for (let seconds = 0; seconds < 9; seconds += 1) await second();
  client.send(startupPacket({ user: "admin", database: "main" }));
  t.is((await client.next()).type, "R");
  for (let seconds = 0; seconds < 9; seconds += 1) await second();
  await sleep(20);
  t.false(client.isClosed);
  await second();
  t.deepEqual(await closedWith(client), tooLate);
  await rig.stop();
});

test("time in which the server looks for an answer is not the client's", async (t) => {
  let answer = (): void => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { rig, client, second } = await waiting({ whenAsked: () => asked });
  client.send(startupPacket({ user: "admin", database: "main" }));
  await sleep(20);
  for (let seconds = 0; seconds < 30; seconds += 1) await second();
  answer();
  t.is((await client.untilReady()).at(-1)?.type, "Z");
  await rig.stop();
});

test("time in which the server did not look at its sockets counts once, however long it was", async (t) => {
  const { rig, client, timers } = await waiting();
  client.send(startupPacket({ user: "admin", database: "main" }));
  // All timers that are due come before the sockets are looked at.
  for (let seconds = 0; seconds < 30; seconds += 1) timers.fire();
  t.is((await client.untilReady()).at(-1)?.type, "Z");
  await rig.stop();
});

test("those that come while many are saying who they are wait until there is room; beyond the most they are told", async (t) => {
  t.timeout(60_000);
  const { target, stop } = await startTarget({
    connectionsMax: 530,
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
  });
  const silent: Socket[] = [];
  const open = async (): Promise<Socket> => {
    const socket = connect(target.port, target.host);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };
  try {
    for (let count = 0; count < 512; count += 1) silent.push(await open());
    const { host, port, user, database } = target;
    const client = new pg.Client({ host, port, user, database });
    let isIn = false;
    const connected = client.connect().then(() => {
      isIn = true;
    });
    await sleep(200);
    t.false(isIn, "512 are saying who they are");
    for (let count = 0; count < 17; count += 1) silent.push(await open());
    const refused = new pg.Client({ host, port, user, database });
    await t.throwsAsync(refused.connect(), { message: "sorry, too many clients already", code: "53300" });
    silent[0]?.destroy();
    await connected;
    t.is((await client.query("SELECT 1 AS one")).rowCount, 1);
    await client.end();
  } finally {
    for (const socket of silent) socket.destroy();
    await stop();
  }
});
