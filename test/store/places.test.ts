/** What a cursor tells of the page that it stands in: the same as its entries one by one, and never anything else under the same number and birth. */
import test from "ava";
import { StoreReader } from "../../runtime/store/reader.js";
import { TableKey } from "../../runtime/store/table-trees.js";
import type { Cursor, PlaceInPage } from "../../runtime/store/tree.js";
import { checkpoint, makeStore, nothing, u64 } from "./small-store.js";

const lowest = new Uint8Array(0);

function placeOf({ place }: Cursor): PlaceInPage {
  if (place === null || place === undefined) throw new Error("a reader's cursor tells of its page");
  return place;
}

const entriesMax = 1_024;

/** Entries of the page as the place tells them: value, from. */
function entriesOf(place: PlaceInPage, bytes: Uint8Array, lengths: readonly number[]): string[] {
  const starts = new Int32Array(entriesMax);
  const from = new Float64Array(entriesMax);
  const found = place.startsInPage(starts);
  if (found < place.pageEntries) return [];
  place.positionsInPage(starts, from);
  return lengths.map((length, index) => {
    const start = starts[index] ?? 0;
    return `${Buffer.from(bytes.subarray(start, start + length)).toString("hex")} ${from[index]}`;
  });
}

test("number and birth of a page name its entries for good, and they are those that a cursor steps over", (t) => {
  const { store, file } = makeStore(640);
  const known = new Map<string, string>();
  const keys = new TableKey();
  let pages = 0;
  let random = 12345;
  const draw = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return (random >>> 8) % below;
  };
  for (let round = 1; round <= 40; round++) {
    for (let index = 0; index < 200; index++) {
      const item = keys.item(1, 2, u64(draw(600)));
      const key = keys.ended(item.length, round % 7 === 0 ? 2 ** 40 + round : round);
      if (draw(5) === 0) store.delete(0, key);
      else
        store.put(
          0,
          key,
          Uint8Array.from([draw(4), 0, 0, 0, 0, draw(2), 0, 0, ...new Uint8Array(draw(60)).fill(round)]),
        );
    }
    const sealed = store.seal(nothing);
    store.put(0, keys.item(1, 2, u64(round)), new Uint8Array(40));
    if (round % 4 === 0) store.rollbackTo(sealed);
    store.publish(sealed);
    if (round % 3 === 0) checkpoint(store, file);
    store.reclaim();
    const reader = StoreReader.attach(store.handle, { file, owner: 1, cachePages: 16 });
    reader.pin();
    const cursor = reader.cursor(0);
    for (let more = cursor.seek(lowest); more; more = cursor.next()) {
      const place = placeOf(cursor);
      t.is(place.pageIndex, 0);
      const lengths: number[] = [];
      const stepped: string[] = [];
      const positions: string[] = [];
      for (let index = 0; index < place.pageEntries; index++) {
        place.standAt(index);
        lengths.push(cursor.valueLength);
        const { valueBytes, valueStart, valueLength, valueView } = cursor;
        stepped.push(Buffer.from(valueBytes.subarray(valueStart, valueStart + valueLength)).toString("hex"));
        positions.push(`${valueView.getBigUint64(valueStart, true)}`);
      }
      const told = entriesOf(place, cursor.valueBytes, lengths);
      const expected = stepped.map((value, index) => `${value} ${positions[index]}`);
      t.deepEqual(told, expected);
      const name = `${place.pageNumber} of ${place.pageBirth}`;
      const content = stepped.join();
      t.is(known.get(name) ?? content, content, name);
      known.set(name, content);
      pages += 1;
    }
    reader.close();
  }
  t.true(pages > 300, `${pages} pages were looked at`);
});

test("the writer's own pages may change, so its cursors tell of none", (t) => {
  const { store } = makeStore();
  store.put(0, u64(1), nothing);
  const cursor = store.cursor(0);
  t.true(cursor.seek(lowest));
  t.is(cursor.place, null);
});

