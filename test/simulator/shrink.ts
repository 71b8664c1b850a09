/**
 * `npm run shrink -- --seed N`: the smallest run that still fails as that seed does, told line by line. First the options are turned off one by
 * one, then faults are taken out of the schedule, halves first (delta debugging), as long as the same oracle objects.
 */
import { lowered, type SimulationOptions } from "./options.js";
import { drawRun, scheduleOf } from "./rare-stories.js";
import { runSeed } from "./run-seed.js";
import type { FaultEvent } from "./schedule.js";

interface Case {
  readonly options: SimulationOptions;
  readonly schedule: readonly FaultEvent[];
}

const index = process.argv.indexOf("--seed");
const seed = Number(process.argv[index + 1]);
if (index < 0 || !Number.isSafeInteger(seed)) throw new Error("--seed takes a whole number");

async function objection({ options, schedule }: Case): Promise<string | null> {
  const { failure } = await runSeed(options, schedule);
  return failure?.oracle ?? null;
}

async function withoutOptions(start: Case, oracle: string): Promise<Case> {
  let smallest = start;
  for (const { name, lower } of lowered) {
    const candidate = { ...smallest, options: lower(smallest.options) };
    if ((await objection(candidate)) !== oracle) continue;
    smallest = candidate;
    console.log(`without ${name} it still fails`);
  }
  return smallest;
}

async function withoutFaults(start: Case, oracle: string): Promise<Case> {
  let smallest = start;
  for (let size = Math.ceil(smallest.schedule.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < smallest.schedule.length; ) {
      const schedule = smallest.schedule.filter((_, at) => at < from || at >= from + size);
      const candidate = { ...smallest, schedule };
      if ((await objection(candidate)) === oracle) smallest = candidate;
      else from += size;
    }
  }
  return smallest;
}

const options = drawRun(seed, process.argv.includes("--sql") ? "sql" : "drawn");
const whole: Case = { options, schedule: scheduleOf(options) };
const oracle = await objection(whole);
if (oracle === null) {
  console.log(`seed ${seed} does not fail`);
} else {
  console.log(`seed ${seed} fails: ${oracle}; ${whole.schedule.length} faults`);
  const smallest = await withoutFaults(await withoutOptions(whole, oracle), oracle);
  const lines: string[] = [];
  const { failure } = await runSeed(smallest.options, smallest.schedule, (line) => lines.push(line));
  console.log(`${smallest.schedule.length} faults are left:`);
  for (const event of smallest.schedule) console.log(`  ${JSON.stringify(event)}`);
  console.log(JSON.stringify(smallest.options));
  for (const line of lines.filter((each) => !/ (ping|pong|commitOk) /.test(each)).slice(-200)) console.log(line);
  console.log(failure?.message);
}
