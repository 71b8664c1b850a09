/** Scans that find columns as they were decoded before yield what scans without them do. */
import test from "ava";
import fc from "fast-check";
import { ColumnCache } from "../../../runtime/query/table/column-cache.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { StoreReader } from "../../../runtime/store/reader.js";
import { checkpoint, makeStore, nothing } from "../../store/small-store.js";
import { Hand, type Row, request, rowsOf, tenant } from "./written-rows.js";

const byId = (a: Row, b: Row): number => a[0] - b[0];
const kiB = 1024;

const words = fc.constantFrom("a", "b", "c", "a longer value, that fills pages sooner than the others do");
const write = fc.record({
  id: fc.nat(1_500),
  value: fc.option(fc.option(words, { freq: 5 }), { freq: 5, nil: undefined }),
});

test("through versions, checkpoints and evictions: now, at every position, within bounds, going on in later states", (t) => {
  let [hits, rows, kept, runs] = [0, 0, 0, 0];
  fc.assert(
    fc.property(
      fc.array(write, { minLength: 800, maxLength: 3_000, size: "max" }),
      // Rows that change often fill pages with the versions of one key.
      fc.constantFrom(3, 300, 1_501),
      fc.nat(1_500),
      fc.boolean(),
      (writes, spread, low, isLong) => {
        // Nothing at all, a block, all that there is.
        const bytesMax = [0, 256 * kiB, 65_536 * kiB][runs % 3] ?? 0;
        runs += 1;
        const { store, file } = makeStore(1_024);
        const hand = new Hand(store);
        const cache = new ColumnCache(bytesMax);
        const states = [new Map<number, string | null>()];
        for (const [at, { id: drawn, value: given }] of writes.entries()) {
          const id = drawn % spread;
          const value = isLong && given === "b" && at % 40 === 0 ? "b".repeat(2_000) : given;
          const next = new Map(states.at(-1));
          const before = next.get(id);
          if (value === undefined) next.delete(id);
          else next.set(id, value);
          if (before !== undefined || value !== undefined) hand.write(at + 1, id, before, value);
          states.push(next);
          if (at % 700 === 650) read(at + 1, at % 1_400 === 650);
        }
        read(states.length - 1, true);

        function read(newest: number, writesPages: boolean): void {
          store.publish(store.seal(nothing));
          if (writesPages) checkpoint(store, file);
          store.reclaim();
          const reader = StoreReader.attach(store.handle, { file, owner: 1, cachePages: 32 });
          reader.pin();
          const expected = (position: number): Row[] => [...(states[position] ?? [])].sort(byId);
          for (let round = 0; round < 3; round++) {
            const source = new TreeTableSource(reader, tenant, newest, false, { cache });
            t.deepEqual(rowsOf(source.scan(request({}))), expected(newest));
            const ranges = [{ from: { values: [low], isInclusive: true }, to: null }];
            t.deepEqual(
              rowsOf(source.scan(request({ ranges }))),
              expected(newest).filter(([id]) => id >= low),
            );
            for (const position of [0, 1, newest >> 2, newest >> 1, newest - 1, newest]) {
              const history = { from: position, to: position + 1 };
              t.deepEqual(rowsOf(source.scan(request({ history }))), expected(position), `at ${position}`);
              const going = new TreeTableSource(reader, tenant, position, true, { cache });
              const again = (): void => {
                reader.unpin();
                reader.pin();
                going.resume(reader, true);
              };
              t.deepEqual(rowsOf(going.scan(request({})), again), expected(position), `going on at ${position}`);
              rows += expected(position).length;
            }
            t.true(cache.bytes <= bytesMax, "the cache keeps within its bound");
          }
          reader.close();
        }
        hits += cache.hits;
        kept += cache.pages;
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
  t.true(rows > 10_000 && hits > 500 && kept > 3, `${rows} rows, ${hits} hits, ${kept} pages kept`);
});

test("a table larger than the cache does not drive itself out: a part of it is found by each scan, and another table takes its place when it is used instead", (t) => {
  const { store, file } = makeStore(4_096);
  const hand = new Hand(store);
  for (let id = 0; id < 60_000; id++) hand.write(1, id, undefined, `value ${id}`);
  store.publish(store.seal(nothing));
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  reader.pin();
  const cache = new ColumnCache(1_024 * kiB);
  const source = new TreeTableSource(reader, tenant, 1, false, { cache });
  const scan = (columns: readonly number[], from: number, to: number): number => {
    const before = cache.hits;
    const ranges = [{ from: { values: [from], isInclusive: true }, to: { values: [to], isInclusive: true } }];
    let rows = 0;
    const found = source.scan(request({ columns, ranges }));
    for (let batch = found.next(); batch !== null; batch = found.next()) rows += batch.rows;
    t.is(rows, to - from + 1);
    return cache.hits - before;
  };
  scan([1, 2], 0, 59_999);
  const first = scan([1, 2], 0, 59_999);
  t.true(first > 50, `${first} hits`);
  for (let round = 0; round < 8; round++) {
    const hits = scan([1, 2], 0, 59_999);
    t.true(hits >= first * 0.7, `${hits} hits, ${first} at first`);
  }
  const others = Array.from({ length: 40 }, () => scan([1], 50_000, 59_999));
  t.true((others.at(-1) ?? 0) > 40, `${others.join()}`);
  reader.close();
});
