/** Statements on their way to a shard that are taken back before they are sent. */
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { RequestBatchReader } from "../../actors/messages/request-batch.js";
import type { SqlOutcome } from "../../protocol/postgres/executor.js";
import { SqlRouter } from "../../protocol/postgres/sql-router.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { FakeContext } from "../actors/fake-context.js";
import { requestOf, standingAlone } from "../sql/statement-request.js";

const syntax = Uint8Array.of(1, 2, 3);
const statement = (text: string) =>
  requestOf({
    kind: "execute",
    tenant: 7,
    session: 1,
    user: "admin",
    text,
    syntax,
    parameters: [],
    transaction: standingAlone(1),
  });

function routed(isRouted = true) {
  const context = new FakeContext();
  const router = new SqlRouter(context, 2, 1);
  for (const neighbour of ["shard-1", "directory"]) router.wired(neighbour, context.wire(neighbour));
  context.told.length = 0;
  if (isRouted) router.routeChanged({ tenant: 7, shard: 1, epoch: 1 });
  /** Kinds of what the shard was sent. */
  const sent = (): number[] =>
    context.toldOf("requests").flatMap(({ message }) => {
      const batch = new RequestBatchReader().open(message["bytes"] as Uint8Array);
      const kinds: number[] = [];
      while (batch.next()) kinds.push(batch.kind);
      return kinds;
    });
  const settled: (SqlOutcome | null)[] = [];
  const run = (text: string) => {
    const at = settled.push(null) - 1;
    return router.run(statement(text), "shard", (outcome) => {
      settled[at] = outcome;
    });
  };
  const codes = () => settled.map((outcome) => (outcome?.kind === "failed" ? outcome.sqlState : outcome));
  return { context, router, run, sent, codes };
}

async function turns(): Promise<void> {
  for (let count = 0; count < 50; count += 1) await turn();
}

test("what waits to be sent is taken back without the shard hearing of it, what stands beside it goes", async (t) => {
  const { run, sent, codes, router } = routed();
  const calls = ["a", "b", "c"].map(run);
  calls[0]?.takeBack();
  calls[0]?.cancel();
  calls[2]?.takeBack();
  t.deepEqual(codes(), [null, null, null]);
  await turns();
  t.deepEqual(sent(), [requestKind.sql]);
  t.deepEqual(codes(), ["57014", null, "57014"]);
  t.is(router.pending, 1);
});

test("what is cancelled is sent all the same, and the cancel behind it: it may be the end of a transaction, with its locks", async (t) => {
  const { context, run, sent, codes } = routed(false);
  run("rollback").cancel();
  context.asked[0]?.settle({ ok: true, value: { tenant: 7, shard: 1, epoch: 1 } as never });
  run("rollback").cancel();
  await turns();
  t.deepEqual(sent(), [requestKind.sql, requestKind.cancel, requestKind.sql, requestKind.cancel]);
  t.deepEqual(codes(), [null, null]);
});

test("a batch of which everything is taken back is not sent", async (t) => {
  const { run, sent, codes, router } = routed();
  run("a").takeBack();
  await turns();
  t.deepEqual(sent(), []);
  t.deepEqual(codes(), ["57014"]);
  t.is(router.pending, 0);
  run("b");
  await turns();
  t.deepEqual(sent(), [requestKind.sql], "the next batch is not touched");
});

test("what was sent cannot be taken back; a cancel of it is told to the shard", async (t) => {
  const { run, sent, codes } = routed();
  const call = run("a");
  await turns();
  call.takeBack();
  await turns();
  t.deepEqual(sent(), [requestKind.sql]);
  call.cancel();
  await turns();
  t.deepEqual(sent(), [requestKind.sql, requestKind.cancel]);
  t.deepEqual(codes(), [null]);
});

test("a statement that waits for its route is not sent once that is known, when it was taken back meanwhile", async (t) => {
  const { context, run, sent, codes } = routed(false);
  run("a").takeBack();
  run("b");
  context.asked[0]?.settle({ ok: true, value: { tenant: 7, shard: 1, epoch: 1 } as never });
  await turns();
  t.deepEqual(sent(), [requestKind.sql]);
  t.deepEqual(codes(), ["57014", null]);
});
