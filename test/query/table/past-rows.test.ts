/** Rows as of positions that are kept for the next query (past-rows.ts) are what the trees have: whoever asked before, for whatever part and columns. */
import test from "ava";
import fc from "fast-check";
import type { ColumnVector, KeyBound, TableScan } from "../../../runtime/query/table/access.js";
import { ColumnCache } from "../../../runtime/query/table/column-cache.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { StoreReader } from "../../../runtime/store/reader.js";
import { checkpoint, makeStore, nothing } from "../../store/small-store.js";
import { Hand, request, tenant } from "./written-rows.js";

type State = ReadonlyMap<number, string | null>;

const kiB = 1024;
const ids = 6_000;
const datumOf = (column: ColumnVector, row: number): Datum => {
  if (column.kind === "values") return column.values[row] ?? null;
  return column.nulls[row] === 1 ? null : (column.numbers[row] ?? null);
};

/** Rows of one scan, batch by batch. */
function* batchesOf(scan: TableScan): Generator<Datum[][]> {
  for (let batch = scan.next(); batch !== null; batch = scan.next()) {
    const { rows, columns } = batch;
    yield Array.from({ length: rows }, (_, row) => columns.map((column) => datumOf(column, row)));
  }
}

const change = fc.record({
  /** Every so many rows from one on, up to another. */
  from: fc.nat(ids),
  rows: fc.constantFrom(1, 40, 1_000, ids),
  step: fc.constantFrom(1, 2, 7, 100),
  value: fc.constantFrom("a", "b", null, undefined),
});
const asked = fc.record({
  back: fc.nat(),
  low: fc.option(fc.nat(ids), { freq: 2 }),
  high: fc.option(fc.nat(ids), { freq: 2 }),
  columns: fc.constantFrom([1, 2], [1], [2], [2, 1]),
  isSession: fc.boolean(),
  resumes: fc.boolean(),
  /** Batches after which it is given up. */
  batches: fc.option(fc.nat(5), { freq: 6, nil: undefined }),
});
type Asked = typeof asked extends fc.Arbitrary<infer Of> ? Of : never;

test("kept or not: at every position, within bounds, with pages changed in between, while others read the same, in little memory", (t) => {
  let [rows, hits, runs] = [0, 0, 0];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(change, { minLength: 1, maxLength: 3 }), fc.array(asked, { maxLength: 6 })), {
        minLength: 4,
        maxLength: 10,
      }),
      (rounds) => {
        const bytesMax = [65_536 * kiB, 0, 256 * kiB, 768 * kiB][runs % 4] ?? 0;
        runs += 1;
        const { store, file } = makeStore(8_192);
        const hand = new Hand(store);
        const cache = new ColumnCache(bytesMax);
        const states: State[] = [new Map()];
        for (const [round, [changes, questions]] of rounds.entries()) {
          if (round === 0) commit([{ from: 0, rows: ids, step: 1, value: "first" }]);
          commit(changes);
          store.publish(store.seal(nothing));
          if (round % 2 === 0) checkpoint(store, file);
          store.reclaim();
          const reader = StoreReader.attach(store.handle, { file, owner: 1, cachePages: 512 });
          reader.pin();
          // Two at a time, batch by batch in turns, and all of them again.
          for (const question of [...questions, ...questions]) {
            const [one, other] = [
              ask(reader, question),
              ask(reader, { ...question, columns: [2], batches: undefined }),
            ];
            for (let isDone = false; !isDone; ) {
              isDone = [one.step(), other.step()].every(Boolean);
              if (!question.resumes) continue;
              reader.unpin();
              reader.pin();
              for (const each of [one, other]) each.resume();
            }
          }
          t.true(cache.bytes <= bytesMax, "the cache keeps within its bound");
          reader.close();
        }
        hits += cache.hits;

        function commit(
          changes: readonly { from: number; rows: number; step: number; value: string | null | undefined }[],
        ): void {
          const position = states.length;
          const last = states.at(-1) ?? new Map<number, string | null>();
          const next = new Map(last);
          // An item changes once in a transaction.
          const done = new Set<number>();
          for (const { from, rows: count, step, value } of changes) {
            for (let id = from; id < Math.min(ids, from + count); id += step) {
              if (done.has(id) || (!last.has(id) && value === undefined)) continue;
              hand.write(position, id, last.get(id), value);
              if (value === undefined) next.delete(id);
              else next.set(id, value);
              done.add(id);
            }
          }
          states.push(next);
        }

        /** `step` reads a batch, and is true when it has ended. */
        function ask(
          reader: StoreReader,
          { back, low, high, columns, isSession, batches }: Asked,
        ): { step: () => boolean; resume: () => void } {
          const newest = states.length - 1;
          const position = back % states.length;
          const bound = (id: number | null): KeyBound | null =>
            id === null ? null : { values: [id], isInclusive: true };
          const ranges = [{ from: bound(low), to: bound(high) }];
          const source = new TreeTableSource(reader, tenant, isSession ? position : newest, isSession, { cache });
          const history = isSession ? null : { from: position, to: position + 1 };
          const scan = batchesOf(source.scan(request({ ranges, columns, history })));
          const expected = [...(states[position] ?? [])]
            .filter(([id]) => id >= (low ?? 0) && id <= (high ?? ids))
            .sort(([a], [b]) => a - b)
            .map(([id, value]) => columns.map((column) => (column === 1 ? id : value)));
          const found: Datum[][] = [];
          let read = 0;
          let isEnded = false;
          const step = (): boolean => {
            if (isEnded) return true;
            const next = scan.next();
            if (next.done !== true && read !== batches) {
              found.push(...next.value);
              read += 1;
              return false;
            }
            const wanted = next.done === true ? expected : expected.slice(0, found.length);
            if (JSON.stringify(found) !== JSON.stringify(wanted))
              t.deepEqual(found, wanted, `at ${position} of ${newest}`);
            rows += found.length;
            isEnded = true;
            return true;
          };
          return { step, resume: () => source.resume(reader, isSession) };
        }
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
  t.true(rows > 100_000 && hits > 200, `${rows} rows, ${hits} hits`);
});

test("columns that were added later, or have another missing value, are read by the definition that is asked by", (t) => {
  const { store, file } = makeStore();
  const hand = new Hand(store);
  for (let id = 0; id < 3_000; id++) hand.write(1, id, undefined, "old");
  for (let id = 0; id < 3_000; id += 2) hand.write(2, id, "old", "new");
  store.publish(store.seal(nothing));
  const reader = StoreReader.attach(store.handle, { file, owner: 1 });
  reader.pin();
  const source = new TreeTableSource(reader, tenant, 2, false, { cache: new ColumnCache(65_536 * kiB) });
  const { table } = request({});
  const second = table.columns[1];
  if (second === undefined) throw new Error("the table has two columns");
  const withThird = (missingValue: Datum) => ({
    ...table,
    columns: [...table.columns, { ...second, number: 3, name: "w", missingValue }],
  });
  const history = { from: 1, to: 2 };
  for (let round = 0; round < 3; round++) {
    for (const missing of ["x", "y", null]) {
      const scan = source.scan(request({ table: withThird(missing), columns: [2, 3], history }));
      const found = [...batchesOf(scan)].flat();
      t.is(found.length, 3_000);
      t.true(found.every(([v, w]) => v === "old" && w === missing));
    }
    t.true([...batchesOf(source.scan(request({ columns: [2], history })))].flat().every(([v]) => v === "old"));
  }
  reader.close();
});
