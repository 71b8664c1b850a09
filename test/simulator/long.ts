/**
 * `npm run simulate:long -- --minutes M [--from SEED] [--jobs N] [--sql] [--write]`: seeds for a given time, then what they came
 * to; with `--sql` those whose clients speak SQL. A seed that fails
 * fails the run; so does a mark that is never reached, once so many seeds have run that each should have been. Every hundredth seed is run a
 * second time, and every thousandth in a process of its own: equal hashes, or the run is not a function of its seed. SIGTERM ends it early, and
 * the summary is of what has run.
 */
import { writeSection } from "./docs-page.js";
import { Ensemble, neverReached } from "./ensemble.js";
import type { Runs } from "./rare-stories.js";
import { runSeeds } from "./seed-pool.js";
import type { SeedReport, SeedTask } from "./seed-task.js";

const argument = (name: string): string | null => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? null : (process.argv[index + 1] ?? null);
};

const minutes = Number(argument("minutes") ?? "5");
const from = Number(argument("from") ?? "1000000");
const jobs = Number(argument("jobs") ?? "1");
const runs: Runs = process.argv.includes("--sql") ? "sql" : "drawn";
const pairEvery = 100;
const processEvery = 1_000;
/** The rarest marks are reached about once in a thousand seeds: that one of them is missed by so many is no chance. */
const ensembleSeeds = 10_000;
/** How often it says how far it is. */
const tellEvery = 10_000;

const ensemble = new Ensemble(from);
const began = performance.now();
let seed = from;
let isEnding = false;
process.once("SIGTERM", () => {
  isEnding = true;
});

function next(): SeedTask | null {
  if (isEnding || performance.now() - began >= minutes * 60_000) return null;
  const own = seed++;
  return { seed: own, runs, again: own % processEvery === 0 ? "elsewhere" : own % pairEvery === 0 ? "here" : "no" };
}

function each(report: SeedReport): void {
  ensemble.note(report);
  if (ensemble.seeds % tellEvery === 0) console.log(`${ensemble.seeds} seeds, ${ensemble.failed} failed`);
  const { summary, failure, hashAgain } = report;
  if (failure !== null) console.log(`seed ${report.seed}: ${failure}`);
  if (hashAgain !== null && hashAgain !== summary?.hash)
    console.log(`seed ${report.seed}: ${summary?.hash} the first time and ${hashAgain} the second`);
}

const end = await runSeeds(jobs, next, each);
const text = ensemble.text(end);
console.log(text);
const command = `npm run simulate:long -- --minutes ${minutes} --from ${from}${jobs === 1 ? "" : ` --jobs ${jobs}`}${runs === "sql" ? " --sql" : ""}`;
if (process.argv.includes("--write")) writeSection("seeds", `\`${command}\`\n\n${text}`);
// Runs of one kind reach the marks of that kind.
const isComplete = runs === "sql" || ensemble.seeds < ensembleSeeds || neverReached(end.marks).length === 0;
process.exitCode = ensemble.failed === 0 && isComplete && ensemble.pairs === ensemble.pairsEqual ? 0 : 1;
