/**
 * `npm run explore [-- --seconds CPU] [--write]`: small scopes of the shipping core, every order of everything. The copy that runs differs from the
 * product in one thing: private fields of `runtime/vsr` have ordinary names, so that a state can be told from another.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { writeSection } from "../docs-page.js";
import type { Scope } from "./small-world.js";

interface Explored {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly isComplete: boolean;
  readonly violation: string | null;
  readonly seconds: number;
}

const scopes: readonly Scope[] = [
  { name: "1 op, no timer, no crash", ops: 1, timers: 0, crashes: 0, damages: 0 },
  { name: "2 ops, no timer, no crash", ops: 2, timers: 0, crashes: 0, damages: 0 },
  { name: "1 op, 1 crash", ops: 1, timers: 0, crashes: 1, damages: 0 },
  { name: "no op, 2 view timers", ops: 0, timers: 2, crashes: 0, damages: 0 },
  { name: "1 op, 2 view timers", ops: 1, timers: 2, crashes: 0, damages: 0 },
  { name: "3 ops, 3 view timers, 1 crash, 1 damaged entry", ops: 3, timers: 3, crashes: 1, damages: 1 },
];

const project = new URL("../../../../", import.meta.url).pathname;

/** A copy of the build in which `#name` of the core is `__name`. */
export function openedCopy(): string {
  const target = mkdtempSync(path.join(tmpdir(), "kimberlite-explore-"));
  for (const part of ["runtime", "test/simulator", "test/vsr", "test/store"]) {
    cpSync(path.join(project, "dist", part), path.join(target, "dist", part), {
      recursive: true,
      filter: (source) => !source.endsWith(".map") && !source.endsWith(".d.ts"),
    });
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

export function explore(copy: string, scope: Scope, secondsMax: number): Explored {
  const child = path.join(copy, "dist/test/simulator/explore/explore-run.js");
  const output = execFileSync(process.execPath, [child, JSON.stringify(scope), String(secondsMax)], {
    encoding: "utf8",
  });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as Explored;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const index = process.argv.indexOf("--seconds");
  const secondsMax = index < 0 ? 60 : Number(process.argv[index + 1]);
  const copy = openedCopy();
  const rows: string[] = [];
  let violations = 0;
  try {
    for (const scope of scopes) {
      const { states, transitions, depth, isComplete, violation, seconds } = explore(copy, scope, secondsMax);
      if (violation !== null) violations += 1;
      rows.push(
        `| ${scope.name} | ${states} | ${transitions} | ${depth} | ${isComplete ? "complete" : `cut after ${seconds} s`} | ${violation ?? "none"} |`,
      );
      console.log(rows.at(-1));
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  const text = [
    "| scope (three replicas) | states | transitions | depth | | violation |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
  if (process.argv.includes("--write")) writeSection("scopes", text);
  process.exitCode = violations === 0 ? 0 : 1;
}
