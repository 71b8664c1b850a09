/** The trees against their stupid twin: every operation, cursors both ways, versions, rolling back. */
import test from "ava";
import fc from "fast-check";
import { pageBytes, pageCapacity } from "../../runtime/store/layout.js";
import { Store } from "../../runtime/store/store.js";
import {
  type TreeReader,
  type TreeWriter,
  treeInlineValueBytesMax,
  treeKeyBytesMax,
} from "../../runtime/store/tree.js";
import { assertSame, checkShape } from "./checks.js";
import { MemoryPageFile } from "./memory-page-file.js";
import { ModelTree } from "./model-tree.js";

const clusterId = new Uint8Array(16).fill(7);
const makeStore = (pages = 2048): Store =>
  Store.create({ file: new MemoryPageFile(), clusterId, cacheBytes: pages * pageBytes });

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
};

test("an empty tree has nothing", (t) => {
  const store = makeStore();
  t.false(store.get(3, bytesOf("a")));
  t.false(store.delete(3, bytesOf("a")));
  t.false(store.update(3, bytesOf("a")));
  const cursor = store.cursor(3);
  t.false(cursor.seek(new Uint8Array(0)));
  t.false(cursor.next());
  t.false(cursor.seekFloor(bytesOf("z")));
  t.is(store.entries(3), 0);
});

test("keys that come in order before one of another beginning: a page that splits takes no prefix for which it has no room", (t) => {
  for (const bytes of [199, 237, 271, 316, 419, 617, 731, 805]) {
    const store = makeStore(64);
    const model = new ModelTree();
    const put = (key: Uint8Array, length: number): void => {
      store.put(0, key, new Uint8Array(length));
      model.put(0, key, new Uint8Array(length));
    };
    put(bytesOf("b"), 200);
    for (let last = 0; last < 200; last++) put(Uint8Array.of(97, 97, 97, last), bytes);
    assertSame(store, model, 0);
    checkShape(store, 0);
    t.is(store.entries(0), 201);
  }
});

test("the empty key and keys of zeros are keys like others", (t) => {
  const store = makeStore();
  const model = new ModelTree();
  for (const length of [0, 1, 2, 3, 4, 5, 8, 100, 512, treeKeyBytesMax]) {
    for (const fill of [0, 1, 255]) {
      const key = new Uint8Array(length).fill(fill);
      store.put(1, key, u64(length));
      model.put(1, key, u64(length));
    }
  }
  t.true(assertSame(store, model, 1) > 20);
});

/** Bytes that follow from a number, as unlike those of another one as can be. */
function longKey(seed: number, length = treeKeyBytesMax): Uint8Array {
  const key = new Uint8Array(length);
  let state = Math.imul(seed + 1, 0x9e3779b1);
  for (let at = 0; at < length; at++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    key[at] = state >>> 24;
  }
  return key;
}

const patterns: Record<string, (index: number) => Uint8Array> = {
  ascending: (index) => u64(index),
  descending: (index) => u64(1_000_000 - index),
  shuffled: (index) => u64(Math.imul(index, 0x9e3779b1) >>> 0),
  "round robin over 7 streams": (index) =>
    bytesOf(`stream-${index % 7}-${String(Math.floor(index / 7)).padStart(8, "0")}`),
  "runs in 7 streams": (index) =>
    bytesOf(
      `stream-${Math.floor(index / 50) % 7}-${String(Math.floor(index / 350) * 50 + (index % 50)).padStart(8, "0")}`,
    ),
  "long shared prefixes": (index) => bytesOf(`${"x".repeat((index % 5) * 60)}${Math.imul(index, 0x9e3779b1) >>> 0}`),
  "512 bytes": (index) => {
    const key = new Uint8Array(512).fill(index % 3);
    new DataView(key.buffer).setUint32(index % 2 === 0 ? 0 : 508, Math.imul(index, 0x9e3779b1) >>> 0);
    return key;
  },
  "as long as may be, alike but for their ends by sixes": (index) => {
    const key = longKey(Math.floor(index / 6));
    key[treeKeyBytesMax - 1] = index % 6;
    return key;
  },
};

