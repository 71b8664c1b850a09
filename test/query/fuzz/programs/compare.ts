/** Writes programs, compares them, and makes those that differ as short as they can be. */
import type { PostgresClient } from "../../postgres/client.js";
import { Random } from "../expressions.js";
import type { Step } from "./queries.js";
import { compareProgram, type Difference, newCounts, type ProgramCounts } from "./run.js";
import { ProgramWriter } from "./writer.js";

export interface ProgramOptions {
  /** Statements at least, unless the time ends before. */
  readonly statements: number;
  readonly milliseconds: number;
  readonly seed: number;
  /** Statements of one program. */
  readonly length: number;
  /** Programs that are compared at the same time, each on connections of its own. */
  readonly lanes: number;
  readonly connect: { readonly postgres: () => Promise<PostgresClient>; readonly here: () => Promise<PostgresClient> };
  readonly found: (report: string) => void;
}

export interface ProgramReport extends ProgramCounts {
  readonly programs: number;
  readonly differing: number;
}

interface Sides {
  readonly postgres: PostgresClient;
  readonly here: PostgresClient;
}

export async function comparePrograms(options: ProgramOptions): Promise<ProgramReport> {
  const counts = newCounts();
  const until = performance.now() + options.milliseconds;
  let programs = 0;
  let differing = 0;
  const lane = async (number: number): Promise<void> => {
    const sides: Sides = { postgres: await options.connect.postgres(), here: await options.connect.here() };
    while (counts.statements < options.statements && performance.now() < until) {
      const seed = options.seed * 1_000_003 + programs;
      programs += 1;
      const steps = program(seed, options.length);
      const schema = `lane${number}`;
      const memory = programs % 4 === 0 ? "192kB" : null;
      const difference = await compareProgram(sides, schema, steps, counts, memory);
      if (difference === null) continue;
      differing += 1;
      const { kept, last } = await shrink(sides, schema, steps, difference, until, memory);
      const text = kept.map(shownStep).join("\n");
      options.found(`-- program ${seed}\n${text}\n--- PostgreSQL\n${last.expected}\n--- here\n${last.actual}\n`);
    }
    sides.postgres.close();
    sides.here.close();
  };
  await Promise.all(Array.from({ length: options.lanes }, (_, number) => lane(number)));
  return { ...counts, programs, differing };
}

/** The statement as psql would take it, and what goes with it. */
function shownStep({ sql, via }: Step): string {
  if (via === undefined) return `${sql};`;
  if (via.kind === "copyIn") return `${sql};\n${via.data}\\.`;
  const values = via.parameters.map((value) => (Buffer.isBuffer(value) ? `\\x${value.toString("hex")}` : value));
  return `${sql}; -- extended, ${via.format}: ${JSON.stringify(values)}`;
}

export function program(seed: number, length: number): readonly Step[] {
  const writer = new ProgramWriter(new Random(seed));
  const steps = writer.setup();
  while (steps.length < length) steps.push(writer.next());
  return [...steps, ...writer.closing()];
}

/** Leaves out whatever the difference does not need: halves of the program, then quarters, down to single statements. */
async function shrink(
  sides: Sides,
  schema: string,
  steps: readonly Step[],
  first: Difference,
  until: number,
  memory: string | null,
): Promise<{ readonly kept: readonly Step[]; readonly last: Difference }> {
  let kept = steps.slice(0, first.index + 1);
  let last = first;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = kept.length - 1 - size; at > -size; at -= size) {
      if (performance.now() > until + 60_000) return { kept, last };
      const shorter = kept.filter((_, index) => index < Math.max(at, 0) || index >= at + size);
      if (shorter.length === kept.length) continue;
      const difference = await compareProgram(sides, schema, shorter, newCounts(), memory);
      if (difference === null || kindOf(difference) !== kindOf(first)) continue;
      kept = shorter.slice(0, difference.index + 1);
      last = difference;
      at = Math.min(at, kept.length - 1);
    }
  }
  return { kept, last };
}

/** What a difference is about, roughly, so that shrinking does not walk over to another one. */
const kindOf = ({ expected, actual }: Difference): string =>
  [expected, actual].map((text) => /^[0-9A-Z]{5}\b/u.exec(text)?.[0] ?? "rows").join();
