/**
 * `npm run explore [-- --seconds CPU] [--only TEXT] [--write]`: small scopes of the shipping core, every order of everything, each for so
 * much CPU time at most, those only whose row has that text. The copy that runs differs from the
 * product in one thing: private fields of `runtime/vsr` have ordinary names, so that a state can be told from another.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { edited } from "../canaries.js";
import type { Edit } from "../canary-table.js";
import { readSection, writeSection } from "../docs-page.js";
import type { Compared, Explored } from "./explored.js";
import type { Scope } from "./small-world.js";

const scope = (ops: number, timers: number, crashes: number, isPrompt: boolean): Scope => {
  const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const parts = [
    counted(ops, "op"),
    counted(timers, "view timer"),
    ...(crashes > 0 ? ["1 crash, 1 damaged entry"] : []),
  ];
  return { name: parts.join(", "), ops, timers, crashes, damages: crashes, isPrompt };
};

/** Each bound that a cluster is asked for (3 operations, 3 view timers, a crash with damage) alone, in pairs and together, as far as a table of states goes. */
const scopes: readonly Scope[] = [
  scope(3, 0, 0, false),
  scope(0, 2, 0, false),
  scope(1, 1, 0, false),
  scope(1, 0, 1, false),
  scope(1, 2, 0, false),
  scope(2, 1, 0, false),
  scope(2, 0, 1, false),
  scope(0, 3, 0, true),
  scope(1, 2, 0, true),
  scope(2, 1, 0, true),
  scope(2, 0, 1, true),
  scope(1, 1, 1, true),
  scope(3, 1, 0, true),
  scope(3, 0, 1, true),
  scope(0, 3, 1, true),
  scope(1, 3, 0, true),
  scope(2, 2, 0, true),
  scope(2, 1, 1, true),
  scope(1, 2, 1, true),
];

/** States of replicas are objects; states of the world are not, and lie elsewhere. */
const heapOption = "--max-old-space-size=6000";

const project = new URL("../../../../", import.meta.url).pathname;

/** A copy of the build in which `#name` of the core is `__name`, with changes for those who want to see them found. */
export function openedCopy(edits: readonly Edit[] = []): string {
  const target = mkdtempSync(path.join(tmpdir(), "kimberlite-explore-"));
  for (const part of ["runtime", "test/simulator", "test/vsr", "test/store"]) {
    cpSync(path.join(project, "dist", part), path.join(target, "dist", part), {
      recursive: true,
      filter: (source) => !source.endsWith(".map") && !source.endsWith(".d.ts"),
    });
  }
  for (const edit of edits) {
    const file = path.join(target, "dist", edit.file);
    writeFileSync(file, edited(readFileSync(file, "utf8"), edit));
  }
  const core = path.join(target, "dist/runtime/vsr");
  for (const name of readdirSync(core)) {
    const file = path.join(core, name);
    writeFileSync(file, readFileSync(file, "utf8").replace(/#([A-Za-z]\w*)/g, "__$1"));
  }
  symlinkSync(path.join(project, "node_modules"), path.join(target, "node_modules"));
  writeFileSync(path.join(target, "package.json"), '{"type":"module","version":"0.0.0"}\n');
  return target;
}

/** What a program of the copy prints last. */
function outputOf<Output>(copy: string, program: string, ...args: readonly string[]): Output {
  const child = path.join(copy, `dist/test/simulator/explore/${program}.js`);
  const output = execFileSync(process.execPath, [heapOption, child, ...args], { encoding: "utf8" });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as Output;
}

export function explore(copy: string, scope: Scope, secondsMax: number): Explored {
  return outputOf<Explored>(copy, "explore-run", JSON.stringify(scope), String(secondsMax));
}

/** @param supposes whether it begins with what is false */
export function compare(copy: string, scope: Scope, { supposes }: { readonly supposes: boolean }): Compared {
  return outputOf<Compared>(copy, "compare-run", JSON.stringify(scope), "60", ...(supposes ? ["supposes"] : []));
}

const head = [
  "| scope (three replicas) | disks write | states of the world | transitions | states of a replica | steps of the core | CPU | violation |",
  "|---|---|---|---|---|---|---|---|",
];

const titleOf = ({ name, isPrompt }: Scope): string => `| ${name} | ${isPrompt ? "at once" : "late"} |`;

function rowOf(scope: Scope, explored: Explored): string {
  const { states, transitions, memberStates, steps, seconds, isComplete, violation } = explored;
  const end = isComplete ? `complete in ${seconds} s` : `cut after ${seconds} s`;
  return `${titleOf(scope)} ${states} | ${transitions} | ${memberStates} | ${steps} | ${end} | ${violation ?? "none"} |`;
}

/** Puts a row into the page; those of other scopes stay, of which each may have taken its hour. */
function writeRow(scope: Scope, row: string): void {
  const known = readSection("scopes").split("\n");
  const rows = scopes.flatMap((each) =>
    each === scope ? [row] : known.filter((line) => line.startsWith(titleOf(each))).slice(0, 1),
  );
  writeSection("scopes", [...head, ...rows].join("\n"));
}

/** What stands behind an option. */
function optionOf(name: string): string | undefined {
  const index = process.argv.indexOf(name);
  return index < 0 ? undefined : process.argv[index + 1];
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const secondsMax = Number(optionOf("--seconds") ?? 60);
  const only = optionOf("--only") ?? "";
  const copy = openedCopy();
  let violations = 0;
  try {
    for (const scope of scopes.filter((each) => titleOf(each).includes(only))) {
      const explored = explore(copy, scope, secondsMax);
      if (explored.violation !== null) violations += 1;
      const row = rowOf(scope, explored);
      console.log(row);
      if (process.argv.includes("--write")) writeRow(scope, row);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  process.exitCode = violations === 0 ? 0 : 1;
}