for (const [name, keyOf] of Object.entries(patterns)) {
  test(`5,000 keys ${name}: put, read, replace, delete in halves`, (t) => {
    const store = makeStore(8192);
    const model = new ModelTree();
    const count = 5000;
    for (let index = 0; index < count; index++) {
      const value = new Uint8Array(index % 40).fill(index);
      store.put(2, keyOf(index), value);
      model.put(2, keyOf(index), value);
    }
    t.true(assertSame(store, model, 2) > 0);
    checkShape(store, 2);
    store.publish(store.seal(new Uint8Array(0)));
    for (let index = 0; index < count; index += 3) {
      const value = new Uint8Array((index * 7) % 90).fill(index + 1);
      store.put(2, keyOf(index), value);
      model.put(2, keyOf(index), value);
    }
    t.true(assertSame(store, model, 2) > 0);
    checkShape(store, 2);
    for (let index = 0; index < count; index += 2) t.is(store.delete(2, keyOf(index)), model.delete(2, keyOf(index)));
    t.true(assertSame(store, model, 2) > 0);
    checkShape(store, 2);
    for (let index = count - 1; index >= 0; index--) t.is(store.delete(2, keyOf(index)), model.delete(2, keyOf(index)));
    t.is(store.entries(2), 0);
    t.is(assertSame(store, model, 2), 0);
    t.is(store.heightOf(2), 0);
  });
}

test("ascending keys leave full pages behind", (t) => {
  const store = makeStore(8192);
  for (let index = 0; index < 100_000; index++) store.put(4, u64(index), u64(index));
  const { pages } = checkShape(store, 4);
  // 18 bytes an entry: 8 slot, 2 length, 8 value; the suffix of at most four bytes lies in the slot.
  t.true(pages * pageBytes < 100_000 * 18 * 1.05, `${pages} pages`);
});

test("keys that ascend before those of another beginning leave full pages behind, too", (t) => {
  for (const bytes of [8, 60, 200, 900]) {
    const store = makeStore(4096);
    store.put(4, Uint8Array.of(255), u64(0));
    const count = 8_000;
    for (let index = 0; index < count; index++) store.put(4, u64(index), new Uint8Array(bytes));
    const { pages } = checkShape(store, 4);
    const perPage = Math.floor(pageCapacity / (10 + bytes));
    t.true(pages < (count / perPage) * 1.15 + 4, `${pages} pages of values of ${bytes} bytes, ${perPage} would fit`);
  }
});

test("values of every size up to 1 MiB come back, and their pages are given back", (t) => {
  const store = makeStore(2048);
  const sizes = [
    0,
    1,
    treeInlineValueBytesMax,
    treeInlineValueBytesMax + 1,
    8151,
    8152,
    8153,
    16_300,
    100_000,
    1024 * 1024,
  ];
  const valueOf = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) & 0xff);
  const model = new ModelTree();
  for (const size of sizes) {
    store.put(5, u64(size), valueOf(size));
    model.put(5, u64(size), valueOf(size));
  }
  assertSame(store, model, 5);
  for (let round = 0; round < 5; round++) {
    for (const size of sizes) {
      const next = valueOf(sizes[(sizes.indexOf(size) + round) % sizes.length] ?? 0);
      store.put(5, u64(size), next);
      model.put(5, u64(size), next);
    }
    assertSame(store, model, 5);
    store.publish(store.seal(new Uint8Array(0)));
  }
  for (const size of sizes) t.true(store.delete(5, u64(size)));
  store.publish(store.seal(new Uint8Array(0)));
  store.reclaim();
  const { pageCount, freePages, heldPages } = store.status();
  t.is(heldPages, 0);
  t.is(pageCount - freePages, 2, "page 0 and the root page are all that is left");
});

test("insert leaves an existing value alone and shows it; update changes in place", (t) => {
  const store = makeStore();
  t.true(store.insert(6, u64(1), u64(10)));
  t.false(store.insert(6, u64(1), u64(20)));
  t.is(store.valueView.getBigUint64(store.valueStart), 10n);
  const version = store.seal(new Uint8Array(0));
  t.true(store.update(6, u64(1)));
  store.valueView.setBigUint64(store.valueStart, 30n);
  t.true(store.get(6, u64(1)));
  t.is(store.valueView.getBigUint64(store.valueStart), 30n);
  store.rollbackTo(version);
  t.true(store.get(6, u64(1)));
  t.is(store.valueView.getBigUint64(store.valueStart), 10n, "the sealed version kept its value");
});

