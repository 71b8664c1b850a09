import test from "ava";
import fc from "fast-check";
import {
  encodeTenantActivate,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantImport,
} from "../../runtime/kernel/codecs/control-requests.js";
import { decided } from "../../runtime/kernel/decision.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { encodeWriteHead } from "../../runtime/kernel/request.js";
import { beginSqlFacts, putFact, removeFact, SqlFactsReader, stagedFact } from "../../runtime/kernel/sql-facts.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import {
  fromBytes,
  itemAt,
  spaceTrees,
  TableKey,
  tableSpace,
  tableTree,
  toBytes,
} from "../../runtime/store/table-trees.js";
import { type TreeReader, treeKeyBytesMax } from "../../runtime/store/tree.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { dump, hex, ShardTwin, utf8 } from "./shard-twin.js";
import { endVersion, makeStore } from "./store-under-test.js";

const tenants = [3, 4];
const adopt = (shard: ShardTwin, tenant: number, bytesMax = quotasDefault.bytesMax): unknown =>
  shard.submit(requestKind.tenantAdopt, (out) =>
    encodeTenantAdopt(out, tenant, 1, "fresh", { ...quotasDefault, bytesMax }),
  );

interface Change {
  readonly space: number;
  readonly object: number;
  readonly item: string;
  /** Null removes. */
  readonly content: string | null;
}

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    space: fc.constantFrom(tableSpace.rows, tableSpace.rows, tableSpace.index),
    object: fc.constantFrom(7, 8),
    item: fc.constantFrom("a!", "b!", "c!", "dd!"),
    content: fc.option(fc.string({ unit: fc.constantFrom("x", "y"), maxLength: 3 }), { nil: null }),
  }),
  fc.record({
    space: fc.constant(tableSpace.catalog),
    object: fc.constantFrom(0, 7),
    item: fc.constant(""),
    content: fc.option(fc.string({ maxLength: 3 }), { nil: null }),
  }),
);
const transaction = fc.record({
  tenant: fc.constantFrom(...tenants),
  changes: fc.uniqueArray(change, {
    minLength: 1,
    maxLength: 6,
    selector: ({ space, object, item }) => `${space} ${object} ${item}`,
  }),
  sequence: fc.option(fc.nat(9), { nil: null }),
});

/** The stupid twin: for each tenant, the whole content after each position. */
class Model {
  readonly states: Map<string, string>[] = [];

  get now(): Map<string, string> {
    return this.states.at(-1) ?? new Map<string, string>();
  }
}

const nameOf = ({ space, object, item }: Change): string => `${space} ${object} ${hex(utf8(item))}`;

/** What is true at a position, found the slowest way: every entry of both trees of every space. */
function stateAt(state: TreeReader, tenant: number, position: number): Map<string, string> {
  const found = new Map<string, string>();
  const key = new Uint8Array(treeKeyBytesMax);
  const view = new DataView(key.buffer);
  for (const [space, trees] of Object.entries(spaceTrees)) {
    for (const tree of [trees.now, trees.before]) {
      const cursor = state.cursor(tree);
      for (let more = cursor.seek(new Uint8Array(0)); more; more = cursor.next()) {
        const length = cursor.keyInto(key);
        if (Number(view.getBigUint64(0)) !== tenant) continue;
        const from = Number(cursor.valueView.getBigUint64(cursor.valueStart, true));
        const isPast = tree === trees.before;
        const to = isPast ? Number(view.getBigUint64(length - toBytes)) : Number.POSITIVE_INFINITY;
        if (from > position || to <= position) continue;
        const item = key.subarray(itemAt, isPast ? length - toBytes : length);
        const content = cursor.valueBytes.slice(cursor.valueStart + fromBytes, cursor.valueStart + cursor.valueLength);
        const name = `${space} ${view.getUint32(8)} ${hex(item)}`;
        if (found.has(name)) throw new Error(`two versions of ${name} are true at ${position}`);
        found.set(name, hex(content));
      }
    }
  }
  return found;
}

const sorted = (map: Map<string, string>): string[] => [...map].map(([key, value]) => `${key} = ${value}`).sort();

function facts(out: ByteWriter, tenant: number, changes: readonly Change[], sequence: number | null): ByteWriter {
  encodeWriteHead(out, { tenant });
  beginSqlFacts(out, changes.filter(({ space }) => space === tableSpace.rows).length);
  for (const { space, object, item, content } of changes) {
    if (content === null) removeFact(out, space, object, utf8(item));
    else putFact(out, space, object, utf8(item), utf8(content));
  }
  if (sequence !== null) putFact(out, tableSpace.sequences, 9, new Uint8Array(0), new Uint8Array(8).fill(sequence));
  return out;
}

