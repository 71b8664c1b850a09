/**
 * `npm run simulate -- --seed N [--trace]`, or `--seeds COUNT --from N [--jobs N]`: runs seeds, in several processes at once if so many jobs are
 * asked for, and says which fail, and why. With `--sql` their clients speak SQL.
 */
import { drawRun, type Runs } from "./rare-stories.js";
import { runSeed } from "./run-seed.js";
import { runSeeds } from "./seed-pool.js";
import type { SeedReport, SeedTask } from "./seed-task.js";

const runs: Runs = process.argv.includes("--sql") ? "sql" : "drawn";

function numberOf(name: string, otherwise: number): number {
  const index = process.argv.indexOf(`--${name}`);
  const value = index < 0 ? otherwise : Number(process.argv[index + 1]);
  if (!Number.isSafeInteger(value)) throw new Error(`--${name} takes a whole number`);
  return value;
}

async function runOne(seed: number): Promise<boolean> {
  const options = drawRun(seed, runs);
  const trace = process.argv.includes("--trace") ? (line: string): void => console.log(line) : null;
  const { summary, failure } = await runSeed(options, undefined, trace);
  if (summary !== null) console.log(JSON.stringify(summary));
  if (failure === null) return true;
  console.log(`seed ${seed} (${options.replicas} replicas, atlas ${options.atlas}): ${failure.message}`);
  console.log(JSON.stringify(options));
  if (failure.cause instanceof Error) console.log(failure.cause.stack);
  return false;
}

async function runMany(from: number, count: number, jobs: number): Promise<boolean> {
  let seed = from;
  let failed = 0;
  let virtualMs = 0;
  let events = 0;
  const each = ({ seed: ran, summary, failure }: SeedReport): void => {
    virtualMs += summary?.virtualMs ?? 0;
    events += summary?.events ?? 0;
    if (failure === null) return;
    failed += 1;
    const { replicas, atlas } = drawRun(ran, runs);
    console.log(`seed ${ran} (${replicas} replicas, atlas ${atlas}): ${failure}`);
  };
  const next = (): SeedTask | null => (seed < from + count ? { seed: seed++, runs, again: "no" } : null);
  const { cpuSeconds } = await runSeeds(jobs, next, each);
  const perSecond = (value: number): string => (value / cpuSeconds).toFixed(1);
  console.log(
    `${count} seeds, ${failed} failed; for each CPU second ${perSecond(count)} seeds, ${perSecond(virtualMs / 1000)} virtual seconds, ${perSecond(events)} events`,
  );
  return failed === 0;
}

const single = numberOf("seed", -1);
const isSound =
  single >= 0 ? await runOne(single) : await runMany(numberOf("from", 1), numberOf("seeds", 20), numberOf("jobs", 1));
process.exitCode = isSound ? 0 : 1;