test("a value read from the store can be put back under another key", (t) => {
  const store = makeStore();
  for (let index = 0; index < 500; index++) store.put(7, u64(index), new Uint8Array(20).fill(index));
  for (let index = 0; index < 500; index++) {
    t.true(store.get(7, u64(index)));
    store.put(
      7,
      u64(10_000 - index),
      store.valueBytes.subarray(store.valueStart, store.valueStart + store.valueLength),
    );
  }
  for (let index = 0; index < 500; index++) {
    t.true(store.get(7, u64(10_000 - index)));
    t.is(store.valueBytes[store.valueStart + 19], index & 0xff);
  }
});

test("a cursor refuses to move after a write", (t) => {
  const store = makeStore();
  store.put(8, u64(1), u64(1));
  store.put(8, u64(2), u64(2));
  const cursor = store.cursor(8);
  t.true(cursor.seek(u64(0)));
  store.put(8, u64(3), u64(3));
  t.throws(() => cursor.next(), { message: /snapshot: a cursor is moved only in the version that it was placed in/ });
});

// Random programs. Keys come from a small alphabet with shared prefixes, so that operations meet.
const keyArbitrary = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 400 }).map((value) => u64(value * 977)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 6 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.oneof(fc.integer({ min: 0, max: 480 }), fc.integer({ min: 0, max: treeKeyBytesMax - 8 })),
        fc.uint8Array({ maxLength: 8 }),
      )
      .map(([length, tail]) => Uint8Array.from([...new Uint8Array(length).fill(9), ...tail])),
  },
);
const valueArbitrary = fc.oneof(
  { weight: 20, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 1100 }), fc.nat(255))
      .map(([size, fill]) => new Uint8Array(size).fill(fill)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 60_000 }), fc.nat(255))
      .map(([size, fill]) => new Uint8Array(size).fill(fill)),
  },
);
type Step =
  | { kind: "put" | "insert"; key: Uint8Array; value: Uint8Array }
  | { kind: "update" | "delete" | "seek" | "seekFloor"; key: Uint8Array }
  | { kind: "many"; from: number; count: number; length: number }
  | { kind: "deleteMany"; from: number; count: number }
  | { kind: "seal" | "publish" | "rollback" | "rollbackAll" };
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constantFrom("put", "insert"), key: keyArbitrary, value: valueArbitrary }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom("update", "delete", "seek", "seekFloor"), key: keyArbitrary }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("many"),
      from: fc.nat(3000),
      count: fc.nat(400),
      length: fc.oneof(fc.nat(200), fc.nat(1_100)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("deleteMany"), from: fc.nat(3000), count: fc.nat(800) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("seal", "publish", "rollback", "rollbackAll") }) },
) as fc.Arbitrary<Step>;

test("random programs end as the model does, in every version they kept", (t) => {
  let sealed = 0;
  let rolledBack = 0;
  let height = 0;
  fc.assert(
    fc.property(fc.array(stepArbitrary, { minLength: 10, maxLength: 80 }), (steps) => {
      const store = makeStore(4096);
      let model = new ModelTree();
      let published = { version: store.publishedVersion, model: model.clone() };
      let versions: { version: number; model: ModelTree }[] = [];
      for (const step of steps) {
        switch (step.kind) {
          case "seal":
            if (versions.length >= 4) break;
            versions.push({ version: store.seal(bytesOf(`v${sealed}`)), model: model.clone() });
            sealed += 1;
            break;
          case "publish": {
            const next = versions.shift();
            if (next === undefined) break;
            store.publish(next.version);
            published = next;
            break;
          }
          case "rollback": {
            const target = versions.at(-1) ?? published;
            store.rollbackTo(target.version);
            model = target.model.clone();
            rolledBack += 1;
            break;
          }
          case "rollbackAll":
            store.rollbackTo(published.version);
            model = published.model.clone();
            versions = [];
            break;
          default:
            applyStep(store, model, step);
        }
      }
      assertSame(store, model, 0);
      checkShape(store, 0);
      height = Math.max(height, store.heightOf(0));
      for (const { version, model: old } of [...versions].reverse()) {
        store.rollbackTo(version);
        assertSame(store, old, 0);
        checkShape(store, 0);
      }
      store.rollbackTo(published.version);
      assertSame(store, published.model, 0);
    }),
    { numRuns: 150 },
  );
  t.true(
    sealed > 50 && rolledBack > 20 && height >= 2,
    `${sealed} sealed, ${rolledBack} rolled back, height ${height}`,
  );
});

