import test from "ava";
import fc from "fast-check";
import type { KeyRange } from "../../../runtime/query/table/access.js";
import { fromPositionColumn } from "../../../runtime/query/table/access.js";
import { Overlay, OverlayReader } from "../../../runtime/query/table/overlay.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { ModelTree } from "../../store/model-tree.js";
import { makeStore } from "../../store/small-store.js";
import { Hand, index, type Row, request, rowsOf, tenant } from "./written-rows.js";

const word = fc.option(fc.constantFrom("a", "b", "c"), { freq: 5 });
const write = fc.record({ id: fc.nat(40), value: fc.option(word, { freq: 4, nil: undefined }) });
const bound = fc.option(fc.record({ value: fc.nat(40), isInclusive: fc.boolean() }));

const byId = (a: Row, b: Row): number => a[0] - b[0];
const byValue = (a: Row, b: Row): number => {
  const [x, y] = [a[1], b[1]];
  const order = x === y ? 0 : x === null ? 1 : y === null ? -1 : x < y ? -1 : 1;
  return order || byId(a, b);
};

test("scans agree with a stupid twin: now, at every position, with a transaction's own writes, by row key and by index, both ways", (t) => {
  let scans = 0;
  fc.assert(
    fc.property(
      fc.array(write, { maxLength: 60, size: "max" }),
      fc.array(write, { maxLength: 15, size: "max" }),
      bound,
      bound,
      fc.boolean(),
      (writes, own, from, to, isBackward) => {
        const state = new ModelTree();
        const hand = new Hand(state);
        const states = [new Map<number, string | null>()];
        for (const [at, { id, value }] of writes.entries()) {
          const before = states.at(-1) ?? new Map<number, string | null>();
          const next = new Map(before);
          if (value === undefined) next.delete(id);
          else next.set(id, value);
          if (before.has(id) || value !== undefined) hand.write(at + 1, id, before.get(id), value);
          states.push(next);
        }
        const overlay = new Overlay();
        const mine = new Map(states.at(-1));
        for (const { id, value } of own) {
          hand.pend(overlay, id, mine.get(id), value);
          if (value === undefined) mine.delete(id);
          else mine.set(id, value);
        }
        const range: KeyRange = {
          from: from && { values: [from.value], isInclusive: from.isInclusive },
          to: to && { values: [to.value], isInclusive: to.isInclusive },
        };
        const isWithin = (id: number): boolean =>
          (from === null || id > from.value || (from.isInclusive && id === from.value)) &&
          (to === null || id < to.value || (to.isInclusive && id === to.value));
        const expected = (map: Map<number, string | null>): Row[] => {
          const rows = [...map].filter(([id]) => isWithin(id)).sort(byId);
          return isBackward ? rows.reverse() : rows;
        };
        const byIndex = (map: Map<number, string | null>): Row[] => {
          const rows = [...map].sort(byValue);
          return isBackward ? rows.reverse() : rows;
        };
        const newest = states.length - 1;
        const now = new TreeTableSource(state, tenant, newest, false);
        t.deepEqual(rowsOf(now.scan(request({ ranges: [range], isBackward }))), expected(states[newest] ?? new Map()));
        t.deepEqual(rowsOf(now.scan(request({ index, isBackward }))), byIndex(states[newest] ?? new Map()));
        const pending = new TreeTableSource(new OverlayReader(state, overlay), tenant, newest, false);
        t.deepEqual(rowsOf(pending.scan(request({ ranges: [range], isBackward }))), expected(mine));
        t.deepEqual(rowsOf(pending.scan(request({ index, isBackward }))), byIndex(mine));
        for (const [position, map] of states.entries()) {
          const past = new TreeTableSource(state, tenant, position, true);
          t.deepEqual(rowsOf(past.scan(request({ ranges: [range], isBackward }))), expected(map));
          t.deepEqual(rowsOf(past.scan(request({ index, isBackward }))), byIndex(map));
          const history = { from: position, to: position + 1 };
          t.deepEqual(rowsOf(now.scan(request({ index, isBackward, history }))), byIndex(map));
          for (let id = 0; id < 40; id += 7) {
            const values: Datum[] = [id];
            const point = { values, isInclusive: true };
            const found = rowsOf(past.scan(request({ ranges: [{ from: point, to: point }] })));
            t.deepEqual(found, map.has(id) ? [[id, map.get(id) ?? null]] : []);
          }
          scans += 1;
        }
        // All versions: each row's, oldest first, once for each time it was written.
        const all = rowsOf(now.scan(request({ history: { from: 0, to: null } }))).length;
        t.is(all, writes.filter(({ value }) => value !== undefined).length);
      },
    ),
    { numRuns: 60 },
  );
  t.true(scans > 1_000);
});

