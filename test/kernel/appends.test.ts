import test from "ava";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import { encodeAppend, encodeStreamCreate } from "../../runtime/kernel/codecs/write-requests.js";
import { decided } from "../../runtime/kernel/decision.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { decodeAppendReply, decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { dump, ShardTwin, utf8 } from "./shard-twin.js";

const tenant = 7;
const key = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const event = (text: string) => ({ format: 0, payload: utf8(text) });

function shardWithStream(options = {}): ShardTwin {
  const shard = new ShardTwin(options);
  shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
  shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "orders", false));
  return shard;
}

test("an append gets the next position and the next offsets", (t) => {
  const shard = shardWithStream();
  const first = shard.submit(requestKind.append, (out) =>
    encodeAppend(out, { tenant }, 1, 0, [event("a"), event("b")]),
  );
  const second = shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant }, 1, "any", [event("c")]));
  t.is(first.outcome, decided.written);
  t.like(decodeAppendReply(first.reply), { position: 1, firstOffset: 0, count: 2, replayed: false });
  t.like(decodeAppendReply(second.reply), { position: 2, firstOffset: 2, count: 1, replayed: false });
  t.is(dump(shard.replay().state), dump(shard.state));
});

test("a retry with the same key gets the first outcome; another request with it is refused", (t) => {
  const shard = shardWithStream();
  const send = (text: string) =>
    shard.submit(requestKind.append, (out) =>
      encodeAppend(out, { tenant, requestKey: key(1) }, 1, "any", [event(text)]),
    );
  const first = send("a");
  const again = send("a");
  t.is(again.outcome, decided.answered);
  t.deepEqual(decodeAppendReply(again.reply), { ...decodeAppendReply(first.reply), replayed: true });
  t.is(again.afterPosition, 1);
  t.is(send("b").error?.code, "idempotencyKeyReused");
  t.is(shard.log.length, 3);
});

test("a stream is created once; `if not exists` answers with the one there is", (t) => {
  const shard = shardWithStream();
  const again = shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "orders", false));
  t.is(again.error?.code, "streamExists");
  const soft = shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "orders", true));
  t.is(soft.outcome, decided.answered);
  t.like(decodeOutcomeReply(soft.reply), { position: 0, subject: 1, count: 0 });
});