function sameValue(a: TreeReader, b: TreeReader): boolean {
  const left = a.valueBytes.subarray(a.valueStart, a.valueStart + a.valueLength);
  return Buffer.compare(left, b.valueBytes.subarray(b.valueStart, b.valueStart + b.valueLength)) === 0;
}

/** As a value or as a version's content that lies in larger memory, by turns of its length. */
function insertInto(store: TreeWriter, key: Uint8Array, value: Uint8Array): boolean {
  if (value.length % 2 === 0) return store.insert(0, key, value);
  const keys = new Uint8Array(key.length + 20).fill(7);
  keys.set(key);
  const contents = new Uint8Array(value.length + 20).fill(7);
  contents.set(value, 5);
  const view = new DataView(contents.buffer);
  return store.insertVersion(0, keys, key.length, 2 ** 40 + value.length, contents, view, 5, 5 + value.length);
}

function applyStep(store: TreeWriter, model: TreeWriter, step: Step): void {
  const same = (a: boolean, b: boolean): void => {
    if (a !== b) throw new Error(`${step.kind} differs: ${a}, the model says ${b}`);
  };
  switch (step.kind) {
    case "put":
      store.put(0, step.key, step.value);
      model.put(0, step.key, step.value);
      return;
    case "insert": {
      const wasInserted = insertInto(store, step.key, step.value);
      same(wasInserted, insertInto(model, step.key, step.value));
      if (!wasInserted) same(sameValue(store, model), true);
      return;
    }
    case "update": {
      const found = model.get(0, step.key);
      if (found && model.valueLength > treeInlineValueBytesMax) return;
      same(store.update(0, step.key), model.update(0, step.key));
      if (!found) return;
      for (let at = 0; at < store.valueLength; at++) {
        store.valueBytes[store.valueStart + at] = at;
        model.valueBytes[model.valueStart + at] = at;
      }
      return;
    }
    case "delete":
      same(store.delete(0, step.key), model.delete(0, step.key));
      return;
    case "many":
      for (let index = 0; index < step.count; index++) {
        const value = new Uint8Array(step.length).fill(index);
        const key = u64((step.from + index) * 977);
        if (step.length % 2 === 1) {
          same(insertInto(store, key, value), insertInto(model, key, value));
          continue;
        }
        store.put(0, key, value);
        model.put(0, key, value);
      }
      return;
    case "deleteMany":
      for (let index = 0; index < step.count; index++) {
        const key = u64((step.from + index) * 977);
        same(store.delete(0, key), model.delete(0, key));
      }
      return;
    case "seek":
    case "seekFloor": {
      const mine = store.cursor(0);
      const theirs = model.cursor(0);
      same(mine[step.kind](step.key), theirs[step.kind](step.key));
      for (let moves = 0; moves < 3; moves++) {
        if (mine.valid) same(Buffer.compare(keyOf(mine), keyOf(theirs)) === 0, true);
        same(
          step.kind === "seek" ? mine.next() : mine.previous(),
          step.kind === "seek" ? theirs.next() : theirs.previous(),
        );
      }
      return;
    }
    default:
      throw new Error(`no step ${step.kind}`);
  }
}

function keyOf(cursor: { keyInto(target: Uint8Array): number }): Uint8Array {
  const target = new Uint8Array(treeKeyBytesMax);
  return target.subarray(0, cursor.keyInto(target));
}
