/**
 * `npm run canaries [-- --only C5,C12] [--from SEED] [--seconds CPU] [--results FILE] [--write]`: for each canary a copy of the compiled product is changed and the
 * simulator run on it until an oracle objects. Prints the kill table; with `--write` it goes to `docs/simulator.md`. A change whose place
 * is not found exactly once fails: the product has moved on, and the canary has to follow.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Canary, canaries, type Edit } from "./canary-table.js";
import { writeSection } from "./docs-page.js";

interface Kill {
  readonly canary: Canary;
  readonly seeds: number;
  readonly oracle: string | null;
  readonly message: string;
}

/** What came of a canary, as it is kept between runs. */
interface Verdict {
  readonly id: string;
  readonly seeds: number;
  readonly oracle: string | null;
  readonly message: string;
}

interface ChildReport {
  readonly seeds: number;
  readonly verdict: { readonly oracle: string; readonly message: string } | null;
}

const project = new URL("../../../", import.meta.url).pathname;
const argument = (name: string): string | null => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? null : (process.argv[index + 1] ?? null);
};

function copyProduct(): string {
  const target = mkdtempSync(path.join(tmpdir(), "kimberlite-canary-"));
  for (const part of ["runtime", "actors", "protocol/server", "test/simulator", "test/sql", "test/store"]) {
    cpSync(path.join(project, "dist", part), path.join(target, "dist", part), {
      recursive: true,
      filter: (source) => !source.endsWith(".map") && !source.endsWith(".d.ts"),
    });
  }
  mkdirSync(path.join(target, "node_modules"), { recursive: true });
  rmSync(path.join(target, "node_modules"), { recursive: true });
  symlinkSync(path.join(project, "node_modules"), path.join(target, "node_modules"));
  writeFileSync(path.join(target, "package.json"), '{"type":"module","version":"0.0.0"}\n');
  return target;
}

/** Gives the file's text with the change, or throws when its place is not exactly one. */
export function edited(text: string, { file, find, replace }: Edit): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`${file}: the place of a canary is there ${places} times instead of once: ${find}`);
  return text.replace(find, () => replace);
}

function run(canary: Canary, from: number, secondsMax: number, isControl: boolean): Kill {
  const target = copyProduct();
  try {
    for (const edit of isControl ? [] : canary.edits) {
      const file = path.join(target, "dist", edit.file);
      writeFileSync(file, edited(readFileSync(file, "utf8"), edit));
    }
    const over = canary.runs ?? {};
    const child = path.join(target, "dist/test/simulator/until-caught.js");
    const args = [
      child,
      String(from),
      String(canary.budget),
      String(secondsMax),
      JSON.stringify(over),
      JSON.stringify(canary.story ?? []),
    ];
    const output = execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
    const report = JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as ChildReport;
    return {
      canary,
      seeds: report.seeds,
      oracle: report.verdict?.oracle ?? null,
      message: report.verdict?.message ?? "",
    };
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

const isKilled = ({ canary, oracle }: Kill): boolean => canary.oracles.some((name) => name === oracle);

function table(kills: readonly Kill[]): string {
  const rows = kills.map((kill) => {
    const { canary, seeds, oracle } = kill;
    const verdict = oracle === null ? "**alive**" : isKilled(kill) ? oracle : `${oracle} (not one of its own)`;
    const title = canary.differs === undefined ? canary.title : `${canary.title} — ${canary.differs}`;
    return `| ${canary.id} | ${title} | ${canary.oracles.join(", ")} | ${verdict} | ${seeds} | ${canary.budget} |`;
  });
  return ["| | broken | may be caught by | caught by | seeds | budget |", "|---|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

/** Verdicts of earlier runs, by canary: a table may be made of several runs, since all of them together take long. */
function readVerdicts(file: string | null): Map<string, Verdict> {
  if (file === null || !existsSync(file)) return new Map();
  const known = JSON.parse(readFileSync(file, "utf8")) as Verdict[];
  return new Map(known.map((verdict) => [verdict.id, verdict]));
}

/** The runs of each canary without its change: true when nothing objects. */
function control(wanted: readonly Canary[], from: number, secondsMax: number): boolean {
  let isSilent = true;
  for (const canary of wanted) {
    const { seeds, oracle, message } = run(canary, from, secondsMax, true);
    isSilent &&= oracle === null;
    console.log(`${oracle === null ? "silent" : "WRONG "} ${canary.id} after ${seeds} seeds${message.slice(0, 160)}`);
  }
  return isSilent;
}

function main(): void {
  const only = argument("only")?.split(",") ?? null;
  const from = Number(argument("from") ?? "1");
  const secondsMax = Number(argument("seconds") ?? "120");
  const wanted = canaries.filter(({ id }) => only === null || only.includes(id));
  if (process.argv.includes("--control")) {
    process.exitCode = control(wanted, from, secondsMax) ? 0 : 1;
    return;
  }
  const file = argument("results");
  const verdicts = readVerdicts(file);
  for (const canary of wanted) {
    const { seeds, oracle, message } = run(canary, from, secondsMax, false);
    const verdict = { id: canary.id, seeds, oracle, message };
    verdicts.set(canary.id, verdict);
    if (file !== null) writeFileSync(file, `${JSON.stringify([...verdicts.values()], null, 1)}\n`);
    const word = isKilled({ canary, ...verdict }) ? "killed" : "ALIVE ";
    console.log(`${word} ${canary.id} after ${seeds} seeds: ${message.slice(0, 160)}`);
  }
  const kills = canaries.flatMap((canary): Kill[] => {
    const verdict = verdicts.get(canary.id);
    return verdict === undefined ? [] : [{ canary, ...verdict }];
  });
  const killed = kills.filter(isKilled).length;
  const text = `${table(kills)}\n\n${killed} of ${canaries.length} are caught by an oracle of their own; ${canaries.length - kills.length} were not run.`;
  console.log(`\n${text}`);
  if (process.argv.includes("--write")) writeSection("canaries", text);
  process.exitCode = killed === canaries.length ? 0 : 1;
}

if (process.argv[1] === new URL(import.meta.url).pathname) main();
