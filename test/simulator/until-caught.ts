/** Runs seeds until an oracle objects, and says which: the child of `canaries.ts`, which has changed the product that it runs. */
import { drawOptions, type SimulationOptions } from "./options.js";
import { runSeed } from "./run-seed.js";
import { drawSchedule, type FaultEvent } from "./schedule.js";

const [from = "1", count = "1", secondsMax = "60", overrides = "{}", events = "[]"] = process.argv.slice(2);
const story = JSON.parse(events) as readonly FaultEvent[];
const over = JSON.parse(overrides) as Partial<SimulationOptions>;
const began = process.cpuUsage();
let seeds = 0;
let verdict: { oracle: string; message: string } | null = null;
for (let seed = Number(from); seed < Number(from) + Number(count) && verdict === null; seed++) {
  const options = drawOptions(seed, over);
  const { failure } = await runSeed(options, [...drawSchedule(options), ...story]);
  seeds += 1;
  if (failure !== null) verdict = { oracle: failure.oracle, message: failure.message };
  const used = process.cpuUsage(began);
  if ((used.user + used.system) / 1e6 > Number(secondsMax)) break;
}
console.log(JSON.stringify({ seeds, verdict }));
