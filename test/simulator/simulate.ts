/** `npm run simulate -- --seed N [--trace]`, or `--seeds COUNT --from N`: runs seeds one after the other and says which fail, and why. */
import { drawOptions } from "./options.js";
import { runSeed } from "./run-seed.js";

function numberOf(name: string, otherwise: number): number {
  const index = process.argv.indexOf(`--${name}`);
  const value = index < 0 ? otherwise : Number(process.argv[index + 1]);
  if (!Number.isSafeInteger(value)) throw new Error(`--${name} takes a whole number`);
  return value;
}

const single = numberOf("seed", -1);
const from = single >= 0 ? single : numberOf("from", 1);
const count = single >= 0 ? 1 : numberOf("seeds", 20);
const trace = process.argv.includes("--trace") ? (line: string): void => console.log(line) : null;
const began = process.cpuUsage();
let failed = 0;
let virtualMs = 0;
let events = 0;
for (let seed = from; seed < from + count; seed++) {
  const options = drawOptions(seed);
  const { summary, failure } = await runSeed(options, undefined, trace);
  virtualMs += summary?.virtualMs ?? 0;
  events += summary?.events ?? 0;
  if (single >= 0 && summary !== null) console.log(JSON.stringify(summary));
  if (failure === null) continue;
  failed += 1;
  console.log(`seed ${seed} (${options.replicas} replicas, atlas ${options.atlas}): ${failure.message}`);
  if (single < 0) continue;
  console.log(JSON.stringify(options));
  if (failure.cause instanceof Error) console.log(failure.cause.stack);
}
const used = process.cpuUsage(began);
const seconds = (used.user + used.system) / 1e6;
const perSecond = (value: number): string => (value / seconds).toFixed(1);
console.log(
  `${count} seeds, ${failed} failed; for each CPU second ${perSecond(count)} seeds, ${perSecond(virtualMs / 1000)} virtual seconds, ${perSecond(events)} events`,
);
process.exitCode = failed === 0 ? 0 : 1;
