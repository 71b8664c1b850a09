/** Voters come and go over damaged disks, under prepares of any bytes and under the shipping shard: it goes on, with one log and one state. */
import anyTest from "ava";
import { drawOptions } from "./options.js";
import { damagedChanges } from "./rare-runs.js";
import { runSeed } from "./run-seed.js";

/** One after the other: a run freezes the clocks of its process. */
const test = anyTest.serial;
const seedsEach = 8;

for (const workload of ["bytes", "kernel"] as const) {
  test(`voters come and go over damaged disks, workload ${workload}`, async (t) => {
    const struck: Record<string, number> = {};
    for (let seed = 1; seed <= seedsEach; seed++) {
      const { failure, summary } = await runSeed(drawOptions(seed, { ...damagedChanges, workload }));
      t.is(failure, null, `seed ${seed}`);
      t.is(summary?.unrecoverable, null, `seed ${seed}`);
      for (const [kind, count] of Object.entries(summary?.faults ?? {})) struck[kind] = (struck[kind] ?? 0) + count;
    }
    const isDamage = (kind: string): boolean => /^(?:latent|lost|misdirected|flipped) (?:log|headers)$/u.test(kind);
    const damages = Object.entries(struck).reduce((sum, [kind, count]) => sum + (isDamage(kind) ? count : 0), 0);
    const { voterAdded = 0, voterRemoved = 0 } = struck;
    t.true(voterAdded > 0 && voterRemoved > 0 && damages > 0, JSON.stringify(struck));
  });
}
