/** The rows of a table, guessed from the ways to its ends: near what they are, for planning, and never far from it. */
import test from "ava";
import { entriesBetween } from "../../../runtime/query/table/rows-between.js";
import { ModelTree } from "../../store/model-tree.js";
import { makeStore, u64 } from "../../store/small-store.js";

test("entries between two keys are told from the ways there, within a half of the truth", (t) => {
  const { store } = makeStore(8192);
  const value = new Uint8Array(40);
  const entries = 60_000;
  // Every third key, and not in order: leaves are as full as they come to be.
  for (let index = 0; index < entries; index++) store.put(0, u64(((index * 7_919) % entries) * 3), value);
  const cursor = store.cursor(0);
  for (const [from, to] of [
    [0, entries],
    [0, 30_000],
    [15_000, 16_000],
    [40_000, 59_000],
    [100, 5_100],
    [59_000, entries],
  ] as const) {
    const told = entriesBetween(cursor, u64(from * 3), u64(to * 3));
    t.true(told !== null && told > (to - from) * 0.5 && told < (to - from) * 1.5, `${from} to ${to}: ${told}`);
  }
  // A tree that is only added to, with what another leaves in its first page: nine in ten of its pages are full, the last is not.
  const { store: added } = makeStore(8192);
  for (let index = 0; index < 70_600; index++) added.put(0, u64(index), value);
  for (const [from, to] of [
    [0, 70_600],
    [30, 70_600],
    [40_000, 70_599],
    [70_500, 70_600],
  ] as const) {
    const told = entriesBetween(added.cursor(0), u64(from), u64(to));
    t.true(told !== null && told > (to - from) * 0.9 && told < (to - from) * 1.1 + 2, `${from} to ${to}: ${told}`);
  }
  t.is(entriesBetween(cursor, u64(30), u64(30)), 1);
  t.is(entriesBetween(cursor, u64(entries * 3), u64(entries * 4)), 0);
  t.is(entriesBetween(makeStore().store.cursor(0), u64(0), u64(9)), 0);
  t.is(entriesBetween(new ModelTree().cursor(0), u64(0), u64(9)), null, "a cursor that cannot tell says so");
});
