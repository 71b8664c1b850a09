/** What many seeds came to: faults, recoveries, how long healing took, which marks were reached and which never. */
import type { PoolEnd } from "./seed-pool.js";
import type { SeedReport } from "./seed-task.js";
import { tooMuchDamage } from "./unrecoverable.js";

const share = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

function add(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) into[name] = (into[name] ?? 0) + count;
}

export class Ensemble {
  readonly #from: number;
  seeds = 0;
  failed = 0;
  pairs = 0;
  pairsEqual = 0;
  #events = 0;
  #virtualMs = 0;
  #requests = 0;
  #committed = 0;
  #starts = 0;
  #views = 0;
  #recoveringHeads = 0;
  #unrecoverable = 0;
  #excused = 0;
  #halts = 0;
  readonly #faults: Record<string, number> = {};
  readonly #network: Record<string, number> = {};
  readonly #sql: Record<string, number> = {};
  readonly #healMs: number[] = [];

  constructor(from: number) {
    this.#from = from;
  }

  note({ summary, failure, hashAgain }: SeedReport): void {
    this.seeds += 1;
    if (failure !== null) this.failed += 1;
    if (summary === null) return;
    this.#events += summary.events;
    this.#virtualMs += summary.virtualMs;
    this.#requests += summary.requests;
    this.#committed += summary.committed;
    this.#starts += summary.starts;
    this.#views += summary.views;
    this.#recoveringHeads += summary.recoveringHeads;
    this.#halts += summary.halts;
    if (summary.unrecoverable === tooMuchDamage) this.#excused += 1;
    else if (summary.unrecoverable !== null) this.#unrecoverable += 1;
    if (summary.healMs !== null) this.#healMs.push(summary.healMs);
    add(this.#faults, summary.faults);
    add(this.#network, summary.network);
    if (summary.sql !== null) add(this.#sql, { runs: 1, ...summary.sql });
    if (hashAgain === null) return;
    this.pairs += 1;
    if (hashAgain === summary.hash) this.pairsEqual += 1;
  }

  /** A table for `docs/simulator.md`. */
  text({ marks, cpuSeconds }: PoolEnd): string {
    const byCount = Object.entries(marks).sort(([, left], [, right]) => left - right);
    const never = neverReached(marks);
    const rarest = byCount.filter(([, count]) => count > 0).slice(0, 10);
    const healed = [...this.#healMs].sort((left, right) => left - right);
    const { seeds } = this;
    const perRun = (count: number): string => (count / seeds).toFixed(2);
    const list = (counts: Readonly<Record<string, number>>): string =>
      Object.entries(counts)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([name, count]) => `${name} ${perRun(count)}`)
        .join(", ");
    const hours = this.#virtualMs / 3_600_000;
    const rows: [string, string][] = [
      ["node", process.version],
      ["seeds run, failed", `${seeds} (from ${this.#from}), ${this.failed}`],
      [
        "CPU seconds; seeds, events for each",
        `${cpuSeconds.toFixed(0)}; ${(seeds / cpuSeconds).toFixed(1)}, ${Math.round(this.#events / cpuSeconds)}`,
      ],
      ["simulated hours; for each CPU hour", `${hours.toFixed(1)}; ${(hours / (cpuSeconds / 3600)).toFixed(0)}`],
      ["requests, committed operations", `${this.#requests}, ${this.#committed}`],
      [
        "runs with SQL: transfers committed, refused, unknown; parts of large ones; checks of states, of the past",
        ["runs", "committed", "refused", "unknown", "stagedParts", "checks", "pastChecks"]
          .map((name) => this.#sql[name] ?? 0)
          .join(", "),
      ],
      ["faults a run", list(this.#faults)],
      ["frames a run", list(this.#network)],
      [
        "starts, views, recovering heads a run",
        `${perRun(this.#starts)}, ${perRun(this.#views)}, ${perRun(this.#recoveringHeads)}`,
      ],
      ["replicas that stopped for good reason", String(this.#halts)],
      ["proved unrecoverable; excused without an atlas", `${this.#unrecoverable}; ${this.#excused}`],
      [
        "virtual ms from the last fault to convergence: p50, p99, max",
        `${share(healed, 0.5)}, ${share(healed, 0.99)}, ${healed.at(-1) ?? 0}`,
      ],
      ["determinism pairs equal", `${this.pairsEqual} of ${this.pairs}`],
      [
        "marks hit, never",
        `${byCount.length - never.length} of ${byCount.length}, ${never.length === 0 ? "none" : never.join(", ")}`,
      ],
      ["rarest ten", rarest.map(([name, count]) => `${name} ${count}`).join(", ")],
    ];
    return ["| | |", "|---|---|", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
  }
}

export const neverReached = (marks: Readonly<Record<string, number>>): string[] =>
  Object.entries(marks)
    .filter(([, count]) => count === 0)
    .map(([name]) => name);
