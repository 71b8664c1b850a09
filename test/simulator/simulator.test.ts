/** A bounded slice of what `npm run simulate` and `npm run simulate:long` do for hours. */
import anyTest from "ava";
import { drawRun } from "./rare-stories.js";
import { runSeed } from "./run-seed.js";
import { runSeeds } from "./seed-pool.js";
import type { SeedReport } from "./seed-task.js";

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
      const outcome = await runSeed(drawRun(seed));
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
    const first = await runSeed(drawRun(seed));
    const second = await runSeed(drawRun(seed));
    t.not(first.summary, null);
    t.deepEqual(second.summary, first.summary);
  }
});

test("seeds that several processes share give what they give in one, the second run of one of them in a fresh process", async (t) => {
  const ran = async (jobs: number): Promise<{ hashes: (string | undefined)[]; decides: number | undefined }> => {
    const reports: SeedReport[] = [];
    let seed = 1;
    const { marks } = await runSeeds(
      jobs,
      () => (seed > 6 ? null : { seed: seed++, runs: "drawn", again: seed === 4 ? "elsewhere" : "no" }),
      (report) => reports.push(report),
    );
    for (const { hashAgain, summary } of reports) t.true(hashAgain === null || hashAgain === summary?.hash);
    t.is(reports.filter(({ hashAgain }) => hashAgain !== null).length, 1);
    reports.sort((left, right) => left.seed - right.seed);
    return { hashes: reports.map(({ summary }) => summary?.hash), decides: marks["decides"] };
  };
  const together = await ran(2);
  t.deepEqual(together, await ran(1));
  t.is(new Set(together.hashes).size, 6);
});
