/**
 * `npm run simulate:long -- --minutes M [--from SEED] [--write]`: seeds for a given time of one core, then what they came to: faults, recoveries,
 * how long healing took, which marks were reached and which never. A seed that fails, or a mark that is never reached, fails the run.
 * Every hundredth seed is run a second time, and every thousandth in a process of its own: equal hashes, or the run is not a function of
 * its seed.
 */
import { execFileSync } from "node:child_process";
import { storageMarkCounts } from "../../runtime/storage/marks.js";
import { recoveryRowCounts } from "../../runtime/storage/recovery-table.js";
import { markCounts } from "../../runtime/vsr/marks.js";
import { writeSection } from "./docs-page.js";
import { drawOptions } from "./options.js";
import { runSeed } from "./run-seed.js";
import type { RunSummary } from "./simulation.js";

const argument = (name: string): string | null => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? null : (process.argv[index + 1] ?? null);
};

const minutes = Number(argument("minutes") ?? "5");
const from = Number(argument("from") ?? "1000000");
const pairEvery = 100;
const processEvery = 1_000;

interface Totals {
  seeds: number;
  failed: number;
  events: number;
  virtualMs: number;
  requests: number;
  committed: number;
  starts: number;
  views: number;
  recoveringHeads: number;
  unrecoverable: number;
  halts: number;
  pairs: number;
  pairsEqual: number;
  readonly faults: Record<string, number>;
  readonly network: Record<string, number>;
  readonly healMs: number[];
}

const totals: Totals = {
  seeds: 0,
  failed: 0,
  events: 0,
  virtualMs: 0,
  requests: 0,
  committed: 0,
  starts: 0,
  views: 0,
  recoveringHeads: 0,
  unrecoverable: 0,
  halts: 0,
  pairs: 0,
  pairsEqual: 0,
  faults: {},
  network: {},
  healMs: [],
};

function add(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) into[name] = (into[name] ?? 0) + count;
}

function note(summary: RunSummary): void {
  totals.events += summary.events;
  totals.virtualMs += summary.virtualMs;
  totals.requests += summary.requests;
  totals.committed += summary.committed;
  totals.starts += summary.starts;
  totals.views += summary.views;
  totals.recoveringHeads += summary.recoveringHeads;
  totals.halts += summary.halts;
  if (summary.unrecoverable !== null) totals.unrecoverable += 1;
  if (summary.healMs !== null) totals.healMs.push(summary.healMs);
  add(totals.faults, summary.faults);
  add(totals.network, summary.network);
}

async function pair(seed: number, hash: string): Promise<void> {
  totals.pairs += 1;
  const again =
    seed % processEvery === 0 ? hashElsewhere(seed) : ((await runSeed(drawOptions(seed))).summary?.hash ?? "it failed");
  if (again === hash) totals.pairsEqual += 1;
  else console.log(`seed ${seed}: ${hash} the first time and ${again} the second`);
}

function hashElsewhere(seed: number): string {
  const simulate = new URL("./simulate.js", import.meta.url).pathname;
  const output = execFileSync(process.execPath, [simulate, "--seed", String(seed)], { encoding: "utf8" });
  const summary = JSON.parse(output.split("\n")[0] ?? "{}") as RunSummary;
  return summary.hash;
}

const share = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

function summaryText(cpuSeconds: number): { readonly text: string; readonly never: readonly string[] } {
  const marks = {
    ...prefixed("", markCounts()),
    ...prefixed("", storageMarkCounts()),
    ...prefixed("row: ", recoveryRowCounts()),
  };
  const byCount = Object.entries(marks).sort(([, left], [, right]) => left - right);
  const never = byCount.filter(([, count]) => count === 0).map(([name]) => name);
  const rarest = byCount.filter(([, count]) => count > 0).slice(0, 10);
  const healed = [...totals.healMs].sort((left, right) => left - right);
  const { seeds } = totals;
  const perRun = (count: number): string => (count / seeds).toFixed(2);
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, count]) => `${name} ${perRun(count)}`)
      .join(", ");
  const hours = totals.virtualMs / 3_600_000;
  const rows: [string, string][] = [
    ["node", process.version],
    ["seeds run, failed", `${seeds} (from ${from}), ${totals.failed}`],
    [
      "CPU seconds; seeds, events for each",
      `${cpuSeconds.toFixed(0)}; ${(seeds / cpuSeconds).toFixed(1)}, ${Math.round(totals.events / cpuSeconds)}`,
    ],
    ["simulated hours; for each CPU hour", `${hours.toFixed(1)}; ${(hours / (cpuSeconds / 3600)).toFixed(0)}`],
    ["requests, committed operations", `${totals.requests}, ${totals.committed}`],
    ["faults a run", list(totals.faults)],
    ["frames a run", list(totals.network)],
    [
      "starts, views, recovering heads a run",
      `${perRun(totals.starts)}, ${perRun(totals.views)}, ${perRun(totals.recoveringHeads)}`,
    ],
    ["replicas that stopped for good reason", String(totals.halts)],
    ["proved unrecoverable", String(totals.unrecoverable)],
    [
      "virtual ms from the last fault to convergence: p50, p99, max",
      `${share(healed, 0.5)}, ${share(healed, 0.99)}, ${healed.at(-1) ?? 0}`,
    ],
    ["determinism pairs equal", `${totals.pairsEqual} of ${totals.pairs}`],
    [
      "marks hit, never",
      `${byCount.length - never.length} of ${byCount.length}, ${never.length === 0 ? "none" : never.join(", ")}`,
    ],
    ["rarest ten", rarest.map(([name, count]) => `${name} ${count}`).join(", ")],
  ];
  return { text: ["| | |", "|---|---|", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n"), never };
}

const prefixed = (prefix: string, counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [prefix + name, count]));

const began = performance.now();
const used = process.cpuUsage();
for (let seed = from; performance.now() - began < minutes * 60_000; seed++) {
  const { summary, failure } = await runSeed(drawOptions(seed));
  totals.seeds += 1;
  if (failure !== null) {
    totals.failed += 1;
    console.log(`seed ${seed}: ${failure.message}`);
  } else if (summary !== null) {
    note(summary);
    if (seed % pairEvery === 0) await pair(seed, summary.hash);
  }
}
const cpu = process.cpuUsage(used);
const { text, never } = summaryText((cpu.user + cpu.system) / 1e6);
console.log(text);
const command = `npm run simulate:long -- --minutes ${minutes} --from ${from}`;
if (process.argv.includes("--write")) writeSection("seeds", `\`${command}\`\n\n${text}`);
process.exitCode = totals.failed === 0 && never.length === 0 && totals.pairs === totals.pairsEqual ? 0 : 1;