test("many rows of the past are read at once as they are one by one: at every position, within bounds, going on in later states", (t) => {
  let rows = 0;
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: fc.nat(400), value: fc.option(word, { freq: 4, nil: undefined }) }), {
        minLength: 300,
        maxLength: 1_200,
        size: "max",
      }),
      // Rows that change often fill pages with the versions of one key.
      fc.integer({ min: 1, max: 401 }),
      fc.nat(400),
      // Longer values lie in pages of their own.
      fc.boolean(),
      (writes, spread, low, isLong) => {
        const { store } = makeStore();
        const hand = new Hand(store);
        const states = [new Map<number, string | null>()];
        for (const [at, { id: drawn, value: given }] of writes.entries()) {
          const id = drawn % spread;
          const value = isLong && given === "a" ? "a".repeat(2_000) : given;
          const before = states.at(-1) ?? new Map<number, string | null>();
          const next = new Map(before);
          if (value === undefined) next.delete(id);
          else next.set(id, value);
          if (before.has(id) || value !== undefined) hand.write(at + 1, id, before.get(id), value);
          states.push(next);
        }
        const newest = states.length - 1;
        const source = new TreeTableSource(store, tenant, newest, false);
        const from = { values: [low], isInclusive: true };
        for (let position = 0; position <= newest; position += position < 20 || position > newest - 20 ? 1 : 37) {
          const history = { from: position, to: position + 1 };
          const expected = [...(states[position] ?? [])].sort(byId);
          t.deepEqual(rowsOf(source.scan(request({ history }))), expected);
          const ranges = [{ from, to: null }];
          t.deepEqual(
            rowsOf(source.scan(request({ history, ranges }))),
            expected.filter(([id]) => id >= low),
          );
          const going = new TreeTableSource(store, tenant, position, true);
          t.deepEqual(
            rowsOf(going.scan(request({})), () => going.resume(store, true)),
            expected,
          );
          rows += expected.length;
        }
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
  t.true(rows > 10_000);
});

test("a scan that goes on in a later version of the state sees the rows of its own position", (t) => {
  for (const isBackward of [false, true]) {
    for (const by of [null, index]) {
      const state = new ModelTree();
      const hand = new Hand(state);
      const rows: Row[] = [];
      for (let id = 0; id < 200; id += 1) {
        const value = "abc"[id % 3] ?? "a";
        hand.write(id + 1, id, undefined, value);
        rows.push([id, value]);
      }
      let position = 200;
      const source = new TreeTableSource(state, tenant, position, false);
      let round = 0;
      const values = new Map(rows);
      const change = (): void => {
        // Others change what was read and what is still to be read.
        for (let id = round % 5; id < 200; id += 5) {
          position += 1;
          const next = values.has(id) && round % 2 === 0 ? undefined : "z";
          hand.write(position, id, values.get(id), next);
          if (next === undefined) values.delete(id);
          else values.set(id, next);
        }
        round += 1;
        source.resume(state, true);
      };
      const expected = [...rows].sort(by === null ? byId : byValue);
      if (isBackward) expected.reverse();
      t.deepEqual(rowsOf(source.scan(request({ index: by, isBackward })), change), expected);
      t.true(round > 2);
    }
  }
});