/** Runs transactions against a shard and the model; removes of what is not there are left out. */
function run(
  shard: ShardTwin,
  transactions: readonly (typeof transaction extends fc.Arbitrary<infer T> ? T : never)[],
) {
  const models = new Map(tenants.map((tenant) => [tenant, new Model()]));
  for (const { tenant, changes, sequence } of transactions) {
    const model = models.get(tenant);
    if (model === undefined) continue;
    const next = new Map(model.now);
    const sound = changes.filter((each) => each.content !== null || next.has(nameOf(each)));
    for (const each of sound) {
      if (each.content === null) next.delete(nameOf(each));
      else next.set(nameOf(each), hex(utf8(each.content)));
    }
    const answer = shard.submit(requestKind.sqlCommit, (out) => facts(out, tenant, sound, sequence));
    if (answer.outcome !== decided.written) throw new Error(`refused: ${answer.error?.message}`);
    model.states.push(next);
  }
  return models;
}

const tenantDump = (shard: ShardTwin, tenant: number): string[] =>
  dump(shard.state)
    .split("\n")
    .filter((line) => Number(line.split(" ")[0]) >= tableTree.catalog)
    .filter((line) => line.split(" ")[1]?.startsWith(tenant.toString(16).padStart(16, "0")));

test("random transactions: every past position reads as the stupid twin says, replay and a move give the same bytes", (t) => {
  let positions = 0;
  fc.assert(
    fc.property(fc.array(transaction, { minLength: 1, maxLength: 25 }), (transactions) => {
      const shard = new ShardTwin();
      for (const tenant of tenants) adopt(shard, tenant);
      const models = run(shard, transactions);
      for (const [tenant, { states }] of models) {
        states.forEach((state, position) => {
          t.deepEqual(sorted(stateAt(shard.state, tenant, position)), sorted(state));
          positions += 1;
        });
      }
      t.is(dump(shard.replay().state), dump(shard.state), "replay equals live");
      const store = makeStore(4 * 1024 * 1024);
      t.is(dump(shard.replay(store).state), dump(shard.state), "the real store ends with the same bytes");
      endVersion(store);
      store.close();

      // A moved tenant keeps its tables and their past; what is left behind is removed to the last entry.
      const tenant = 3;
      const target = new ShardTwin();
      const records = shard.log.filter((entry) => entry.tenant === tenant);
      shard.submit(requestKind.tenantFence, (out) => encodeTenantControl(out, tenant, 1));
      target.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 2, "import", quotasDefault));
      if (records.length > 0) {
        const bytes = Buffer.concat(records.map((record) => record.bytes));
        target.submit(requestKind.tenantImport, (out) => encodeTenantImport(out, tenant, 2, 0, records.length, bytes));
      }
      target.submit(requestKind.tenantActivate, (out) => encodeTenantActivate(out, tenant, 2, records.length));
      t.deepEqual(tenantDump(target, tenant), tenantDump(shard, tenant));
      shard.submit(requestKind.tenantRelease, (out) => encodeTenantControl(out, tenant, 1));
      const release = shard.submit(requestKind.tenantRelease, (out) => encodeTenantControl(out, tenant, 1));
      t.is(decodeOutcomeReply(release.reply).count, 1);
      t.deepEqual(tenantDump(shard, tenant), []);
      t.is(dump(shard.replay().state), dump(shard.state), "a release replays");
    }),
    { numRuns: 150 },
  );
  t.true(positions > 500, `${positions} positions were compared`);
});

test("a transaction beyond the tenant's bytes is refused and leaves nothing", (t) => {
  const shard = new ShardTwin();
  adopt(shard, 3, 100);
  const large: Change = { space: tableSpace.rows, object: 7, item: "a", content: "x".repeat(60) };
  t.is(shard.submit(requestKind.sqlCommit, (out) => facts(out, 3, [large], null)).outcome, decided.written);
  const before = dump(shard.state);
  const refused = shard.submit(requestKind.sqlCommit, (out) => facts(out, 3, [large], null));
  t.is(refused.outcome, decided.refused);
  t.is(refused.error?.code, "quotaExceeded");
  t.is(dump(shard.state), before);
});

test("facts that are cut, changed or of another shape are refused, never applied", (t) => {
  const shard = new ShardTwin();
  adopt(shard, 3);
  const changes: Change[] = [
    { space: tableSpace.catalog, object: 7, item: "", content: "t" },
    { space: tableSpace.rows, object: 7, item: "a!", content: "row" },
    { space: tableSpace.index, object: 8, item: "k!", content: "" },
  ];
  const whole = facts(new ByteWriter(), 3, changes, 5).finish();
  let refusals = 0;
  for (let length = 40; length < whole.length; length += 1) {
    const { decision } = shard.decide(requestKind.sqlCommit, whole.slice(0, length));
    // Between two entries the facts end soundly.
    if (decision.outcome === decided.written) continue;
    t.is(decision.error?.code, "frameInvalid");
    refusals += 1;
  }
  t.true(refusals > 50);
  t.is(shard.decide(requestKind.sqlCommit, whole).decision.outcome, decided.written);
  const reader = new SqlFactsReader();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      let entries = 0;
      if (reader.open(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)) {
        while (reader.next()) entries += 1;
      }
      t.true(entries <= bytes.length);
    }),
  );
});

