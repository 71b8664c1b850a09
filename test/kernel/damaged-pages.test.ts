/**
 * A damaged page is no reason to refuse a command: its state is derived anew, and the command decided then. So whatever command meets one, and
 * whichever page it is, deciding throws.
 */
import test from "ava";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import {
  encodeAppend,
  encodeGroupCreate,
  encodeSessionOpen,
  encodeStreamCreate,
} from "../../runtime/kernel/codecs/write-requests.js";
import { decided } from "../../runtime/kernel/decision.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { isPageDamage } from "../../runtime/store/page-file.js";
import type { ByteWriter } from "../../runtime/types/byte-writer.js";
import { ClosedStore } from "../store/damaged-store.js";
import { ShardTwin, utf8 } from "./shard-twin.js";

const tenant = 7;
const streams = 300;
const group = { name: "group", stream: 1, start: 0, attemptsMax: 5, timeoutMs: 1_000 };
const events = [{ format: 0, payload: utf8("an event") }];

type Command = readonly [number, (out: ByteWriter) => ByteWriter];

/** One of each way in which the kernel reads its trees; all of them are written by a whole state. */
const commands: Readonly<Record<string, Command>> = {
  append: [requestKind.append, (out) => encodeAppend(out, { tenant }, streams, "any", events)],
  "append with a key": [
    requestKind.append,
    (out) => encodeAppend(out, { tenant, requestKey: new Uint8Array(16).fill(9) }, 1, "any", events),
  ],
  stream: [requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "one more", false)],
  group: [requestKind.groupCreate, (out) => encodeGroupCreate(out, { tenant }, group, false)],
  session: [requestKind.sessionOpen, (out) => encodeSessionOpen(out, { tenant }, new Uint8Array(16).fill(3))],
  tenant: [requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant + 1, 1, "fresh", quotasDefault)],
};

/** Enough streams that the trees have pages below their roots. */
function closedShard(): { closed: ClosedStore; time: number; address: number } {
  let time = 0;
  let address = 0;
  const closed = new ClosedStore((store) => {
    const shard = new ShardTwin({}, store);
    shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
    for (let stream = 0; stream < streams; stream++) {
      const name = `stream ${stream} ${"x".repeat(50)}`;
      shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, name, false));
    }
    ({ time, address } = shard);
  });
  return { closed, time, address };
}

const { closed, time, address } = closedShard();
const allPages = Array.from({ length: closed.pages }, (_, page) => page);

/** What a command comes to on a state with these pages damaged. */
function outcomeOf([kind, encode]: Command, damaged: readonly number[]): "written" | "thrown" {
  const store = closed.opened(damaged);
  try {
    const shard = new ShardTwin({}, store, undefined, "opened");
    shard.time = time;
    shard.address = address;
    const { outcome, error } = shard.submit(kind, encode);
    if (outcome !== decided.written) throw new Error(`refused: ${error?.code ?? outcome} ${error?.message ?? ""}`);
    return "written";
  } catch (error) {
    if (!isPageDamage(error)) throw error;
    return "thrown";
  } finally {
    store.close();
  }
}

for (const [name, command] of Object.entries(commands)) {
  test(`a damaged page that a command meets is thrown, whichever it is: ${name}`, (t) => {
    t.is(outcomeOf(command, []), "written", "the state is whole, and takes it");
    t.is(outcomeOf(command, allPages), "thrown", "whatever it reads is damaged");
    const met = allPages.filter((page) => outcomeOf(command, [page]) === "thrown");
    t.true(met.length > 0 && met.length < closed.pages, `${met.length} of ${closed.pages} pages are met`);
  });
}
