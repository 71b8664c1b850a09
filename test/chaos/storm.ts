/**
 * Real processes under real faults: several `kimberlite start --cluster` on loopback, clients whose every answer is kept, faults that
 * each prove that they happened, and two checkers that do not know of each other. docs/fault-suite.md says what was found.
 *
 *   npm run chaos -- --suite NAME --minutes M       one suite, or all
 *   npm run chaos -- --slice                        every fault once: what each change passes
 *   npm run chaos -- --fault NAME --seconds 60      one kind of fault, several (a,b,c: in turn), or mix: each as chance has it; or none
 *
 *   --nodes N (3)  --shards N (1)  --layout shared|threads  --writers N (6)  --depth N (4)
 *   --every SECONDS between faults (2)  --faults N at most  --seed N
 *   --no-sync      the control: syncs do nothing, so power cuts must lose something; exit code 0 when they did
 *
 * Prints a timeline, a table by fault and one JSON line for each run; `--json FILE` appends these lines to a file. The last line is
 * `chaos: N passed, N failed`: every kind of fault and every run counts one. Exit code 0 only when nothing failed.
 */
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type FaultName, faultNames, isFaultName, mixed } from "./faults.js";
import { runStorm, type StormOptions, type StormReport } from "./run-storm.js";
import { isSuiteName, type SliceRun, type Suite, slice, suiteNames, suites } from "./suites.js";
import { faultTable, jsonOf, summary, type Verdict } from "./summary.js";

const { values } = parseArgs({
  options: {
    suite: { type: "string" },
    minutes: { type: "string", default: "10" },
    slice: { type: "boolean", default: false },
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
    json: { type: "string" },
    "no-sync": { type: "boolean", default: false },
  },
});

const violationsShown = 30;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

function refuse(what: string): never {
  print(what);
  process.exit(2);
}

const common = {
  nodes: Number(values.nodes),
  shards: Number(values.shards),
  layout: values.layout === "threads" ? "threads" : "shared",
  writers: Number(values.writers),
  depth: Number(values.depth),
  everySeconds: Number(values.every),
  seed: Number(values.seed),
  liesAboutSync: values["no-sync"],
  diskBytes: null,
  network: "proxies",
  payloadBytes: 96,
  order: "given",
  print,
} as const;

/** A run and what it has to come to. */
interface Planned extends SliceRun {
  readonly seconds: number;
  readonly faultsMax: number;
  readonly order?: StormOptions["order"];
}

function plan(): Planned[] {
  if (values.slice)
    return slice.map((run) => ({ ...run, seconds: Number.POSITIVE_INFINITY, faultsMax: run.faults.length }));
  const { suite } = values;
  if (suite !== undefined) {
    const names = suite === "all" ? suiteNames : suite.split(",");
    const chosen = names.map((name): readonly [string, Suite] => {
      if (!isSuiteName(name)) refuse(`no suite is named ${name}; there are: all, ${suiteNames.join(", ")}`);
      return [name, suites[name]];
    });
    const parts = chosen.reduce((sum, [, { weight = 1 }]) => sum + weight, 0);
    return chosen.map(([name, one]) => ({
      ...one,
      name,
      seconds: (Number(values.minutes) * 60 * (one.weight ?? 1)) / parts,
      faultsMax: Number(values.faults),
    }));
  }
  const { fault } = values;
  const names = fault === "mix" || fault === "none" ? [] : fault.split(",");
  const faults = names.map((name): FaultName => {
    if (!isFaultName(name)) refuse(`no fault is named ${name}; there are: mix, none, ${faultNames.join(", ")}`);
    return name;
  });
  const rest = { name: fault, seconds: Number(values.seconds), faultsMax: Number(values.faults) };
  const needsDisk = faults.some((name) => name.startsWith("full-"));
  return [
    {
      ...rest,
      ...(needsDisk
        ? { diskBytes: suites["disk-full"].diskBytes, payloadBytes: suites["disk-full"].payloadBytes }
        : {}),
      faults: fault === "mix" ? mixed : faults,
      order: fault === "mix" ? "random" : "given",
      ...(values["no-sync"] ? { isControl: true } : {}),
    },
  ];
}

function judged(planned: Planned, report: StormReport): Verdict {
  faultTable(report, print);
  for (const violation of report.violations.slice(0, violationsShown)) print(`VIOLATION ${violation}`);
  const isControl = planned.isControl === true;
  const isRight = isControl ? report.violations.length > 0 : report.isRight;
  if (isControl)
    print(
      isRight ? "the control lost something, and it was noticed" : "the control lost nothing: this test proves nothing",
    );
  const line = JSON.stringify({ suite: planned.name, seed: common.seed, ...jsonOf(report) });
  print(line);
  if (values.json !== undefined) appendFileSync(values.json, `${line}\n`);
  return { name: planned.name, report, isControl, isRight };
}

const verdicts: Verdict[] = [];
for (const planned of plan()) {
  const { needs } = planned;
  if (needs?.isThere() === false) {
    print(`${planned.name}: not run, as it takes ${needs.what}`);
    verdicts.push({ name: planned.name, report: null, isControl: false, isRight: true });
    continue;
  }
  print(`--- ${planned.name}`);
  const isControl = planned.isControl === true;
  verdicts.push(judged(planned, await runStorm({ ...common, ...planned, liesAboutSync: isControl })));
}
process.exit(summary(verdicts, print) ? 0 : 1);
