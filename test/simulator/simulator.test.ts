/** A bounded slice of what `npm run simulate` and `npm run simulate:long` do for hours. */
import anyTest from "ava";
import { drawOptions } from "./options.js";
import { runSeed } from "./run-seed.js";

/** One after the other: a run freezes the clocks of its process. */
const test = anyTest.serial;
const slices = 4;
const seedsPerSlice = 20;

for (let slice = 0; slice < slices; slice++) {
  const from = slice * seedsPerSlice + 1;
  test(`seeds ${from} to ${from + seedsPerSlice - 1}: no oracle objects, and what can come back does`, async (t) => {
    let committed = 0;
    let faults = 0;
    for (let seed = from; seed < from + seedsPerSlice; seed++) {
      const outcome = await runSeed(drawOptions(seed));
      t.is(outcome.failure, null, `seed ${seed}`);
      committed += outcome.summary?.committed ?? 0;
      for (const count of Object.values(outcome.summary?.faults ?? {})) faults += count;
    }
    t.true(committed > 500, `${committed} operations were committed`);
    t.true(faults > 50, `${faults} faults struck`);
  });
}

test("a seed gives the same run each time", async (t) => {
  for (const seed of [3, 8, 13]) {
    const first = await runSeed(drawOptions(seed));
    const second = await runSeed(drawOptions(seed));
    t.not(first.summary, null);
    t.deepEqual(second.summary, first.summary);
  }
});
