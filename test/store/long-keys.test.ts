/**
 * Keys as long as they may be: pages of two and three cells, branches of two children, splits and merges at every turn. The trees are held to
 * their twin and to their shape, and what a checkpoint wrote to the verifier, after each batch.
 */
import test from "ava";
import { Store } from "../../runtime/store/store.js";
import { treeInlineValueBytesMax, treeKeyBytesMax } from "../../runtime/store/tree.js";
import { verifyCheckpoint } from "../../runtime/store/verify.js";
import { assertSame, checkShape } from "./checks.js";
import { MemoryPageFile } from "./memory-page-file.js";
import { ModelTree } from "./model-tree.js";
import { checkpoint, clusterId, makeStore, nothing } from "./small-store.js";

/** Numbers that follow from a seed: mulberry32. */
class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

function verified(file: MemoryPageFile, record: Uint8Array): number {
  const walk = verifyCheckpoint(file, clusterId, record);
  for (let step = walk.next(); ; step = walk.next()) {
    if (step.done !== true) continue;
    if (step.value.problems.length > 0) throw new Error(JSON.stringify(step.value.problems.slice(0, 3)));
    return step.value.entries;
  }
}

/** So many levels a tree of so many leaves has at most, each branch having two children at least. */
const levelsMax = (leaves: number): number => 1 + Math.max(0, Math.floor(Math.log2(leaves)));

/**
 * Keys in families: a stem, and ends that tell its keys apart. What lies between two of a family is told apart only by a key as long as they are,
 * and what lies between two families by a few bytes.
 */
function families(draw: Draw, count: number, members: number, length: () => number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  const beginning = draw.bytes(draw.below(2) * draw.below(1_000));
  for (let family = 0; family < count; family++) {
    const stem = draw.bytes(Math.max(1, length() - beginning.length - 1));
    for (let member = 0; member < members; member++) keys.push(Uint8Array.of(...beginning, ...stem, member));
  }
  return keys.map((key) => key.subarray(0, treeKeyBytesMax));
}

const lengths: Readonly<Record<string, (draw: Draw) => number>> = {
  "the longest": () => treeKeyBytesMax,
  "any length": (draw) => 1 + draw.below(treeKeyBytesMax),
  "some long and most short": (draw) => (draw.below(8) === 0 ? treeKeyBytesMax - draw.below(40) : 4 + draw.below(30)),
};

const orders: Readonly<Record<string, (keys: Uint8Array[], draw: Draw) => Uint8Array[]>> = {
  ascending: (keys) => keys.toSorted(Buffer.compare),
  descending: (keys) => keys.toSorted(Buffer.compare).reverse(),
  "at random": (keys, draw) =>
    keys
      .map((key) => ({ key, at: draw.below(2 ** 31) }))
      .sort((a, b) => a.at - b.at)
      .map(({ key }) => key),
};

for (const [of, lengthOf] of Object.entries(lengths))
  for (const [how, ordered] of Object.entries(orders)) {
    test(`keys of ${of}, ${how}: put, replaced, deleted and put again`, (t) => {
      const draw = new Draw(of.length * 100 + how.length);
      let highest = 0;
      for (let round = 0; round < 2; round++) {
        const { store, file } = makeStore(4096);
        const model = new ModelTree();
        const hold = (): void => {
          assertSame(store, model, 1);
          const { pages } = checkShape(store, 1);
          t.true(store.heightOf(1) <= levelsMax(pages), `${store.heightOf(1)} levels of ${pages} pages`);
          highest = Math.max(highest, store.heightOf(1));
          store.publish(store.seal(nothing));
          t.is(verified(file, checkpoint(store, file)), store.entries(1));
          store.reclaim();
        };
        const put = (key: Uint8Array): void => {
          const isLong = draw.below(5) === 0;
          const value = draw.bytes(isLong ? treeInlineValueBytesMax - draw.below(30) : draw.below(12));
          store.put(1, key, value);
          model.put(1, key, value);
        };
        const remove = (key: Uint8Array): void => {
          if (store.delete(1, key) !== model.delete(1, key)) throw new Error("one had such a key, the other had not");
        };
        const keys = ordered(
          families(draw, 60 + round * 120, 1 + draw.below(6), () => lengthOf(draw)),
          draw,
        );
        for (const key of keys) put(key);
        hold();
        // Whole stretches, which leaves branches with few children beside full ones; then what is between them.
        const sorted = keys.toSorted(Buffer.compare);
        for (let part = 0; part < 6; part++) {
          const from = draw.below(sorted.length);
          for (const key of sorted.slice(from, from + draw.below(sorted.length >> 2))) remove(key);
          for (const key of ordered(sorted.slice(0, from), draw)) if (draw.below(3) === 0) remove(key);
          checkShape(store, 1);
          for (const key of ordered(sorted.slice(draw.below(from + 1)), draw)) if (draw.below(3) === 0) put(key);
          hold();
        }
        for (const key of ordered(sorted, draw)) remove(key);
        t.is(store.heightOf(1), 0);
        hold();
      }
      t.true(highest >= 3, `${highest} levels`);
    });
  }

test("a tree whose branches have as few children as they may is found again, and goes on", (t) => {
  const { store, file } = makeStore(4096);
  const model = new ModelTree();
  const draw = new Draw(77);
  const keys = families(draw, 300, 2, () => treeKeyBytesMax).sort(Buffer.compare);
  // Each split is within a family, so that each separator is as long as a key.
  for (const [at, key] of keys.toReversed().entries()) {
    store.put(1, key, Uint8Array.of(at));
    model.put(1, key, Uint8Array.of(at));
  }
  checkShape(store, 1);
  const height = store.heightOf(1);
  t.true(height >= 4, `${height} levels`);
  store.publish(store.seal(nothing));
  const record = checkpoint(store, file);
  verified(file, record);
  const opened = Store.open({ file, clusterId, cacheBytes: 4096 * 8192, pause: () => false }, record);
  assertSame(opened, model, 1);
  for (const key of keys.filter((_, at) => at % 3 !== 0)) {
    opened.delete(1, key);
    model.delete(1, key);
  }
  assertSame(opened, model, 1);
  checkShape(opened, 1);
});
