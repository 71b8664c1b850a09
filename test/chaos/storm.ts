/**
 * Real processes under real faults: several `kimberlite start --cluster` on loopback, clients whose every answer is kept, faults that
 * each prove that they happened, and two checkers that do not know of each other. docs/fault-suite.md says what was found.
 *
 *   npm run chaos -- --seconds 60 --fault NAME      one kind of fault, or mix (the default: each kind as chance has it), or none
 *
 *   --nodes N (3)  --shards N (1)  --layout shared|threads  --writers N (6)  --depth N (4)
 *   --every SECONDS between faults (2)  --faults N at most  --seed N
 *   --no-sync      the control: syncs do nothing, so power cuts must lose something; exit code 0 when they did
 *
 * Prints a timeline, a table by fault, and one JSON line. Exit code 0 only when nothing was violated.
 */
import { parseArgs } from "node:util";
import { faultNames } from "./faults.js";
import { isFaultName, runStorm, type StormReport } from "./run-storm.js";
import { quantile } from "./timeline.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    fault: { type: "string", default: "mix" },
    nodes: { type: "string", default: "3" },
    shards: { type: "string", default: "1" },
    layout: { type: "string", default: "shared" },
    writers: { type: "string", default: "6" },
    depth: { type: "string", default: "4" },
    every: { type: "string", default: "2" },
    faults: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    "no-sync": { type: "boolean", default: false },
  },
});

const violationsShown = 30;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const { fault } = values;
if (fault !== "mix" && fault !== "none" && !isFaultName(fault)) {
  print(`no fault is named ${fault}; there are: mix, none, ${faultNames.join(", ")}`);
  process.exit(2);
}

function table({ scene }: StormReport): void {
  const names = [...new Set(scene.records.map((record) => record.fault))].sort();
  print("");
  print("fault             times   no write for, ms: p50     p99     max   no other read elsewhere: p99     max");
  for (const name of names) {
    const of = scene.records.filter((record) => record.fault === name);
    const writes = of.map(({ outageMs }) => outageMs);
    const reads = of.map(({ readGapMs }) => readGapMs).filter((gap) => !Number.isNaN(gap));
    const show = (value: number): string => String(Math.round(value)).padStart(8);
    const ofReads =
      reads.length === 0
        ? "                              –"
        : `${show(quantile(reads, 0.99)).padStart(31)}${show(quantile(reads, 1))}`;
    print(
      `${name.padEnd(16)} ${String(of.length).padStart(6)} ${show(quantile(writes, 0.5)).padStart(23)}${show(quantile(writes, 0.99))}${show(quantile(writes, 1))}${ofReads}`,
    );
  }
  print("");
  for (const [what, times] of Object.entries(scene.counts).sort()) print(`${String(times).padStart(8)}  ${what}`);
}

const report = await runStorm({
  seconds: Number(values.seconds),
  fault,
  nodes: Number(values.nodes),
  shards: Number(values.shards),
  layout: values.layout === "threads" ? "threads" : "shared",
  writers: Number(values.writers),
  depth: Number(values.depth),
  everySeconds: Number(values.every),
  faultsMax: Number(values.faults),
  seed: Number(values.seed),
  liesAboutSync: values["no-sync"],
  print,
});
table(report);
for (const violation of report.violations.slice(0, violationsShown)) print(`VIOLATION ${violation}`);
const { scene, answers, writers, violations, operations, streamsSearched, searchSteps, eventsCompared, prepares } =
  report;
const outages = scene.records.map(({ outageMs }) => outageMs);
print(
  JSON.stringify({
    fault,
    seed: Number(values.seed),
    seconds: report.seconds,
    counts: scene.counts,
    outageMs: {
      p50: Math.round(quantile(outages, 0.5)),
      p99: Math.round(quantile(outages, 0.99)),
      max: Math.round(quantile(outages, 1)),
    },
    writers,
    operations,
    answers,
    streamsSearched,
    searchSteps,
    eventsCompared,
    prepares,
    acknowledgedLost: report.acknowledgedLost,
    violations: violations.length,
  }),
);
if (values["no-sync"]) {
  const isNoticed = violations.length > 0;
  print(
    isNoticed ? "the control lost something, and it was noticed" : "the control lost nothing: this test proves nothing",
  );
  process.exit(isNoticed ? 0 : 1);
}
process.exit(report.isRight ? 0 : 1);
