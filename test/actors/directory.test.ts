/** The directory by hand: what it does when a shard does not answer in the middle of a change. */
import test from "ava";
import { directoryDefinition } from "../../actors/directory/actor.js";
import type { DirectoryMessage } from "../../actors/directory/messages.js";
import { abandonMove, type Move } from "../../actors/directory/move.js";
import type { ShardLink } from "../../actors/directory/shard-link.js";
import { TenantRows } from "../../actors/directory/tenant-rows.js";
import type { Actor } from "../../runtime/actor/definition.js";
import type { DirectoryRow } from "../../runtime/kernel/directory-rows.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { FakeContext } from "./fake-context.js";

const move: Move = {
  tenant: 7,
  source: 1,
  sourceEpoch: 1,
  target: 2,
  epoch: 2,
  quotas: quotasDefault,
  principal: "test",
};

function linkThat(answers: (shard: number, kind: number) => void): { link: ShardLink; sent: [number, number][] } {
  const sent: [number, number][] = [];
  const link = {
    command: async (shard: number, kind: number) => {
      sent.push([shard, kind]);
      answers(shard, kind);
      return { count: 1, first: 0, subject: 7 };
    },
  };
  return { link: link as unknown as ShardLink, sent };
}

test("a move whose commit may stand is not undone on its shards: the log is asked first", async (t) => {
  const { link, sent } = linkThat((_shard, kind) => {
    if (kind === requestKind.directoryMoveAbort)
      throw new KimberliteError("routeStale", "the move ended the other way");
  });
  await t.throwsAsync(abandonMove(link, move), { code: "routeStale" });
  t.deepEqual(sent, [[0, requestKind.directoryMoveAbort]]);
});

test("a move that the log called off is undone: the source takes writes again, the target forgets even what it serves", async (t) => {
  const { link, sent } = linkThat(() => {});
  await abandonMove(link, move);
  t.deepEqual(sent, [
    [0, requestKind.directoryMoveAbort],
    [1, requestKind.tenantUnfence],
    [2, requestKind.tenantFence],
    [2, requestKind.tenantRelease],
  ]);
});

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

test("a directory that does not know whether a change was logged answers and begins again from the log", async (t) => {
  const context = new FakeContext();
  for (const neighbour of ["shard-0", "shard-1", "projection-0.0", "projection-1.0"]) context.wire(neighbour);
  const directory = (await directoryDefinition.create(context, { shards: 2 })) as Actor<DirectoryMessage>;
  const answer = async (value: unknown): Promise<void> => {
    await settled();
    // Before it reads, the directory asks how new the snapshot has to be.
    for (; context.asked[0]?.message.kind === "readIndex"; await settled()) {
      context.asked.shift()?.settle({ ok: true, value: 1 as never });
    }
    context.asked.shift()?.settle({ ok: true, value: value as never });
    await settled();
  };
  directory.receive({ kind: "systemShard", leads: true }, context.envelope("shard-0"));
  await answer(true);
  await answer(true);
  await answer({ rows: [], systemPosition: 5 });
  await answer([]);
  await answer([]);
  const params = { name: "orders" };
  directory.receive({ kind: "admin", method: "tenant.create", params, principal: "x" }, context.envelope("gateway-0"));
  await settled();
  t.is(context.asked[0]?.message.kind, "command");
  context.asked.shift()?.settle({ ok: false, error: new KimberliteError("actorGone", "in the middle") });
  await settled();
  t.like(context.replies.at(-1)?.error, { code: "actorGone" });
  t.like(context.crashed, { code: "actorGone" });
});

const row = (tenant: number, name: string): DirectoryRow => ({ tenant, name }) as DirectoryRow;

test("isolation: a name belongs to one tenant at a time; rows come in pages by ascending number", (t) => {
  const rows = new TenantRows();
  for (const tenant of [9, 2, 7, 4]) rows.learn(row(tenant, `t${tenant}`));
  const page = (after: number, limit: number): number[] => rows.page(after, limit).map(({ tenant }) => tenant);
  t.deepEqual(page(0, 2), [2, 4]);
  t.deepEqual(page(4, 2), [7, 9]);
  t.deepEqual(page(5, 9), [7, 9]);
  t.deepEqual(page(9, 2), []);
  rows.forget(row(4, "t4"));
  rows.learn(row(11, "t4"));
  t.deepEqual(page(0, 9), [2, 7, 9, 11]);
  t.is(rows.named("t4")?.tenant, 11);
  t.throws(() => rows.learn(row(12, "t4")), { message: /isolation: a name belongs to one tenant at a time/ });
  t.throws(() => rows.forget(row(4, "t4")), { message: /only a tenant that is known is forgotten/ });
});
