/** Sessions over lost connections and killed nodes: each append once, in order, whatever the writer was told meanwhile. */
import test from "ava";
import { connect, KimberliteError } from "../../protocol/sdk/index.js";
import { CuttingProxy } from "./cutting-proxy.js";
import { eventually, NodeChild, pause, scratch } from "./node-child.js";

test.serial(
  "a session's appends are each there once and in order, over connections that are cut after the request went through and a node that is killed",
  async (t) => {
    const dataDirectory = scratch(t);
    let node = await NodeChild.start({ dataDirectory });
    t.teardown(() => node.kill());
    const proxy = await CuttingProxy.start(t, () => node.port);
    await using db = await connect(`kimberlite://127.0.0.1:${proxy.port}`, { timeoutMs: 30_000 });
    const tenant = db.tenant("main");
    const stream = await tenant.streams.create("s");
    const session = await tenant.session();
    let [appends, replayed, kills] = [0, 0, 0];
    let goesOn = true;
    const writing = (async () => {
      for (; goesOn; appends++) {
        const result = await session.append(stream, { n: appends });
        t.is(result.firstOffset, BigInt(appends));
        if (result.replayed) replayed += 1;
      }
    })();
    for (let round = 0; round < 20; round++) {
      await pause(15);
      proxy.isMute = true;
      await pause(30);
      if (round === 4 || round === 8) {
        await node.kill();
        node = await NodeChild.start({ dataDirectory });
        kills += 1;
      }
      proxy.cut();
      proxy.isMute = false;
      // The next round begins once the writer got on, so that each round meets an append under way.
      const before = appends;
      await eventually("the writer goes on", () => appends > before + 2, 20_000);
    }
    goesOn = false;
    await writing;
    t.log(`${proxy.cuts} connections cut, ${kills} kills, ${replayed} appends answered as the first time`);
    t.true(proxy.cuts >= 15 && kills === 2 && replayed >= 10);
    const page = await stream.read({ limit: 100_000, consistency: "linearizable" });
    t.deepEqual(
      page.events.map((event) => event.json()),
      Array.from({ length: appends }, (_, n) => ({ n })),
    );
  },
);

test.serial("an append whose outcome is unknown is finished before the next one, once", async (t) => {
  const node = await NodeChild.start({ dataDirectory: scratch(t) });
  t.teardown(() => node.kill());
  const proxy = await CuttingProxy.start(t, () => node.port);
  await using db = await connect(`kimberlite://127.0.0.1:${proxy.port}`);
  const tenant = db.tenant("main");
  const stream = await tenant.streams.create("s");
  const session = await tenant.session();
  await session.append(stream, "a");
  const unknown = async (text: string): Promise<void> => {
    const error = await t.throwsAsync(session.append(stream, text, { timeoutMs: 200 }), {
      instanceOf: KimberliteError,
    });
    t.is(error.code, "deadlineExceeded");
    t.is(error.outcome, "unknown");
  };
  proxy.isMute = true;
  await unknown("b");
  // Waits behind it: its own turn has not come, and nothing of it was sent.
  const error = await t.throwsAsync(session.append(stream, "never sent", { timeoutMs: 100 }), {
    instanceOf: KimberliteError,
  });
  t.is(error.code, "deadlineExceeded");
  proxy.cut();
  proxy.isMute = false;
  const settled = await session.settle();
  t.is(settled?.firstOffset, 1n);
  t.true(settled?.replayed, "it had been applied, and was not applied again");
  proxy.isMute = true;
  await unknown("c");
  proxy.cut();
  proxy.isMute = false;
  t.is((await session.append(stream, "d")).firstOffset, 3n, "the next append finishes it first");
  await eventually("all four are there", async () => (await stream.read()).events.length === 4);
  t.deepEqual(
    (await stream.read()).events.map((event) => event.text()),
    ["a", "b", "c", "d"],
  );
});
