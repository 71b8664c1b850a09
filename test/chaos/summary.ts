/** What runs came to, as tables for people and lines for programs. */
import type { StormReport } from "./run-storm.js";
import { quantile } from "./timeline.js";

export interface Verdict {
  readonly name: string;
  /** Null when it was not run. */
  readonly report: StormReport | null;
  readonly isControl: boolean;
  readonly isRight: boolean;
}

type Print = (line: string) => void;

const show = (value: number, width = 8): string => String(Math.round(value)).padStart(width);

/** By fault: how often, and how long nothing was written or read. */
export function faultTable({ scene }: StormReport, print: Print): void {
  const names = [...new Set(scene.records.map((record) => record.fault))].sort();
  print("");
  print("fault             times   no write for, ms: p50     p99     max   no other read elsewhere: p99     max");
  for (const name of names) {
    const of = scene.records.filter((record) => record.fault === name);
    const writes = of.map(({ outageMs }) => outageMs);
    const reads = of.map(({ readGapMs }) => readGapMs).filter((gap) => !Number.isNaN(gap));
    const ofReads =
      reads.length === 0
        ? "                              –"
        : `${show(quantile(reads, 0.99), 31)}${show(quantile(reads, 1))}`;
    print(
      `${name.padEnd(16)} ${show(of.length, 6)} ${show(quantile(writes, 0.5), 23)}${show(quantile(writes, 0.99))}${show(quantile(writes, 1))}${ofReads}`,
    );
  }
  print("");
  for (const [what, times] of Object.entries(scene.counts).sort()) print(`${show(times)}  ${what}`);
}

export function jsonOf(report: StormReport): Record<string, unknown> {
  const { scene, answers, writers, operations, streamsSearched, searchSteps, eventsCompared, prepares } = report;
  const { streamsUndecided } = report;
  const faults = [...new Set(scene.records.map(({ fault }) => fault))].map((fault) => {
    const of = scene.records.filter((record) => record.fault === fault);
    const gaps = of.map(({ readGapMs }) => readGapMs).filter((gap) => !Number.isNaN(gap));
    const quantiles = (from: readonly number[]): Record<string, number> => ({
      p50: Math.round(quantile(from, 0.5)),
      p99: Math.round(quantile(from, 0.99)),
      max: Math.round(quantile(from, 1)),
    });
    const noWriteMs = quantiles(of.map(({ outageMs }) => outageMs));
    return { fault, times: of.length, noWriteMs, ...(gaps.length === 0 ? {} : { noOtherReadMs: quantiles(gaps) }) };
  });
  return {
    seconds: report.seconds,
    faults,
    counts: scene.counts,
    writers,
    operations,
    answers,
    streamsSearched,
    streamsUndecided,
    searchSteps,
    eventsCompared,
    prepares,
    acknowledgedLost: report.acknowledgedLost,
    violations: report.violations.length,
  };
}

/** One line a run, and the closing line. @returns whether nothing failed */
export function summary(verdicts: readonly Verdict[], print: Print): boolean {
  print("");
  print("run               seconds  faults  proofs  operations judged  events compared  acknowledged lost  violations");
  let [passed, failed] = [0, 0];
  for (const { name, report, isControl, isRight } of verdicts) {
    if (report === null) {
      print(`${name.padEnd(16)}  not run`);
      continue;
    }
    const { scene, seconds, operations, eventsCompared, acknowledgedLost, violations } = report;
    const verdict = isControl
      ? isRight
        ? "found wrong, as it must be"
        : "WRONG: nothing was lost"
      : isRight
        ? "right"
        : "WRONG";
    print(
      `${name.padEnd(16)} ${show(seconds)}${show(scene.records.length)}${show(scene.proofs)}${show(operations, 19)}${show(eventsCompared, 17)}${show(acknowledgedLost, 19)}${show(violations.length, 12)}  ${verdict}`,
    );
    const kinds = new Set(scene.records.map(({ fault }) => fault)).size;
    passed += isRight ? kinds + 1 : 0;
    failed += isRight ? 0 : 1;
  }
  print(`chaos: ${passed} passed, ${failed} failed`);
  return failed === 0;
}
