/** As `test/kernel/damaged-pages.test.ts`, of statements: a statement that meets a damaged page is not refused, it stops the shard. */
import test from "ava";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { isPageDamage } from "../../runtime/store/page-file.js";
import { miB } from "../../runtime/types/limits.js";
import { ShardTwin } from "../kernel/shard-twin.js";
import { ClosedStore } from "../store/damaged-store.js";
import { ShardRig, tenant } from "./shard-rig.js";

const roomBytes = 16 * miB;

/** Each way in which a statement that writes reaches the rows: by a program of its own, by the executor, in a block of a transaction. */
const statements: Readonly<Record<string, readonly string[]>> = {
  "an insert of one row": ["insert into t values (10001, 1, 'new')"],
  "an insert that finds its row": ["insert into t values (150, 1, 'x') on conflict (id) do update set n = t.n + 1"],
  "an update by key": ["update t set n = n + 1 where id = 150"],
  "an update of all": ["update t set n = n + 1 where text like '%7%'"],
  "a delete": ["delete from t where id = 150"],
  "an index": ["create index on t (text)"],
  "a drop": ["drop table t"],
  "a transaction": ["begin", "select * from t where id = 150 for update", "update t set n = 0 where id = 150"],
};

function closedShard(): { closed: ClosedStore; time: number; address: number } {
  let time = 0;
  let address = 0;
  const closed = new ClosedStore((store) => {
    const shard = new ShardTwin({}, store, roomBytes);
    shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
    const session = new ShardRig(shard).session();
    session.rows("create table t (id int primary key, n int, text text)");
    session.rows("insert into t select i, i, 'row ' || repeat('x', 60) || i from generate_series(1, 400) as s(i)");
    ({ time, address } = shard);
  });
  return { closed, time, address };
}

const { closed, time, address } = closedShard();
const allPages = Array.from({ length: closed.pages }, (_, page) => page);

function outcomeOf(texts: readonly string[], damaged: readonly number[]): "done" | "thrown" {
  const store = closed.opened(damaged);
  try {
    const shard = new ShardTwin({}, store, roomBytes, "opened");
    shard.time = time;
    shard.address = address;
    const session = new ShardRig(shard).session();
    for (const text of texts) {
      if (text === "begin") session.begin();
      else session.rows(text);
    }
    if (texts[0] === "begin" && session.commit().kind !== "rows") throw new Error("its end was refused");
    return "done";
  } catch (error) {
    if (!isPageDamage(error)) throw error;
    return "thrown";
  } finally {
    store.close();
  }
}

for (const [name, texts] of Object.entries(statements)) {
  test(`a damaged page that a statement meets is thrown, whichever it is: ${name}`, (t) => {
    t.is(outcomeOf(texts, []), "done", "the state is whole, and takes it");
    t.is(outcomeOf(texts, allPages), "thrown", "whatever it reads is damaged");
    const met = allPages.filter((page) => outcomeOf(texts, [page]) === "thrown");
    t.true(met.length > 0 && met.length < closed.pages, `${met.length} of ${closed.pages} pages are met`);
  });
}
