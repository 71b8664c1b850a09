/**
 * `npm run check`: everything that must be true of a change, each step named and timed, all steps run whatever the earlier ones
 * say. `--without tests` leaves steps out (a run that has just run the tests need not run them again).
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import path from "node:path";
import { pageIsCurrent, readInventory } from "./assertions.js";
import { checkImports } from "./imports.js";
import { checkPackage } from "./package.js";
import { productFolders, readSources } from "./sources.js";

interface Step {
  readonly name: string;
  /** Returns what is wrong, one line each; an empty list is a pass. What a tool prints goes straight to the terminal. */
  readonly run: (root: string) => readonly string[];
}

function tool(root: string, script: string, flags: readonly string[]): readonly string[] {
  const file = path.join(root, "node_modules", script);
  const ran: SpawnSyncReturns<Buffer> = spawnSync(process.execPath, [file, ...flags], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return ran.status === 0 ? [] : [`exit code ${ran.status ?? String(ran.signal)}`];
}

const steps: readonly Step[] = [
  {
    name: "format",
    run: (root) =>
      tool(root, "@biomejs/biome/bin/biome", ["check", "--linter-enabled=false", "--diagnostic-level=error", "."]),
  },
  { name: "types", run: (root) => tool(root, "typescript/bin/tsc", ["-p", "tsconfig.json"]) },
  {
    name: "lint",
    run: (root) =>
      tool(root, "oxlint/bin/oxlint", ["--type-aware", "--deny-warnings", "--report-unused-disable-directives"]),
  },
  {
    name: "imports",
    run: (root) => {
      const report = checkImports(readSources(root, productFolders));
      return report.importsRead > 0 ? report.violations : ["no import was read"];
    },
  },
  {
    name: "assertions",
    run: (root) => {
      const found = readInventory(root);
      const stale = pageIsCurrent(root, found)
        ? []
        : ["docs/assertions.md is out of date: npm run assertions -- --write"];
      return [...found.problems, ...stale];
    },
  },
  {
    name: "dead code",
    run: (root) => tool(root, "knip/bin/knip.js", ["--no-progress", "--no-config-hints"]),
  },
  { name: "package", run: checkPackage },
  {
    name: "tests",
    run: (root) => {
      const script = path.join(root, "protocol", "admin", "bootstrap.mjs");
      const ran = spawnSync(process.execPath, [script, "test"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
      return ran.status === 0 ? [] : [`exit code ${ran.status ?? String(ran.signal)}`];
    },
  },
];

/** Runs all steps but those named after `--without` (comma-separated). @returns the exit code */
export function runChecks(root: string, flags: readonly string[]): number {
  const without = flags.indexOf("--without") === -1 ? [] : (flags[flags.indexOf("--without") + 1] ?? "").split(",");
  const unknown = without.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(", ")}; the steps are ${steps.map((step) => step.name).join(", ")}`);
    return 2;
  }
  const rows: { name: string; seconds: string; problems: readonly string[] }[] = [];
  for (const step of steps) {
    if (without.includes(step.name)) continue;
    console.log(`── ${step.name}`);
    const start = performance.now();
    let problems: readonly string[];
    try {
      problems = step.run(root);
    } catch (error) {
      problems = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    }
    for (const problem of problems) console.log(problem);
    rows.push({ name: step.name, seconds: ((performance.now() - start) / 1000).toFixed(1), problems });
  }
  const failed = rows.filter((row) => row.problems.length > 0).length;
  console.log("");
  for (const row of rows) {
    console.log(
      `${row.problems.length === 0 ? "ok    " : "FAILED"}  ${row.name.padEnd(12)} ${row.seconds.padStart(6)} s`,
    );
  }
  console.log(`checks: ${rows.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
