/** What a gateway has no room for: it waits in its order, and the shard decides nothing more meanwhile. */
import test from "ava";
import { ReplyBatchReader } from "../../actors/messages/reply-batch.js";
import { RequestBatchWriter } from "../../actors/messages/request-batch.js";
import { HeldAnswers } from "../../actors/shard/held-answers.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { FakeContext } from "./fake-context.js";
import { startShard, temporary } from "./started-shard.js";

test("answers that find no room are sent later in their order, those of a gateway that is gone never", (t) => {
  const context = new FakeContext();
  let asked = 0;
  const held = new HeldAnswers(
    (port, message) => context.tell(port, message),
    () => {
      asked += 1;
    },
  );
  const [first, second] = ["gateway-0", "gateway-1"].map((neighbour) => context.wire(neighbour));
  if (first === undefined || second === undefined) throw new Error("two gateways are wired");
  const tell = (port: typeof first, number: number) =>
    held.tell(port, { kind: "replies", bytes: new Uint8Array(1_000), number });
  const numbers = () => context.told.map(({ message }) => message["number"]);

  context.busy.add("gateway-0");
  t.deepEqual(
    [1, 2, 3].map((number) => tell(first, number)),
    ["accepted", "accepted", "accepted"],
  );
  t.is(tell(second, 4), "accepted");
  t.deepEqual(numbers(), [4]);
  t.deepEqual([held.bytes, asked], [3_000, 1]);
  held.due();
  t.deepEqual([held.bytes, asked], [3_000, 2]);
  context.busy.clear();
  t.is(tell(first, 5), "accepted");
  t.deepEqual(numbers(), [4], "nothing overtakes what is held");
  held.due();
  t.deepEqual(numbers(), [4, 1, 2, 3, 5]);
  t.deepEqual([held.bytes, asked], [0, 2]);

  context.busy.add("gateway-0");
  tell(first, 6);
  context.unwire("gateway-0");
  held.resend();
  t.is(held.bytes, 0);
  t.is(numbers().length, 5);
});

test("answers of a shard to a gateway without room are not lost", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId);
  t.teardown(stop);
  const from = context.envelope("gateway-0");
  const unknown = Uint8Array.of(99, 0, 0, 0, 0, 0, 0, 0);
  const ask = (correlation: number): void => {
    const batch = new RequestBatchWriter();
    batch.add(correlation, 0, requestKind.append, new TextEncoder().encode("admin"), unknown, 0, unknown.length);
    shard.receive({ kind: "requests", bytes: batch.take(), count: 1 }, from);
    shard.flush?.();
  };
  const answered = (): number[] =>
    context.toldOf("replies").flatMap(({ message }) => {
      const replies = new ReplyBatchReader().open(message["bytes"] as Uint8Array);
      const found: number[] = [];
      while (replies.next()) found.push(replies.correlation);
      return found;
    });
  ask(1);
  t.deepEqual(answered(), [1]);
  context.busy.add("gateway-0");
  ask(2);
  ask(3);
  t.deepEqual(answered(), [1]);
  context.busy.clear();
  ask(4);
  shard.receive({ kind: "resendAnswers" }, from);
  t.deepEqual(answered(), [1, 2, 3, 4]);
});