test("a scan that begins anew yields what another one would: read in part before, closed, gone on with in a later state, over own writes", (t) => {
  const state = new ModelTree();
  const hand = new Hand(state);
  const values = new Map<number, string | null>();
  for (let id = 0; id < 300; id += 1) {
    const value = id % 7 === 0 ? null : ("abcdefgh"[id % 8] ?? "a");
    hand.write(id + 1, id, undefined, value);
    values.set(id, value);
  }
  const overlay = new Overlay();
  hand.pend(overlay, 17, values.get(17), undefined);
  hand.pend(overlay, 900, undefined, "b");
  let restarted = 0;
  let rows = 0;
  for (const reader of [state, new OverlayReader(state, overlay)]) {
    for (const by of [null, index]) {
      for (const isBackward of [false, true]) {
        const position = 300;
        const source = new TreeTableSource(reader, tenant, position, false);
        const wanted = (ranges: readonly KeyRange[]): Row[] =>
          rowsOf(new TreeTableSource(reader, tenant, position, false).scan(request({ index: by, isBackward, ranges })));
        const point = (value: Datum): KeyRange => {
          const end = { values: [value], isInclusive: true };
          return { from: end, to: end };
        };
        const asked: KeyRange[][] =
          by === null
            ? [
                [point(5)],
                [point(17), point(900)],
                [{ from: { values: [40], isInclusive: false }, to: { values: [90], isInclusive: true } }],
                [point(1_000)],
              ]
            : [
                [point("b")],
                [point("a"), point("g")],
                [{ from: { values: ["f"], isInclusive: true }, to: null }],
                [point("z")],
              ];
        const scan = source.scan(request({ index: by, isBackward, ranges: asked[0] ?? [] }));
        for (let turn = 0; turn < 24; turn += 1) {
          const ranges = asked[(turn * 7) % asked.length] ?? [];
          // Left in the midst, at its end, closed or not, with the state let go of in between.
          if (turn % 3 === 1) scan.next();
          else if (turn % 3 === 2) while (scan.next() !== null);
          if (turn % 4 === 0) scan.close();
          if (turn % 5 === 0) source.resume(reader, false);
          t.true(scan.restart?.(ranges));
          restarted += 1;
          const given = rowsOf(scan);
          t.deepEqual(given, wanted(ranges));
          rows += given.length;
        }
      }
    }
  }
  t.true(restarted === 192 && rows > 2_000, `${rows} rows`);
});

test("a scan of all versions goes on in the midst of a row's versions", (t) => {
  for (const isBackward of [false, true]) {
    const state = new ModelTree();
    const hand = new Hand(state);
    let position = 0;
    for (let round = 0; round < 30; round += 1) {
      for (let id = 0; id < 3; id += 1) {
        position += 1;
        hand.write(position, id, round === 0 ? undefined : `v${round - 1}`, `v${round}`);
      }
    }
    const source = new TreeTableSource(state, tenant, position, false);
    const whole = request({ isBackward, history: { from: 0, to: null } });
    const expected = rowsOf(source.scan(whole));
    t.is(expected.length, 90);
    let round = 30;
    const change = (): void => {
      for (let id = 0; id < 3; id += 1) {
        position += 1;
        hand.write(position, id, `v${round - 1}`, `v${round}`);
      }
      round += 1;
      source.resume(state, true);
    };
    t.deepEqual(rowsOf(source.scan(whole), change), expected);
    t.true(round > 31);
  }
});

test("a version's positions can be asked for", (t) => {
  const state = new ModelTree();
  const hand = new Hand(state);
  hand.write(3, 1, undefined, "a");
  hand.write(8, 1, "a", "b");
  const source = new TreeTableSource(state, tenant, 9, false);
  const batch = source.scan(request({ columns: [fromPositionColumn, -3, 2], history: { from: 0, to: null } })).next();
  const columns = batch?.columns.map((column) => (column.kind === "values" ? column.values.slice(0, batch.rows) : []));
  t.deepEqual(columns, [
    [3, 8],
    [8, null],
    ["a", "b"],
  ]);
});
