/** Names in order beside a plain list of them: added and removed at random, looked up, gone through both ways. */
import test from "ava";
import { SortedNames } from "../../../runtime/query/table/sorted-names.js";
import { Random } from "../fuzz/expressions.js";

test("names stand in order wherever they were added, and are walked both ways", (t) => {
  const random = new Random(815);
  for (const [count, isAscending] of [
    [0, false],
    [700, false],
    [3_000, true],
    [5_000, false],
  ] as const) {
    const given = new Set(Array.from({ length: count / 2 }, () => `n${random.next(90_000)}`));
    const names = new SortedNames(given);
    for (let added = 0; added < count; added += 1) {
      const name = isAscending ? `o${String(added).padStart(6, "0")}` : `n${random.next(90_000)}`;
      if (!given.has(name)) names.add(name);
      given.add(name);
      const [removed] = given;
      if (random.next(4) > 0 || removed === undefined) continue;
      given.delete(removed);
      names.remove(removed);
    }
    const expected = [...given].sort();
    t.deepEqual([...names], expected);
    const forward: string[] = [];
    let place = names.firstFrom("");
    for (let name = names.at(place); name !== undefined; name = names.at(place)) {
      forward.push(name);
      place = names.step(place, 1);
    }
    t.deepEqual(forward, expected);
    const backward: string[] = [];
    place = names.step(place, -1);
    for (let name = names.at(place); name !== undefined; name = names.at(place)) {
      backward.push(name);
      place = names.step(place, -1);
    }
    t.deepEqual(backward, expected.toReversed());
    t.is(names.at(names.step(place, 1)), expected[0], "from before the first to the first");
    for (let asked = 0; asked < 300; asked += 1) {
      const name = `n${random.next(90_000)}`;
      t.is(
        names.at(names.firstFrom(name)),
        expected.find((each) => each >= name),
      );
    }
    t.is(names.at(names.firstFrom("z")), undefined);
  }
});