test("parts are staged in turn, put into the trees by their commit, and removed when it never came", (t) => {
  const shard = new ShardTwin();
  adopt(shard, 3);
  const stage = (part: number, item: string, to = shard): ReturnType<ShardTwin["submit"]> =>
    to.submit(requestKind.sqlStage, (out) => {
      encodeWriteHead(out, { tenant: 3 }).u32(part);
      putFact(out, tableSpace.rows, 7, utf8(item), utf8("row"));
      return out;
    });
  const commit = (parts: number): ReturnType<ShardTwin["submit"]> =>
    shard.submit(requestKind.sqlCommit, (out) => {
      encodeWriteHead(out, { tenant: 3 });
      beginSqlFacts(out, parts);
      stagedFact(out, parts);
      return out;
    });
  t.is(stage(0, "lost!").outcome, decided.written);
  t.is(stage(0, "a!").outcome, decided.written);
  t.is(stage(1, "b!").outcome, decided.written);
  t.is(stateAt(shard.state, 3, 2).size, 0, "nobody sees a part");
  t.is(
    t.throws(() => stage(1, "c!", shard.replay()))?.message,
    "assertion failed: order: a part of a large transaction is staged once",
  );
  const other = shard.replay();
  t.is(
    t.throws(() =>
      other.submit(requestKind.sqlCommit, (out) => {
        encodeWriteHead(out, { tenant: 3 });
        beginSqlFacts(out, 3);
        stagedFact(out, 3);
        return out;
      }),
    )?.message,
    "assertion failed: order: each part of a large transaction was staged before its commit",
  );
  t.is(commit(2).outcome, decided.written);
  const position = Math.max(...shard.log.filter((entry) => entry.tenant === 3).map((entry) => entry.position));
  t.deepEqual([...stateAt(shard.state, 3, position).keys()].sort(), [
    `2 7 ${hex(utf8("a!"))}`,
    `2 7 ${hex(utf8("b!"))}`,
  ]);
  t.is(stateAt(shard.state, 3, position - 1).size, 0, "all at once");
  t.is(dump(shard.replay().state), dump(shard.state), "replay equals live");
});

test("facts that do not fit the state stop the shard", (t) => {
  const shard = new ShardTwin();
  adopt(shard, 3);
  const row: Change = { space: tableSpace.rows, object: 7, item: "a!", content: "row" };
  const tripped = (changes: readonly Change[]): string | undefined =>
    t.throws(() => shard.submit(requestKind.sqlCommit, (out) => facts(out, 3, changes, null)))?.message;
  t.is(tripped([row, row]), "assertion failed: order: an item changes once in a transaction");
  const other = new ShardTwin();
  adopt(other, 3);
  const remove = { ...row, content: null };
  t.is(
    t.throws(() => other.submit(requestKind.sqlCommit, (out) => facts(out, 3, [remove], null)))?.message,
    "assertion failed: order: what a transaction removes is there",
  );
  t.is(
    t.throws(() => new TableKey().object(0, 7))?.message,
    "assertion failed: isolation: tables belong to a tenant of users",
  );
});

test("parts of a large transaction: each is staged once, and its commit finds them all, or the shard stops", (t) => {
  const stage = (part: number) => (out: ByteWriter) => {
    encodeWriteHead(out, { tenant: 3 });
    out.u32(part);
    putFact(out, tableSpace.rows, 7, utf8(`${part}!`), utf8("row"));
    return out;
  };
  const commit = (parts: number) => (out: ByteWriter) => {
    encodeWriteHead(out, { tenant: 3 });
    beginSqlFacts(out, parts);
    stagedFact(out, parts);
    return out;
  };
  const shard = new ShardTwin();
  adopt(shard, 3);
  // What was left behind by a transaction that never ended goes with the first part of the next.
  for (const part of [0, 1, 2, 0, 1]) t.is(shard.submit(requestKind.sqlStage, stage(part)).outcome, decided.written);
  t.false(shard.state.get(tableTree.rows, new TableKey().item(3, 7, utf8("0!"))), "nothing shows before the commit");
  t.is(shard.submit(requestKind.sqlCommit, commit(2)).outcome, decided.written);
  for (const item of ["0!", "1!"]) t.true(shard.state.get(tableTree.rows, new TableKey().item(3, 7, utf8(item))));
  t.false(shard.state.cursor(tableTree.staged).seek(new Uint8Array(0)), "nothing stays staged");
  t.is(dump(shard.replay().state), dump(shard.state));
  t.is(
    t.throws(() => shard.submit(requestKind.sqlCommit, commit(1)))?.message,
    "assertion failed: order: each part of a large transaction was staged before its commit",
  );
  const other = new ShardTwin();
  adopt(other, 3);
  other.submit(requestKind.sqlStage, stage(1));
  t.is(
    t.throws(() => other.submit(requestKind.sqlStage, stage(1)))?.message,
    "assertion failed: order: a part of a large transaction is staged once",
  );
});
