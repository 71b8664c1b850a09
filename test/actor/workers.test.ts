/** The tree on real worker threads. */
import test from "ava";
import { startTree } from "../../runtime/actor/tree.js";
import type { ChildSpec, GroupSpec } from "../../runtime/actor/tree-spec.js";
import type { ProbeArgs } from "./registry.js";

const registry = new URL("./registry.js", import.meta.url);

const probe = (
  id: string,
  more: Partial<ChildSpec<never>> & { readonly probeArgs?: ProbeArgs } = {},
): ChildSpec<never> => ({
  id,
  kind: "probe",
  args: () => more.probeArgs ?? {},
  worker: id,
  restart: "permanent",
  ...more,
});

const group = (
  children: readonly (ChildSpec<never> | GroupSpec<never>)[],
  more: Partial<GroupSpec<never>> = {},
): GroupSpec<never> => ({
  id: "node",
  strategy: "one-for-one",
  children,
  ...more,
});

const failed = (error: unknown): never => {
  throw error;
};

test("an actor in its own thread is asked, and asks a neighbour in another and one in the same thread", async (t) => {
  const tree = await startTree(
    group([probe("a"), probe("b", { neighbours: ["a"] }), probe("c", { worker: "b", neighbours: ["b"] })]),
    {
      registry,
      onFailed: failed,
    },
  );
  const b = tree.port("b");
  t.is(await b.ask({ kind: "echo", text: "hello" }, { deadlineMs: 1000 }), "hello");
  for (const kind of ["forward", "awaitForward"]) {
    for (const to of ["a", "c"]) {
      const reply = await b.ask<unknown>({ kind, to, text: "far" }, { deadlineMs: 1000 });
      t.is(kind === "forward" ? reply : (reply as { text: string }).text, "far");
    }
  }
  await tree.stop(2000);
});

test("a terminated thread's actor is started again and wired with a new epoch to its neighbours", async (t) => {
  const events: string[] = [];
  const tree = await startTree(group([probe("a"), probe("b", { neighbours: ["a"] })]), {
    registry,
    onFailed: failed,
    onEvent: (event) => events.push(`${event.event} ${event.path}`),
  });
  const b = tree.port("b");
  await tree.terminateWorker("a");
  const reply = await tree.port("a").ask<{ epoch: number }>({ kind: "count" }, { deadlineMs: 2000 });
  t.true(reply.epoch > 3);
  const all = await b.ask<string[]>({ kind: "events" }, { deadlineMs: 1000 });
  const seen = all.filter((event) => event.includes(" a "));
  t.is(seen.length, 3);
  t.regex(seen[0] ?? "", /^wired a \d+/);
  t.is(seen[1], "unwired a gone");
  t.regex(seen[2] ?? "", /^wired a \d+/);
  t.deepEqual(
    events.filter((event) => event.endsWith("/a")),
    ["started node/a", "crashed node/a", "started node/a", "restarted node/a"],
  );
  await tree.stop(2000);
});