test("where a page's entries end below a key, and where one stands in it", (t) => {
  const { store, file } = makeStore();
  for (let index = 0; index < 2_000; index++) store.put(0, u64(index * 2), u64(index));
  store.publish(store.seal(nothing));
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  reader.pin();
  const cursor = reader.cursor(0);
  t.true(cursor.seek(u64(800)));
  const place = placeOf(cursor);
  const first = 400 - place.pageIndex;
  for (let key = 0; key < 4_000; key += 7) {
    const expected = Math.min(place.pageEntries, Math.max(0, Math.ceil(key / 2) - first));
    t.is(place.endBelow(u64(key), 8), expected, `below ${key}`);
  }
  t.is(place.endBelow(null, 0), place.pageEntries);
  place.standAt(place.pageEntries - 1);
  t.true(cursor.next());
  t.is(place.pageIndex, 0);
  t.throws(() => place.standAt(entriesMax), { message: /a cursor stands on one of its page's entries/ });
  reader.close();
});

test("what is true in a page of the past is found by looking at some of each item's versions as by looking at all", (t) => {
  const { store, file } = makeStore(4_096);
  const keys = new TableKey();
  let random = 4711;
  const draw = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return (random >>> 8) % below;
  };
  // Items that differ late or early, of one length or of several, of few versions or of more than a page has.
  const kinds = [
    (item: number) => u64(item),
    (item: number) =>
      Buffer.from(`the same beginning ${String.fromCodePoint(97 + (item % 26))}${"x".repeat(item % 9)}${item}!`),
    (item: number) => Buffer.from([item & 0xff, item >> 8, 0, 0, 0, 0, item & 3, 0x80]),
    (item: number) => Buffer.from(`${"z".repeat(4)}${String(item).padStart(6, "0")}`),
  ];
  for (const [tree, itemOf] of kinds.entries()) {
    for (let item = 0; item < 400; item++) {
      const versions = draw(60) === 0 ? 300 + draw(200) : draw(12);
      let from = draw(40);
      for (let version = 0; version < versions; version++) {
        const to = from + 1 + draw(20) + (draw(60) === 0 ? 2 ** 33 : 0);
        const value = new Uint8Array(draw(50) === 0 ? 2_000 : 8 + draw(30));
        new DataView(value.buffer).setBigUint64(0, BigInt(from), true);
        store.put(tree, keys.ended(keys.item(1, 2, itemOf(item)).length, to), value);
        from = to + (draw(5) === 0 ? draw(30) : 0);
      }
    }
  }
  store.publish(store.seal(nothing));
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  reader.pin();
  const found = new Int32Array(entriesMax);
  const key = new Uint8Array(512);
  let [entries, unknown] = [0, 0];
  for (const tree of kinds.keys()) {
    for (const position of [0, 5, 50, 100, 400, 2_000, 2 ** 33 + 60, 2 ** 34 + 500]) {
      const cursor = reader.cursor(tree);
      for (let more = cursor.seek(lowest); more; more = cursor.next()) {
        const place = placeOf(cursor);
        const first = draw(2) === 0 ? 0 : draw(place.pageEntries);
        const most = draw(3) === 0 ? 1 + draw(5) : entriesMax;
        const expected: number[] = [];
        let isTold = true;
        for (let index = first; index < place.pageEntries && expected.length < most; index++) {
          place.standAt(index);
          const length = cursor.keyInto(key);
          const to = Number(new DataView(key.buffer).getBigUint64(length - 8));
          const from = Number(cursor.valueView.getBigUint64(cursor.valueStart, true));
          if (to > position && from <= position) {
            // Its value lies in pages of its own.
            isTold &&= cursor.valueLength < 1_500;
            if (!isTold) break;
            expected.push(cursor.valueStart);
          }
        }
        place.standAt(first);
        const told = cursor.runPast?.(position, found, most, null, 0) ?? 0;
        const count = told < 0 ? ~told : told;
        const run = [...found.subarray(0, count)];
        // What cannot be told ends a run; then it may end before all that is true.
        if (told >= 0) t.deepEqual(run, expected, `${tree} at ${position}`);
        else t.deepEqual(run, expected.slice(0, count), `${tree} at ${position}`);
        if (!isTold) t.true(told < 0, "a run does not pass over what cannot be told");
        if (count > 0) t.is(cursor.valueStart, expected[count - 1]);
        entries += count;
        unknown += told < 0 ? 1 : 0;
        place.standAt(place.pageEntries - 1);
      }
    }
  }
  t.true(entries > 1_000 && unknown > 10, `${entries} entries, ${unknown} runs that ended early`);
  reader.close();
});
