/**
 * `npm run explore [-- --seconds CPU] [--write]`: small scopes of the shipping core, every order of everything. The copy that runs differs from the
 * product in one thing: private fields of `runtime/vsr` have ordinary names, so that a state can be told from another.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { edited } from "../canaries.js";
import type { Edit } from "../canary-table.js";
import { writeSection } from "../docs-page.js";
import type { Explored } from "./explored.js";
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
  scope(1, 3, 0, true),
  scope(2, 2, 0, true),
  scope(3, 1, 0, true),
  scope(3, 0, 1, true),
  scope(3, 3, 1, true),
];

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

export function explore(copy: string, scope: Scope, secondsMax: number): Explored {
  const child = path.join(copy, "dist/test/simulator/explore/explore-run.js");
  const output = execFileSync(process.execPath, [child, JSON.stringify(scope), String(secondsMax)], {
    encoding: "utf8",
  });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as Explored;
}

function rowOf({ name, isPrompt }: Scope, explored: Explored): string {
  const { states, transitions, memberStates, steps, seconds, isComplete, violation } = explored;
  const end = isComplete ? `complete in ${seconds} s` : `cut after ${seconds} s`;
  return `| ${name} | ${isPrompt ? "at once" : "late"} | ${states} | ${transitions} | ${memberStates} | ${steps} | ${end} | ${violation ?? "none"} |`;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const index = process.argv.indexOf("--seconds");
  const secondsMax = index < 0 ? 60 : Number(process.argv[index + 1]);
  const copy = openedCopy();
  const rows: string[] = [];
  let violations = 0;
  try {
    for (const scope of scopes) {
      const explored = explore(copy, scope, secondsMax);
      if (explored.violation !== null) violations += 1;
      rows.push(rowOf(scope, explored));
      console.log(rows.at(-1));
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  const text = [
    "| scope (three replicas) | disks write | states of the world | transitions | states of a replica | steps of the core | CPU | violation |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
  const command = `npm run explore -- --seconds ${secondsMax}`;
  if (process.argv.includes("--write")) writeSection("scopes", `\`${command}\`\n\n${text}`);
  process.exitCode = violations === 0 ? 0 : 1;
}
